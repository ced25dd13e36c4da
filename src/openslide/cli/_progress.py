"""Progress on standard error: a line that rewrites itself on a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self, TextIO

_INTERVAL = 0.2  # seconds between updates


class Progress:
    """Counts what is done of a number of tiles and says so now and then.

    Where standard error is no terminal, it speaks only at the end.
    """

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        self._total = total
        self._done = 0
        self._stream = sys.stderr if stream is None else stream
        self._start = self._shown = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._show(time.monotonic())
        self._stream.write("\n")

    def advance(self) -> None:
        self._done += 1
        now = time.monotonic()
        if self._stream.isatty() and now - self._shown >= _INTERVAL:
            self._show(now)
            self._shown = now

    def _show(self, now: float) -> None:
        elapsed = max(now - self._start, 1e-9)
        rate = self._done / elapsed
        left = (self._total - self._done) / rate if rate else 0.0
        start = "\r" if self._stream.isatty() else ""
        self._stream.write(
            f"{start}{self._done}/{self._total} tiles, {rate:.0f} tiles/s, "
            f"{left:.0f} s left "
        )
        self._stream.flush()
