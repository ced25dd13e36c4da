"""Levels of NDPI, stored and made of larger ones, are read as libopenslide reads them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from openslide import OpenSlide, OpenSlideCache
from tests.conftest import uses_libjpeg_turbo
from tests.damage.fields import integers
from tests.direct_reads import Region, nothing_can_be_opened, regions
from tests.slides import SlideFacts, reference, write_ndpi
from tests.slides.codecs import jpeg_restarts
from tests.slides.content import RgbImage
from tests.slides.direct import NDPI, NEEDS_LIBJPEG
from tests.slides.tiff import Tag
from tests.test_direct import (
    Two,
    Wish,
    outcome,
    read_region,
    wishes,
    without_libopenslide,
)

# Older releases refuse some of the slides.
pytestmark = [
    pytest.mark.requires_openslide("4.0.1"),
    pytest.mark.requires_direct_reads,
]

UNUSUAL_PLACES = "the places of its restart intervals are unusual"
UNUSUAL_ENTRIES = "the TIFF directory has unusual entries"
UNUSUAL_HEADER = "the header of the JPEG is unusual"
UNUSUAL_COLOURS = "the colours of its tiles do not stand alone"
NO_RESTARTS = "the level is one JPEG without restart markers"


#: How often this process has read from files, on Linux.
IO_COUNTS = Path("/proc/self/io")


def read_calls() -> int:
    (line,) = (
        line for line in IO_COUNTS.read_text().splitlines() if line.startswith("syscr")
    )
    return int(line.split()[1])


def repeated(width: int, height: int) -> RgbImage:
    """The reference again and again."""
    across, down = -(-width // 2048), -(-height // 1536)
    image = np.tile(reference(), (down, across, 1))[:height, :width]
    return np.ascontiguousarray(image)


whole = partial(write_ndpi, subsampling="4:4:4", restarts_everywhere=True)

OWN_SLIDES: dict[str, Callable[..., SlideFacts]] = {
    # More pixels than libopenslide paints at once, and a downsample of 3.2.
    "wide": partial(
        whole, image=repeated(10_240, 160), restart_interval=256, factors=(1, 5)
    ),
    "tall": partial(
        whole, image=repeated(64, 10_240), restart_interval=8, factors=(1, 4)
    ),
    "many tiles": partial(
        whole, image=repeated(1024, 768), restart_interval=2, factors=(1,)
    ),
    "odd sizes": partial(
        write_ndpi,
        image=repeated(1000, 616),
        subsampling="4:4:4",
        restart_interval=25,
        factors=(1, 7),
    ),
    "beyond 4 GB": partial(
        whole, image=repeated(1024, 256), gap=5 << 30, high_starts=True, factors=(1, 4)
    ),
}

SLIDES = [*NDPI, *OWN_SLIDES]


@pytest.fixture(scope="module")
def pairs(
    slides: Mapping[str, SlideFacts], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Two]]:
    folder = tmp_path_factory.mktemp("ndpi")
    paths = {name: slides[name].path for name in NDPI}
    paths |= {name: write(folder, name=name).path for name, write in OWN_SLIDES.items()}
    pairs = {
        name: Two(OpenSlide(path), OpenSlide(path, direct=False))
        for name, path in paths.items()
    }
    yield pairs
    for two in pairs.values():
        two.direct.close()
        two.plain.close()


def must_be_direct(slide: OpenSlide) -> None:
    """Of levels that are made of larger ones that can be said with libjpeg-turbo."""
    reasons = set(slide.indirect_levels.values())
    assert reasons <= (set() if uses_libjpeg_turbo() else {NEEDS_LIBJPEG})
    assert 0 in slide.direct_levels


def region_of(wish: Wish, slide: OpenSlide) -> Region:
    """One of a level that is read directly."""
    levels = slide.direct_levels
    return wish._replace(level=levels[wish.level % len(levels)]).of(slide)


any_slide = st.sampled_from(SLIDES)
# The strategy of other slides has four levels.
any_wish = st.builds(
    lambda wish, level: wish._replace(level=level), wishes(), st.integers(0, 7)
)


def check_alone(two: Two, region: Region) -> None:
    """Compare what is read while libopenslide can read nothing."""
    ours = without_libopenslide(two.direct, partial(read_region, region))
    assert ours.tobytes() == two.plain.read_region(*region).tobytes()
    must_be_direct(two.direct)


@hypothesis.settings(max_examples=300)
@hypothesis.given(name=any_slide, wish=any_wish)
def test_regions(pairs: Mapping[str, Two], name: str, wish: Wish) -> None:
    two = pairs[name]
    check_alone(two, region_of(wish, two.direct))


@hypothesis.settings(max_examples=60)
@hypothesis.given(
    is_tall=st.booleans(),
    level=st.integers(0, 7),
    place=st.tuples(st.integers(-900, 9000), st.integers(-20, 180)),
    size=st.tuples(st.integers(4097, 4500), st.integers(1, 60)),
)
def test_regions_longer_than_libopenslide_reads_at_once(
    pairs: Mapping[str, Two],
    is_tall: bool,
    level: int,
    place: tuple[int, int],
    size: Any,
) -> None:
    two = pairs["tall" if is_tall else "wide"]
    level = two.direct.direct_levels[level % len(two.direct.direct_levels)]
    region = (place[::-1], level, size[::-1]) if is_tall else (place, level, size)
    check_alone(two, region)


@pytest.mark.parametrize("name", SLIDES)
def test_whole_levels(pairs: Mapping[str, Two], name: str) -> None:
    two = pairs[name]
    for level in two.direct.direct_levels:
        width, height = two.plain.level_dimensions[level]
        check_alone(two, ((-30, -40), level, (width + 50, height + 60)))


@hypothesis.settings(max_examples=60)
@hypothesis.given(name=any_slide, wanted=st.lists(any_wish, min_size=1, max_size=3))
def test_first_reads(pairs: Mapping[str, Two], name: str, wanted: list[Wish]) -> None:
    """Which are compared with libopenslide, and are the same without exception."""
    plain = pairs[name].plain
    with OpenSlide(str(plain._filename)) as slide:
        for wish in wanted:
            region = wish.of(slide)
            ours = slide.read_region(*region).tobytes()
            assert ours == plain.read_region(*region).tobytes()
        must_be_direct(slide)


@hypothesis.settings(max_examples=30)
@hypothesis.given(
    name=any_slide, wish=any_wish, capacity=st.sampled_from([0, 40_000, 400_000])
)
def test_regions_that_do_not_fit_the_cache(
    pairs: Mapping[str, Two], name: str, wish: Wish, capacity: int
) -> None:
    plain = pairs[name].plain
    with OpenSlide(str(plain._filename)) as slide:
        slide.set_cache(OpenSlideCache(capacity))
        check_alone(Two(slide, plain), region_of(wish, slide))


@hypothesis.settings(max_examples=20)
@hypothesis.given(name=any_slide, wanted=st.lists(any_wish, min_size=1, max_size=12))
def test_batches(pairs: Mapping[str, Two], name: str, wanted: list[Wish]) -> None:
    two = pairs[name]
    chosen = [region_of(wish, two.direct) for wish in wanted]
    places, levels = [each[0] for each in chosen], [each[1] for each in chosen]

    def read(slide: OpenSlide) -> Any:
        return slide.read_batch(places, levels, (90, 70), mode="RGBA", workers=3)

    np.testing.assert_array_equal(
        without_libopenslide(two.direct, read), read(two.plain)
    )


#: Small regions in wide tiles, of which a read decodes only what shows, unless
#: others were read, or will be, near there.
wide_wishes = st.builds(
    Wish,
    st.sampled_from([0, 2]),
    st.tuples(st.floats(-0.01, 1.01), st.floats(-0.1, 1.1)),
    st.booleans(),
    st.tuples(st.integers(1, 700), st.integers(1, 40)),
)


@hypothesis.settings(max_examples=60)
@hypothesis.given(
    name=st.sampled_from(["wide", "ndpi-2048", "ndpi-1792", "ndpi-3968"]),
    wanted=st.lists(wide_wishes, min_size=1, max_size=8),
    in_batches=st.booleans(),
)
def test_parts_of_tiles(
    pairs: Mapping[str, Two], name: str, wanted: list[Wish], in_batches: bool
) -> None:
    """With a cache that is empty at first, and has more and more of them."""
    two = pairs[name]
    two.direct.set_cache(OpenSlideCache(1 << 25))
    chosen = [region_of(wish, two.direct) for wish in wanted]
    if in_batches:
        places, levels = [each[0] for each in chosen], [each[1] for each in chosen]

        def read(slide: OpenSlide) -> Any:
            return slide.read_batch(places, levels, chosen[0][2], workers=2)

        ours = without_libopenslide(two.direct, read)
        np.testing.assert_array_equal(ours, read(two.plain))
    for region in chosen:
        check_alone(two, region)


@pytest.mark.skipif(not IO_COUNTS.exists(), reason="nothing counts the reads")
def test_reads_of_the_file(tmp_path: Path) -> None:
    """One for all restart intervals that a region shows, which lie near."""
    path = whole(
        tmp_path, image=repeated(4096, 256), restart_interval=256, factors=(1,)
    ).path
    places = [(100, 0), (2200, 0), (150, 128), (2000, 100)]
    with OpenSlide(path) as slide:
        slide._osr.trust_direct_reads()
        slide.read_region((0, 248), 0, (1, 1))
        before = read_calls()
        baseline = read_calls() - before
        for place in places:
            slide.read_region(place, 0, (256, 100))
        assert read_calls() - before <= len(places) + 2 * baseline


def test_tiles_as_scanners_write_them(pairs: Mapping[str, Two]) -> None:
    """Lest the slides be other ones than they are meant to be."""
    widths = {"ndpi-2048": 2048, "ndpi-1792": 1792, "ndpi-3968": 3968}
    for name, width in widths.items():
        properties = pairs[name].plain.properties
        assert properties["openslide.level[0].tile-width"] == str(width)
        assert properties["openslide.level[0].tile-height"] == "8"


def test_a_strip_of_more_than_4_gb(tmp_path: Path) -> None:
    """Whose intervals start where the second table says: all but the first, in which
    there are as many bytes of nothing."""
    facts = whole(
        tmp_path,
        image=repeated(2048, 256),
        restart_interval=256,
        factors=(1,),
        high_starts=True,
        gap_in_strip=5 << 30,
    )
    with OpenSlide(facts.path) as slide, OpenSlide(facts.path, direct=False) as plain:
        slide._osr.trust_direct_reads()
        for (x, y), _, size in regions(plain, 40, 1):
            region = ((x, max(y, 8)), 0, size)
            expected = plain.read_region(*region).tobytes()
            with nothing_can_be_opened():
                assert slide.read_region(*region).tobytes() == expected


# Damage

#: Tiles of 256 x 8.
COLUMNS, ROWS = 3, 16
DAMAGED = 13
SMALL = reference()[800 : 800 + 8 * ROWS, 900 : 900 + 256 * COLUMNS]


def tile(index: int) -> Region:
    return (index % COLUMNS * 256, index // COLUMNS * 8), 0, (256, 8)


def parts_of_tile(index: int) -> list[Region]:
    """So narrow that no more than they show is decoded, far from one another."""
    (x, y), level, (_, height) = tile(index)
    return [((x + at, y), level, (20, height)) for at in (230, 40, 120)]


def write_small(folder: Path) -> Path:
    return write_ndpi(
        folder,
        image=SMALL,
        subsampling="4:4:4",
        restart_interval=32,
        factors=(1, 4),
        restarts_everywhere=True,
    ).path


def strip_of(data: bytes) -> int:
    """Where the JPEG of level 0 is."""
    (offset,) = (
        each.value_in(data)
        for each in integers(data)
        if each.meaning == f"directory 0: {Tag.STRIP_OFFSETS.name}[0]"
    )
    return offset


def starts_of(data: bytes) -> list[int]:
    """Where restart intervals of level 0 are."""
    strip = strip_of(data)
    header, restarts = jpeg_restarts(data[strip:])
    return [strip + start for start in (header, *restarts)]


def put(path: Path, offset: int, new: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(new)


def flip(path: Path) -> None:
    start = starts_of(path.read_bytes())[DAMAGED]
    put(
        path,
        start + 40,
        bytes(each ^ 0x55 for each in path.read_bytes()[start + 40 :][:9]),
    )


def put_into(path: Path, new: bytes, at: int) -> None:
    put(path, starts_of(path.read_bytes())[DAMAGED] + at, new)


def set_start(path: Path, new: Callable[[int], int]) -> None:
    data = path.read_bytes()
    start = starts_of(data)[DAMAGED] - strip_of(data)
    old = start.to_bytes(4, "little")
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, new(start).to_bytes(4, "little")))


def end_of(path: Path) -> int:
    """Behind level 0, which has as many intervals as tiles."""
    data = path.read_bytes()
    return data.index(b"\xff\xd9", starts_of(data)[COLUMNS * ROWS - 1]) + 2


def cut_interval(path: Path) -> None:
    """An end of image in the midst of the samples."""
    put_into(path, b"\xff\xd9", 60)


#: What is done to a slide.
DAMAGES: dict[str, Callable[[Path], None]] = {
    "none": lambda path: None,
    "flipped bits": flip,
    "zeros": partial(put_into, new=bytes(100), at=20),
    "a marker in the samples": partial(put_into, new=b"\xff\xd3", at=50),
    "an end in the samples": cut_interval,
    "another restart marker": partial(put_into, new=b"\xff\xd0", at=-2),
    "no restart marker": partial(put_into, new=b"\xff\xc0", at=-2),
    "no marker": partial(put_into, new=b"\0", at=-2),
    "a start too late": partial(set_start, new=lambda start: start + 1),
    "a start too early": partial(set_start, new=lambda start: start - 1),
    "a start past the end": partial(set_start, new=lambda start: start + (1 << 30)),
    "a start in the header": partial(set_start, new=lambda start: 4),
    "another end": lambda path: put(path, end_of(path) - 1, b"\x00"),
    "no end": lambda path: put(path, end_of(path) - 2, b"\x00"),
}


@pytest.mark.parametrize("on_error", ["raise", "reopen"])
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("parts_first", [False, True])
def test_damage(tmp_path: Path, damage: str, on_error: Any, parts_first: bool) -> None:
    """The same pixels before, at and after the damage, or the same errors."""
    path = write_small(tmp_path)
    DAMAGES[damage](path)
    everything: Region = ((0, 0), 0, (256 * COLUMNS, 8 * ROWS))
    order = [tile(0), tile(1), tile(DAMAGED - 2), tile(DAMAGED + 1), tile(DAMAGED - 1)]
    order += [tile(DAMAGED), ((0, 0), 1, (50, 4)), ((0, 0), 1, (384, 64))]
    order += [((0, 0), 2, (192, 32)), tile(COLUMNS * ROWS - 1), everything]
    order += [((3, 1), 0, (200, 100)), tile(2)]
    order = [*parts_of_tile(DAMAGED), *order] if parts_first else order
    with (
        OpenSlide(path, on_error=on_error) as slide,
        OpenSlide(path, on_error=on_error, direct=False) as plain,
    ):
        expected = [outcome(plain, region) for region in order]
        assert [outcome(slide, region) for region in order] == expected
    assert parts_first or isinstance(expected[0], bytes)
    readable = {"none", "another restart marker", "another end"}
    if on_error == "reopen" and damage in readable:
        assert all(isinstance(each, bytes) for each in expected)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_in_a_batch(tmp_path: Path, damage: str) -> None:
    path = write_small(tmp_path)
    DAMAGES[damage](path)
    places = [tile(index)[0] for index in range(COLUMNS * ROWS)]

    def read(slide: OpenSlide) -> Any:
        return slide.read_batch(
            places, 0, (256, 8), errors="mask", mode="RGBA", workers=2
        )

    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        pixels, good = read(slide)
        expected, expected_good = read(plain)
    np.testing.assert_array_equal(good, expected_good)
    np.testing.assert_array_equal(pixels, expected)


def test_only_the_damaged_tile_is_left_to_libopenslide(tmp_path: Path) -> None:
    path = write_small(tmp_path)
    flip(path)
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        for index in range(COLUMNS * ROWS):
            if index != DAMAGED:
                check_alone(Two(slide, plain), tile(index))


@pytest.mark.parametrize("part", [0.2, 0.6, 0.95])
def test_a_truncated_file(tmp_path: Path, part: float) -> None:
    """After it was opened: then directories are gone."""
    path = write_small(tmp_path)
    order = [tile(0), tile(DAMAGED), ((0, 0), 1, (300, 60)), tile(47), tile(0)]
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        for each in (slide, plain):
            each.read_region(*tile(0))
        os.truncate(path, int(path.stat().st_size * part))
        expected = [outcome(plain, region) for region in order]
        assert [outcome(slide, region) for region in order] == expected


# What is left to libopenslide


def check_refusals(path: Path, expected: Mapping[int, str]) -> None:
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        if uses_libjpeg_turbo():
            assert dict(slide.indirect_levels) == expected
        for region in regions(plain, 16, 2):
            assert outcome(slide, region) == outcome(plain, region)


def test_rows_that_are_no_tiles(tmp_path: Path) -> None:
    """76 rows: there are more restart markers than tiles, so libopenslide looks for
    them itself."""
    path = whole(tmp_path, image=SMALL[:76], restart_interval=16, factors=(1,)).path
    check_refusals(path, dict.fromkeys(range(4), UNUSUAL_PLACES))


def test_no_places(tmp_path: Path) -> None:
    path = write_small(tmp_path)
    data = path.read_bytes()
    tag = int(Tag.NDPI_MCU_STARTS).to_bytes(2, "little") + b"\4\0"
    path.write_bytes(data.replace(tag, (60_000).to_bytes(2, "little") + b"\4\0"))
    check_refusals(path, dict.fromkeys(range(6), UNUSUAL_PLACES))


def test_large_levels_without_restart_markers(tmp_path: Path) -> None:
    image = repeated(4608, 4096)
    path = write_ndpi(
        tmp_path, image=image, subsampling="4:4:4", restart_interval=0, factors=(1,)
    ).path
    with OpenSlide(path) as slide:
        assert slide.indirect_levels == dict.fromkeys(range(4), NO_RESTARTS)


def test_units_that_are_cut(tmp_path: Path) -> None:
    """Of 4:2:2, where libopenslide leaves out columns of each tile."""
    path = write_ndpi(
        tmp_path, image=SMALL[:, :760], restart_interval=4, factors=(1,)
    ).path
    check_refusals(path, dict.fromkeys(range(4), UNUSUAL_COLOURS))


def test_other_kinds_of_jpeg(tmp_path: Path) -> None:
    path = write_small(tmp_path)
    data = path.read_bytes()
    arithmetic = b"\xff\xc9"
    put(path, data.index(b"\xff\xc0", strip_of(data)), arithmetic)
    check_refusals(path, dict.fromkeys(range(6), UNUSUAL_HEADER))


def test_a_field_that_stands_twice(tmp_path: Path) -> None:
    path = write_small(tmp_path)
    data = path.read_bytes()
    tags = (int(Tag.NDPI_X_OFFSET), int(Tag.NDPI_FOCAL_PLANE))
    offset, plane = (tag.to_bytes(2, "little") + b"\x09\0" for tag in tags)
    assert data.count(offset) == 4
    path.write_bytes(data.replace(offset, plane))
    check_refusals(path, dict.fromkeys(range(6), UNUSUAL_ENTRIES))
