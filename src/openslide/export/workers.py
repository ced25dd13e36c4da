"""Processes that work off tasks, and survive one another.

concurrent.futures gives up all of its processes when one dies; here that costs the
task it had, and only that.  libopenslide dies of some damaged slides.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from threading import Thread
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar

from .._missing import leave_it_untold, tell_what_is_missing
from ..output.telling import hush_other_libraries, reason_of

Task = TypeVar("Task")
Result = TypeVar("Result")

#: How long a process may take to be gone that has closed its connection, in seconds.
_PATIENCE = 5


class Outcome(NamedTuple, Generic[Task, Result]):
    """What became of a task: a result, or the reason why there is none."""

    task: Task
    result: Result | None
    error: str | None


class Workers(Generic[Task, Result]):
    """Up to `count` processes that call function(task), begun when there are tasks.

    modules: what they will import, where nobody minds if they do so in vain.
    has_little: whether the work is so short that even a single one is to be a fork,
             if begin_imports() has begun what it can be one of.

    One more than is busy is begun, so that it is ready when the next task comes.
    They inherit nothing of the program, and end at once when it does, however it ends.
    """

    def __init__(
        self,
        count: int,
        function: Callable[[Task], Result],
        modules: Sequence[str] = (),
        *,
        has_little: bool = False,
    ) -> None:
        self._count = count
        self._function = function
        are_forks = count > 1 or (has_little and _has_server)
        self._context = _context(are_forks, modules)
        self._idle: list[_Worker] = []
        self._busy: dict[_Worker, Task] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        workers = [*self._idle, *self._busy]
        for worker in workers:
            worker.dismiss(at_once=exc_type is not None)
        for worker in workers:
            worker.join()

    def run(
        self,
        next_task: Callable[[], Task | None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Iterator[Outcome[Task, Result]]:
        """The outcomes of tasks, as they come.

        next_task() returns a task, or None where there is none for now; it is asked
        again after each outcome, from which more tasks may follow.
        meanwhile() is called when there is nothing else to do but to wait for outcomes.
        """
        while True:
            while len(self._busy) < self._count:
                task = next_task()
                if task is None:
                    break
                worker = self._idle.pop() if self._idle else self._begin()
                self._busy[worker] = task
                worker.send(task)
            if not self._busy:
                return
            if not self._idle and len(self._busy) < self._count:
                self._idle.append(self._begin())
            meanwhile()
            yield from self._wait()

    def _begin(self) -> _Worker:
        return _Worker(self._context, self._function)

    def _wait(self) -> Iterator[Outcome[Task, Result]]:
        by_connection: dict[Any, _Worker] = {w.connection: w for w in self._busy}
        for connection in wait(list(by_connection)):
            worker = by_connection[connection]
            task = self._busy.pop(worker)
            try:
                result, error = worker.connection.recv()
            except (EOFError, OSError):
                result, error = None, worker.how_it_died()
            else:
                self._idle.append(worker)
            yield Outcome(task, result, error)


class _Worker:
    def __init__(self, context: Any, function: Callable[[Any], Any]) -> None:
        tell_what_is_missing()
        self.connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(function, theirs), daemon=True
        )
        with _ctrl_c_held_back(), _modules_as_here():
            self._process.start()
        theirs.close()  # the process has its own now

    def send(self, task: object) -> None:
        with suppress(OSError):  # it died before; recv() will tell
            self.connection.send(task)

    def dismiss(self, *, at_once: bool) -> None:
        """Let the process end, after its task or right now."""
        self.connection.close()
        if at_once:
            self._process.terminate()

    def join(self) -> None:
        self._process.join()

    def how_it_died(self) -> str:
        """Why the connection broke off."""
        self.connection.close()
        self._process.join(_PATIENCE)
        self._process.kill()
        self._process.join()
        code = self._process.exitcode
        ending = f"status {code}"
        if code is not None and code < 0:
            ending = signal.Signals(-code).name
        return f"the process that worked on it ended with {ending}"


def begin_imports(count: int, modules: Sequence[str]) -> None:
    """Let `count` workers, which are to be begun soon, find imported what they need.

    modules: as for Workers.
    """
    global _has_server
    if count > 1 and sys.platform == "linux" and not _has_server:
        from multiprocessing import forkserver

        _context(True, modules)
        with _ctrl_c_held_back(), _modules_as_here():
            forkserver.ensure_running()
        _has_server = True


# Whether that was done in this program.
_has_server = False


def _context(are_forks: bool, modules: Sequence[str]) -> Any:
    """How processes are begun.

    Most of what a short job takes is starting Python and importing NumPy for each
    process, so several are forks of one that has done so.  For a single one that takes
    longer; and elsewhere than on Linux libraries of the system do not bear forks.
    That one is begun once for a program, and has its environment of then.
    """
    if not are_forks or sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["__main__", f"{__package__}.one_thread", __name__, *modules]
    )
    return context


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Block Ctrl-C, also in processes that begin now: it is for this one to decide."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _modules_as_here() -> Iterator[None]:
    """Let processes that begin now find the modules that this one finds.

    What is spawned does; but a fork server looks into the current folder first, which may
    be one of slides from anywhere, and not where the program has added.
    """
    variables = {
        "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
        "PYTHONSAFEPATH": "1",
    }
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(function: Callable[[Any], Any], connection: Connection[Any, Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not be blocked
    Thread(target=_end_with_the_program, daemon=True).start()
    from . import one_thread  # noqa: F401 (before NumPy)

    hush_other_libraries()
    leave_it_untold()
    gc.freeze()  # what was imported stays
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        answer: tuple[Any, str | None]
        try:
            answer = (function(task), None)
        except Exception as error:
            answer = (None, reason_of(error))
        try:
            connection.send(answer)
        except OSError:
            return


def _end_with_the_program() -> None:
    program = multiprocessing.parent_process()
    assert program is not None
    program.join()
    os._exit(1)
