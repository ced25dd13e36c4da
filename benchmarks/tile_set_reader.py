"""What bench_tile_set.py measures: a process that reads tiles of many slides once.

    python -m benchmarks.tile_set_reader HOW JOB

HOW is one of `READERS`, JOB the JSON of a `Job`; the answer is the JSON of a `Reading`.
All slides have the same size.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from time import perf_counter, process_time
from typing import NamedTuple

import numpy as np

import openslide
from openslide.tiles import TileGrid, TileSet

from .peak import peak


class Job(NamedTuple):
    """Which tiles to read, and how.

    Attributes:
        paths: of the slides.
        size: side of a tile.
        tiles: how many of each slide, row by row from the middle on.
        batch: so many at once.
        workers: threads.
        prefetch: batches that the set reads ahead; None: as many as it likes.
    """

    paths: list[str]
    size: int
    tiles: int
    batch: int
    workers: int
    prefetch: int | None = None


class Reading(NamedTuple):
    """What it came to.

    Attributes:
        seconds, cpu: of the clock and of the processor, opening included.
        tiles: how many were read.
        before, peak: the most memory in bytes before it, and by the end of it.
    """

    seconds: float
    cpu: float
    tiles: int
    before: int
    peak: int


def _shuffled(job: Job) -> Callable[[], int]:
    """A set, its tiles in the order of chance."""
    tiles = TileSet(job.paths, job.size)
    length = len(tiles) // len(job.paths)
    first = length // 2 + length * np.arange(len(job.paths))
    mixed = tiles.only(np.add.outer(first, np.arange(job.tiles)).ravel())
    batches = mixed.shuffled(seed=1).batches(
        job.batch, workers=job.workers, prefetch=job.prefetch
    )
    return lambda: sum(len(batch.pixels) for batch in batches)


def _in_order(job: Job) -> Callable[[], int]:
    """A slide after the other by read_batch(), in the file's order."""
    with TileGrid(job.paths[0], job.size) as grid:
        middle = len(grid) // 2
        locations = grid[middle : middle + job.tiles].locations

    def read() -> int:
        count = 0
        for path in job.paths:
            with openslide.OpenSlide(path) as slide:
                for start in range(0, len(locations), job.batch):
                    pixels = slide.read_batch(
                        locations[start : start + job.batch],
                        0,
                        (job.size, job.size),
                        workers=job.workers,
                    )
                    count += len(pixels)
        return count

    return read


#: Each gets ready, and gives what reads the tiles and counts them.
READERS: dict[str, Callable[[Job], Callable[[], int]]] = {
    "shuffled": _shuffled,
    "in order": _in_order,
}


def main() -> None:
    how, job = sys.argv[1:]
    read = READERS[how](Job(**json.loads(job)))
    before, start, cpu = peak(), perf_counter(), process_time()
    tiles = read()
    seconds, cpu = perf_counter() - start, process_time() - cpu
    print(json.dumps(Reading(seconds, cpu, tiles, before, peak())._asdict()))


if __name__ == "__main__":
    main()
