"""What setup.py says of libraries, none of which is a condition for the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pkgconfig")
pytest.importorskip("setuptools")

ROOT = Path(__file__).parent.parent


#: The variable that leaves a library out.
SWITCHES = {
    "libjpeg-turbo": "OPENSLIDE_WITHOUT_JPEG",
    "zlib": "OPENSLIDE_WITHOUT_ZLIB",
}


def test_builds_without_libraries(tmp_path: Path) -> None:
    with start_build(tmp_path, dict.fromkeys(SWITCHES.values(), "1")) as process:
        output, _ = process.communicate()
    assert process.returncode == 0, output
    for library, switch in SWITCHES.items():
        assert f"{library}: off, as {switch} says\n" in output
    (built,) = tmp_path.glob("lib/openslide/_openslide*")
    assert imported(built, "_openslide.tile_libraries()") == "()"
    assert imported(built, "_openslide.jpeg_version()") == "None"


def imported(module: Path, expression: str) -> str:
    """What an expression is in a process that has imported the module alone."""
    script = f"import sys; sys.path[0] = {str(module.parent)!r}; import _openslide; "
    command = [sys.executable, "-c", f"{script}print({expression})"]
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("no-pkg-config", "pkg-config is missing"),
        ("false", "pkg-config knows no libjpeg"),
    ],
)
def test_says_why_it_builds_without_jpeg(
    command: str, reason: str, tmp_path: Path
) -> None:
    said = what_is_said(tmp_path, {"PKG_CONFIG": command})
    assert said == f"libjpeg-turbo: off, {reason}\n"


def test_another_libjpeg_is_not_enough(tmp_path: Path) -> None:
    (tmp_path / "jpeglib.h").write_text("#define JPEG_LIB_VERSION 90\n")
    (tmp_path / "libjpeg.pc").write_text(
        f"Name: libjpeg\nDescription:\nVersion: 9.5.0\nCflags: -I{tmp_path}\n"
    )
    said = what_is_said(tmp_path, {"PKG_CONFIG_PATH": str(tmp_path)})
    assert said.startswith("libjpeg-turbo: off, ")


def what_is_said(folder: Path, environment: dict[str, str]) -> str:
    """The line about libjpeg-turbo; the build ends there."""
    with start_build(folder, environment) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("libjpeg-turbo:"):
                process.kill()
                return line
    pytest.fail("".join(lines), pytrace=False)


def start_build(folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    """Build the extension module into a folder."""
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--force"]
    command += [
        "--build-temp",
        str(folder / "temp"),
        "--build-lib",
        str(folder / "lib"),
    ]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"CFLAGS": "-O0"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
