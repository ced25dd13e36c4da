"""A line of JSON for every answer, written by a thread that nobody waits for."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from queue import Full, Queue
from threading import Thread
from typing import Any, TextIO

#: So many lines may wait for a slow disk; more are dropped, and that is told.
_MOST_WAITING = 10_000


class AccessLog:
    """Writes to a file, or to standard error for "-".

    Raises OSError where the file cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self._file: TextIO = (
            sys.stderr if path == "-" else open(path, "a", encoding="utf-8")  # noqa: SIM115
        )
        self._lines: Queue[str | None] = Queue(_MOST_WAITING)
        self._dropped = 0
        self._is_failing = False
        self._thread = Thread(target=self._write, daemon=True)
        self._thread.start()

    def note(self, entry: Mapping[str, Any]) -> None:
        """Add a line; "time" is put in, in seconds since 1970."""
        if self._dropped:
            entry = {**entry, "dropped_before": self._dropped}
        try:
            self._lines.put_nowait(json.dumps({"time": round(time.time(), 3), **entry}))
        except Full:
            self._dropped += 1
        else:
            self._dropped = 0

    def close(self) -> None:
        """Write what is left."""
        self._lines.put(None)
        self._thread.join()
        if self._file is not sys.stderr:
            try:
                self._file.close()
            except OSError as error:
                self._tell(error)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._file.write(line + "\n")
                if self._lines.empty():
                    self._file.flush()
                    self._is_failing = False
            except OSError as error:  # the disk may have room again
                self._tell(error)

    def _tell(self, error: OSError) -> None:
        """Say that lines are lost, once until they are not."""
        if not self._is_failing:
            with suppress(OSError):
                print(
                    f"openslide serve: lines of the access log are lost: {error}",
                    file=sys.stderr,
                )
        self._is_failing = True
