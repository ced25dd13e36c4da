"""argb2rgba: premultiplied ARGB words to straight RGBA bytes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies as st

from openslide import _openslide
from openslide.lowlevel import _convert

Words = npt.NDArray[np.uint32]


# NumPy's arrays are buffers, which its type hints tell newer Pythons only.
convert: Callable[[Any], None] = _convert.argb2rgba


def formula(words: Words) -> npt.NDArray[np.uint8]:
    """Bytes R, G, B, A of each word; those of alpha 0 are as they were."""
    alpha = words >> 24
    divisor = np.maximum(alpha, 1)
    channels = [(255 * (words >> shift & 255) // divisor) & 255 for shift in (16, 8, 0)]
    result = np.stack([*channels, alpha], axis=-1).astype(np.uint8)
    unchanged = words.reshape(-1).view(np.uint8).reshape(*words.shape, 4)
    return np.where((alpha == 0)[..., np.newaxis], unchanged, result)


def converted(words: Words) -> npt.NDArray[np.uint8]:
    copy = words.copy()
    convert(copy)
    return copy.reshape(-1).view(np.uint8).reshape(*words.shape, 4)


def test_a_few_by_hand() -> None:
    words = np.array(
        [0xFF102030, 0x80402010, 0x80FF0000, 0x01010001, 0x00123456], np.uint32
    )
    expected = [
        [0x10, 0x20, 0x30, 0xFF],
        [127, 63, 31, 0x80],
        [255 * 255 // 128 & 255, 0, 0, 0x80],  # more than its alpha: wraps around
        [255, 0, 255, 1],
        [*(0x00123456).to_bytes(4, sys.byteorder)],
    ]
    assert converted(words).tolist() == expected


@pytest.mark.parametrize("shift", [16, 8, 0], ids=["red", "green", "blue"])
def test_every_alpha_with_every_value(shift: int) -> None:
    alpha, value = np.mgrid[:256, :256].astype(np.uint32)
    others = np.uint32(0x102030 & ~(255 << shift))
    words = alpha << 24 | value << shift | others
    assert words.size == np.unique(words).size == 65536
    assert np.array_equal(converted(words), formula(words))


def test_every_value_of_one_alpha_in_any_order() -> None:
    # A vector holds one alpha or many: both ways of going through the same words.
    alpha, value = np.mgrid[:256, :256].astype(np.uint32)
    words = (alpha << 24 | value << 16 | value << 8 | value).ravel()
    shuffled = np.random.default_rng(1).permutation(words)
    assert np.array_equal(converted(shuffled), formula(shuffled))


word = st.integers(0, 2**32 - 1)
# Opaque and transparent words have fast ways of their own, for whole vectors.
runs = st.tuples(
    st.one_of(st.just(0xFF), st.just(0), st.integers(0, 255)),
    st.integers(0, 2**24 - 1),
    st.integers(1, 70),
)


@hypothesis.given(
    words=st.lists(word, max_size=100), before=st.integers(0, 17), runs=st.lists(runs)
)
def test_any_words_at_any_place(
    words: list[int], before: int, runs: list[tuple[int, int, int]]
) -> None:
    for alpha, colour, length in runs:
        words = words + [alpha << 24 | colour] * length
    after = 40
    mark = 0x80FEDCBA
    memory = np.array([mark] * before + words + [mark] * after, np.uint32)
    part = memory[before : before + len(words)]
    expected = formula(part)
    convert(part)
    assert np.array_equal(part.view(np.uint8).reshape(-1, 4), expected)
    assert (memory[:before] == mark).all()
    assert (memory[before + len(words) :] == mark).all()


def test_nothing() -> None:
    convert(np.empty(0, np.uint32))
    convert(np.empty((3, 0), np.uint32))


def test_the_kernel_has_a_name() -> None:
    assert _openslide.conversion_kernel()
