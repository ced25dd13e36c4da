"""Descriptors, memory and threads of direct reads: NAME SLIDE.

Exits non-zero with a message where a scenario goes another way.  The slides are
those that tests/test_direct.py says.
"""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from openslide import OpenSlide, OpenSlideCache, OpenSlideError
from tests.isolated.fork_scenarios import check, fork
from tests.isolated.leak_measure import MEGABYTE, process_status

MOST_DESCRIPTORS = 64
SIDE = 64


def places(slide: OpenSlide) -> list[tuple[int, int]]:
    width, height = slide.dimensions
    return [(x, y) for y in range(0, height, SIDE) for x in range(0, width, SIDE)]


def read(slide: OpenSlide, place: tuple[int, int], level: int = 0) -> bytes:
    return slide.read_region(place, level, (SIDE + 5, SIDE)).tobytes()


def plainly(path: str) -> dict[tuple[int, int], bytes]:
    """What libopenslide reads at every place."""
    with OpenSlide(path, direct=False) as slide:
        return {place: read(slide, place) for place in places(slide)}


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def descriptors_of(path: str, process: int | str = "self") -> int:
    folder = f"/proc/{process}/fd"
    links = [f"{folder}/{name}" for name in os.listdir(folder)]
    return sum(os.path.exists(each) and os.path.samefile(each, path) for each in links)


