"""Slides in interpreters that have a GIL of their own, or none at all.

Each case runs in a fresh process; see tests/isolated.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.slides import reference, write_aperio

TILE_OFFSETS, TILE_BYTE_COUNTS = 324, 325
ROOT = Path(__file__).parents[1]

several_gils = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="interpreters share the GIL before Python 3.12"
)
no_gil = pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python has a GIL"
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide of 400 x 300 pixels, with a profile, in many small tiles."""
    folder = tmp_path_factory.mktemp("interpreters")
    image = reference()[950:1250, 800:1200]
    return write_aperio(folder, image=image, tile=32, factors=(1, 4)).path


@pytest.fixture(scope="module")
def damaged(path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same slide, whose last tile of level 0 is no JPEG."""
    copy = tmp_path_factory.mktemp("damaged") / path.name
    shutil.copy(path, copy)
    with Image.open(copy) as tiff:
        tags: Any = tiff.tag_v2  # type: ignore[attr-defined]
        offset, length = (tags[name][-1] for name in (TILE_OFFSETS, TILE_BYTE_COUNTS))
    with open(copy, "r+b") as file:
        file.seek(offset)
        file.write(bytes(length))
    return copy


def run(script: str, *arguments: str | Path) -> str:
    """What an isolated script prints."""
    child = subprocess.run(
        [
            *(sys.executable, "-W", "error", "-X", "faulthandler"),
            *("-m", f"tests.isolated.{script}", *arguments),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert (child.returncode, child.stderr) == (0, "")
    return child.stdout.strip()


@several_gils
@pytest.mark.parametrize(
    "case",
    [
        "see_the_same",
        "come_first",
        "have_exceptions_of_their_own",
        "read_at_the_same_time",
        "end_with_open_slides",
        "outlive_the_program",
    ],
)
def test_interpreters(case: str, path: Path) -> None:
    assert run("subinterpreter", case, path) == ""


@several_gils
def test_pillow_decides_about_pictures(path: Path) -> None:
    """read_region() of the package makes Pillow's images, so it needs Pillow.

    Pillow's C modules refuse interpreters with a GIL of their own; a Pillow that
    does not gives the pixels of the main interpreter.
    """
    answer = run("subinterpreter", "make_pictures", path)
    if answer != "no objection":
        assert "module PIL." in answer
        assert "does not support loading in subinterpreters" in answer


@pytest.mark.parametrize(
    ("case", "rounds"),
    [
        ("use_until_closed", 10),
        ("use_first", 3),
        ("fail_first", 10),
        ("share_caches", 10),
    ],
)
@pytest.mark.requires_openslide("4.0.0")
def test_threads(case: str, rounds: int, path: Path) -> None:
    assert int(run("free_threaded", case, path, str(rounds))) > 0


@pytest.mark.requires_openslide("4.0.0")
def test_threads_reopen(damaged: Path) -> None:
    assert run("free_threaded", "reopen", damaged, "10") == "40"


@no_gil
def test_the_gil_stays_off(path: Path) -> None:
    assert int(run("free_threaded", "keep_the_gil_off", path, "1")) > 0
