"""What setup.py says of direct reads; they are no condition for the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("setuptools")

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("OPENSLIDE_WITHOUT_JPEG", "1", "as OPENSLIDE_WITHOUT_JPEG says"),
        ("PKG_CONFIG", "no-pkg-config", "pkg-config is missing"),
        ("PKG_CONFIG", "false", "pkg-config knows no libjpeg"),
    ],
)
def test_builds_without_jpeg(
    variable: str, value: str, reason: str, tmp_path: Path
) -> None:
    pytest.importorskip("pkgconfig")
    output = build(tmp_path, {variable: value})
    assert f"direct reads: off, {reason}\n" in output
    assert list(tmp_path.glob("lib/openslide/_openslide*"))


def test_another_libjpeg_is_not_enough(tmp_path: Path) -> None:
    pytest.importorskip("pkgconfig")
    (tmp_path / "jpeglib.h").write_text("#define JPEG_LIB_VERSION 90\n")
    (tmp_path / "libjpeg.pc").write_text(
        f"Name: libjpeg\nDescription:\nVersion: 9.5.0\nCflags: -I{tmp_path}\n"
    )
    output = build(tmp_path, {"PKG_CONFIG_PATH": str(tmp_path)})
    assert "direct reads: off, " in output


def build(folder: Path, environment: dict[str, str]) -> str:
    """Build the extension module into a folder; what was printed."""
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--force"]
    command += [
        "--build-temp",
        str(folder / "temp"),
        "--build-lib",
        str(folder / "lib"),
    ]
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"CFLAGS": "-O0"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode != 0:
        pytest.fail(result.stdout, pytrace=False)
    return result.stdout
