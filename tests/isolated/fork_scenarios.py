"""Slides across os.fork(): NAME SLIDE.

Exits non-zero with a message where a scenario goes another way.  A child that
hangs, as it would on a lock that it inherited, is ended by its alarm.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from openslide import OpenSlide, OpenSlideCache
from openslide._library import has_function

SIDE = 100
PLACES = [(x, y) for y in range(0, 400, SIDE) for x in range(0, 600, SIDE)]
CHILD_SECONDS = 30


def check(condition: bool, otherwise: str) -> None:
    if not condition:
        sys.exit(otherwise)


def read(slide: OpenSlide, place: tuple[int, int]) -> bytes:
    return slide.read_region(place, 0, (SIDE, SIDE)).tobytes()


def read_all(slide: OpenSlide) -> list[bytes]:
    return [read(slide, place) for place in PLACES]


def share_cache(*slides: OpenSlide) -> None:
    """Where libopenslide has caches; a small one, so that tiles come and go."""
    if has_function("cache_create"):
        cache = OpenSlideCache(500_000)
        for slide in slides:
            slide.set_cache(cache)


def start(action: Callable[[], None], *, at_once: bool = True) -> int:
    """Fork a child that does something; `at_once`: it leaves by os._exit()."""
    child = os.fork()
    if child != 0:
        return child
    signal.alarm(CHILD_SECONDS)
    if not at_once:
        action()
        sys.exit(0)
    status = 1
    try:
        action()
        status = 0
    except SystemExit as error:
        print(f"child: {error}", flush=True)
    finally:
        sys.stdout.flush()
        os._exit(status)


def finish(child: int) -> None:
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    check(code != -signal.SIGALRM, f"a child hung for {CHILD_SECONDS} s")
    check(code == 0, f"a child ended with {code}")


def fork(action: Callable[[], None], *, at_once: bool = True) -> None:
    finish(start(action, at_once=at_once))


@contextmanager
def busy_threads(slides: list[OpenSlide], expected: list[bytes]) -> Iterator[None]:
    """Threads that read meanwhile, each of which must get the right pixels."""
    finished = threading.Event()
    wrong: list[str] = []
    reads = [0] * len(slides)

    def work(number: int) -> None:
        slide = slides[number]
        while not finished.is_set():
            place = reads[number] * 7 % len(PLACES)
            try:
                if read(slide, PLACES[place]) != expected[place]:
                    wrong.append(f"other pixels at {PLACES[place]}")
            except Exception as error:
                wrong.append(repr(error))
            reads[number] += 1

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(slides))]
    for thread in threads:
        thread.start()
    while not all(reads):
        time.sleep(0.001)
    try:
        yield
    finally:
        finished.set()
        for thread in threads:
            thread.join()
    check(not wrong, f"threads of the parent: {wrong[:3]}")


def while_threads_read(path: str) -> None:
    """The threads hold locks of slides, of the cache they share, of malloc."""
    slides = [OpenSlide(path), OpenSlide(path)]
    share_cache(*slides)
    expected = read_all(slides[0])

    def action() -> None:
        for slide in slides:
            found = [read(slide, place) for place in PLACES[::5]]
            check(found == expected[::5], "other pixels in the child")
            check(slide.dimensions[0] > 0, "no dimensions in the child")

    with busy_threads([slides[0], slides[1], slides[0]], expected):
        for _ in range(40):
            fork(action)
    check(read_all(slides[1]) == expected, "other pixels in the parent")


def children_that_exit(path: str) -> None:
    """As a program does, so that everything is freed; used in the child or not."""
    slides = [OpenSlide(path), OpenSlide(path)]
    share_cache(*slides)
    expected = read_all(slides[0])

    def nothing() -> None:
        pass

    def use() -> None:
        check(read(slides[0], PLACES[3]) == expected[3], "other pixels in the child")

    def drop() -> None:
        slides.clear()
        gc.collect()
        with OpenSlide(path) as fresh:
            check(read(fresh, PLACES[3]) == expected[3], "other pixels in the child")

    with busy_threads(list(slides), expected):
        for action in (nothing, use, drop) * 3:
            fork(action, at_once=False)
    check(read_all(slides[1]) == expected, "other pixels in the parent")


def refuses(slide: OpenSlide) -> bool:
    try:
        read(slide, PLACES[0])
    except ValueError as error:
        return "closed" in str(error)
    return False


def closed_slides(path: str) -> None:
    """A closed slide stays closed; closing in a child is the child's affair."""
    closed, slide = OpenSlide(path), OpenSlide(path)
    expected = read_all(slide)
    closed.close()

    def action() -> None:
        check(refuses(closed), "a closed slide is open in the child")
        try:
            closed.close()
            sys.exit("a closed slide can be closed in the child")
        except ValueError:
            pass
        slide.close()
        check(refuses(slide), "the child cannot close a slide")

    def close_after_use() -> None:
        check(read_all(slide) == expected, "other pixels in the child")
        slide.close()
        check(refuses(slide), "the child cannot close a slide that it used")

    for step in (action, close_after_use):
        fork(step)
        fork(step, at_once=False)
        check(read_all(slide) == expected, "other pixels in the parent")
    slide.close()
    fork(lambda: check(refuses(slide), "a closed slide is open in the child"))


