"""Working off one part: tiles are read in batches and given to a writer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .plan import Part, grid_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..tiles import TileGrid

#: So many tiles are read at once: enough for the reads to be put in order, few
#: enough for the memory of a process to stay small.
_BATCH_TILES = 32


class PartWriter(Protocol):
    """Takes the tiles of a part, a batch after another."""

    def write(
        self, grid: TileGrid, pixels: NDArray[np.uint8], good: NDArray[np.bool_]
    ) -> None:
        """Write the good ones of the tiles of `grid`."""


class PartResult(NamedTuple):
    """What became of a part.

    Attributes:
        tiles: how many tiles it has, damaged ones included.
        damaged: (column, row) of those that could not be read.
    """

    tiles: int
    damaged: list[tuple[int, int]]


def export_part(part: Part) -> PartResult:
    """Read and write the tiles of a part.

    Raises OpenSlideError where the slide cannot be opened any more, and OSError
    where files cannot be written; what was there before is then still there.
    """
    damaged: list[tuple[int, int]] = []
    with _writer(part) as writer:
        for start in range(0, len(part.cells), _BATCH_TILES):
            grid = grid_of(part.job, part.cells[start : start + _BATCH_TILES])
            pixels, good = grid.read_masked()
            writer.write(grid, pixels, good)
            damaged += [(column, row) for column, row in grid.cells[~good].tolist()]
    return PartResult(len(part.cells), damaged)


def _writer(part: Part) -> AbstractContextManager[PartWriter]:
    match part.job.options.to:
        case "images":
            from .images import ImagesWriter

            return nullcontext(ImagesWriter(part))
        case "webdataset":
            from .webdataset import shard_writer

            return shard_writer(part)
        case "zarr":
            from .zarr_store import zarr_writer

            return zarr_writer(part)


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A path to write to, whose file takes the place of `path` when all went well.

    The name holds the number of the process: one that was left behind by a killed
    program may still be at work.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield aside
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
