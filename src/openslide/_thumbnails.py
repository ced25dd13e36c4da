"""The size of a thumbnail, and what Pillow does to make one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from operator import getitem
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

#: How much larger than the thumbnail Pillow leaves a picture of means at least.
_REDUCING_GAP = 2.0

#: How much larger a picture must be for Pillow to take the mean of pixels first.
_REDUCED_FROM = 2 * _REDUCING_GAP


def is_resized_at_once(size: tuple[int, int], target: tuple[int, int]) -> bool:
    """Whether Image.thumbnail() does no more than Image.resize() does."""
    scale = max(size[0] / target[0], size[1] / target[1])
    return size != target and scale < _REDUCED_FROM


def small_of_strips(
    strips: Iterable[Image], size: tuple[int, int], target: tuple[int, int]
) -> Image:
    """What Image.thumbnail() makes by LANCZOS where it takes the mean of pixels first.

    strips: the picture from top to bottom, RGB, of any height each.
    size:   (width, height) of the picture.
    target: the same of the result, as thumbnail_size() has it.
    """
    from PIL import Image
    from PIL.Image import Resampling

    factors = tuple(
        int(side / small / _REDUCING_GAP) or 1
        for side, small in zip(size, target, strict=True)
    )
    across, down = factors
    means = Image.new("RGB", (-(-size[0] // across), -(-size[1] // down)))
    rest: Image.Image | None = None
    row, below = 0, size[1]  # of the means, and of the picture
    for strip in strips:
        below -= strip.height
        rows = strip if rest is None else _stacked(rest, strip)
        # The last ones may be the mean of fewer.
        height = rows.height if below == 0 else rows.height // down * down
        if height:
            part = rows.reduce((across, down), (0, 0, rows.width, height))
            means.paste(part, (0, row))
            row += part.height
        rest = rows.crop((0, height, *rows.size)) if height < rows.height else None
    box = (0, 0, size[0] / across, size[1] / down)
    return means.resize(target, Resampling.LANCZOS, box)


def _stacked(upper: Image, lower: Image) -> Image:
    from PIL import Image

    both = Image.new("RGB", (upper.width, upper.height + lower.height))
    both.paste(upper, (0, 0))
    both.paste(lower, (0, upper.height))
    return both


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
