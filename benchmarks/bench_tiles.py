"""Slides cut into tiles: `openslide tiles` beside openslide-python and a process pool.

    python -m benchmarks.bench_tiles --peer-python .venv-oracle/bin/python

Both write the slide `gt450` as tiles of 224 x 224 pixels, JPEG of quality 80, to the
shards of a WebDataset; they take turns.  Times are those of whole programs, start
included.  Memory is the proportional set size (PSS) of all processes of a program
together, the greatest of samples, in a run of its own: the kernel takes a tenth of a
core to tell it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

import numpy as np
from PIL import Image

from .machine import machine_facts
from .slides import Slide, SlideStore

_SIZE, _QUALITY = 224, 80
_SLIDE_MPP = 0.25
_INTERVAL = 0.1  # seconds between samples of memory
# What of the slide is masked is drawn in this many rows.
_MASK_ROWS = 4000


class Result(NamedTuple):
    """What was found of a program: medians, and its peak memory in MB, PSS."""

    run: Run
    memory: float

    @property
    def facts(self) -> dict[str, float]:
        return {**self.run._asdict(), "memory": self.memory}


class Run(NamedTuple):
    """One run of a program.

    Attributes:
        rate: tiles per second.
        use: of the cores that it may use, 0 to 1.
        cpu: processor's time for each tile, in milliseconds.
    """

    rate: float
    use: float
    cpu: float


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_tiles")
    parser.add_argument(
        "--peer-python", help="interpreter that has openslide-python; without: no peer"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--mpp", type=float, nargs="+", default=[0.25, 0.5])
    parser.add_argument("--tiles", type=int, default=0, help="about so many at most")
    for option, default in (
        ("--slides", "build/bench-slides"),
        ("--json", "build/bench-tiles.json"),
    ):
        parser.add_argument(option, type=Path, default=Path(default), metavar="PATH")
    return parser.parse_args()


def _ours(slide: Slide, mpp: float, rows: int, workers: int, folder: Path) -> list[str]:
    command = [sys.executable, "-m", "openslide", "tiles", slide.path]
    command += ["-o", str(folder / "out"), f"--workers={workers}", "--to=webdataset"]
    command += [f"--size={_SIZE}", f"--mpp={mpp}", f"--quality={_QUALITY}"]
    if rows:
        mask = folder / "mask.png"
        width, height = slide.level_dimensions[0]
        wanted = np.arange(_MASK_ROWS) < rows * _side(mpp) / height * _MASK_ROWS
        columns = round(width / height * _MASK_ROWS)
        Image.fromarray(np.repeat(wanted[:, None], columns, axis=1)).save(mask)
        command += ["--mask", str(mask), "--min-tissue=0.5"]
    return command


def _theirs(
    python: str, slide: Slide, mpp: float, rows: int, workers: int, folder: Path
) -> list[str]:
    program = Path(__file__).with_name("peer_tiles.py")
    values = (_SIZE, mpp, _QUALITY, rows, workers)
    command = [python, "-I", str(program), slide.path, str(folder / "out")]
    return [*command, *map(str, values)]


def _side(mpp: float) -> float:
    """Of a tile in level-0 pixels."""
    return _SIZE * mpp / _SLIDE_MPP


def _rows(slide: Slide, mpp: float, tiles: int) -> int:
    """How many rows have so many tiles; 0 for all."""
    columns = math.ceil(slide.level_dimensions[0][0] / _side(mpp))
    return math.ceil(tiles / columns)


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _wait(process: subprocess.Popen[bytes]) -> resource.struct_rusage:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"failed: {process.args!r}")
    return usage


def _time(command: Sequence[str], workers: int, folder: Path) -> Run:
    start = perf_counter()
    usage = _wait(_start(command))
    seconds = perf_counter() - start
    tiles = _count_tiles(folder / "out")
    cpu = usage.ru_utime + usage.ru_stime
    use = cpu / seconds / min(workers, len(os.sched_getaffinity(0)))
    return Run(tiles / seconds, use, 1000 * cpu / tiles)


def _peak_memory(command: Sequence[str]) -> float:
    """In MB."""
    process = _start(command)
    sampler = _Sampler(process.pid)
    sampler.start()
    _wait(process)
    sampler.stop()
    return sampler.peak / 1e6


class _Sampler(threading.Thread):
    """Watches the memory of a process and those below it."""

    def __init__(self, pid: int) -> None:
        super().__init__()
        self._pid = pid
        self._stopped = threading.Event()
        self.peak = 0

    def run(self) -> None:
        while not self._stopped.wait(_INTERVAL):
            self.peak = max(self.peak, sum(map(_pss, _tree(self._pid))))

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(c) for t in tasks for c in (t / "children").read_text().split()]
    except OSError:  # it has ended
        return
    for child in children:
        yield from _tree(child)


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _count_tiles(out: Path) -> int:
    count = 0
    for path in out.glob("*.tar"):
        with tarfile.open(path) as tar:
            count += len(tar.getnames()) // 2
    return count


def _measure(
    arguments: argparse.Namespace, slide: Slide, mpp: float
) -> dict[str, Result]:
    """What is found of each program."""
    plan = (slide, mpp, _rows(slide, mpp, arguments.tiles), arguments.workers)
    commands = {"ours": partial(_ours, *plan)}
    if arguments.peer_python:
        commands["openslide-python"] = partial(_theirs, arguments.peer_python, *plan)
    peaks = {}
    for name, command in commands.items():
        with _folder() as folder:
            peaks[name] = _peak_memory(command(folder))
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(arguments.rounds):
        for name, command in commands.items():
            with _folder() as folder:
                runs[name].append(_time(command(folder), arguments.workers, folder))
    return {
        name: Result(Run(*map(median, zip(*each, strict=True))), peaks[name])
        for name, each in runs.items()
    }


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="bench-tiles-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def main() -> None:
    arguments = _parse_arguments()
    slide = SlideStore(arguments.slides).slide("gt450")
    facts = machine_facts()
    print(*(f"{name}: {fact}" for name, fact in facts.items()), sep="\n")
    everything: dict[str, object] = {"machine": facts}
    for mpp in arguments.mpp:
        found = _measure(arguments, slide, mpp)
        print(f"\n{mpp} microns per pixel")
        for name, (run, memory) in found.items():
            print(
                f"  {name:17}{run.rate:7.0f} tiles/s {memory:6.0f} MB PSS "
                f"{run.use:6.0%} of the cores {run.cpu:7.3f} ms CPU/tile"
            )
        if len(found) == 2:
            ratio = found["ours"].run.rate / found["openslide-python"].run.rate
            print(f"  {ratio:.2f} times as fast")
        everything[str(mpp)] = {name: result.facts for name, result in found.items()}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(everything, indent=1) + "\n")
    print(f"\nwritten to {arguments.json}")


if __name__ == "__main__":
    main()
