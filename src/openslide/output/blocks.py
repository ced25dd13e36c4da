"""Bytes to the disk in large blocks, past the memory in which the system keeps files.

The system copies what is written, page by page, and writes it some time later: of bytes
that were only copied, too, that takes longer than all else.  Where it can, it is told to
take them from where they are.  They are not at hand then for who reads them next.
"""

from __future__ import annotations

import errno
import mmap
import os
import sys
from collections.abc import Callable
from contextlib import suppress

#: Of a block; whatever disks and file systems want it to be a multiple of.
_BLOCK_BYTES = 1 << 21

_IS_REFUSED = {errno.EINVAL, errno.ENOTSUP}

# Memory of blocks that are done with, for the next file.
_unused: list[mmap.mmap] = []


class BlockWriter:
    """Writes to an open file.

    plainly: writes bytes to it in the usual way.

    Raises OSError, and what plainly() raises.
    """

    def __init__(
        self, descriptor: int, plainly: Callable[[memoryview], object]
    ) -> None:
        self._descriptor = descriptor
        self._plainly = plainly
        self._is_usable = True  # as far as is known
        self._block = _block()
        self._filled = 0

    def write(self, data: bytes) -> None:
        """Write whole blocks, and keep the rest until there is another one."""
        left = memoryview(data)
        while left:
            part = left[: _BLOCK_BYTES - self._filled]
            end = self._filled + len(part)
            self._block[self._filled : end] = part
            self._filled = end
            left = left[len(part) :]
            if end == _BLOCK_BYTES:
                self._write_block()

    def flush(self) -> None:
        """Write what is left, which may be no whole block."""
        with memoryview(self._block) as block:
            self._plainly(block[: self._filled])
        self._filled = 0

    def close(self) -> None:
        """It must not be used any more."""
        _unused.append(self._block)

    def _write_block(self) -> None:
        with memoryview(self._block) as block:
            done = _write_directly(self._descriptor, block) if self._is_usable else 0
            if done < _BLOCK_BYTES:
                # Not on this file system; or there is no room, which this will tell.
                self._is_usable = False
                self._plainly(block[done:])
        self._filled = 0


def _block() -> mmap.mmap:
    """Memory that begins with a page, as it must."""
    with suppress(IndexError):
        return _unused.pop()
    if sys.platform == "win32":
        return mmap.mmap(-1, _BLOCK_BYTES)
    return mmap.mmap(-1, _BLOCK_BYTES, mmap.MAP_PRIVATE)  # not shared with forks


if sys.platform == "linux":
    import fcntl

    def _write_directly(descriptor: int, block: memoryview) -> int:
        """How much of a block was written, from where it is; 0 where that cannot be."""
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_DIRECT)
            return os.write(descriptor, block)
        except OSError as error:
            if error.errno not in _IS_REFUSED:
                raise
            return 0
        finally:
            fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)

else:

    def _write_directly(descriptor: int, block: memoryview) -> int:
        return 0
