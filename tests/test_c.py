"""The C unit tests, built by Meson: for this machine, and for NEON."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import openslide

# Compilers take their time on a busy machine.
pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).parent.parent
#: Those of kernels, and that of a decoder without libjpeg-turbo.
NEON_TESTS = ("convert", "paint", "jpeg_kernels", "resample", "no_jpeg")
CROSS_FILE = ROOT / "tests" / "c" / "aarch64-linux.ini"


def meson(*arguments: str | Path) -> None:
    """Run Meson of this environment; a failure shows what it printed."""
    tools = Path(sys.executable).parent
    command = shutil.which("meson", path=tools) or shutil.which("meson")
    if command is None:
        pytest.skip("meson is not installed")
    search = os.pathsep.join([str(tools), os.environ["PATH"]])
    environment = os.environ | {
        "OPENSLIDE_LIBRARY": openslide.__library_path__,
        "PATH": search,
    }
    result = subprocess.run(
        [command, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode != 0:
        pytest.fail(result.stdout, pytrace=False)


def test_native(tmp_path: Path) -> None:
    meson("setup", "-Dwerror=true", tmp_path / "build", ROOT)
    meson("test", "-C", tmp_path / "build", "--print-errorlogs")


def test_without_jpeg(tmp_path: Path) -> None:
    build = tmp_path / "build"
    meson("setup", "-Dwerror=true", "-Djpeg=disabled", build, ROOT)
    meson("test", "-C", build, "--print-errorlogs", "no_jpeg")


def test_neon(tmp_path: Path) -> None:
    for program in ("aarch64-linux-gnu-gcc", "qemu-aarch64"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    build = tmp_path / "build"
    options = ("-Dwerror=true", "-Djpeg=disabled", "--cross-file", CROSS_FILE)
    meson("setup", *options, build, ROOT)
    meson("test", "-C", build, "--print-errorlogs", *NEON_TESTS)
