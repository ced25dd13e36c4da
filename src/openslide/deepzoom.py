"""Deep Zoom: a slide as a pyramid of small square tiles, for viewers on the web.

Terms.  A *Deep Zoom level* is half the one above it in either direction; the last
one is the slide's level 0 and the first a single pixel.  Tiles of a Deep Zoom
level are cut from the *slide level* that is the next larger one and shrunk.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from . import _abstract_slide, _properties

if TYPE_CHECKING:
    from PIL.Image import Image

    from . import AbstractSlide

__all__ = ["DeepZoomGenerator"]

_NAMESPACE = "http://schemas.microsoft.com/deepzoom/2008"

# What attributes may not hold as it is.  The package xml knows that too, but takes as
# long to import as a hundred tiles to write.
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
    | {"\r": "&#13;", "\n": "&#10;", "\t": "&#09;"}
)


class _TileSource(NamedTuple):
    """Where a tile's pixels come from."""

    location: tuple[int, int]  # level-0 pixels
    slide_level: int
    size: tuple[int, int]  # pixels of the slide level
    scaled_size: tuple[int, int]  # pixels of the Deep Zoom level


class DeepZoomGenerator:
    """Deep Zoom tiles of a slide.

    osr:          any slide.
    tile_size:    side of a tile without its overlap, in pixels; the best is
                  256 - 2 * overlap.
    overlap:      pixels that a tile has in common with each of its neighbours.
    limit_bounds: leave out what lies outside of the slide's bounds properties.

    Raises ArgumentZeroError, a ValueError, where tile_size is not positive.
    """

    BOUNDS_OFFSET_PROPS = (
        _properties.PROPERTY_NAME_BOUNDS_X,
        _properties.PROPERTY_NAME_BOUNDS_Y,
    )
    BOUNDS_SIZE_PROPS = (
        _properties.PROPERTY_NAME_BOUNDS_WIDTH,
        _properties.PROPERTY_NAME_BOUNDS_HEIGHT,
    )

    def __init__(
        self,
        osr: AbstractSlide,
        tile_size: int = 254,
        overlap: int = 1,
        limit_bounds: bool = False,
    ) -> None:
        self._osr = osr
        self._tile_size = tile_size
        self._overlap = overlap
        self._limit_bounds = limit_bounds

        self._offset, self._slide_level_dimensions = self._shown_area()
        self._downsamples = osr.level_downsamples
        self._background_color = _properties.background_color(osr.properties)
        self._level_dimensions = tuple(_halvings(self._slide_level_dimensions[0]))
        if tile_size <= 0:
            from ._argument_errors import ArgumentZeroError

            raise ArgumentZeroError(f"tile_size must be positive, not {tile_size!r}")
        self._level_tiles = tuple(
            (math.ceil(width / tile_size), math.ceil(height / tile_size))
            for width, height in self._level_dimensions
        )
        self._slide_levels = tuple(
            osr.get_best_level_for_downsample(2 ** (self.level_count - level - 1))
            for level in range(self.level_count)
        )

    def _shown_area(self) -> tuple[tuple[int, int], tuple[tuple[int, int], ...]]:
        """The level-0 offset of the area shown, and its size on each slide level."""
        levels = self._osr.level_dimensions
        if not self._limit_bounds:
            return (0, 0), levels
        properties = self._osr.properties
        x, y = (int(properties.get(name, 0)) for name in self.BOUNDS_OFFSET_PROPS)
        scales = [
            int(properties.get(name, side)) / side
            for name, side in zip(self.BOUNDS_SIZE_PROPS, levels[0], strict=True)
        ]
        return (x, y), tuple(
            (math.ceil(width * scales[0]), math.ceil(height * scales[1]))
            for width, height in levels
        )

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self._osr!r}, tile_size={self._tile_size!r}, "
            f"overlap={self._overlap!r}, limit_bounds={self._limit_bounds!r})"
        )

    @property
    def tile_size(self) -> int:
        """The side of a tile without its overlap, in pixels."""
        return self._tile_size

    @property
    def offset(self) -> tuple[int, int]:
        """(x, y) of the area shown, in level-0 pixels."""
        return self._offset

    @property
    def level_count(self) -> int:
        """The number of Deep Zoom levels."""
        return len(self._level_dimensions)

    @property
    def level_tiles(self) -> tuple[tuple[int, int], ...]:
        """(columns, rows) of tiles of each Deep Zoom level."""
        return self._level_tiles

    @property
    def level_dimensions(self) -> tuple[tuple[int, int], ...]:
        """(width, height) of each Deep Zoom level, in its own pixels."""
        return self._level_dimensions

    @property
    def tile_count(self) -> int:
        """The number of tiles of all Deep Zoom levels."""
        return sum(columns * rows for columns, rows in self._level_tiles)

    def get_tile(self, level: int, address: tuple[int, int]) -> Image:
        """An RGB image of a tile, over the slide's background colour.

        level:   the Deep Zoom level.
        address: (column, row) of the tile.

        Raises ValueError for a level or an address that does not exist.
        """
        tile = self._tile(level, address)
        image = self._read_tile(tile)
        if image.size != tile.scaled_size:
            from PIL.Image import Resampling

            image.thumbnail(tile.scaled_size, Resampling.LANCZOS)
        return image

    def _read_tile(self, tile: _TileSource) -> Image:
        """The pixels of the slide level, for any object that has read_region()."""
        read = getattr(
            type(self._osr), "_read_flat", _abstract_slide.AbstractSlide._read_flat
        )
        image: Image = read(
            self._osr,
            tile.location,
            tile.slide_level,
            tile.size,
            self._background_color,
        )
        return image

    def get_tile_coordinates(
        self, level: int, address: tuple[int, int]
    ) -> tuple[tuple[int, int], int, tuple[int, int]]:
        """Arguments of AbstractSlide.read_region() for a tile: location, level, size.

        Raises ValueError for a level or an address that does not exist.
        """
        tile = self._tile(level, address)
        return tile.location, tile.slide_level, tile.size

    def get_tile_dimensions(
        self, level: int, address: tuple[int, int]
    ) -> tuple[int, int]:
        """(width, height) of a tile, in pixels.

        Raises ValueError for a level or an address that does not exist.
        """
        return self._tile(level, address).scaled_size

    def get_tile_span(self, level: int, axis: int, index: int) -> tuple[int, int]:
        """A tile's start and length along an axis, in pixels of the Deep Zoom level.

        A last tile that is narrower than the overlap ends with the level, and the one
        before it seems to go on beyond.

        axis:  0 for x, 1 for y.
        index: the tile's column or row.
        """
        before = self._overlap if index > 0 else 0
        after = self._overlap if index < self._level_tiles[level][axis] - 1 else 0
        start = self._tile_size * index
        inner = min(self._tile_size, self._level_dimensions[level][axis] - start)
        return start - before, inner + before + after

    def get_dzi(self, format: str) -> str:
        """The XML of the .dzi file.

        format: the format of the tiles, "png" or "jpeg".
        """
        if not isinstance(format, str):
            raise TypeError(
                f"cannot serialize {format!r} (type {type(format).__name__})"
            )
        width, height = self._level_dimensions[-1]
        return (
            f'<Image TileSize="{self._tile_size}" Overlap="{self._overlap}" '
            f'Format="{format.translate(_ESCAPES)}" xmlns="{_NAMESPACE}">'
            f'<Size Width="{width}" Height="{height}" /></Image>'
        )

    def _tile(self, level: int, address: tuple[int, int]) -> _TileSource:
        if level < 0 or level >= self.level_count:
            raise ValueError(
                f"Invalid level: {level!r}; there are 0 to {self.level_count - 1}"
            )
        tiles = self._level_tiles[level]
        if any(
            index < 0 or index >= count
            for index, count in zip(address, tiles, strict=True)
        ):
            raise ValueError(
                f"Invalid address: {address!r}; level {level} has "
                f"{tiles[0]} x {tiles[1]} tiles"
            )
        slide_level = self._slide_levels[level]
        downsample = self._downsamples[slide_level]
        spans = [
            self._span(level, axis, index, downsample)
            for axis, index in enumerate(address)
        ]
        (x, width, scaled_width), (y, height, scaled_height) = spans
        return _TileSource(
            (x, y), slide_level, (width, height), (scaled_width, scaled_height)
        )

    def _span(
        self, level: int, axis: int, index: int, downsample: float
    ) -> tuple[int, int, int]:
        """A tile along one axis: level-0 start, pixels of the slide level, of its own.

        The start is rounded down and the length up, as far as the area reaches.
        """
        start, scaled = self.get_tile_span(level, axis, index)
        slide_level = self._slide_levels[level]
        shrink = 2 ** (self.level_count - level - 1) / downsample
        first = shrink * start
        limit = self._slide_level_dimensions[slide_level][axis] - math.ceil(first)
        return (
            int(downsample * first + self._offset[axis]),
            int(min(math.ceil(shrink * scaled), limit)),
            scaled,
        )


def _halvings(dimensions: tuple[int, int]) -> Iterable[tuple[int, int]]:
    """Dimensions from a single pixel up, each half the next, rounded up."""
    sizes = [dimensions]
    while max(sizes[-1]) > 1:
        sizes.append(
            (max(1, math.ceil(sizes[-1][0] / 2)), max(1, math.ceil(sizes[-1][1] / 2)))
        )
    return reversed(sizes)
