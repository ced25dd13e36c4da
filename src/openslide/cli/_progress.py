"""What long commands say on standard error while they work.

On a terminal a line that rewrites itself; elsewhere, as in the log of a batch job, a line
each minute and one for each slide that is done.  What is told at once, such as a failure,
has a line of its own in either case.
"""

from __future__ import annotations

import sys
import time
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self, TextIO

from ._console import write

_INTERVAL = 0.2  # seconds between updates on a terminal
_MINUTE = 60.0
_NEW_LINE = "\r\033[K"  # in the place of the one before


class Progress:
    """Says now and then how many tiles are done of those that are known of.

    stream: by default standard error.
    every:  so many seconds lie between lines where the stream is no terminal.
    """

    def __init__(self, stream: TextIO | None = None, *, every: float = _MINUTE) -> None:
        self._expected = 0
        self._done = 0
        self._done_before = 0  # by earlier runs, which tell nothing of the speed
        self._stream = sys.stderr if stream is None else stream
        self._is_terminal = self._stream.isatty()
        self._every = every
        self._writing = Lock()
        self._over = Event()
        self._reminder: Thread | None = None
        self._last = ""
        self._start = self._shown = time.monotonic()

    def __enter__(self) -> Self:
        if not self._is_terminal:
            self._reminder = Thread(target=self._remind, daemon=True)
            self._reminder.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._reminder is not None:
            self._reminder.join()
        with self._writing:
            line = self._line()
            if self._expected and (self._is_terminal or line != self._last):
                self._write(f"{line}\n")

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
            with self._writing:
                self._write(self._line())
            self._shown = now

    def tell(self, line: str) -> None:
        """Say something at once, in a line of its own."""
        with self._writing:
            self._write(f"{line}\n")

    def finish(self, what: str) -> None:
        """All tiles of a slide are done."""
        if not self._is_terminal:
            self.tell(f"{what}; {self._line()}")

    def _remind(self) -> None:
        while not self._over.wait(self._every):
            with self._writing:
                self._last = self._line()
                self._write(f"{self._last}\n")

    def _line(self) -> str:
        elapsed = max(time.monotonic() - self._start, 1e-9)
        rate = (self._done - self._done_before) / elapsed
        left = (self._expected - self._done) / rate if rate else 0.0
        return f"{self._done}/{self._expected} tiles, {rate:.0f} tiles/s, {left:.0f} s left"

    def _write(self, text: str) -> None:
        write(self._stream, f"{_NEW_LINE if self._is_terminal else ''}{text}")
