"""The first thing that is done with a slide: which tiles it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .plan import Job, digest, facts_of, ordered

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Survey(NamedTuple):
    """What is known of a slide once it was opened.

    Attributes:
        facts: what is the same for all tiles, and what tells the choice of tiles.
        cells: (column, row) of the tiles in the order in which they are exported.
    """

    facts: dict[str, Any]
    cells: NDArray[np.int64]


def survey(job: Job, begun: bool) -> Survey:
    """Look at a slide, and make its Zarr store unless an earlier run has begun.

    Raises what opening the slide and TileGrid raise.
    """
    grid = job.options.grid(job.path)
    with grid.slide:
        cells = ordered(grid)
        facts = facts_of(job, grid) | {"choice_of_tiles": digest(cells)}
        if job.options.to == "zarr" and not begun:
            from .zarr_store import begin_store

            begin_store(job, grid.only(cells))
    return Survey(facts, cells)
