"""Tiles as a Zarr store for each slide: lossless, sharded, version 3.

    tiles       uint8 (n, height, width, 3), a chunk for each tile
    tiles-mpp2  the same of their context, where that is asked for
    cells       int64 (n, 2), (column, row) in the grid
    positions   (n, 2), (x, y) of the top left corners in pixels of the level
    boxes       float64 (n, 4), (x, y, width, height) in level-0 pixels
    microns     float64 (n, 4), the same in microns; not-a-number where that is unknown
    class_shares
                float32 (n, classes), how much of a tile each of the classes of the mask
                covers, which the attributes name; only where there are some
    good        bool (n,), False for tiles that could not be read

The attributes of the group are those of facts.facts_of(), and the programs.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._extras import zarr
from .._library import versions
from ..output.whole import settle
from .facts import facts_of
from .plan import grid_of, part_size
from .tile_output import Noted, TileOutput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..tiles import TileGrid
    from .cells import Cells
    from .plan import Job, Part

#: What Zarr calls files that it has not put in place yet.
_ZARR_S_ASIDE = "*.partial"


_METADATA = "zarr.json"

#: Arrays beside the tiles, and what TileGrid calls them.
_TABLES = {
    "cells": "cells",
    "positions": "positions",
    "boxes": "boxes",
    "microns": "micron_boxes",
}


class ZarrOutput(TileOutput):
    """OUT/{slide}.zarr, a shard for each part."""

    def targets(self, job: Job) -> list[Path]:
        return [_finished(job)]

    def begin(self, job: Job, grid: TileGrid, is_begun: bool) -> None:
        store = _unfinished(job)
        if is_begun and _finished(job).exists() and not store.exists():
            _finished(job).rename(store)  # some of it is to be written again
            if _is_whole(store):
                _write_tables(zarr().open_group(store, mode="r+"), grid)
        if not (is_begun and _is_whole(store)):
            _make_store(job, grid)

    @contextmanager
    def writer(self, part: Part) -> Iterator[TileCollector]:
        import numpy as np

        width, height = grid_of(part.job, part.cells).size
        shape = (len(part.cells), height, width, 3)
        names = _tile_arrays(part.job)
        collector = TileCollector([np.empty(shape, np.uint8) for _ in names])
        yield collector
        group = zarr().open_group(_unfinished(part.job), mode="r+")
        for name, tiles in zip(names, collector.views, strict=True):
            group[name][part.start : part.start + len(part.cells)] = tiles
            settle(_files(_shard(part.job, name, part.number)))

    def present(self, job: Job, parts: Collection[Part], noted: Noted) -> set[int]:
        return {part.number for part in parts if _is_shard_whole(part, noted)}

    def discard(self, job: Job, parts: Collection[Part]) -> None:
        for part in parts:
            for name in _tile_arrays(job):
                with suppress(FileNotFoundError):
                    shutil.rmtree(_shard(job, name, part.number))

    def finish(
        self, job: Job, cells: Cells, damaged: Collection[tuple[int, int]]
    ) -> list[Path]:
        store = _unfinished(job)
        if store.exists():  # else it has its name, just before the program was killed
            group = zarr().open_group(store, mode="r+")
            good = [cell not in damaged for cell in cells]
            group.create_array("good", data=_bools(good), overwrite=True)
            for file in store.rglob(_ZARR_S_ASIDE):
                file.unlink()
            settle(_files(store))
            store.rename(_finished(job))
            settle([_finished(job) / _METADATA])
        return _files(_finished(job))


def _finished(job: Job) -> Path:
    return job.out / f"{job.name}.zarr"


def _unfinished(job: Job) -> Path:
    """Where the store is until all its tiles are written."""
    return job.folder.path / "store.zarr"


def _tile_arrays(job: Job) -> list[str]:
    return [f"tiles{view}" for view in job.options.views]


def _shard(job: Job, name: str, number: int) -> Path:
    return _unfinished(job) / name / "c" / str(number)


def _is_shard_whole(part: Part, noted: Noted) -> bool:
    store, finished = _unfinished(part.job), _finished(part.job).name
    shards = [_files(_shard(part.job, n, part.number)) for n in _tile_arrays(part.job)]
    return all(shards) and all(
        noted.is_whole(file, f"{finished}/{file.relative_to(store)}")
        for files in shards
        for file in files
    )


def _is_whole(store: Path) -> bool:
    """Whether all is there but for the tiles."""
    return all((store / name / _METADATA).is_file() for name in ("", "tiles", *_TABLES))


def _make_store(job: Job, grid: TileGrid) -> None:
    """Make the store of a slide, without tiles."""
    import numpy as np

    width, height = grid.size
    # Put in place at once, for several runs may begin with parts of a slide.
    fresh = job.folder.aside / f"store-{os.urandom(6).hex()}.zarr"
    group = zarr().open_group(fresh, mode="w", zarr_format=3)
    group.attrs.update(facts_of(job, grid) | {"software": versions()})
    for name in _tile_arrays(job):
        group.create_array(
            name,
            shape=(len(grid), height, width, 3),
            dtype=np.uint8,
            chunks=(1, height, width, 3),
            shards=(part_size(job.options), height, width, 3),
            compressors=zarr().codecs.ZstdCodec(level=1),
            dimension_names=("tile", "y", "x", "channel"),
        )
    _write_tables(group, grid)
    store = _unfinished(job)
    if store.exists() and not _is_whole(store):
        shutil.rmtree(store)
    try:
        fresh.rename(store)
    except OSError:
        if not _is_whole(store):  # else another run was faster
            raise


def _write_tables(group: Any, grid: TileGrid) -> None:
    for name, attribute in _TABLES.items():
        group.create_array(name, data=getattr(grid, attribute), overwrite=True)
    if grid.classes:
        group.create_array("class_shares", data=grid.class_shares, overwrite=True)


def _bools(values: list[bool]) -> NDArray[np.bool_]:
    import numpy as np

    return np.array(values, bool)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


class TileCollector:
    """Keeps tiles, damaged ones too: each has its place.

    views: arrays to put them in, by TileOptions.views.
    """

    def __init__(self, views: list[NDArray[np.uint8]]) -> None:
        self.views = views
        self._end = 0

    def write(
        self, grid: TileGrid, views: list[NDArray[np.uint8]], good: NDArray[np.bool_]
    ) -> None:
        start = self._end
        self._end += len(good)
        for kept, pixels in zip(self.views, views, strict=True):
            kept[start : self._end] = pixels
