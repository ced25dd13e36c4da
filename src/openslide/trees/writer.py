"""Tiles to files, on several threads.

Most of the encoding is done without Python's lock.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from threading import get_ident
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias

from ..output.encoding import Encoding
from ..output.telling import Report
from ..output.whole import begin_to_settle, settle, write_whole

if TYPE_CHECKING:
    from PIL.Image import Image


#: So many tiles go to a thread at a time; handing them over costs more than a path.
_BATCH = 8

#: So many files are settled at a time.
_SETTLED = 256

_Task: TypeAlias = "tuple[str, Callable[[], Image]]"


class TileWriter(AbstractContextManager["TileWriter"]):
    """Encodes and writes tiles; those that exist already are left alone.

    aside:   the folder for files that are not whole yet.
    profile: what all tiles carry.
    threads: how many of them encode.
    """

    def __init__(
        self,
        aside: Path,
        encoding: Encoding,
        profile: bytes | None,
        threads: int,
        report: Report,
    ) -> None:
        self._aside = os.fspath(aside)
        self._encoding = encoding
        self._profile = profile
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

    def settle(self, folder: Path) -> None:
        """Wait until all files below a folder outlive a power failure."""
        files = (
            os.path.join(parent, name)
            for parent, _, names in os.walk(folder)
            for name in names
        )
        settled = []
        while some := list(islice(files, _SETTLED)):
            begin_to_settle(some)
            settled.append(self._pool.submit(settle, some))
        for future in settled:
            future.result()

    def _submit(self) -> None:
        if self._batch:
            self._pending[-1].append(self._pool.submit(self._save_all, self._batch))
            self._batch = []

    def _save_all(self, batch: list[_Task]) -> int:
        """Write tiles, and return how many there are."""
        # A thread has a folder of its own, for the system locks that.
        aside = f"{self._aside}/{get_ident()}"
        for path, make in batch:
            if not _is_there(path):
                write_whole(path, self._encoding.encode(make(), self._profile), aside)
        return len(batch)


def _is_there(path: str) -> bool:
    """Whether there is a file that a power failure has not emptied."""
    try:
        return os.stat(path).st_size > 0
    except FileNotFoundError:
        return False
