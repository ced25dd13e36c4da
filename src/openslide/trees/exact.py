"""Every tile as DeepZoomGenerator gives it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from .._errors import OpenSlideError
from .._properties import background_color
from .layouts import Layout
from .writer import TileWriter

if TYPE_CHECKING:
    from PIL.Image import Image

    from .._slide import AbstractSlide

#: So many rows of tiles may wait while others are asked for.
_ROUNDS = 2

Address = tuple[int, int, int]  # level, column, row


def write_exact(
    slide: AbstractSlide,
    layout: Layout,
    writer: TileWriter,
    convert: Callable[[Image], Image],
) -> list[Address]:
    """Write all tiles of a tree; returns those that could not be read."""
    damaged: list[Address] = []
    background = background_color(slide.properties)

    def tile(level: int, column: int, row: int) -> Image:
        from PIL import Image

        try:
            image = layout.tiles.get_tile(level, (column, row))
        except OpenSlideError:
            damaged.append((level, column, row))
            size = layout.tiles.get_tile_dimensions(level, (column, row))
            return Image.new("RGB", size, background)
        return convert(image)

    for level in reversed(range(layout.tiles.level_count)):
        columns, rows = layout.tiles.level_tiles[level]
        for row in range(rows):
            for column in range(columns):
                path = layout.path(level, column, row)
                writer.write(path, partial(tile, level, column, row))
            writer.wait(_ROUNDS)
    writer.wait(0)
    return sorted(damaged, reverse=True)
