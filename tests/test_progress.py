"""What is told of the progress of a long command."""

from __future__ import annotations

import re
from io import StringIO

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


def test_nothing_to_tell() -> None:
    stream = Terminal()
    with Progress(stream):
        pass
    assert stream.getvalue() == ""
