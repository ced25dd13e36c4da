"""A contender in Python: answers requests on its standard input.

    python -I worker.py NAME CLOCK

NAME is "ours", "openslide-python", "openslide-python x2" or "cucim", CLOCK "wall" or "cpu".  This file
stands alone, for it runs in the environments of all of them.  A request is a line of
words with tabs between them; the answer is a line of JSON: {"seconds": [...]}, one
value per sample, for

    slide PATH                              open this one; no samples
    call NAME SAMPLES REPEATS               a sample is REPEATS calls
    read FORM STATE LEVEL SIDE WORKERS SAMPLES X Y X Y ...
    thumbnail SIDE SAMPLES

or {"versions": {...}} for `versions`.  Each sample of a read has an equal share of the
positions; where that is more than one they are a batch or are read one by one.
"""

from __future__ import annotations

import gc
import importlib.metadata
import json
import mmap
import multiprocessing
import os
import platform
import sys
from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter, process_time
from typing import Any

import numpy as np

# What a slide has by default.
_USUAL_CACHE_BYTES = 32 << 20
# Everything that one measurement reads fits, so that hot is hot.
_HOT_CACHE_BYTES = 256 << 20

Clock = Callable[[], float]
Position = tuple[int, int]
Positions = list[Position]


class Reader:
    """A slide, as programs read it with this package.

    Attributes:
        passes: how often to read what shall be in the cache.
    """

    passes = 1

    def __init__(self, path: str) -> None:
        import openslide

        self.slide: Any = openslide.OpenSlide(path)

    @staticmethod
    def versions() -> dict[str, str]:
        import openslide
        from openslide import _openslide

        return {
            "libopenslide": openslide.__library_version__,
            "direct reads": ", then ".join(_openslide.jpeg_decoders()) or "off",
        }

    def close(self) -> None:
        self.slide.close()

    def forget_tiles(self, capacity: int = _USUAL_CACHE_BYTES) -> object:
        """Go on with an empty cache of so many bytes, and return it."""
        import openslide

        cache = openslide.OpenSlideCache(capacity)
        self.slide.set_cache(cache)
        return cache

    def image(self, position: Position, level: int, side: int) -> object:
        return self.slide.read_region(position, level, (side, side))

    def array(self, position: Position, level: int, side: int) -> Any:
        return self.slide.read_array(position, level, (side, side))

    def fill(self, pixels: Any, position: Position, level: int, side: int) -> None:
        self.slide.read_array(position, level, (side, side), out=pixels)

    def batch(
        self, positions: Positions, level: int, side: int, workers: int
    ) -> object:
        return self.slide.read_batch(positions, level, (side, side), workers=workers)

    def thumbnail(self, side: int) -> object:
        return self.slide.get_thumbnail((side, side))


class PeerReader(Reader):
    """How programs read with openslide-python, for the same arrays."""

    @staticmethod
    def versions() -> dict[str, str]:
        import openslide

        return {"libopenslide": openslide.__library_version__}

    def array(self, position: Position, level: int, side: int) -> Any:
        image = self.slide.read_region(position, level, (side, side))
        return np.asarray(image.convert("RGB"))

    def fill(self, pixels: Any, position: Position, level: int, side: int) -> None:
        pixels[...] = self.array(position, level, side)

    def batch(
        self, positions: Positions, level: int, side: int, workers: int
    ) -> object:
        pixels = _empty_batch(len(positions), side)
        for i, position in enumerate(positions):
            pixels[i] = self.array(position, level, side)
        return pixels


