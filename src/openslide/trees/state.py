"""How far a tree has come, so that work can go on after any end.

While a tree is being written there is a folder .OUT.begun beside it.  Its journal says
what the tree shall be, and which of its tiles are damaged; files stay in the folder
until they are whole.  At the end OUT.json takes its place.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from threading import Lock
from typing import Any

from .._aside import written_aside
from .._journal import add_line, require_free, take_up, understood
from .layouts import Address, Layout


class TreeState:
    """Whether a tree is begun or complete, and with which options.

    header: what makes this tree another than the next one, name to value.

    Attributes:
        parts: the folder for files that are not whole yet.
        damaged: tiles that show background because they could not be read.
    """

    def __init__(self, out: Path, layout: Layout, header: dict[str, Any]) -> None:
        self._out = out
        self._layout = layout
        self._header = header
        self._summary = out.with_name(f"{out.name}.json")
        self.parts = out.with_name(f".{out.name}.begun")
        self._journal = self.parts / "journal"
        self._noting = Lock()
        self.damaged: set[Address] = set()

    def begin(self, resume: bool) -> dict[str, Any] | None:
        """Take up the tree; returns the facts of one that is complete already.

        Raises FileExistsError where there is something in its place that shall not, or
        cannot, be gone on with, and ValueError where it was begun with other options.
        """
        if not self._summary.exists() and not self._journal.exists():
            self._begin_anew()
            return None
        if not resume:
            raise FileExistsError(
                f"{self._out} is a tree already; go on with --resume, or choose "
                "another name"
            )
        if not self._summary.exists():
            self._take_up(self._journal, take_up(self._journal))
            # What a killed run was writing goes; the journal stays.
            for path in self.parts.glob("**/*.part"):
                path.unlink()
            return None
        with understood(self._summary):
            text = self._summary.read_text(encoding="utf-8")
            facts: dict[str, Any] = dict(json.loads(text))
            lines = [facts["tree"], *facts["damaged"]]
        self._take_up(self._summary, lines)
        self._remove_parts()
        return facts

    def note_damage(self, tile: Address) -> None:
        """Note that a tile cannot be read, before its file is in place.

        A later run finds that file, and would not know.
        """
        with self._noting:
            if tile in self.damaged:
                return
            self.damaged.add(tile)
            add_line(self._journal, tile)

    def finish(self, facts: dict[str, Any]) -> None:
        """All files are in place."""
        summary = {"tree": self._header} | facts | {"damaged": sorted(self.damaged)}
        self.write_text(self._summary, json.dumps(summary, indent=1) + "\n")
        self._remove_parts()

    def write_text(self, path: Path, text: str) -> None:
        """Write a file, whole or not at all."""
        with written_aside(path, self.parts) as aside:
            aside.write_text(text, encoding="utf-8")

    def _begin_anew(self) -> None:
        for path in (self._layout.description, self._layout.folder):
            require_free(path, self._summary, "name")
        self.parts.mkdir(parents=True, exist_ok=True)
        self.write_text(self._journal, json.dumps(self._header) + "\n")

    def _take_up(self, path: Path, lines: list[Any]) -> None:
        """Go on with what a file says: a header, and tiles that are damaged."""
        with understood(path):
            header, *damaged = lines
            found = dict(header)
            self.damaged = {(level, column, row) for level, column, row in damaged}
        for name, value in self._header.items():
            if name not in found or found[name] != value:
                raise ValueError(
                    f"{self._out} was begun with {name} {found.get(name)!r}, not "
                    f"{value!r}; choose another name"
                )

    def _remove_parts(self) -> None:
        if self.parts.exists():
            shutil.rmtree(self.parts)


def file_facts(path: bytes | None) -> dict[str, Any]:
    """What tells a slide from another one, as far as its file does."""
    if path is None:
        return {}
    return {"slide": os.fsdecode(path), "bytes": os.stat(path).st_size}
