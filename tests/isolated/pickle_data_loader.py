"""Worker processes that serve a map-style dataset: METHOD SLIDE.

What PyTorch's DataLoader does, without PyTorch: each worker has the dataset, gets
indices by one queue, and answers by another.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator
from typing import Any

from openslide import OpenSlide

SIDE = 64
WORKERS = 2
PREFETCHED = 2


class Tiles:
    def __init__(self, path: str) -> None:
        self.slide = OpenSlide(path)

    def __len__(self) -> int:
        return 24

    def __getitem__(self, index: int) -> bytes:
        location = (index % 6 * SIDE, index // 6 * SIDE)
        return self.slide.read_region(location, 0, (SIDE, SIDE)).tobytes()


def serve(dataset: Tiles, indices: Any, answers: Any) -> None:
    for index in iter(indices.get, None):
        try:
            answers.put((index, dataset[index]))
        except Exception as error:
            answers.put((index, repr(error)))


class Loader:
    """Yields the items in order, prefetched by workers that live for an epoch."""

    def __init__(self, dataset: Tiles, method: str) -> None:
        self._dataset = dataset
        self._context: Any = multiprocessing.get_context(method)

    def __iter__(self) -> Iterator[bytes]:
        indices, answers = self._context.Queue(), self._context.Queue()
        workers = [
            self._context.Process(target=serve, args=(self._dataset, indices, answers))
            for _ in range(WORKERS)
        ]
        for worker in workers:
            worker.start()
        ahead = min(WORKERS * PREFETCHED, len(self._dataset))
        for index in range(ahead):
            indices.put(index)
        arrived: dict[int, bytes] = {}
        for index in range(len(self._dataset)):
            while index not in arrived:
                arrived.update([answers.get(timeout=60)])
            if index + ahead < len(self._dataset):
                indices.put(index + ahead)
            yield arrived.pop(index)
        for _ in workers:
            indices.put(None)
        for worker in workers:
            worker.join()
            if worker.exitcode != 0:
                sys.exit(f"a worker ended with {worker.exitcode}")


def main(method: str, path: str) -> None:
    dataset = Tiles(path)
    expected = [dataset[index] for index in range(len(dataset))]
    for epoch in range(3):
        for index, item in enumerate(Loader(dataset, method)):
            if item != expected[index]:
                sys.exit(f"epoch {epoch}, item {index}: {item[:200]!r}")
            if dataset[index] != expected[index]:
                sys.exit(f"epoch {epoch}: the parent reads other pixels")


if __name__ == "__main__":
    main(*sys.argv[1:])
