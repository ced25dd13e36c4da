"""Workers of a Dask cluster, in the place of processes of this machine.

The plan, the journals and the order of the work stay here; tasks go to the cluster, whose
workers write to the storage that all share.  What a task leaves behind is the same however
often it is begun, so a task whose worker died, or whose scheduler was restarted, is given
out again.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar

from .._extras import missing
from .._library import versions
from ..output.telling import Report, counted, hush_other_libraries, reason_of
from .workers import Outcome

Task = TypeVar("Task")
Result = TypeVar("Result")

#: Tasks for each thread that wait for it to be free: one at the worker, which Dask puts
#: there, and others at the scheduler for the time that this program waits for a disk.
_AHEAD = 2

#: Seconds between looks at the state of the cluster, and until a request, and then the
#: scheduler, are given up.
_INTERVAL = 1.0
_REQUEST = 10.0
_PATIENCE = 60.0

#: How often a task may end its worker before it is a failure: libopenslide dies of some
#: damaged slides, whichever worker reads them.
_DEATHS = 2

#: What happens while nothing is done, or when the connection breaks.
_INTERRUPTIONS = (TimeoutError, OSError, CancelledError, RuntimeError)


class _Worker(NamedTuple):
    """What a worker is, and what it sees.

    Attributes:
        versions: of what decides about the bytes that it writes.
        sees_output: whether what is written here is there too.
        missing: slides that are not there.
    """

    versions: dict[str, str]
    sees_output: bool
    missing: list[str]


class ClusterError(OSError):
    """The workers of a cluster cannot do the work; says why, and what to do."""


class ClusterWorkers(Generic[Task, Result]):
    """Calls function(task) on the workers of a cluster; used like workers.Workers.

    address: of the scheduler, such as "tcp://host:8786".
    slides:  files that the workers must see.
    out:     the folder that they must see.
    report:  is told when the scheduler is lost and found again.

    Entering raises ImportError without Dask, and ClusterError where there is no
    scheduler, no worker, or one with other versions or another file system.
    """

    def __init__(
        self,
        address: str,
        function: Callable[[Task], Result],
        *,
        slides: list[Path],
        out: Path,
        report: Report,
    ) -> None:
        self._address = address
        self._function = function
        self._slides = slides
        self._out = out
        self._report = report
        self._connection: _Connection[Task, Result]

    def __enter__(self) -> Self:
        self._connect(_REQUEST)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    def run(
        self,
        next_task: Callable[[], Task | None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Iterator[Outcome[Task, Result]]:
        """The outcomes of tasks, as they come; as workers.Workers.run()."""
        while True:
            while len(self._connection.tasks) < self._connection.room():
                task = next_task()
                if task is None:
                    break
                self._connection.give(task)
            if not self._connection.tasks:
                return
            meanwhile()
            yield from self._connection.outcomes()
            if self._connection.is_lost:
                self._begin_again()

    def _connect(self, patience: float) -> None:
        """Find the scheduler, and workers that may do the work."""
        client = _connect(self._address, patience)
        self._connection = _Connection(client, self._function)
        try:
            self._require_workers()
        except BaseException:
            self._connection.close()
            raise

    def _begin_again(self) -> None:
        """Find the scheduler that was lost, and give out again what it had."""
        self._report.tell(f"the scheduler at {self._address} is lost; waiting for it")
        lost = self._connection
        lost.close()
        self._connect(_PATIENCE)
        self._report.tell(f"the scheduler is back with {self._told_workers()}")
        for task in lost.tasks.values():
            self._connection.give(task)

    def _told_workers(self) -> str:
        return counted(
            len(self._connection.client.scheduler_info(n_workers=-1)["workers"]),
            "worker",
        )

    def _require_workers(self) -> None:
        """Raise ClusterError where there is none, or one that would do otherwise."""
        workers = self._probe()
        ours = _versions()
        for address, worker in sorted(workers.items()):
            for name, version in ours.items():
                found = worker.versions.get(name, "none")
                if found != version:
                    raise ClusterError(
                        f"the worker {address} has {name} {found}, and this program "
                        f"{version}; tiles would differ, so install the same"
                    )
            if not worker.sees_output:
                raise ClusterError(
                    f"the worker {address} does not see {self._out}; choose a folder "
                    "on storage that all share, by the same path"
                )
            if worker.missing:
                raise ClusterError(
                    f"the worker {address} does not see {worker.missing[0]}; slides "
                    "must lie on storage that all share, by the same path"
                )

    def _probe(self) -> dict[str, _Worker]:
        """What each worker is and sees; waits for one for a while."""
        marker = self._out / f".openslide-seen-{os.urandom(6).hex()}"
        deadline = time.monotonic() + _PATIENCE
        marker.touch()
        try:
            while True:
                arguments = str(marker), [str(path) for path in self._slides]
                found, reason = {}, ""
                try:
                    found = self._connection.client.run(_look, *arguments)
                except ImportError as error:
                    raise ClusterError(
                        f"a worker lacks a package: {error}; install openslide-native "
                        "there, of the same version and with the same extras as here"
                    ) from None
                except _INTERRUPTIONS as error:  # a worker that went, perhaps
                    reason = f" that answers: {reason_of(error)}"
                if found:
                    return {address: _Worker(*seen) for address, seen in found.items()}
                if time.monotonic() > deadline:
                    raise ClusterError(
                        f"the scheduler at {self._address} has no worker{reason}"
                    )
                time.sleep(_INTERVAL)
        finally:
            marker.unlink()


class _Connection(Generic[Task, Result]):
    """A client of the scheduler, and what was given out by it.

    Attributes:
        tasks: those whose outcomes are not known, by their futures; all others of a
            connection that is lost are done.
    """

    def __init__(self, client: Any, function: Callable[[Task], Result]) -> None:
        self.client = client
        self.tasks: dict[Any, Task] = {}
        self._function = function
        self._arrived: SimpleQueue[Any] = SimpleQueue()
        self._done: list[Any] = []  # those of the tasks that have arrived
        self._is_lost = False
        self._room = 1
        self._room_is_known_until = 0.0

    @property
    def is_lost(self) -> bool:
        """Whether nothing more will come."""
        return self._is_lost or self.client.status != "running"

    def room(self) -> int:
        """How many tasks the workers should have, as it was a moment ago."""
        now = time.monotonic()
        if now > self._room_is_known_until:
            self._room_is_known_until = now + _INTERVAL
            with suppress(*_INTERRUPTIONS):
                threads = self._ask(self.client.nthreads)
                self._room = max(1, sum(threads.values()) * (1 + _AHEAD))
        return self._room

    def give(self, task: Task) -> None:
        """Have a task done; where the connection is lost, keep it as one of its tasks."""
        try:
            future = self.client.submit(_call, self._function, task, pure=False)
        except Exception:  # Dask's own, of a client that gave up just now
            if not self.is_lost:
                raise
            self.tasks[object()] = task
            return
        self.tasks[future] = task
        future.add_done_callback(self._arrived.put)

    def outcomes(self) -> list[Outcome[Task, Result]]:
        """What is done by now, after waiting for it a while.

        What cannot be fetched stays, for the connection may break between the news that
        a task is done and its result.
        """
        with suppress(Empty):
            self._done.append(self._arrived.get(timeout=_INTERVAL))
            while True:
                self._done.append(self._arrived.get_nowait())
        self._is_lost |= any(future.cancelled() for future in self._done)
        if self.is_lost:
            return []
        outcomes = [*self._fetched(), *self._failed()]
        self._done = [future for future in self._done if future in self.tasks]
        return outcomes

    def _fetched(self) -> Iterator[Outcome[Task, Result]]:
        """What came of tasks, all in one request."""
        finished = [future for future in self._done if future.status == "finished"]
        if not finished:
            return
        results: list[Result] = []
        with suppress(*_INTERRUPTIONS):
            results = self._ask(self.client.gather, finished, errors="skip")
        if len(results) == len(finished):  # else some were lost now, and are made again
            for future, result in zip(finished, results, strict=True):
                yield Outcome(self.tasks.pop(future), result, None)

    def _failed(self) -> Iterator[Outcome[Task, Result]]:
        for future in self._done:
            if future.status == "error":
                yield Outcome(self.tasks.pop(future), None, _why(future.exception()))

    def _ask(self, request: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """The answer to a request of the client; TimeoutError if there is none soon."""
        return self.client.sync(
            request, *arguments, callback_timeout=_REQUEST, **options
        )

    def close(self) -> None:
        """Let the cluster forget what was given out."""
        with suppress(*_INTERRUPTIONS):
            if not self.is_lost:
                self.client.cancel(list(self.tasks), force=True)
        with suppress(*_INTERRUPTIONS):
            self.client.close(timeout=_INTERVAL)


def _connect(address: str, patience: float) -> Any:
    """A client of a scheduler, which is told how often a task may end its worker."""
    try:
        import distributed
    except ImportError:
        need = "clusters need Dask, here and where the workers run"
        raise missing(need, "dask") from None
    # What becomes of the connection is told here, without tracebacks.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    make_client: Any = distributed.Client
    deadline = time.monotonic() + patience
    while True:
        client = None
        try:
            client = make_client(address, timeout=_INTERVAL * 5, set_as_default=False)
            client.run_on_scheduler(_allow_deaths)
        except (OSError, ValueError, RuntimeError) as error:
            if client is not None:
                with suppress(*_INTERRUPTIONS):
                    client.close(timeout=_INTERVAL)
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"there is no Dask scheduler at {address}: {reason_of(error)}"
                ) from None
            time.sleep(_INTERVAL)
        else:
            return client


def _allow_deaths(dask_scheduler: Any) -> None:
    """On the scheduler: how often a task may end its worker."""
    dask_scheduler.allowed_failures = _DEATHS


def _why(error: Any) -> str:
    """Why a task has failed."""
    if type(error).__name__ == "KilledWorker":
        return f"{error.last_worker.address} died of it"
    return reason_of(error)


def _call(function: Callable[[Any], Any], task: Any) -> Any:
    """On a worker: a task, by one thread, as a process of this machine does it."""
    from .._threads import set_num_threads

    hush_other_libraries()
    set_num_threads(1)
    return function(task)


def _look(marker: str, slides: list[str]) -> tuple[dict[str, str], bool, list[str]]:
    """On a worker: what it is, and what it sees."""
    missing = [path for path in slides if not os.path.exists(path)]
    return _versions(), os.path.exists(marker), missing


def _versions() -> dict[str, str]:
    """What decides about the bytes that are written."""
    import platform

    import numpy
    import PIL

    from .._openslide import jpeg_version

    major, minor, _ = platform.python_version_tuple()
    return {
        **versions(),
        "libjpeg-turbo": jpeg_version() or "none",
        "Pillow": PIL.__version__,
        "NumPy": numpy.__version__,
        "Python": f"{major}.{minor}",
    }
