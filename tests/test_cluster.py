"""openslide tiles --scheduler: a real Dask cluster writes what this machine does."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.exports import write_tissue
from tests.slides import SlideFacts

pytest.importorskip("distributed")

OPTIONS = ("--size=64", "--shard-size=8", "--to=webdataset")

#: Seconds that anything may take on a busy machine; only what fails takes them.
PATIENCE = 300


class Cluster:
    """A scheduler and workers, each a process with one thread."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.scheduler = self.start_scheduler()
        self.workers = [self.start_worker(), self.start_worker()]
        self._wait_for_scheduler(port)

    def _wait_for_scheduler(self, port: int) -> None:
        """Until it listens, for the command gives one up that is not there."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                return
            time.sleep(0.05)
        raise AssertionError(f"there is no scheduler at {self.address}")

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        return self._start(
            "scheduler", "--host", self.address, "--no-dashboard", "--no-show"
        )

    def start_worker(self) -> subprocess.Popen[bytes]:
        # Without a nanny nobody begins it again when it is killed.
        options = ("--nthreads=1", "--no-nanny", "--no-dashboard", "--memory-limit=0")
        return self._start("worker", self.address, *options)

    def _start(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments],
            cwd=self._folder,
            env=os.environ | {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "10s"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._processes.append(process)
        return process

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.kill()
        for process in self._processes:
            process.wait()


@contextmanager
def started(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    try:
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One that tests leave as it is, for its processes take seconds to be there."""
    with started(tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster


@pytest.fixture
def mortal_cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "dask").mkdir()
    with started(tmp_path / "dask") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def folder(
    slides: Mapping[str, SlideFacts], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Two slides, of some forty parts."""
    path = tmp_path_factory.mktemp("slides-of-clusters")
    shutil.copy(slides["aperio-jpeg"].path, path / "one.svs")
    tissue = write_tissue(tmp_path_factory.mktemp("tissue"))
    shutil.copy(tissue.path, path / "two.tiff")
    return path


@pytest.fixture(scope="module")
def local(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What this machine writes of them."""
    out = tmp_path_factory.mktemp("local") / "out"
    finish(tiles(folder, out))
    return contents(out)


def tiles(
    folder: Path, out: Path, *options: str, cwd: Path | None = None, **variables: str
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "openslide", "tiles", str(folder), "-o", str(out),
         *OPTIONS, *options],
        cwd=cwd,
        env=os.environ | variables,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def finish(child: subprocess.Popen[str]) -> str:
    _, told = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0, told
    return told


def contents(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def wait_for_parts(out: Path, count: int) -> None:
    """Until so many parts are noted."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        lines = 0
        for journal in out.glob(".*/journal"):
            with suppress(FileNotFoundError):
                lines += journal.read_bytes().count(b"\n") - 1
        if lines + 16 * len(list(out.glob("*.json"))) >= count:
            return
        time.sleep(0.01)
    raise AssertionError(f"there are no {count} parts in {out}")


def test_the_same_bytes(
    cluster: Cluster, folder: Path, local: dict[str, bytes], tmp_path: Path
) -> None:
    # As many tasks as the cluster has room for, whatever this machine has.
    far = tiles(
        folder, tmp_path / "far", "--scheduler", cluster.address,
        OPENSLIDE_NUM_THREADS="1",
    )  # fmt: skip
    assert "tiles of 2 slides" in finish(far)
    assert contents(tmp_path / "far") == local
    assert had_tasks_waiting(cluster)


def had_tasks_waiting(cluster: Cluster) -> bool:
    """Whether a worker was given a task while it had another one."""
    from distributed import Client

    def log(dask_worker: Any) -> list[tuple[Any, ...]]:
        return list(dask_worker.state.log)

    make_client: Any = Client  # which tells no types
    with make_client(cluster.address, set_as_default=False) as client:
        logs = client.run(log).values()
    return any(map(overlaps, logs))


def overlaps(log: list[tuple[Any, ...]]) -> bool:
    """Of what a worker notes, (key, what or state before, state after, ...) each."""
    executing: set[Any] = set()
    for key, before, after, *_ in (entry for entry in log if len(entry) > 2):
        if before == "compute-task" and executing:
            return True
        if after == "executing":
            executing.add(key)
        elif before == "executing":
            executing.discard(key)
    return False


def test_a_worker_is_killed_and_the_scheduler_restarted(
    mortal_cluster: Cluster, folder: Path, local: dict[str, bytes], tmp_path: Path
) -> None:
    cluster = mortal_cluster
    far = tmp_path / "far"
    child = tiles(folder, far, "--scheduler", cluster.address)
    wait_for_parts(far, 2)
    cluster.workers[0].send_signal(signal.SIGKILL)
    wait_for_parts(far, 5)
    cluster.scheduler.kill()
    cluster.scheduler.wait()
    cluster.scheduler = cluster.start_scheduler()
    cluster.workers = [cluster.start_worker(), cluster.start_worker()]
    finish(child)
    assert contents(far) == local


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize(
    ("folder", "out", "told"),
    [("slides", "/proc/self/cwd/far", "does not see /proc/self/cwd/far"),
     ("/proc/self/cwd/slides", "far", "does not see /proc/self/cwd/slides/one.svs")],
)  # fmt: skip
def test_what_the_workers_do_not_see(
    cluster: Cluster,
    slides: Mapping[str, SlideFacts],
    tmp_path: Path,
    folder: str,
    out: str,
    told: str,
) -> None:
    """What is below the working folder of each process is another folder for each."""
    (tmp_path / "slides").mkdir()
    shutil.copy(slides["aperio-jpeg"].path, tmp_path / "slides" / "one.svs")
    child = tiles(Path(folder), Path(out), "--scheduler", cluster.address, cwd=tmp_path)
    _, said = child.communicate(timeout=PATIENCE)
    assert child.returncode == 1
    assert told in said
    assert "storage that all share" in said


def test_no_scheduler(folder: Path, tmp_path: Path) -> None:
    child = tiles(folder, tmp_path / "far", "--scheduler", "tcp://127.0.0.1:1")
    _, told = child.communicate(timeout=PATIENCE)
    assert child.returncode == 1
    assert "there is no Dask scheduler at tcp://127.0.0.1:1" in told
    assert not list((tmp_path / "far").glob("[!.]*"))
