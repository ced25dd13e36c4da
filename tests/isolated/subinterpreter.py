"""Interpreters with a GIL of their own, in one process, read the same slide.

    python -m tests.isolated.subinterpreter CASE SLIDE

What runs inside them is in subinterpreter_tasks.py.  A failure inside one ends the
script with its traceback.
"""

import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

# Pillow, ctypes and openslide are imported where a case wants them, no earlier:
# what an interpreter does first in a process is part of the case.

ROOT = str(Path(__file__).parents[2])
INTERPRETERS = 4
ROUNDS = 5


class Interpreter:
    """An interpreter with a GIL of its own.

    Python has a public module for them from 3.14 on.
    """

    def __init__(self) -> None:
        if sys.version_info >= (3, 14):
            self._interpreter = import_module("concurrent.interpreters").create()
        elif sys.version_info >= (3, 13):
            self._module = import_module("_interpreters")
            self._id = self._module.create("isolated")
        else:
            self._module = import_module("_xxsubinterpreters")
            self._id = self._module.create(isolated=True)
        self.run(f"import sys; sys.path.insert(0, {ROOT!r})")

    def run(self, code: str) -> None:
        """Run statements; what they raise is raised as an error that shows it."""
        if sys.version_info >= (3, 14):
            self._interpreter.exec(code)
        elif sys.version_info >= (3, 13):
            failure = self._module.exec(self._id, code)
            if failure is not None:
                raise RuntimeError(failure.errdisplay)
        else:
            self._module.run_string(self._id, code)

    def task(self, name: str, *arguments: object) -> None:
        """Call a function of subinterpreter_tasks with what repr() can express."""
        listed = ", ".join(map(repr, arguments))
        self.run(
            f"from tests.isolated import subinterpreter_tasks as t; t.{name}({listed})"
        )

    def close(self) -> None:
        if sys.version_info >= (3, 14):
            self._interpreter.close()
        else:
            self._module.destroy(self._id)


def expectation(path: str) -> dict[str, Any]:
    """What the main interpreter sees."""
    from tests.isolated import subinterpreter_tasks

    return subinterpreter_tasks.look(path)


def see_the_same(path: str) -> None:
    expected = expectation(path)
    interpreter = Interpreter()
    interpreter.task("see", path, expected)
    interpreter.close()


def come_first(path: str) -> None:
    """The main interpreter imports the package when the other has come and gone."""
    interpreter = Interpreter()
    interpreter.task("leave_open", path)
    interpreter.close()
    assert "openslide" not in sys.modules
    expected = expectation(path)
    assert expected == expectation(path)


def have_exceptions_of_their_own(path: str) -> None:
    expectation(path)
    for _ in range(2):
        interpreter = Interpreter()
        interpreter.task("catch_errors", path)
        interpreter.close()


def read_at_the_same_time(path: str) -> None:
    expected = expectation(path)
    ready = threading.Barrier(INTERPRETERS + 1)
    failures: list[BaseException] = []

    def live() -> None:
        ready.wait()
        try:
            for _ in range(ROUNDS):
                interpreter = Interpreter()
                interpreter.task("see", path, expected)
                interpreter.task("leave_open", path)
                interpreter.close()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=live) for _ in range(INTERPRETERS)]
    for thread in threads:
        thread.start()
    ready.wait()
    while any(thread.is_alive() for thread in threads):
        assert expectation(path) == expected
    for thread in threads:
        thread.join()
    for failure in failures:
        raise failure


def end_with_open_slides(path: str) -> None:
    expected = expectation(path)
    for _ in range(ROUNDS):
        together = [Interpreter() for _ in range(INTERPRETERS)]
        for interpreter in together:
            interpreter.task("leave_open", path)
        for interpreter in together[1:]:
            interpreter.close()
        together[0].task("see", path, expected)
        together[0].close()
        assert expectation(path) == expected


def outlive_the_program(path: str) -> None:
    """Nobody ends the interpreters: Python does, at its own end."""
    for _ in range(INTERPRETERS):
        Interpreter().task("leave_open", path)


def make_pictures(path: str) -> None:
    """Prints what Pillow says to being imported, "no objection" where it works."""
    from openslide import OpenSlide

    with OpenSlide(path) as slide:
        pixels = slide.read_region((30, 40), 0, (90, 80)).tobytes()
    interpreter = Interpreter()
    interpreter.task("make_picture", path, pixels)
    interpreter.close()


CASES = {
    case.__name__: case
    for case in (
        see_the_same,
        come_first,
        have_exceptions_of_their_own,
        read_at_the_same_time,
        end_with_open_slides,
        outlive_the_program,
        make_pictures,
    )
}

if __name__ == "__main__":
    CASES[sys.argv[1]](sys.argv[2])
