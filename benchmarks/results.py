"""What was measured, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple


class Ratio(NamedTuple):
    """One duration, or size, by another.

    Attributes:
        usual: the median over rounds of the ratio within one, and that the median
            over its pairs of samples: a round in which the machine had other things
            to do counts no more than any other.
        fastest: the median over pairs of the ratio of the shortest sample that any
            round had.  Where other programs keep the machine busy it is the
            steadier one, for they can only lengthen a sample.
    """

    usual: float
    fastest: float


@dataclass(frozen=True)
class Result:
    """One row: seconds, or bytes, by contender, round by round.

    The samples of every round and every contender are of the same regions in the
    same order, so that they can be compared in pairs.
    """

    case: str
    rounds: dict[str, list[list[float]]] = field(default_factory=dict)

    def add(self, contender: str, samples: list[float]) -> None:
        """Another round."""
        self.rounds.setdefault(contender, []).append(samples)

    def usual(self, contender: str) -> float | None:
        """The median of all samples; None for a contender that has none."""
        samples = [
            value for values in self.rounds.get(contender, ()) for value in values
        ]
        return median(samples) if samples else None

    def ratio(
        self, contender: str, other: str, of: Result | None = None
    ) -> Ratio | None:
        """How many times as long one takes as another, perhaps in another row."""
        mine = self.rounds.get(contender, [])
        theirs = (of or self).rounds.get(other, [])
        if not mine or not theirs:
            return None
        in_rounds = [_paired_ratio(a, b) for a, b in zip(mine, theirs, strict=True)]
        return Ratio(median(in_rounds), _paired_ratio(_fastest(mine), _fastest(theirs)))


def _paired_ratio(mine: list[float], theirs: list[float]) -> float:
    """The number of samples may differ between two rows."""
    return median(a / b for a, b in zip(mine, theirs, strict=False))


def _fastest(rounds: list[list[float]]) -> list[float]:
    """The shortest time that each region took."""
    return [min(samples) for samples in zip(*rounds, strict=True)]


def by_case(results: Iterable[Result]) -> dict[str, Result]:
    return {result.case: result for result in results}