@contextmanager
def room_for(more: int) -> Iterator[None]:
    """Let this process open no more files than these."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = {int(name) for name in os.listdir("/proc/self/fd")}
    free = [number for number in range(soft) if number not in used]
    # The listing itself had one, which is free now.
    used_now = {number for number in used if os.path.exists(f"/proc/self/fd/{number}")}
    free = sorted({*free, *(used - used_now)})
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[more], hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# Descriptors


def many_slides(path: str) -> None:
    """Of which some hold the file open."""
    expected = plainly(path)[0, 0]
    before = descriptors()
    slides = [OpenSlide(path) for _ in range(100)]
    check(descriptors() == before, "slides that were not read have descriptors")
    for _ in range(2):
        for slide in slides:
            check(read(slide, (0, 0)) == expected, "other pixels")
        check(
            descriptors() == before + MOST_DESCRIPTORS,
            f"{descriptors() - before} descriptors",
        )
    for slide in slides[:70]:
        slide.close()
    check(descriptors() <= before + 30, "closed slides have descriptors")
    check(read(slides[99], (SIDE, 0)) == plainly(path)[SIDE, 0], "other pixels")
    for slide in slides[70:]:
        slide.close()
    check(descriptors() == before, "descriptors are left")


def scarce_descriptors(path: str) -> None:
    """Where one more file can be opened, libopenslide reads, and so must we."""
    expected = plainly(path)
    first, *others = expected
    for room in (1, 2, 3):
        with OpenSlide(path, direct=False) as plain, OpenSlide(path) as slide:
            with room_for(room):
                check(read(plain, first) == expected[first], "the limit is too low")
                for place in (first, *others[:5]):
                    check(read(slide, place) == expected[place], "other pixels")
            for place in others:
                check(read(slide, place) == expected[place], "other pixels later")
    with OpenSlide(path) as slide:
        with room_for(0):
            check(slide.direct_levels == (), "direct without a descriptor")
        check(slide.direct_levels == (0, 1), "indirect for good")
    with OpenSlide(path) as slide, room_for(0):
        try:
            read(slide, first)
        except OpenSlideError:
            return
    sys.exit("a file was read that could not be opened")


def no_descriptor_to_spare(path: str) -> None:
    """Slides that hold the file open give way to others."""
    expected = plainly(path)
    first, *others = expected
    with ExitStack() as stack:
        slides = [stack.enter_context(OpenSlide(path)) for _ in range(66)]
        for slide in slides:
            read(slide, first)
        with room_for(0):
            for slide, place in zip(slides, others * 9, strict=False):
                check(read(slide, place) == expected[place], "other pixels")


def forks(path: str) -> None:
    """A child closes what it inherited when it opens its own."""
    expected = plainly(path)
    slides = [OpenSlide(path) for _ in range(3)]
    for slide in slides:
        read(slide, (0, 0))
    check(descriptors_of(path) == 3, f"{descriptors_of(path)} descriptors")

    def behave() -> None:
        for place, pixels in expected.items():
            check(read(slides[0], place) == pixels, "other pixels in the child")
        check(descriptors_of(path) == 1, f"{descriptors_of(path)} in the child")
        for slide in slides:
            slide.close()
        check(descriptors_of(path) == 0, f"{descriptors_of(path)} when all closed")

    for _ in range(2):
        fork(behave)
        for slide in slides:
            for place, pixels in expected.items():
                check(read(slide, place) == pixels, "other pixels in the parent")
        check(descriptors_of(path) == 3, f"{descriptors_of(path)} after the fork")


def programs_inherit_nothing(path: str) -> None:
    with OpenSlide(path) as slide:
        read(slide, (0, 0))
        check(descriptors_of(path) == 1, "there is nothing to inherit")
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False) as cat:
            inherited = descriptors_of(path, cat.pid)
            cat.communicate()
        check(inherited == 0, "a program has inherited a descriptor")


# Memory


def memory(path: str) -> None:
    """The tiles of a slide of 256 MB go through a cache of 64."""
    capacity = 64 * MEGABYTE
    with OpenSlide(path) as slide:
        slide.set_cache(OpenSlideCache(capacity))
        read(slide, (0, 0))
        width, height = slide.dimensions
        before = 1024 * process_status("VmRSS")
        most = 0
        for y in range(0, height, 256):
            for x in range(0, width, 256):
                slide.read_region((x, y), 0, (256, 256))
            most = max(most, 1024 * process_status("VmRSS") - before)
        check(slide.direct_levels == (0,), "the slide is not read directly")
    limit = capacity + 8 * MEGABYTE
    check(most <= limit, f"{most / MEGABYTE:.0f} MB")
    check(most >= capacity // 2, f"{most / MEGABYTE:.0f} MB are too few for a cache")


# Threads


def run_threads(*tasks: Callable[[], None]) -> None:
    """Run each in a thread of its own; the first that fails ends the process."""
    failures: list[BaseException] = []

    def guard(task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guard, args=[task]) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def caches(path: str) -> None:
    """Large, small and none at all, replaced while slides that share them read."""
    expected = plainly(path)
    slides = [OpenSlide(path) for _ in range(3)]
    reading = threading.Barrier(9)
    done = threading.Event()

    def read_all(number: int) -> None:
        chance = random.Random(number)
        reading.wait()
        for place in chance.choices(list(expected), k=400):
            ours = read(chance.choice(slides), place)
            check(ours == expected[place], "other pixels")

    def replace() -> None:
        reading.wait()
        shared = OpenSlideCache(200_000)
        while not done.is_set():
            for capacity in (0, 1, 20_000, 10**9):
                for slide in slides:
                    own = OpenSlideCache(capacity)
                    slide.set_cache(shared if capacity == 1 else own)

    def read_then_stop() -> None:
        try:
            run_threads(
                *(lambda number=number: read_all(number) for number in range(8))
            )
        finally:
            done.set()

    run_threads(read_then_stop, replace)
    for slide in slides:
        check(slide.direct_levels == (0, 1), "a level was turned off")
        slide.close()


def closing(path: str) -> None:
    """At any moment, while others of the same cache are read."""
    expected = plainly(path)
    cache = OpenSlideCache(100_000)
    kept = OpenSlide(path)
    kept.set_cache(cache)
    for number in range(40):
        slide = OpenSlide(path)
        slide.set_cache(cache)
        begun = threading.Semaphore(0)

        def read_until_closed(
            slide: OpenSlide = slide, begun: threading.Semaphore = begun
        ) -> None:
            try:
                for place in list(expected) * 100:
                    begun.release()
                    check(read(slide, place) == expected[place], "other pixels")
            except ValueError as error:
                check("closed" in str(error), str(error))
            else:
                sys.exit("it was not closed")

        def close(
            slide: OpenSlide = slide,
            begun: threading.Semaphore = begun,
            reads: int = number % 8,
        ) -> None:
            for _ in range(reads):
                begun.acquire()
            slide.close()
            for place in list(expected)[:5]:
                check(read(kept, place) == expected[place], "other pixels of the other")

        run_threads(read_until_closed, read_until_closed, close)
    check(kept.direct_levels == (0, 1), "a level was turned off")
    kept.close()


def failing(path: str) -> None:
    """A read that fails in one thread ends those of the others, not their pixels.

    The last tile of level 0 is no image.
    """
    with OpenSlide(path, direct=False, on_error="reopen") as plain:
        *sound, damaged = places(plain)
        expected = {}
        for place in sound:
            try:
                expected[place] = read(plain, place)
            except OpenSlideError:
                continue  # reaches into the last tile
    check(len(expected) > 20, "nothing is sound")
    for number in range(30):
        slide = OpenSlide(path)
        failed = threading.Event()

        def read_sound(
            slide: OpenSlide = slide, failed: threading.Event = failed
        ) -> None:
            try:
                for place in list(expected) * 100:
                    is_late = failed.is_set()
                    check(read(slide, place) == expected[place], "other pixels")
                    check(not is_late, "a read succeeded after the failure")
            except OpenSlideError:
                return

        def read_damaged(
            slide: OpenSlide = slide,
            failed: threading.Event = failed,
            reads: int = number % 6,
        ) -> None:
            for place in list(expected)[:reads]:
                check(read(slide, place) == expected[place], "other pixels")
            try:
                read(slide, damaged)
            except OpenSlideError:
                failed.set()
            else:
                sys.exit("there is no damage")

        run_threads(read_sound, read_sound, read_damaged)
        slide.close()


SCENARIOS: dict[str, Callable[[str], None]] = {
    each.__name__: each
    for each in (
        *(many_slides, scarce_descriptors, no_descriptor_to_spare, forks),
        *(programs_inherit_nothing, memory, caches, closing, failing),
    )
}


if __name__ == "__main__":
    SCENARIOS[sys.argv[1]](sys.argv[2])
