"""Slides in several threads.

What could crash runs in a process of its own; see tests/isolated.
"""

from __future__ import annotations

import _thread
import shutil
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from openslide import OpenSlide
from openslide.deepzoom import DeepZoomGenerator
from tests.slides import reference, write_aperio

since_4 = pytest.mark.requires_openslide("4.0.0")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide of 400 x 300 pixels, in many small tiles."""
    folder = tmp_path_factory.mktemp("threads")
    image = reference()[950:1250, 800:1200]
    return write_aperio(folder, image=image, tile=32, factors=(1, 4)).path


def test_closing_under_readers(run_isolated: Callable[..., str], path: Path) -> None:
    # Round n is closed after n % 10 reads, so that many have 45 or more.
    assert int(run_isolated("close_under_readers", path, "150")) > 200


@since_4
def test_closing_under_other_uses(run_isolated: Callable[..., str], path: Path) -> None:
    assert int(run_isolated("use_under_close", path, "100")) >= 50


@since_4
def test_replacing_the_cache_under_readers(
    run_isolated: Callable[..., str], path: Path
) -> None:
    run_isolated("set_cache_under_readers", path, "600")


@since_4
def test_two_threads_set_the_cache(
    run_isolated: Callable[..., str], path: Path, tmp_path: Path
) -> None:
    copy = shutil.copy(path, tmp_path)
    run_isolated("set_cache_race", copy, "300")


def test_dropping_a_slide_under_its_reader(
    run_isolated: Callable[..., str], path: Path
) -> None:
    assert run_isolated("drop_under_readers", path, "100") == "100"


@since_4
@pytest.mark.parametrize("attempt", range(4))
def test_the_end_of_the_interpreter(
    run_isolated: Callable[..., str], path: Path, attempt: int
) -> None:
    assert run_isolated("read_at_exit", path) == "the end"


READS: dict[str, Callable[[OpenSlide, int], bytes]] = {
    "regions": lambda slide, i: slide.read_region(
        (7 * i, 5 * i), i % 2, (60, 50)
    ).tobytes(),
    "associated images": lambda slide, i: slide.associated_images[
        "thumbnail"
    ].tobytes(),
    "thumbnails": lambda slide, i: slide.get_thumbnail((10 + i, 50)).tobytes(),
    "tiles": lambda slide, i: (
        DeepZoomGenerator(slide, 62, 1).get_tile(8, (i % 4, i % 3)).tobytes()
    ),
    "properties": lambda slide, i: repr(slide.properties).encode(),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_threads_see_the_same(
    path: Path, read: Callable[[OpenSlide, int], bytes]
) -> None:
    with OpenSlide(path) as slide:
        expected = [read(slide, i) for i in range(40)]
    with OpenSlide(path) as slide, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda i: read(slide, i), range(40))) == expected


def test_threads_of_others_stay_unknown_to_threading(path: Path) -> None:
    """A thread that Python did not start would be registered for ever."""
    pytest.importorskip("numpy")
    done = _thread.allocate_lock()
    done.acquire()
    known: list[set[str]] = []

    def read() -> None:
        try:
            slide.read_batch([(0, 0), (40, 40)], 0, (30, 20))
            slide.read_array((0, 0), 0, (400, 300))
            slide.read_region((0, 0), 0, (2000, 1500))
            known.append({thread.name for thread in threading.enumerate()})
        finally:
            done.release()

    before = {thread.name for thread in threading.enumerate()}
    with OpenSlide(path) as slide:
        _thread.start_new_thread(read, ())
        assert done.acquire(timeout=60)
    assert known == [before]


def test_opening_in_threads(path: Path) -> None:
    with OpenSlide(path) as slide:
        expected = slide.read_region((0, 0), 0, (40, 40))

    def read(_: int) -> bool:
        with OpenSlide(path) as slide:
            return slide.read_region((0, 0), 0, (40, 40)) == expected

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(40)))


def test_a_read_lets_other_threads_run(path: Path) -> None:
    go = threading.Event()
    turns = []

    def take_a_turn() -> None:
        go.wait()
        turns.append(1)

    # Threads do not change places by time now: one that waits gets its turn only
    # where the running one gives way.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    thread = threading.Thread(target=take_a_turn)
    try:
        with OpenSlide(path) as slide:
            thread.start()
            go.set()
            reads = 0
            while not turns and reads < 500:
                slide.read_region((0, 0), 0, (400, 300))
                reads += 1
            had_its_turn = bool(turns)
    finally:
        sys.setswitchinterval(interval)
        thread.join()
    assert had_its_turn
