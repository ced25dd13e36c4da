"""Reads without libopenslide give what it gives, and leave it what they cannot read."""

from __future__ import annotations

import copy
import io
import math
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image as Images
from PIL.Image import Image

from openslide import OpenSlide, OpenSlideCache, OpenSlideError
from tests.damage.fields import integers
from tests.direct_reads import nothing_can_be_opened
from tests.slides import (
    VARIANTS,
    SlideFacts,
    reference,
    write_aperio,
    write_argos,
    write_generic,
    write_huron,
    write_philips,
    write_ventana_tif,
)
from tests.slides.codecs import jpeg
from tests.slides.content import RgbImage, shrink
from tests.slides.direct import ALL_DIRECT
from tests.slides.stored import blank_tile, stored_tile
from tests.slides.tiff import TiffWriter, jpeg_codec

# Older releases refuse some of the slides.
pytestmark = [
    pytest.mark.requires_openslide("4.0.1"),
    pytest.mark.requires_direct_reads,
]

Pair = tuple[int, int]
Region = tuple[Pair, int, Pair]

#: Sides that no tile divides, and downsamples that are no integers: 2.0005 and
#: about 4.003 from the first, 4.00025 from the second, 2.00008 from the last.
IMAGE = reference()[:600, :2001]
WIDE = np.tile(reference()[:400], (1, 4, 1))[:, :8001]
WIDEST = np.tile(reference()[:100], (1, 6, 1))[:, :12003]

WRITERS: dict[str, Callable[..., SlideFacts]] = {
    "aperio": partial(write_aperio, image=IMAGE, factors=(1, 2), tile=240),
    "aperio-wide": partial(
        write_aperio, image=WIDE, factors=(1, 4, 16), subsampling="4:4:4", icc=False
    ),
    "aperio-rgb": partial(
        write_aperio, image=IMAGE, encoding="rgb", tile=(248, 136), factors=(1, 5)
    ),
    "aperio-widest": partial(write_aperio, image=WIDEST, factors=(1, 2)),
    "generic-tall": partial(
        write_generic, image=WIDEST.swapaxes(0, 1), factors=(1, 2), icc=False
    ),
    "generic": partial(
        write_generic,
        image=IMAGE,
        tile=(248, 136),
        factors=(1, 2, 4),
        subsampling="4:2:2",
        restart_interval=7,
    ),
    "generic-rgb": partial(
        write_generic, image=IMAGE, encoding="rgb", factors=(1, 4), shared_tables=True
    ),
    "generic-sparse": partial(
        write_generic,
        image=IMAGE,
        big=True,
        byteorder=">",
        missing=(0, 9, 10),
        factors=(1, 2),
        restart_interval=1,
    ),
    "philips": partial(write_philips, image=IMAGE, tile=208, missing=(4, 5)),
    "huron": partial(
        write_huron, image=IMAGE, factors=(1, 3), shared_tables=True, tile=112
    ),
    "argos": partial(
        write_argos, image=IMAGE, missing=(3,), factors=(1, 2), subsampling="4:4:4"
    ),
    "ventana": partial(
        write_ventana_tif, image=IMAGE, subsampling="4:2:2", factors=(1, 2, 4)
    ),
}

#: As scanners and programs write them, but not where libopenslide makes up tiles.
ALONE = [
    name
    for name in VARIANTS
    if name in ALL_DIRECT and not name.startswith(("aperio-hole", "dicom"))
]
#: Of several files, which need not be open together.
IN_FOLDERS = [name for name in ALL_DIRECT if name.startswith("dicom")]
SINGLE_FILES = [*WRITERS, *ALONE]


class Two(NamedTuple):
    """A slide, read directly and by libopenslide."""

    direct: OpenSlide
    plain: OpenSlide


@pytest.fixture(scope="module")
def pairs(
    slides: Mapping[str, SlideFacts], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Two]]:
    folder = tmp_path_factory.mktemp("direct")
    paths = {name: write(folder, name=name).path for name, write in WRITERS.items()}
    paths |= {name: slides[name].path for name in (*ALONE, *IN_FOLDERS)}
    pairs = {
        name: Two(OpenSlide(path), OpenSlide(path, direct=False))
        for name, path in paths.items()
    }
    yield pairs
    for two in pairs.values():
        two.direct.close()
        two.plain.close()


def must_be_direct(slide: OpenSlide) -> None:
    assert slide.direct_levels == tuple(range(slide.level_count))
    assert slide.indirect_levels == {}


def without_libopenslide(slide: OpenSlide, read: Callable[[OpenSlide], Any]) -> Any:
    """What a slide gives while libopenslide cannot read anything."""
    slide._osr.trust_direct_reads()
    slide.read_region((0, 0), slide.level_count - 1, (1, 1))  # has the file opened
    with nothing_can_be_opened():
        return read(slide)


def read_region(region: Region, slide: OpenSlide) -> Image:
    return slide.read_region(*region)


# Pixels


class Wish(NamedTuple):
    """A region in terms that fit any slide."""

    level: int
    place: tuple[float, float]  # 0 is the left or upper edge, 1 the other
    on_the_grid: bool
    size: Pair

    def of(self, slide: OpenSlide) -> Region:
        """Arguments of read_region()."""
        level = self.level % slide.level_count
        step = slide.level_downsamples[level] if self.on_the_grid else 1
        x, y = (
            int(int(part * side / step) * step)
            for part, side in zip(self.place, slide.dimensions, strict=True)
        )
        return (x, y), level, self.size


