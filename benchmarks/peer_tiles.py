"""What `openslide tiles --to webdataset` does, written with openslide-python.

    python peer_tiles.py SLIDE OUT SIZE MPP QUALITY ROWS WORKERS

A pool of processes with a slide each; a task is a shard of a few rows of tiles.  This
file stands alone, for it runs in the environment of openslide-python.
"""

from __future__ import annotations

import io
import json
import math
import sys
import tarfile
from multiprocessing import Pool
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

import openslide

_SHARD_TILES = 512
_TOLERANCE = 0.02  # a level that differs by less is as good


class Plan(NamedTuple):
    """How tiles are cut: read_size level pixels become size pixels."""

    path: str
    out: str
    size: int
    quality: int
    mpp: float
    level: int
    read_size: int
    step: float  # from tile to tile, in level-0 pixels
    columns: int
    rows: int


_state: dict[str, Any] = {}


def plan(path: str, out: str, size: int, mpp: float, quality: int, rows: int) -> Plan:
    with openslide.OpenSlide(path) as slide:
        slide_mpp = float(slide.properties[openslide.PROPERTY_NAME_MPP_X])
        downsample = mpp / slide_mpp
        level = slide.get_best_level_for_downsample(downsample * (1 + _TOLERANCE))
        factor = downsample / slide.level_downsamples[level]
        read_size = round(size * factor) if abs(factor - 1) > _TOLERANCE else size
        step = read_size * slide.level_downsamples[level]
        columns, all_rows = (math.ceil(side / step) for side in slide.dimensions)
    rows = min(rows or all_rows, all_rows)
    return Plan(path, out, size, quality, mpp, level, read_size, step, columns, rows)


def begin(todo: Plan) -> None:
    """In a process of the pool."""
    _state["plan"] = todo
    _state["slide"] = openslide.OpenSlide(todo.path)


def write_shard(rows: range) -> int:
    todo: Plan = _state["plan"]
    name = Path(todo.path).stem
    with tarfile.open(f"{todo.out}/{name}-{rows.start:06}.tar", "w") as tar:
        for row in rows:
            for column in range(todo.columns):
                x, y = round(column * todo.step), round(row * todo.step)
                key = f"{name}_{column}_{row}"
                about = {
                    "slide": todo.path,
                    "location": [x, y],
                    "level": todo.level,
                    "mpp": todo.mpp,
                }
                add(tar, f"{key}.json", json.dumps(about).encode())
                add(tar, f"{key}.jpg", encoded(read(x, y), todo.quality))
    return len(rows) * todo.columns


def read(x: int, y: int) -> Image.Image:
    todo: Plan = _state["plan"]
    side = todo.read_size
    region = _state["slide"].read_region((x, y), todo.level, (side, side))
    tile: Image.Image = region.convert("RGB")
    if side != todo.size:
        tile = tile.resize((todo.size, todo.size), Image.Resampling.BICUBIC)
    return tile


def encoded(tile: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    tile.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def main() -> None:
    path, out, size, mpp, quality, rows, workers = sys.argv[1:]
    Path(out).mkdir(parents=True)
    todo = plan(path, out, int(size), float(mpp), int(quality), int(rows))
    step = max(1, _SHARD_TILES // todo.columns)
    shards = [
        range(start, min(start + step, todo.rows))
        for start in range(0, todo.rows, step)
    ]
    with Pool(int(workers), begin, (todo,)) as pool:
        tiles = sum(pool.imap_unordered(write_shard, shards))
    print(f"{tiles} tiles")


if __name__ == "__main__":
    main()
