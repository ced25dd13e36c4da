"""Disks that are full, by real limits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

needs_limits = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no limit of the size of files"
)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes, in processes that begin now either.

    A write that crosses the limit is short, and the next one fails: as a full disk.
    """
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@lru_cache(1)
def _why_no_small_disk() -> str | None:
    if sys.platform != "linux" or os.geteuid() != 0:
        return "only root on Linux can mount a small disk"
    if shutil.which("unshare") is None:
        return "there is no unshare(1) to mount a small disk with"
    mount = "mount -t tmpfs -o size=64k tmpfs /mnt"
    tried = subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True)
    return None if tried.returncode == 0 else f"cannot mount: {tried.stderr!r}"


def on_small_disk(
    folder: Path, kilobytes: int, *arguments: str | Path
) -> subprocess.CompletedProcess[str]:
    """`openslide ARGUMENTS`, run where `folder` is a disk of a few kilobytes.

    Afterwards the folder has what was on the disk.
    """
    if reason := _why_no_small_disk():
        pytest.skip(reason)
    kept = folder.with_name(f"{folder.name}.kept")
    for path in (folder, kept):
        path.mkdir(exist_ok=True)
    script = (
        'mount -t tmpfs -o size="$1" tmpfs "$2" || exit 99; out="$2"; kept="$3"; '
        'shift 3; "$@"; status=$?; cp -a "$out/." "$kept"; exit $status'
    )
    command = ["unshare", "-m", "sh", "-c", script, "sh", f"{kilobytes}k"]
    command += [str(folder), str(kept), sys.executable, "-m", "openslide"]
    done = subprocess.run(
        [*command, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode != 99, done.stderr
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    return done
