"""Two threads give a slide a cache at once, again and again.

    python -m tests.isolated.set_cache_race SLIDE ROUNDS

The slide must be using the cache that it would take into a pickle or a forked child.
One of the two keeps nothing, so that what the slide is using shows when its file has
lost the tile: it is read from the cache, or not at all.
"""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Barrier, Thread

from openslide import OpenSlide, OpenSlideCache, OpenSlideError
from tests.slides.stored import blank_tile

REGION = ((0, 0), 0, (5, 5))
CAPACITIES = (0, 1_000_000)


def set_at_once(slide: OpenSlide) -> None:
    barrier = Barrier(len(CAPACITIES))

    def set_one(cache: OpenSlideCache) -> None:
        barrier.wait()
        slide.set_cache(cache)

    caches = [OpenSlideCache(capacity) for capacity in CAPACITIES]
    threads = [Thread(target=set_one, args=(cache,)) for cache in caches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def noted_capacity(slide: OpenSlide) -> object:
    """The capacity of the cache that goes with the slide."""
    cache = slide._osr.__reduce__()[2]
    return cache.__reduce__()[1][0]


def used_capacity(slide: OpenSlide, path: Path) -> int:
    """The capacity of the cache that libopenslide reads through."""
    sound = path.read_bytes()
    slide.read_region(*REGION)
    blank_tile(path, 0)
    try:
        slide.read_region(*REGION)
    except OpenSlideError:
        return CAPACITIES[0]
    finally:
        path.write_bytes(sound)
    return CAPACITIES[1]


def main(path: Path, rounds: int) -> None:
    wrong = 0
    for _ in range(rounds):
        with OpenSlide(path) as slide:
            set_at_once(slide)
            wrong += noted_capacity(slide) != used_capacity(slide, path)
    if wrong:
        sys.exit(f"{wrong} of {rounds} times another cache than the one noted")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
