"""What every slide can do, and slides that libopenslide reads."""

from __future__ import annotations

import copy
from abc import ABCMeta, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from . import _files
from ._cache import OpenSlideCache
from ._files import Filename
from ._images import flatten, from_rgba, with_profile
from ._library import has_function
from ._maps import _AssociatedImageMap, _PropertyMap
from ._properties import background_color

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageCms import ImageCmsProfile


class AbstractSlide(metaclass=ABCMeta):
    """The interface of all slides.

    Subclasses provide the abstract methods; thumbnails and the rest are made of
    these.  A slide is a context manager that closes itself.
    """

    # The ICC profile of the regions, as bytes.
    _profile: bytes | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        self.close()
        return False

    @classmethod
    @abstractmethod
    def detect_format(cls, filename: Filename) -> str | None:
        """A string that describes the format of a file, or None if it is not readable."""

    @abstractmethod
    def close(self) -> None:
        """Close the slide."""

    @property
    @abstractmethod
    def level_count(self) -> int:
        """The number of levels; level 0 has the highest resolution."""

    @property
    def dimensions(self) -> tuple[int, int]:
        """(width, height) of level 0, in pixels."""
        return self.level_dimensions[0]

    @property
    @abstractmethod
    def level_dimensions(self) -> tuple[tuple[int, int], ...]:
        """(width, height) of each level, in pixels of that level."""

    @property
    @abstractmethod
    def level_downsamples(self) -> tuple[float, ...]:
        """How many level-0 pixels make the side of one pixel, for each level."""

    @property
    @abstractmethod
    def properties(self) -> Mapping[str, str]:
        """Metadata, name to value."""

    @property
    @abstractmethod
    def associated_images(self) -> Mapping[str, Image]:
        """Pictures that come with the slide, such as its label, name to RGBA image."""

    @property
    def color_profile(self) -> ImageCmsProfile | None:
        """The ICC profile of the regions, made anew at each access, or None."""
        if self._profile is None:
            return None
        from io import BytesIO

        from PIL import ImageCms

        return ImageCms.getOpenProfile(BytesIO(self._profile))

    @abstractmethod
    def get_best_level_for_downsample(self, downsample: float) -> int:
        """The level to read for a picture that is smaller than level 0 by a factor."""

    @abstractmethod
    def read_region(
        self, location: tuple[int, int], level: int, size: tuple[int, int]
    ) -> Image:
        """An RGBA image of a region.

        location: (x, y) of the top left corner, in level-0 pixels.
        level:    the level to read.
        size:     (width, height) of the region, in pixels of that level.
        """

    def set_cache(self, cache: OpenSlideCache) -> None:  # noqa: B027
        """Use another tile cache.  Slides that decode nothing ignore it."""

    def get_thumbnail(self, size: tuple[int, int]) -> Image:
        """An RGB image of the whole slide, over its background colour.

        size: the greatest (width, height) in pixels; the aspect ratio is kept.

        Raises ArgumentZeroError, a ValueError, where size is not positive.
        """
        from PIL.Image import Resampling

        level = self.get_best_level_for_downsample(self._downsample_to(size))
        image = self.read_region((0, 0), level, self.level_dimensions[level])
        thumbnail = flatten(image, background_color(self.properties))
        thumbnail.thumbnail(size, Resampling.LANCZOS)
        return with_profile(thumbnail, self._profile)

    def _downsample_to(self, size: tuple[int, int]) -> float:
        """The least downsample at which the slide fits into size."""
        sides = list(zip(self.dimensions, size, strict=True))
        if any(limit <= 0 for _, limit in sides):
            from ._argument_errors import ArgumentZeroError

            raise ArgumentZeroError(f"size must be positive, not {size!r}")
        return max(side / limit for side, limit in sides)