def wishes(most: int = 500) -> st.SearchStrategy[Wish]:
    side = st.integers(1, most)
    long = st.integers(4097, 4400)
    part = st.floats(-0.25, 1.125)
    return st.builds(
        Wish,
        st.integers(0, 3),
        st.tuples(part, part),
        st.booleans(),
        st.one_of(
            st.tuples(side, side),
            st.tuples(side, side),
            st.tuples(side, side),
            st.tuples(long, st.integers(1, 60)),
            st.tuples(st.integers(1, 60), long),
        ),
    )


any_slide = st.sampled_from(SINGLE_FILES)


@hypothesis.settings(max_examples=300)
@hypothesis.given(name=any_slide, wish=wishes())
def test_regions(pairs: Mapping[str, Two], name: str, wish: Wish) -> None:
    two = pairs[name]
    region = wish.of(two.plain)
    must_be_direct(two.direct)
    ours = without_libopenslide(two.direct, partial(read_region, region))
    assert ours.tobytes() == two.plain.read_region(*region).tobytes()
    must_be_direct(two.direct)


@hypothesis.settings(max_examples=40)
@hypothesis.given(
    is_tall=st.booleans(),
    level=st.integers(0, 1),
    place=st.tuples(st.integers(-900, 3500), st.integers(-20, 90)),
    size=st.tuples(st.integers(4097, 4500), st.integers(1, 60)),
)
def test_regions_longer_than_libopenslide_reads_at_once(
    pairs: Mapping[str, Two], is_tall: bool, level: int, place: Pair, size: Pair
) -> None:
    """It truncates the position of what is beyond 4096 pixels."""
    two = pairs["generic-tall" if is_tall else "aperio-widest"]
    region = (place[::-1], level, size[::-1]) if is_tall else (place, level, size)
    ours = without_libopenslide(two.direct, partial(read_region, region))
    assert ours.tobytes() == two.plain.read_region(*region).tobytes()
    must_be_direct(two.direct)


@hypothesis.settings(max_examples=40)
@hypothesis.given(name=any_slide, wish=wishes())
def test_regions_over_a_background(
    pairs: Mapping[str, Two], name: str, wish: Wish
) -> None:
    two = pairs[name]
    region = wish.of(two.plain)
    read = partial(OpenSlide.read_array, location=region[0], background="teal")
    read = partial(read, level=region[1], size=region[2])
    ours = without_libopenslide(two.direct, read)
    np.testing.assert_array_equal(ours, read(two.plain))
    must_be_direct(two.direct)


@hypothesis.settings(max_examples=60)
@hypothesis.given(
    name=any_slide,
    wish=wishes(),
    capacity=st.sampled_from([0, 200_000, 1_000_000]),
    mode=st.sampled_from(["RGB", "RGBA"]),
)
def test_regions_that_do_not_fit_the_cache(
    pairs: Mapping[str, Two], name: str, wish: Wish, capacity: int, mode: Any
) -> None:
    """Their tiles are decoded where they show."""
    plain = pairs[name].plain
    location, level, size = wish.of(plain)
    read = partial(OpenSlide.read_array, location=location, level=level, size=size)
    read = partial(read, mode=mode, background="teal")
    with OpenSlide(str(plain._filename)) as slide:
        slide.set_cache(OpenSlideCache(capacity))
        ours = without_libopenslide(slide, read)
        np.testing.assert_array_equal(ours, read(plain))
        must_be_direct(slide)


@hypothesis.settings(max_examples=25)
@hypothesis.given(
    name=any_slide,
    wanted=st.lists(wishes(), min_size=1, max_size=12),
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    mode=st.sampled_from(["RGB", "RGBA"]),
)
def test_batches(
    pairs: Mapping[str, Two], name: str, wanted: list[Wish], size: Pair, mode: Any
) -> None:
    two = pairs[name]
    regions = [wish.of(two.plain) for wish in wanted]
    locations = [location for location, _, _ in regions]
    levels = [level for _, level, _ in regions]

    def read(slide: OpenSlide) -> Any:
        return slide.read_batch(locations, levels, size, mode=mode, workers=3)

    ours = without_libopenslide(two.direct, read)
    np.testing.assert_array_equal(ours, read(two.plain))
    must_be_direct(two.direct)


@hypothesis.settings(max_examples=60)
@hypothesis.given(
    name=st.sampled_from([*SINGLE_FILES, *IN_FOLDERS]),
    wanted=st.lists(wishes(700), min_size=1, max_size=3),
)
def test_first_reads(pairs: Mapping[str, Two], name: str, wanted: list[Wish]) -> None:
    """Which are compared with libopenslide, and are the same without exception."""
    plain = pairs[name].plain
    with OpenSlide(str(plain._filename)) as slide:
        must_be_direct(slide)
        for wish in wanted:
            region = wish.of(slide)
            ours = slide.read_region(*region).tobytes()
            assert ours == plain.read_region(*region).tobytes()
        must_be_direct(slide)


