"""Tiles as Parquet files, which Hugging Face's datasets take for a dataset of images.

    image        struct of `bytes`, an image file, and `path`, what it would be called
    image-mpp2   the same of their context
    slide, level, mpp, column, row, x, y, width, height, ...
                 as in the tables beside images, and the columns of the manifest

What is told of the slide (facts.facts_of()) is in the metadata of each file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .._extras import missing
from ..output.whole import settle
from .facts import columns_of, facts_of, row_of, tiles_of
from .plan import EXTENSIONS, Job, Part, grid_of, sample_key
from .tile_output import EncodedTiles, ShardOutput, encoded_tiles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..tiles import TileGrid

#: Rows are read by groups.  So many are what Hugging Face writes of images; fewer where
#: they are large.
_GROUP_ROWS = 100
_GROUP_BYTES = 32 << 20

#: Of columns; others are float64.
_TYPES = {"column": "int64", "row": "int64", "class": "string"}


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise missing("Parquet files need pyarrow", "parquet") from None
    return pyarrow


class ParquetOutput(ShardOutput):
    """OUT/{slide}-{number}.parquet, a part each."""

    suffix = "parquet"

    def begin(self, job: Job, grid: TileGrid, is_begun: bool) -> None:
        _pyarrow()  # raises before anything is read in vain

    @contextmanager
    def writer(self, part: Part) -> Iterator[ParquetWriter]:
        job = part.job
        schema = _schema(job, grid_of(job, part.cells))
        path = self.part_target(job, part.number)
        aside = job.folder.aside / f"{os.urandom(6).hex()}.parquet"
        images = [f"image{view}.bytes" for view in job.options.views]
        with _pyarrow().parquet.ParquetWriter(
            aside,
            schema,
            # Image files are compressed already.
            compression=dict.fromkeys(images, "none") | _compressed(schema),
            use_dictionary=[name for name in schema.names if name not in images],
            write_page_index=True,
        ) as file:
            writer = ParquetWriter(job, file, schema)
            yield writer
            writer.flush()
        settle([aside])
        aside.replace(path)
        settle([path])


class ParquetWriter:
    """Writes rows by groups."""

    def __init__(self, job: Job, file: Any, schema: Any) -> None:
        self._job = job
        self._file = file
        self._schema = schema
        self._encoding = job.options.encoding()
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0

    def write(
        self, grid: TileGrid, views: list[NDArray[np.uint8]], good: NDArray[np.bool_]
    ) -> None:
        self.write_files(grid, encoded_tiles(self._encoding, views, good))

    def write_files(self, grid: TileGrid, files: EncodedTiles) -> None:
        tiles = list(tiles_of(grid))
        same = _same(self._job, grid)
        suffix = EXTENSIONS[self._job.options.format]
        for i, images in files:
            key = sample_key(self._job.name, *tiles[i]["cell"])
            row = same | row_of(tiles[i])
            for view, image in zip(self._job.options.views, images, strict=True):
                row[f"image{view}"] = {"bytes": image, "path": f"{key}{view}.{suffix}"}
                self._bytes += len(image)
            self._rows.append(row)
            if len(self._rows) == _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
                self.flush()

    def flush(self) -> None:
        """Write what is left as a group of its own."""
        if self._rows:
            table = _pyarrow().Table.from_pylist(self._rows, self._schema)
            self._file.write_table(table, row_group_size=len(self._rows))
            self._rows, self._bytes = [], 0


def _same(job: Job, grid: TileGrid) -> dict[str, Any]:
    """The columns that are the same for all tiles of a slide."""
    mpp = None if grid.mpp is None else grid.mpp[0]
    return {"slide": job.path.name, "level": grid.level, "mpp": mpp, **job.columns}


def _schema(job: Job, grid: TileGrid) -> Any:
    """Types of the columns, and the metadata that Hugging Face's datasets look for."""
    arrow = _pyarrow()
    image = arrow.struct({"bytes": arrow.binary(), "path": arrow.string()})
    types = {f"image{view}": image for view in job.options.views}
    types |= {"slide": arrow.string(), "level": arrow.int64(), "mpp": arrow.float64()}
    types |= {
        name: getattr(arrow, _TYPES.get(name, "float64"))() for name in columns_of(grid)
    }
    types |= dict.fromkeys(job.columns, arrow.string())
    features = {
        name: {"_type": "Image"}
        if kind == image
        else {"dtype": _dtype(arrow, kind), "_type": "Value"}
        for name, kind in types.items()
    }
    metadata = {
        "huggingface": json.dumps({"info": {"features": features}}),
        "openslide": json.dumps(facts_of(job, grid)),
    }
    return arrow.schema(types, metadata)


def _dtype(arrow: Any, kind: Any) -> str:
    return "float64" if kind == arrow.float64() else str(kind)


def _compressed(schema: Any) -> dict[str, str]:
    """Columns that are worth compressing."""
    return {
        f"{field.name}.path" if field.name.startswith("image") else field.name: "zstd"
        for field in schema
    }
