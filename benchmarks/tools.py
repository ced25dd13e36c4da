"""The programs in C that benchmarks need: built by Meson, optimised."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent


def build(folder: Path) -> Path:
    """Build the programs, and return the folder that has them."""
    if not (folder / "build.ninja").exists():
        _meson("setup", "--buildtype=release", folder, _ROOT)
    _meson("compile", "-C", folder, "benchmarks")
    return folder / "benchmarks"


def _meson(*arguments: str | Path) -> None:
    """Run Meson of this environment or of the system; it prints only failures."""
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = shutil.which("meson", path=search)
    if command is None:
        raise SystemExit("the programs in C are built by Meson, which is missing")
    result = subprocess.run(
        [command, *arguments],
        env=os.environ | {"PATH": search},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode != 0:
        raise SystemExit(result.stdout)
