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
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Literal, NoReturn

from openslide import OpenSlide, lowlevel, set_num_threads
from tests.isolated.leak_measure import Resources, process_status

#: A region that takes seconds and 1.6 GB.
HUGE = (20_000, 20_000)
#: One that takes a few polls of a single thread.
LONG = (10_000, 10_000)


#: The functions that call C code to read, and are in it for long.
READERS = ("read_region", "_read_all_into", "_read_views_into")

#: Regions of a batch that takes seconds, all of them damaged.
DAMAGED_REGIONS = 1500


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
    """Whether a thread is in C code that read_region() or read_batch() calls.

    That has no frame of its own.
    """
    frame = sys._current_frames().get(thread or 0)
    return frame is not None and frame.f_code.co_name in READERS


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


def ctrl_c_in_a_resampled_read(slide: OpenSlide) -> None:
    expected = reference_tile(slide)
    interrupt(
        lambda: slide.read_image_at((-99, -99), 0.75, LONG, slide_mpp=0.5),
        KeyboardInterrupt,
    )
    check(reference_tile(slide) == expected, "the slide reads other pixels")
    slide.close()


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


def damaged_batch(slide: OpenSlide) -> None:
    """The slide has no image in its first tile.

    All that the batch does is opening the slide again, and none of it takes long.
    """
    places = [(9, 9)] * DAMAGED_REGIONS
    policies: tuple[Literal["raise", "reopen"], ...] = ("raise", "reopen")
    for on_error in policies:
        for threads in (1, 3):
            set_num_threads(threads)
            with OpenSlide(slide._filename, on_error=on_error) as other:
                expected = reference_tile(other)
                out = bytearray(3 * 9 * 9 * DAMAGED_REGIONS)
                interrupt(
                    lambda slide=other, out=out: slide.read_batch(  # type: ignore[misc]
                        places, 0, (9, 9), errors="mask", out=out
                    ),
                    KeyboardInterrupt,
                )
                check(out[0] == 255, "nothing was read before the signal")
                check(out[-1] == 0, "the batch went on to its end")
                check(reference_tile(other) == expected, "other pixels afterwards")


def blocked_signals(thread: str) -> int:
    """The set of signals that a thread of this process blocks; signal n is bit n - 1."""
    status = Path(f"/proc/self/task/{thread}/status").read_text()
    return int(dict(line.split(":", 1) for line in status.splitlines())["SigBlk"], 16)


def signals_of_workers(slide: OpenSlide) -> None:
    """Threads that read handle their own faults, and nothing from outside."""
    set_num_threads(2)
    # What has been blocked in a thread whenever it was looked at: while a thread
    # begins, the system blocks more.
    masks: dict[str, int] = {}
    looks: Counter[str] = Counter()
    done = threading.Event()
    known = {str(threading.get_native_id())}

    def watch() -> None:
        known.add(str(threading.get_native_id()))
        while not done.is_set():
            for thread in set(os.listdir("/proc/self/task")) - known:
                with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
                    blocked = blocked_signals(thread)
                    masks[thread] = masks.get(thread, -1) & blocked
                    looks[thread] += 1

    watcher = threading.Thread(target=watch)
    watcher.start()
    while max(looks.values(), default=0) < 5:
        slide.read_region((0, 0), 0, LONG)
    done.set()
    watcher.join()
    blocked = masks[looks.most_common(1)[0][0]]
    faults = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
    for fault in (*faults, signal.SIGABRT):
        check(not blocked >> fault - 1 & 1, f"{fault!r} is blocked")
    for outside in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        check(bool(blocked >> outside - 1 & 1), f"{outside!r} is not blocked")


def read_until_killed(slide: OpenSlide) -> None:
    print("reading", flush=True)
    while True:
        slide.read_region((0, 0), 0, HUGE)


SCENARIOS = (
    ctrl_c,
    ctrl_c_in_a_low_level_read,
    ctrl_c_in_a_resampled_read,
    own_exception,
    handler_that_returns,
    handler_that_closes,
    handler_that_closes_and_raises,
    handler_that_reads,
    read_in_another_thread,
    repeated,
    damaged_batch,
    signals_of_workers,
    read_until_killed,
)

if __name__ == "__main__":
    # A shell may have started the tests in the background, with Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    set_num_threads(1)
    scenarios = {scenario.__name__: scenario for scenario in SCENARIOS}
    scenarios[sys.argv[1]](OpenSlide(sys.argv[2]))
