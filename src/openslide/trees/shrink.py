"""Levels from one another: each is the mean of 2 x 2 pixels of the one below.

The slide is read once, from top to bottom.  Of each level only the rows are kept that
its next tiles need, so memory is bounded by a few rows of tiles.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from PIL import Image as Images

from .layouts import Layout
from .writer import TileWriter

if TYPE_CHECKING:
    from PIL.Image import Image

#: Tiles of so many strips may wait while another strip is read.
_ROUNDS = 2


def write_shrunk(strips: Iterable[Image], layout: Layout, writer: TileWriter) -> None:
    """Write all tiles of a tree from the rows of its finest level."""
    level = None
    for number in range(layout.tiles.level_count):
        level = _Level(number, level, layout, writer)
    assert level is not None  # there is always one
    for strip in strips:
        level.push(strip)
        writer.wait(_ROUNDS)


class _Level:
    """A level that gets its rows one strip after another."""

    def __init__(
        self, number: int, above: _Level | None, layout: Layout, writer: TileWriter
    ) -> None:
        self._number = number
        self._above = above
        self._layout = layout
        self._writer = writer
        self._height = layout.tiles.level_dimensions[number][1]
        self._columns, self._rows = layout.tiles.level_tiles[number]
        self._tile_row = 0  # that is to be written next
        self._pending: Image | None = None  # rows from `_top` on
        self._top = 0
        self._unpaired: Image | None = None  # a row that waits for another

    def push(self, strip: Image) -> None:
        """Take the next rows."""
        rows = _stacked(self._pending, strip)
        bottom = self._top + rows.height
        self._pass_on(strip, is_last=bottom == self._height)
        while self._tile_row < self._rows and self._span(self._tile_row)[1] <= bottom:
            self._write_row(rows)
            self._tile_row += 1
        self._keep_needed(rows)

    def _pass_on(self, strip: Image, is_last: bool) -> None:
        """Give the level above half the rows, and keep an odd one until the end."""
        if self._above is None:
            return
        rows = _stacked(self._unpaired, strip)
        paired = rows.height if is_last else rows.height // 2 * 2
        self._unpaired = _rows_of(rows, paired, rows.height)
        if paired > 0:
            self._above.push(rows.crop((0, 0, rows.width, paired)).reduce(2))

    def _write_row(self, rows: Image) -> None:
        top, bottom = self._span(self._tile_row)
        for column in range(self._columns):
            left, right = self._layout.tiles.get_tile_span(self._number, 0, column)
            box = (left, top - self._top, right, bottom - self._top)
            path = self._layout.path(self._number, column, self._tile_row)
            self._writer.write(path, partial(rows.crop, box))

    def _keep_needed(self, rows: Image) -> None:
        if self._tile_row == self._rows:
            self._pending = None
            return
        first = self._span(self._tile_row)[0]
        self._pending = _rows_of(rows, first - self._top, rows.height)
        self._top = first

    def _span(self, tile_row: int) -> tuple[int, int]:
        return self._layout.tiles.get_tile_span(self._number, 1, tile_row)


def _stacked(upper: Image | None, lower: Image) -> Image:
    if upper is None:
        return lower
    image = Images.new("RGB", (lower.width, upper.height + lower.height))
    image.paste(upper, (0, 0))
    image.paste(lower, (0, upper.height))
    return image


def _rows_of(image: Image, start: int, end: int) -> Image | None:
    return image.crop((0, start, image.width, end)) if start < end else None