@pytest.mark.parametrize("name", SINGLE_FILES)
def test_whole_levels(pairs: Mapping[str, Two], name: str) -> None:
    two = pairs[name]
    for level, size in enumerate(two.plain.level_dimensions):
        region = ((-30, -40), level, (size[0] + 50, size[1] + 60))
        ours = without_libopenslide(two.direct, partial(read_region, region))
        assert ours.tobytes() == two.plain.read_region(*region).tobytes()
    must_be_direct(two.direct)


def test_the_limit_stops_libopenslide(pairs: Mapping[str, Two]) -> None:
    """Lest the other tests prove nothing."""
    if sys.platform == "win32":
        pytest.skip("there is no such limit")
    with OpenSlide(str(pairs["aperio"].plain._filename), direct=False) as slide:
        slide.read_region((0, 0), 0, (1, 1))
        with nothing_can_be_opened(), pytest.raises(OpenSlideError):
            slide.read_region((500, 300), 0, (1, 1))


# Single pixels of a tile

#: Neighbours differ so much that interpolation shows wherever there is any.
SPECKLES = np.random.default_rng(1).choice(
    np.array([0, 255], np.uint8), size=(1201, 1601, 3)
)
#: How near a pixel libopenslide paints another pixel as it is, which is more than
#: how near it copies a tile.
NEAR = 0.005
COPIED = 1 / 512


def nearly_on_a_pixel(side: int, downsample: float) -> list[int]:
    """Level-0 positions from which levels are resampled, by next to nothing."""
    places = range(side - int(40 * downsample))
    return [at for at in places if COPIED < _off_a_pixel(at / downsample) < NEAR]


def _off_a_pixel(position: float) -> float:
    return abs(position - round(position))


class SpeckledSlide(NamedTuple):
    two: Two
    tile: Pair
    near: tuple[tuple[list[int], list[int]], ...]  # of each level, across and down


@pytest.fixture(scope="module")
def speckles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpeckledSlide]:
    """Downsamples are no integers, nor near one, like 4.0003."""
    tile = (112, 96)
    facts = write_generic(
        tmp_path_factory.mktemp("speckles"),
        image=SPECKLES,
        tile=tile,
        factors=(1, 2, 3, 4, 5),
        subsampling="4:4:4",
    )
    two = Two(OpenSlide(facts.path), OpenSlide(facts.path, direct=False))
    near = tuple(
        (
            nearly_on_a_pixel(two.plain.dimensions[0], downsample),
            nearly_on_a_pixel(two.plain.dimensions[1], downsample),
        )
        for downsample in two.plain.level_downsamples
    )
    with two.direct, two.plain:
        yield SpeckledSlide(two, tile, near)


def to_the_next_tile(position: int, downsample: float, tile: int) -> int:
    """How many pixels of a level show one of the next tile."""
    return tile - round(position / downsample) % tile + 1


single_pixels = st.sampled_from(["one pixel", "one of the next tile", "one axis"])


@hypothesis.settings(max_examples=200)
@hypothesis.given(data=st.data(), kind=single_pixels, level=st.integers(1, 4))
def test_single_pixels(
    speckles: SpeckledSlide, data: st.DataObject, kind: str, level: int
) -> None:
    """A tile that shows in one pixel is not interpolated there."""
    two = speckles.two
    downsample = two.plain.level_downsamples[level]
    place = [data.draw(st.sampled_from(near)) for near in speckles.near[level]]
    size = [1, 1]
    if kind == "one axis":
        outside = data.draw(st.integers(0, 1))
        place[outside] = data.draw(st.integers(-300, -1))
        size[outside] = int(-place[outside] / downsample) + 1
    elif kind == "one of the next tile":
        size = [
            to_the_next_tile(at, downsample, side)
            for at, side in zip(place, speckles.tile, strict=True)
        ]
    region = ((place[0], place[1]), level, (size[0], size[1]))
    ours = without_libopenslide(two.direct, partial(read_region, region))
    assert ours.tobytes() == two.plain.read_region(*region).tobytes()
    must_be_direct(two.direct)


@pytest.mark.parametrize("level", range(1, 5))
def test_every_place_of_a_single_pixel(speckles: SpeckledSlide, level: int) -> None:
    two = speckles.two
    across, down = speckles.near[level]
    places = [(x, y) for x in across for y in down]

    def read(slide: OpenSlide) -> Any:
        return slide.read_batch(places, level, (1, 1), mode="RGBA", workers=1)

    assert len(places) > 40
    ours = without_libopenslide(two.direct, read)
    np.testing.assert_array_equal(ours, read(two.plain))


# Pixels of a level as they are stored

