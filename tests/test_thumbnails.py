"""Thumbnails are Pillow's, whoever makes them."""

from __future__ import annotations

import ctypes
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from openslide import (
    AbstractSlide,
    ImageSlide,
    OpenSlide,
    _abstract_slide,
    _thumbnails,
    set_num_threads,
)
from openslide._images import flatten
from tests.slides import write_aperio, write_generic
from tests.slides.writers import VIPS_RAW

sides = st.integers(1, 3000)
limits = st.tuples(st.integers(1, 900), st.integers(1, 900))


@given(size=st.tuples(sides, sides), limit=limits)
def test_the_size_is_pillows(size: tuple[int, int], limit: tuple[int, int]) -> None:
    image = Image.new("1", size)
    image.thumbnail(limit)
    assert _thumbnails.thumbnail_size(size, limit) == image.size


@pytest.mark.parametrize(
    ("size", "kind"),
    [
        *[((0.5, 10), ValueError), ((10, 0.5), ZeroDivisionError)],
        *[((1e-300, 5), ValueError), ((0, 5), ValueError), ((5, -5), ValueError)],
        *[((math.nan, 5), ValueError), ((5, math.nan), ValueError)],
        *[((5,), ValueError), ((5, 5, 5), ValueError), ((), ValueError)],
        *[((math.inf, 5), OverflowError), ((5, -math.inf), OverflowError)],
        *[(("5", "5"), TypeError), ((None, 5), TypeError), ((5j, 5), TypeError)],
        *[(5, TypeError), (None, TypeError), ("ab", TypeError)],
    ],
)
def test_sizes_that_are_none(size: Any, kind: type[Exception]) -> None:
    image = ImageSlide(Image.new("RGB", (40, 30)))
    with pytest.raises(kind) as caught:
        image.get_thumbnail(size)
    assert isinstance(caught.value, ctypes.ArgumentError)
    assert repr(size) in str(caught.value)


@given(st.tuples(*[st.floats(1, 1e300) | st.integers(1, 99) | st.just(10**400)] * 2))
def test_limits_are_pillows(limit: tuple[float, float]) -> None:
    slide = ImageSlide(Image.new("RGB", (60, 45), "navy"))
    expected = Image.new("RGB", (60, 45))
    expected.thumbnail(tuple(min(side, 1000) for side in limit))  # type: ignore[arg-type]
    assert slide.get_thumbnail(limit).size == expected.size  # type: ignore[arg-type]


@pytest.mark.parametrize("factor", [4, 4.01])
def test_levels_in_strips_are_whole_levels(tmp_path: Path, factor: float) -> None:
    height = round(400 * factor)
    image = np.random.default_rng(4).integers(0, 256, (height, 4800, 3), np.uint8)
    facts = write_aperio(tmp_path, image=image, factors=(1, 4))
    with OpenSlide(facts.path) as slide, OpenSlide(facts.path, direct=False) as plain:
        for limit in ((900, 900), (4000, 4000)):
            expected = plain.get_thumbnail(limit)
            assert slide.get_thumbnail(limit).tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("size", "limit"),
    [
        ((1500, 1100), (600, 600)),
        ((1500, 1100), (1499, 1099)),
        ((1101, 1499), (299, 700)),
        # Tall ones, of which recent Pillows resize the columns first.
        ((900, 2400), (700, 700)),
        ((900, 2400), (1000, 1000)),
        ((1200, 1000), (2000, 2000)),  # already small enough
        ((1024, 1024), (1023, 5000)),
        ((3001, 777), (760, 760)),
        ((2000, 2000), (100, 100)),  # Pillow takes means first
        ((40, 30), (20, 20)),
    ],
)
def test_the_pixels_are_pillows(
    tmp_path: Path, size: tuple[int, int], limit: tuple[int, int]
) -> None:
    width, height = size
    image = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    # At the right and lower edge, and in the hole, there is background.
    path = write_generic(
        tmp_path, dialect=VIPS_RAW, image=image, missing=(1,), factors=(1,)
    ).path
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        assert (slide.direct_levels, plain.direct_levels) == ((0,), ())
        expected = flatten(plain.read_region((0, 0), 0, size), "white")
        expected.thumbnail(limit, Image.Resampling.LANCZOS)
        results = []
        for threads in (1, 2, 5):
            set_num_threads(threads)
            results += [each.get_thumbnail(limit) for each in (slide, plain)]
        set_num_threads(None)
    for result in results:
        assert result.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(result), np.asarray(expected))


@given(
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    limit=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    heights=st.lists(st.integers(1, 90), min_size=1, max_size=4),
)
@settings(max_examples=60)
def test_strips_are_made_small_as_pillow_does(
    size: tuple[int, int], limit: tuple[int, int], heights: list[int]
) -> None:
    target = _thumbnails.thumbnail_size(size, limit)
    assume(target != size and not _thumbnails.is_resized_at_once(size, target))
    width, height = size
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    strips, start = [], 0
    for rows in itertools.cycle(heights):
        strips.append(Image.fromarray(pixels[start : start + rows]))
        start += rows
        if start >= height:
            break
    result = _thumbnails.small_of_strips(strips, size, target)
    expected = Image.fromarray(pixels)
    expected.thumbnail(limit, Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(np.asarray(result), np.asarray(expected))


@pytest.mark.parametrize("kind", ["direct", "libopenslide", "picture"])
def test_slides_of_one_level_are_read_in_strips(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = (900, 1100)
    image = np.random.default_rng(4).integers(0, 256, (*size[::-1], 3), np.uint8)
    slide: AbstractSlide
    if kind == "picture":
        slide = ImageSlide(Image.fromarray(image))
    else:
        facts = write_generic(tmp_path, dialect=VIPS_RAW, image=image, factors=(1,))
        slide = OpenSlide(facts.path, direct=kind == "direct")
    whole = Image.fromarray(image)
    whole.thumbnail((130, 130), Image.Resampling.LANCZOS)
    read: list[int] = []
    read_flat = type(slide)._read_flat

    def watched(*arguments: Any) -> Image.Image:
        strip = read_flat(*arguments)
        read.append(strip.height)
        return strip

    monkeypatch.setattr(type(slide), "_read_flat", watched)
    monkeypatch.setattr(_abstract_slide, "_STRIP_PIXELS", 1 << 18)
    assert slide.get_thumbnail((130, 130)).tobytes() == whole.tobytes()
    assert len(read) > 2
    assert max(read) < 600
    slide.close()
