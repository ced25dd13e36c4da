"""Shares of the work, for batch jobs that know nothing of one another."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..output.telling import counted
from .names import FoundSlide

#: A share that has so many times its due is told.
_UNEQUAL = 1.25


class Shared(NamedTuple):
    """The slides of a share.

    Attributes:
        slides: in their order.
        weight: how much of the bytes of all slides they have, 0 to 1.
    """

    slides: list[FoundSlide]
    weight: float


class Share(NamedTuple):
    """One of several shares of all slides, as equal as whole slides can be shared.

    A slide is of one share: one command alone writes its journal and, when all parts are
    there, what is made of all of them, so that a kill loses nothing and a status of 0
    says that its slides are complete.

    Attributes:
        number: from 1.
        of: how many there are.
    """

    number: int
    of: int

    def among(self, slides: Sequence[FoundSlide]) -> Shared:
        """The slides of this share.

        All shares together have each slide once, and about as many bytes each: the
        largest slide first, each goes where there are fewest.  Every job comes to the
        same, for it depends on nothing but the slides.
        """
        sizes = {slide.name: _bytes_of(slide.path) for slide in slides}
        given = dict.fromkeys(range(1, self.of + 1), 0)
        owner: dict[str, int] = {}
        for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
            owner[name] = min(given, key=lambda number: (given[number], number))
            # Opening a slide takes time too, so that none counts for nothing.
            given[owner[name]] += sizes[name] + 1
        chosen = [slide for slide in slides if owner[slide.name] == self.number]
        return Shared(chosen, given[self.number] / max(1, sum(given.values())))

    def told(self, shared: Shared, total: int) -> str:
        """What a user should know of a share of so many slides."""
        number = len(shared.slides) or "none"
        told = (
            f"share {self.number} of {self.of}: {number} of {counted(total, 'slide')}, "
            f"{shared.weight:.0%} of their bytes"
        )
        if shared.slides and shared.weight * self.of <= _UNEQUAL:
            return told
        return (
            f"{told}; shares are not equal, for slides are not divided among them, as "
            "--scheduler does"
        )


def _bytes_of(path: Path) -> int:
    """About how large a slide is; one that cannot be looked at has no size."""
    try:
        if path.suffix.lower() != ".mrxs":
            return path.stat().st_size
        data = os.scandir(path.with_suffix(""))
        return sum(entry.stat().st_size for entry in data if entry.is_file())
    except OSError:
        return 0
