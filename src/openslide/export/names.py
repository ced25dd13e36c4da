"""What slides are called in an output: stable, whatever is added to a folder.

A slide that has been worked off keeps its name.  Another one is called as its file is,
unless two are called the same; then each gets a few digits more.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..output.identity import file_identity
from ..output.undertaking import Undertaking

#: File names have 255 bytes at most; this leaves room for what comes after a name.
_LONGEST_NAME = 180


class FoundSlide(NamedTuple):
    """A slide to work on.

    Attributes:
        path: absolute.
        name: of letters, digits, "-" and "_"; no other slide found with it has it.
    """

    path: Path
    name: str


def cleaned(name: str) -> str:
    """A name of letters, digits, "-" and "_" alone."""
    return re.sub(r"[^\w-]+", "_", name) or "slide"


def name_slides(wanted: Mapping[Path, str], out: Path | None) -> list[FoundSlide]:
    """Slides by path, each with a name that no other one has.

    wanted: what they would be called.
    out:    where earlier runs may have written some of them.

    File systems may take upper and lower case for the same, so names that differ by
    that alone are the same here.
    """
    records = _Records(out)
    marked = _marked(wanted)
    kept: dict[Path, str] = {}
    taken: set[str] = set()
    for path, name in wanted.items():
        for choice in (name, marked[path]):
            if choice.casefold() not in taken and records.is_of(choice, path):
                kept[path] = choice
                taken.add(choice.casefold())
                break
    # Also of those that keep theirs, so that runs side by side come to the same.
    count = Counter(map(str.casefold, wanted.values()))

    def chosen(path: Path, name: str) -> str:
        is_free = (
            count[name.casefold()] == 1
            and name.casefold() not in taken
            and len(name.encode()) <= _LONGEST_NAME
            and not records.is_of_another(name, path)
        )
        return name if is_free else marked[path]

    return [
        FoundSlide(path, kept.get(path) or chosen(path, name))
        for path, name in wanted.items()
    ]


class _Records:
    """What earlier runs say of the slides in an output folder."""

    def __init__(self, out: Path | None) -> None:
        self._out = out
        self._found: dict[str, dict[str, Any] | None] = {}

    def is_of(self, name: str, path: Path) -> bool:
        """Whether it is this slide that has the name there."""
        found = self._of(name)
        try:
            return found is not None and file_identity(path).items() <= found.items()
        except OSError:
            return False

    def is_of_another(self, name: str, path: Path) -> bool:
        """Whether a slide of another file name has it.

        One of the same file name is not the other one's to give way to: it has changed,
        which whoever works on it will say.
        """
        found = self._of(name)
        return found is not None and found.get("slide") != path.name

    def _of(self, name: str) -> dict[str, Any] | None:
        if self._out is not None and name not in self._found:
            self._found[name] = self._read(self._out / name)
        return self._found.get(name)

    @staticmethod
    def _read(base: Path) -> dict[str, Any] | None:
        work = Undertaking(base, lambda: (), told="", choice="folder")
        try:
            return work.read_summary() or work.read_header()
        except (OSError, ValueError):  # somebody else's
            return None


def _marked(wanted: Mapping[Path, str]) -> dict[Path, str]:
    """The end of each name, where files differ, and digits that stand for the slide.

    The digits do not depend on where the folders are mounted.
    """
    sizes = {path: _size(path) for path in wanted}
    count = Counter((path.name, size) for path, size in sizes.items())
    tails = _tails([path for path, size in sizes.items() if count[path.name, size] > 1])
    marked = {}
    for path, name in wanted.items():
        told = f"{tails.get(path, path.name)}\0{sizes[path]}"
        digits = hashlib.sha256(os.fsencode(told)).hexdigest()[:8]
        end = name.encode()[-_LONGEST_NAME:].decode(errors="ignore")
        marked[path] = f"{end}-{digits}"
    return marked


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # who opens it will say what is wrong
        return 0


def _tails(paths: Iterable[Path]) -> dict[Path, str]:
    """As much of the ends of some paths as tells them apart."""
    left = list(paths)
    tails: dict[Path, str] = {}
    length = 1
    while left:
        ends = {path: "/".join(path.parts[-length:]) for path in left}
        count = Counter(ends.values())
        tails |= {
            path: end
            for path, end in ends.items()
            if count[end] == 1 or length > len(path.parts)
        }
        left = [path for path in left if path not in tails]
        length += 1
    return tails
