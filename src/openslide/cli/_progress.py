"""Progress on standard error: a line that rewrites itself on a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self, TextIO

_INTERVAL = 0.2  # seconds between updates
_NEW_LINE = "\r\033[K"  # in the place of the one before


class Progress:
    """Says now and then how many tiles are done of those that are known of.

    Where standard error is no terminal, it speaks only at the end.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._expected = 0
        self._done = 0
        self._done_before = 0  # by earlier runs, which tell nothing of the speed
        self._stream = sys.stderr if stream is None else stream
        self._is_terminal = self._stream.isatty()
        self._start = self._shown = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._expected:
            self._show(time.monotonic())
            self._stream.write("\n")

    def expect(self, tiles: int, *, done: int = 0) -> None:
        """There are so many tiles more than was known, some done by an earlier run."""
        self._expected += tiles
        self._done += done
        self._done_before += done

    def advance(self, tiles: int) -> None:
        """So many tiles more are done."""
        self._done += tiles
        now = time.monotonic()
        if self._is_terminal and now - self._shown >= _INTERVAL:
            self._show(now)
            self._shown = now

    def _show(self, now: float) -> None:
        elapsed = max(now - self._start, 1e-9)
        rate = (self._done - self._done_before) / elapsed
        left = (self._expected - self._done) / rate if rate else 0.0
        start = _NEW_LINE if self._is_terminal else ""
        self._stream.write(
            f"{start}{self._done}/{self._expected} tiles, {rate:.0f} tiles/s, "
            f"{left:.0f} s left"
        )
        self._stream.flush()