class PeerProcesses(PeerReader):
    """How they read batches by several processes: each its share, into shared memory.

    That is what a pool can at best be: it has been started, has opened the slide, and
    sends no pixels.
    """

    _MOST_BYTES = 64 * 1024 * 1024

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._path = path
        self._memory = mmap.mmap(-1, self._MOST_BYTES)
        self._pipes: list[Any] = []

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        super().close()

    def forget_tiles(self, capacity: int = _USUAL_CACHE_BYTES) -> object:
        self._tell("forget", [(capacity,)] * len(self._pipes))
        return super().forget_tiles(capacity)

    def batch(
        self, positions: Positions, level: int, side: int, workers: int
    ) -> object:
        while len(self._pipes) < workers:
            self._start()
        each = -(-len(positions) // workers)
        starts = range(0, workers * each, each)
        shares = [
            (start, positions[start : start + each], level, side) for start in starts
        ]
        self._tell("batch", shares)
        return np.frombuffer(self._memory, np.uint8)

    def _start(self) -> None:
        # Forked, it has the memory; what it inherits of the slide it does not use.
        fork = multiprocessing.get_context("fork")
        ours, theirs = fork.Pipe()
        fork.Process(target=self._serve, args=(theirs, ours), daemon=True).start()
        theirs.close()
        self._pipes.append(ours)

    def _tell(self, what: str, shares: list[Any]) -> None:
        for pipe, share in zip(self._pipes, shares, strict=True):
            pipe.send((what, *share))
        for pipe in self._pipes:
            pipe.recv()

    def _serve(self, pipe: Any, other_end: Any) -> None:
        for inherited in (*self._pipes, other_end):
            inherited.close()
        reader = PeerReader(self._path)
        caches: list[object] = []  # the last two live, see Worker._warm_up()
        while True:
            try:
                what, *words = pipe.recv()
            except EOFError:
                return
            if what == "forget":
                caches = [*caches[-1:], reader.forget_tiles(*words)]
            else:
                self._read_share(reader, *words)
            pipe.send(None)

    def _read_share(
        self,
        reader: PeerReader,
        start: int,
        positions: Positions,
        level: int,
        side: int,
    ) -> None:
        count = (start + len(positions)) * side * side * 3
        pixels = np.frombuffer(self._memory, np.uint8, count)
        tiles = pixels.reshape(-1, side, side, 3)
        for i, position in enumerate(positions, start):
            reader.fill(tiles[i], position, level, side)


class CucimReader(Reader):
    """How programs read with cucim.

    Its cache is what its configuration says when the process begins, and cannot be
    emptied: what is read cold and what is read hot are processes of their own.
    """

    # Now and then a tile that was decoded does not get into its cache.
    passes = 4
    # So many regions are in each array that its iterator yields.  Few, so that the
    # copying of some and the decoding of the next overlap.
    _PER_ARRAY = 4
    # From this side on, threads are worth their while for a single region.
    _LARGE = 1024

    def __init__(self, path: str) -> None:
        from cucim import CuImage

        self.slide = CuImage(path)

    @staticmethod
    def versions() -> dict[str, str]:
        return {}

    def forget_tiles(self, capacity: int = 0) -> object:
        return None

    def array(self, position: Position, level: int, side: int) -> Any:
        workers = _usable_cpus() if side >= self._LARGE else 0
        region = self.slide.read_region(
            position, (side, side), level, num_workers=workers
        )
        return np.asarray(region)

    def fill(self, pixels: Any, position: Position, level: int, side: int) -> None:
        pixels[...] = self.array(position, level, side)

    def batch(
        self, positions: Positions, level: int, side: int, workers: int
    ) -> object:
        arrays = self.slide.read_region(
            positions,
            (side, side),
            level,
            batch_size=self._PER_ARRAY,
            num_workers=workers,
        )
        pixels = _empty_batch(len(positions), side)
        for i, array in enumerate(arrays):
            # It writes the next ones into the same memory, hence the copy.
            start = i * self._PER_ARRAY
            pixels[start : start + self._PER_ARRAY] = np.asarray(array)
        return pixels


def _empty_batch(count: int, side: int) -> Any:
    return np.empty((count, side, side, 3), np.uint8)


def _usable_cpus() -> int:
    return len(os.sched_getaffinity(0))


_READERS: dict[str, type[Reader]] = {
    "ours": Reader,
    "openslide-python": PeerReader,
    "openslide-python x2": PeerProcesses,
    "cucim": CucimReader,
}
_PACKAGES = (
    "openslide-native",
    "openslide-python",
    "openslide-bin",
    "cucim-cu12",
    "Pillow",
    "numpy",
)
_CLOCKS: dict[str, Clock] = {"wall": perf_counter, "cpu": process_time}


class Worker:
    """Answers requests about the slide that was named last."""

    def __init__(self, reader_type: type[Reader], clock: Clock) -> None:
        self._reader_type = reader_type
        self._clock = clock
        self._path = ""

    def answer(self, words: list[str]) -> dict[str, object]:
        kind, *rest = words
        if kind == "versions":
            return {"versions": _versions() | self._reader_type.versions()}
        if kind == "slide":
            (self._path,) = rest
            self._reader = self._reader_type(self._path)
            return {"seconds": []}
        answers: dict[str, Callable[[list[str]], Iterator[float]]] = {
            "call": self._call,
            "read": self._read,
            "thumbnail": self._thumbnail,
        }
        return {"seconds": list(answers[kind](rest))}

    def _call(self, words: list[str]) -> Iterator[float]:
        name, samples, repeats = words[0], *map(int, words[1:])
        if name == "open":
            return self._open(samples)
        return self._repeat(self._calls()[name], samples, repeats)

    def _calls(self) -> dict[str, Callable[[], object]]:
        slide = self._reader.slide
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
            reader = self._reader_type(self._path)
            yield self._clock() - start
            reader.close()

    def _thumbnail(self, words: list[str]) -> Iterator[float]:
        side, samples = map(int, words)
        for _ in range(samples):
            self._reader.forget_tiles()
            start = self._clock()
            self._reader.thumbnail(side)
            yield self._clock() - start

    def _read(self, words: list[str]) -> Iterator[float]:
        form, state, *rest = words
        level, side, workers, samples, *numbers = map(int, rest)
        positions = list(zip(numbers[0::2], numbers[1::2], strict=True))
        each = len(positions) // samples
        read = self._reading(form, level, side, workers)
        groups = [positions[i * each : (i + 1) * each] for i in range(samples)]
        kept = self._warm_up(groups, read, state)
        for group in groups:
            if state != "hot":
                self._reader.forget_tiles()
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
            self._reader.forget_tiles(_HOT_CACHE_BYTES)
            for group in groups * self._reader.passes:
                read(group)
            return None
        self._reader.forget_tiles()
        read(groups[0])
        kept = self._reader.forget_tiles()
        read(groups[0])
        return kept

    def _reading(
        self, form: str, level: int, side: int, workers: int
    ) -> Callable[[Positions], object]:
        reader = self._reader
        if form == "batch":
            return lambda group: reader.batch(group, level, side, workers)
        read_one = reader.image if form == "image" else reader.array
        if form == "out":
            read_one = partial(reader.fill, np.ones((side, side, 3), np.uint8))

        def read_each(group: Positions) -> None:
            for position in group:
                read_one(position, level, side)

        return read_each


def _versions() -> dict[str, str]:
    installed = {
        distribution.name.lower(): distribution.version
        for distribution in importlib.metadata.distributions()
    }
    found = {
        name: installed[name.lower()] for name in _PACKAGES if name.lower() in installed
    }
    return found | {"Python": platform.python_version()}


def main() -> None:
    gc.disable()  # as timeit does
    worker = Worker(_READERS[sys.argv[1]], _CLOCKS[sys.argv[2]])
    for line in sys.stdin:
        print(json.dumps(worker.answer(line.rstrip("\n").split("\t"))), flush=True)


if __name__ == "__main__":
    main()