class OpenSlide(AbstractSlide):
    """A slide that libopenslide reads.

    filename: the slide's file, or the main one of several.
    on_error: "raise": errors latch, as libopenslide's do: after a read has raised
              OpenSlideError, so does every later use of this object.  "reopen":
              the next use opens the slide again, with the same cache, so that one
              damaged tile does not end a slide of a hundred thousand.

    Raises OpenSlideUnsupportedFormatError where the file is missing or no slide,
    OpenSlideError where it is damaged, ArgumentTypeError where filename is no
    path, ValueError for another on_error.

    After close(), every use raises ArgumentValueError, also of the mappings
    properties and associated_images.

    Any number of threads may use one slide.  A read that has begun when another
    thread closes the slide completes.  In a forked child the slide works on, with
    a cache of its own.  It is pickled as its absolute path, its options and its
    cache (as a capacity); copies open the slide again.
    """

    def __init__(
        self, filename: Filename, *, on_error: Literal["raise", "reopen"] = "raise"
    ) -> None:
        if on_error not in ("raise", "reopen"):
            raise ValueError(f'on_error must be "raise" or "reopen", not {on_error!r}')
        self._filename = filename
        self._osr = _files.open_handle(filename, reopens=on_error == "reopen")
        if has_function("read_icc_profile"):
            self._profile = self._osr.icc_profile()
        else:
            self._profile = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._filename!r})"

    def __copy__(self) -> Self:
        duplicate = type(self).__new__(type(self))
        duplicate.__dict__.update(self.__dict__, _osr=copy.copy(self._osr))
        return duplicate

    @classmethod
    def detect_format(cls, filename: Filename) -> str | None:
        """The vendor of the slide, such as "aperio", or None if it is not readable.

        Raises ArgumentTypeError where filename is no path.
        """
        return _files.detect_format(filename)

    def close(self) -> None:
        """Close the slide; closing it again raises ArgumentValueError."""
        self._osr.close()

    @property
    def level_count(self) -> int:
        """The number of levels; level 0 has the highest resolution."""
        return len(self._osr.level_dimensions)

    @property
    def level_dimensions(self) -> tuple[tuple[int, int], ...]:
        """(width, height) of each level, in pixels of that level."""
        return self._osr.level_dimensions

    @property
    def level_downsamples(self) -> tuple[float, ...]:
        """How many level-0 pixels make the side of one pixel, for each level."""
        return self._osr.level_downsamples

    @property
    def properties(self) -> Mapping[str, str]:
        """Metadata, name to value; the names that all vendors share are constants here."""
        return _PropertyMap(self._osr)

    @property
    def associated_images(self) -> Mapping[str, Image]:
        """Pictures that come with the slide, such as its label, name to RGBA image.

        Each look-up reads the image from the file.
        """
        return _AssociatedImageMap(self._osr, self._profile)

    def get_best_level_for_downsample(self, downsample: float) -> int:
        """The level with the greatest downsample that does not exceed the given one."""
        return self._osr.best_level_for_downsample(downsample)

    def read_region(
        self, location: tuple[int, int], level: int, size: tuple[int, int]
    ) -> Image:
        """An RGBA image of a region, straight alpha.

        location: (x, y) of the top left corner, in level-0 pixels; may be negative.
        level:    the level to read.
        size:     (width, height) of the region, in pixels of that level.

        Pixels that the slide does not hold are transparent: outside of the level,
        in holes of the scan, on a level that does not exist.  Where location is no
        multiple of the level's downsample, libopenslide interpolates.

        Raises OpenSlideError where the slide is damaged or size is negative,
        ArgumentTypeError for what is no integer, ArgumentOverflowError for
        integers beyond 64 bits (level: 32), MemoryError where the region is too
        large.
        """
        pixels = self._osr.read_region(location, level, size)
        image = from_rgba(pixels, (size[0], size[1]))
        return with_profile(image, self._profile)

    def set_cache(self, cache: OpenSlideCache) -> None:
        """Use another tile cache from now on.

        Raises TypeError where cache is no OpenSlideCache, and
        OpenSlideVersionError before OpenSlide 4.0.0.
        """
        try:
            native = cache._openslide_cache
        except AttributeError:
            raise TypeError(f"Not a cache object: {cache!r}") from None
        self._osr.set_cache(native)
