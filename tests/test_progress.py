"""What is told of the progress of a long command."""

from __future__ import annotations

import re
from io import StringIO
from threading import Event

import pytest

from openslide.cli._progress import Progress


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which the test lets pass."""
    now = [100.0]
    monkeypatch.setattr("openslide.cli._progress.time.monotonic", lambda: now[0])
    return now


def work(stream: StringIO, clock: list[float]) -> None:
    """150 tiles in 3 seconds, of a total that grows."""
    with Progress(stream) as progress:
        progress.expect(100)
        for _ in range(2):
            clock[0] += 1
            progress.advance(25)
        progress.expect(50)
        clock[0] += 1
        progress.advance(100)


def test_a_line_that_rewrites_itself_on_a_terminal(clock: list[float]) -> None:
    stream = Terminal()
    work(stream, clock)
    assert stream.getvalue().count("\n") == 1
    updates = re.split("\r\033\\[K", stream.getvalue())
    assert updates == [
        "",
        "25/100 tiles, 25 tiles/s, 3 s left",
        "50/100 tiles, 25 tiles/s, 2 s left",
        "150/150 tiles, 50 tiles/s, 0 s left",
        "150/150 tiles, 50 tiles/s, 0 s left\n",
    ]


def test_only_the_end_elsewhere(clock: list[float]) -> None:
    stream = StringIO()
    work(stream, clock)
    assert stream.getvalue() == "150/150 tiles, 50 tiles/s, 0 s left\n"


def test_updates_are_rare(clock: list[float]) -> None:
    stream = Terminal()
    with Progress(stream) as progress:
        progress.expect(1000)
        for _ in range(1000):
            clock[0] += 0.001
            progress.advance(1)
    assert stream.getvalue().count("\r") <= 6


def test_tiles_of_an_earlier_run_tell_nothing_of_the_speed(clock: list[float]) -> None:
    stream = StringIO()
    with Progress(stream) as progress:
        progress.expect(1000, done=800)
        clock[0] += 10
        progress.advance(100)
    assert stream.getvalue() == "900/1000 tiles, 10 tiles/s, 10 s left\n"


def test_a_slide_that_fails_is_not_waited_for(clock: list[float]) -> None:
    stream = StringIO()
    with Progress(stream) as progress:
        progress.expect(100)
        clock[0] += 1
        progress.advance(10)
        progress.expect(-90)
    assert stream.getvalue() == "10/10 tiles, 10 tiles/s, 0 s left\n"


def test_what_is_told_at_once_has_a_line_of_its_own(clock: list[float]) -> None:
    for stream in (Terminal(), StringIO()):
        with Progress(stream) as progress:
            progress.expect(100)
            clock[0] += 1
            progress.advance(50)
            progress.tell("a.svs: it is cut off")
            progress.advance(50)
        shown = [
            line.rpartition("\r\033[K")[2] for line in stream.getvalue().split("\n")
        ]
        assert shown == [
            "a.svs: it is cut off",
            "100/100 tiles, 100 tiles/s, 0 s left",
            "",
        ]


def test_slides_that_are_done_are_told_of_in_logs(clock: list[float]) -> None:
    log, terminal = StringIO(), Terminal()
    for stream in (log, terminal):
        with Progress(stream) as progress:
            progress.expect(100)
            clock[0] += 1
            progress.advance(50)
            progress.finish("a: 50 tiles")
    assert log.getvalue().splitlines() == [
        "a: 50 tiles; 50/100 tiles, 50 tiles/s, 1 s left",
        "50/100 tiles, 50 tiles/s, 1 s left",
    ]
    assert "a: 50 tiles" not in terminal.getvalue()


class Log(StringIO):
    """Tells when something is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = Event()

    def write(self, text: str) -> int:
        self.written.set()
        return super().write(text)


def test_a_log_is_not_silent_while_nothing_is_done() -> None:
    log = Log()
    with Progress(log, every=0.001) as progress:
        progress.expect(100)
        # A line that was written before that says 0/0.
        while "0/100 tiles, 0 tiles/s, 0 s left\n" not in log.getvalue():
            log.written.clear()
            assert log.written.wait(60)


class Broken(StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_work_goes_on_where_nobody_listens() -> None:
    with Progress(Broken()) as progress:
        progress.expect(1)
        progress.tell("something")
        progress.advance(1)
        progress.finish("a")


def test_nothing_to_tell() -> None:
    stream = Terminal()
    with Progress(stream):
        pass
    assert stream.getvalue() == ""
