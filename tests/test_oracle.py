"""The same Python, run by this package and by openslide-python, gives the same.

A test is a list of lines (see tests.oracle.script).  Values must be equal, down to
the bytes of pixels and profiles.  Where openslide-python raises, this package must
raise what every `except` clause written for openslide-python catches, with a
message that begins with openslide-python's.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest

import openslide
from tests.conftest import RealSlides, Slides
from tests.oracle import script
from tests.oracle.client import Oracle, OracleUnavailableError, find_python
from tests.oracle.script import Description
from tests.real_slides import REAL_SLIDES
from tests.slides import WRITERS

READS_PER_SLIDE = 24


# Comparing


def connect() -> Oracle:
    oracle = Oracle(find_python())
    if oracle.versions != script.versions():
        oracle.close()
        raise OracleUnavailableError(
            f"not comparable: openslide-python has {oracle.versions}, "
            f"this process has {script.versions()}"
        )
    return oracle


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    try:
        connected = connect()
    except OracleUnavailableError as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    yield connected
    connected.close()


class Compare(Protocol):
    """Run lines on either side; the variables are those of Compare's test."""

    def __call__(self, *lines: str, **names: object) -> None: ...


@pytest.fixture
def alike(oracle: Oracle) -> Compare:
    """Assert that lines give the same on either side."""

    def compare(*lines: str, **names: object) -> None:
        variables = {name: str(value) for name, value in names.items()}
        oracle.send(lines, variables)
        ours = script.run(lines, variables)
        theirs = oracle.receive()
        differences = [
            f"{line}\n    {reason}\n    ours:   {mine}\n    theirs: {yours}"
            for line, mine, yours in zip(lines, ours, theirs, strict=True)
            if (reason := difference(mine, yours))
        ]
        assert not differences, "\n" + "\n".join(differences)

    return compare


def difference(ours: Description, theirs: Description) -> str | None:
    """What is wrong with our answer, if anything."""
    if "raised" not in theirs:
        return None if ours == theirs else "another value"
    if "raised" not in ours:
        return "no exception"
    if theirs["raised"][0] not in ours["raised"]:
        return "an exception that programs do not catch"
    text = upstream_text(theirs["message"])
    if text is not None and not ours["message"].startswith(text):
        return "another message"
    return None


# What ctypes puts before the message of a converter of openslide-python's.
_CTYPES_PREFIX = re.compile(r"argument \d+: (<class '\w+'>|\w+): ")

# Messages that are not openslide-python's own, but of Python, ctypes, or Pillow.
_GENERIC = re.compile("")


def upstream_text(message: str) -> str | None:
    """The part of a message that openslide-python chose, or None."""
    text = _CTYPES_PREFIX.sub("", message, count=1)
    return None if _GENERIC.search(text) else text
