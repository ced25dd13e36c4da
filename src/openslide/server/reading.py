"""Pixels of a slide for a picture: in bounded memory, and whatever is damaged."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, cast

from .. import _arrays
from .._errors import OpenSlideError
from .._properties import background_color, stored_tile_side
from .._resampling import resize_into
from .._slide import OpenSlide

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

#: More pixels of the slide are not held at once for one picture: 48 MB.
_MOST_PIXELS = 1 << 24

#: The side of stored tiles where the slide does not tell.
_USUAL_TILE = 256

#: What is made smaller than this is made of means of pixels first, as Pillow does it.
_REDUCED_FROM = 4


class Box(NamedTuple):
    """A rectangle, in pixels of what it is a part of."""

    x: int
    y: int
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height


class Picture(NamedTuple):
    """RGB pixels (height, width, 3).

    Attributes:
        pixels:     their bytes.
        is_damaged: whether some are background for want of sound data.
    """

    pixels: memoryview
    is_damaged: bool

    @classmethod
    def of(cls, image: Image, *, is_damaged: bool) -> Picture:
        """The pixels of an RGB image."""
        pixels = memoryview(image.tobytes())
        shape = (image.height, image.width, 3)
        return cls(pixels.cast("B", shape), is_damaged)

    def as_image(self) -> Image:
        """An image, which shares these pixels."""
        from PIL import Image

        memory = cast("bytes | bytearray", self.pixels.obj)
        return Image.frombuffer("RGB", self.size, memory, "raw", "RGB", 0, 1)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        height, width, _ = self.pixels.shape or ()
        return width, height


def _blank(size: tuple[int, int]) -> memoryview:
    width, height = size
    return memoryview(bytearray(3 * width * height)).cast("B", (height, width, 3))


class Reader:
    """Reads a slide over its background colour.

    What cannot be read becomes background.
    """

    def __init__(self, slide: OpenSlide) -> None:
        self._slide = slide
        self.background = _arrays.named_rgb(background_color(slide.properties))
        self._packed = _arrays.packed(self.background)

    def blank(self, size: tuple[int, int]) -> Picture:
        """Background."""
        pixels = bytearray(bytes(self.background) * (size[0] * size[1]))
        return Picture(memoryview(pixels).cast("B", (size[1], size[0], 3)), False)

    def read(
        self, level: int, box: Box, location: tuple[int, int] | None = None
    ) -> Picture:
        """A box of a level, in pixels of that level.

        location: (x, y) of its corner in level-0 pixels, where it is known.
        """
        pixels = _blank(box.size)
        corner = location or (box.x, box.y)
        try:
            self._slide._osr.read_into(
                pixels, corner, level, self._packed, location is None
            )
        except OpenSlideError:
            return self._read_in_pieces(level, box)
        return Picture(pixels, False)

    def read_resized(
        self,
        level: int,
        box: Box,
        size: tuple[int, int],
        location: tuple[int, int] | None = None,
    ) -> Picture:
        """The same, made to have `size` by Lanczos' filter."""
        if box.size == size:
            return self.read(level, box, location)
        if box.width * box.height > _MOST_PIXELS:
            return self._read_in_bands(level, box, size)
        return _resized(self.read(level, box, location), size)

    def _read_in_pieces(self, level: int, box: Box) -> Picture:
        """A box that is damaged somewhere: what of it stored tiles show that are not."""
        from PIL import Image

        image = Image.new("RGB", box.size, self.background)
        pieces = list(_pieces(box, self._stored_tile(level)))
        for piece in pieces if len(pieces) > 1 else ():
            part = self.read(level, piece).as_image()
            image.paste(part, (piece.x - box.x, piece.y - box.y))
        return Picture.of(image, is_damaged=True)

    def _stored_tile(self, level: int) -> tuple[int, int]:
        """(width, height) of the tiles of a level."""
        properties = self._slide.properties
        return (
            stored_tile_side(properties, level, "width") or _USUAL_TILE,
            stored_tile_side(properties, level, "height") or _USUAL_TILE,
        )

    def _read_in_bands(self, level: int, box: Box, size: tuple[int, int]) -> Picture:
        """A large box made small in parts, so that little of it is held at once."""
        from PIL import Image

        image = Image.new("RGB", size, self.background)
        is_damaged = False
        x_scale, y_scale = box.width / size[0], box.height / size[1]
        for target in _parts(size, math.ceil(box.width * box.height / _MOST_PIXELS)):
            left, upper = target.x * x_scale, target.y * y_scale
            right = min(left + target.width * x_scale, box.width)
            lower = min(upper + target.height * y_scale, box.height)
            x, y = math.floor(left), math.floor(upper)
            source = Box(
                box.x + x, box.y + y, math.ceil(right) - x, math.ceil(lower) - y
            )
            picture = self.read(level, source)
            is_damaged |= picture.is_damaged
            part = picture.as_image().resize(
                target.size,
                Image.Resampling.BOX,
                (left - x, upper - y, right - x, lower - y),
            )
            image.paste(part, (target.x, target.y))
        return Picture.of(image, is_damaged=is_damaged)


def _resized(source: Picture, size: tuple[int, int]) -> Picture:
    """What Image.thumbnail() makes of a picture, where it is made smaller."""
    from PIL import Image

    width, height = source.size
    if max(width / size[0], height / size[1]) < _REDUCED_FROM:
        pixels = _blank(size)
        resize_into(
            cast("NDArray[np.uint8]", source.pixels),
            cast("NDArray[np.uint8]", pixels),
            Image.Resampling.LANCZOS,
            (0, 0, width, height),
        )
        return source._replace(pixels=pixels)
    image = source.as_image().resize(
        size, Image.Resampling.LANCZOS, reducing_gap=_REDUCED_FROM / 2
    )
    return Picture.of(image, is_damaged=source.is_damaged)


def _pieces(box: Box, tile: tuple[int, int]) -> Iterator[Box]:
    """A box cut in two along each side, where tiles meet that is nearest to its middle."""
    for left, right in _halves(box.x, box.width, tile[0]):
        for upper, lower in _halves(box.y, box.height, tile[1]):
            yield Box(left, upper, right - left, lower - upper)


def _halves(start: int, length: int, side: int) -> Iterator[tuple[int, int]]:
    end = start + length
    cut = round((start + end) / 2 / side) * side
    if not start < cut < end:
        cut = -(-start // side) * side if start % side else start + side
    yield from pairwise((start, cut, end)) if start < cut < end else ((start, end),)


def _parts(size: tuple[int, int], count: int) -> Iterator[Box]:
    """Boxes that cover a picture, about as many as wanted, of a pixel at least."""
    side = math.ceil(math.sqrt(count))
    columns, rows = min(size[0], side), min(size[1], side)
    for row in range(rows):
        upper, lower = size[1] * row // rows, size[1] * (row + 1) // rows
        for column in range(columns):
            left, right = size[0] * column // columns, size[0] * (column + 1) // columns
            yield Box(left, upper, right - left, lower - upper)
