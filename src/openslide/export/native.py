"""Tiles that are copied as the slide stores them, and not encoded anew.

The grid of such tiles is that of the slide's own, so that a cell of it is a native tile
in the same column and row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .._slide import OpenSlide
from ..native import NativeTiles, NotNativeError
from ..output.telling import told_tiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from .._abstract_slide import AbstractSlide
    from ..tiles import TileGrid

# Of tiles in slides that do not store any, or do not say how large they are.
_USUAL_SIDE = 256


def native_tiles(slide: AbstractSlide, level: int) -> NativeTiles | str:
    """Those of a level, or why it has none."""
    if not isinstance(slide, OpenSlide):
        return "it is a picture, not stored as tiles"
    try:
        return slide.native_tiles(level)
    except NotNativeError as error:
        return error.reason


def native_grid(slide: AbstractSlide, level: int) -> tuple[tuple[int, int], bool]:
    """How a grid is to be made for native tiles: their size, and whether of the bounds.

    Of levels that have none it is the size that the slide names.
    """
    tiles = native_tiles(slide, level)
    if isinstance(tiles, str):
        names = [
            f"openslide.level[{level}].tile-{side}" for side in ("width", "height")
        ]
        width, height = (int(slide.properties.get(n, _USUAL_SIDE)) for n in names)
        return (width, height), True
    return tiles.tile_size, tiles.origin != (0, 0)


def tiles_of(grid: TileGrid) -> NativeTiles | str:
    """The native tiles that are the cells of a grid, or why they are not."""
    tiles = native_tiles(grid.slide, grid.level)
    if isinstance(tiles, str):
        return tiles
    native = tiles.origin + grid.cells[:1] * tiles.tile_size
    if (grid.only(grid.cells[:1]).positions != native).any():
        return "the tiles do not begin where the slide's bounds do"
    return tiles


def native_cells(grid: TileGrid, are_required: bool) -> NDArray[np.int64]:
    """The cells of a grid but those that are holes.

    are_required: raise ValueError that says which of the tiles cannot be copied, if any.
    """
    tiles = tiles_of(grid)
    if isinstance(tiles, str):
        if are_required:
            raise ValueError(
                f"level {grid.level} has no native tiles: {tiles}; without "
                "--require-native it is encoded"
            )
        return grid.cells
    holes = tiles.holes(grid.cells)
    cells = grid.cells[[i for i, is_hole in enumerate(holes) if not is_hole]]
    if are_required:
        _require_native(grid.only(cells), tiles)
    return cells


def _require_native(grid: TileGrid, tiles: NativeTiles) -> None:
    errors = _errors_in(tiles.byte_ranges(grid.cells, errors="return"))
    if errors:
        cells = [(column, row) for column, row in grid.cells[list(errors)].tolist()]
        told = told_tiles(cells, "tile", "(column, row)", "cannot be copied")
        reason = next(iter(errors.values())).reason
        raise ValueError(f"{told}: {reason}; without --require-native they are encoded")


class Copies(NamedTuple):
    """What became of tiles.

    Attributes:
        streams: those that could be copied, by their numbers.
        rest: the numbers of those that cannot be copied.
        reason: why the first of these cannot.
    """

    streams: dict[int, bytes]
    rest: list[int]
    reason: str


def copy_tiles(grid: TileGrid) -> Copies:
    """Copy what tiles of a grid can be copied; holes are left out."""
    tiles = tiles_of(grid)
    if isinstance(tiles, str):
        return Copies({}, list(range(len(grid))), tiles)
    found = tiles.encoded_batch(grid.cells, errors="return")
    streams = {i: stream for i, stream in enumerate(found) if isinstance(stream, bytes)}
    errors = _errors_in(found)
    reason = next((error.reason for error in errors.values()), "")
    return Copies(streams, list(errors), reason)


def _errors_in(found: Sequence[object]) -> dict[int, NotNativeError]:
    return {i: e for i, e in enumerate(found) if isinstance(e, NotNativeError)}
