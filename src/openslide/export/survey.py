"""The first thing that is done with a slide: what it is, and which tiles it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..output.identity import slide_identity
from .facts import facts_of
from .native import native_cells
from .plan import Job, digest, ordered, parts
from .tile_output import Noted, output_for

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Survey(NamedTuple):
    """What is known of a slide once it was opened.

    Attributes:
        facts: what is the same for all tiles, what tells the slide from others, and
               what tells the choice of tiles.
        cells: (column, row) of the tiles in the order in which they are exported.
        present: numbers of the parts that are complete still.
    """

    facts: dict[str, Any]
    cells: NDArray[np.int64]
    present: set[int]


def survey(job: Job, noted: Noted | None) -> Survey:
    """Look at a slide, and at what is left of what was written of it.

    noted: what was; None where nothing was begun.

    Raises what opening the slide and TileGrid raise.
    """
    output = output_for(job.options.to)
    grid = job.options.grid(job.path)
    with grid.slide:
        facts: dict[str, Any] = {}
        cells = ordered(grid)
        if job.options.format == "native":
            stored = native_cells(grid.only(cells), job.options.require_native)
            facts["holes"] = len(cells) - len(stored)
            cells = stored
        identity = slide_identity(grid.slide, job.path)
        facts |= identity | facts_of(job, grid) | {"choice_of_tiles": digest(cells)}
        output.begin(job, grid.only(cells), noted is not None)
    present: set[int] = set()
    if noted is not None:
        wanted = list(parts(job, cells))
        done = [
            part for part in wanted if noted.parts is None or part.number in noted.parts
        ]
        present = output.present(job, done, noted)
        output.discard(job, [part for part in wanted if part.number not in present])
    return Survey(facts, cells, present)


class Check(NamedTuple):
    """What is found of a slide that was complete.

    Attributes:
        identity: of the slide as it is now.
        lost: a file that was removed since, if any.
    """

    identity: dict[str, Any]
    lost: str | None


def check(job: Job, summary: dict[str, Any]) -> Check:
    """Look whether a slide is still the same, and all that was written of it there."""
    grid = job.options.without_mask().grid(job.path)
    with grid.slide:
        identity = slide_identity(grid.slide, job.path)
    return Check(identity, output_for(job.options.to).lacks(job, summary))
