"""Use a slide as programs do, whatever it is made of.

Exceptions that damage explains are counted.  All others, and results that
contradict one another, are raised.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypedDict

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


class Answer(TypedDict):
    """How it went.

    "unsupported", "refused": opening raised as OpenSlideUnsupportedFormatError
    or as OpenSlideError; "read": it did not, and `errors` things raised later;
    "wrong": `detail` tells what no damage excuses.
    """

    outcome: Literal["unsupported", "refused", "read", "wrong"]
    errors: int
    detail: str


def examine(request: Request) -> Answer:
    """Open a slide, read some of all it has, and close it."""
    path = Path(request["path"])
    vendor = OpenSlide.detect_format(path)
    try:
        slide = OpenSlide(path, on_error=request["on_error"])
    except OpenSlideUnsupportedFormatError as error:
        return {"outcome": "unsupported", "errors": 0, "detail": str(error)}
    except OpenSlideError as error:
        assert vendor is not None, "no format was detected, but one was tried"
        return {"outcome": "refused", "errors": 0, "detail": str(error)}
    assert vendor is not None, "a slide of no format was opened"
    examination = _Examination(slide)
    with slide:
        examination.run(large=request["large"])
    errors = examination.errors
    return {
        "outcome": "read",
        "errors": len(errors),
        "detail": errors[0] if errors else "",
    }


class _Examination:
    """What was read, and what raised meanwhile."""

    def __init__(self, slide: OpenSlide) -> None:
        self._slide = slide
        self.errors: list[str] = []

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

    def _read(self, at: tuple[int, int], level: int, size: tuple[int, int]) -> None:
        with self._tolerate(*_READ_ERRORS):
            region = self._slide.read_region(at, level, size)
            assert (region.mode, region.size) == ("RGBA", size)
            region.tobytes()

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
            thumbnail = slide.get_thumbnail((sides[0], sides[1]))
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
