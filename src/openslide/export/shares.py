"""Shares of the work, for batch jobs that know nothing of one another."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .names import FoundSlide


class Share(NamedTuple):
    """One of several equal shares of all slides.

    Attributes:
        number: from 1.
        of: how many there are.
    """

    number: int
    of: int

    def among(self, slides: Sequence[FoundSlide]) -> list[FoundSlide]:
        """The slides of this share, in their order.

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
        return [slide for slide in slides if owner[slide.name] == self.number]


def _bytes_of(path: Path) -> int:
    """About how large a slide is; one that cannot be looked at has no size."""
    try:
        if path.suffix.lower() != ".mrxs":
            return path.stat().st_size
        data = os.scandir(path.with_suffix(""))
        return sum(entry.stat().st_size for entry in data if entry.is_file())
    except OSError:
        return 0
