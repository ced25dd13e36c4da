"""Processes that work off tasks, and survive one another."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from openslide.export.workers import Outcome, Workers, begin_imports

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no signals to end with"
)
forks = pytest.mark.skipif(sys.platform != "linux", reason="no forks are used here")


def work(task: str) -> int:
    """What the processes do."""
    match task:
        case "raise":
            raise ValueError("there is no such tile")
        case "exit":
            os._exit(3)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "kill the parent":
            parent = os.getppid()
            os.kill(parent, signal.SIGKILL)
            while os.getppid() == parent:
                time.sleep(0.01)
        case "sleep":
            time.sleep(60)
    return os.getppid()


def outcomes(
    tasks: Iterable[str], workers: int, modules: Iterable[str] = ()
) -> list[Outcome[str, int]]:
    left = iter(tasks)
    with Workers(workers, work, list(modules)) as pool:
        found = list(pool.run(lambda: next(left, None)))
    assert multiprocessing.active_children() == []
    return sorted(found)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_death_costs_one_task(workers: int) -> None:
    found = outcomes(["a", "exit", "b", "kill", "c", "raise", "d"], workers)
    errors = {outcome.task: outcome.error for outcome in found if outcome.error}
    assert errors == {
        "exit": "the process that worked on it ended with status 3",
        "kill": "the process that worked on it ended with SIGKILL",
        "raise": "there is no such tile",
    }
    assert [outcome.task for outcome in found if outcome.result] == list("abcd")


@forks
def test_processes_are_forks_of_one() -> None:
    found = outcomes(["a", "b", "c", "exit", "d", "e"], 3, ["openslide", "missing"])
    parents = {outcome.result for outcome in found if outcome.result}
    assert len(parents) == 1
    assert os.getpid() not in parents


@forks
def test_a_single_one_with_little_to_do_is_a_fork_too() -> None:
    """Of the process that others will be forks of."""
    begin_imports(2, ["openslide"])
    tasks = iter(["a", "exit", "b"])
    with Workers(1, work, has_little=True) as pool:
        alone = {outcome.result for outcome in pool.run(lambda: next(tasks, None))}
    assert alone == {outcome.result for outcome in outcomes(["a", "exit", "b"], 2)}
    assert os.getpid() not in alone


@forks
def test_what_is_forked_may_die() -> None:
    """Its forks go on, and there will be others."""
    found = outcomes(["kill the parent", "a", "kill", "b", "kill", "c"], 2)
    assert [outcome.task for outcome in found if outcome.result] == [
        *("a", "b", "c", "kill the parent")
    ]


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_end_with_the_program_s_failure(workers: int) -> None:

    def fail() -> None:
        tasks = iter(["a", *["sleep"] * workers])
        with Workers(workers, work) as pool:
            for _ in pool.run(lambda: next(tasks, None)):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert multiprocessing.active_children() == []


def test_what_is_done_meanwhile() -> None:
    """It comes when all have what to do, after each outcome."""
    told: list[str] = []

    def next_task() -> str | None:
        told.append("next")
        return "a" if told.count("next") <= 2 else None

    with Workers(1, work) as pool:
        for _ in pool.run(next_task, lambda: told.append("meanwhile")):
            told.append("outcome")
    assert told == ["next", "meanwhile", "outcome"] * 2 + ["next"]


_PROGRAM = """
import operator
from openslide.export.workers import Workers

if __name__ == "__main__":
    tasks = iter([1, 2, 3])
    with Workers(2, operator.neg, ["numpy"]) as pool:
        print(sorted(outcome.result for outcome in pool.run(lambda: next(tasks, None))))
"""


def test_nothing_is_imported_from_the_current_folder(tmp_path: Path) -> None:
    """It may be one of slides, and of whatever lies beside them."""
    program, folder = tmp_path / "program.py", tmp_path / "slides"
    program.write_text(_PROGRAM)
    folder.mkdir()
    (folder / "numpy.py").write_text("open('imported', 'w')")
    environment = os.environ | {"PYTHONPATH": "", "PYTHONSAFEPATH": ""}
    output = subprocess.check_output(
        [sys.executable, program], cwd=folder, env=environment, text=True
    )
    assert output == "[-3, -2, -1]\n"
    assert os.listdir(folder) == ["numpy.py"]
