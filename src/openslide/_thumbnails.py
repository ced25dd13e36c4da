"""Making a picture small on several threads, with the pixels that Pillow gives.

Pillow resizes in two passes, mostly first along rows and then along columns, and rounds
to bytes in between.  So strips of rows can have the first pass one by one, and strips of
columns the second.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from operator import getitem
from typing import TYPE_CHECKING

from ._images import from_opaque_rgba
from ._resampling import longer_first

if TYPE_CHECKING:
    from PIL.Image import Image

# Smaller pictures take less time than threads do.
_MANY_PIXELS = 1 << 20

# How much larger a picture must be for Pillow to take the mean of pixels first, which
# it does for all of it at once.
_REDUCED_FROM = 4


def thumbnail(
    read_rows: Callable[[int, int], bytearray | memoryview],
    size: tuple[int, int],
    limit: tuple[int, int],
    threads: int,
    strip: int,
) -> Image:
    """What Image.thumbnail(limit, LANCZOS) makes of a picture.

    read_rows: gives rows start to end, RGBA bytes with alpha 255 throughout; called
               by several threads.
    size:      (width, height) of the picture.
    strip:     how many rows to read at once.
    """
    from PIL.Image import Resampling

    target = thumbnail_size(size, limit)
    is_worth_it = threads > 1 and size[0] * size[1] >= _MANY_PIXELS
    if is_worth_it and _has_rows_made_small_first(size, target):
        return _shrink(read_rows, size, target, threads, strip)
    image = from_opaque_rgba(read_rows(0, size[1]), size)
    image.thumbnail(limit, Resampling.LANCZOS)
    return image


def _has_rows_made_small_first(size: tuple[int, int], target: tuple[int, int]) -> bool:
    """Whether Pillow's first pass is along rows, so that strips of them can have it."""
    scale = max(size[0] / target[0], size[1] / target[1])
    lost_columns, lost_rows = size[0] - target[0], size[1] - target[1]
    begins_with_columns = longer_first() and lost_rows > 2 * lost_columns
    return scale < _REDUCED_FROM and not begins_with_columns


def whole_limits(
    size: tuple[float, float], picture: tuple[int, int]
) -> tuple[int, int]:
    """The greatest (width, height) of a thumbnail of a picture, in whole pixels.

    As Pillow takes it: rounded down.  A picture is never made larger, so it does not
    count by how much a limit exceeds it.

    Raises ArgumentTypeError, ArgumentValueError or ArgumentOverflowError for what is
    no pair of numbers, and ArgumentZeroError where one is below 1.
    """
    try:
        width, height = (math.floor(side) for side in size)
        if width < picture[0] or height < picture[1]:
            getitem(size, 0)  # where it matters, sets are in no order
    except (TypeError, ValueError, OverflowError) as error:
        raise _no_numbers(size, error) from None
    if width < 1 or height < 1:
        from ._argument_errors import ArgumentZeroError

        raise ArgumentZeroError(f"size must be positive, at least 1 x 1, not {size!r}")
    return min(width, picture[0]), min(height, picture[1])


def _no_numbers(size: object, reason: Exception) -> Exception:
    from . import _argument_errors as errors

    kind: type[Exception] = errors.ArgumentValueError  # not two, or not-a-number
    if isinstance(reason, TypeError):
        kind = errors.ArgumentTypeError
    elif isinstance(reason, OverflowError):  # infinite
        kind = errors.ArgumentOverflowError
    return kind(f"{reason}: size must be finite (width, height), not {size!r}")


def rows_of(
    pixels: bytearray, size: tuple[int, int]
) -> Callable[[int, int], memoryview]:
    """Rows of a picture that was read already."""
    row_bytes = 4 * size[0]
    whole = memoryview(pixels)
    return lambda start, end: whole[row_bytes * start : row_bytes * end]


def thumbnail_size(size: tuple[int, int], limit: tuple[int, int]) -> tuple[int, int]:
    """The size that Image.thumbnail(limit) gives to a picture.

    The largest that fits into `limit` and has the same aspect, as nearly as whole
    pixels allow; never larger than the picture.
    """
    width, height = size
    x, y = limit
    if x >= width and y >= height:
        return size
    aspect = width / height
    if x / y >= aspect:
        return _nearest(y * aspect, lambda side: abs(aspect - side / y)), y
    return x, _nearest(x / aspect, lambda side: abs(aspect - x / side) if side else 0)


def _nearest(side: float, error: Callable[[int], float]) -> int:
    return max(min(math.floor(side), math.ceil(side), key=error), 1)


def _shrink(
    read_rows: Callable[[int, int], bytearray | memoryview],
    size: tuple[int, int],
    target: tuple[int, int],
    threads: int,
    strip: int,
) -> Image:
    from PIL import Image

    width, height = size
    narrow = Image.new("RGB", (target[0], height))
    small = Image.new("RGB", target)

    def shrink_rows(start: int) -> None:
        end = min(start + strip, height)
        rows = from_opaque_rgba(read_rows(start, end), (width, end - start))
        resized = rows.resize((target[0], end - start), Image.Resampling.LANCZOS)
        narrow.paste(resized, (0, start))

    def shrink_columns(start: int) -> None:
        end = min(start + columns, target[0])
        part = narrow.crop((start, 0, end, height))
        resized = part.resize((end - start, target[1]), Image.Resampling.LANCZOS)
        small.paste(resized, (start, 0))

    columns = math.ceil(target[0] / (4 * threads))  # several parts for each thread
    with ThreadPoolExecutor(threads) as pool:
        deque(pool.map(shrink_rows, range(0, height, strip)), maxlen=0)
        deque(pool.map(shrink_columns, range(0, target[0], columns)), maxlen=0)
    return small
