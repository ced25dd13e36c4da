"""Making a picture small on several threads, with the pixels that Pillow gives.

Pillow resizes in two passes, first along rows and then along columns, and rounds to
bytes in between.  So strips of rows can have the first pass one by one, and strips of
columns the second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ._images import from_opaque_rgba

if TYPE_CHECKING:
    from PIL.Image import Image

# Smaller pictures take less time than threads do.
_MANY_PIXELS = 1 << 20

# How much larger a picture must be for Pillow to take the mean of pixels first, which
# it does for all of it at once.
_REDUCED_FROM = 4


def thumbnail(
    pixels: bytearray, size: tuple[int, int], limit: tuple[int, int], threads: int
) -> Image:
    """What Image.thumbnail(limit, LANCZOS) makes of a picture.

    pixels: RGBA bytes with alpha 255 throughout.
    size:   (width, height) of the picture.
    """
    from PIL.Image import Resampling

    target = thumbnail_size(size, limit)
    scale = max(size[0] / target[0], size[1] / target[1])
    if threads > 1 and size[0] * size[1] >= _MANY_PIXELS and scale < _REDUCED_FROM:
        return _shrink(pixels, size, target, threads)
    image = from_opaque_rgba(pixels, size)
    image.thumbnail(limit, Resampling.LANCZOS)
    return image


def thumbnail_size(size: tuple[int, int], limit: tuple[int, int]) -> tuple[int, int]:
    """The size that Image.thumbnail(limit) gives to a picture.

    The largest that fits into `limit` and has the same aspect, as nearly as whole
    pixels allow; never larger than the picture.
    """
    width, height = size
    x, y = math.floor(limit[0]), math.floor(limit[1])
    if x >= width and y >= height:
        return size
    aspect = width / height
    if x / y >= aspect:
        return _nearest(y * aspect, lambda side: abs(aspect - side / y)), y
    return x, _nearest(x / aspect, lambda side: abs(aspect - x / side) if side else 0)


def _nearest(side: float, error: Callable[[int], float]) -> int:
    return max(min(math.floor(side), math.ceil(side), key=error), 1)


def _shrink(
    pixels: bytearray, size: tuple[int, int], target: tuple[int, int], threads: int
) -> Image:
    from PIL import Image

    width, height = size
    narrow = Image.new("RGB", (target[0], height))
    small = Image.new("RGB", target)
    whole = memoryview(pixels)

    def shrink_rows(start: int, end: int) -> None:
        rows = whole[4 * width * start : 4 * width * end]
        strip = from_opaque_rgba(rows, (width, end - start))
        resized = strip.resize((target[0], end - start), Image.Resampling.LANCZOS)
        narrow.paste(resized, (0, start))

    def shrink_columns(start: int, end: int) -> None:
        strip = narrow.crop((start, 0, end, height))
        resized = strip.resize((end - start, target[1]), Image.Resampling.LANCZOS)
        small.paste(resized, (start, 0))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(shrink_rows, *zip(*_spans(height, threads), strict=True)))
        list(pool.map(shrink_columns, *zip(*_spans(target[0], threads), strict=True)))
    return small


def _spans(length: int, count: int) -> Iterator[tuple[int, int]]:
    """Parts of about the same length, several for each thread."""
    step = math.ceil(length / (4 * count))
    return ((start, min(start + step, length)) for start in range(0, length, step))
