"""Slides as lazy arrays: what is looked at is decoded, nothing is copied before.

    from openslide.array import open_zarr, to_dask

    group = open_zarr("slide.svs")           # a zarr.Group, OME-Zarr 0.5
    group["0/image"][:, 4096:4352, :256]     # uint8 (channel, y, x)
    pixels = to_dask("slide.svs", level=1)   # a dask array (y, x, channel)

The group looks like this, and whatever reads Zarr reads it:

    zarr.json       attributes: "ome" (multiscales in micrometres, channels), "openslide"
    0/image         uint8 (c, y, x), level 0; a chunk for each stored tile
    0/y, 0/x        float64, where the centres of the pixels are
    1/image ...     the next level

`slide://` URLs name it to programs that open URLs (fsspec finds them by this package's
entry point), here to xarray:

    xarray.open_datatree("slide:///data/slide.svs", engine="zarr", chunks={})

Zarr and fsspec come with `pip install openslide-native[zarr]`, Dask with
`openslide-native[dask]`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dask.array
    import zarr

__all__ = ["open_zarr", "to_dask"]


def open_zarr(
    path: str | os.PathLike[str], *, chunks: int | tuple[int, int] | None = None
) -> zarr.Group:
    """A slide as a read-only Zarr group, version 3, with the metadata of OME-NGFF 0.5.

    path:   a slide, as for openslide.open_slide().
    chunks: width and height of a chunk in pixels of the level, or one number for both;
            by default those of the tiles that the file has, several of them together
            where they are thin, and 512 where it tells none.

    Pixels are RGB over the slide's background colour.  Chunks are read, and slides
    opened, when they are asked for, also by several threads at once.  The group and
    its arrays can be pickled: they are opened again by path.  A slide that is replaced
    by another while it is open is refused.

    Raises ImportError without zarr and fsspec, ValueError for other chunks, and what
    opening the slide raises.  Reading raises what slide.read_array() does.
    """
    from .filesystem import open_group

    return open_group(path, chunks)


def to_dask(
    path: str | os.PathLike[str],
    *,
    level: int = 0,
    chunks: int | tuple[int, int] | None = None,
) -> dask.array.Array:
    """A level of a slide as a Dask array, uint8 (height, width, 3), read block by block.

    path:   a slide, as for openslide.open_slide().
    level:  which level.
    chunks: width and height of a block in pixels of the level, or one number for both;
            by default some whole tiles, 3072 pixels or a little less a side.

    The pixels are those of slide.read_array() over the slide's background colour.
    Tasks hold the path alone; each process opens a slide once for many of them.

    Raises ImportError without Dask, ValueError for other chunks or where there is no
    such level, and what opening the slide raises.
    """
    from .blocks import lazy_level

    return lazy_level(path, level, chunks)
