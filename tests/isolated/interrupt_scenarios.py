"""Reads that signals meet: python -m tests.isolated.interrupt_scenarios NAME SLIDE

Exits non-zero with a message where a scenario goes another way.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from openslide import OpenSlide, lowlevel, set_num_threads
from tests.isolated.leak_measure import Resources, process_status

#: A region that takes seconds and 1.6 GB.
HUGE = (20_000, 20_000)
#: One that takes a few polls of a single thread.
LONG = (10_000, 10_000)


def check(condition: bool, otherwise: str) -> None:
    if not condition:
        sys.exit(otherwise)


def reference_tile(slide: OpenSlide) -> bytes:
    return slide.read_region((300, 200), 0, (200, 100)).tobytes()


def peak_memory() -> int:
    """The most bytes that this program has ever had in memory.

    On Linux getrusage() counts what the process had before it began this program.
    """
    if sys.platform == "linux":
        return 1024 * process_status("VmHWM")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def is_reading(thread: int | None) -> bool:
    """Whether a thread is in a function called read_region.

    What that function calls in C has no frame of its own.
    """
    frame = sys._current_frames().get(thread or 0)
    return frame is not None and frame.f_code.co_name == "read_region"


def send_in_mid_read(number: int) -> threading.Thread:
    """Have a signal sent to this process when this thread has begun a read."""
    thread = threading.get_ident()

    def send() -> None:
        while True:
            time.sleep(0.002)
            if is_reading(thread):
                time.sleep(0.02)
                if is_reading(thread):
                    break
        os.kill(os.getpid(), number)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    return sender


def interrupt(read: Callable[[], object], error: type[BaseException]) -> None:
    """Check that a read ends with an error that a signal handler raises."""
    sender = send_in_mid_read(signal.SIGINT)
    try:
        read()
    except error:
        sender.join()
        return
    sys.exit(f"no {error.__name__}: the read was completed")


def check_unfinished() -> None:
    """A read that was completed has touched its whole buffer."""
    whole = 4 * HUGE[0] * HUGE[1]
    peak = peak_memory()
    check(peak < whole / 2, f"{peak} bytes of {whole} were read when the signal came")


def ctrl_c(slide: OpenSlide) -> None:
    expected = reference_tile(slide)
    interrupt(lambda: slide.read_region((-99, -99), 0, HUGE), KeyboardInterrupt)
    check_unfinished()
    check(reference_tile(slide) == expected, "the slide reads other pixels")
    slide.close()


def ctrl_c_in_a_low_level_read(slide: OpenSlide) -> None:
    interrupt(
        lambda: lowlevel.read_region(slide._osr, 0, 0, 0, *HUGE), KeyboardInterrupt
    )
    check_unfinished()


class OwnError(Exception):
    pass


def own_exception(slide: OpenSlide) -> None:
    def raise_own(number: int, frame: FrameType | None) -> NoReturn:
        raise OwnError

    expected = reference_tile(slide)
    signal.signal(signal.SIGINT, raise_own)
    interrupt(lambda: slide.read_region((0, 0), 0, HUGE), OwnError)
    check_unfinished()
    check(reference_tile(slide) == expected, "the slide reads other pixels")


def handler_that_returns(slide: OpenSlide) -> None:
    """Signals in mid-read, which must go on after each."""
    places: list[str] = []

    def note(number: int, frame: FrameType | None) -> None:
        places.append(frame.f_code.co_name if frame is not None else "")

    signal.signal(signal.SIGALRM, note)
    width, height = LONG
    while "read_region" not in places:  # until a read takes long enough
        check(height < 100_000, f"handled in {places}")
        expected = slide.read_region((-5, -5), 0, (width, height)).tobytes()
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.01)
        region = slide.read_region((-5, -5), 0, (width, height))
        signal.setitimer(signal.ITIMER_REAL, 0)
        check(region.tobytes() == expected, "the region has other pixels")
        height *= 2


def handler_that_closes(slide: OpenSlide) -> None:
    """A read that has begun completes, as when another thread closes the slide."""
    expected = slide.read_region((0, 0), 0, LONG).tobytes()
    signal.signal(signal.SIGINT, lambda number, frame: slide.close())
    send_in_mid_read(signal.SIGINT)
    region = slide.read_region((0, 0), 0, LONG)
    check(region.tobytes() == expected, "the region has other pixels")
    check_closed(slide)


def check_closed(slide: OpenSlide) -> None:
    try:
        slide.read_region((0, 0), 0, (1, 1))
    except ValueError as error:
        check("closed" in str(error), str(error))
    else:
        sys.exit("the slide is open, or the signal came after the read")


def handler_that_closes_and_raises(slide: OpenSlide) -> None:
    """The read then has the last reference to libopenslide's handle."""

    def close_and_raise(number: int, frame: FrameType | None) -> NoReturn:
        slide.close()
        raise OwnError

    signal.signal(signal.SIGINT, close_and_raise)
    interrupt(lambda: slide.read_region((0, 0), 0, HUGE), OwnError)
    check_unfinished()
    check_closed(slide)


