"""Levels from one another: each is the mean of 2 x 2 pixels of the one below.

The slide is read once, from top to bottom.  Of each level there are no more than the
rows of a few rows of tiles, which is what bounds the memory.  Where a side is odd, the
last pixels are the means of those that there are.
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
_ROUNDS = 1


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
        self._width, self._height = layout.tiles.level_dimensions[number]
        self._columns, self._rows = layout.tiles.level_tiles[number]
        self._received = 0  # rows
        self._tile_row = 0  # that is to be written next
        self._image = self._new_image()  # the rows of it that there are
        self._unpaired: Image | None = None  # a row that waits for another

    def push(self, strip: Image) -> None:
        """Take the next rows."""
        start = self._received
        self._received += strip.height
        self._pass_on(strip)
        while self._tile_row < self._rows:
            top, bottom = self._span(1, self._tile_row)
            self._image.paste(strip, (0, start - top))  # as far as it lies within
            if self._received < bottom:
                return
            self._write_row(self._image)
            self._tile_row += 1
            self._begin_row(self._image, top)

    def _pass_on(self, strip: Image) -> None:
        """Give the level above half the rows, and keep an odd one until the end."""
        if self._above is None:
            return
        rows = _stacked(self._unpaired, strip)
        is_last = self._received == self._height
        paired = rows.height if is_last else rows.height // 2 * 2
        self._unpaired = None
        if paired < rows.height:
            self._unpaired = rows.crop((0, paired, rows.width, rows.height))
        if paired > 0:
            self._above.push(rows.reduce(2, (0, 0, rows.width, paired)))

    def _write_row(self, rows: Image) -> None:
        for column in range(self._columns):
            left, right = self._span(0, column)
            path = self._layout.path(self._number, column, self._tile_row)
            self._writer.write(path, partial(rows.crop, (left, 0, right, rows.height)))

    def _begin_row(self, image: Image, top: int) -> None:
        """Begin with what a row of tiles has in common with the one before."""
        if self._tile_row < self._rows:
            self._image = self._new_image()
            self._image.paste(image, (0, top - self._span(1, self._tile_row)[0]))

    def _new_image(self) -> Image:
        top, bottom = self._span(1, self._tile_row)
        # No colour: every row will be pasted.
        return Images.new("RGB", (self._width, bottom - top), None)

    def _span(self, axis: int, index: int) -> tuple[int, int]:
        """A tile's start and end; a last one narrower than the overlap ends with it."""
        start, end = self._layout.tiles.get_tile_span(self._number, axis, index)
        return start, min(end, (self._width, self._height)[axis])


def _stacked(upper: Image | None, lower: Image) -> Image:
    if upper is None:
        return lower
    image = Images.new("RGB", (lower.width, upper.height + lower.height), None)
    image.paste(upper, (0, 0))
    image.paste(lower, (0, upper.height))
    return image
