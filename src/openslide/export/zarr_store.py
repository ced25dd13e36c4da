"""Tiles as a Zarr store for each slide: lossless, sharded, version 3.

    tiles       uint8 (n, height, width, 3), a chunk for each tile
    cells       int64 (n, 2), (column, row) in the grid
    positions   (n, 2), (x, y) of the top left corners in pixels of the level
    boxes       float64 (n, 4), (x, y, width, height) in level-0 pixels
    good        bool (n,), False for tiles that could not be read

The attributes of the group tell the slide, the level, the resolution and the programs.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._library import __library_version__
from .._version import __version__
from ..output.whole import settle
from .plan import facts_of, grid_of, target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..tiles import TileGrid
    from .plan import Job, Part

#: What Zarr calls files that it has not put in place yet.
_ZARR_S_ASIDE = "*.partial"


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
    return job.folder.path / "store.zarr"


def begin_store(job: Job, grid: TileGrid) -> None:
    """Make the store of a slide, without tiles."""
    import numpy as np

    zarr = _zarr()
    width, height = grid.size
    versions = {"openslide-native": __version__, "libopenslide": __library_version__}
    group = zarr.open_group(_unfinished(job), mode="w", zarr_format=3)
    group.attrs.update(facts_of(job, grid) | {"software": versions})
    group.create_array(
        "tiles",
        shape=(len(grid), height, width, 3),
        dtype=np.uint8,
        chunks=(1, height, width, 3),
        shards=(job.options.shard_size, height, width, 3),
        compressors=zarr.codecs.ZstdCodec(level=1),
        dimension_names=("tile", "y", "x", "channel"),
    )
    arrays = {"cells": grid.cells, "positions": grid.positions, "boxes": grid.boxes}
    for name, values in arrays.items():
        group.create_array(name, data=values)


def remove_leftovers(job: Job, complete: Collection[int]) -> None:
    """Remove what processes were writing when they were killed.

    complete: numbers of the parts that are complete.
    """
    for file in _unfinished(job).rglob(_ZARR_S_ASIDE):
        file.unlink()
    for shard in (_unfinished(job) / "tiles" / "c").glob("*"):
        if int(shard.name) not in complete:
            shutil.rmtree(shard)


def finish_store(job: Job, damaged: list[tuple[int, int]]) -> None:
    """Give the store its name, now that all tiles are there."""
    store = _unfinished(job)
    if not store.exists():
        return  # it has got it, just before the program was killed
    group = _zarr().open_group(store, mode="r+")
    cells = group["cells"][:].tolist()
    skipped = set(damaged)
    good = [(column, row) not in skipped for column, row in cells]
    group.create_array("good", data=_bools(good), overwrite=True)
    settle(_files(store))
    store.rename(target(job))
    settle([target(job) / "zarr.json"])


def _bools(values: list[bool]) -> NDArray[np.bool_]:
    import numpy as np

    return np.array(values, bool)


@contextmanager
def zarr_writer(part: Part) -> Iterator[TileCollector]:
    """Writes the tiles of a part as one shard, at the end."""
    import numpy as np

    width, height = grid_of(part.job, part.cells).size
    collector = TileCollector(np.empty((len(part.cells), height, width, 3), np.uint8))
    yield collector
    group = _zarr().open_group(_unfinished(part.job), mode="r+")
    group["tiles"][part.start : part.start + len(part.cells)] = collector.tiles
    settle(_files(_unfinished(part.job) / "tiles" / "c" / str(part.number)))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


class TileCollector:
    """Keeps tiles, damaged ones too: each has its place.

    tiles: an array to put them in.
    """

    def __init__(self, tiles: NDArray[np.uint8]) -> None:
        self.tiles = tiles
        self._end = 0

    def write(
        self, grid: TileGrid, pixels: NDArray[np.uint8], good: NDArray[np.bool_]
    ) -> None:
        start = self._end
        self._end += len(pixels)
        self.tiles[start : self._end] = pixels
