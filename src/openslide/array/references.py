"""Virtual stores: OME-Zarr whose chunks are the JPEG tiles of a slide, where they lie.

A document in the form of kerchunk's version 1 names file, offset and length of each
tile; fsspec's "reference" files show it as the store that it describes.  No pixel is
decoded or copied to write it.
"""

from __future__ import annotations

import json
import os
from base64 import b64encode
from pathlib import Path
from typing import Any, NamedTuple

from .._abstract_slide import AbstractSlide
from .._extras import zarr
from .._properties import background_color
from .._slide import OpenSlide
from ..native import ByteRange, NativeTiles, NotNativeError
from ..output.whole import write_whole
from . import ngff
from .pyramid import Pyramid, pyramid_of


class ReferenceSummary(NamedTuple):
    """What was written.

    Attributes:
        levels: numbers of the slide's levels that the store has, as levels from 0 on.
        left_out: why it has not the others, by number.
        tiles: how many are referred to.
    """

    levels: list[int]
    left_out: dict[int, str]
    tiles: int


class _LevelError(ValueError):
    """A level cannot be referred to; says why."""


def write_references(
    slide: AbstractSlide, path: str | os.PathLike[str], out: Path
) -> ReferenceSummary:
    """Write the virtual store of a slide.

    path: of the slide's file.
    out:  the JSON file to write, whole or not at all.  It names the slide's files by
          their absolute paths, once each, under "templates".

    Raises ImportError without Zarr, ValueError where no level can be referred to, and
    what writing the file raises.
    """
    zarr()
    if not isinstance(slide, OpenSlide):
        raise ValueError(f"{os.fspath(path)} is a picture, whose pixels are no tiles")
    levels, left_out = _levels_of(slide)
    if not levels:
        reasons = "; ".join(f"level {n}: {why}" for n, why in left_out.items())
        raise ValueError(
            f"{os.fspath(path)} has no level whose tiles stand by themselves "
            f"({reasons}); convert it without --virtual"
        )
    name = Path(path).name
    document = _document(slide, pyramid_of(slide, None), name, levels)
    write_whole(out, json.dumps(document).encode())
    tiles = sum(isinstance(value, list) for value in document["refs"].values())
    return ReferenceSummary(list(levels), left_out, tiles)


class _Tiles(NamedTuple):
    """The tiles of a level, and where each lies, row by row."""

    tiles: NativeTiles
    ranges: list[ByteRange | None]


def _levels_of(slide: OpenSlide) -> tuple[dict[int, _Tiles], dict[int, str]]:
    """Levels that can be referred to, and why the others cannot."""
    levels, left_out = {}, {}
    for number in range(slide.level_count):
        try:
            levels[number] = _tiles_of(slide, number)
        except (NotNativeError, _LevelError) as error:
            left_out[number] = getattr(error, "reason", str(error))
    return levels, left_out


def _tiles_of(slide: OpenSlide, level: int) -> _Tiles:
    tiles = slide.native_tiles(level)
    if tiles.origin != (0, 0):
        raise _LevelError("its tiles do not begin at the level's corner")
    columns, rows = tiles.shape
    cells = [(column, row) for row in range(rows) for column in range(columns)]
    ranges = tiles.byte_ranges(cells)
    if None in ranges and _grey(slide) is None:
        raise _LevelError(
            "it has holes, and chunks that are missing cannot have the slide's "
            f"background, {background_color(slide.properties)}"
        )
    return _Tiles(tiles, ranges)


def _grey(slide: OpenSlide) -> int | None:
    """The slide's background as the one number that a Zarr array fills holes with."""
    color = background_color(slide.properties).removeprefix("#")
    red, green, blue = bytes.fromhex(color)
    return red if red == green == blue else None


def _document(
    slide: OpenSlide, pyramid: Pyramid, name: str, levels: dict[int, _Tiles]
) -> dict[str, Any]:
    from .codec import StoredJpeg

    kept = pyramid.cut(
        {number: found.tiles.tile_size for number, found in levels.items()}
    )
    store = zarr().storage.MemoryStore()
    attributes = ngff.attributes(slide, kept, name)
    group = ngff.create_group(
        store,
        attributes,
        kept,
        lambda level: ngff.interleaved(
            serializer=StoredJpeg.of(levels[level.number].tiles),
            fill_value=_grey(slide) or 0,
        ),
    )
    ngff.write_centres(group, kept)
    templates: dict[str, str] = {}
    references: dict[str, Any] = {
        key: _inlined(content) for key, content in ngff.files_of(store).items()
    }
    for number, (tiles, ranges) in levels.items():
        columns, _ = tiles.shape
        for i, found in enumerate(ranges):
            if found is not None:
                row, column = divmod(i, columns)
                key = f"{number}/{ngff.IMAGE}/c/0/{row}/{column}"
                url = _template(templates, found.path)
                references[key] = [url, found.offset, found.length]
    return {
        "version": 1,
        "templates": {name: url for url, name in templates.items()},
        "refs": references,
    }


def _template(templates: dict[str, str], path: str) -> str:
    """A short name for the URL of a file."""
    name = templates.setdefault(f"file://{path}", f"file{len(templates)}")
    return "{{" + name + "}}"


def _inlined(content: bytes) -> str:
    """Bytes within a document, as fsspec takes them."""
    return "base64:" + b64encode(content).decode()
