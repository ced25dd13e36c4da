"""Working off one part: tiles are read in batches and given to a writer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from .._errors import OpenSlideError
from ..output.telling import reason_of, without_path
from .native import copy_tiles
from .plan import Job, Part, grid_of, level_size
from .slide_work import PartResult
from .tile_output import EncodedTiles, FileOutput, encoded_tiles, output_for
from .views import read_views

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
            views, good = _read(part.job, grid)
            writer.write(grid, views, good)
            bad = grid.only(grid.cells[~good])
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


class _Copying:
    """Tiles of a part as files: copied where they can be, else encoded.

    Attributes:
        damaged: (column, row) of those that could not be read either.
        encoded: of those that were encoded.
        reason: why the first of these could not be copied.
        damage_reason: why the first of the damaged ones could not be read.
    """

    def __init__(self, part: Part) -> None:
        self.damaged: list[Cell] = []
        self.encoded: list[Cell] = []
        self.reason = self.damage_reason = ""
        self._part = part
        self._encoding = part.job.options.encoding()

    def files(self) -> EncodedTiles:
        """As they are made, by their numbers in the part."""
        start = 0
        for grid in _batches(self._part):
            copies = copy_tiles(grid)
            for i, stream in copies.streams.items():
                yield start + i, [stream]
            if copies.rest:
                rest = grid.only(grid.cells[copies.rest])
                for i, images in self._encode(rest, copies.reason):
                    yield start + copies.rest[i], images
            start += len(grid)

    def _encode(self, grid: TileGrid, reason: str) -> EncodedTiles:
        views, good = _read(self._part.job, grid)
        bad = grid.only(grid.cells[~good])
        self.damaged += _cells(bad)
        self.damage_reason = self.damage_reason or _why_unreadable(self._part.job, bad)
        if good.any():
            self.encoded += _cells(grid.only(grid.cells[good]))
            self.reason = self.reason or reason
        return encoded_tiles(self._encoding, views, good)


def _copy_part(part: Part, output: FileOutput) -> PartResult:
    """The same, of native tiles."""
    copying = _Copying(part)
    with output.writer(part) as writer:
        writer.write_files(grid_of(part.job, part.cells), copying.files())
    return PartResult(
        len(part.cells),
        copying.damaged,
        copying.encoded,
        copying.reason,
        copying.damage_reason,
    )


def _read(
    job: Job, grid: TileGrid
) -> tuple[list[NDArray[np.uint8]], NDArray[np.bool_]]:
    """Tiles in all views, and which of them could be read."""
    views, good = read_views(job, grid)
    if not good.any():
        _require_slide(job)
    return views, good


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
