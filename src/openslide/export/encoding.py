"""Tiles as JPEG or PNG."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

from .._images import from_rgba

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .plan import TileOptions

EXTENSIONS = {"jpeg": "jpg", "png": "png"}


def encode(pixels: NDArray[np.uint8], options: TileOptions) -> bytes:
    """The file of a tile; RGBX is for JPEG only."""
    buffer = BytesIO()
    image = picture(pixels)
    if options.format == "jpeg":
        image.save(buffer, "JPEG", quality=options.quality)
    else:
        image.save(buffer, "PNG")
    return buffer.getvalue()


def picture(pixels: NDArray[np.uint8]) -> Image.Image:
    """The pixels of a tile, RGB, or RGBX, which shares the memory."""
    height, width, channels = pixels.shape
    if channels == 4:
        return from_rgba(pixels, (width, height), "RGBX")
    return Image.fromarray(pixels)
