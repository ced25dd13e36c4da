"""Tiles as JPEG or PNG."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from .._openslide import encode_jpeg, jpeg_version

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .plan import TileOptions

EXTENSIONS = {"jpeg": "jpg", "png": "png"}


def encode(pixels: NDArray[np.uint8], options: TileOptions) -> bytes:
    """The file of a tile, RGB."""
    if options.format == "png":
        return _by_pillow(pixels, "PNG")
    if jpeg_version() is None:  # the same bytes, in one and a half times the time
        return _by_pillow(pixels, "JPEG", quality=options.quality)
    return encode_jpeg(pixels.data, options.quality)


def _by_pillow(pixels: NDArray[np.uint8], format: str, **how: int) -> bytes:
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, format, **how)
    return buffer.getvalue()
