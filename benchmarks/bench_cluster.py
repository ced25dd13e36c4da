"""What a cluster's work costs, for docs/howto/clusters.md: python -m benchmarks.bench_cluster.

    tile       CPU time of a tile of 224 pixels, to WebDataset
    slide      CPU time of a slide beside its tiles, with a search for tissue
    task       CPU time of a task, of Dask's scheduler and of the command
    journal    a line of the journal, in the folder of --slides or of --folder

All but the journal's are CPU times, differences of two runs of the command, medians over
rounds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import psutil  # type: ignore[import-untyped]

from openslide import OpenSlide
from openslide.output.journal import Journal
from openslide.tiles import TileGrid

from .bench_array import TILES, dask_cluster
from .machine import load
from .slides import SlideStore

_COMMON = ["--size", "224", "--to", "webdataset"]
_LINES = 200

#: Slides of the larger of two cohorts.
_SLIDES = 5

#: Tiles that are cut in small and in large parts.
_SAMPLE, _SMALL, _LARGE = 2048, 8, 512


def cpu_of(slides: Path, out: Path, *options: str) -> float:
    """Seconds that the command takes of processors, with its processes."""
    command = [*TILES, str(slides), "-o", str(out), *_COMMON, *options]
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    shutil.rmtree(out)
    return usage.ru_utime + usage.ru_stime


def measure_tile(cohort: Path, out: Path, resolution: float | None) -> float:
    """Of all tiles, for neighbours share what is decoded."""
    with OpenSlide(cohort / "1" / "0.svs") as slide:
        tiles = len(TileGrid(slide, 224, mpp=resolution))
    options = [] if resolution is None else ["--mpp", str(resolution)]
    alone = cpu_of(cohort / "1", out, *options, "--sample", "1")
    return (cpu_of(cohort / "1", out, *options) - alone) / (tiles - 1)


def measure_slide(cohort: Path, out: Path) -> float:
    options = ("--min-tissue", "0.25", "--sample", "1")
    one, all_of_them = (cpu_of(cohort / n, out, *options) for n in ("1", "all"))
    return (all_of_them - one) / (_SLIDES - 1)


def measure_task(cohort: Path, out: Path, folder: Path) -> tuple[float, float]:
    """Of the scheduler and of the command."""
    with dask_cluster(folder) as (address, processes):
        scheduler = psutil.Process(processes[0].pid)
        options = ("--scheduler", address, "--sample", str(_SAMPLE), "--shard-size")
        cpu_of(cohort / "1", out, *options, str(_LARGE))  # the workers import
        costs = []
        for size in (_LARGE, _SMALL):
            before = sum(scheduler.cpu_times()[:2])
            command = cpu_of(cohort / "1", out, *options, str(size))
            costs.append((sum(scheduler.cpu_times()[:2]) - before, command))
    tasks = _SAMPLE // _SMALL - _SAMPLE // _LARGE
    (few_there, few_here), (many_there, many_here) = costs
    return (many_there - few_there) / tasks, (many_here - few_here) / tasks


def measure_journal(folder: Path) -> list[float]:
    journal = Journal(folder / "journal")
    times = []
    for number in range(_LINES):
        start = time.perf_counter()
        journal.add({"part": number, "tiles": 512, "damaged": [], "encoded": []})
        times.append(time.perf_counter() - start)
    journal.path.unlink()
    return sorted(times)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_cluster")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slides", type=Path, default=Path("build/bench-slides"))
    parser.add_argument("--slide", type=Path, help="of yours, in a folder of --slides")
    parser.add_argument("--folder", type=Path, help="where a journal would be")
    options = parser.parse_args(arguments)
    path = options.slide or SlideStore(options.slides).slide("gt450").path
    print(f"load: {load()}")
    # On the disk of the slide, of which links are made.
    with tempfile.TemporaryDirectory(dir=options.slides) as name:
        folder = Path(name).resolve()
        for cohort, count in (("1", 1), ("all", _SLIDES)):
            (folder / cohort).mkdir()
            for number in range(count):
                (folder / cohort / f"{number}.svs").hardlink_to(path)
        out = folder / "out"
        rounds = range(options.rounds)
        for resolution in (None, 0.5):
            tile = median(measure_tile(folder, out, resolution) for _ in rounds)
            told = "at level 0" if resolution is None else f"at {resolution} mpp"
            print(f"tile {told}: {tile * 1e3:.2f} ms")
        slide = median(measure_slide(folder, out) for _ in rounds)
        print(f"slide: {slide:.2f} s")
        tasks = [measure_task(folder, out, folder) for _ in rounds]
        scheduler, command = (median(costs) for costs in zip(*tasks, strict=True))
        print(f"task: {scheduler * 1e3:.1f} ms of the scheduler, "
              f"{command * 1e3:.1f} ms of the command")  # fmt: skip
        lines = measure_journal(options.folder or folder)
        print(
            f"journal: {median(lines) * 1e3:.1f} ms a line (a tenth of them above "
            f"{lines[len(lines) * 9 // 10] * 1e3:.1f} ms)"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
