"""The slide as a tree shows it: rows of RGB pixels from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from .._errors import OpenSlideError
from .._properties import background_color
from .._slide import AbstractSlide

if TYPE_CHECKING:
    from PIL.Image import Image

#: Enough for a read to be shared by all cores, see ext/region.c.
_STRIP_PIXELS = 5 << 19

#: Where the slide names no size of tiles.
_USUAL_TILE = 256


class Box(NamedTuple):
    """A rectangle of the area shown, in level-0 pixels from its corner."""

    x: int
    y: int
    width: int
    height: int


class Source:
    """Level 0 of a slide.

    offset:  (x, y) of the area shown.
    size:    (width, height) of it.
    convert: what is done to the colours.

    damaged: what could not be read, and is background therefore.
    """

    def __init__(
        self,
        slide: AbstractSlide,
        offset: tuple[int, int],
        size: tuple[int, int],
        convert: Callable[[Image], Image],
    ) -> None:
        self._slide = slide
        self._offset = offset
        self._size = size
        self._convert = convert
        self._background = background_color(slide.properties)
        self._tile_height = int(
            slide.properties.get("openslide.level[0].tile-height", _USUAL_TILE)
        )
        self.damaged: list[Box] = []

    def strips(self) -> Iterator[Image]:
        """All rows, in strips that end where stored tiles do: each is decoded once."""
        width, height = self._size
        row = 0
        while row < height:
            end = min(self._strip_end(row), height)
            yield self._convert(self._read_strip(Box(0, row, width, end - row)))
            row = end

    def _strip_end(self, row: int) -> int:
        """Where the strip that begins in this row ends, in rows of the area."""
        tile = self._tile_height
        rows = max(1, _STRIP_PIXELS // (self._size[0] * tile)) * tile
        start = row + self._offset[1]
        return start // tile * tile + rows - self._offset[1]

    def _read_strip(self, box: Box) -> Image:
        try:
            return self.read(box)
        except OpenSlideError:
            return self._read_in_pieces(box)

    def _read_in_pieces(self, box: Box) -> Image:
        from PIL import Image

        image = Image.new("RGB", box[2:], self._background)
        for x in range(0, box.width, self._tile_height):
            width = min(self._tile_height, box.width - x)
            for y in range(0, box.height, self._tile_height):
                height = min(self._tile_height, box.height - y)
                piece = Box(box.x + x, box.y + y, width, height)
                try:
                    image.paste(self.read(piece), (x, y))
                except OpenSlideError:
                    self.damaged.append(piece)
        return image

    def read(self, box: Box) -> Image:
        """An RGB image of a part, over the slide's background colour."""
        location = (box.x + self._offset[0], box.y + self._offset[1])
        return self._slide._read_flat(
            location, 0, (box.width, box.height), self._background
        )
