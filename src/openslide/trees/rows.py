"""Rows of pixels in memory: RGBX, of which the fourth byte means nothing.

Four bytes are what Pillow gives an RGB pixel too, so that memory and image are the same.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, cast

from .._images import from_rgba
from .._resampling import halve_into

if TYPE_CHECKING:
    from PIL.Image import Image

_PIXEL_BYTES = 4


class Rows:
    """Rows of one width, one after another.

    memory: their pixels, which the rows take over.
    """

    def __init__(
        self, memory: bytes | bytearray | memoryview, width: int, height: int
    ) -> None:
        self._memory = memory
        self.width = width
        self.height = height

    @classmethod
    def of(cls, image: Image) -> Rows:
        """A copy of an image, RGB or RGBX."""
        return cls(image.tobytes("raw", "RGBX"), *image.size)

    @cached_property
    def image(self) -> Image:
        """The same pixels as an image, RGBX; who changes one changes both."""
        # Pillow takes any buffer, whatever its type hints say.
        memory = cast(bytes, self._memory)
        return from_rgba(memory, (self.width, self.height), "RGBX")

    def __getitem__(self, rows: slice) -> Rows:
        """Some of the rows, the same pixels."""
        start, end, _ = rows.indices(self.height)
        row_bytes = _PIXEL_BYTES * self.width
        part = memoryview(self._memory)[row_bytes * start : row_bytes * end]
        return Rows(part, self.width, end - start)

    def __add__(self, below: Rows) -> Rows:
        """A copy of these rows and others below them."""
        memory = b"".join((self._memory, below._memory))
        return Rows(memory, self.width, self.height + below.height)

    def halved(self) -> Rows:
        """The means of 2 x 2 pixels, as Pillow's Image.reduce(2) makes them.

        Where a side is odd, the last pixels are the means of those that there are.
        """
        width, height = (self.width + 1) // 2, (self.height + 1) // 2
        memory = bytearray(_PIXEL_BYTES * width * height)
        halve_into(
            memoryview(self._memory).cast("B", (self.height, self.width, _PIXEL_BYTES)),
            memoryview(memory).cast("B", (height, width, _PIXEL_BYTES)),
            has_alpha=False,
        )
        return Rows(memory, width, height)
