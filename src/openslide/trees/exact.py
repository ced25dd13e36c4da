"""Every tile as DeepZoomGenerator gives it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from .._abstract_slide import AbstractSlide
from .._errors import OpenSlideError
from .._images import with_profile
from .._properties import background_color
from .layouts import Address, Layout
from .writer import TileWriter

if TYPE_CHECKING:
    from PIL.Image import Image

#: So many rows of tiles may wait while others are asked for.
_ROUNDS = 2


def write_exact(
    slide: AbstractSlide,
    layout: Layout,
    writer: TileWriter,
    convert: Callable[[Image], Image],
    note_damage: Callable[[Address, OpenSlideError], None],
) -> None:
    """Write all tiles of a tree, from the finest level up.

    convert:     what is done to the colours.
    note_damage: is told of tiles that cannot be read and why, before they are written.
    """
    tiles = layout.tiles
    background = background_color(slide.properties)

    def make(level: int, column: int, row: int) -> Image:
        try:
            image = tiles.get_tile(level, (column, row))
        except OpenSlideError as error:
            note_damage((level, column, row), error)
            size = tiles.get_tile_dimensions(level, (column, row))
            image = with_profile(_blank(size, background), slide._profile)
        return convert(image)

    for level in reversed(range(tiles.level_count)):
        columns, rows = tiles.level_tiles[level]
        for row in range(rows):
            for column in range(columns):
                path = layout.path(level, column, row)
                writer.write(path, partial(make, level, column, row))
            writer.wait(_ROUNDS)


def _blank(size: tuple[int, int], color: str) -> Image:
    from PIL import Image

    return Image.new("RGB", size, color)
