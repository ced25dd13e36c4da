"""A contender in Python: answers requests on its standard input.

    python -I worker.py NAME CLOCK

NAME is "ours" or "openslide-python", CLOCK "wall" or "cpu".  This file stands alone, for it runs in
the environments of both.  A request is a line of words with tabs between them;
the answer is a line of JSON: {"seconds": [...]}, one value per sample, for

    slide PATH                              open this one; no samples
    call NAME SAMPLES REPEATS               a sample is REPEATS calls
    read FORM STATE LEVEL SIDE WORKERS SAMPLES X Y X Y ...

or {"versions": {...}} for `versions`.
"""

from __future__ import annotations

import gc
import importlib.metadata
import json
import platform
import sys
from collections.abc import Callable, Iterator
from time import perf_counter, process_time
from typing import Any

import numpy as np

import openslide

# Everything that one measurement reads fits, so that hot is hot.
_CACHE_BYTES = 256 << 20

Clock = Callable[[], float]
Positions = list[tuple[int, int]]


class Reader:
    """How this package reads."""

    def __init__(self, slide: Any) -> None:
        self.slide = slide

    def image(self, position: tuple[int, int], level: int, side: int) -> object:
        return self.slide.read_region(position, level, (side, side))

    def array(self, position: tuple[int, int], level: int, side: int) -> Any:
        return self.slide.read_array(position, level, (side, side))

    def batch(
        self, positions: Positions, level: int, side: int, workers: int
    ) -> object:
        return self.slide.read_batch(positions, level, (side, side), workers=workers)


class PeerReader(Reader):
    """How programs read with openslide-python, for the same arrays."""

    def array(self, position: tuple[int, int], level: int, side: int) -> Any:
        image = self.slide.read_region(position, level, (side, side))
        return np.asarray(image.convert("RGB"))

    def batch(
        self, positions: Positions, level: int, side: int, workers: int
    ) -> object:
        pixels = np.empty((len(positions), side, side, 3), np.uint8)
        for i, position in enumerate(positions):
            pixels[i] = self.array(position, level, side)
        return pixels


_READERS: dict[str, type[Reader]] = {"ours": Reader, "openslide-python": PeerReader}
_CLOCKS: dict[str, Clock] = {"wall": perf_counter, "cpu": process_time}


class Worker:
    """Answers requests about the slide that was named last."""

    def __init__(self, reader_type: type[Reader], clock: Clock) -> None:
        self._reader_type = reader_type
        self._clock = clock
        self._slide: Any = None
        self._path = ""

    def answer(self, words: list[str]) -> dict[str, object]:
        kind, *rest = words
        if kind == "versions":
            return {"versions": _versions()}
        if kind == "slide":
            (self._path,) = rest
            self._slide = openslide.OpenSlide(self._path)
            return {"seconds": []}
        samples = self._call(*rest) if kind == "call" else self._read(rest)
        return {"seconds": list(samples)}

    def _call(self, name: str, samples: str, repeats: str) -> Iterator[float]:
        if name == "open":
            return self._open(int(samples))
        return self._repeat(self._calls()[name], int(samples), int(repeats))

    def _calls(self) -> dict[str, Callable[[], object]]:
        slide = self._slide
        return {
            "property": lambda: slide.properties["openslide.vendor"],
            "properties": lambda: dict(slide.properties),
            "level_dimensions": lambda: slide.level_dimensions,
        }

    def _repeat(
        self, call: Callable[[], object], samples: int, repeats: int
    ) -> Iterator[float]:
        for _ in range(samples):
            start = self._clock()
            for _ in range(repeats):
                call()
            yield self._clock() - start

    def _open(self, samples: int) -> Iterator[float]:
        for _ in range(samples):
            start = self._clock()
            slide = openslide.OpenSlide(self._path)
            yield self._clock() - start
            slide.close()

    def _read(self, words: list[str]) -> Iterator[float]:
        form, state, *rest = words
        level, side, workers, samples, *numbers = map(int, rest)
        positions = list(zip(numbers[0::2], numbers[1::2], strict=True))
        each = len(positions) // samples
        read = self._reading(form, level, side, workers)
        groups = [positions[i * each : (i + 1) * each] for i in range(samples)]
        kept = self._warm_up(groups, read, state)
        for group in groups:
            if state == "cold":
                self._forget_tiles()
            start = self._clock()
            read(group)  # what it returns is freed before the clock stops
            yield self._clock() - start
        del kept

    def _warm_up(
        self,
        groups: list[Positions],
        read: Callable[[Positions], object],
        state: str,
    ) -> object:
        """Read what shall be hot; returns what to keep meanwhile.

        Cold reads need memory for tiles, and a program that has run for a while
        has that: tiles leave its cache when others come.  So tiles are read whose
        memory is free when the samples begin, and then some that stay, because an
        allocator would give memory at the end of the heap back to the system.
        """
        if state == "hot":
            self._forget_tiles()
            for group in groups:
                read(group)
            return None
        self._forget_tiles()
        read(groups[0])
        kept = self._forget_tiles()
        read(groups[0])
        return kept

    def _reading(
        self, form: str, level: int, side: int, workers: int
    ) -> Callable[[Positions], object]:
        reader = self._reader_type(self._slide)
        if form == "batch":
            return lambda group: reader.batch(group, level, side, workers)
        read_one = reader.image if form == "image" else reader.array
        return lambda group: read_one(group[0], level, side)

    def _forget_tiles(self) -> object:
        """Go on with an empty cache, and return it."""
        cache = openslide.OpenSlideCache(_CACHE_BYTES)
        self._slide.set_cache(cache)
        return cache


def _versions() -> dict[str, str]:
    names = ("openslide-native", "openslide-python", "openslide-bin", "Pillow", "numpy")
    installed = {
        distribution.name.lower(): distribution.version
        for distribution in importlib.metadata.distributions()
    }
    found = {
        name: installed[name.lower()] for name in names if name.lower() in installed
    }
    return found | {
        "Python": platform.python_version(),
        "libopenslide": openslide.__library_version__,
    }


def main() -> None:
    gc.disable()  # as timeit does
    worker = Worker(_READERS[sys.argv[1]], _CLOCKS[sys.argv[2]])
    for line in sys.stdin:
        print(json.dumps(worker.answer(line.rstrip("\n").split("\t"))), flush=True)


if __name__ == "__main__":
    main()
