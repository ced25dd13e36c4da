"""The slide as a tree shows it: rows of pixels from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from .._abstract_slide import AbstractSlide
from .._errors import OpenSlideError
from .._images import with_profile
from .._properties import background_color
from .rows import Rows

if TYPE_CHECKING:
    from PIL.Image import Image

#: Enough for a read to be shared by all cores, see ext/region.c.
_STRIP_PIXELS = 5 << 19

#: More would take much memory: stored tiles are then decoded once for each strip.
_MOST_PIXELS = 1 << 23

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

    offset:      (x, y) of the area shown.
    size:        (width, height) of it.
    convert:     what is done to the colours.
    note_damage: is told of what cannot be read and why; it is background therefore.

    Attributes:
        tile_height: of stored tiles, in pixels.
    """

    def __init__(
        self,
        slide: AbstractSlide,
        offset: tuple[int, int],
        size: tuple[int, int],
        convert: Callable[[Image], Image],
        note_damage: Callable[[Box, OpenSlideError], None],
    ) -> None:
        self._slide = slide
        self._offset = offset
        self._size = size
        self._convert = convert
        self._note_damage = note_damage
        properties = slide.properties
        self._background = background_color(properties)
        self._tile_width, self.tile_height = (
            int(properties.get(f"openslide.level[0].tile-{side}", _USUAL_TILE))
            for side in ("width", "height")
        )

    def strips(self, left: int, right: int) -> Iterator[Rows]:
        """The rows between two columns, in strips that end where stored tiles do.

        So each of these is decoded once, unless they are so large that a strip has
        not even all rows of one.
        """
        width, height = right - left, self._size[1]
        stored = width * self.tile_height
        if stored <= _MOST_PIXELS:
            rows = max(1, _STRIP_PIXELS // stored) * self.tile_height
        else:
            rows = -(-self.tile_height // -(-stored // _MOST_PIXELS))
        for y, end in _parts(height, self._offset[1], rows):
            strip = self._read_strip(Box(left, y, width, end - y))
            image = with_profile(strip.image, self._slide._profile)
            converted = self._convert(image)
            yield strip if converted is image else Rows.of(converted)

    def _read_strip(self, box: Box) -> Rows:
        try:
            return self._read(box)
        except OpenSlideError:
            return self._read_in_pieces(box)

    def _read_in_pieces(self, strip: Box) -> Rows:
        """A strip by stored tiles, so that damage costs no more than these."""
        from PIL import Image

        image = Image.new("RGBX", (strip.width, strip.height), self._background)
        x, y = self._offset[0] + strip.x, self._offset[1] + strip.y
        for left, right in _parts(strip.width, x, self._tile_width):
            for upper, lower in _parts(strip.height, y, self.tile_height):
                piece = Box(
                    strip.x + left, strip.y + upper, right - left, lower - upper
                )
                try:
                    image.paste(self._read(piece).image, (left, upper))
                except OpenSlideError as error:
                    self._note_damage(piece, error)
        return Rows.of(image)

    def _read(self, box: Box) -> Rows:
        """A part over the slide's background colour."""
        location = (box.x + self._offset[0], box.y + self._offset[1])
        size = (box.width, box.height)
        pixels = self._slide._read_rgbx(location, 0, size, self._background)
        return Rows(pixels, *size)


def _parts(length: int, offset: int, side: int) -> Iterator[tuple[int, int]]:
    """Start and end of the parts of a length that a grid cuts it into.

    offset: where the length begins on the grid.
    side:   of the grid's cells.
    """
    start = 0
    while start < length:
        end = min(((start + offset) // side + 1) * side - offset, length)
        yield start, end
        start = end
