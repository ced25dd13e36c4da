"""Tiles to files, on several threads.

Pillow encodes without Python's lock where it writes to a file of the system.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from threading import get_ident
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, TypeAlias

if TYPE_CHECKING:
    from PIL.Image import Image


#: So many tiles go to a thread at a time; handing them over costs more than a path.
_BATCH = 8

_Task: TypeAlias = "tuple[str, Callable[[], Image]]"


class Report(Protocol):
    """Is told how the work goes on."""

    def expect(self, tiles: int) -> None:
        """There are so many tiles more than was known."""

    def advance(self, tiles: int) -> None:
        """So many tiles more are done."""


class Encoding(NamedTuple):
    """How pictures are encoded: what Image.save() takes."""

    format: str
    options: dict[str, Any]

    def save(self, image: Image, path: str | Path) -> None:
        """Write an image, RGB or RGBX."""
        if image.mode == "RGBX" and self.format != "jpeg":
            image = image.convert("RGB")
        # An open file spares Pillow questions about its path.
        with open(path, "wb") as file:
            image.save(file, self.format, **self.options)


class TileWriter(AbstractContextManager["TileWriter"]):
    """Encodes and writes tiles; those that exist already are left alone.

    parts:   the folder for files that are not whole yet.
    threads: how many of them encode.
    """

    def __init__(
        self, parts: Path, encoding: Encoding, threads: int, report: Report
    ) -> None:
        self._parts = os.fspath(parts)
        self._encoding = encoding
        self._report = report
        self._pool = ThreadPoolExecutor(threads, "openslide-tree")
        self._batch: list[_Task] = []
        self._pending: deque[list[Future[int]]] = deque([[]])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if exc_type is None:
                self.wait(0)
        finally:
            self._pool.shutdown(cancel_futures=True)

    def write(self, path: str, make: Callable[[], Image]) -> None:
        """Write what make() returns, some time soon."""
        self._batch.append((path, make))
        if len(self._batch) == _BATCH:
            self._submit()

    def wait(self, rounds: int) -> None:
        """Wait for all tiles but those given since the last `rounds` waits.

        So the memory is bounded that waiting tiles keep.  Raises what a tile raised.
        """
        self._submit()
        while len(self._pending) > rounds:
            for future in self._pending.popleft():
                self._report.advance(future.result())
        self._pending.append([])

    def _submit(self) -> None:
        if self._batch:
            self._pending[-1].append(self._pool.submit(self._save_all, self._batch))
            self._batch = []

    def _save_all(self, batch: list[_Task]) -> int:
        """Write tiles, and return how many there are."""
        # A thread has one file at a time, and a folder, for the system locks that.
        folder = f"{self._parts}/{os.getpid()}-{get_ident()}"
        os.makedirs(folder, exist_ok=True)
        part = f"{folder}/tile.part"
        for path, make in batch:
            if not os.path.exists(path):
                self._encoding.save(make(), part)
                _put_in_place(part, path)
        return len(batch)


def _put_in_place(part: str, path: str) -> None:
    try:
        os.replace(part, path)
    except FileNotFoundError:  # the first one of a folder
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.replace(part, path)
