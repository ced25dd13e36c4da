"""Batches at another resolution: python -m benchmarks.bench_resampled.

`read_batch_at()` of neighbouring tiles of 224 pixels at 0.5 microns per pixel, from a slide
of 0.25, beside `read_batch()` of the stored tiles that they are made of, each once: what
there is to decode in any case.  Nothing is in the tile cache, the file is in the page cache.
Both take turns on the same places; the ratio is the median over rounds.

`python -m benchmarks --only pillow` has the resampling kernel beside Pillow.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from openslide import OpenSlide, OpenSlideCache, get_num_threads

from .machine import load
from .slides import Slide, SlideStore

#: How many times the time of decoding it may take at most.
MOST = 1.35

_SIDE = 224
_MPP, _SLIDE_MPP = 0.5, 0.25
_ACROSS = 8  # tiles of a batch in a row, and rows
_REACH = 4  # level-0 pixels around a tile that the bicubic filter takes in
_CACHE = 32 << 20  # the usual size

_CLOCKS: dict[str, Callable[[], float]] = {
    "wall": time.perf_counter,
    "cpu": time.process_time,
}

Locations = Sequence[tuple[int, int]]


def batch(corner: tuple[int, int]) -> Locations:
    """Where the tiles of a batch begin, in level-0 pixels."""
    step = round(_SIDE * _MPP / _SLIDE_MPP)
    x, y = corner
    return [
        (x + i * step, y + j * step) for j in range(_ACROSS) for i in range(_ACROSS)
    ]


def stored_tiles(locations: Locations, tile: int) -> Locations:
    """Where the stored tiles begin that they are made of."""
    step = round(_SIDE * _MPP / _SLIDE_MPP)
    found = {
        (column, row)
        for x, y in locations
        for column in range((x - _REACH) // tile, (x + step + _REACH - 1) // tile + 1)
        for row in range((y - _REACH) // tile, (y + step + _REACH - 1) // tile + 1)
    }
    by_row = sorted(found, key=lambda cell: cell[::-1])
    return [(column * tile, row * tile) for column, row in by_row]


def measure(
    slide: Slide, rounds: int, workers: int, clock: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """Seconds that resampled batches and decoding took, of each round."""
    seconds: tuple[list[float], list[float]] = [], []
    with OpenSlide(slide.path) as opened:
        for number in range(rounds + 1):
            locations = batch(_corner(slide, number))
            tiles = stored_tiles(locations, slide.tile)
            side = slide.tile, slide.tile
            resample = partial(opened.read_batch_at, locations, _MPP, (_SIDE, _SIDE))
            decode = partial(opened.read_batch, tiles, 0, side)
            turns = list(zip(seconds, (resample, decode), strict=True))
            for taken, read in turns if number % 2 else reversed(turns):
                opened.set_cache(OpenSlideCache(_CACHE))
                start = clock()
                read(workers=workers)
                taken.append(clock() - start)
    resampled, decoded = seconds
    return resampled[1:], decoded[1:]  # the first made the process warm


def _corner(slide: Slide, number: int) -> tuple[int, int]:
    """Where a batch begins, each of them elsewhere, and none on a stored tile."""
    x, y, width, height = slide.area
    side = round(_ACROSS * _SIDE * _MPP / _SLIDE_MPP) + slide.tile
    across, down = (width - slide.tile) // side, (height - slide.tile) // side
    row, column = divmod(number % (across * down), across)
    return x + 100 + column * side, y + 100 + row * side


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slides", type=Path, default=Path("build/bench-slides"))
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--clock", choices=_CLOCKS, default="wall")
    arguments = parser.parse_args()
    store = SlideStore(arguments.slides)
    print(f"load before: {load()}")
    print(
        f"{'slide':<10} {'workers':>7} {'at 0.5 ms':>9} {'decoded ms':>10} {'ratio':>6}"
    )
    for name in ("gt450", "scanscope"):
        slide = store.slide(name)
        Path(slide.path).read_bytes()  # it is in the page cache then
        for workers in sorted({1, get_num_threads()}):
            clock = _CLOCKS[arguments.clock]
            resampled, decoded = measure(slide, arguments.rounds, workers, clock)
            ratio = median(a / b for a, b in zip(resampled, decoded, strict=True))
            verdict = "met" if ratio <= MOST else "missed"
            print(
                f"{name:<10} {workers:7} {median(resampled) * 1e3:9.1f} "
                f"{median(decoded) * 1e3:10.1f} {ratio:6.2f}, at most {MOST}: {verdict}"
            )
    print(f"load after: {load()}")


if __name__ == "__main__":
    main()
