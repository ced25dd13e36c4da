"""Tiles as a Zarr store for each slide: lossless, sharded, version 3.

    tiles       uint8 (n, height, width, 3), a chunk for each tile
    cells       int64 (n, 2), (column, row) in the grid
    positions   (n, 2), (x, y) of the top left corners in pixels of the level
    boxes       float64 (n, 4), (x, y, width, height) in level-0 pixels
    good        bool (n,), False for tiles that could not be read

The attributes of the group tell the slide, the level, the resolution and the programs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __library_version__, __version__
from .plan import facts_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..tiles import TileGrid
    from .plan import Job, Part


def _zarr() -> Any:
    try:
        import zarr
    except ImportError:
        raise ImportError(
            "Zarr stores need zarr; install it with "
            "`pip install openslide-native[zarr]`"
        ) from None
    return zarr


def _unfinished(job: Job) -> Path:
    """Where the store is until all its tiles are written."""
    return job.out / f".{job.name}.zarr.part"


def begin_store(job: Job, grid: TileGrid) -> None:
    """Make the store of a slide, without tiles."""
    import numpy as np

    zarr = _zarr()
    width, height = grid.size
    versions = {"openslide-native": __version__, "libopenslide": __library_version__}
    group = zarr.open_group(_unfinished(job), mode="w", zarr_format=3)
    group.attrs.update(facts_of(job, grid) | {"software": versions})
    part_tiles = min(job.options.part_tiles, max(1, len(grid)))
    group.create_array(
        "tiles",
        shape=(len(grid), height, width, 3),
        dtype=np.uint8,
        chunks=(1, height, width, 3),
        shards=(part_tiles, height, width, 3),
        compressors=zarr.codecs.ZstdCodec(level=1),
        dimension_names=("tile", "y", "x", "channel"),
    )
    arrays = {
        "cells": grid.cells,
        "positions": grid.positions,
        "boxes": grid.boxes,
        "good": np.ones(len(grid), bool),
    }
    for name, values in arrays.items():
        group.create_array(name, data=values)


def finish_store(job: Job, damaged: list[tuple[int, int]]) -> None:
    """Give the store its name, now that all tiles are there."""
    zarr = _zarr()
    group = zarr.open_group(_unfinished(job), mode="r+")
    if damaged:
        numbers = {tuple(cell): i for i, cell in enumerate(group["cells"][:].tolist())}
        good = group["good"][:]
        good[[numbers[cell] for cell in damaged]] = False
        group["good"][:] = good
    _unfinished(job).rename(job.out / f"{job.name}.zarr")


@contextmanager
def zarr_writer(part: Part) -> Iterator[TileCollector]:
    """Writes the tiles of a part as one shard, at the end."""
    import numpy as np

    collector = TileCollector()
    yield collector
    pixels = np.concatenate(collector.batches)
    group = _zarr().open_group(_unfinished(part.job), mode="r+")
    group["tiles"][part.start : part.start + len(pixels)] = pixels


class TileCollector:
    """Keeps tiles, damaged ones too: each has its place."""

    def __init__(self) -> None:
        self.batches: list[NDArray[np.uint8]] = []

    def write(
        self, grid: TileGrid, pixels: NDArray[np.uint8], good: NDArray[np.bool_]
    ) -> None:
        self.batches.append(pixels)
