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
    with understood(path):
        return [json.loads(line) for line in _complete_lines(path).splitlines()]


def take_up(path: Path) -> list[Any]:
    """The same, and make the file ready for further lines."""
    lines = read_lines(path)
    if path.exists():
        os.truncate(path, len(_complete_lines(path)))
    return lines


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


def _complete_lines(path: Path) -> bytes:
    content = path.read_bytes() if path.exists() else b""
    return content[: content.rfind(b"\n") + 1]
