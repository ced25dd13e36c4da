"""Where processes that work off tasks come from.

Most of what a short job takes is starting Python and importing NumPy, once for each process.
So one process does that, has but one thread, and is forked whenever another is wanted; it is
spawned, so that nothing of the program is inherited.  Where libraries do not bear forks, or
there are none, each process is spawned.
"""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any, Protocol, TypeAlias

if sys.platform == "linux":
    from multiprocessing.reduction import recv_handle, send_handle

#: What a process does, until its connection is closed.
Serve: TypeAlias = "Callable[[Connection[Any, Any]], None]"

#: Where processes are forked: elsewhere libraries of the system have threads.
HAS_FORKS = sys.platform == "linux"

#: How long a process may take to be gone that has closed its connection, in seconds.
_PATIENCE = 5.0
_POLL = 0.01


class Child(Protocol):
    """A process that was begun."""

    def terminate(self) -> None:
        """End it right now."""

    def join(self) -> None:
        """Wait until it is gone."""

    def ending(self) -> int | None:
        """Its exit status as subprocess has it; it is killed if it is not gone soon."""


class Nursery:
    """Begins processes.

    serve:    what they do; it can be pickled.
    modules:  what they will import; missing ones are left to them.
    forks:    whether they are forked; for a single one that takes longer.
    """

    def __init__(self, serve: Serve, modules: Sequence[str], *, forks: bool) -> None:
        self._serve = serve
        self._modules = modules
        self._forks = forks and HAS_FORKS
        self._nurse: _Nurse | None = None

    def begin(self) -> tuple[Connection[Any, Any], Child]:
        """A process and the connection to it."""
        ours, theirs = multiprocessing.Pipe()
        child: Child
        if self._forks:
            if self._nurse is None or not self._nurse.is_alive():
                self._nurse = _Nurse(self._serve, self._modules)
            child = self._nurse.bear(theirs)
        else:
            child = _Spawned(self._serve, theirs)
        theirs.close()  # the process has its own now
        return ours, child

    def close(self) -> None:
        """Begin no more."""
        if self._nurse is not None:
            self._nurse.dismiss()


class _Spawned:
    """A process of its own."""

    def __init__(self, serve: Callable[..., None], *arguments: object) -> None:
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(
            target=_begin, args=(serve, *arguments), daemon=True
        )
        with _ctrl_c_held_back():
            self._process.start()

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def terminate(self) -> None:
        self._process.terminate()

    def join(self) -> None:
        self._process.join()

    def ending(self) -> int | None:
        self._process.join(_PATIENCE)
        self._process.kill()
        self._process.join()
        return self._process.exitcode


class _Nurse(_Spawned):
    """The process that is forked."""

    def __init__(self, serve: Serve, modules: Sequence[str]) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        super().__init__(_nurse, serve, modules, theirs)
        theirs.close()
        self._born = 0

    def bear(self, connection: Connection[Any, Any]) -> Child:
        """A process that has this connection.  Does not wait until it has begun."""
        self._born += 1
        with suppress(OSError):  # it has died; ending() will tell
            self._connection.send(("bear", self._born, None))
            send_handle(self._connection, connection.fileno(), None)
        return _Forked(self, self._born)

    def ask(self, what: str, number: int, patience: float | None) -> int | None:
        """The exit status of a child, if that is what is asked; its own if it died."""
        try:
            self._connection.send((what, number, patience))
            code: int | None = self._connection.recv()
        except (EOFError, OSError):  # it is dead, or about to be
            self.join()
            return self._process.exitcode
        return code

    def dismiss(self) -> None:
        self._connection.close()
        self.join()


class _Forked:
    """A fork of the nurse."""

    def __init__(self, nurse: _Nurse, number: int) -> None:
        self._nurse = nurse
        self._number = number

    def terminate(self) -> None:
        self._nurse.ask("terminate", self._number, None)

    def join(self) -> None:
        self._nurse.ask("join", self._number, None)

    def ending(self) -> int | None:
        return self._nurse.ask("join", self._number, _PATIENCE)


# In these processes


def _begin(run: Callable[..., None], *arguments: object) -> None:
    """Begin a process that is spawned."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not be blocked
    # NumPy, not imported yet, would start threads that wait for work in vain.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if run is not _nurse:
        _watch_the_program()
    run(*arguments)


def _watch_the_program() -> None:
    Thread(target=_end_with_the_program, daemon=True).start()


def _end_with_the_program() -> None:
    program = multiprocessing.parent_process()
    assert program is not None
    program.join()
    os._exit(1)


def _nurse(
    serve: Serve, modules: Sequence[str], connection: Connection[Any, Any]
) -> None:
    for module in modules:
        with suppress(ImportError):
            importlib.import_module(module)
    gc.collect()
    gc.freeze()  # what was imported stays, and is shared
    children: dict[int, int] = {}
    with suppress(EOFError, OSError):  # the program has no more use for it, or died
        while True:
            what, number, patience = connection.recv()
            match what:
                case "bear":
                    children[number] = _born(serve, connection)
                case "terminate":
                    os.kill(children[number], signal.SIGTERM)
                    connection.send(None)
                case "join":
                    connection.send(_ending(children.pop(number), patience))


def _born(serve: Serve, connection: Connection[Any, Any]) -> int:
    """Fork a process, whose connection the program has sent."""
    handle = recv_handle(connection)
    child = os.fork()
    if child == 0:
        connection.close()
        _live(serve, handle)
    os.close(handle)
    return child


def _live(serve: Serve, handle: int) -> None:
    """What a fork does; it never returns to what the nurse was at."""
    status = 1
    try:
        _watch_the_program()
        serve(Connection(handle))
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(status)


def _ending(pid: int, patience: float | None) -> int:
    """The exit status of a child, which is gone then; it is killed if it takes longer."""
    if patience is not None:
        end = time.monotonic() + patience
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
                break
            time.sleep(_POLL)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


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
