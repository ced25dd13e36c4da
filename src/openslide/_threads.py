"""How many threads reading may use.

Whole batches and large regions are read on several threads.  All calls of a
process share one budget, so that a pool of Python threads which each read a batch
does not start threads by the square.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from operator import index
from typing import TypeVar

from ._cpus import reason, usable_cpus

#: The most that one call uses.  Larger numbers stand for it.
MOST_THREADS = 1024

_Value = TypeVar("_Value")
_Result = TypeVar("_Result")

_VARIABLE = "OPENSLIDE_NUM_THREADS"

_chosen: int | None = None


def set_num_threads(number: int | None) -> None:
    """Set how many threads all reads of this process may use together.

    More than 1024 are 1024.  None restores the default: OPENSLIDE_NUM_THREADS if that
    is a positive integer (anything else is ignored, as `openslide info` says), else
    the CPUs that this process may use, by its affinity, the CPU quota of its container
    and SLURM_CPUS_PER_TASK, and 1 in a child of multiprocessing, whose parent has
    divided the work already.

    Raises ArgumentTypeError where number is no integer, and ValueError where it is
    not positive.
    """
    global _chosen
    if number is not None:
        number = thread_count(number, "the number of threads")
    _chosen = number


def get_num_threads() -> int:
    """How many threads all reads of this process may use together."""
    if _chosen is not None:
        return _chosen
    stated = _stated()
    if stated is not None:
        return stated
    return 1 if _is_worker_process() else usable_cpus()


def described() -> str:
    """How many threads reads may use, and what the environment has to do with that."""
    number = str(get_num_threads())
    setting = os.environ.get(_VARIABLE, "")
    if _stated() is not None:
        return f"{number}, as {_VARIABLE} says"
    if setting:
        return f"{number}; {_VARIABLE} is ignored: {setting!r} is no positive integer"
    if _chosen is None and (who := reason()):
        return f"{number}, as {who}"
    return number


def threads_for(workers: int | None) -> int:
    """How many threads to use at most where the caller has chosen so many, or not."""
    return get_num_threads() if workers is None else thread_count(workers, "workers")


def in_threads(
    function: Callable[[_Value], _Result],
    values: Iterable[_Value],
    workers: int | None,
) -> list[_Result]:
    """What a function makes of each value, several at once; all have ended then.

    Raises what it raises for the first of those for which it does.
    """
    values = list(values)
    number = min(threads_for(workers), len(values))
    if number < 2:
        return [function(value) for value in values]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(number, "openslide") as pool:
        return list(pool.map(function, values))


def thread_count(number: int, name: str) -> int:
    """A number of threads as it was given, if it is one, and no more than the most."""
    try:
        count = index(number)
    except TypeError:
        from ._argument_errors import ArgumentTypeError

        raise ArgumentTypeError(f"{name} must be an integer, not {number!r}") from None
    if count < 1:
        raise ValueError(f"{name} must be positive, not {number!r}")
    return min(count, MOST_THREADS)


def plan() -> tuple[int, bool]:
    """For the extension module: the number of threads, and whether this is the main one.

    Only the main thread handles signals, and only it may wait for Python's lock in
    the middle of a read: the interpreter's end would stop another one there, while
    threads that it had started go on.
    """
    # current_thread() would keep a record of each thread that Python did not start.
    from threading import get_ident, main_thread

    return get_num_threads(), get_ident() == main_thread().ident


def _stated() -> int | None:
    """What the environment says, if that is a positive integer."""
    digits = os.environ.get(_VARIABLE, "").strip().lstrip("0")
    if not digits.isdecimal():
        return None
    # Python refuses to convert texts of thousands of digits.
    return MOST_THREADS if len(digits) > 9 else min(int(digits), MOST_THREADS)


def _is_worker_process() -> bool:
    # Where nobody has imported multiprocessing, this is no child of it.
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None
