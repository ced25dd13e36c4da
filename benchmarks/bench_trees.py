"""Deep Zoom trees and tiles beside others: python -m benchmarks.bench_trees.

`openslide dzi` beside `vips dzsave`, whole processes on one slide; and get_tile() with
JPEG encoding beside openslide-python.  Contenders take turns; ratios are medians over
rounds.  On a machine that others use as well, the ratios of CPU time say more.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

from .machine import load

OURS, VIPS, PEER = "openslide dzi", "vips dzsave", "openslide-python"

#: Ratios that are to be reached: ours by theirs.
MOST_TIME, MOST_MEMORY, MOST_TILE_TIME = 0.6, 1.5, 0.35

#: Of Linux' prctl(): orphans become children of this process, which waits for them.
_SET_CHILD_SUBREAPER = 36

_VIPS = """
import sys, pyvips
slide = pyvips.Image.tiffload(sys.argv[1], page=0)
slide.dzsave(sys.argv[2], tile_size=254, overlap=1, suffix=".jpeg[Q=75]")
"""

# Tiles of the levels that the slide has, so that nothing is shrunk.
_TILES = """
import io, sys, time
from openslide import OpenSlide
from openslide.deepzoom import DeepZoomGenerator
with OpenSlide(sys.argv[1]) as slide:
    tiles = DeepZoomGenerator(slide)
    top = tiles.level_count - 1
    wanted = []
    for level in (top, top - 2, top - 4):
        columns, rows = tiles.level_tiles[level]
        wanted += [(level, (x, y)) for y in range(rows) for x in range(columns)]
    tiles.get_tile(*wanted[0]).save(io.BytesIO(), "JPEG")
    start, cpu = time.perf_counter(), time.process_time()
    for address in wanted:
        tiles.get_tile(*address).save(io.BytesIO(), "JPEG", quality=75)
    print(time.perf_counter() - start, time.process_time() - cpu)
"""


class Cost(NamedTuple):
    """What a run took."""

    wall: float  # seconds
    cpu: float  # seconds, of all threads
    memory: float = 0.0  # megabytes at most


def run_whole(command: Sequence[str | Path]) -> Cost:
    """The cost of a process from beginning to end, with all that it begins."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    start = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    usages = [usage, *_usages_of_orphans()]
    cpu = sum(each.ru_utime + each.ru_stime for each in usages)
    return Cost(wall, cpu, usage.ru_maxrss / 1024)


def _usages_of_orphans() -> Iterator[resource.struct_rusage]:
    """Of what a program leaves to end by itself, such as a fork server."""
    with suppress(ChildProcessError):
        while True:
            yield os.wait4(-1, 0)[2]


def run_tiles(python: str, slide: str) -> Cost:
    """The cost of some tiles, imports aside."""
    output = subprocess.check_output([python, "-I", "-c", _TILES, slide], text=True)
    return Cost(*map(float, output.split()))


def measure(
    slide: str, vips: str, peer: str, rounds: int, folder: Path
) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {
        name: [] for name in (OURS, VIPS, "our get_tile", PEER)
    }
    for number in range(rounds):
        # Trees stay until the end: some file systems are slow for a while where
        # much was deleted.
        ours, theirs = folder / f"ours{number}", folder / f"vips{number}"
        command: list[str | Path] = [sys.executable, "-I", "-m", "openslide"]
        command += ["dzi", slide, "-o", ours]
        costs[OURS].append(run_whole(command))
        costs[VIPS].append(run_whole([vips, "-I", "-c", _VIPS, slide, theirs]))
        counts = [
            sum(1 for _ in Path(f"{out}_files").rglob("*.jpeg"))
            for out in (ours, theirs)
        ]
        if counts[0] != counts[1]:
            raise SystemExit(f"{counts[0]} tiles of ours, {counts[1]} of vips")
        costs["our get_tile"].append(run_tiles(sys.executable, slide))
        costs[PEER].append(run_tiles(peer, slide))
    return costs


def report(costs: dict[str, list[Cost]]) -> None:
    for name, runs in costs.items():
        wall, cpu, memory = (median(values) for values in zip(*runs, strict=True))
        size = f", {memory:.0f} MB" if memory else ""
        print(f"{name:18} {wall:.3f} s, CPU {cpu:.3f} s{size}")
    for what, ours, theirs, most in (
        ("wall", OURS, VIPS, MOST_TIME),
        ("cpu", OURS, VIPS, None),
        ("memory", OURS, VIPS, MOST_MEMORY),
        ("wall", "our get_tile", PEER, MOST_TILE_TIME),
        ("cpu", "our get_tile", PEER, None),
    ):
        ratio = median(
            getattr(a, what) / getattr(b, what)
            for a, b in zip(costs[ours], costs[theirs], strict=True)
        )
        verdict = ""
        if most is not None:
            verdict = f", at most {most}: {'met' if ratio <= most else 'missed'}"
        print(f"{what} of {ours} / {theirs}: {ratio:.2f}{verdict}")


def make_slide(folder: Path) -> str:
    """A slide of 8000 x 6000 pixels, made by another process.

    What a process has at most counts what its parent had when it was begun.
    """
    code = "import sys; from pathlib import Path; from benchmarks.slides import SlideStore;"
    code += "print(SlideStore(Path(sys.argv[1])).slide('small').path)"
    command = [sys.executable, "-c", code, str(folder)]
    return subprocess.check_output(command, text=True).strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vips-python", required=True, help="one that has pyvips")
    parser.add_argument("--peer-python", required=True, help="with openslide-python")
    parser.add_argument("--slide", help="by default one of 8000 x 6000 pixels is made")
    parser.add_argument("--slides", type=Path, default=Path("build/bench-slides"))
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    slide = options.slide or make_slide(options.slides)
    print(f"load {load()}")
    with tempfile.TemporaryDirectory() as folder:
        report(
            measure(
                slide,
                options.vips_python,
                options.peer_python,
                options.rounds,
                Path(folder),
            )
        )
    print(f"load {load()}")


if __name__ == "__main__":
    main()
