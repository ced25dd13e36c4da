"""What is said of work: how it goes on, and what was damaged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

_TILES_SHOWN = 20


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
    """Which tiles are damaged, as told_tiles() has it."""
    return told_tiles(tiles, "damaged tile", coordinates, fate)


def told_tiles(
    tiles: Sequence[tuple[int, ...]], what: str, coordinates: str, fate: str = ""
) -> str:
    """How many tiles there are of some kind, the first of them by name.

    coordinates: what the numbers of a tile are, such as "(column, row)".
    fate:        what became of them.
    """
    shown = ", ".join(map(str, tiles[:_TILES_SHOWN]))
    more = ", ..." if len(tiles) > _TILES_SHOWN else ""
    they = " ".join(filter(None, (counted(len(tiles), what), fate)))
    return f"{they}, {coordinates} {shown}{more}"
