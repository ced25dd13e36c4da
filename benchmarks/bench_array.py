"""Lazy arrays and clusters beside what they stand on: python -m benchmarks.bench_array.

    open    what open_zarr() takes more than opening the slide, new each time
    mean    to_dask(...).mean() beside read_batch() of the same blocks and their mean
    dask    openslide tiles --scheduler, two workers with a thread each, beside two
            processes of this machine: the whole program, and what of it is fixed

Contenders take turns; ratios are medians over rounds.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import openslide
from openslide.array import open_zarr, to_dask

from .machine import load
from .slides import SlideStore

TILES = [sys.executable, "-m", "openslide", "tiles"]
_CUT = ["--size", "256", "--to", "webdataset", "--shard-size", "256"]

#: Slides of 11,000 tiles each: together those of a slide of 100,000 x 80,000 pixels of
#: which a third is tissue.
_COHORT = 4

#: To be reached.
MOST_OPEN, MOST_MEAN, LEAST_DASK = 0.020, 1.25, 0.9


def measure_open(path: str, folder: Path, rounds: int) -> None:
    """Each round opens a copy, for slides stay open for a while."""
    extra = []
    for number in range(rounds):
        copy = folder / f"{number}.svs"
        copy.hardlink_to(path)
        start = time.perf_counter()
        openslide.OpenSlide(copy).close()
        middle = time.perf_counter()
        open_zarr(copy)
        extra.append(time.perf_counter() - middle - (middle - start))
        copy.unlink()
    print(
        f"open_zarr: {median(extra) * 1e3:.1f} ms more (at most {MOST_OPEN * 1e3:.0f})"
    )


def measure_mean(path: str, rounds: int) -> None:
    alone: list[float] = []
    with_mean: list[float] = []
    for _ in range(rounds):
        lazy: Any = to_dask(path)
        height, width = lazy.chunks[0][0], lazy.chunks[1][0]
        start = time.perf_counter()
        lazy.mean().compute()
        dask = time.perf_counter() - start
        for means, ratios in ((False, alone), (True, with_mean)):
            start = time.perf_counter()
            with openslide.OpenSlide(path) as slide:
                for y in range(0, lazy.shape[0], height):
                    places = [(x, y) for x in range(0, lazy.shape[1], width)]
                    blocks = slide.read_batch(places, 0, (width, height))
                    if means:
                        blocks.mean()
            ratios.append(dask / (time.perf_counter() - start))
    print(
        f"to_dask().mean(): {median(with_mean):.2f} of read_batch() and the mean, "
        f"{median(alone):.2f} of read_batch() alone (at most {MOST_MEAN})"
    )


def measure_dask(path: str, folder: Path, rounds: int) -> None:
    """A cohort of links to the slide: as many tiles as one large slide has of tissue.

    The same with a tile of each slide is what the commands take whatever there is to do.
    """
    slides = folder / "cohort"
    slides.mkdir()
    for number in range(_COHORT):
        (slides / f"{number}.svs").hardlink_to(path)
    ratios = []
    fixed: dict[str, list[float]] = {"Dask": [], "local": []}
    with dask_cluster(folder) as (address, _):
        contenders = {"Dask": ["--scheduler", address], "local": ["--workers", "2"]}
        for _ in range(rounds):
            times = {}
            for name, workers in contenders.items():
                out = folder / name
                fixed[name].append(_cut(slides, out, [*workers, "--sample", "1"]))
                times[name] = _cut(slides, out, workers)
            ratios.append(times["local"] / times["Dask"])
    told = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(
        f"Dask: {median(ratios):.2f} of the local throughput ({told}; "
        f"at least {LEAST_DASK}); fixed {median(fixed['Dask']):.2f} s of "
        f"{times['Dask']:.1f} s, locally {median(fixed['local']):.2f} s of "
        f"{times['local']:.1f} s"
    )


def _cut(slides: Path, out: Path, options: list[str]) -> float:
    """Seconds that the command takes, from its start to its end."""
    command = [*TILES, str(slides), "-o", str(out), *_CUT, *options]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    seconds = time.perf_counter() - start
    shutil.rmtree(out)
    return seconds


@contextmanager
def dask_cluster(
    folder: Path,
) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Address and processes of a scheduler and two workers, each with one thread."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    module = [sys.executable, "-m"]
    worker = [*module, "distributed.cli.dask_worker", address, "--nthreads=1"]
    commands = [
        [
            *module,
            "distributed.cli.dask_scheduler",
            "--host",
            address,
            "--no-dashboard",
        ],
        [*worker, "--no-nanny", "--no-dashboard"],
        [*worker, "--no-nanny", "--no-dashboard"],
    ]
    processes = [
        subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for command in commands
    ]
    try:
        yield address, processes
    finally:
        for process in reversed(processes):
            process.kill()  # workers that lose their scheduler may wait for it
        for process in processes:
            process.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_array")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slides", type=Path, default=Path("build/bench-slides"))
    options = parser.parse_args(arguments)
    path = SlideStore(options.slides).slide("gt450").path
    open_zarr(path)  # zarr is imported
    print(f"load: {load()}")
    # On the disk of the slide, of which links are made.
    with tempfile.TemporaryDirectory(dir=options.slides) as folder:
        measure_open(path, Path(folder).resolve(), options.rounds)
        measure_mean(path, options.rounds)
        measure_dask(path, Path(folder).resolve(), options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
