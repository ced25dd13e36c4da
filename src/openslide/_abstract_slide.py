"""What every slide can do."""

from __future__ import annotations

import math
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from . import _arrays
from ._arrays import (
    Color,
    Coordinates,
    ErrorPolicy,
    Levels,
    Locations,
    Mode,
    Points,
    Request,
    Requests,
)
from ._cache import OpenSlideCache
from ._errors import OpenSlideError
from ._files import Filename
from ._images import blank, flatten, profile_of, with_profile
from ._properties import (
    PROPERTY_NAME_BOUNDS_HEIGHT,
    PROPERTY_NAME_BOUNDS_WIDTH,
    PROPERTY_NAME_BOUNDS_X,
    PROPERTY_NAME_BOUNDS_Y,
    PROPERTY_NAME_MPP_X,
    PROPERTY_NAME_MPP_Y,
    background_color,
    stored_tile_side,
)
from ._sampling import Resample, Unit, Views, views

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageCms import ImageCmsProfile

    from ._arrays import Integers, Pictures
    from ._openslide import _BatchRequest


#: Pixels of a large level that are read at once to make it small.
_STRIP_PIXELS = 1 << 22

#: Of tiles, where the slide does not say.
_USUAL_TILE = 256

#: (width, height) of what notebooks show, in pixels at most.
_SHOWN_SIZE = (512, 512)


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

        size: the greatest (width, height) in pixels, of which fractions do not
              count; the aspect ratio is kept.

        Raises ArgumentZeroError, a ValueError, where a side is less than 1,
        ArgumentTypeError, ArgumentValueError or ArgumentOverflowError for what is
        no pair of finite numbers, and otherwise what read_region() raises.
        """
        from ._thumbnails import whole_limits

        limits = whole_limits(size, self.dimensions)
        downsample = max(
            side / limit for side, limit in zip(self.dimensions, size, strict=True)
        )
        level = self.get_best_level_for_downsample(downsample)
        background = background_color(self.properties)
        thumbnail = self._read_thumbnail(level, limits, background)
        return with_profile(thumbnail, self._profile)

    def _repr_png_(self) -> bytes | None:
        """What notebooks show: a small picture, or nothing where there can be none."""
        from ._color import handled
        from .output.encoding import Encoding

        try:
            image = handled(self.get_thumbnail(_SHOWN_SIZE), "srgb", repr(self))
            return Encoding("png").encode(image)
        except (OpenSlideError, ValueError):
            return None

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
                     one-dimensional of its bytes.  After an error some of it may
                     be filled, and what the rest holds is undefined.

        Raises ValueError for a level that does not exist, ArgumentTypeError for
        coordinates and colours that are no integers, and otherwise what
        read_region() raises.
        """
        width, height = _arrays.sides(size)
        shape = (height, width, _arrays.channels(mode))
        request = _arrays.request(self, location, level, background, coordinates)
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
        in the order that suits the file and returned in that of `locations`; after
        an error or Ctrl-C, any of them may have been written to `out`.
        """
        width, height = _arrays.sides(size)
        depth = _arrays.channels(mode)
        requests = _arrays.requests(
            self, locations, level, background, coordinates, errors, workers
        )
        shape = (len(requests.locations), height, width, depth)
        out, pixels = _arrays.destination(out, shape)
        good = self._read_all_into(pixels, requests)
        return (out, good) if requests.is_masked else out

    def read_at(
        self,
        location: tuple[float, float],
        mpp: float,
        size: tuple[int, int],
        *,
        coordinates: Unit = "level0",
        resample: Resample = "bicubic",
        mode: Mode = "RGB",
        background: Color | None = None,
        slide_mpp: float | tuple[float, float] | None = None,
        out: Any = None,
    ) -> NDArray[np.uint8]:
        """A region at any resolution as a uint8 array (height, width, 3 or 4).

        location:    (x, y) of the top left corner; may be negative, and lie between
                     pixels.
        mpp:         microns per pixel of the result.  It is made of the best level
                     that is not coarser; a level within 2 % is taken as it is, from
                     the nearest of its pixels on.
        size:        (width, height), in pixels of the result.
        coordinates: "level0": location is in level-0 pixels.  "microns": it is in
                     microns from the corner of level 0.
        resample:    "bicubic", "bilinear", "lanczos" or "box": Pillow's filters,
                     which take in all pixels that make one of the result.
        slide_mpp:   microns per level-0 pixel, or (x, y), for slides that do not say
                     or say it wrongly.

        The rest is as for read_array(), also what is raised; the pixels are those of
        tiles.TileGrid.  Raises ValueError as well where the slide does not tell its
        resolution, or where even its finest level is coarser than mpp, and
        ArgumentTypeError where location is no pair of numbers.
        """
        depth = _arrays.channels(mode)
        wanted = views(
            self, [location], mpp, size, coordinates, resample, slide_mpp, background
        )
        width, height = wanted.size
        out, pixels = _arrays.destination(out, (height, width, depth))
        if pixels.size > 0:
            self._read_views_into(pixels[None], wanted)
        return out  # type: ignore[no-any-return]

    def read_image_at(
        self,
        location: tuple[float, float],
        mpp: float,
        size: tuple[int, int],
        *,
        coordinates: Unit = "level0",
        resample: Resample = "bicubic",
        mode: Mode = "RGB",
        background: Color | None = None,
        slide_mpp: float | tuple[float, float] | None = None,
    ) -> Image:
        """The same as an image, RGB or RGBA, with the slide's ICC profile.

        It needs no NumPy.
        """
        _arrays.channels(mode)
        wanted = views(
            self, [location], mpp, size, coordinates, resample, slide_mpp, background
        )
        if 0 in wanted.size:
            image = blank(mode, wanted.size)
        else:
            image = self._read_view(wanted, mode)
        return with_profile(image, self._profile)

    @overload
    def read_batch_at(
        self,
        locations: Points,
        mpp: float,
        size: tuple[int, int],
        *,
        coordinates: Unit = ...,
        resample: Resample = ...,
        mode: Mode = ...,
        background: Color | None = ...,
        slide_mpp: float | tuple[float, float] | None = ...,
        errors: Literal["raise"] = ...,
        out: Any = ...,
        workers: int | None = ...,
    ) -> NDArray[np.uint8]: ...

    @overload
    def read_batch_at(
        self,
        locations: Points,
        mpp: float,
        size: tuple[int, int],
        *,
        coordinates: Unit = ...,
        resample: Resample = ...,
        mode: Mode = ...,
        background: Color | None = ...,
        slide_mpp: float | tuple[float, float] | None = ...,
        errors: Literal["mask"],
        out: Any = ...,
        workers: int | None = ...,
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]: ...

    def read_batch_at(
        self,
        locations: Points,
        mpp: float,
        size: tuple[int, int],
        *,
        coordinates: Unit = "level0",
        resample: Resample = "bicubic",
        mode: Mode = "RGB",
        background: Color | None = None,
        slide_mpp: float | tuple[float, float] | None = None,
        errors: ErrorPolicy = "raise",
        out: Any = None,
        workers: int | None = None,
    ) -> NDArray[np.uint8] | tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Regions at any resolution as a uint8 array (n, height, width, 3 or 4).

        Each is what read_at() gives.  They are read and resampled on all cores; the
        rest is as for read_batch(), also what is raised.
        """
        depth = _arrays.channels(mode)
        wanted = views(
            self, locations, mpp, size, coordinates, resample, slide_mpp, background,
            errors, workers,
        )  # fmt: skip
        width, height = wanted.size
        shape = (len(wanted.positions), height, width, depth)
        out, pixels = _arrays.destination(out, shape)
        if pixels.size > 0:
            good = _arrays.truths(self._read_views_into(pixels, wanted))
        else:
            good = _arrays.numpy().ones(len(pixels), bool)
        return (out, good) if wanted.is_masked else out

    def _read_for_array(
        self, location: tuple[int, int], level: int, size: tuple[int, int]
    ) -> Image:
        """What arrays are made of: what read_region() gives."""
        return self.read_region(location, level, size)

    def _gives_stored_pixels(self, level: int) -> bool:
        """Whether reads that start on the level's pixels give these as they are."""
        # Elsewhere level-0 positions cannot say where most of its pixels start.
        return float(self.level_downsamples[level]).is_integer()

    def _read_flat(
        self,
        location: tuple[int, int],
        level: int,
        size: tuple[int, int],
        background: str,
    ) -> Image:
        """An RGB image of a region over a background, by way of read_region()."""
        region = self.read_region(location, level, size)
        return with_profile(flatten(region, background), profile_of(region))

    def _read_rgbx(
        self,
        location: tuple[int, int],
        level: int,
        size: tuple[int, int],
        background: str,
    ) -> bytes | bytearray:
        """Its pixels, of four bytes each: those of an image that is RGBX."""
        image = self._read_flat(location, level, size, background)
        return image.tobytes("raw", "RGBX")

    def _read_thumbnail(
        self, level: int, limit: tuple[int, int], background: str
    ) -> Image:
        """An RGB image of a whole level over a background, made to fit into `limit`."""
        from PIL.Image import Resampling

        from ._thumbnails import is_resized_at_once, small_of_strips, thumbnail_size

        size = self.level_dimensions[level]
        target = thumbnail_size(size, limit)
        is_small = target == size or is_resized_at_once(size, target)
        if not is_small and self._has_pixels_in_strips(level):
            strips = self._strips(level, background)
            return small_of_strips(strips, size, target)
        image = self._read_flat((0, 0), level, size, background)
        image.thumbnail(limit, Resampling.LANCZOS)
        return image

    def _has_pixels_in_strips(self, level: int) -> bool:
        """Whether strips of a level have the pixels that all of it has."""
        return False

    def _strips(self, level: int, background: str) -> Iterator[Image]:
        """A level over a background, from top to bottom, in rows of whole tiles."""
        width, height = self.level_dimensions[level]
        rows = stored_tile_side(self.properties, level, "height")
        if not 0 < rows * width <= 4 * _STRIP_PIXELS:
            rows = _USUAL_TILE
        rows *= max(1, _STRIP_PIXELS // (width * rows))
        downsample = int(self.level_downsamples[level])
        for start in range(0, height, rows):
            end = min(start + rows, height)
            location = (0, start * downsample)
            yield self._read_flat(location, level, (width, end - start), background)

    def _read_into(self, pixels: NDArray[np.uint8], request: Request) -> None:
        """Fill `pixels` (height, width, channels) by way of read_region()."""
        location, level, background, in_level_pixels = request
        if in_level_pixels:
            location = self._level0_location(location, level)
        height, width, channels = pixels.shape
        image = self._read_for_array(location, level, (width, height))
        if channels == 3:
            image = flatten(image, background)
        pixels[...] = _arrays.numpy().asarray(image)

    def _level0_location(
        self, location: tuple[int, int], level: int
    ) -> tuple[int, int]:
        """The level-0 pixel nearest to a pixel of a level."""
        scale = self.level_downsamples[level]
        x, y = (math.floor(place * scale + 0.5) for place in location)
        return x, y

    def _read_all_into(
        self, pixels: NDArray[np.uint8], requests: Requests
    ) -> NDArray[np.bool_]:
        """Fill `pixels` (n, height, width, channels), and tell which regions are good."""
        locations, levels, background, in_level_pixels, is_masked, _ = requests
        places = list(zip(locations.tolist(), levels.tolist(), strict=True))

        def read(i: int) -> None:
            (x, y), level = places[i]
            request = Request((x, y), level, background, in_level_pixels)
            self._read_into(pixels[i], request)

        def told(i: int) -> str:
            (x, y), level = places[i]
            return f"at {(x, y)} of level {level}"

        states = _read_each(pixels, read, told, background if is_masked else None)
        return _arrays.truths(states)

    def _read_view(self, views: Views, mode: Mode) -> Image:
        """An image of the only view, by way of read_region()."""
        sampling = views.sampling
        if not sampling.is_resampled:
            x, y = views.pixels
            return self._read_level(views, (x, y), views.size, mode)
        (x, y), corner = sampling.sources(views.positions)
        source_size = sampling.source_size(views.size)
        source = self._read_level(views, (x, y), source_size, mode)
        return sampling.resized(source, (corner[0], corner[1]), views.size)

    def _read_level(
        self, views: Views, start: tuple[int, int], size: tuple[int, int], mode: Mode
    ) -> Image:
        """A region of the level, which starts at one of its pixels."""
        level = views.sampling.level
        image = self._read_for_array(self._level0_location(start, level), level, size)
        return flatten(image, views.background) if mode == "RGB" else image

    def _view_request(
        self, views: Views, rows: Integers | None = None
    ) -> _BatchRequest | None:
        """How the extension module reads these views; None: by way of read_region().

        rows: where each goes, in the arrays that it fills.
        """
        return None

    def _read_views_into(self, pixels: Pictures, views: Views) -> bytearray:
        """Fill pictures, and tell which views are good.

        Those have the state 1.
        """
        np = _arrays.numpy()
        arrays = [np.asarray(one) for one in pixels]

        def read(i: int) -> None:
            one = views._replace(positions=[views.positions[i]])
            mode: Mode = "RGB" if arrays[i].shape[2] == 3 else "RGBA"
            arrays[i][...] = np.asarray(self._read_view(one, mode))

        def told(i: int) -> str:
            return f"at {views.positions[i]} of level {views.sampling.level}"

        return _read_each(
            arrays, read, told, views.background if views.is_masked else None
        )


def _read_each(
    pixels: NDArray[np.uint8] | Sequence[NDArray[np.uint8]],
    read: Callable[[int], None],
    told: Callable[[int], str],
    mask: tuple[int, int, int] | None,
) -> bytearray:
    """Read regions one by one, and tell which are good: those have the state 1.

    read: fills the one of this number.
    told: says where that is, for errors.
    mask: what those become that cannot be read; None: that is an error.
    """
    states = bytearray(b"\1" * len(pixels))
    for i in range(len(pixels)):
        try:
            read(i)
        except (OpenSlideError, OSError) as error:
            if mask is None:
                error.add_note(f"in region {i} {told(i)}")
                raise
            pixels[i][...] = (*mask, 255)[: pixels[i].shape[2]]
            states[i] = 0
    return states
