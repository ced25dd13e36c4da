"""What every slide can do, and slides that libopenslide reads."""

from __future__ import annotations

import copy
import math
from abc import ABCMeta, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, overload

from . import _arrays, _files
from ._arrays import Color, Coordinates, ErrorPolicy, Levels, Locations, Mode
from ._cache import OpenSlideCache
from ._errors import OpenSlideError
from ._files import Filename
from ._images import (
    FlatMode,
    flatten,
    from_opaque_rgba,
    from_rgba,
    profile_of,
    with_profile,
)
from ._library import has_function
from ._maps import _AssociatedImageMap, _PropertyMap
from ._properties import (
    PROPERTY_NAME_BOUNDS_HEIGHT,
    PROPERTY_NAME_BOUNDS_WIDTH,
    PROPERTY_NAME_BOUNDS_X,
    PROPERTY_NAME_BOUNDS_Y,
    PROPERTY_NAME_MPP_X,
    PROPERTY_NAME_MPP_Y,
    background_color,
)
from ._threads import get_num_threads

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageCms import ImageCmsProfile


# Rows that are read and made small at once: those of a row of tiles, usually.
_THUMBNAIL_STRIP = 256


class _Request(NamedTuple):
    """A region to read, checked."""

    location: tuple[int, int]
    level: int
    background: tuple[int, int, int]
    in_level_pixels: bool


