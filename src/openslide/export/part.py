"""Working off one part: tiles are read in batches and given to a writer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .plan import Job, Part, grid_of, level_size
from .slide_work import PartResult
from .tile_output import output_for

if TYPE_CHECKING:
    from ..tiles import TileGrid

# So many tiles are read at once: enough for the reads to be put in order, few
# enough for the memory of a process to stay small.
_BATCH_TILES = 32
_BATCH_BYTES = 32 << 20


def export_part(part: Part) -> PartResult:
    """Read and write the tiles of a part.

    Raises OpenSlideError where the slide cannot be opened any more, and OSError
    where files cannot be written; what was there before is then still there.  What is
    returned may be noted: files are settled.
    """
    damaged: list[tuple[int, int]] = []
    with output_for(part.job.options.to).writer(part) as writer:
        for grid in _batches(part):
            pixels, good = grid.read_masked()
            if not good.any():
                _require_slide(part.job)
            writer.write(grid, pixels, good)
            damaged += [(column, row) for column, row in grid.cells[~good].tolist()]
    return PartResult(len(part.cells), damaged)


def _batches(part: Part) -> Iterator[TileGrid]:
    tiles = grid_of(part.job, part.cells)
    width, height = level_size(tiles)
    step = max(1, min(_BATCH_TILES, int(_BATCH_BYTES / (4 * width * height))))
    return (tiles[start : start + step] for start in range(0, len(tiles), step))


def _require_slide(job: Job) -> None:
    """Raise what is wrong where it is not the tiles but all of the slide."""
    with job.options.without_mask().grid(job.path).slide:
        pass
