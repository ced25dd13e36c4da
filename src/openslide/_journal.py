"""Journals: files in which work notes what is done, a line of JSON each.

They outlive any end: a last line that was cut off does not count.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def read_lines(path: Path) -> list[Any]:
    """The values of a journal; none where there is no file.

    Raises ValueError that names the file where it is no journal.
    """
    return _values(path, _complete_lines(path))


def take_up(path: Path) -> list[Any]:
    """The same, and make the file ready for further lines."""
    complete = _complete_lines(path)
    values = _values(path, complete)
    if path.exists():
        os.truncate(path, len(complete))
    return values


def add_line(path: Path, value: object) -> None:
    """Note a value, in a file that is made where it is missing."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(value) + "\n")


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


def require_free(path: Path, summary: Path, choice: str) -> None:
    """Raise FileExistsError where somebody else has what work would write.

    summary: what would be there as well, were it our own.
    choice:  what there may be another one of.
    """
    # A folder that somebody made to be filled is welcome.
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise FileExistsError(
            f"{path} is there already, and {summary.name} is not; choose another {choice}"
        )


def _values(path: Path, lines: bytes) -> list[Any]:
    with understood(path):
        return [json.loads(line) for line in lines.splitlines()]


def _complete_lines(path: Path) -> bytes:
    content = path.read_bytes() if path.exists() else b""
    return content[: content.rfind(b"\n") + 1]
