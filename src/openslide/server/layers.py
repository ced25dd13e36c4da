"""The levels of a slide as a viewer asks for them, each with its own grid of tiles.

Deep Zoom halves level 0 again and again, and so cuts across the tiles that are stored.
Layers are the slide's own levels instead: where a level is stored as a grid of JPEG
tiles, these are its tiles.  Below the coarsest level halves of it follow, until
everything fits into a few tiles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from .._slide import OpenSlide
from ..native import NativeTiles, NotNativeError

#: The side of tiles that are cut for want of stored ones, in pixels.
_TILE_SIDE = 256

#: The coarsest layer is no larger than this on a side, in pixels.
_COARSEST_SIDE = 512

#: Stored tiles of other sides are not what a viewer should ask for: thousands of
#: requests would come of narrow ones, and too many pixels of large ones.
_STORED_SIDES = range(64, 2049)


class Layer(NamedTuple):
    """A level of the slide, or a smaller picture of its coarsest one.

    Attributes:
        level:       the level of the slide.
        shrink:      how many pixels of that level make the side of one here.
        downsample:  how many level-0 pixels make it.
        size:        (width, height) in pixels.
        tile_size:   (width, height) of a tile in pixels; those at the right and lower
                     edge may be larger than what they show.
        grid:        (columns, rows) of tiles.
        is_native:   whether tiles are those of the file, as they are stored.
    """

    level: int
    shrink: int
    downsample: float
    size: tuple[int, int]
    tile_size: tuple[int, int]
    grid: tuple[int, int]
    is_native: bool

    def as_json(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "downsample": self.downsample,
            "width": self.size[0],
            "height": self.size[1],
            "tile_width": self.tile_size[0],
            "tile_height": self.tile_size[1],
            "columns": self.grid[0],
            "rows": self.grid[1],
            "native": self.is_native,
        }


def layers_of(slide: OpenSlide) -> tuple[Layer, ...]:
    """The layers of a slide, the finest first."""
    # Of several levels of one size the first is the picture, the others may be masks.
    levels = first_of_sizes(slide.level_dimensions)
    layers = [_stored(slide, level) for level in sorted(set(levels))]
    while max(layers[-1].size) > _COARSEST_SIDE:
        layers.append(_half(layers[-1]))
    return tuple(layers)


def first_of_sizes(sizes: Sequence[tuple[int, int]]) -> list[int]:
    """For each level the first one that has its size."""
    return [sizes.index(size) for size in sizes]


def _stored(slide: OpenSlide, level: int) -> Layer:
    size = slide.level_dimensions[level]
    tiles = native_tiles(slide, level)
    side = (_TILE_SIDE, _TILE_SIDE) if tiles is None else tiles.tile_size
    return Layer(
        level=level,
        shrink=1,
        downsample=slide.level_downsamples[level],
        size=size,
        tile_size=side,
        grid=_grid(size, side),
        is_native=tiles is not None,
    )


def native_tiles(slide: OpenSlide, level: int) -> NativeTiles | None:
    """The stored tiles of a level, None where a viewer had better not ask for them."""
    try:
        tiles = slide.native_tiles(level)
    except NotNativeError:
        return None
    size = slide.level_dimensions[level]
    is_whole = tiles.origin == (0, 0) and tiles.dimensions == size
    is_usual = all(side in _STORED_SIDES for side in tiles.tile_size)
    return tiles if is_whole and is_usual else None


def _half(layer: Layer) -> Layer:
    width, height = (math.ceil(side / 2) for side in layer.size)
    side = (_TILE_SIDE, _TILE_SIDE)
    return Layer(
        level=layer.level,
        shrink=2 * layer.shrink,
        downsample=2 * layer.downsample,
        size=(width, height),
        tile_size=side,
        grid=_grid((width, height), side),
        is_native=False,
    )


def _grid(size: tuple[int, int], side: tuple[int, int]) -> tuple[int, int]:
    return math.ceil(size[0] / side[0]), math.ceil(size[1] / side[1])
