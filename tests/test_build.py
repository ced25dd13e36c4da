"""Libraries, none of which is a condition for the rest: what is said where they lack."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import openslide
from tests.conftest import SWITCHES
from tests.slides import SlideFacts

pytest.importorskip("pkgconfig")
pytest.importorskip("setuptools")

ROOT = Path(__file__).parent.parent
WANTED = dict.fromkeys(SWITCHES.values(), "0")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as it is where no library was found."""
    folder = tmp_path_factory.mktemp("bare")
    with start_build(folder, dict.fromkeys(SWITCHES.values(), "1")) as process:
        output, _ = process.communicate()
    assert process.returncode == 0, output
    for library, switch in SWITCHES.items():
        assert f"{library}: off, as {switch} says\n" in output
    last = output.splitlines()[-1]
    assert last.startswith(
        "openslide-native is built without libjpeg-turbo and libdeflate: "
    )
    shutil.copytree(
        Path(openslide.__file__).parent,
        folder / "lib" / "openslide",
        ignore=shutil.ignore_patterns("__pycache__", "_openslide*"),
        dirs_exist_ok=True,
    )
    return folder / "lib"


def run_with(package: Path, *arguments: str | Path, **environment: str) -> list[str]:
    """The lines on standard error of a Python that has a package first in its path."""
    child = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        env=os.environ | WANTED | {"PYTHONPATH": str(package)} | environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert child.returncode == 0, child.stderr
    return child.stderr.splitlines()


OPEN = """
import openslide, sys
assert openslide._openslide.tile_libraries() == ()
assert openslide._openslide.jpeg_version() is None
try:
    openslide.OpenSlide("absent.svs")
except openslide.OpenSlideError:
    print("no slide was opened", file=sys.stderr)
for _ in range(2):
    openslide.open_slide(sys.argv[1]).close()
"""


def test_what_is_missing_is_told_at_the_first_slide(
    bare: Path, facts: SlideFacts
) -> None:
    before, jpeg, deflate = run_with(bare, "-c", OPEN, facts.path)
    assert before == "no slide was opened"
    for line, package in ((jpeg, "libjpeg62-turbo-dev"), (deflate, "libdeflate-dev")):
        assert package in line
        assert "pip install --force-reinstall --no-binary openslide-native" in line


def test_what_is_missing_can_be_known(bare: Path, facts: SlideFacts) -> None:
    _, line = run_with(bare, "-c", OPEN, facts.path, OPENSLIDE_WITHOUT_JPEG="1")
    assert "OPENSLIDE_WITHOUT_LIBDEFLATE=1" in line
    level = 'import logging; logging.getLogger("openslide").setLevel(logging.ERROR)'
    assert len(run_with(bare, "-c", level + OPEN, facts.path)) == 1


def test_what_is_missing_is_not_told_by_every_worker(
    bare: Path, facts: SlideFacts, tmp_path: Path
) -> None:
    command = ("-m", "openslide", "tiles", facts.path, "-o", tmp_path / "tiles")
    said = run_with(bare, *command, "--workers", "2")
    assert len([line for line in said if "was built without" in line]) == 2, said


@pytest.mark.requires_libjpeg_turbo
@pytest.mark.skipif(
    not openslide._openslide.tile_libraries(), reason="built without libdeflate"
)
def test_nothing_is_told_where_nothing_is_missing(facts: SlideFacts) -> None:
    script = "import openslide, sys; openslide.OpenSlide(sys.argv[1])"
    assert run_with(Path(openslide.__file__).parents[1], "-c", script, facts.path) == []


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
        env=os.environ | WANTED | {"CFLAGS": "-O0"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
