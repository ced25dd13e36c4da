"""openslide tiles, killed at a file operation: WHO NUMBER ARGUMENTS...

Before the operation of this number on anything below the output folder, WHO gets
SIGKILL: the "program" at an operation of its own; at one of a "worker", that worker,
its whole "group" or its "parent".  Ends with the status of the command, if that lives.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from openslide.cli import main
from openslide.export import run

WHO, NUMBER, OUT = "TEST_EXPORT_WHO", "TEST_EXPORT_NUMBER", "TEST_EXPORT_OUT"

_CHANGES = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"}
_work_off = run._work_off


def kill() -> None:
    match os.environ[WHO]:
        case "group":
            os.killpg(0, signal.SIGKILL)
        case "parent":
            os.kill(os.getppid(), signal.SIGKILL)
        case _:
            os.kill(os.getpid(), signal.SIGKILL)


def watch() -> None:
    """Count file operations from now on."""
    left = int(os.environ[NUMBER])

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in _CHANGES and str(arguments[0]).startswith(os.environ[OUT]):
            left -= 1
            if left == 0:
                kill()

    sys.addaudithook(hook)


def work_off(task: Any) -> Any:
    """What workers do here."""
    if not hasattr(sys, "watched_by_test"):
        sys.watched_by_test = True  # type: ignore[attr-defined]
        watch()
    return _work_off(task)


def killed_main(who: str, number: str, *arguments: str) -> int:
    out = arguments[arguments.index("-o") + 1]
    os.environ |= {WHO: who, NUMBER: number, OUT: out}
    if who == "program":
        watch()
    else:
        run._work_off = work_off
    return main(["tiles", *arguments])


if __name__ == "__main__":
    sys.exit(killed_main(*sys.argv[1:]))
