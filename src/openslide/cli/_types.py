"""Types that the subcommands share, of arguments too."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import TypeAlias, TypeVar

# What ArgumentParser.add_subparsers() returns; argparse has no public name for it.
Subcommands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_Number = TypeVar("_Number", int, float)

# Types of arguments.  argparse names them where it refuses one.


def positive(text: str) -> int:
    """A positive integer; argparse reports the ValueError of others."""
    return _accepted(int(text), lambda number: number > 0)


positive.__name__ = "positive integer"


def not_negative(text: str) -> int:
    """An integer from 0 on."""
    return _accepted(int(text), lambda number: number >= 0)


not_negative.__name__ = "not negative integer"


def percent(text: str) -> int:
    """An integer from 1 to 100."""
    return _accepted(int(text), lambda number: 1 <= number <= 100)


percent.__name__ = "integer from 1 to 100"


def microns(text: str) -> float:
    """A positive length."""
    return _accepted(float(text), lambda number: 0 < number < math.inf)


microns.__name__ = "positive number"


_UNITS = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def byte_count(text: str) -> int:
    """A positive number of bytes, such as "500M" or "1.5G"."""
    number, unit = text.lower().removesuffix("b"), 1
    if number[-1:] in _UNITS:
        number, unit = number[:-1], _UNITS[number[-1]]
    return _accepted(int(float(number) * unit), lambda size: size > 0)


byte_count.__name__ = "number of bytes, such as 500M"


def numbered_part(text: str) -> tuple[int, int]:
    """(2, 5) of "2/5", the second of five."""
    number, _, of = text.partition("/")
    _accepted(int(number), lambda number: 1 <= number <= int(of))
    return int(number), int(of)


numbered_part.__name__ = "part, such as 1/4"


def resolutions(text: str) -> list[float]:
    """Different positive lengths, with commas between."""
    lengths = [microns(part) for part in text.split(",")]
    if len(set(lengths)) < len(lengths):
        raise ValueError(text)
    return lengths


resolutions.__name__ = "list of different positive numbers"


def share(text: str) -> float:
    """A number from 0 to 1."""
    return _accepted(float(text), lambda number: 0 <= number <= 1)


share.__name__ = "number from 0 to 1"


def saturation(text: str) -> int:
    """An integer from 0 to 255."""
    return _accepted(int(text), lambda number: 0 <= number <= 255)


saturation.__name__ = "integer from 0 to 255"


def finite(text: str) -> float:
    """A number."""
    return _accepted(float(text), math.isfinite)


finite.__name__ = "number"


def _accepted(number: _Number, is_valid: Callable[[_Number], bool]) -> _Number:
    if not is_valid(number):
        raise ValueError(number)
    return number
