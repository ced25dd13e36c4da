"""Signals, Ctrl-C above all, during long reads; each in a fresh process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.slides import SlideFacts, reference, write_aperio
from tests.slides.stored import blank_tile

ROOT = Path(__file__).parents[1]
SCENARIOS = "interrupt_scenarios"

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no signals that wake a read"
)


@pytest.mark.parametrize(
    "scenario",
    [
        "ctrl_c",
        "ctrl_c_in_a_low_level_read",
        "ctrl_c_in_a_resampled_read",
        "own_exception",
        "handler_that_returns",
        "handler_that_closes",
        "handler_that_closes_and_raises",
        "handler_that_reads",
        "read_in_another_thread",
    ],
)
@pytest.mark.parametrize("name", ["aperio-jpeg", "mirax"])
def test_signals(
    run_isolated: Callable[..., str],
    slides: Mapping[str, SlideFacts],
    name: str,
    scenario: str,
) -> None:
    run_isolated(SCENARIOS, scenario, slides[name].path)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_fifty_interrupts_leave_nothing_behind(
    run_isolated: Callable[..., str], slides: Mapping[str, SlideFacts]
) -> None:
    run_isolated(SCENARIOS, "repeated", slides["aperio-jpeg"].path)


def test_ctrl_c_in_a_damaged_batch(
    run_isolated: Callable[..., str], tmp_path: Path
) -> None:
    image = reference()[:320, :512]
    path = write_aperio(tmp_path, image=image, tile=64, factors=(1, 4)).path
    blank_tile(path, 0)
    run_isolated(SCENARIOS, "damaged_batch", path)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_signals_of_workers(
    run_isolated: Callable[..., str], slides: Mapping[str, SlideFacts]
) -> None:
    run_isolated(SCENARIOS, "signals_of_workers", slides["aperio-jpeg"].path)


def test_ctrl_c_ends_a_program(slides: Mapping[str, SlideFacts]) -> None:
    """As from a terminal: the signal comes from outside, and nobody catches it."""
    command = (sys.executable, "-m", f"tests.isolated.{SCENARIOS}")
    with subprocess.Popen(
        [*command, "read_until_killed", slides["aperio-jpeg"].path],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "reading\n"
            time.sleep(0.1)  # "reading" is printed just before
            os.kill(child.pid, signal.SIGINT)
            output, errors = child.communicate(timeout=100)
        finally:
            child.kill()
    assert child.returncode == -signal.SIGINT
    assert output == ""
    lines = errors.splitlines()
    assert lines[-1] == "KeyboardInterrupt"
    assert any("in read_region" in line for line in lines)
