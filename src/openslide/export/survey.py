"""The first thing that is done with a slide: what it is, and which tiles it has."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, NamedTuple

from ..output.identity import slide_identity
from .cells import Cells
from .facts import facts_of
from .masks import notes, wanted_mask, write_mask
from .native import native_cells
from .plan import Job, digest, note_grid, ordered, parts, sampled
from .tile_output import Noted, output_for
from .views import read_views


class Survey(NamedTuple):
    """What is known of a slide once it was opened.

    Attributes:
        facts: what is the same for all tiles, what tells the slide from others, and
               what tells the choice of tiles.
        cells: of the tiles in the order in which they are exported.
        present: numbers of the parts that are complete still.
        notes: what a user should know of the choice of tiles.
    """

    facts: dict[str, Any]
    cells: Cells
    present: set[int]
    notes: list[str]


def survey(job: Job, noted: Noted | None) -> Survey:
    """Look at a slide, and at what is left of what was written of it.

    noted: what was; None where nothing was begun.

    Raises what opening the slide, TileGrid and wanted_mask() raise.
    """
    output = output_for(job.options.to)
    everything = job.options.grid(job.source)
    with ExitStack() as failing:
        slide = failing.enter_context(everything.slide)
        mask = wanted_mask(job, slide)
        grid, told = everything, []
        if mask is not None:
            grid = everything.masked(mask, job.options.min_tissue)
            write_mask(job, mask, slide)
            told = notes(job, mask)
        read_views(job, grid.only(grid.cells[:0]))  # raises what is wrong with options
        facts: dict[str, Any] = {}
        cells = ordered(grid)
        if job.options.format == "native":
            stored = native_cells(grid.only(cells), job.options.require_native)
            facts["holes"] = len(cells) - len(stored)
            cells = stored
        cells = sampled(job, cells)
        identity = slide_identity(grid.slide, job.path)
        facts |= identity | facts_of(job, grid) | {"choice_of_tiles": digest(cells)}
        output.begin(job, grid.only(cells), noted is not None)
        note_grid(job, grid)
        failing.pop_all()  # the slide stays open, for its parts
    exported = Cells.of(cells)
    present: set[int] = set()
    if noted is not None:
        wanted = list(parts(job, exported))
        done = [
            part for part in wanted if noted.parts is None or part.number in noted.parts
        ]
        present = output.present(job, done, noted)
        output.discard(job, [part for part in wanted if part.number not in present])
    return Survey(facts, exported, present, told)


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
    grid = job.options.grid(job.source)
    with grid.slide:
        identity = slide_identity(grid.slide, job.path)
    return Check(identity, output_for(job.options.to).lacks(job, summary))
