"""Tiles to files, on several threads.

Pillow encodes without Python's lock where it writes to a file of the system.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from .._aside import written_aside

if TYPE_CHECKING:
    from PIL.Image import Image


class Report(Protocol):
    """Is told how the work goes on."""

    def expect(self, tiles: int) -> None:
        """There are so many tiles more than was known."""

    def advance(self, tiles: int) -> None:
        """So many tiles more are done."""


class TileWriter(AbstractContextManager["TileWriter"]):
    """Encodes and writes tiles; those that exist already are left alone.

    options: what Image.save() takes beside the format.
    """

    def __init__(
        self, format: str, options: dict[str, Any], threads: int, report: Report
    ) -> None:
        self._format = format
        self._options = options
        self._report = report
        self._pool = ThreadPoolExecutor(threads, "openslide-tree")
        self._pending: deque[list[Future[None]]] = deque([[]])
        self._folders: set[Path] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None:
            self.wait(0)
        self._pool.shutdown(cancel_futures=True)

    def write(self, path: Path, make: Callable[[], Image]) -> None:
        """Write what make() returns, some time soon."""
        if path.exists():
            self._report.advance(1)
            return
        if path.parent not in self._folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(path.parent)
        self._pending[-1].append(self._pool.submit(self._save, path, make))

    def wait(self, rounds: int) -> None:
        """Wait for all tiles but those given since the last `rounds` waits.

        So the memory is bounded that waiting tiles keep.  Raises what a tile raised.
        """
        while len(self._pending) > rounds:
            for future in self._pending.popleft():
                future.result()
                self._report.advance(1)
        self._pending.append([])

    def _save(self, path: Path, make: Callable[[], Image]) -> None:
        with written_aside(path) as aside:
            make().save(aside, self._format, **self._options)
