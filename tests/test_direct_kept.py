"""Pixels that libopenslide gave once, and that are kept: the same bytes again."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from openslide import OpenSlide, OpenSlideCache, OpenSlideError
from tests.direct_reads import Pair, Region, nothing_can_be_opened
from tests.slides import (
    reference,
    write_aperio,
    write_dicom,
    write_generic,
    write_sakura,
    write_zeiss,
)
from tests.slides.facts import SlideFacts
from tests.slides.stored import blank_tile

pytestmark = [
    pytest.mark.requires_openslide("4.0.1"),
    pytest.mark.requires_direct_reads,
]

#: Their halves and quarters are whole, but for the last.
IMAGE = reference()[:600, :1000]
SMALL = IMAGE[:200, :300]
ODD = IMAGE[:403, :806]

WRITERS: dict[str, Callable[[Path], SlideFacts]] = {
    "lzw": partial(
        write_generic, image=IMAGE, encoding="lzw", tile=(112, 48), factors=(1, 2, 4)
    ),
    "zstd-sparse": partial(
        write_generic, image=IMAGE, encoding="zstd-2", missing=(0, 5), factors=(1, 2)
    ),
    "large-tiles": partial(
        write_generic, image=IMAGE, encoding="lzw-2", tile=1024, factors=(1, 2)
    ),
    "j2k": partial(
        write_aperio, image=SMALL, encoding="33003", tile=80, factors=(1, 2)
    ),
    # A tile of level 1 is made of level 0.
    "j2k-hole": partial(
        write_aperio,
        image=SMALL,
        encoding="33005",
        tile=80,
        factors=(1, 2),
        missing_above=(1,),
    ),
    "dicom": partial(
        write_dicom, image=SMALL, encoding="j2k", tile=(96, 80), factors=(1, 2)
    ),
    "sakura": partial(write_sakura, image=IMAGE, factors=(1, 2)),
    # No grid: tiles overlap, and those of levels 1 and 2 lie between pixels.
    "zeiss": partial(write_zeiss, image=ODD, tile=160),
}

#: Capacities of the cache: nothing, a few tiles, and all that there is.
CAPACITIES = (0, 100_000, 1_500_000, 32 << 20)


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("kept")
    return {name: write(folder, name=name).path for name, write in WRITERS.items()}  # type: ignore[call-arg]


@pytest.fixture(scope="module")
def plain(paths: Mapping[str, Path]) -> Iterator[Mapping[str, OpenSlide]]:
    slides = {name: OpenSlide(path, direct=False) for name, path in paths.items()}
    yield slides
    for slide in slides.values():
        slide.close()


def must_be_kept(slide: OpenSlide) -> None:
    """A level that once gave other pixels is kept no longer."""
    assert slide.direct_levels == ()
    assert slide.kept_levels == tuple(range(slide.level_count))


def region_at(slide: OpenSlide, wish: tuple[int, Pair, bool, Pair]) -> Region:
    """A wish for level, place in it, whether on its pixels, and size, as a region."""
    level, place, is_between, size = wish
    level %= slide.level_count
    step = int(slide.level_downsamples[level])
    x, y = (at * step + (step // 2 if is_between else 0) for at in place)
    return (x, y), level, size


places = st.tuples(st.integers(-60, 1050), st.integers(-60, 650))
sides = st.one_of(st.integers(1, 5), st.integers(1, 300))
wishes = st.tuples(st.integers(0, 2), places, st.booleans(), st.tuples(sides, sides))


@hypothesis.settings(max_examples=50)
@hypothesis.given(
    name=st.sampled_from(list(WRITERS)),
    wanted=st.lists(wishes, min_size=2, max_size=12),
    capacity=st.sampled_from(CAPACITIES),
    is_trusting=st.booleans(),
)
def test_regions_one_after_another(
    paths: Mapping[str, Path],
    plain: Mapping[str, OpenSlide],
    name: str,
    wanted: list[tuple[int, Pair, bool, Pair]],
    capacity: int,
    is_trusting: bool,
) -> None:
    """Some of which overlap what was read, or repeat it."""
    with OpenSlide(paths[name]) as slide:
        slide.set_cache(OpenSlideCache(capacity))
        if is_trusting:
            slide._osr.trust_direct_reads()
        for wish in [*wanted, *wanted]:
            region = region_at(slide, wish)
            expected = plain[name].read_region(*region).tobytes()
            assert slide.read_region(*region).tobytes() == expected
        must_be_kept(slide)


@hypothesis.settings(max_examples=25)
@hypothesis.given(
    name=st.sampled_from(list(WRITERS)),
    wanted=st.lists(st.tuples(places, st.booleans()), min_size=2, max_size=20),
    level=st.integers(0, 2),
    size=st.tuples(sides, sides),
)
def test_batches(
    paths: Mapping[str, Path],
    plain: Mapping[str, OpenSlide],
    name: str,
    wanted: list[tuple[Pair, bool]],
    level: int,
    size: Pair,
) -> None:
    with OpenSlide(paths[name]) as slide:
        regions = [region_at(slide, (level, *wish, size)) for wish in wanted]
        locations = [location for location, _, _ in regions]
        level = regions[0][1]
        for _ in range(2):
            np.testing.assert_array_equal(
                slide.read_batch(locations, level, size, mode="RGBA", workers=3),
                plain[name].read_batch(locations, level, size, mode="RGBA"),
            )
        must_be_kept(slide)


def test_small_regions_of_each_place(
    paths: Mapping[str, Path], plain: Mapping[str, OpenSlide]
) -> None:
    """Around the corners of tiles that lie between pixels."""
    with OpenSlide(paths["zeiss"]) as slide:
        slide._osr.trust_direct_reads()
        for level, corner in ((1, (201, 67)), (2, (100, 33)), (2, (0, 0))):
            step = int(slide.level_downsamples[level])
            x, y = ((at - 6) * step for at in corner)
            slide.read_region((max(x, 0), max(y, 0)), level, (12, 12))
            for size in ((1, 1), (2, 1), (1, 2), (3, 3)):
                for number in range(81):
                    place = (x + number % 9 * step, y + number // 9 * step)
                    ours = slide.read_region(place, level, size).tobytes()
                    theirs = plain["zeiss"].read_region(place, level, size)
                    assert ours == theirs.tobytes()
        must_be_kept(slide)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
@pytest.mark.parametrize(("name", "places"), [("sakura", (0, 1)), ("zeiss", (0,))])
def test_libopenslide_is_not_asked_again(
    paths: Mapping[str, Path], name: str, places: tuple[int, ...]
) -> None:
    """It opens these files for every read, its own cache full or not."""
    inner = ((31, 17), (200, 150))
    with OpenSlide(paths[name]) as slide:
        slide._osr.trust_direct_reads()
        read = {
            (x, level): slide.read_region((x, x), level, (260, 200)).tobytes()
            for x in places
            for level in (0, 1)
        }
        part = slide.read_array(inner[0], 0, inner[1])
        with nothing_can_be_opened():
            for (x, level), pixels in read.items():
                again = slide.read_region((x, x), level, (260, 200))
                assert again.tobytes() == pixels
            np.testing.assert_array_equal(slide.read_array(inner[0], 0, inner[1]), part)
            with pytest.raises(OpenSlideError):
                slide.read_region((0, 0), 0, (261, 200))


def test_levels_whose_pixels_cannot_be_asked_for(tmp_path: Path) -> None:
    """Of which no level-0 position is the corner of any tile."""
    path = write_generic(
        tmp_path, image=IMAGE[:, :999], encoding="lzw", factors=(1, 2)
    ).path
    with OpenSlide(path) as slide:
        assert slide.level_downsamples[1] != 2
        assert slide.direct_levels == ()
        assert slide.kept_levels == (0,)
    with OpenSlide(path, direct=False) as slide:
        assert slide.kept_levels == ()


def test_direct_levels_are_not_kept(tmp_path: Path) -> None:
    path = write_generic(tmp_path, image=SMALL, factors=(1, 2)).path
    with OpenSlide(path) as slide:
        assert slide.direct_levels == (0, 1)
        assert slide.kept_levels == ()


# Damage

#: How each begins: the markers SOC and SIZ.
CODESTREAM = b"\xff\x4f\xff\x51"


@pytest.fixture(scope="module", params=["lzw", "j2k"])
def damaged(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Two tiles of level 0 are none."""
    path = WRITERS[request.param](tmp_path_factory.mktemp("damaged")).path
    for tile in (2, 9):
        if request.param == "j2k":
            blank_codestream(path, tile)
        else:
            blank_tile(path, tile)
    return path


