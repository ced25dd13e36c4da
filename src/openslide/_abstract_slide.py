"""What every slide can do."""

from __future__ import annotations

import math
from abc import ABCMeta, abstractmethod
from collections.abc import Mapping
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
    Request,
    Requests,
)
from ._cache import OpenSlideCache
from ._errors import OpenSlideError
from ._files import Filename
from ._images import FlatMode, flatten, profile_of, with_profile
from ._properties import (
    PROPERTY_NAME_BOUNDS_HEIGHT,
    PROPERTY_NAME_BOUNDS_WIDTH,
    PROPERTY_NAME_BOUNDS_X,
    PROPERTY_NAME_BOUNDS_Y,
    PROPERTY_NAME_MPP_X,
    PROPERTY_NAME_MPP_Y,
    background_color,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
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

    def _read_into(self, pixels: NDArray[np.uint8], request: Request) -> None:
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
        self, pixels: NDArray[np.uint8], requests: Requests
    ) -> NDArray[np.bool_]:
        """Fill `pixels` (n, height, width, channels), and tell which regions are good."""
        good = _arrays.numpy().ones(len(pixels), bool)
        locations, levels, background, in_level_pixels, is_masked, _ = requests
        for i, ((x, y), level) in enumerate(
            zip(locations.tolist(), levels.tolist(), strict=True)
        ):
            request = Request((x, y), level, background, in_level_pixels)
            try:
                self._read_into(pixels[i], request)
            except (OpenSlideError, OSError) as error:
                if not is_masked:
                    error.add_note(f"in region {i} at {(x, y)} of level {level}")
                    raise
                pixels[i] = (*background, 255)[: pixels.shape[3]]
                good[i] = False
        return good  # type: ignore[no-any-return]
