"""Levels as Dask arrays."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .. import _arrays
from .._extras import missing
from .pyramid import (
    Sides,
    SlideFile,
    large_chunk,
    pyramid_of,
    read_block,
    shared_slide,
)

if TYPE_CHECKING:
    import dask.array
    import numpy as np
    from numpy.typing import NDArray

#: Sides of a block, at most, in pixels: 28 megabytes, so that what Dask does for each block
#: takes little of the time, and a block as float64 has room in any memory.
_BLOCK_SIDE = 3072


def lazy_level(
    path: str | os.PathLike[str], level: int, chunks: Sides
) -> dask.array.Array:
    """What openslide.array.to_dask() gives."""
    np = _arrays.numpy()
    try:
        import dask.array
    except ImportError:
        raise missing("Dask arrays need dask", "dask") from None
    slide = shared_slide(SlideFile.of(path))
    number = _arrays.one_level(level, slide.level_count)
    found = pyramid_of(slide, chunks).levels[number]
    width, height = (
        found.chunk if chunks is not None else large_chunk(found, _BLOCK_SIDE)
    )
    shape = (*reversed(found.size), 3)
    dask_core: Any = dask.array.core  # which tells no types
    return dask_core.map_blocks(  # type: ignore[no-any-return]
        _read,
        path=os.path.abspath(path),
        level=number,
        chunks=dask_core.normalize_chunks((height, width, 3), shape),
        dtype=np.uint8,
        meta=np.empty((0, 0, 0), np.uint8),
    )


def _read(
    path: str, level: int, block_info: dict[Any, dict[str, Any]]
) -> NDArray[np.uint8]:
    """The pixels of a block, whose place Dask tells."""
    (top, bottom), (left, right), _ = block_info[None]["array-location"]
    size = right - left, bottom - top
    return read_block(SlideFile.of(path), level, (left, top), size)
