"""What mypy finds in a program that imports an installed package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def complaints(python: Path, program: Path, folder: Path) -> str:
    """What it says of a program, nothing where all is well.

    python: the interpreter whose packages the program imports.
    folder: for the configuration and the cache of this run.

    Without mypy the test that is running is skipped.
    """
    pytest.importorskip("mypy")
    configuration = folder / "mypy.ini"
    configuration.write_text("[mypy]\nstrict = true\n")
    command: list[str | Path] = [
        *(sys.executable, "-m", "mypy", "--no-error-summary"),
        *("--config-file", configuration, "--cache-dir", folder / "cache"),
        *("--python-executable", python, program),
    ]
    # Nothing may point to this package's sources, and mypy needs no sanitizer.
    unwanted = ("MYPYPATH", "LD_PRELOAD")
    environment = {k: v for k, v in os.environ.items() if k not in unwanted}
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True
    )
    return result.stdout + result.stderr
