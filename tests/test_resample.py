"""resample: pictures of another size, byte for byte those of Pillow."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies as st
from PIL import Image
from PIL.Image import Resampling

from openslide import _openslide, _resampling

Pixels = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]

FILTERS = [
    Resampling.BOX,
    Resampling.BILINEAR,
    Resampling.BICUBIC,
    Resampling.LANCZOS,
    Resampling.HAMMING,
]

# NumPy's arrays are buffers, which its type hints tell newer Pythons only.
resample: Callable[..., None] = _openslide.resample


def by_pillow(
    pixels: Pixels, size: tuple[int, int], filter: Resampling, box: Box | None = None
) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize(size, filter, box))


# What is drawn: a source, what is in it, and what becomes of it.

CONTENTS = ["noise", "extremes", "flat", "smooth"]
ALPHAS = ["opaque", "transparent", "noise", "extremes", "smooth"]


def content(kind: str, shape: tuple[int, ...], seed: int) -> Pixels:
    random = np.random.default_rng(seed)
    if kind == "noise":
        return random.integers(0, 256, shape, np.uint8)
    if kind == "extremes":  # filters overshoot most beside them
        return random.integers(0, 2, shape, np.uint8) * np.uint8(255)
    if kind == "flat":
        return np.full(shape, random.integers(0, 256, shape[2:]), np.uint8)
    y, x, *_ = np.ogrid[tuple(slice(side) for side in shape)]
    smooth: Pixels = np.broadcast_to(3 * x + 5 * y + seed, shape).astype(np.uint8)
    return smooth


def picture(size: tuple[int, int], kind: str, alpha: str | None, seed: int) -> Pixels:
    width, height = size
    pixels = content(kind, (height, width, 3 if alpha is None else 4), seed)
    if alpha in ("opaque", "transparent"):
        pixels[..., 3] = 255 if alpha == "opaque" else 0
    elif alpha is not None:
        pixels[..., 3] = content(alpha, (height, width), seed + 1)
    return pixels


sides = st.one_of(st.integers(1, 12), st.integers(1, 90), st.integers(200, 600))


@st.composite
def sizes(draw: st.DrawFn) -> tuple[int, int]:
    # Two long sides would take too long.
    size = (draw(sides), draw(st.integers(1, 40)))
    return size if draw(st.booleans()) else size[::-1]


@st.composite
def spans(draw: st.DrawFn, length: int) -> tuple[float, float]:
    """Part of one axis: all, whole pixels, or between them."""
    kind = draw(st.sampled_from(["all", "whole", "between", "empty"]))
    if kind == "all":
        return 0, length
    numbers: st.SearchStrategy[float] = (
        st.integers(0, length) if kind == "whole" else st.floats(0, length)
    )
    start = draw(numbers)
    end = start if kind == "empty" else draw(numbers)
    return min(start, end), max(start, end)


class Case(NamedTuple):
    pixels: Pixels
    size: tuple[int, int]
    filter: Resampling
    box: Box


@st.composite
def cases(draw: st.DrawFn) -> Case:
    source = draw(sizes())
    alpha = draw(st.sampled_from([None, *ALPHAS]))
    pixels = picture(
        source, draw(st.sampled_from(CONTENTS)), alpha, draw(st.integers(0, 999))
    )
    left, right = draw(spans(source[0]))
    upper, lower = draw(spans(source[1]))
    # The same size leaves pixels as they are, or moves them.
    size = draw(st.one_of(st.just(source), sizes()))
    return Case(
        pixels, size, draw(st.sampled_from(FILTERS)), (left, upper, right, lower)
    )


@hypothesis.settings(max_examples=400)
@hypothesis.given(case=cases())
def test_pixels_are_those_of_pillow(case: Case) -> None:
    result = _resampling.resize(*case)
    np.testing.assert_array_equal(result, by_pillow(*case))


@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize(
    ("source", "size"),
    [
        ((448, 448), (224, 224)),
        ((512, 512), (224, 224)),
        ((1500, 1200), (256, 205)),  # more than one chunk of a row
        ((60, 50), (700, 300)),
        ((40, 900), (30, 30)),  # columns first, from Pillow 13 on
        ((40, 900), (80, 30)),
        ((900, 40), (30, 30)),
        ((1, 1), (300, 300)),
        ((300, 300), (1, 1)),
        ((2000, 2), (3, 2)),
        ((2, 2000), (2, 3)),
    ],
    ids=str,
)
@pytest.mark.parametrize("alpha", [None, "noise"])
def test_sizes(
    source: tuple[int, int],
    size: tuple[int, int],
    filter: Resampling,
    alpha: str | None,
) -> None:
    pixels = picture(source, "noise", alpha, 1)
    result = _resampling.resize(pixels, size, filter)
    np.testing.assert_array_equal(result, by_pillow(pixels, size, filter))


@pytest.mark.parametrize("filter", FILTERS)
def test_both_orders(filter: Resampling) -> None:
    pixels = picture((50, 400), "noise", None, 2)
    rows_first = by_pillow(by_pillow(pixels, (25, 400), filter), (25, 40), filter)
    columns_first = by_pillow(by_pillow(pixels, (50, 40), filter), (25, 40), filter)
    assert not np.array_equal(rows_first, columns_first)
    result = np.empty((40, 25, 3), np.uint8)
    resample(pixels, result, (0, 0, 50, 400), filter, False)
    np.testing.assert_array_equal(result, rows_first)
    resample(pixels, result, (0, 0, 50, 400), filter, True)
    np.testing.assert_array_equal(result, columns_first)


@pytest.mark.parametrize("alpha", [None, "noise"])
@pytest.mark.parametrize("height", [70, 700])  # which decides what is first
def test_rows_that_lie_apart(alpha: str | None, height: int) -> None:
    around = picture((90, height), "noise", alpha, 3)
    pixels = around[10:-5, 20:-7]
    size, box = (31, 43), (2.5, 3.25, 60, 44.75)
    expected = by_pillow(pixels, size, Resampling.BICUBIC, box)
    result = _resampling.resize(pixels, size, Resampling.BICUBIC, box)
    np.testing.assert_array_equal(result, expected)

    upside_down = np.ascontiguousarray(pixels[::-1])[::-1]
    result = _resampling.resize(upside_down, size, Resampling.BICUBIC, box)
    np.testing.assert_array_equal(result, expected)

    frame = np.full((60, 50, pixels.shape[2]), 99, np.uint8)
    inside = frame[3:46, 4:35][::-1]
    _resampling.resize_into(pixels, inside, Resampling.BICUBIC, box)
    np.testing.assert_array_equal(inside, expected)
    frame[3:46, 4:35] = 99
    assert (frame == 99).all()


@pytest.mark.parametrize("height", [70, 700])
def test_rgb_of_pixels_with_a_byte_to_spare(height: int) -> None:
    pixels = picture((90, height), "noise", "noise", 4)
    result = np.empty((33, 40, 3), np.uint8)
    _resampling.resize_into(pixels, result, Resampling.LANCZOS, (0, 0, 90, height))
    colours = np.ascontiguousarray(pixels[..., :3])
    expected = by_pillow(colours, (40, 33), Resampling.LANCZOS)
    np.testing.assert_array_equal(result, expected)


def test_source_is_not_changed() -> None:
    pixels = picture((50, 40), "noise", "noise", 5)
    before = pixels.copy()
    pixels.flags.writeable = False
    _resampling.resize(pixels, (20, 30), Resampling.BICUBIC)
    np.testing.assert_array_equal(pixels, before)


def test_on_several_threads() -> None:
    pictures = [picture((width, 90), "noise", None, width) for width in range(1, 101)]

    def shrink(pixels: Pixels) -> Pixels:
        return _resampling.resize(pixels, (40, 40), Resampling.BICUBIC)

    alone = [shrink(pixels) for pixels in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(shrink, pictures))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


# Half the size


def halved_by_pillow(pixels: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(pixels).reduce(2))


@hypothesis.settings(max_examples=200)
@hypothesis.given(
    size=sizes(),
    kind=st.sampled_from(CONTENTS),
    alpha=st.sampled_from([None, *ALPHAS]),
    seed=st.integers(0, 999),
)
def test_halves_are_those_of_pillow(
    size: tuple[int, int], kind: str, alpha: str | None, seed: int
) -> None:
    pixels = picture(size, kind, alpha, seed)
    result = _resampling.halve(pixels)
    np.testing.assert_array_equal(result, halved_by_pillow(pixels))


def test_halves_of_pixels_with_a_byte_to_spare() -> None:
    pixels = picture((301, 203), "noise", "extremes", 8)
    result = np.empty((102, 151, 4), np.uint8)
    _resampling.halve_into(pixels, result, has_alpha=False)
    expected = halved_by_pillow(np.ascontiguousarray(pixels[..., :3]))
    np.testing.assert_array_equal(result[..., :3], expected)


@pytest.mark.parametrize("alpha", [None, "noise"])
@pytest.mark.parametrize("size", [(1023, 1025), (1024, 1024), (5001, 3)])
def test_halves_of_large_pictures(size: tuple[int, int], alpha: str | None) -> None:
    pixels = picture(size, "noise", alpha, 6)
    result = _resampling.halve(pixels)
    np.testing.assert_array_equal(result, halved_by_pillow(pixels))


def test_halves_of_rows_that_lie_apart() -> None:
    around = picture((90, 70), "noise", None, 7)
    pixels = around[10:-5, 20:-7][::-1]
    frame = np.full((60, 50, 3), 99, np.uint8)
    inside = frame[3:31, 4:36][::-1]
    _openslide.halve(pixels, inside, False)
    np.testing.assert_array_equal(inside, halved_by_pillow(pixels))
    frame[3:31, 4:36] = 99
    assert (frame == 99).all()


@pytest.mark.parametrize("shape", [(3, 5, 3), (3, 4, 4), (2, 4, 3)])
def test_what_is_not_half(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="must be 4 x 3 pixels of 3 bytes, not "):
        _openslide.halve(RGB, np.zeros(shape, np.uint8), False)


ALL = (0, 0, 8, 6)
RGB = np.zeros((6, 8, 3), np.uint8)


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        (RGB[0], RGB, "a source must be bytes"),
        (RGB.astype(np.uint16), RGB, "a source must be bytes"),
        (RGB[..., :2], RGB, "a source must be bytes"),
        (RGB[:, ::2], RGB, "side by side"),
        (RGB, RGB[..., 0], "a target must be bytes"),
        (RGB, RGB[:, ::-1], "side by side"),
        (RGB[:0], RGB, "8 x 0"),
        (RGB, np.zeros((5, 0, 3), np.uint8), "0 x 5"),
        (RGB, np.zeros((1, 2**24 + 1, 3), np.uint8), "not 16777217 x 1"),
        (RGB, np.zeros((6, 8, 4), np.uint8), "without alpha"),
    ],
)
def test_what_is_no_picture(
    source: npt.NDArray[Any], target: npt.NDArray[Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        resample(source, target, ALL, Resampling.BOX, False)


@pytest.mark.parametrize(
    "box",
    [
        (-0.5, 0, 8, 6),
        (0, -1, 8, 6),
        (0, 0, 8.5, 6),
        (0, 0, 8, 7),
        (5, 0, 4, 6),
        (0, 5, 8, 4),
        (float("nan"), 0, 8, 6),
        (0, 0, 8, float("nan")),
        (0, 0, float("inf"), 6),
    ],
)
def test_boxes_that_do_not_lie_within(box: Box) -> None:
    with pytest.raises(ValueError, match="lie within the source, 8 x 6 pixels"):
        resample(RGB, RGB.copy(), box, Resampling.BOX, False)


def test_other_arguments() -> None:
    with pytest.raises(TypeError, match="takes exactly 5 arguments"):
        resample(RGB, RGB.copy(), ALL, Resampling.BOX)
    with pytest.raises(TypeError, match=r"tuple \(left, upper, right, lower\)"):
        resample(RGB, RGB.copy(), [0, 0, 8, 6], Resampling.BOX, False)
    with pytest.raises(TypeError, match="must be real number"):
        resample(RGB, RGB.copy(), (0, 0, 8, "6"), Resampling.BOX, False)
    with pytest.raises(ValueError, match="or HAMMING"):
        resample(RGB, RGB.copy(), ALL, Resampling.NEAREST, False)
    with pytest.raises(TypeError, match="filter must be an integer"):
        resample(RGB, RGB.copy(), ALL, "bicubic", False)
    fixed = RGB.copy()
    fixed.flags.writeable = False
    with pytest.raises((ValueError, BufferError), match=r"read-only|writable"):
        resample(RGB, fixed, ALL, Resampling.BOX, False)