def generations(path: str) -> None:
    """Children of children, and siblings, whether or not they used the slide."""
    slide = OpenSlide(path)
    share_cache(slide)
    expected = read_all(slide)

    def live(depth: int, *, use_first: bool) -> None:
        if use_first:
            check(read_all(slide) == expected, f"other pixels, generation {depth}")
        if depth < 3:
            for _ in range(2):
                fork(lambda: live(depth + 1, use_first=use_first))
        check(read_all(slide) == expected, f"other pixels, generation {depth}")

    live(0, use_first=True)
    live(0, use_first=False)


def both_read_on(path: str) -> None:
    """At the same time, so that a file position in common would show."""
    slides = [OpenSlide(path), OpenSlide(path)]
    share_cache(*slides)
    expected = read_all(slides[0])

    def action() -> None:
        for _ in range(4):
            for slide in slides:
                check(read_all(slide) == expected, "other pixels while both read")

    children = [start(action) for _ in range(2)]
    action()
    for child in children:
        finish(child)
    action()


def what_children_do_stays_there(path: str) -> None:
    slide = OpenSlide(path)
    share_cache(slide)
    expected = read_all(slide)
    before = slide._osr.__reduce__()[2]

    def action() -> None:
        share_cache(slide)
        check(read_all(slide) == expected, "other pixels with another cache")
        slide.note = "child"  # type: ignore[attr-defined]

    fork(action)
    check(not hasattr(slide, "note"), "the child's attribute is in the parent")
    check(slide._osr.__reduce__()[2] is before, "the parent's cache has changed")
    check(read_all(slide) == expected, "other pixels in the parent")


def daemons(path: str) -> None:
    """Which close all that they have inherited, and open files of their own.

    These may have the numbers of what was closed, and even be the same files.
    """
    slides = [OpenSlide(path) for _ in range(3)]
    expected = [read_all(slide) for slide in slides]

    def action() -> None:
        os.closerange(3, 256)
        own = [os.open(path, os.O_RDONLY) for _ in range(20)]
        places = [os.lseek(file, 7 * i, os.SEEK_SET) for i, file in enumerate(own)]
        for slide, pixels in zip(slides, expected, strict=True):
            check(read_all(slide) == pixels, "other pixels in the daemon")
            slide.close()
        for file, place in zip(own, places, strict=True):
            try:
                check(os.lseek(file, 0, os.SEEK_CUR) == place, "another file")
            except OSError as error:
                sys.exit(f"the daemon's file {file} was closed: {error}")

    for _ in range(2):
        fork(action)
        check(read_all(slides[0]) == expected[0], "other pixels in the parent")


def threads_in_the_child(path: str) -> None:
    """All of them may be the first to use the slide."""
    slide = OpenSlide(path)
    share_cache(slide)
    expected = read_all(slide)

    def action() -> None:
        ready = threading.Barrier(4)
        right: list[bool] = []

        def work() -> None:
            ready.wait()
            right.append(read_all(slide) == expected)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check(right == [True] * 4, "other pixels in a thread of the child")

    with busy_threads([slide], expected):
        for _ in range(5):
            fork(action)


SCENARIOS = (
    while_threads_read,
    children_that_exit,
    closed_slides,
    generations,
    both_read_on,
    what_children_do_stays_there,
    daemons,
    threads_in_the_child,
)

if __name__ == "__main__":
    scenarios = {scenario.__name__: scenario for scenario in SCENARIOS}
    scenarios[sys.argv[1]](sys.argv[2])