def handler_that_reads(slide: OpenSlide) -> None:
    expected = slide.read_region((0, 0), 0, LONG).tobytes()
    tile = reference_tile(slide)
    read: list[bytes] = []
    signal.signal(
        signal.SIGINT, lambda number, frame: read.append(reference_tile(slide))
    )
    send_in_mid_read(signal.SIGINT)
    region = slide.read_region((0, 0), 0, LONG)
    check(read == [tile], f"the handler ran {len(read)} times, or read other pixels")
    check(region.tobytes() == expected, "the region has other pixels")


def read_in_another_thread(slide: OpenSlide) -> None:
    """Only the main thread gets Ctrl-C; the read goes on to its end."""
    expected = slide.read_region((0, 0), 0, LONG).tobytes()
    outcome: list[object] = []

    def read() -> None:
        try:
            outcome.append(slide.read_region((0, 0), 0, LONG).tobytes())
        except BaseException as error:
            outcome.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        while not is_reading(reader.ident):
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)
        reader.join()
    except KeyboardInterrupt:
        pass
    else:
        sys.exit("the main thread got no KeyboardInterrupt")
    reader.join()
    check(outcome == [expected], "the other thread's read has failed")


def repeated(slide: OpenSlide) -> None:
    """Neither the buffer nor, once the slide is closed, its handle is kept."""
    expected = reference_tile(slide)

    def interrupt_once() -> None:
        with OpenSlide(slide._filename) as other:
            interrupt(lambda: other.read_region((0, 0), 0, HUGE), KeyboardInterrupt)
            check(reference_tile(other) == expected, "the slide reads other pixels")

    for _ in range(5):
        interrupt_once()
    before = Resources.now()
    for _ in range(50):
        interrupt_once()
    growth = [b - a for a, b in zip(before, Resources.now(), strict=True)]
    grown = Resources(*growth)
    print(grown)
    # An interrupted read has touched more of its buffer than this, and a handle
    # has more than 10 kB.
    check(grown.memory < 20_000_000, "memory has grown")
    check(grown.heap < 500_000, "something was not freed")
    check(grown.files == 0, "files were left open")
    check(grown.threads == 0, "threads were left behind")


def read_until_killed(slide: OpenSlide) -> None:
    print("reading", flush=True)
    while True:
        slide.read_region((0, 0), 0, HUGE)


SCENARIOS = (
    ctrl_c,
    ctrl_c_in_a_low_level_read,
    own_exception,
    handler_that_returns,
    handler_that_closes,
    handler_that_closes_and_raises,
    handler_that_reads,
    read_in_another_thread,
    repeated,
    read_until_killed,
)

if __name__ == "__main__":
    # A shell may have started the tests in the background, with Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    set_num_threads(1)
    scenarios = {scenario.__name__: scenario for scenario in SCENARIOS}
    scenarios[sys.argv[1]](OpenSlide(sys.argv[2]))