class _Requests(NamedTuple):
    """Many regions to read, checked."""

    locations: NDArray[np.int64]  # (n, 2)
    levels: NDArray[np.int64]  # (n,)
    background: tuple[int, int, int]
    in_level_pixels: bool
    masks: bool
    workers: int  # 0: as many as there may be


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
        level = self.get_best_level_for_downsample(self._downsample_to(size))
        thumbnail = self._read_thumbnail(level, size, background_color(self.properties))
        return with_profile(thumbnail, self._profile)

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """(x, y, width, height) of the scanned area, in level-0 pixels.

        The whole slide where the file names no bounds.
        """
        properties, (width, height) = self.properties, self.dimensions
        return (
            int(properties.get(PROPERTY_NAME_BOUNDS_X, 0)),
            int(properties.get(PROPERTY_NAME_BOUNDS_Y, 0)),
            int(properties.get(PROPERTY_NAME_BOUNDS_WIDTH, width)),
            int(properties.get(PROPERTY_NAME_BOUNDS_HEIGHT, height)),
        )

    @property
    def mpp(self) -> tuple[float, float] | None:
        """(x, y): microns per level-0 pixel.

        None where the file does not say, or says zero or what is no number.
        """
        properties = self.properties
        texts = properties.get(PROPERTY_NAME_MPP_X), properties.get(PROPERTY_NAME_MPP_Y)
        try:
            x, y = (float(text) for text in texts if text is not None)
        except ValueError:  # one is missing or no number
            return None
        return (x, y) if 0 < x < math.inf and 0 < y < math.inf else None

    def read_array(
        self,
        location: tuple[int, int],
        level: int,
        size: tuple[int, int],
        *,
        mode: Mode = "RGB",
        background: Color | None = None,
        coordinates: Coordinates = "level0",
        out: Any = None,
    ) -> NDArray[np.uint8]:
        """A region as a uint8 array (height, width, 3 or 4).

        location:    (x, y) of the top left corner; may be negative.
        level:       the level to read.
        size:        (width, height), in pixels of that level.
        mode:        "RGB" over the background, or "RGBA" with straight alpha.
        background:  (red, green, blue), or a colour that Pillow can name; by
                     default the slide's background colour, else white.
        coordinates: "level0": location is in level-0 pixels.  "level": it is in
                     pixels of the level; the nearest level-0 position is read.
        out:         memory to fill and return: uint8, of the result's shape, or
                     one-dimensional of its bytes.

        Raises ValueError for a level that does not exist, and otherwise what
        read_region() raises.
        """
        width, height = _arrays.sides(size)
        shape = (height, width, _arrays.channels(mode))
        request = _Request(
            _arrays.pair(location, "location"),
            _arrays.one_level(level, self.level_count),
            _arrays.rgb(background, self.properties),
            _arrays.is_second("coordinates", coordinates, ("level0", "level")),
        )
        out, pixels = _arrays.destination(out, shape)
        self._read_into(pixels, request)
        return out  # type: ignore[no-any-return]

    @overload
    def read_batch(
        self,
        locations: Locations,
        level: Levels,
        size: tuple[int, int],
        *,
        mode: Mode = ...,
        background: Color | None = ...,
        coordinates: Coordinates = ...,
        errors: Literal["raise"] = ...,
        out: Any = ...,
        workers: int | None = ...,
    ) -> NDArray[np.uint8]: ...

    @overload
    def read_batch(
        self,
        locations: Locations,
        level: Levels,
        size: tuple[int, int],
        *,
        mode: Mode = ...,
        background: Color | None = ...,
        coordinates: Coordinates = ...,
        errors: Literal["mask"],
        out: Any = ...,
        workers: int | None = ...,
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]: ...

    def read_batch(
        self,
        locations: Locations,
        level: Levels,
        size: tuple[int, int],
        *,
        mode: Mode = "RGB",
        background: Color | None = None,
        coordinates: Coordinates = "level0",
        errors: ErrorPolicy = "raise",
        out: Any = None,
        workers: int | None = None,
    ) -> NDArray[np.uint8] | tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Regions of one size as a uint8 array (n, height, width, 3 or 4).

        locations: n pairs (x, y), or an integer array (n, 2).
        level:     one for all, or one for each location.
        errors:    "raise": the first error ends the batch; its message names the
                   region by its index.  "mask": what cannot be read is filled
                   with background, and the result is the pair of the array and a
                   boolean array (n,) of the good ones; the slide stays usable.
        workers:   how many threads to use at most; by default as many as the
                   process may, see set_num_threads().

        The rest is as for read_array(), also what is raised.  Regions are read
        in the order that suits the file and returned in that of `locations`.
        """
        width, height = _arrays.sides(size)
        depth = _arrays.channels(mode)
        masks = _arrays.is_second("errors", errors, ("raise", "mask"))
        if workers is not None and workers < 1:
            raise ValueError(f"workers must be positive, not {workers!r}")
        positions = _arrays.locations(locations)
        requests = _Requests(
            positions,
            _arrays.levels(level, len(positions), self.level_count),
            _arrays.rgb(background, self.properties),
            _arrays.is_second("coordinates", coordinates, ("level0", "level")),
            masks,
            workers or 0,
        )
        shape = (len(positions), height, width, depth)
        out, pixels = _arrays.destination(out, shape)
        good = self._read_all_into(pixels, requests)
        return (out, good) if masks else out

    def _read_flat(
        self,
        location: tuple[int, int],
        level: int,
        size: tuple[int, int],
        background: str,
        mode: FlatMode = "RGB",
    ) -> Image:
        """An image of a region over a background, by way of read_region()."""
        region = self.read_region(location, level, size)
        image = flatten(region, background)
        if image.mode != mode:
            image = image.convert(mode)
        return with_profile(image, profile_of(region))

    def _read_thumbnail(
        self, level: int, limit: tuple[int, int], background: str
    ) -> Image:
        """An RGB image of a whole level over a background, made to fit into `limit`."""
        from PIL.Image import Resampling

        image = self._read_flat((0, 0), level, self.level_dimensions[level], background)
        image.thumbnail(limit, Resampling.LANCZOS)
        return image

    def _read_into(self, pixels: NDArray[np.uint8], request: _Request) -> None:
        """Fill `pixels` (height, width, channels) by way of read_region()."""
        (x, y), level, background, in_level_pixels = request
        if in_level_pixels:
            scale = self.level_downsamples[level]
            x, y = math.floor(x * scale + 0.5), math.floor(y * scale + 0.5)
        height, width, channels = pixels.shape
        image = self.read_region((x, y), level, (width, height))
        if channels == 3:
            image = flatten(image, background)
        pixels[...] = _arrays.numpy().asarray(image)

    def _read_all_into(
        self, pixels: NDArray[np.uint8], requests: _Requests
    ) -> NDArray[np.bool_]:
        """Fill `pixels` (n, height, width, channels), and tell which regions are good."""
        good = _arrays.numpy().ones(len(pixels), bool)
        locations, levels, background, in_level_pixels, masks, _ = requests
        for i, ((x, y), level) in enumerate(
            zip(locations.tolist(), levels.tolist(), strict=True)
        ):
            request = _Request((x, y), level, background, in_level_pixels)
            try:
                self._read_into(pixels[i], request)
            except (OpenSlideError, OSError) as error:
                if not masks:
                    error.add_note(f"in region {i} at {(x, y)} of level {level}")
                    raise
                pixels[i] = (*background, 255)[: pixels.shape[3]]
                good[i] = False
        return good  # type: ignore[no-any-return]

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
    direct:   whether levels that are grids of JPEG tiles are read without
              libopenslide: the same bytes, several times as fast.

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
        self,
        filename: Filename,
        *,
        on_error: Literal["raise", "reopen"] = "raise",
        direct: bool = True,
    ) -> None:
        if on_error not in ("raise", "reopen"):
            raise ValueError(f'on_error must be "raise" or "reopen", not {on_error!r}')
        self._filename = filename
        self._osr = _files.open_handle(filename, on_error == "reopen", direct)
        if has_function("read_icc_profile"):
            self._profile = self._osr.icc_profile()
        else:
            self._profile = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._filename!r})"

    def __copy__(self) -> Self:
        duplicate = type(self).__new__(type(self))
        state = object.__getstate__(self)
        attributes, slots = state if isinstance(state, tuple) else (state, {})
        for name, value in {**attributes, **slots}.items():
            object.__setattr__(duplicate, name, value)
        duplicate._osr = copy.copy(self._osr)  # the one thing not to share
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

    @property
    def direct_levels(self) -> tuple[int, ...]:
        """The levels that are read without libopenslide.

        That such reads give the same bytes is seen by comparison, for each level
        when it is first read; a level may therefore leave the list.  OPENSLIDE_DIRECT=0
        in the environment empties it.
        """
        refusals = self._osr.direct_refusals()
        return tuple(i for i, refusal in enumerate(refusals) if refusal is None)

    @property
    def indirect_levels(self) -> Mapping[int, str]:
        """The other levels, each with the reason why libopenslide reads it."""
        refusals = self._osr.direct_refusals()
        return {i: refusal for i, refusal in enumerate(refusals) if refusal is not None}

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

    def _overrides_read_region(self) -> bool:
        """Whether a program has put its own read_region() in place of this class's."""
        return (
            type(self).read_region is not OpenSlide.read_region
            or "read_region" in self.__dict__
        )

    def _read_flat(
        self,
        location: tuple[int, int],
        level: int,
        size: tuple[int, int],
        background: str,
        mode: FlatMode = "RGB",
    ) -> Image:
        if self._overrides_read_region():
            return super()._read_flat(location, level, size, background, mode)
        pixels = self._read_opaque(location, level, size, background)
        sides = (size[0], size[1])
        if mode == "RGBX":
            image = from_rgba(pixels, sides, mode)
        else:
            image = from_opaque_rgba(pixels, sides)
        return with_profile(image, self._profile)

    def _read_thumbnail(
        self, level: int, limit: tuple[int, int], background: str
    ) -> Image:
        if self._overrides_read_region():
            return super()._read_thumbnail(level, limit, background)
        from ._thumbnails import rows_of, thumbnail

        size = self.level_dimensions[level]
        downsample = self.level_downsamples[level]
        threads = get_num_threads()
        if downsample != int(downsample) or level not in self.direct_levels:
            # Parts of a level may have other pixels than all of it.
            rows = rows_of(self._read_opaque((0, 0), level, size, background), size)
            return thumbnail(rows, size, limit, threads, _THUMBNAIL_STRIP)

        def read_rows(start: int, end: int) -> bytearray:
            location = (0, start * int(downsample))
            return self._read_opaque(
                location, level, (size[0], end - start), background
            )

        return thumbnail(read_rows, size, limit, threads, _THUMBNAIL_STRIP)

    def _read_opaque(
        self,
        location: tuple[int, int],
        level: int,
        size: tuple[int, int],
        background: str,
    ) -> bytearray:
        """RGBA bytes of a region over a background."""
        color = _arrays.packed(_arrays.named_rgb(background))
        return self._osr.read_opaque_region(location, level, size, color)

    def _read_into(self, pixels: NDArray[np.uint8], request: _Request) -> None:
        if self._overrides_read_region():
            super()._read_into(pixels, request)
        else:
            location, level, background, in_level_pixels = request
            self._osr.read_into(
                pixels, location, level, _arrays.packed(background), in_level_pixels
            )

    def _read_all_into(
        self, pixels: NDArray[np.uint8], requests: _Requests
    ) -> NDArray[np.bool_]:
        if self._overrides_read_region():
            return super()._read_all_into(pixels, requests)
        locations, levels, background, *options = requests
        good = self._osr.read_all_into(
            pixels, locations, levels, _arrays.packed(background), *options
        )
        array: NDArray[np.bool_] = _arrays.numpy().frombuffer(good, "uint8") == 1
        return array

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
