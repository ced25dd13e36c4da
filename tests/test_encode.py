"""encode_jpeg: pixels to JPEG files, the same as Pillow's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies as st
from PIL import Image, features

from openslide import _openslide

Pixels = npt.NDArray[np.uint8]

pytestmark = pytest.mark.requires_libjpeg_turbo

# NumPy's arrays are buffers, which its type hints tell newer Pythons only.
encode_jpeg: Callable[..., bytes] = _openslide.encode_jpeg


def picture(width: int, height: int, noise: int = 20) -> Pixels:
    y, x, c = np.ogrid[:height, :width, :3]
    smooth = x * (c + 2) + y * 3 + (x * y >> 3)
    random = np.random.default_rng(width * height)
    noisy: Pixels = (smooth + random.integers(0, noise, smooth.shape)).astype(np.uint8)
    return noisy


def by_pillow(pixels: Pixels, quality: int) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@pytest.mark.skipif(
    not features.check_feature("libjpeg_turbo"), reason="Pillow has another libjpeg"
)
@hypothesis.given(
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    noise=st.integers(1, 256),
    quality=st.integers(1, 100),
)
def test_files_are_those_of_pillow(
    width: int, height: int, noise: int, quality: int
) -> None:
    pixels = picture(width, height, noise)
    assert encode_jpeg(pixels, quality) == by_pillow(pixels, quality)


def test_pixels_are_not_changed() -> None:
    pixels = picture(50, 40)
    before = pixels.copy()
    pixels.flags.writeable = False
    encode_jpeg(pixels, 80)
    np.testing.assert_array_equal(pixels, before)


def test_on_several_threads() -> None:
    pictures = [picture(width, 90) for width in range(1, 101)]
    alone = [encode_jpeg(pixels, 80) for pixels in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(encode_jpeg, pictures, [80] * 100))
    assert together == alone


@pytest.mark.parametrize(
    ("pixels", "says"),
    [
        (np.zeros((4, 4), np.uint8), "width, 3"),
        (np.zeros((4, 4, 2), np.uint8), "width, 3"),
        (np.zeros((4, 4, 4), np.uint8), "width, 3"),
        (np.zeros((2, 4, 3, 3), np.uint8), "width, 3"),
        (np.zeros((4, 4, 3), np.uint16), "bytes"),
        (np.zeros((0, 4, 3), np.uint8), "4 x 0"),
        (np.zeros((4, 0, 3), np.uint8), "0 x 4"),
        (np.zeros((1, 65501, 3), np.uint8), "65501 x 1"),
        (np.zeros((65501, 1, 3), np.uint8), "1 x 65501"),
        (np.zeros((4, 8, 3), np.uint8)[:, ::2], "contiguous"),
    ],
)
def test_what_is_no_picture(pixels: npt.NDArray[Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        encode_jpeg(pixels, 80)


@pytest.mark.parametrize("quality", [-1, 0, 101, 2**40])
def test_what_is_no_quality(quality: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 100, not {quality}"):
        encode_jpeg(picture(8, 8), quality)


def test_other_arguments() -> None:
    with pytest.raises(TypeError, match="bytes-like object is required, not 'str'"):
        encode_jpeg("a tile", 80)
    with pytest.raises(TypeError, match="quality"):
        encode_jpeg(picture(8, 8), 80.5)
    with pytest.raises(TypeError, match="encode_jpeg"):
        encode_jpeg(picture(8, 8))
