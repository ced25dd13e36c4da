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
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar

from .._library import versions
from ..output.telling import Report, counted, hush_other_libraries, reason_of
from .workers import Outcome

Task = TypeVar("Task")
Result = TypeVar("Result")

#: Tasks that wait at a worker, so that it has none to wait for.
_AHEAD = 1

#: Seconds between looks at whether there is a scheduler, and until it is given up.
_INTERVAL = 1.0
_PATIENCE = 60.0

#: How often a task may end its worker before it is a failure: libopenslide dies of some
#: damaged slides, whichever worker reads them.
_DEATHS = 2

#: What happens while nothing is done, or when the connection breaks.
_INTERRUPTIONS = (TimeoutError, OSError, CancelledError, RuntimeError)

_INSTALL = (
    "clusters need Dask; install it, here and where the workers run, with "
    "`pip install openslide-native[dask]`"
)


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
        self._client: Any = None
        self._busy: dict[Any, Task] = {}

    def __enter__(self) -> Self:
        self._client = _connect(self._address, _INTERVAL * 10)
        try:
            self._require_workers()
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            for future in self._busy:
                future.cancel(force=True)
        finally:
            self._client.close(timeout=_INTERVAL)

    def run(
        self, next_task: Callable[[], Task | None]
    ) -> Iterator[Outcome[Task, Result]]:
        """The outcomes of tasks, as they come; as workers.Workers.run()."""
        while True:
            self._hand_out(next_task)
            if not self._busy:
                return
            yield from self._collect()
            if self._client.status != "running" or any(
                future.cancelled() for future in self._busy
            ):
                self._begin_again()

    def _hand_out(self, next_task: Callable[[], Task | None]) -> None:
        """Give out tasks until every worker has some."""
        room = self._room()
        while len(self._busy) < room:
            task = next_task()
            if task is None:
                return
            self._give(task)

    def _room(self) -> int:
        try:
            threads: list[int] = list(self._client.nthreads().values())
        except _INTERRUPTIONS:
            return 1
        return max(1, sum(threads) + _AHEAD * len(threads))

    def _give(self, task: Task) -> None:
        future = self._client.submit(_call, self._function, task, pure=False)
        self._busy[future] = task

    def _collect(self) -> list[Outcome[Task, Result]]:
        """What is done by now, after waiting for it a while.

        What cannot be fetched stays with the busy tasks, for the connection may break
        between the news that a task is done and its result.
        """
        outcomes: list[Outcome[Task, Result]] = []
        try:
            for future in self._wait():
                outcomes.append(_outcome(self._busy[future], future))
                del self._busy[future]
        except _INTERRUPTIONS:
            pass
        return outcomes

    def _wait(self) -> set[Any]:
        """Tasks that are done; TimeoutError if there are none for a while."""
        from distributed import wait

        wait_for: Any = wait  # which tells no types
        with self._client.as_current():
            done, _ = wait_for(
                list(self._busy), timeout=_INTERVAL, return_when="FIRST_COMPLETED"
            )
        return set(done)

    def _begin_again(self) -> None:
        """Find the scheduler that was lost, and give out again what it had."""
        self._report.tell(f"the scheduler at {self._address} is lost; waiting for it")
        tasks = list(self._busy.values())
        self._busy.clear()
        self._client.close(timeout=_INTERVAL)
        self._client = _connect(self._address, _PATIENCE)
        self._require_workers()
        self._report.tell(f"the scheduler is back with {self._told_workers()}")
        for task in tasks:
            self._give(task)

    def _told_workers(self) -> str:
        return counted(
            len(self._client.scheduler_info(n_workers=-1)["workers"]), "worker"
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
                    found = self._client.run(_look, *arguments)
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


def _connect(address: str, patience: float) -> Any:
    try:
        import distributed
    except ImportError:
        raise ImportError(_INSTALL) from None
    # What becomes of the connection is told here, without tracebacks.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    make_client: Any = distributed.Client
    deadline = time.monotonic() + patience
    while True:
        try:
            client = make_client(address, timeout=_INTERVAL * 5, set_as_default=False)
            client.run_on_scheduler(_allow_deaths)
        except (OSError, ValueError, RuntimeError) as error:
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


def _outcome(task: Task, future: Any) -> Outcome[Task, Any]:
    """What became of a task that is done; raises where the cluster lost it."""
    if future.cancelled():
        raise CancelledError
    error = future.exception()
    if error is None:
        return Outcome(task, future.result(), None)
    if type(error).__name__ == "KilledWorker":
        return Outcome(task, None, f"{error.last_worker.address} died of it")
    return Outcome(task, None, reason_of(error))


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
