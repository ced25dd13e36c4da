"""What is said of work: how it goes on, and what was damaged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

_DAMAGED_SHOWN = 20


class Report(Protocol):
    """Is told how the work goes on."""

    def expect(self, tiles: int, *, done: int = 0) -> None:
        """There are so many tiles more than was known, some done by an earlier run."""

    def advance(self, tiles: int) -> None:
        """So many tiles more are done."""


def counted(number: int, what: str) -> str:
    """A number of things."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def told_damage(
    tiles: Sequence[tuple[int, ...]], coordinates: str, fate: str = ""
) -> str:
    """Which tiles are damaged, the first of them by name.

    coordinates: what the numbers of a tile are, such as "(column, row)".
    fate:        what became of them.
    """
    shown = ", ".join(map(str, tiles[:_DAMAGED_SHOWN]))
    more = ", ..." if len(tiles) > _DAMAGED_SHOWN else ""
    what = " ".join(filter(None, (counted(len(tiles), "damaged tile"), fate)))
    return f"{what}, {coordinates} {shown}{more}"
