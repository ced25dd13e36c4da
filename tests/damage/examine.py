"""Use a slide as programs do, whatever it is made of.

Exceptions that damage explains are counted.  All others, and results that
contradict one another, are raised.  What is read directly is read by libopenslide
too: both must give the same pixels, or raise the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Literal, TypedDict

from PIL.Image import Image
from PIL.ImageCms import PyCMSError

from openslide import OpenSlide, OpenSlideError, OpenSlideUnsupportedFormatError
from openslide.deepzoom import DeepZoomGenerator

#: Of what read_region() may raise for valid arguments.
_READ_ERRORS = (OpenSlideError, MemoryError)
#: Deep Zoom computes with the slide's properties and dimensions.
_DEEPZOOM_ERRORS = (*_READ_ERRORS, ValueError, ArithmeticError)

_SIDE = 300
_LARGE_REGION = (2048, 1100)  # more than a single call of libopenslide is given
_MOST_LEVELS = 12
_MOST_PIXELS = 4_000_000
_ASSOCIATED_PIXELS = 20_000_000


OnError = Literal["raise", "reopen"]


class Request(TypedDict):
    """What to do with which slide."""

    path: str
    on_error: OnError
    large: bool
    trusting: bool  # direct reads are not compared before they are used


class Answer(TypedDict):
    """How it went.

    "unsupported", "refused": opening raised as OpenSlideUnsupportedFormatError
    or as OpenSlideError; "read": it did not, and `errors` things raised later;
    "wrong": `detail` tells what no damage excuses.  `compared` counts results of
    direct levels that libopenslide gave as well.
    """

    outcome: Literal["unsupported", "refused", "read", "wrong"]
    errors: int
    compared: int
    detail: str


def examine(request: Request) -> Answer:
    """Open a slide, read some of all it has, and close it."""
    path = Path(request["path"])
    answer: Answer = {"outcome": "read", "errors": 0, "compared": 0, "detail": ""}
    vendor = OpenSlide.detect_format(path)
    try:
        slide = OpenSlide(path, on_error=request["on_error"])
    except OpenSlideUnsupportedFormatError as error:
        return answer | {"outcome": "unsupported", "detail": str(error)}
    except OpenSlideError as error:
        assert vendor is not None, "no format was detected, but one was tried"
        return answer | {"outcome": "refused", "detail": str(error)}
    assert vendor is not None, "a slide of no format was opened"
    with slide, ExitStack() as stack:
        examination = _Examination(slide, request["trusting"], stack)
        examination.run(large=request["large"])
    errors = examination.errors
    return answer | {
        "errors": len(errors),
        "compared": examination.compared,
        "detail": errors[0] if errors else "",
    }


def _reason(error: OpenSlideError) -> str:
    """What libopenslide said, without the numbers of the first bad part.

    A large region is read in parts by several threads.
    """
    return re.sub(r"[0-9]+", "#", str(error))


class _Examination:
    """What was read, and what raised meanwhile."""

    def __init__(self, slide: OpenSlide, trusting: bool, stack: ExitStack) -> None:
        """Slides that are opened besides are closed with `stack`."""
        self._slide = slide
        self._trusting = trusting
        self.errors: list[str] = []
        self.compared = 0
        #: The same slide read by libopenslide alone, if that makes a difference.
        self._plain: OpenSlide | None = None
        with suppress(OpenSlideError):
            if slide.direct_levels or slide.kept_levels:
                plain = OpenSlide(slide._filename, on_error="reopen", direct=False)
                self._plain = stack.enter_context(plain)

    @contextmanager
    def _tolerate(self, *kinds: type[Exception]) -> Iterator[None]:
        try:
            yield
        except kinds as error:
            self.errors.append(f"{type(error).__name__}: {error}")

    def run(self, *, large: bool) -> None:
        slide = self._slide
        with self._tolerate(OpenSlideError):
            assert repr(slide)
            properties = dict(slide.properties)
            assert properties["openslide.vendor"]
        self._read_levels()
        with self._tolerate(*_READ_ERRORS):
            self._read_associated_images()
        with self._tolerate(OSError, PyCMSError):
            assert slide.color_profile is None or slide.color_profile.profile
        with self._tolerate(*_DEEPZOOM_ERRORS):
            self._make_thumbnail()
        for limit_bounds in (False, True):
            with self._tolerate(*_DEEPZOOM_ERRORS):
                self._cut(DeepZoomGenerator(slide, limit_bounds=limit_bounds))
        if large:
            for level in (0, 1):
                self._read((0, 0), level, _LARGE_REGION)

    def _get(self, make: Callable[[OpenSlide], Image]) -> Image:
        """A picture of the slide, the same whoever reads it."""
        was_sound = self._slide._osr.error() is None
        if self._trusting:
            self._slide._osr.trust_direct_reads()
        try:
            picture = make(self._slide)
        except OpenSlideError as error:
            if self._plain is not None and was_sound:
                self._must_fail(make, _reason(error))
            raise
        if self._plain is not None:
            assert make(self._plain).tobytes() == picture.tobytes(), "other pixels"
            self.compared += 1
            if self._slide.kept_levels:
                again = make(self._slide)
                assert again.tobytes() == picture.tobytes(), "other pixels later"
        return picture

    def _must_fail(self, make: Callable[[OpenSlide], Image], reason: str) -> None:
        assert self._plain is not None
        plain_reason = "none"
        try:
            make(self._plain)
        except OpenSlideError as error:
            plain_reason = _reason(error)
        assert plain_reason == reason, "another error"

    def _read(self, at: tuple[int, int], level: int, size: tuple[int, int]) -> None:
        with self._tolerate(*_READ_ERRORS):
            region = self._get(lambda slide: slide.read_region(at, level, size))
            assert (region.mode, region.size) == ("RGBA", size)

    def _read_levels(self) -> None:
        slide = self._slide
        dimensions: tuple[tuple[int, int], ...] = ()
        with self._tolerate(OpenSlideError):
            dimensions = slide.level_dimensions
            assert len(dimensions) == slide.level_count == len(slide.level_downsamples)
            assert 0 <= slide.get_best_level_for_downsample(4) < slide.level_count
        for level in range(min(len(dimensions), _MOST_LEVELS)):
            width, height = dimensions[0]
            self._read((0, 0), level, (_SIDE, _SIDE))
            self._read((width // 2 + 1, height // 2 + 1), level, (_SIDE, _SIDE))
            self._read((width - _SIDE, height - _SIDE), level, (_SIDE, _SIDE))
            self._read((-_SIDE // 2, height // 3), level, (_SIDE, 7))

    def _read_associated_images(self) -> None:
        images = self._slide.associated_images
        properties = self._slide.properties
        for name in images:
            prefix = f"openslide.associated.{name}"
            width = int(properties.get(f"{prefix}.width", 0))
            height = int(properties.get(f"{prefix}.height", 0))
            if width * height > _ASSOCIATED_PIXELS:
                continue
            with self._tolerate(*_READ_ERRORS):
                image = images[name]
                assert image.mode == "RGBA"
                assert (width, height) in ((0, 0), image.size)

    def _make_thumbnail(self) -> None:
        slide = self._slide
        smallest = slide.level_dimensions[-1]
        if smallest[0] * smallest[1] <= _MOST_PIXELS:
            sides = [max(1, min(side, 400)) for side in smallest]
            thumbnail = self._get(
                lambda slide: slide.get_thumbnail((sides[0], sides[1]))
            )
            assert thumbnail.mode == "RGB"
            assert thumbnail.width <= sides[0]
            assert thumbnail.height <= sides[1]

    def _cut(self, generator: DeepZoomGenerator) -> None:
        assert generator.get_dzi("jpeg")
        count = generator.level_count
        assert count == len(generator.level_tiles) == len(generator.level_dimensions)
        for level in {0, count // 2, count - 1}:
            columns, rows = generator.level_tiles[level]
            address = (columns // 2, rows // 2)
            with self._tolerate(*_DEEPZOOM_ERRORS):
                size = generator.get_tile_coordinates(level, address)[2]
                if max(size) < 2000:
                    tile = generator.get_tile(level, address)
                    assert tile.mode == "RGB"
