"""Tiles that are copied: python -m benchmarks.bench_native --vips-python PYTHON.

`openslide tiles --format native` beside the same command decoding and encoding the same
tiles, to shards of a WebDataset, and beside `cp` of what it wrote; `openslide convert`
beside `vips tiffsave` at the same tile size, and beside `cp` of the slide.  Whole
processes, and of tiles also the work on them alone, by one thread: the rest is starting
processes and drawing pictures to look at, and waiting for the disk.  `cp` waits for no
disk, and what it copies was read before.  Contenders take turns, and ratios are medians
over rounds.  On a machine that others use as well, the ratios of CPU time say more.

For whole processes tiles are cut of several copies of the slide at once.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from .bench_trees import Cost, run_whole
from .machine import load
from .slides import SlideStore

NATIVE, ENCODED = "native tiles alone", "encoded tiles alone"
NATIVE_RUN, ENCODED_RUN, COPIED_TILES = "native tiles", "encoded tiles", "cp of shards"
CONVERT, VIPS, COPIED_SLIDE = "openslide convert", "vips tiffsave", "cp of the slide"

#: How many times as fast it is to be.
LEAST_TILES, LEAST_CONVERT = 8, 4

_VIPS = """
import sys, pyvips
slide = pyvips.Image.tiffload(sys.argv[1], page=0)
slide.tiffsave(
    sys.argv[2], tile=True, tile_width=256, tile_height=256, pyramid=True,
    compression="jpeg", Q=85, bigtiff=True
)
"""

_PARTS = """
import sys, time
from pathlib import Path
from openslide.export.part import export_part
from openslide.export.plan import Job, TileOptions, parts
from openslide.export.survey import survey
path, out, format = sys.argv[1:]
job = Job(Path(path), "s", Path(out), TileOptions(to="webdataset", format=format))
job.folder.aside.mkdir(parents=True)
first, *others = parts(job, survey(job, None).cells)
export_part(first)
start, cpu = time.perf_counter(), time.process_time()
tiles = sum(export_part(part).tiles for part in others)
print(time.perf_counter() - start, time.process_time() - cpu, tiles)
"""

_OPENSLIDE = [sys.executable, "-I", "-m", "openslide"]
_SIDE = 256  # of the slide's own tiles
_TILES = 10_000


def run_parts(slide: str, folder: Path, format: str) -> Cost:
    """What ten thousand tiles of one slide cost, by one thread."""
    command = [sys.executable, "-c", _PARTS, slide, str(folder), format]
    threads = {"OPENSLIDE_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    output = subprocess.check_output(command, text=True, env=os.environ | threads)
    wall, cpu, tiles = map(float, output.split())
    return Cost(wall / tiles * _TILES, cpu / tiles * _TILES)


def measure(
    slide: str, vips: str | None, copies: int, rounds: int
) -> dict[str, list[Cost]]:
    """What each contender took in each round."""
    costs: dict[str, list[Cost]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-native-") as scratch:
        folder = Path(scratch)
        slides = folder / "slides"
        slides.mkdir()
        for number in range(copies):
            shutil.copy(slide, slides / f"slide-{number}.svs")
        for _ in range(rounds):
            for name, run in _contenders(slide, slides, vips, folder).items():
                os.sync()  # what others have written is no matter of this one
                costs.setdefault(name, []).append(run())
            for path in folder.iterdir():
                if path != slides:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
    return costs


def _contenders(
    slide: str, slides: Path, vips: str | None, folder: Path
) -> dict[str, Callable[[], Cost]]:
    """In this order, for some need what others wrote."""

    def tiles(name: str, *options: str) -> Callable[[], Cost]:
        command = [*_OPENSLIDE, "tiles", str(slides), "-o", str(folder / name)]
        return lambda: run_whole([*command, "--to=webdataset", "--level=0", *options])

    def native_tiles() -> Cost:
        cost = tiles("native", "--format=native")()
        for summary in (folder / "native").glob("*.json"):
            if json.loads(summary.read_text())["encoded"]:
                raise SystemExit(f"{summary} tells of tiles that were not copied")
        return cost

    def copy_tiles() -> Cost:
        for shard in (folder / "native").glob("*.tar"):
            shard.read_bytes()  # into memory, where slides are too
        return run_whole(["cp", "-r", str(folder / "native"), str(folder / "copy")])

    tiff = folder / "ours.tiff"
    contenders = {
        NATIVE: lambda: run_parts(slide, folder / "native-parts", "native"),
        ENCODED: lambda: run_parts(slide, folder / "encoded-parts", "jpeg"),
        NATIVE_RUN: native_tiles,
        ENCODED_RUN: tiles("encoded", f"--size={_SIDE}"),
        COPIED_TILES: copy_tiles,
        CONVERT: lambda: run_whole([*_OPENSLIDE, "convert", slide, "-o", str(tiff)]),
        COPIED_SLIDE: lambda: run_whole(["cp", slide, str(folder / "copy.svs")]),
    }
    if vips is not None:
        command = [vips, "-I", "-c", _VIPS, slide, str(folder / "vips.tiff")]
        contenders[VIPS] = lambda: run_whole(command)
    return contenders


def report(costs: dict[str, list[Cost]], tiles: int) -> None:
    for name, runs in costs.items():
        wall, cpu = (
            median(getattr(run, what) for run in runs) for what in ("wall", "cpu")
        )
        count = {NATIVE: _TILES, ENCODED: _TILES}.get(name, tiles)
        rate = f", {count / wall:.0f} tiles/s" if "tiles" in name else ""
        print(f"{name:18} {wall:7.3f} s, CPU {cpu:7.3f} s{rate}")
    for ours, theirs, least in (
        (NATIVE, ENCODED, LEAST_TILES),
        (NATIVE_RUN, ENCODED_RUN, LEAST_TILES),
        (CONVERT, VIPS, LEAST_CONVERT),
    ):
        if theirs not in costs:
            continue
        for what in ("wall", "cpu"):
            ratio = median(
                getattr(b, what) / getattr(a, what)
                for a, b in zip(costs[ours], costs[theirs], strict=True)
            )
            met = "met" if ratio >= least else "missed"
            print(
                f"{what}: {ours} {ratio:.1f} times as fast as {theirs}, "
                f"at least {least}: {met}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vips-python", help="one that has pyvips; without: no vips")
    parser.add_argument("--slides", type=Path, default=Path("build/bench-slides"))
    parser.add_argument("--copies", type=int, default=4, help="of the slide, for tiles")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    slide = SlideStore(arguments.slides).slide("gt450")
    print(f"load before: {load()}")
    costs = measure(
        slide.path, arguments.vips_python, arguments.copies, arguments.rounds
    )
    columns, rows = (-(-side // _SIDE) for side in slide.level_dimensions[0])
    report(costs, arguments.copies * columns * rows)
    print(f"load after: {load()}")


if __name__ == "__main__":
    main()