def blank_codestream(path: Path, index: int) -> None:
    """Take the start from a JPEG 2000 image, counted from the start of the file."""
    parts = path.read_bytes().split(CODESTREAM)
    before, after = (
        CODESTREAM.join(half) for half in (parts[: index + 1], parts[index + 1 :])
    )
    path.write_bytes(before + bytes(len(CODESTREAM)) + after)


def outcomes(slide: OpenSlide, regions: list[Region]) -> list[bytes | str]:
    """The pixels of each, or what the error says, which stays."""
    found: list[bytes | str] = []
    for region in regions:
        try:
            found.append(slide.read_region(*region).tobytes())
        except OpenSlideError as error:
            found.append(str(error))
    return found


def some_regions(slide: OpenSlide, count: int, seed: int) -> list[Region]:
    """Small ones, on and off the pixels, so that most show no damage."""
    chance = random.Random(seed)
    width, height = slide.dimensions
    return [
        (
            (chance.randrange(-20, width), chance.randrange(-20, height)),
            chance.randrange(slide.level_count),
            (chance.randrange(1, 90), chance.randrange(1, 90)),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("on_error", ["raise", "reopen"])
def test_errors_are_raised_where_libopenslide_raises(
    damaged: Path, on_error: str
) -> None:
    kinds: set[type] = set()
    for seed in range(25):
        with (
            OpenSlide(damaged, on_error=on_error) as slide,  # type: ignore[arg-type]
            OpenSlide(damaged, on_error=on_error, direct=False) as other,  # type: ignore[arg-type]
        ):
            regions = some_regions(slide, 8, seed)
            expected = outcomes(other, regions)
            assert outcomes(slide, regions) == expected
            kinds.update(map(type, expected))
    assert kinds == {bytes, str}


def test_damage_is_masked(damaged: Path) -> None:
    with OpenSlide(damaged) as slide, OpenSlide(damaged, direct=False) as other:
        locations = [location for location, _, _ in some_regions(slide, 40, 7)]
        expected, good = other.read_batch(locations, 0, (50, 40), errors="mask")
        assert 0 < good.sum() < len(locations)
        for _ in range(2):
            tiles, ours = slide.read_batch(
                locations, 0, (50, 40), errors="mask", workers=2
            )
            np.testing.assert_array_equal(ours, good)
            np.testing.assert_array_equal(tiles, expected)


def test_as_much_is_kept_as_the_cache_may_hold(
    paths: Mapping[str, Path], plain: Mapping[str, OpenSlide]
) -> None:
    """What libopenslide's own cache would find is found, too."""
    width, height = plain["lzw"].dimensions
    tiles = -(-width // 112) * -(-height // 48)
    regions = [((x, 0), 0, (100, height)) for x in range(0, width - 99, 100)]
    expected = outcomes(plain["lzw"], regions)
    with OpenSlide(paths["lzw"]) as slide:
        slide.set_cache(OpenSlideCache(int(1.2 * tiles * 112 * 48 * 4)))
        slide._osr.trust_direct_reads()
        assert outcomes(slide, regions) == expected
        with nothing_can_be_opened():
            assert outcomes(slide, regions) == expected


# Threads and processes


@pytest.mark.parametrize("capacity", CAPACITIES[1:])
def test_threads(
    paths: Mapping[str, Path], plain: Mapping[str, OpenSlide], capacity: int
) -> None:
    """All fill and read the same few tiles."""
    regions = some_regions(plain["lzw"], 60, 3)
    expected = outcomes(plain["lzw"], regions)
    with OpenSlide(paths["lzw"]) as slide, ThreadPoolExecutor(4) as pool:
        slide.set_cache(OpenSlideCache(capacity))

        def read(seed: int) -> bool:
            order = random.Random(seed).sample(range(60), 60)
            found = outcomes(slide, [regions[i] for i in order])
            return found == [expected[i] for i in order]

        assert all(pool.map(read, range(8)))
        must_be_kept(slide)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_forked_child(
    paths: Mapping[str, Path], plain: Mapping[str, OpenSlide]
) -> None:
    regions = some_regions(plain["j2k"], 10, 5)
    expected = outcomes(plain["j2k"], regions)
    with OpenSlide(paths["j2k"]) as slide:
        assert outcomes(slide, regions) == expected
        child = os.fork()
        if child == 0:
            os._exit(outcomes(slide, [*regions, *regions]) != expected * 2)
        assert os.waitpid(child, 0)[1] == 0
        assert outcomes(slide, regions) == expected
