"""Thumbnails made on several threads are Pillow's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from openslide import _thumbnails

sides = st.integers(1, 3000)
limits = st.tuples(st.integers(1, 900), st.integers(1, 900))


@given(size=st.tuples(sides, sides), limit=limits)
@settings(deadline=None)
def test_the_size_is_pillows(size: tuple[int, int], limit: tuple[int, int]) -> None:
    image = Image.new("1", size)
    image.thumbnail(limit)
    assert _thumbnails.thumbnail_size(size, limit) == image.size


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize(
    ("size", "limit"),
    [
        ((1500, 1100), (600, 600)),
        ((1500, 1100), (1499, 1099)),
        ((1101, 1499), (299, 700)),
        ((1200, 1000), (2000, 2000)),  # already small enough
        ((1024, 1024), (1023, 5000)),
        ((3001, 777), (760, 760)),
        ((2000, 2000), (100, 100)),  # Pillow takes means first
        ((40, 30), (20, 20)),
    ],
)
def test_the_pixels_are_pillows(
    size: tuple[int, int], limit: tuple[int, int], threads: int
) -> None:
    width, height = size
    rgba = np.random.default_rng(width).integers(0, 256, (height, width, 4), np.uint8)
    rgba[..., 3] = 255
    expected = Image.fromarray(np.ascontiguousarray(rgba[..., :3]))
    expected.thumbnail(limit, Image.Resampling.LANCZOS)
    result = _thumbnails.thumbnail(bytearray(rgba.tobytes()), size, limit, threads)
    assert result.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(result), np.asarray(expected))
