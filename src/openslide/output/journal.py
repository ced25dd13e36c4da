"""Journals: files in which work notes what is done, a line of JSON each.

They outlive any end: a last line that was cut off does not count, and a line that
could not be written is taken back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .whole import named, write_all

_APPENDED = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)


class Journal:
    """The journal of some work; there is none until the first line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[Any]:
        """The values that it has; none where there is no file.

        Raises ValueError that names the file where it is no journal.
        """
        with understood(self.path):
            return [json.loads(line) for line in self._complete().splitlines()]

    def take_up(self) -> list[Any]:
        """The same, and make the file ready for further lines."""
        values = self.read()
        if self.path.exists():
            os.truncate(self.path, len(self._complete()))
        return values

    def add(self, *values: object) -> None:
        """Note values, which outlive a power failure then.

        Raises OSError that names the file, which is then what it was.
        """
        lines = "".join(f"{json.dumps(value)}\n" for value in values).encode()
        with named(str(self.path)):
            descriptor = os.open(self.path, _APPENDED, 0o666)
            size = os.fstat(descriptor).st_size
            try:
                write_all(descriptor, lines)
                os.fsync(descriptor)
            except BaseException:
                with suppress(OSError):  # a line that is cut off does no harm
                    os.ftruncate(descriptor, size)
                raise
            finally:
                os.close(descriptor)

    def _complete(self) -> bytes:
        """All complete lines."""
        content = self.path.read_bytes() if self.path.exists() else b""
        return content[: content.rfind(b"\n") + 1]


@contextmanager
def understood(path: Path) -> Iterator[None]:
    """Whoever finds that a file has other contents than expected is given its name.

    Raises ValueError.
    """
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} has not been written by this program, or was changed; move it "
            "away, or choose another name"
        ) from error
