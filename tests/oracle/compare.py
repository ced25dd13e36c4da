"""Whether an answer of this package will do for what openslide-python answers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Protocol

from tests.oracle.script import Description


class RunBoth(Protocol):
    """Run lines on either side, with variables that are strings or paths."""

    def __call__(
        self, *lines: str, **names: str | Path
    ) -> list[tuple[str, Description, Description]]: ...


class Compare(Protocol):
    """Run lines on either side, and assert that they give the same."""

    def __call__(self, *lines: str, **names: str | Path) -> None: ...


def differences(
    answers: Iterable[tuple[str, Description, Description]],
) -> list[str]:
    """What is wrong with our answers to the lines of a script."""
    failed: set[str] = set()
    found = []
    for line, ours, theirs in answers:
        reason = _mistake(theirs, failed) or difference(ours, theirs)
        if reason:
            found.append(f"{line}\n    {reason}\n    {ours = }\n    {theirs = }")
        if "raised" in theirs:
            failed.update(_ASSIGNMENT.findall(line))
    return found


_ASSIGNMENT = re.compile(r"^(\w+) = ", re.MULTILINE)


def _mistake(theirs: Description, failed: Collection[str]) -> str | None:
    """What is wrong with the line itself, so that it would fail on any side."""
    kind = theirs.get("raised", [""])[0]
    if kind == "builtins.SyntaxError":
        return "no Python"
    if kind == "builtins.NameError":
        (name,) = re.findall(r"name '(\w+)'", theirs["message"])
        return None if name in failed else "nobody has defined this name"
    if kind == "builtins.AttributeError" and theirs["message"].startswith("module "):
        return "openslide-python has no such function"
    return None


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


# What ctypes puts before the message of a converter that openslide-python gave it.
_CTYPES_PREFIX = re.compile(r"argument \d+: (<class '\w+'>|\w+): ")

# Messages that openslide-python did not choose, but Python, ctypes or Pillow.
_GENERIC = re.compile(
    r"^$|wrong type$|expected LP_|this function takes|function takes exactly"
    r"|not subscriptable|index out of range|not iterable|unpack|has no attribute"
    r"|not supported between|unsupported operand|can't multiply|zip\(\) argument"
    r"|cannot be interpreted|must be real number|positional argument"
    r"|array too large|cannot fit|division by zero|scale must be|array length"
    r"|abstract class|cannot identify image file",
    re.IGNORECASE,
)


def upstream_text(message: str) -> str | None:
    """The part of a message that openslide-python chose, or None."""
    text = _CTYPES_PREFIX.sub("", message, count=1)
    return None if _GENERIC.search(text) else text
