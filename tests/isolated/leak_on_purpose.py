"""Something that is kept in each repetition: KIND; the measurement must notice."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import threading

from tests.isolated.leak_measure import check

kept: list[object] = []


def keep_pages() -> None:
    pages = mmap.mmap(-1, 5 << 20)
    pages.write(bytes(5 << 20))
    kept.append(pages)


def keep_a_thread() -> None:
    thread = threading.Thread(target=threading.Event().wait, daemon=True)
    thread.start()


LEAKS = {
    "objects": lambda: kept.append(object()),
    "heap": lambda: ctypes.CDLL(None).malloc(ctypes.c_size_t(60)),
    "memory": keep_pages,
    "files": lambda: os.open(os.devnull, os.O_RDONLY),
    "threads": keep_a_thread,
}

if __name__ == "__main__":
    kind = sys.argv[1]
    check(kind, LEAKS[kind], 2000 if kind in ("objects", "heap") else 3)
