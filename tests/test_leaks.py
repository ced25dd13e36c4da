"""Memory, files and threads stay flat; each script in a fresh process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.slides import reference, write_aperio
from tests.slides.stored import blank_tile

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A slide of 400 x 300 pixels; the last tile of level 0 is no JPEG."""
    image = reference()[:300, :400]
    path = write_aperio(tmp_path, image=image, tile=64, factors=(1, 4)).path
    blank_tile(path, 34)
    return path


def test_opening(
    run_isolated: Callable[..., str], tmp_path: Path, damaged: Path
) -> None:
    run_isolated("leak_opening", tmp_path, damaged)


@pytest.mark.requires_openslide("4.0.1")  # whose slides have such images
def test_reading(run_isolated: Callable[..., str], damaged: Path) -> None:
    run_isolated("leak_reading", damaged)


@pytest.mark.requires_libjpeg_turbo
def test_encoding(run_isolated: Callable[..., str]) -> None:
    run_isolated("leak_encoding")


@pytest.mark.parametrize("kept", ["objects", "heap", "memory", "files", "threads"])
def test_a_leak_is_found(run_isolated: Callable[..., str], kept: str) -> None:
    """The measurement itself: a little of each kind is kept on purpose."""
    with pytest.raises(pytest.fail.Exception, match=f"more {kept}"):
        run_isolated("leak_on_purpose", kept)
