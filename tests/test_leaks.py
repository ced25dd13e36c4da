"""Memory, files and threads stay flat; each script in a fresh process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.slides import reference, write_aperio

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def run(script: str, *arguments: Path) -> str:
    child = subprocess.run(
        [sys.executable, "-W", "error", "-m", f"tests.isolated.{script}", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=110,
    )
    if child.returncode != 0:
        pytest.fail(f"exit code {child.returncode}\n{child.stdout}", pytrace=False)
    return child.stdout


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A slide of 400 x 300 pixels; the last tile of level 0 is no JPEG."""
    image = reference()[:300, :400]
    path = write_aperio(tmp_path, image=image, tile=64, factors=(1, 4)).path
    with Image.open(path) as tiff:
        tags: Any = tiff.tag_v2  # type: ignore[attr-defined]
        offset, length = tags[324][34], tags[325][34]
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(bytes(length))
    return path


def test_opening(tmp_path: Path, damaged: Path) -> None:
    run("leak_opening", tmp_path, damaged)


@pytest.mark.requires_openslide("4.0.1")  # whose slides have such images
def test_reading(damaged: Path) -> None:
    run("leak_reading", damaged)


@pytest.mark.parametrize("kept", ["objects", "heap", "memory", "files", "threads"])
def test_a_leak_is_found(kept: str) -> None:
    """The measurement itself: a little of each kind is kept on purpose."""
    with pytest.raises(pytest.fail.Exception, match=f"more {kept}"):
        run("leak_on_purpose", Path(kept))
