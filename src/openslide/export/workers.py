"""Processes that work off tasks, and survive one another.

concurrent.futures gives up all of its processes when one dies; here that costs the
task it had, and only that.  libopenslide dies of some damaged slides.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class WorkerDiedError(Exception):
    """The process that had a task ended without a result."""


class Outcome(NamedTuple, Generic[Task, Result]):
    """What became of a task: a result, or an error."""

    task: Task
    result: Result | None
    error: Exception | None


class Workers(Generic[Task, Result]):
    """`count` processes that call function(task), begun anew where they die.

    They are spawned, so that they inherit nothing, and end with the program, however
    it ends, when they have finished what they are at.
    """

    def __init__(self, count: int, function: Callable[[Task], Result]) -> None:
        self._function = function
        self._idle = [_Worker(function) for _ in range(count)]
        self._busy: dict[_Worker, Task] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for worker in [*self._idle, *self._busy]:
            worker.stop(at_once=exc_type is not None)

    def run(self, tasks: Iterator[Task]) -> Iterator[Outcome[Task, Result]]:
        """The outcomes of tasks, as they come; tasks are taken when they are needed."""
        while True:
            for worker in self._idle[:]:
                task = next(tasks, None)
                if task is None:
                    break
                self._idle.remove(worker)
                self._busy[worker] = task
                worker.send(task)
            if not self._busy:
                return
            yield from self._wait()

    def _wait(self) -> Iterator[Outcome[Task, Result]]:
        by_connection = {worker.connection: worker for worker in self._busy}
        for connection in wait(list(by_connection)):
            worker = by_connection[connection]  # type: ignore[index]
            task = self._busy.pop(worker)
            try:
                result, error = worker.connection.recv()
            except (EOFError, OSError):
                code = worker.stop(at_once=True)
                result, error = None, WorkerDiedError(f"the process ended with {code}")
                worker = _Worker(self._function)
            self._idle.append(worker)
            yield Outcome(task, result, error)


class _Worker:
    def __init__(self, function: Callable[[Any], Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(function, theirs), daemon=True
        )
        self._process.start()
        theirs.close()  # the process has its own now

    def send(self, task: object) -> None:
        with suppress(OSError):  # it died before; recv() will tell
            self.connection.send(task)

    def stop(self, *, at_once: bool) -> str:
        """End the process, and say how it ended."""
        self.connection.close()
        if at_once:
            self._process.join(0.1)
            self._process.terminate()
        self._process.join()
        code = self._process.exitcode
        if code is not None and code < 0:
            return signal.Signals(-code).name
        return f"status {code}"


def _serve(function: Callable[[Any], Any], connection: Connection[Any, Any]) -> None:
    # Ctrl-C reaches all processes; the first one decides what to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        answer: tuple[Any, Exception | None]
        try:
            answer = (function(task), None)
        except Exception as error:
            answer = (None, _sendable(error))
        try:
            connection.send(answer)
        except OSError:
            return


def _sendable(error: Exception) -> Exception:
    """An error that the other process can make sense of."""
    notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
    return RuntimeError(f"{type(error).__name__}: {error}{notes}")