EXACT: dict[str, tuple[Callable[..., SlideFacts], RgbImage, int]] = {
    "aperio": (partial(write_aperio, tile=240), IMAGE, 2),
    "aperio-wide": (partial(write_aperio, subsampling="4:4:4"), WIDE, 4),
    "generic": (partial(write_generic, tile=(248, 136)), IMAGE, 5),
    "argos": (write_argos, IMAGE, 4),
}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A slide whose levels are read in parts, and another that is its level 1."""
    folder = tmp_path_factory.mktemp("large")
    image = np.tile(reference(), (2, 3, 1))[:2401, :4803]
    both = write_generic(folder, name="both", image=image, factors=(1, 2))
    alone = write_generic(folder, name="one", image=shrink(image, 2), factors=(1,))
    return both.path, alone.path


def test_large_regions(large: tuple[Path, Path]) -> None:
    regions: list[Region] = [
        ((0, 0), 0, (4803, 2401)),
        ((-7, 33), 0, (4300, 600)),
        ((0, 0), 1, (2401, 1200)),
        ((-31, 17), 1, (2500, 1100)),
    ]
    with OpenSlide(large[0]) as slide, OpenSlide(large[0], direct=False) as plain:
        for region in regions:
            ours = without_libopenslide(slide, partial(read_region, region))
            assert ours.tobytes() == plain.read_region(*region).tobytes()
        must_be_direct(slide)


@pytest.mark.skipif(sys.platform == "win32", reason="files in use are locked")
@pytest.mark.parametrize("way", ["a region", "a batch"])
def test_what_does_not_fit_the_cache_leaves_it_alone(tmp_path: Path, way: str) -> None:
    image = np.tile(reference(), (2, 3, 1))[:2400, :4800]
    path = write_generic(tmp_path, image=image, factors=(1,)).path
    with OpenSlide(path) as slide:
        before = slide.read_region(*tile(0)).tobytes()
        assert 4 * image.shape[0] * image.shape[1] > 32 << 20
        if way == "a region":
            slide.read_region((0, 0), 0, image.shape[1::-1])
        else:
            rows_of_tiles = [(0, y) for y in range(0, image.shape[0], 256)]
            slide.read_batch(rows_of_tiles, 0, (image.shape[1], 256))
        os.truncate(path, 100)
        assert slide.read_region(*tile(0)).tobytes() == before
        with pytest.raises(OpenSlideError):
            slide.read_region((2700, 1400), 0, (10, 10))


def test_large_regions_in_level_coordinates(large: tuple[Path, Path]) -> None:
    with OpenSlide(large[0]) as slide, OpenSlide(large[1], direct=False) as one:
        size = slide.level_dimensions[1]
        assert slide.level_downsamples[1] != 2
        for x, y in ((0, 0), (-41, 7)):
            np.testing.assert_array_equal(
                slide.read_array((x, y), 1, size, coordinates="level"),
                one.read_array((x, y), 0, size),
            )
        must_be_direct(slide)


@pytest.mark.parametrize("name", EXACT)
def test_level_coordinates_are_exact(tmp_path: Path, name: str) -> None:
    """A level reads as it does where another slide has it for level 0."""
    writer, image, factor = EXACT[name]
    facts = writer(tmp_path, name="both", image=image, factors=(1, factor))
    alone = writer(tmp_path, name="one", image=shrink(image, factor), factors=(1,))
    with OpenSlide(alone.path, direct=False) as one:
        width, height = one.dimensions
        stored = one.read_array((0, 0), 0, one.dimensions)
    frame = np.pad(stored, ((90, 90), (90, 90), (0, 0)), constant_values=255)
    places = [(0, 0), (37, 101), (-80, 17), (width - 30, height - 20), (240, -3)]
    places += [(column, column % 97) for column in range(1, width, 61)]
    size = (90, 70)
    expected = [frame[y + 90 :, x + 90 :][: size[1], : size[0]] for x, y in places]
    with OpenSlide(facts.path) as slide:
        downsample = slide.level_downsamples[1]
        assert downsample != int(downsample)
        must_be_direct(slide)
        for place, pixels in zip(places, expected, strict=True):
            ours = slide.read_array(place, 1, size, coordinates="level")
            np.testing.assert_array_equal(ours, pixels)
        batch = slide.read_batch(places, 1, size, coordinates="level", workers=2)
        np.testing.assert_array_equal(batch, expected)
        must_be_direct(slide)


# The switch and the reasons


def region_of(slide: OpenSlide) -> bytes:
    return slide.read_region((123, 45), 1, (300, 200)).tobytes()


DUPLICATES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda slide: pickle.loads(pickle.dumps(slide)),
}


@pytest.mark.parametrize("duplicate", DUPLICATES.values(), ids=DUPLICATES)
def test_the_switch(
    slides: Mapping[str, SlideFacts], duplicate: Callable[[OpenSlide], OpenSlide]
) -> None:
    path = slides["aperio-jpeg"].path
    off = "direct reads are turned off"
    with (
        OpenSlide(path) as on,
        OpenSlide(path, direct=False) as plain,
        duplicate(on) as other_on,
        duplicate(plain) as other_plain,
    ):
        for slide in (on, other_on):
            must_be_direct(slide)
        for slide in (plain, other_plain):
            assert slide.direct_levels == ()
            assert slide.indirect_levels == dict.fromkeys(range(3), off)
        assert len({region_of(s) for s in (on, other_on, plain, other_plain)}) == 1
        must_be_direct(other_on)


@pytest.mark.parametrize(
    ("value", "levels"), [("0", ()), ("1", (0, 1, 2)), ("", (0, 1, 2))]
)
def test_the_environment_variable(
    slides: Mapping[str, SlideFacts], value: str, levels: tuple[int, ...]
) -> None:
    script = (
        "import pickle, sys, openslide\n"
        "for slide in (openslide.OpenSlide(sys.argv[1]),"
        " openslide.OpenSlide(sys.argv[1], direct=True)):\n"
        "    print(slide.direct_levels)\n"
        "    print(pickle.loads(pickle.dumps(slide)).direct_levels)\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", script, slides["aperio-jpeg"].path],
        env=os.environ | {"OPENSLIDE_DIRECT": value},
        check=True,
        capture_output=True,
        text=True,
    )
    assert output.stdout.splitlines() == [str(levels)] * 4


def grid_of(size: Pair) -> Pair:
    """(columns, rows) of tiles of TILE pixels."""
    return (-(-size[0] // TILE), -(-size[1] // TILE))


def made_of_others(sizes: Sequence[Pair], holes: Sequence[set[int]]) -> list[set[int]]:
    """The tiles of each level that libopenslide makes of the finer one."""
    made: list[set[int]] = [set(holes[0])]
    for finer, size, own in zip(sizes, sizes[1:], holes[1:], strict=False):
        (finer_columns, finer_rows), (columns, rows) = grid_of(finer), grid_of(size)
        across, down = round(finer_columns / columns), round(finer_rows / rows)
        made.append(
            own
            | {
                tile // finer_columns // down * columns + tile % finer_columns // across
                for tile in made[-1]
            }
        )
    return [set(), *made[1:]]


@pytest.mark.parametrize(
    ("size", "factors", "holes"),
    [
        ((400, 300), (1, 2, 4), (set(), set(), set())),
        ((400, 300), (1, 2, 4), (set(), {1}, set())),
        ((400, 300), (1, 2, 4), ({3, 20}, set(), {0})),
        ((400, 300), (1, 2, 4), ({2}, {5}, set())),
        # 17 columns over 5, 10 rows over 3: both ratios are rounded down.
        ((1088, 640), (1, 4), ({16, 33, 160, 169}, set(), set())),
    ],
)
def test_holes_of_aperio(
    tmp_path: Path, size: Pair, factors: tuple[int, ...], holes: Sequence[set[int]]
) -> None:
    """Level 0 is transparent there; above it libopenslide makes what it doubts of
    the finer level, which is left to it, and nothing else."""
    facts = write_aperio(
        tmp_path,
        image=reference()[: size[1], : size[0]],
        tile=TILE,
        factors=factors,
        missing=holes[0],
        missing_above=holes[1],
        missing_on_top=holes[2],
    )
    with OpenSlide(facts.path) as slide, OpenSlide(facts.path, direct=False) as plain:
        for level, level_size in enumerate(plain.level_dimensions):
            for location in ((0, 0), (1, 0)):
                whole = (location, level, level_size)
                expected = plain.read_region(*whole).tobytes()
                assert slide.read_region(*whole).tobytes() == expected
        must_be_direct(slide)
        left = made_of_others(slide.level_dimensions, holes)
        for level, level_size in enumerate(slide.level_dimensions):
            columns, rows = grid_of(level_size)
            assert left_to_libopenslide(facts.path, level, columns, rows) == {
                tile for tile in left[level] if tile < columns * rows
            }


def left_to_libopenslide(path: Path, level: int, columns: int, rows: int) -> set[int]:
    """The tiles that cannot be read while libopenslide can read nothing."""
    left = set()
    for tile in range(columns * rows):
        row, column = divmod(tile, columns)
        place = (column * TILE + 1, row * TILE + 1)
        read = partial(
            OpenSlide.read_array,
            location=place,
            level=level,
            size=(1, 1),
            coordinates="level",
        )
        with OpenSlide(path) as slide:
            slide.set_cache(OpenSlideCache(0))
            try:
                without_libopenslide(slide, read)
            except OpenSlideError:
                left.add(tile)
    return left


def test_holes_in_a_level_that_is_not_direct(tmp_path: Path) -> None:
    """A table of tiles that is too short for the level; the rest are missing."""
    facts = write_aperio(tmp_path, image=SMALL, tile=TILE, factors=(1, 4))
    set_field(facts.path, "IMAGE_WIDTH[0]", 16 * 400)
    with OpenSlide(facts.path) as slide, OpenSlide(facts.path, direct=False) as plain:
        assert slide.indirect_levels == {
            0: "the TIFF directory has unusual entries",
            1: "tiles of a finer level may be missing",
        }
        whole = ((0, 0), 1, plain.level_dimensions[1])
        expected = plain.read_region(*whole).tobytes()
        assert slide.read_region(*whole).tobytes() == expected


def test_levels_without_pixels(tmp_path: Path) -> None:
    """Level 1 has pixels of infinite size, as the XML puts it."""
    facts = write_philips(tmp_path, image=SMALL, tile=TILE, factors=(1, 2))
    start, spacing, *rest = re.split(rb"(0\.000500000)", facts.path.read_bytes())
    rest[1::2] = [bytes(each.replace(b"5", b"0")) for each in rest[1::2]]
    facts.path.write_bytes(b"".join([start, spacing, *rest]))
    with OpenSlide(facts.path) as slide, OpenSlide(facts.path, direct=False) as plain:
        assert slide.level_downsamples == (1, math.inf)
        assert slide.direct_levels == (0,)
        for level in (0, 1):
            region = ((30, 40), level, (90, 80))
            assert outcome(slide, region) == outcome(plain, region)


# Damage is left to libopenslide

TILE = 64
COLUMNS, ROWS = 7, 5
DAMAGED = 9
SMALL = reference()[800:1100, 900:1300]


def outcome(slide: OpenSlide, region: Region) -> bytes | str:
    """Pixels, or the text of an exception without the name of the slide."""
    try:
        return slide.read_region(*region).tobytes()
    except OpenSlideError as error:
        return str(error).replace(repr(str(slide._filename)), "")


def tile(index: int) -> Region:
    at = (index % COLUMNS * TILE, index // COLUMNS * TILE)
    return at, 0, (min(TILE, 400 - at[0]), min(TILE, 300 - at[1]))


def put(path: Path, stream: bytes) -> None:
    """Store another stream in the place of the damaged tile."""
    extent = stored_tile(path, DAMAGED)
    assert len(stream) <= extent.length
    with path.open("r+b") as file:
        file.seek(extent.offset)
        file.write(stream.ljust(extent.length, b"\0"))


def picture(width: int = TILE, height: int = TILE, **options: Any) -> bytes:
    shown = reference()[820 : 820 + height, 950 : 950 + width]
    return jpeg(shown, quality=20, **options)


def set_field(path: Path, meaning: str, value: int) -> None:
    data = path.read_bytes()
    (field,) = [
        each for each in integers(data) if each.meaning == f"directory 0: {meaning}"
    ]
    path.write_bytes(field.replaced_in(data, value))


def progressive() -> bytes:
    buffer = io.BytesIO()
    shown = Images.fromarray(np.ascontiguousarray(reference()[820:884, 950:1014]))
    shown.save(buffer, "JPEG", quality=20, progressive=True)
    return buffer.getvalue()


def cut_short(path: Path) -> None:
    """Half of the stream's pixels, and no end."""
    extent = stored_tile(path, DAMAGED)
    data = path.read_bytes()[extent.offset : extent.offset + extent.length]
    put(path, data[: extent.length // 2])


def without_end(path: Path) -> None:
    """All of the pixels, and nothing behind them."""
    length = stored_tile(path, DAMAGED).length
    set_field(path, f"TILE_BYTE_COUNTS[{DAMAGED}]", length - 2)


#: How to damage a tile of a slide, and whether libopenslide reads it then.
DAMAGES: dict[str, tuple[Callable[[Path], None], bool]] = {
    "none": (lambda path: None, True),
    "another picture": (lambda path: put(path, picture()), True),
    "no JPEG": (lambda path: blank_tile(path, DAMAGED), False),
    "cut short": (cut_short, False),
    "zeros for an end": (lambda path: put(path, picture()[:-2]), True),
    "no end": (without_end, False),
    "other size": (lambda path: put(path, picture(48, 48)), False),
    "larger": (lambda path: put(path, picture(TILE, TILE + 16)), False),
    "progressive": (lambda path: put(path, progressive()), True),
    "no tables": (lambda path: put(path, picture(stream="abbreviated")), False),
    "tables alone": (lambda path: put(path, picture(stream="tables")), False),
    "no bytes": (lambda path: set_field(path, "TILE_BYTE_COUNTS[9]", 0), True),
    "one byte": (lambda path: set_field(path, "TILE_BYTE_COUNTS[9]", 1), False),
    "too many bytes": (
        lambda path: set_field(path, "TILE_BYTE_COUNTS[9]", 2**30),
        False,
    ),
    "no offset": (lambda path: set_field(path, "TILE_OFFSETS[9]", 0), False),
    "past the end": (
        lambda path: set_field(path, "TILE_OFFSETS[9]", path.stat().st_size + 1),
        False,
    ),
    "at the end": (
        lambda path: set_field(path, "TILE_OFFSETS[9]", path.stat().st_size - 9),
        False,
    ),
}


@pytest.mark.parametrize("on_error", ["raise", "reopen"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage(tmp_path: Path, damage: str, on_error: Any) -> None:
    """The same pixels before, at and after the damage, or the same errors."""
    harm, is_readable = DAMAGES[damage]
    facts = write_generic(tmp_path, image=SMALL, tile=TILE, factors=(1, 4))
    harm(facts.path)
    everything = ((0, 0), 0, (400, 300))
    order = [tile(DAMAGED - 1), tile(0), tile(DAMAGED), tile(DAMAGED + 1)]
    order += [tile(DAMAGED), ((0, 0), 1, (100, 75)), everything, tile(2)]
    with (
        OpenSlide(facts.path, on_error=on_error) as slide,
        OpenSlide(facts.path, on_error=on_error, direct=False) as plain,
    ):
        must_be_direct(slide)
        expected = [outcome(plain, region) for region in order]
        assert [outcome(slide, region) for region in order] == expected
        readable = [isinstance(each, bytes) for each in expected]
    latches = on_error == "raise" and not is_readable
    assert readable[:3] == [True, True, is_readable]
    assert readable[3] == readable[-1] == (not latches)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_in_a_batch(tmp_path: Path, damage: str) -> None:
    harm, is_readable = DAMAGES[damage]
    facts = write_generic(tmp_path, image=SMALL, tile=TILE, factors=(1, 4))
    harm(facts.path)
    locations = [tile(index)[0] for index in range(COLUMNS * ROWS)]

    def read(slide: OpenSlide) -> Any:
        return slide.read_batch(
            locations, 0, (TILE, TILE), errors="mask", mode="RGBA", workers=3
        )

    with OpenSlide(facts.path) as slide, OpenSlide(facts.path, direct=False) as plain:
        must_be_direct(slide)
        pixels, good = read(slide)
        expected, expected_good = read(plain)
    np.testing.assert_array_equal(good, expected_good)
    np.testing.assert_array_equal(pixels, expected)
    assert good.sum() == len(locations) - (not is_readable)


def test_tables_that_are_missing(tmp_path: Path) -> None:
    facts = write_aperio(
        tmp_path, image=SMALL, tile=TILE, factors=(1, 4), shared_tables=True
    )
    data = facts.path.read_bytes()
    for each in integers(data):
        if each.meaning.endswith("JPEG_TABLES, tag"):
            data = each.replaced_in(data, 348)
    assert data != facts.path.read_bytes()
    facts.path.write_bytes(data)
    with OpenSlide(facts.path) as slide, OpenSlide(facts.path, direct=False) as plain:
        must_be_direct(slide)
        order = [tile(3), tile(4), ((0, 0), 1, (50, 50))]
        expected = [outcome(plain, region) for region in order]
        assert all(isinstance(each, str) for each in expected)
        assert [outcome(slide, region) for region in order] == expected


# Files that change


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def halve(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def replace(path: Path) -> None:
    """By a slide of other pixels, as programs save atomically."""
    other = write_generic(
        path.parent, name="other", image=255 - SMALL, tile=TILE, factors=(1, 4)
    )
    other.path.replace(path)


def overwrite(path: Path) -> None:
    """By a slide of other pixels, in the same file."""
    replace_with = path.with_name("copy.tif")
    shutil.copyfile(path, replace_with)
    replace(replace_with)
    shutil.copyfile(replace_with, path)


def make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


CHANGES: dict[str, Callable[[Path], None]] = {
    "append": append,
    "halve": halve,
    "truncate": lambda path: os.truncate(path, 0),
    "delete": Path.unlink,
    "touch": lambda path: os.utime(path, (1, 1)),
    "replace": replace,
    "overwrite": overwrite,
    "make unreadable": lambda path: path.chmod(0),
    "make a folder": make_a_folder,
}


@pytest.mark.skipif(sys.platform == "win32", reason="files in use are locked")
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("reads_before", [0, 1])
def test_a_file_that_changes(tmp_path: Path, change: str, reads_before: int) -> None:
    """What was not read before is left to libopenslide, whatever becomes of it."""
    facts = write_generic(tmp_path, image=SMALL, tile=TILE, factors=(1, 4))
    order = [tile(20), tile(21), tile(20), ((0, 0), 1, (100, 75)), tile(22)]
    with OpenSlide(facts.path) as slide, OpenSlide(facts.path, direct=False) as plain:
        for each in (slide, plain):
            if reads_before:
                each.read_region(*tile(20))
        CHANGES[change](facts.path)
        expected = [outcome(plain, region) for region in order]
        assert [outcome(slide, region) for region in order] == expected
    if change in ("append", "touch"):
        assert all(isinstance(each, bytes) for each in expected)


@pytest.mark.skipif(sys.platform == "win32", reason="files in use are locked")
def test_a_change_is_seen_between_two_tiles(tmp_path: Path) -> None:
    """A descriptor that is still open leads to the file of before."""
    facts = write_generic(tmp_path, image=SMALL, tile=TILE, factors=(1,))
    with OpenSlide(facts.path) as slide, OpenSlide(facts.path, direct=False) as plain:
        before = plain.read_region(*tile(5)).tobytes()
        assert slide.read_region(*tile(5)).tobytes() == before
        slide._osr.trust_direct_reads()
        replace(facts.path)
        assert outcome(slide, tile(6)) == outcome(plain, tile(6))


def test_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slides: Mapping[str, SlideFacts]
) -> None:
    facts = slides["philips"]
    monkeypatch.chdir(facts.path.parent)
    with (
        OpenSlide(facts.path.name) as slide,
        OpenSlide(facts.path, direct=False) as plain,
    ):
        monkeypatch.chdir(tmp_path)
        must_be_direct(slide)
        ours = without_libopenslide(slide, region_of)
        assert ours == region_of(plain)


# Comparing


def exchange_first_tiles(path: Path, directory: int = 0) -> None:
    """The first two tiles change places, and the file looks as it did."""
    status = path.stat()
    data = path.read_bytes()
    fields = {each.meaning: each for each in integers(data)}
    for kind in ("TILE_OFFSETS", "TILE_BYTE_COUNTS"):
        one, other = (fields[f"directory {directory}: {kind}[{i}]"] for i in (0, 1))
        first, second = one.value_in(data), other.value_in(data)
        data = other.replaced_in(one.replaced_in(data, second), first)
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_difference_turns_a_level_off(tmp_path: Path) -> None:
    """libopenslide keeps the table of tiles that it read when it opened the file."""
    facts = write_generic(tmp_path, image=SMALL, tile=TILE, factors=(1,))
    with OpenSlide(facts.path) as slide, OpenSlide(facts.path, direct=False) as plain:
        exchange_first_tiles(facts.path)
        must_be_direct(slide)
        expected = plain.read_region(*tile(0)).tobytes()
        assert slide.read_region(*tile(0)).tobytes() == expected
        assert slide.direct_levels == ()
        assert slide.indirect_levels == {0: "libopenslide gave other pixels"}
        for index in (1, 0, 7):
            again = plain.read_region(*tile(index)).tobytes()
            assert slide.read_region(*tile(index)).tobytes() == again
        assert slide._osr.error() is None


def test_what_is_blank_is_not_compared(tmp_path: Path) -> None:
    """The region's corners are far outside, and yet the difference is seen."""
    facts = write_generic(tmp_path, image=SMALL, tile=TILE, factors=(1,))
    around = ((-300, -300), 0, (1000, 1000))  # read as one
    with OpenSlide(facts.path) as slide, OpenSlide(facts.path, direct=False) as plain:
        exchange_first_tiles(facts.path)
        expected = plain.read_region(*around).tobytes()
        assert slide.read_region((-90, -90), 0, (80, 80)).getbbox() is None
        must_be_direct(slide)
        assert slide.read_region(*around).tobytes() == expected
        assert slide.direct_levels == ()


def test_without_comparison_the_difference_shows(tmp_path: Path) -> None:
    """Lest the test above pass because nothing differs."""
    facts = write_generic(tmp_path, image=SMALL, tile=TILE, factors=(1,))
    with OpenSlide(facts.path) as slide, OpenSlide(facts.path, direct=False) as plain:
        exchange_first_tiles(facts.path)
        slide._osr.trust_direct_reads()
        ours = slide.read_region(*tile(0)).tobytes()
        assert ours == plain.read_region(*tile(1)).tobytes()
        assert ours != plain.read_region(*tile(0)).tobytes()


#: Ways of painting, each with a region of level 3 that shows the first two tiles, and
#: one beside them.
ARITHMETIC: dict[str, tuple[Region, Region]] = {
    "copied": (((0, 0), 3, (40, 40)), ((1369, 0), 3, (30, 120))),
    "between": (((3, 2), 3, (40, 40)), ((1202, 2), 3, (30, 40))),
    "between, with a seam": (((403, 2), 3, (40, 40)), ((1202, 2), 3, (60, 40))),
    "a single pixel": (((16, 12), 3, (1, 1)), ((1361, 12), 3, (1, 1))),
}


@pytest.mark.parametrize("name", ARITHMETIC)
def test_the_regions_are_what_they_are_for(speckles: SpeckledSlide, name: str) -> None:
    downsample = speckles.two.plain.level_downsamples[3]
    for place, _, _ in ARITHMETIC[name]:
        off = [_off_a_pixel(at / downsample) for at in place]
        if name == "copied":
            assert max(off) < COPIED
        elif name == "a single pixel":
            assert COPIED < min(off) <= max(off) < NEAR
        else:
            assert max(off) > 0.1


@pytest.mark.parametrize("unseen", [*ARITHMETIC, None])
def test_what_is_painted_otherwise_is_compared_again(
    tmp_path: Path, speckles: SpeckledSlide, unseen: str | None
) -> None:
    """That one way of painting was right says nothing of another."""
    path = tmp_path / "slide.tif"
    shutil.copyfile(str(speckles.two.plain._filename), path)
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        for name, (_, beside) in ARITHMETIC.items():
            shows_unseen = unseen == "between" and name == "between, with a seam"
            if name != unseen and not shows_unseen:
                expected = plain.read_region(*beside).tobytes()
                assert slide.read_region(*beside).tobytes() == expected
        exchange_first_tiles(path, directory=3)
        for name, (region, _) in ARITHMETIC.items():
            if unseen in (None, name):
                ours, theirs = (each.read_region(*region) for each in (slide, plain))
                assert (ours.tobytes() == theirs.tobytes()) == (unseen is not None)
        assert (3 in slide.direct_levels) == (unseen is None)


# Descriptors, memory and threads, in processes of their own

LINUX_SCENARIOS = [
    *("many_slides", "scarce_descriptors", "no_descriptor_to_spare", "forks"),
    *("programs_inherit_nothing", "memory"),
]
SCENARIOS = [
    *(
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                sys.platform != "linux", reason="only Linux has /proc"
            ),
        )
        for name in LINUX_SCENARIOS
    ),
    *("caches", "closing", "failing"),
]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenarios(
    run_isolated: Callable[..., str], tmp_path: Path, scenario: str
) -> None:
    if scenario == "memory":
        path = tmp_path / "large.tif"
        write_large(path, 8192)
    else:
        facts = write_aperio(tmp_path, image=SMALL, tile=TILE, factors=(1, 4))
        path = facts.path
    if scenario == "failing":
        blank_tile(path, COLUMNS * ROWS - 1)
    run_isolated("direct_scenarios", scenario, path)


def write_large(path: Path, side: int) -> None:
    """A slide that shows one tile everywhere."""
    codec = jpeg_codec()
    stream = codec.encode(reference()[:256, :256])
    with TiffWriter(path) as tiff:
        tiles = [stream] * (side // 256) ** 2
        tiff.encoded_tiles((side, side), 256, codec, tiles)
