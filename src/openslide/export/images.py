"""Tiles as files in a folder for each slide, and a table that tells where each is from."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..output.whole import begin_to_settle, settle, write_whole
from .facts import table
from .plan import EXTENSIONS, grid_of, sample_key
from .tile_output import EncodedTiles, FileOutput, Noted, encoded_tiles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..tiles import TileGrid
    from .cells import Cells
    from .plan import Job, Part

#: So many files at least, if not fewer are left.
_SETTLED_TOGETHER = 32


class ImagesOutput(FileOutput):
    """OUT/{slide}/{slide}_{column}_{row}.jpg, each whole or not at all; OUT/{slide}.csv."""

    def targets(self, job: Job) -> list[Path]:
        return [job.base, _table_path(job)]

    @contextmanager
    def writer(self, part: Part) -> Iterator[ImagesWriter]:
        writer = ImagesWriter(part)
        yield writer
        settle(writer.written)

    def present(self, job: Job, parts: Collection[Part], noted: Noted) -> set[int]:
        there = _names_in(job.base)
        return {
            part.number
            for part in parts
            if all(
                there.issuperset(image_names(job, column, row))
                or (column, row) in noted.damaged
                for column, row in part.cells
            )
        }

    def finish(
        self, job: Job, cells: Cells, damaged: Collection[tuple[int, int]]
    ) -> list[Path]:
        files = [
            ""
            if (column, row) in damaged
            else f"{job.name}/{image_names(job, column, row)[0]}"
            for column, row in cells
        ]
        content = table(job, grid_of(job, cells), files)
        write_whole(_table_path(job), content, job.folder.aside, settled=True)
        return [_table_path(job)]

    def lacks(self, job: Job, summary: dict[str, Any]) -> str | None:
        lost = super().lacks(job, summary)
        if lost is not None:
            return lost
        there = _names_in(job.base)
        rows = csv.DictReader(io.StringIO(_table_path(job).read_text()))
        names = (
            name
            for row in rows
            for name in image_names(job, int(row["column"]), int(row["row"]))
        )
        return next((name for name in names if name not in there), None)


def image_names(job: Job, column: int, row: int) -> list[str]:
    """Of the files of a tile, by TileOptions.views."""
    key = sample_key(job.name, column, row)
    suffix = EXTENSIONS[job.options.format]
    return [f"{key}{view}.{suffix}" for view in job.options.views]


def _table_path(job: Job) -> Path:
    return job.out / f"{job.name}.csv"


def _names_in(folder: Path) -> set[str]:
    return set(os.listdir(folder)) if folder.is_dir() else set()


class ImagesWriter:
    """Writes a file for each tile.

    Attributes:
        written: all of them.
    """

    def __init__(self, part: Part) -> None:
        self.written: list[Path] = []
        self._job = part.job
        self._encoding = part.job.options.encoding()
        self._aside = part.job.folder.aside
        part.job.base.mkdir(parents=True, exist_ok=True)

    def write(
        self, grid: TileGrid, views: list[NDArray[np.uint8]], good: NDArray[np.bool_]
    ) -> None:
        self.write_files(grid, encoded_tiles(self._encoding, views, good))

    def write_files(self, grid: TileGrid, files: EncodedTiles) -> None:
        start = len(self.written)
        for i, images in files:
            names = image_names(self._job, *grid.cells[i].tolist())
            for name, image in zip(names, images, strict=True):
                write_whole(self._job.base / name, image, self._aside)
                self.written.append(self._job.base / name)
            if len(self.written) - start >= _SETTLED_TOGETHER:
                begin_to_settle(self.written[start:])
                start = len(self.written)
        begin_to_settle(self.written[start:])
