"""Work that outlives a kill, from its beginning to its summary.

While it is not complete there is a work folder, whose journal says what the work is
(its header) and what is done.  At the end a summary, NAME.json, takes its place.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from .journal import Journal, understood
from .lock import BusyError
from .whole import write_whole
from .work import WorkFolder

_MISSING = object()


class Undertaking:
    """Work on what is called `base`, begun or not.

    outputs: what it writes beside the summary; asked before it is begun.
    told:    what there is once it is begun, to be said of it in errors.
    choice:  what the user may choose another one of: "folder" or "name".

    Attributes:
        summary: the file that says that all is complete.
        folder: what holds everything until then.
        journal: what is done so far; its first line is the header.
    """

    def __init__(
        self,
        base: Path,
        outputs: Callable[[], Iterable[Path]],
        *,
        told: str,
        choice: str,
    ) -> None:
        self.summary = base.with_name(f"{base.name}.json")
        self.folder = WorkFolder(base)
        self.journal = Journal(self.folder.path / "journal")
        self._outputs = outputs
        self._told = told
        self._choice = choice

    def read_summary(self) -> dict[str, Any] | None:
        """What is said of work that is complete; None where it is not.

        Raises ValueError where somebody else's file is in its place.
        """
        if not self.summary.exists():
            return None
        with understood(self.summary):
            return dict(json.loads(self.summary.read_bytes()))

    def read_header(self) -> dict[str, Any] | None:
        """What was begun and is not complete; None where nothing was."""
        with understood(self.journal.path):
            return next((dict(line) for line in self.journal.read()), None)

    def admit(self, resume: bool) -> None:
        """Raise FileExistsError where the work must not be begun, or gone on with."""
        if self.read_summary() is not None or self.read_header() is not None:
            if not resume:
                raise FileExistsError(
                    f"{self._told} already; go on with --resume, or choose another "
                    f"{self._choice}"
                )
            return
        self.folder.require_ours()
        for path in self._outputs():
            self.require_free(path)

    def require_free(self, path: Path) -> None:
        """Raise FileExistsError where somebody else has what would be written."""
        # A folder that somebody made to be filled is welcome.
        if path.is_dir() and not any(path.iterdir()):
            return
        if os.path.lexists(path):
            raise FileExistsError(
                f"{path} is there already, and {self.summary.name} is not; choose "
                f"another {self._choice}"
            )

    def require_same(self, found: dict[str, Any], wanted: dict[str, Any]) -> None:
        """Raise ValueError where what was begun is not what is wanted."""
        for name, value in wanted.items():
            if found.get(name, _MISSING) != value:
                raise ValueError(
                    f"{self._told} with {name} {found.get(name)!r}, not {value!r}; "
                    f"choose another {self._choice}"
                )

    def take(self, resume: bool) -> dict[str, Any] | None:
        """Keep other runs out; returns the summary where all is complete instead.

        Raises BusyError where another run is at work, and what admit() raises.
        """
        summary = self.read_summary()
        if summary is None:
            self.folder.take()
            try:
                summary = self.read_summary()  # another run may just have ended
                if summary is None:
                    self.admit(resume)
            except BaseException:
                self.release()
                raise
        if summary is not None:
            self._clear()
        return summary

    def release(self) -> None:
        """Let other runs go on; what was not even begun leaves nothing behind."""
        if not self.folder.is_taken:
            return
        begun = True
        with suppress(ValueError):
            begun = self.read_header() is not None
        if begun:
            self.folder.release()
        else:
            self.folder.remove()

    def finish(self, summary: dict[str, Any]) -> None:
        """Put a summary in the place of the work folder.

        What it tells of must have been settled before.
        """
        text = json.dumps(summary, indent=1) + "\n"
        write_whole(self.summary, text.encode(), self.folder.aside, settled=True)
        self.folder.remove()

    def reopen(self, lines: Iterable[object]) -> None:
        """Go on with what was complete, and is not any more.

        lines: what the journal is to say of it.
        """
        self.folder.take()
        try:
            for line in lines:
                self.journal.add(line)
            self.summary.unlink()
        except BaseException:
            self.release()
            raise

    def abandon(self, written: Iterable[Path]) -> None:
        """Remove what the work has written, and the work folder at last."""
        for path in written:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        self.folder.remove()

    def _clear(self) -> None:
        """Remove what a kill at the very end has left."""
        with suppress(BusyError, FileExistsError):  # which is not for us to remove
            if not self.folder.is_taken:
                if not self.folder.exists():
                    return
                self.folder.take()
            self.folder.remove()
