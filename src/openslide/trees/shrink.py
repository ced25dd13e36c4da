"""Levels from one another: each is the mean of 2 x 2 pixels of the one below.

The slide is read from top to bottom.  Of each level there are no more than the rows of
a few rows of tiles.  Where a side is odd, the last pixels are the means of those that
there are.

So the memory grows with the width.  Where that is too much, the finest levels are made
in bands from the left to the right, each from top to bottom.  A coarser level is put
together of what the bands leave, small enough to be kept whole, and shrunk on:

    finest level        | band 0 | band 1 | band 2 |    tiles of a band are written
    next one            | band 0 | band 1 | band 2 |    when it passes
    kept level          |           whole          |
    coarser ones        |           whole          |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from PIL import Image as Images

from ..deepzoom import DeepZoomGenerator
from .layouts import Layout
from .rows import Rows
from .writer import TileWriter

if TYPE_CHECKING:
    from PIL.Image import Image

#: Tiles of so many strips may wait while another strip is read.
_ROUNDS = 2

#: A strip, or a row of tiles, has more pixels only where one step of bands has.
_MOST_PIXELS = 1 << 23

#: The level that bands leave has no more pixels.
_KEPT_PIXELS = 1 << 24

#: Strips of the level that bands leave have so many pixels.
_STRIP_PIXELS = 1 << 20

#: From (left, right), pixels of the finest level, to what lies between from top to
#: bottom.
_Strips: TypeAlias = "Callable[[int, int], Iterable[Rows]]"


def write_shrunk(
    strips: _Strips, stored_height: int, layout: Layout, writer: TileWriter
) -> None:
    """Write all tiles of a tree from the pixels of its finest level.

    strips:        gives these pixels.
    stored_height: how high tiles are that the slide stores; strips are, at least.
    """
    tiles = layout.tiles
    finest = tiles.level_count - 1
    width, height = tiles.level_dimensions[finest]
    rows = min(height, max(stored_height, tiles.tile_size))
    chain = _Chain(layout, writer)
    if width * rows <= _MOST_PIXELS:
        chain.push_all(strips(0, width), finest)
        return
    kept = _Kept(tiles, finest)
    for band in _bands(tiles, finest - kept.number, _MOST_PIXELS // rows):
        kept.begin(band)
        chain.push_all(strips(*band.shown), finest, band, kept)
    chain.push_all(kept.strips(), kept.number)


class _Band(NamedTuple):
    """Columns of pixels of the finest level.

    Attributes:
        tiles: (left, right) of the tiles that are written.
        shown: (left, right) of what these show, overlaps included.
    """

    tiles: tuple[int, int]
    shown: tuple[int, int]


def _bands(tiles: DeepZoomGenerator, halvings: int, wanted: int) -> Iterator[_Band]:
    """Bands of about a wanted width, from the left to the right.

    Their ends are ends of tiles in all levels but the one after so many halvings, and
    what they show ends between pixels of that one as well.
    """
    finest = tiles.level_count - 1
    width = tiles.level_dimensions[finest][0]
    step = tiles.tile_size << halvings
    step *= max(1, wanted // step)
    overlap = tiles.tile_size - tiles.get_tile_span(finest, 0, 1)[0]
    # Of the coarsest level that has bands, where it shows most.
    margin = -(-overlap // 2) << halvings
    for left in range(0, width, step):
        right = min(left + step, width)
        shown = (max(0, left - margin), min(right + margin, width))
        yield _Band((left, right), shown)


def _shrunk(columns: tuple[int, int], halvings: int) -> tuple[int, int]:
    """Where columns of pixels are after so many halvings."""
    left, right = columns
    return left >> halvings, -(-right >> halvings)


class _Receiver(Protocol):
    """What takes rows of pixels, one strip after another."""

    def push(self, rows: Rows) -> None:
        """Take the next rows."""


class _Kept:
    """A level that is kept whole, and put together of what bands leave of it.

    Attributes:
        number: of the level, the finest that is small enough.
    """

    def __init__(self, tiles: DeepZoomGenerator, finest: int) -> None:
        sizes = tiles.level_dimensions
        self.number = next(
            number
            for number in reversed(range(finest))
            if sizes[number][0] * sizes[number][1] <= _KEPT_PIXELS
        )
        self._size = sizes[self.number]
        self._halvings = finest - self.number
        self._image: Image | None = None
        self._left = self._top = 0

    def begin(self, band: _Band) -> None:
        """What is pushed from now on is of this band."""
        self._left, _ = _shrunk(band.shown, self._halvings)
        self._top = 0

    def push(self, rows: Rows) -> None:
        if self._image is None:
            self._image = Images.new("RGBX", self._size, None)
        self._image.paste(rows.image, (self._left, self._top))
        self._top += rows.height

    def strips(self) -> Iterator[Rows]:
        """All of it, from top to bottom."""
        assert self._image is not None  # there is always a band
        width, height = self._size
        rows = max(1, _STRIP_PIXELS // width)
        for top in range(0, height, rows):
            box = (0, top, width, min(top + rows, height))
            yield Rows.of(self._image.crop(box))


class _Chain:
    """Levels that get their rows from one another."""

    def __init__(self, layout: Layout, writer: TileWriter) -> None:
        self._layout = layout
        self._writer = writer

    def push_all(
        self,
        strips: Iterable[Rows],
        finest: int,
        band: _Band | None = None,
        kept: _Kept | None = None,
    ) -> None:
        """Write the tiles of a level, and of all above it but the one that is kept.

        strips: of the finest of these levels.
        """
        receiver: _Receiver | None = kept
        for number in range(0 if kept is None else kept.number + 1, finest + 1):
            width, _ = self._layout.tiles.level_dimensions[number]
            tiles, left = (0, width), 0
            if band is not None:
                tiles = _shrunk(band.tiles, finest - number)
                left, _ = _shrunk(band.shown, finest - number)
            level = _Level(number, receiver, self._layout, self._writer, tiles, left)
            receiver = level
        for strip in strips:
            level.push(strip)
            self._writer.wait(_ROUNDS)


class _Level:
    """Columns of a level, which gets their rows one strip after another.

    tiles: (left, right) of the tiles that it writes.
    left:  the first column of pixels that it gets.
    """

    def __init__(
        self,
        number: int,
        above: _Receiver | None,
        layout: Layout,
        writer: TileWriter,
        tiles: tuple[int, int],
        left: int,
    ) -> None:
        self._number = number
        self._above = above
        self._layout = layout
        self._writer = writer
        self._left = left
        self._width, self._height = layout.tiles.level_dimensions[number]
        side = layout.tiles.tile_size
        self._columns = range(tiles[0] // side, -(-tiles[1] // side))
        self._rows = layout.tiles.level_tiles[number][1]
        self._received = 0  # rows
        self._tile_row = 0  # that is to be written next
        self._strips: list[_Strip] = []  # that it may need
        self._unpaired: Rows | None = None  # one that waits for another

    def push(self, rows: Rows) -> None:
        """Take the next rows."""
        self._strips.append(_Strip(self._received, rows))
        self._received += rows.height
        self._pass_on(rows)
        while self._tile_row < self._rows:
            top, bottom = self._span(1, self._tile_row)
            self._strips = [strip for strip in self._strips if strip.end > top]
            if self._received < bottom:
                break
            self._write_row(top, bottom)
            self._tile_row += 1

    def _pass_on(self, rows: Rows) -> None:
        """Give the level above half the rows, and keep an odd one until the end."""
        if self._above is None:
            return
        if self._unpaired is not None:
            rows = self._unpaired + rows
        is_last = self._received == self._height
        paired = rows.height if is_last else rows.height // 2 * 2
        self._unpaired = rows[paired:] if paired < rows.height else None
        if paired > 0:
            self._above.push(rows[:paired].halved())

    def _write_row(self, top: int, bottom: int) -> None:
        strips = tuple(self._strips)
        for column in self._columns:
            left, right = self._span(0, column)
            path = self._layout.path(self._number, column, self._tile_row)
            box = (left - self._left, top, right - self._left, bottom)
            self._writer.write(path, partial(_cut_out, strips, box))

    def _span(self, axis: int, index: int) -> tuple[int, int]:
        """A tile's start and end, no farther than the level goes."""
        start, length = self._layout.tiles.get_tile_span(self._number, axis, index)
        return start, min(start + length, (self._width, self._height)[axis])


class _Strip(NamedTuple):
    """Rows of a level, from one of them on."""

    start: int
    rows: Rows

    @property
    def end(self) -> int:
        return self.start + self.rows.height


def _cut_out(strips: Iterable[_Strip], box: tuple[int, int, int, int]) -> Image:
    """A part of some strips, which must cover it."""
    left, top, right, bottom = box
    image = Images.new("RGBX", (right - left, bottom - top), None)
    for strip in strips:
        image.paste(strip.rows.image, (-left, strip.start - top))
    return image
