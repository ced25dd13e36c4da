"""Direct reads beside libopenslide's own, of regions by chance."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from openslide import OpenSlide, OpenSlideError

Pair = tuple[int, int]
#: A location, a level and a size, as read_region() takes them.
Region = tuple[Pair, int, Pair]


@contextmanager
def nothing_can_be_opened() -> Iterator[None]:
    """libopenslide opens the file for each tile; direct reads keep it open."""
    if sys.platform == "win32":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def regions(slide: OpenSlide, count: int, seed: int) -> Iterator[Region]:
    """On and off the pixels of levels, within, across edges, and outside."""
    chance = random.Random(seed)
    width, height = slide.dimensions
    for number in range(count):
        level = number % slide.level_count
        step = slide.level_downsamples[level]
        x, y = chance.randrange(-300, width + 300), chance.randrange(-300, height + 300)
        if chance.random() < 0.3:
            x, y = int(int(x / step) * step), int(int(y / step) * step)
        yield (x, y), level, (chance.randrange(1, 450), chance.randrange(1, 450))


def wide_regions(slide: OpenSlide, count: int, seed: int) -> Iterator[Region]:
    """Regions of more pixels across than libopenslide paints at once."""
    chance = random.Random(seed)
    width, height = slide.dimensions
    for number in range(count):
        level = number % slide.level_count
        x, y = chance.randrange(-500, width // 2), chance.randrange(-50, height)
        yield (x, y), level, (chance.randrange(4097, 9000), chance.randrange(1, 80))


def check(path: Path, chosen: Callable[[OpenSlide], Iterator[Region]]) -> None:
    """Compare reads of a slide all of whose levels are direct."""
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as oracle:
        for region in chosen(oracle):
            ours, theirs = slide.read_region(*region), oracle.read_region(*region)
            assert ours.tobytes() == theirs.tobytes(), region
        # A level that was once read otherwise is direct no longer.
        assert dict(slide.indirect_levels) == {}
        assert slide.direct_levels == tuple(range(slide.level_count))


def outcome(
    path: Path, region: Region, *, direct: bool, trusted: bool = False
) -> bytes | str:
    """The pixels, or what the error says, of a slide opened for one read.

    trusted: not compared with libopenslide, as nothing is that it has been.
    """
    try:
        with OpenSlide(path, direct=direct) as slide:
            if trusted:
                slide._osr.trust_direct_reads()
            return slide.read_region(*region).tobytes()
    except OpenSlideError as error:
        return str(error)


def check_damaged(path: Path, chosen: list[Region]) -> None:
    """Compare reads that may fail.  Some must, and some must not."""
    outcomes = [outcome(path, region, direct=False) for region in chosen]
    assert {type(expected) for expected in outcomes} == {bytes, str}
    for region, expected in zip(chosen, outcomes, strict=True):
        assert outcome(path, region, direct=True) == expected, region
