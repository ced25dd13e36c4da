"""One run at a time: a lock that ends with the process, however that ends."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from threading import Lock as Mutex
from typing import TypeAlias

_Identity: TypeAlias = tuple[int, int]  # of a file: device and number

# Locks of this process.  Over NFS the system counts another open of the same process
# as the owner's own, and frees the lock when that is closed.
_held: set[_Identity] = set()
_mutex = Mutex()

#: What is locked on Windows: bytes that no file has, for others may not read them.
_FAR = 1 << 30

_HAS_NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK}


class BusyError(OSError):
    """Another run is at work on the same."""


class Lock:
    """A lock on an open file.

    Raises BusyError where somebody has it, in this process or another one; the
    descriptor stays the caller's then.  Afterwards release() closes it.
    """

    def __init__(self, descriptor: int, path: str) -> None:
        self._descriptor = descriptor
        self._identity = _identity(os.fstat(descriptor))
        with _mutex:
            if self._identity in _held or not _try_to_lock(descriptor, path):
                raise BusyError(f"another run is at work in {os.path.dirname(path)}")
            _held.add(self._identity)

    def is_on(self, path: str) -> bool:
        """Whether this is the file of a name still."""
        try:
            return _identity(os.lstat(path)) == self._identity
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Let others have it, and close the file."""
        with _mutex:
            _held.discard(self._identity)
            # Not by closing alone: children may have got the descriptor too.
            _unlock(self._descriptor)
            os.close(self._descriptor)


def is_held(path: str) -> bool:
    """Whether this process has the lock on a file."""
    try:
        return _identity(os.lstat(path)) in _held
    except FileNotFoundError:
        return False


def _identity(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino


if sys.platform == "win32":
    import msvcrt

    def _locking(descriptor: int, mode: int) -> None:
        before = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, mode, 1)
        finally:
            os.lseek(descriptor, before, os.SEEK_SET)

    def _try_to_lock(descriptor: int, path: str) -> bool:
        try:
            _locking(descriptor, msvcrt.LK_NBLCK)
        except PermissionError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        _locking(descriptor, msvcrt.LK_UNLCK)

else:
    import fcntl

    def _try_to_lock(descriptor: int, path: str) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _HAS_NO_LOCKS:
                raise
            warnings.warn(
                f"the file system of {path} has no locks ({error.strerror}); do not "
                "let two runs work on the same at once",
                RuntimeWarning,
                stacklevel=2,
            )
        return True

    def _unlock(descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        except OSError as error:
            if error.errno not in _HAS_NO_LOCKS:
                raise
