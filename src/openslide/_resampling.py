"""Pictures of another size, the same bytes as Pillow's Image.resize(), in less time."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from . import _arrays, _openslide

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Resampling

#: The first Pillow that begins with the columns where these lose more than twice as
#: many pixels as the rows, which gives other bytes.
_LONGER_FIRST_SINCE = 13


def resize(
    pixels: NDArray[np.uint8],
    size: tuple[int, int],
    filter: Resampling,
    box: tuple[float, float, float, float] | None = None,
) -> NDArray[np.uint8]:
    """What the installed Pillow's Image.resize(size, filter, box) gives.

    pixels: uint8 (height, width, 3 or 4), RGB or RGBA with straight alpha; the
            pixels of a row lie side by side.
    size:   (width, height) of the result.
    filter: BOX, BILINEAR, HAMMING, BICUBIC or LANCZOS.
    box:    (left, upper, right, lower), what is resized; by default all.

    Raises ValueError for another filter, for a box that does not lie within the
    picture, and for pictures without pixels.
    """
    height, width, channels = pixels.shape
    result = _arrays.numpy().empty((size[1], size[0], channels), "uint8")
    resize_into(pixels, result, filter, box or (0, 0, width, height))
    return result  # type: ignore[no-any-return]


def resize_into(
    pixels: NDArray[np.uint8],
    result: NDArray[np.uint8],
    filter: Resampling,
    box: tuple[float, float, float, float],
) -> None:
    """The same into an array that is there; RGBA makes RGB as well, without its alpha."""
    _openslide.resample(pixels, result, box, filter, longer_first())


def halve(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What Pillow's Image.reduce(2) gives: the mean of each 2 x 2 pixels.

    Takes what resize() does.  Sides of the result are half as long, rounded up; where
    one is odd, the last pixels are the means of those that there are.
    """
    height, width, channels = pixels.shape
    shape = ((height + 1) // 2, (width + 1) // 2, channels)
    result = _arrays.numpy().empty(shape, "uint8")
    halve_into(pixels, result, has_alpha=channels == 4)
    return result  # type: ignore[no-any-return]


def halve_into(source: object, target: object, *, has_alpha: bool) -> None:
    """The same of a buffer, into another one that is half as large.

    has_alpha: whether the fourth byte of a pixel is alpha, or but one more sample.
    """
    _openslide.halve(source, target, has_alpha)


@cache
def longer_first() -> bool:
    """Whether the installed Pillow may begin with the columns."""
    import PIL

    return int(PIL.__version__.split(".")[0]) >= _LONGER_FIRST_SINCE
