"""How far a tree has come, so that work can go on after any end.

The journal of its work folder says what the tree shall be, and which of its tiles are
damaged; tiles that are in place are done.  At the end OUT.json says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import zip_longest
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
        damaged: tiles that show background because they could not be read, each with
            the reason.
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
        self.damaged: dict[Address, str | None] = {}

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
                notes = [[*tile, reason] for tile, reason in self.damaged.items()]
                self._undertaking.reopen([facts["tree"], *notes])
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

    def note_damage(self, tile: Address, reason: str) -> bool:
        """Note that a tile cannot be read, before its file is in place.

        A later run finds that file, and would not know.  Returns whether it is the first.
        """
        with self._noting:
            if tile in self.damaged:
                return False
            is_first = not self.damaged
            self._undertaking.journal.add([*tile, reason])
            self.damaged[tile] = reason
        return is_first

    @property
    def reason(self) -> str | None:
        """Why the first of the damaged tiles could not be read."""
        return self.damaged[min(self.damaged)] if self.damaged else None

    def finish(self, facts: dict[str, Any]) -> None:
        """All files are in place."""
        damage = {"damaged": sorted(self.damaged), "reason": self.reason}
        self._undertaking.finish({"tree": self._header} | facts | damage)

    def abandon(self, written: Iterable[Path]) -> None:
        """Remove what was written of a tree that shows nothing."""
        self._undertaking.abandon(written)

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
            reasons = [facts["reason"]]  # of the first one
            notes = [
                [*tile, reason]
                for tile, reason in zip_longest(facts["damaged"], reasons)
                if tile is not None
            ]
            list(facts["damaged_images"])
            list(facts["associated_images"])
        self._take_up(path, [facts["tree"], *notes])

    def _take_up(self, path: Path, lines: list[Any]) -> None:
        """Go on with what a file says: a header, and tiles that are damaged."""
        with understood(path):
            header, *damaged = lines
            found = dict(header)
            self.damaged = {
                (level, column, row): reason for level, column, row, reason in damaged
            }
        self._undertaking.require_same(found, self._header)
