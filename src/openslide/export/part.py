"""Working off one part: tiles are read in batches and given to a writer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from .._errors import OpenSlideError
from ..output.telling import reason_of, without_path
from .native import copy_tiles
from .plan import Job, Part, grid_of, level_size
from .slide_work import PartResult
from .tile_output import FileOutput, PartWriter, output_for
from .views import read_views

if TYPE_CHECKING:
    from ..tiles import TileGrid

Cell: TypeAlias = tuple[int, int]

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
    output = output_for(part.job.options.to)
    if not output.reads(part.job):
        return PartResult(len(part.cells), [], [], "", "")
    if part.job.options.format == "native":
        assert isinstance(output, FileOutput)
        return _copy_part(part, output)
    damaged: list[Cell] = []
    why = ""
    with output.writer(part) as writer:
        for grid in _batches(part):
            bad = _write_pixels(part.job, grid, writer)
            why = why or _why_unreadable(part.job, bad)
            damaged += _cells(bad)
    return PartResult(len(part.cells), damaged, [], "", why)


def _why_unreadable(job: Job, tiles: TileGrid) -> str:
    """Why the first of some damaged tiles could not be read."""
    if not len(tiles):
        return ""
    try:
        tiles[:1].read(workers=1)
    except (OpenSlideError, OSError) as error:
        return without_path(job.path, reason_of(error))
    return "it could be read only when it was tried again"


def _copy_part(part: Part, output: FileOutput) -> PartResult:
    """The same, of native tiles."""
    damaged: list[Cell] = []
    encoded: list[Cell] = []
    reason = why = ""
    with output.writer(part) as writer:
        for grid in _batches(part):
            copied = copy_tiles(grid, writer)
            if len(copied.rest):
                unread = _write_pixels(part.job, copied.rest, writer)
                why = why or _why_unreadable(part.job, unread)
                bad = _cells(unread)
                good = [cell for cell in _cells(copied.rest) if cell not in set(bad)]
                damaged += bad
                encoded += good
                reason = reason or (copied.reason if good else "")
    return PartResult(len(part.cells), damaged, encoded, reason, why)


def _write_pixels(job: Job, grid: TileGrid, writer: PartWriter) -> TileGrid:
    """Read tiles and write them; returns the damaged ones."""
    views, good = read_views(job, grid)
    if not good.any():
        _require_slide(job)
    writer.write(grid, views, good)
    return grid.only(grid.cells[~good])


def _cells(grid: TileGrid) -> list[Cell]:
    return [(column, row) for column, row in grid.cells.tolist()]


def _batches(part: Part) -> Iterator[TileGrid]:
    tiles = grid_of(part.job, part.cells)
    width, height = level_size(tiles)
    side = part.job.options.size
    largest = max(width * height, side**2 * len(part.job.options.views))
    step = max(1, min(_BATCH_TILES, int(_BATCH_BYTES / (4 * largest))))
    return (tiles[start : start + step] for start in range(0, len(tiles), step))


def _require_slide(job: Job) -> None:
    """Raise what is wrong where it is not the tiles but all of the slide."""
    with job.options.grid(job.source).slide:
        pass
