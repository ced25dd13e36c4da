"""Slides that libopenslide reads."""

from __future__ import annotations

import copy
from array import array
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Self

from . import _arrays, _files, _openslide
from ._abstract_slide import AbstractSlide
from ._arrays import Mode, Request, Requests
from ._cache import OpenSlideCache
from ._files import Filename
from ._images import (
    from_memory,
    from_opaque_rgba,
    from_rgba,
    pixel_memory,
    with_profile,
)
from ._library import has_function
from ._maps import _AssociatedImageMap, _PropertyMap
from ._resampling import longer_first
from ._sampling import FILTERS, Views

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from ._arrays import Integers, Pictures
    from ._openslide import _BatchRequest
    from .native import NativeTiles


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
        return _files.vendor_of(filename)

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

    @property
    def kept_levels(self) -> tuple[int, ...]:
        """The indirect levels whose pixels are kept once libopenslide has read them.

        What is read again of such a level, or overlaps what was read, takes as little
        time as a direct read of cached tiles.  Half as many bytes are kept as the
        slide's OpenSlideCache may hold: libopenslide has the same tiles in its own.
        """
        return tuple(i for i, kept in enumerate(self._osr.kept_levels()) if kept)

    def native_tiles(self, level: int) -> NativeTiles:
        """The tiles of a level as the slide stores them: JPEG, to copy, not to decode.

        Raises NotNativeError, an OpenSlideError, where the level is no plain grid of
        JPEG tiles that is read directly: its reason says what it is.  ValueError for a
        level that does not exist.

        A level that was not read yet is compared with libopenslide first, a few tiles
        of it.
        """
        from .native import NativeTiles

        return NativeTiles(self, level)

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

    def _gives_stored_pixels(self, level: int) -> bool:
        if super()._gives_stored_pixels(level):
            # Tiles may lie between pixels all the same.
            return self._osr.divisible_levels[level]
        # Direct reads need no level-0 position.
        return level in self.direct_levels

    def _has_own_read_region(self) -> bool:
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
    ) -> Image:
        if self._has_own_read_region():
            return super()._read_flat(location, level, size, background)
        pixels = self._read_opaque(location, level, size, background)
        image = from_opaque_rgba(pixels, (size[0], size[1]))
        return with_profile(image, self._profile)

    def _read_rgbx(
        self,
        location: tuple[int, int],
        level: int,
        size: tuple[int, int],
        background: str,
    ) -> bytes | bytearray:
        if self._has_own_read_region():
            return super()._read_rgbx(location, level, size, background)
        return self._read_opaque(location, level, size, background)

    def _read_thumbnail(
        self, level: int, limit: tuple[int, int], background: str
    ) -> Image:
        if self._has_own_read_region():
            return super()._read_thumbnail(level, limit, background)
        from ._thumbnails import is_resized_at_once, thumbnail_size

        size = self.level_dimensions[level]
        target = thumbnail_size(size, limit)
        if is_resized_at_once(size, target):
            return self._read_resized(level, target, background)
        return super()._read_thumbnail(level, limit, background)

    def _has_pixels_in_strips(self, level: int) -> bool:
        return not self._has_own_read_region() and self._osr.divisible_levels[level]

    def _read_resized(
        self, level: int, size: tuple[int, int], background: str
    ) -> Image:
        """An RGB image of a whole level over a background, by Pillow's LANCZOS."""
        width, height = self.level_dimensions[level]
        memory, pixels = pixel_memory(size, "RGB")
        color = _arrays.packed(_arrays.named_rgb(background))
        whole = (width, height), (float(width), float(height))
        resampling = (
            *(array("d", (0, 0)), *whole),
            *(FILTERS["lanczos"][1], longer_first()),
        )
        place = array("q", (0, 0)), array("q", (level,))
        request = (self._osr, None, *place, color, True, resampling)
        _openslide.read_batches((pixels,), (request,), False, 0)
        return from_memory(memory, size, "RGB")

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

    def _read_into(self, pixels: NDArray[np.uint8], request: Request) -> None:
        if self._has_own_read_region():
            super()._read_into(pixels, request)
        else:
            location, level, background, in_level_pixels = request
            self._osr.read_into(
                pixels, location, level, _arrays.packed(background), in_level_pixels
            )

    def _read_all_into(
        self, pixels: NDArray[np.uint8], requests: Requests
    ) -> NDArray[np.bool_]:
        if self._has_own_read_region():
            return super()._read_all_into(pixels, requests)
        locations, levels, background, in_level_pixels, *options = requests
        color = _arrays.packed(background)
        request = (self._osr, None, locations, levels, color, in_level_pixels, None)
        return _arrays.truths(_openslide.read_batches((pixels,), (request,), *options))

    def _read_view(self, views: Views, mode: Mode) -> Image:
        if self._has_own_read_region():
            return super()._read_view(views, mode)
        memory, pixels = pixel_memory(views.size, mode)
        self._read_views_into(pixels, views)
        return from_memory(memory, views.size, mode)

    def _read_views_into(self, pixels: Pictures, views: Views) -> bytearray:
        request = self._view_request(views)
        if request is None:
            return super()._read_views_into(pixels, views)
        return _openslide.read_batches(
            (pixels,), (request,), views.is_masked, views.workers
        )

    def _view_request(
        self, views: Views, rows: Integers | None = None
    ) -> _BatchRequest | None:
        if self._has_own_read_region():
            return None
        sampling = views.sampling
        color = _arrays.packed(views.background)
        levels = array("q", [sampling.level]) * len(views.positions)
        if not sampling.is_resampled:
            return self._osr, rows, views.pixels, levels, color, True, None
        starts, corners = sampling.sources(views.positions)
        resampling = (
            *(corners, sampling.source_size(views.size)),
            *(sampling.box_size(views.size), sampling.filter, longer_first()),
        )
        return self._osr, rows, starts, levels, color, True, resampling

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
