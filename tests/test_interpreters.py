"""Slides in interpreters that have a GIL of their own.

Each case runs in a fresh process; see tests/isolated/subinterpreter.py.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.slides import reference, write_aperio

SCRIPT = Path(__file__).parent / "isolated" / "subinterpreter.py"

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="interpreters share the GIL before Python 3.12"
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide of 400 x 300 pixels, with a profile, in many small tiles."""
    folder = tmp_path_factory.mktemp("interpreters")
    image = reference()[950:1250, 800:1200]
    return write_aperio(folder, image=image, tile=32, factors=(1, 4)).path


def run(case: str, path: Path) -> str:
    """What a case prints."""
    child = subprocess.run(
        [sys.executable, "-X", "faulthandler", SCRIPT, case, path],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (child.returncode, child.stderr) == (0, "")
    return child.stdout.strip()


@pytest.mark.parametrize(
    "case",
    [
        "see_the_same",
        "come_first",
        "have_exceptions_of_their_own",
        "read_at_the_same_time",
        "end_with_open_slides",
    ],
)
def test_interpreters(case: str, path: Path) -> None:
    assert run(case, path) == ""


def test_pillow_decides_about_pictures(path: Path) -> None:
    """read_region() of the package makes Pillow's images, so it needs Pillow.

    Pillow's C modules refuse interpreters with a GIL of their own; a Pillow that
    does not gives the pixels of the main interpreter.
    """
    answer = run("make_pictures", path)
    refused = "PIL." in answer and "does not support loading in subinterpreters" in answer
    assert refused or answer == "no objection"
