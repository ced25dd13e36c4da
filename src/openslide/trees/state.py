"""How far a tree has come, so that work can go on after any end.

The journal of its work folder says what the tree shall be, and which of its tiles are
damaged; tiles that are in place are done.  At the end OUT.json says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import Any

from ..output.journal import understood
from ..output.undertaking import Undertaking
from .layouts import Address


class TreeState:
    """Whether a tree is begun or complete, and with which options.

    outputs: what will be written.
    header:  what makes this tree another than the next one, name to value.

    Attributes:
        aside: the folder for files that are not whole yet.
        damaged: tiles that show background because they could not be read.
    """

    def __init__(
        self, out: Path, outputs: Iterable[Path], header: dict[str, Any]
    ) -> None:
        self._header = header
        self._undertaking = Undertaking(
            out, lambda: outputs, told=f"{out} was begun", choice="name"
        )
        self.aside = self._undertaking.folder.aside
        self._noting = Lock()
        self.damaged: set[Address] = set()

    def begin(
        self, resume: bool, is_whole: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any] | None:
        """Take up the tree; returns the facts of one that is complete already.

        is_whole: whether all that facts speak of is there still.

        Raises FileExistsError where there is something in its place that shall not, or
        cannot, be gone on with, ValueError where it was begun with other options, and
        BusyError where another run is writing it.
        """
        self._check(resume)
        facts = self._undertaking.take(resume)
        try:
            if facts is not None:
                self._take_up_summary(facts)
                if is_whole(facts):
                    return facts
                self._undertaking.reopen([facts["tree"], *facts["damaged"]])
            journal = self._undertaking.journal
            lines = journal.take_up()
            if lines:
                self._take_up(journal.path, lines)
            else:
                journal.add(self._header)
        except BaseException:
            self.release()
            raise
        return None

    def note_damage(self, tile: Address) -> None:
        """Note that a tile cannot be read, before its file is in place.

        A later run finds that file, and would not know.
        """
        with self._noting:
            if tile in self.damaged:
                return
            self._undertaking.journal.add(tile)
            self.damaged.add(tile)

    def finish(self, facts: dict[str, Any]) -> None:
        """All files are in place."""
        summary = {"tree": self._header} | facts | {"damaged": sorted(self.damaged)}
        self._undertaking.finish(summary)

    def release(self) -> None:
        """Let other runs go on with it."""
        self._undertaking.release()

    def _check(self, resume: bool) -> None:
        """Raise what is wrong before anything is there."""
        self._undertaking.admit(resume)
        summary = self._undertaking.read_summary()
        if summary is not None:
            self._take_up_summary(summary)
        elif lines := self._undertaking.journal.read():
            self._take_up(self._undertaking.journal.path, lines)

    def _take_up_summary(self, facts: dict[str, Any]) -> None:
        path = self._undertaking.summary
        with understood(path):
            lines = [facts["tree"], *facts["damaged"]]
            list(facts["damaged_images"])
            list(facts["associated_images"])
        self._take_up(path, lines)

    def _take_up(self, path: Path, lines: list[Any]) -> None:
        """Go on with what a file says: a header, and tiles that are damaged."""
        with understood(path):
            header, *damaged = lines
            found = dict(header)
            self.damaged = {(level, column, row) for level, column, row in damaged}
        self._undertaking.require_same(found, self._header)
