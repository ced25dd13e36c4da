"""Levels from one another: each is the mean of 2 x 2 pixels of the one below.

The slide is read once, from top to bottom.  Of each level there are no more than the
rows of a few rows of tiles, which is what bounds the memory.  Where a side is odd, the
last pixels are the means of those that there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

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
        self._width, self._height = layout.tiles.level_dimensions[number]
        self._columns, self._rows = layout.tiles.level_tiles[number]
        self._received = 0  # rows
        self._tile_row = 0  # that is to be written next
        self._strips: list[_Strip] = []  # that it may need
        self._unpaired: Image | None = None  # a row that waits for another

    def push(self, image: Image) -> None:
        """Take the next rows."""
        self._strips.append(_Strip(self._received, image))
        self._received += image.height
        self._pass_on(image)
        while self._tile_row < self._rows:
            top, bottom = self._span(1, self._tile_row)
            self._strips = [strip for strip in self._strips if strip.end > top]
            if self._received < bottom:
                break
            self._write_row(top, bottom)
            self._tile_row += 1

    def _pass_on(self, image: Image) -> None:
        """Give the level above half the rows, and keep an odd one until the end."""
        if self._above is None:
            return
        rows = _stacked(self._unpaired, image)
        is_last = self._received == self._height
        paired = rows.height if is_last else rows.height // 2 * 2
        self._unpaired = None
        if paired < rows.height:
            self._unpaired = rows.crop((0, paired, rows.width, rows.height))
        if paired > 0:
            self._above.push(rows.reduce(2, (0, 0, rows.width, paired)))

    def _write_row(self, top: int, bottom: int) -> None:
        strips = tuple(self._strips)
        for column in range(self._columns):
            left, right = self._span(0, column)
            path = self._layout.path(self._number, column, self._tile_row)
            box = (left, top, right, bottom)
            self._writer.write(path, partial(_cut_out, strips, box))

    def _span(self, axis: int, index: int) -> tuple[int, int]:
        """A tile's start and end, no farther than the level goes."""
        start, length = self._layout.tiles.get_tile_span(self._number, axis, index)
        return start, min(start + length, (self._width, self._height)[axis])


class _Strip(NamedTuple):
    """Rows of a level, from one of them on."""

    start: int
    image: Image

    @property
    def end(self) -> int:
        return self.start + self.image.height


def _cut_out(strips: Iterable[_Strip], box: tuple[int, int, int, int]) -> Image:
    left, top, right, bottom = box
    return _put_together(
        (right - left, bottom - top),
        [(strip.image, (-left, strip.start - top)) for strip in strips],
    )


def _stacked(upper: Image | None, lower: Image) -> Image:
    if upper is None:
        return lower
    size = (lower.width, upper.height + lower.height)
    return _put_together(size, [(upper, (0, 0)), (lower, (0, upper.height))])


def _put_together(
    size: tuple[int, int], parts: list[tuple[Image, tuple[int, int]]]
) -> Image:
    """An image of parts, of which that counts which lies within; they must cover it."""
    image = Images.new(parts[0][0].mode, size, None)
    for part, corner in parts:
        image.paste(part, corner)
    return image
