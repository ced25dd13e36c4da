"""Standard output and standard error of the commands, whatever they lead to.

What cannot be shown in the encoding of the place is shown as an escape.  Nobody who
stops listening stops the work: what a command says beside its result may be lost, its
result may not, so only there a pipe that was closed ends the command.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from types import FrameType
from typing import NoReturn, TextIO

#: What shells say of a command that was ended by a signal, less its number.
_BY_SIGNAL = 128
_BROKEN_PIPE = 13


class Ended(BaseException):
    """The command was told to end.

    Attributes:
        status: its exit status.
    """

    def __init__(self, reason: str, number: int) -> None:
        super().__init__(reason)
        self.status = _BY_SIGNAL + number


def say(line: str) -> None:
    """Say something beside the result."""
    write(sys.stderr, f"{line}\n")


def write(stream: TextIO, text: str) -> None:
    """Write what may be lost."""
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):  # the pipe was closed, the disk is full
        _leave(stream)


def print_result(text: str) -> None:
    """Print what the command was asked for.

    Raises Ended where nobody wants it any more, and OSError where it cannot be written.
    """
    try:
        print(text)
        sys.stdout.flush()
    except OSError as error:
        _leave(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise Ended("", _BROKEN_PIPE) from None  # which programs do in silence
        raise OSError(f"cannot write to standard output: {error.strerror}") from None


def _leave(stream: TextIO) -> None:
    """Let Python not find at its end, and complain, that nobody takes the rest."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def console() -> Iterator[None]:
    """What a command needs around it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    before = {}
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            number = getattr(signal, name)
            with suppress(ValueError):  # not in the main thread
                if signal.getsignal(number) is signal.SIG_DFL:
                    before[number] = signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    raise Ended(f"ended by {signal.Signals(number).name}", number)
