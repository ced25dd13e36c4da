"""The same pixels by each instruction set that this machine has.

`make test-instruction-sets` passes all tests of pixels with each of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping

import pytest

from openslide import _openslide
from tests.slides import SlideFacts

SETS = _openslide.instruction_sets()
VARIABLE = "OPENSLIDE_INSTRUCTION_SETS"


def test_the_best_is_in_use() -> None:
    assert SETS[-1] == "scalar"
    if VARIABLE not in os.environ:
        assert _openslide.conversion_kernel() == SETS[0]


@pytest.mark.parametrize("name", ["aperio-jpeg", "leica"])
def test_all_give_the_same_pixels(
    run_isolated: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    slides: Mapping[str, SlideFacts],
    name: str,
) -> None:
    digests = []
    for chosen in SETS:
        monkeypatch.setenv(VARIABLE, chosen)
        kernel, digest = run_isolated("pixel_digest", slides[name].path).split()
        assert kernel == chosen
        digests.append(digest)
    assert len(set(digests)) == 1


@pytest.mark.parametrize("names", ["", "mmx", "scalar,", "Scalar", "scalar mmx"])
def test_unknown_names_are_refused(names: str) -> None:
    child = subprocess.run(
        [sys.executable, "-c", "import openslide"],
        env={**os.environ, VARIABLE: names},
        capture_output=True,
        text=True,
    )
    assert child.returncode != 0
    assert f"not {names!r}" in child.stderr
    assert VARIABLE in child.stderr
