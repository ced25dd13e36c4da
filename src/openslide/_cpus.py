"""How many CPUs this process may use, and who says so.

A container's share of the machine, and what a batch system has given, are no part of
the affinity that the system tells of: threads beyond them only wait for one another.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

_BATCH_SYSTEM = "SLURM_CPUS_PER_TASK"

_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIPS = Path("/proc/self/cgroup")


#: Where there is no limit.
_ALL = 1 << 30


def usable_cpus() -> int:
    """The least of what the system, the container and the batch system allow.

    Each read asks.
    """
    return min(_affinity(), _of_container(), _of_batch_system())


def reason() -> str | None:
    """Who says so, where that is not the system's affinity."""
    number = usable_cpus()
    if number == _affinity():
        return None
    if number == _of_container():
        return f"a CPU quota of {_own_quota():g} says"
    return f"{_BATCH_SYSTEM} says"


def _of_batch_system() -> int:
    given = os.environ.get(_BATCH_SYSTEM)
    if given is None or not given.isdecimal() or len(given) > 9:
        return _ALL
    return int(given) or _ALL


@lru_cache(maxsize=1)
def _of_container() -> int:
    quota = _own_quota()
    # Half a CPU more is worth a thread more.
    return _ALL if quota is None else max(1, math.ceil(quota))


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _own_quota() -> float | None:
    """The quota of this process, which does not change while it runs."""
    try:
        memberships = _MEMBERSHIPS.read_text()
    except OSError:  # no Linux
        return None
    return cpu_quota(_CGROUPS, memberships)


def cpu_quota(root: Path, memberships: str) -> float | None:
    """How many CPUs control groups leave to a process; None where all.

    root:        where the control groups are, of version 1 or 2.
    memberships: what /proc/PID/cgroup says.

    A group has no more than those that it is in.
    """
    quotas = [
        quota
        for line in memberships.splitlines()
        for folder in _folders(root, line)
        if (quota := _quota_of(folder)) is not None
    ]
    return min(quotas, default=None)


def _folders(root: Path, membership: str) -> Iterator[Path]:
    """A group and those that it is in, for "number:controllers:path".

    Within a container the path may be one of the machine, which is not seen there; the
    root is the container's own group then.
    """
    _, _, rest = membership.partition(":")
    controllers, _, path = rest.partition(":")
    if controllers and "cpu" not in controllers.split(","):
        return
    place = PurePosixPath(path.lstrip("/"))
    for group in (place, *place.parents):
        if ".." not in group.parts:
            yield root / controllers / group


def _quota_of(folder: Path) -> float | None:
    """What a single group allows, in CPUs."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text()
            period = (folder / "cpu.cfs_period_us").read_text()
        allowed = int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # "max", or there is none
        return None
    return allowed if allowed > 0 else None
