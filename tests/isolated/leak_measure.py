"""Whether a step that is repeated leaves anything behind.

Objects and bytes in use are counted exactly where that is possible, so that a leak
of one small object in each repetition shows; memory as the operating system sees
it catches what bypasses the allocators.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

MEGABYTE = 1 << 20
ROUNDS = 6
#: Without a GIL, Python frees some of what is shared between threads later.
RESTING_OBJECTS = 120 if sysconfig.get_config_var("Py_GIL_DISABLED") else 20


class Resources(NamedTuple):
    """What this process holds.

    Attributes:
        objects: small blocks of Python's allocator.
        heap: bytes that malloc() has given out; 0 before glibc 2.33.
        memory: bytes that are in memory.
        files: open file descriptors.
        threads: threads.
    """

    objects: int
    heap: int
    memory: int
    files: int
    threads: int

    @classmethod
    def now(cls) -> Resources:
        gc.collect()
        libc = ctypes.CDLL(None)
        trim = getattr(libc, "malloc_trim", None)
        if trim is not None:
            trim(ctypes.c_size_t(0))
        heap = _heap(libc)
        return cls(
            objects=sys.getallocatedblocks(),
            heap=heap,
            memory=1024 * process_status("VmRSS"),
            files=len(os.listdir("/proc/self/fd")),
            threads=process_status("Threads"),
        )


def process_status(name: str) -> int:
    """A number that Linux knows about this process, sizes in KiB."""
    status = Path("/proc/self/status").read_text()
    values = dict(line.split(":", 1) for line in status.splitlines())
    return int(values[name].split()[0])


class _MallocInformation(ctypes.Structure):
    """struct mallinfo2 of malloc.h."""

    _fields_ = [
        ("arena", ctypes.c_size_t),
        ("ordblks", ctypes.c_size_t),
        ("smblks", ctypes.c_size_t),
        ("hblks", ctypes.c_size_t),
        ("hblkhd", ctypes.c_size_t),
        ("usmblks", ctypes.c_size_t),
        ("fsmblks", ctypes.c_size_t),
        ("uordblks", ctypes.c_size_t),
        ("fordblks", ctypes.c_size_t),
        ("keepcost", ctypes.c_size_t),
    ]


def _heap(libc: ctypes.CDLL) -> int:
    mallinfo: Any = getattr(libc, "mallinfo2", None)
    if mallinfo is None:
        return 0
    mallinfo.restype = _MallocInformation
    information = mallinfo()
    return int(information.uordblks + information.hblkhd)


def check(what: str, step: Callable[[], object], repetitions: int) -> None:
    """Exit with a message where the step holds more the more often it is done.

    Caches of the interpreter and of libraries fill up in the beginning, a leak never
    ends: it must show several times in a row.
    """
    for _ in range(10 + repetitions // 10):
        step()
    leaks: list[str] = []
    for _ in range(ROUNDS):
        before = Resources.now()
        for _ in range(repetitions):
            step()
        growth = Resources(
            *(b - a for a, b in zip(before, Resources.now(), strict=True))
        )
        print(f"{what}: {repetitions} times, {growth}", flush=True)
        leaks = excess(growth, repetitions)
        if not leaks:
            return
    sys.exit(f"{what}: {', '.join(leaks)} after {repetitions} repetitions")


def excess(growth: Resources, repetitions: int) -> list[str]:
    """What has grown by more than a tenth of an object, or a word, in a repetition."""
    limits = Resources(
        objects=RESTING_OBJECTS + repetitions // 10,
        heap=20_000 + 8 * repetitions,
        memory=4 * MEGABYTE,
        files=0,
        threads=0,
    )
    return [
        f"{amount} more {name}"
        for name, amount, limit in zip(growth._fields, growth, limits, strict=True)
        if amount > limit
    ]
