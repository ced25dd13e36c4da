"""Tiles of many slides: a shuffled TileSet beside read_batch() in the file's order.

    python -m benchmarks.bench_tile_set

Links to one slide, as many as there shall be, stand for a folder of slides: each of them
is opened, and has tiles in the cache, for itself.  Both read the same tiles, which are
tiles of the file, at level 0: a `TileSet` shuffled over all slides, and `read_batch()`
one slide after the other.  Each time is that of a new process, so that all caches are
cold, from the first slide that is opened on; what a set looks at before, once, is not
counted.  They take turns; figures are medians, and ratios those of ratios within a round.
Memory is the most that the process ever had (VmHWM), and what of that came by reading.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from .machine import machine_facts
from .slides import Slide, SlideStore
from .tile_set_reader import READERS, Job, Reading

_SHUFFLED, _IN_ORDER = READERS

#: What the rate of the one is to be of the other's, at least.
LEAST_RATIO = 0.9


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_tile_set")
    numbers = {"rounds": 5, "count": 50, "tiles": 160, "batch": 64, "workers": 2}
    for option, number in numbers.items():
        parser.add_argument(f"--{option}", type=int, default=number)
    parser.add_argument("--size", type=int, help="side of a tile; else the file's")
    parser.add_argument("--prefetch", type=int, help="else as the set chooses")
    parser.add_argument("--only", nargs="+", default=["scanscope", "gt450"])
    for option, default in (
        ("--slides", "build/bench-slides"),
        ("--json", "build/bench-tile-set.json"),
    ):
        parser.add_argument(option, type=Path, default=Path(default), metavar="PATH")
    return parser.parse_args()


@contextmanager
def _links(slide: Slide, count: int) -> Iterator[list[str]]:
    """So many names of one slide."""
    with tempfile.TemporaryDirectory(prefix="bench-tile-set-") as folder:
        paths = [
            Path(folder) / f"{i:03}{Path(slide.path).suffix}" for i in range(count)
        ]
        for path in paths:
            path.symlink_to(slide.path)
        yield [str(path) for path in paths]


def _read(how: str, job: Job) -> Reading:
    command = [sys.executable, "-m", "benchmarks.tile_set_reader"]
    output = subprocess.check_output([*command, how, json.dumps(job._asdict())])
    return Reading(**json.loads(output))


def _report(name: str, readings: dict[str, list[Reading]]) -> None:
    print(f"\n{name}")
    for how, each in readings.items():
        rate = median(one.tiles / one.seconds for one in each)
        cpu = median(1000 * one.cpu / one.tiles for one in each)
        most = max(one.peak for one in each) / 1e6
        by_reading = max(one.peak - one.before for one in each) / 1e6
        print(
            f"  {how:9}{rate:7.0f} tiles/s {cpu:7.3f} ms CPU/tile "
            f"{most:5.0f} MB, {by_reading:.0f} of them by reading"
        )
    both = list(zip(readings[_SHUFFLED], readings[_IN_ORDER], strict=True))
    ratio = median(b.seconds / a.seconds for a, b in both)
    cpu_ratio = median(b.cpu / a.cpu for a, b in both)
    mark = " " if ratio >= LEAST_RATIO else "!"
    print(
        f"{mark} {_SHUFFLED} by {_IN_ORDER}: {ratio:.2f} of the rate "
        f"({cpu_ratio:.2f} by CPU time), to be {LEAST_RATIO}"
    )


def _measure(arguments: argparse.Namespace, slide: Slide) -> dict[str, list[Reading]]:
    size = arguments.size or slide.tile
    plan = (size, arguments.tiles, arguments.batch, arguments.workers)
    readings: dict[str, list[Reading]] = {how: [] for how in READERS}
    with _links(slide, arguments.count) as paths:
        job = Job(paths, *plan, arguments.prefetch)
        for number in range(arguments.rounds):
            turns = list(readings) if number % 2 else list(readings)[::-1]
            for how in turns:
                readings[how].append(_read(how, job))
    return readings


def main() -> None:
    arguments = _parse_arguments()
    store = SlideStore(arguments.slides)
    facts = machine_facts()
    print(*(f"{name}: {fact}" for name, fact in facts.items()), sep="\n")
    everything: dict[str, object] = {"machine": facts}
    for name in arguments.only:
        readings = _measure(arguments, store.slide(name))
        _report(name, readings)
        everything[name] = {
            how: [one._asdict() for one in each] for how, each in readings.items()
        }
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(everything, indent=1) + "\n")
    print(f"\nwritten to {arguments.json}")


if __name__ == "__main__":
    main()
