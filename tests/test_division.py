"""A large read, which is divided, holds what one call of libopenslide returns."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies as st

from openslide import OpenSlide, lowlevel
from tests.slides import (
    SlideFacts,
    reference,
    write_aperio,
    write_argos,
    write_generic,
    write_huron,
    write_mirax,
    write_trestle,
    write_ventana_bif,
)

#: Reads of more pixels than this are divided.
UNDIVIDED_PIXELS = 2 << 20
#: libopenslide itself divides what is wider or higher than this.
LIBRARY_SIDE = 4096

Pair = tuple[int, int]


def shown(rgba: bytes, size: Pair) -> npt.NDArray[np.uint32]:
    return np.frombuffer(rgba, np.uint32).reshape(size[1], size[0])


def check(slide: OpenSlide, location: Pair, level: int, size: Pair) -> None:
    """Compare a divided read with a single call of openslide_read_region()."""
    assert size[0] * size[1] > UNDIVIDED_PIXELS
    divided = slide.read_region(location, level, size)
    buffer = (ctypes.c_uint32 * (size[0] * size[1]))()
    lowlevel._read_region(slide._osr, buffer, *location, level, *size)
    whole = lowlevel._load_image(buffer, size)
    assert divided.size == whole.size == size
    if divided.tobytes() != whole.tobytes():
        pixels = shown(divided.tobytes(), size), shown(whole.tobytes(), size)
        rows, columns = np.nonzero(pixels[0] != pixels[1])
        pytest.fail(
            f"read_region({location}, {level}, {size}) differs from one call in "
            f"{len(rows)} pixels: rows {rows.min()} to {rows.max()}, columns "
            f"{columns.min()} to {columns.max()}"
        )


class Chooser:
    """Random regions, the same in every run."""

    def __init__(self, seed: str, slide: OpenSlide) -> None:
        self._random = random.Random(seed)
        self._slide = slide

    def shape(self, area: int) -> Pair:
        """About square, wide or tall, of at least `area` pixels."""
        ratio = self._random.choice((1, 1, 3, 8, 1 / 3, 1 / 8))
        width = int((area * ratio) ** 0.5) + self._random.randrange(100)
        return width, -(-area // width) + self._random.randrange(1, 100)

    def long_shape(self) -> Pair:
        """Longer in one direction than libopenslide reads at once."""
        length = LIBRARY_SIDE + self._random.randrange(1, 4000)
        shape = length, UNDIVIDED_PIXELS // length + 1
        return shape if self._random.random() < 0.5 else shape[::-1]

    def start(self, level: int, size: Pair) -> Pair:
        """Where a region meets the level, in level pixels; negative, as a rule."""
        dimensions = self._slide.level_dimensions[level]
        x, y = (
            self._random.randint(-length + min(length, limit) // 2, limit // 2)
            for length, limit in zip(size, dimensions, strict=True)
        )
        return x, y

    def on_the_grid(self, level: int, start: Pair) -> Pair:
        step = max(1, int(self._slide.level_downsamples[level]))
        return start[0] * step, start[1] * step

    def off_the_grid(self, level: int, start: Pair) -> Pair:
        downsample = self._slide.level_downsamples[level]
        step = max(1, int(downsample))
        x, y = (
            int(position * downsample) + self._random.randrange(step)
            for position in start
        )
        return x, y

    def area(self, least: float, most: float) -> int:
        """In pixels; the limits are in millions."""
        return self._random.randint(int(least * 1e6), int(most * 1e6))


#: One of each way in which libopenslide puts tiles together, whatever their encoding.
LAYOUTS = (
    *("aperio-jpeg", "generic-lzw", "generic-sparse", "trestle", "ventana-bif"),
    *("ventana-tif", "leica", "philips", "huron", "argos", "ndpi", "vms", "vmu"),
    *("mirax", "sakura", "zeiss-raw", "dicom-jpeg", "dicom-sparse"),
)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout(slides: Mapping[str, SlideFacts], name: str) -> None:
    with OpenSlide(slides[name].path) as slide:
        choose = Chooser(name, slide)
        for level in range(min(2, slide.level_count)):
            size = choose.shape(choose.area(2.1, 2.6))
            location = choose.on_the_grid(level, choose.start(level, size))
            check(slide, location, level, size)
            # Off the grid nothing is divided up to 4096 pixels.
            size = choose.long_shape()
            location = choose.off_the_grid(level, choose.start(level, size))
            check(slide, location, level, size)


@pytest.mark.parametrize(
    "name", ["aperio-jpeg", "leica", "mirax", "trestle", "ventana-bif", "zeiss-raw"]
)
def test_nine_megapixels(slides: Mapping[str, SlideFacts], name: str) -> None:
    with OpenSlide(slides[name].path) as slide:
        choose = Chooser(f"{name}, large", slide)
        size = choose.shape(choose.area(8, 9))
        check(slide, choose.on_the_grid(0, choose.start(0, size)), 0, size)


# Downsamples that are no integers


def odd_writers() -> Mapping[str, Callable[[Path], SlideFacts]]:
    """Slides whose sizes their factors do not divide.

    Two are longer than 4096 pixels on an upper level too.
    """
    odd = reference()[:811, :1037]
    wide = np.tile(reference()[:131], (1, 7, 1))[:, :13_001]
    tall = np.ascontiguousarray(wide.transpose(1, 0, 2))
    return {
        "generic": lambda folder: write_generic(
            folder, image=odd, tile=(64, 48), factors=(1, 3, 7), encoding="lzw"
        ),
        "aperio": lambda folder: write_aperio(folder, image=odd, factors=(1, 2, 5)),
        "argos": lambda folder: write_argos(folder, image=odd, factors=(1, 3, 10)),
        "huron": lambda folder: write_huron(folder, image=odd, factors=(1, 4, 16)),
        "trestle": lambda folder: write_trestle(folder, image=odd),
        "wide": lambda folder: write_generic(
            folder, image=wide, factors=(1, 3), encoding="lzw"
        ),
        "tall": lambda folder: write_aperio(folder, image=tall, factors=(1, 3)),
    }


@pytest.fixture(scope="module", params=odd_writers())
def odd_slide(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenSlide]:
    folder = tmp_path_factory.mktemp("odd")
    with OpenSlide(odd_writers()[request.param](folder).path) as slide:
        yield slide


def around_a_boundary(
    boundary: Pair, downsample: float, offset: Pair, length: int
) -> Iterator[tuple[Pair, Pair]]:
    """Regions whose 4096th column or row is at a position in level pixels."""
    for vertical in (False, True):
        along = int((boundary[vertical] - LIBRARY_SIDE) * downsample) + offset[0]
        aside = int(-7 * downsample) + offset[1]
        location = (aside, along) if vertical else (along, aside)
        thickness = UNDIVIDED_PIXELS // length + 1
        size = (thickness, length) if vertical else (length, thickness)
        yield location, size


def test_downsamples_that_are_no_integers(odd_slide: OpenSlide) -> None:
    for level, downsample in enumerate(odd_slide.level_downsamples):
        assert level == 0 or downsample != int(downsample)
        width, height = odd_slide.level_dimensions[level]
        within, before = (width // 2, height // 2), (-2000, -2000)
        for boundary, offset, length in (
            (within, (1, 2), 4097),
            (before, (2, 0), 7001),
        ):
            for region in around_a_boundary(boundary, downsample, offset, length):
                check(odd_slide, region[0], level, region[1])
        # Within 4096 pixels there is nothing to divide, but at level 0.
        check(odd_slide, (-3, -5), level, (1449, 1448))


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("format", ["mirax", "ventana-bif"])
def test_tiles_between_pixels(tmp_path: Path, format: str, level: int) -> None:
    """Where overlaps are no multiples of the downsample."""
    facts = (
        write_mirax(tmp_path, overlap=37)
        if format == "mirax"
        else write_ventana_bif(tmp_path, overlap=(37, 21))
    )
    with OpenSlide(facts.path) as slide:
        step = int(slide.level_downsamples[level])
        for start, size in (
            ((-901, -1001), (1600, 1400)),
            ((-2000, -7), (5000, 500)),
            ((3, -2011), (500, 5000)),
        ):
            location = (start[0] * step, start[1] * step)
            check(slide, location, level, size)


def test_both_sides_beyond_what_the_library_divides(tmp_path: Path) -> None:
    facts = odd_writers()["generic"](tmp_path)
    with OpenSlide(facts.path) as slide:
        downsample = slide.level_downsamples[1]
        corner = int(-3950 * downsample)
        check(slide, (corner, corner + 1), 1, (LIBRARY_SIDE + 90, LIBRARY_SIDE + 80))


# Shapes


@pytest.fixture(scope="module")
def exact(slides: Mapping[str, SlideFacts]) -> Iterator[OpenSlide]:
    with OpenSlide(slides["generic-lzw"].path) as slide:
        yield slide


@pytest.mark.parametrize(
    ("location", "level", "size"),
    [
        ((5, -1_500_000), 0, (1, 3_000_000)),
        ((-1_500_000, 5), 0, (3_000_000, 1)),
        ((5, -1_500_000 * 4), 1, (1, 3_000_000)),
        ((-1_500_001 * 4 + 1, 6), 1, (3_000_000, 1)),
        ((-2_100_000, 767), 0, (2_100_001, 1)),
        ((1023, -350_000), 0, (7, 350_010)),
    ],
)
def test_narrow(exact: OpenSlide, location: Pair, level: int, size: Pair) -> None:
    check(exact, location, level, size)


@pytest.mark.parametrize(
    ("location", "level", "size"),
    [
        ((-2000, -2000), 0, (1500, 1500)),
        ((1024, 0), 0, (1500, 1500)),
        ((0, 768), 0, (5000, 500)),
        ((10**9, -(10**9)), 0, (1500, 1500)),
        ((-(2**45), 2**45), 0, (1500, 1500)),
        ((2**62, 0), 1, (500, 5000)),
        ((0, 0), 3, (1500, 1500)),
        ((0, 0), -1, (1500, 1500)),
        ((1, 1), 2, (5000, 500)),
    ],
)
def test_outside(exact: OpenSlide, location: Pair, level: int, size: Pair) -> None:
    check(exact, location, level, size)


@pytest.mark.parametrize(
    "size", [(1448, 1449), (1449, 1448), (2048, 1025), (2_097_153, 1), (1, 2_097_153)]
)
def test_the_smallest_read_that_is_divided(exact: OpenSlide, size: Pair) -> None:
    check(exact, (3, 2), 0, size)


# Anything


SOME = ("aperio-jpeg", "generic-sparse", "ndpi", "mirax-png", "sakura", "zeiss-bgr48")


@st.composite
def regions(draw: st.DrawFn) -> tuple[Pair, int, Pair]:
    area = draw(st.integers(UNDIVIDED_PIXELS + 1, 3_000_000))
    width = draw(st.integers(300, 9000))
    size = (width, -(-area // width))
    level = draw(st.integers(0, 2))
    step = draw(st.sampled_from((1, 2, 4, 16)))
    x, y = (draw(st.integers(-length, 2048)) for length in size)
    return (x * step, y * step), level, size


@hypothesis.settings(max_examples=40)
@hypothesis.given(name=st.sampled_from(SOME), region=regions())
def test_any_region(
    slides: Mapping[str, SlideFacts], name: str, region: tuple[Pair, int, Pair]
) -> None:
    with OpenSlide(slides[name].path) as slide:
        check(slide, *region)
