"""Files that are there whole or not at all.

All bytes go to the disk by os.write() and are counted: Pillow takes a short write, as
a full disk or a limit of the size of files makes them, for a good one.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import TypeAlias
from urllib.parse import quote

from .blocks import BlockWriter

StrPath: TypeAlias = "str | os.PathLike[str]"

# Nobody else's file is opened, nor what a link leads to.
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)

# Windows has no descriptors of folders, and syncs what may be written to alone.
_HAS_FOLDERS = os.name != "nt"
_SYNCED = os.O_RDONLY if _HAS_FOLDERS else os.O_RDWR

# Linux begins to write what it is told that nobody needs.
_CAN_BEGIN = hasattr(os, "posix_fadvise")

#: So much of a file is written before the disk is to begin with it.
_SETTLED_BYTES = 1 << 21

_CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF}  # folders, says a file system


class WholeFile:
    """A file that is being written.

    Attributes:
        size: how many bytes it has so far.
    """

    def __init__(
        self, descriptor: int, path: str, *, settled: bool, copied: bool
    ) -> None:
        self._descriptor = descriptor
        self._path = path
        self._settled = settled
        self._begun = 0  # so many bytes are on their way to the disk
        self._written = 0
        self._blocks = BlockWriter(descriptor, self._write) if copied else None
        self.size = 0

    def write(self, data: bytes) -> None:
        """Write all of some bytes.  Raises OSError that names the file."""
        with named(self._path):
            if self._blocks is None:
                self._write(data)
            else:
                self._blocks.write(data)
            self.size += len(data)

    def write_at(self, offset: int, data: bytes) -> None:
        """Write over what the file has at an offset; raises the same."""
        self.flush()
        with named(self._path):
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            write_all(self._descriptor, data)
            os.lseek(self._descriptor, 0, os.SEEK_END)

    def flush(self) -> None:
        """Give the system all that was written; raises the same."""
        if self._blocks is not None:
            with named(self._path):
                self._blocks.flush()

    def close(self) -> None:
        """Give back what it needs for writing; the descriptor stays open."""
        if self._blocks is not None:
            self._blocks.close()

    def _write(self, data: bytes | memoryview) -> None:
        write_all(self._descriptor, data)
        self._written += len(data)
        new = self._written - self._begun
        if self._settled and _CAN_BEGIN and new >= _SETTLED_BYTES:
            advice = os.POSIX_FADV_DONTNEED
            os.posix_fadvise(self._descriptor, self._begun, new, advice)
            self._begun = self._written


@contextmanager
def whole_file(
    path: StrPath,
    aside: StrPath | None = None,
    *,
    settled: bool = False,
    copied: bool = False,
) -> Iterator[WholeFile]:
    """A file to write to, which takes the place of `path` when all went well.

    aside:   the folder that it is in until then, on the same file system; by default
             that of `path`, where its name is hidden and short.
    settled: whether it shall outlive a power failure too.
    copied:  whether it is large, and its bytes come from elsewhere rather than from
             work that takes far longer: then they are written as in `blocks`.

    Folders that lack are made.  Raises OSError that names `path`.
    """
    path = os.fspath(path)
    home = os.path.dirname(path) or os.curdir
    part = f"{home if aside is None else os.fspath(aside)}/{_part_name()}"
    with named(path):
        descriptor = _create(part)
    try:
        try:
            file = WholeFile(descriptor, path, settled=settled, copied=copied)
            with closing(file):
                yield file
                file.flush()
            if settled:
                with named(path):
                    os.fsync(descriptor)
        except BaseException:
            with suppress(OSError):
                os.close(descriptor)
            raise
        with named(path):
            os.close(descriptor)  # some file systems tell only now
            _put_in_place(part, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise
    if settled:
        _settle_folder(home)


def write_whole(
    path: StrPath,
    data: bytes,
    aside: StrPath | None = None,
    *,
    settled: bool = False,
) -> None:
    """Write a file of these bytes; the rest is as for whole_file()."""
    with whole_file(path, aside, settled=settled) as file:
        file.write(data)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of some bytes, or raise OSError."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def begin_to_settle(paths: Iterable[StrPath]) -> None:
    """Let the disk begin, where the system can, what settle() would wait for."""
    if _CAN_BEGIN:
        for path in [os.fspath(each) for each in paths]:
            with named(path), _opened(path) as descriptor:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def settle(paths: Iterable[StrPath]) -> None:
    """Wait until files, and their names, are where a power failure spares them."""
    files = [os.fspath(path) for path in paths]
    for path in files:
        with named(path), _opened(path) as descriptor:
            os.fsync(descriptor)
    for folder in dict.fromkeys(map(os.path.dirname, files)):
        _settle_folder(folder or os.curdir)


def file_name(name: str) -> str:
    """Any name as part of a file's: slides choose theirs freely, slashes and all."""
    return quote(name, safe=" ")


@contextmanager
def named(path: str) -> Iterator[None]:
    """Errors of the block as errors of this file, whatever descriptor they were of."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error


def _part_name() -> str:
    """Of a length that fits wherever any sensible name does; nobody else has it."""
    return f".openslide-{os.urandom(6).hex()}.part"


def _create(part: str) -> int:
    try:
        return os.open(part, _NEW, 0o666)
    except FileNotFoundError:  # the first one of a folder
        os.makedirs(os.path.dirname(part), exist_ok=True)
        return os.open(part, _NEW, 0o666)


def _put_in_place(part: str, path: str) -> None:
    try:
        os.replace(part, path)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.replace(part, path)


@contextmanager
def _opened(path: str, flags: int = _SYNCED) -> Iterator[int]:
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _settle_folder(folder: str) -> None:
    """Have the names in a folder on the disk, where the system can."""
    if not _HAS_FOLDERS:
        return
    with named(folder), _opened(folder) as descriptor:
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in _CANNOT_SYNC:
                raise
