"""The folder that work has until it is complete.

Beside what NAME stands for there is .NAME.openslide-work while it is not complete:

    openslide-work   says whose the folder is, and is locked while a run is at work
    journal          what is done
    aside/           files that are not whole yet, of no use after a kill

and what else the work keeps there.  A folder without the first file is somebody
else's, whatever it is called: nothing in it is read, written or removed.  Only an
empty one is taken, as one is left by a kill in the first moment or the last.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from .lock import BusyError, Lock, is_held
from .whole import named, write_all

_MARKER = "openslide-work"
_SIGNATURE = (
    b"This folder is openslide's, for work that is not complete.  The same command\n"
    b"with --resume goes on with it.  Without it, what was done is lost; delete both.\n"
)
_FLAGS = (
    os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)

#: Of a name of what is made; longer ones are told apart by a digest.
_LONGEST_NAME = 80

#: How often a folder may be removed by another run while this one wants to take it.
_TRIES = 100


class WorkFolder:
    """The work folder of what is called `base`, whether there is one or not.

    Attributes:
        path: of the folder.
        aside: where files are that are not whole yet.
    """

    def __init__(self, base: Path) -> None:
        self.path = base.with_name(f".{_short(base.name)}.{_MARKER}")
        self.aside = self.path / "aside"
        self._marker = self.path / _MARKER
        self._lock: Lock | None = None

    def exists(self) -> bool:
        return os.path.lexists(self.path)

    @property
    def is_taken(self) -> bool:
        """By this object."""
        return self._lock is not None

    def require_ours(self) -> None:
        """Raise FileExistsError where there is something else in its place."""
        if is_held(str(self._marker)):
            return
        with suppress(FileNotFoundError):
            if not stat.S_ISDIR(os.lstat(self.path).st_mode):
                raise self._foreign()
            if os.path.lexists(self._marker):
                descriptor = self._open_marker()
                try:
                    self._require_signature(descriptor)
                finally:
                    os.close(descriptor)
            elif os.listdir(self.path):
                raise self._foreign()

    def take(self) -> None:
        """Make the folder, if there is none, and keep other runs out of it.

        What a killed run was writing is removed.  Raises BusyError where another run
        has the folder, and FileExistsError where it is somebody else's.
        """
        for _ in range(_TRIES):
            self.require_ours()
            self.path.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # another run has just removed it
                self._lock = self._locked()
                if self._lock.is_on(str(self._marker)):
                    break
                self.release()
        else:
            raise BusyError(f"other runs make and remove {self.path} all the time")
        try:
            self._remove_aside()
            self.aside.mkdir()
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let other runs have the folder."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def remove(self) -> None:
        """Remove the folder, which this run has taken.

        The marker is the last to go: what a kill leaves is known to be ours.
        """
        try:
            for entry in sorted(os.scandir(self.path), key=_journal_first):
                if entry.name == _MARKER:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                else:
                    os.unlink(entry.path)
            if os.name == "nt":  # which removes no open file
                self.release()
            with suppress(FileNotFoundError):
                os.unlink(self._marker)
        finally:
            self.release()
        with suppress(OSError):  # another run has just taken it
            os.rmdir(self.path)

    def _locked(self) -> Lock:
        if is_held(str(self._marker)):
            raise BusyError(f"another run is at work in {self.path}")
        descriptor = self._open_marker()
        try:
            found = self._require_signature(descriptor)
            lock = Lock(descriptor, str(self._marker))
        except BaseException:
            os.close(descriptor)
            raise
        try:
            with named(str(self._marker)):
                write_all(descriptor, _SIGNATURE[found:])
        except BaseException:
            lock.release()
            raise
        return lock

    def _open_marker(self) -> int:
        try:
            return os.open(self._marker, _FLAGS, 0o666)
        except IsADirectoryError:
            raise self._foreign() from None

    def _require_signature(self, descriptor: int) -> int:
        """How much of the signature a marker has; a kill may have cut it off."""
        content = os.read(descriptor, len(_SIGNATURE) + 1)
        if not _SIGNATURE.startswith(content):
            raise self._foreign()
        return len(content)

    def _remove_aside(self) -> None:
        with suppress(FileNotFoundError):
            shutil.rmtree(self.aside)

    def _foreign(self) -> FileExistsError:
        return FileExistsError(
            f"{self.path} is there already, and is no folder that this program made; "
            "move it away, or choose another output"
        )


def _journal_first(entry: os.DirEntry[str]) -> bool:
    # Without it all the rest is of no use.
    return entry.name != "journal"


def _short(name: str) -> str:
    """A name, or the beginning of a long one and digits that stand for it."""
    encoded = os.fsencode(name)
    if len(encoded) <= _LONGEST_NAME:
        return name
    beginning = encoded[:_LONGEST_NAME].decode(errors="ignore")
    return f"{beginning}-{hashlib.sha256(encoded).hexdigest()[:16]}"
