"""Slides in interpreters that have a GIL of their own, or none at all.

Each case runs in a fresh process; see tests/isolated.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.slides import reference, write_aperio
from tests.slides.stored import blank_tile

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
    blank_tile(copy, -1)
    return copy


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
def test_interpreters(run_isolated: Callable[..., str], case: str, path: Path) -> None:
    assert run_isolated("subinterpreter", case, path) == ""


@several_gils
def test_pillow_decides_about_pictures(
    run_isolated: Callable[..., str], path: Path
) -> None:
    """read_region() of the package makes Pillow's images, so it needs Pillow.

    Pillow's C modules refuse interpreters with a GIL of their own; a Pillow that
    does not gives the pixels of the main interpreter.
    """
    answer = run_isolated("subinterpreter", "make_pictures", path)
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
def test_threads(
    run_isolated: Callable[..., str], case: str, rounds: int, path: Path
) -> None:
    assert int(run_isolated("free_threaded", case, path, str(rounds))) > 0


@pytest.mark.requires_openslide("4.0.0")
def test_threads_reopen(run_isolated: Callable[..., str], damaged: Path) -> None:
    assert run_isolated("free_threaded", "reopen", damaged, "10") == "40"


@no_gil
def test_the_gil_stays_off(run_isolated: Callable[..., str], path: Path) -> None:
    assert int(run_isolated("free_threaded", "keep_the_gil_off", path, "1")) > 0
