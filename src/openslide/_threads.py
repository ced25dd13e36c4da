"""How many threads reading may use.

Whole batches and large regions are read on several threads.  All calls of a
process share one budget, so that a pool of Python threads which each read a batch
does not start threads by the square.
"""

from __future__ import annotations

import os
import sys

_chosen: int | None = None


def set_num_threads(number: int | None) -> None:
    """Set how many threads all reads of this process may use together.

    None restores the default: OPENSLIDE_NUM_THREADS if that is set, else the CPUs
    that this process may use, and 1 in a child of multiprocessing, whose parent
    has divided the work already.

    Raises ValueError where number is not positive.
    """
    global _chosen
    if number is not None and number < 1:
        raise ValueError(f"the number of threads must be positive, not {number!r}")
    _chosen = number


def get_num_threads() -> int:
    """How many threads all reads of this process may use together."""
    if _chosen is not None:
        return _chosen
    setting = os.environ.get("OPENSLIDE_NUM_THREADS", "")
    if setting.isdecimal() and int(setting) > 0:
        return int(setting)
    return 1 if _is_worker_process() else _usable_cpus()


def plan() -> tuple[int, bool]:
    """For the extension module: the number of threads, and whether this is the main one.

    Only the main thread handles signals, and only it may wait for Python's lock in
    the middle of a read: the interpreter's end would stop another one there, while
    threads that it had started go on.
    """
    from threading import current_thread, main_thread

    return get_num_threads(), current_thread() is main_thread()


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_worker_process() -> bool:
    # Where nobody has imported multiprocessing, this is no child of it.
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None
