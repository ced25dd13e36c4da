"""Where TIFF slides keep their pixels, to damage them there."""

import struct
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

_DESCRIPTION = 270
_STRIP_OFFSETS, _STRIP_BYTE_COUNTS = 273, 279
_TILE_OFFSETS, _TILE_BYTE_COUNTS = 324, 325


class Extent(NamedTuple):
    """A part of a file."""

    offset: int
    length: int


def _tags(path: Path, directory: int) -> Any:
    with Image.open(path) as image:
        image.seek(directory)
        return image.tag_v2  # type: ignore[attr-defined]


def stored_tile(path: Path, index: int, directory: int = 0) -> Extent:
    """Where a tile of a directory is, which usually stores level 0."""
    tags = _tags(path, directory)
    return Extent(tags[_TILE_OFFSETS][index], tags[_TILE_BYTE_COUNTS][index])


def stored_label(path: Path) -> Extent:
    """Where the label of an Aperio slide is: a strip, last directory but one."""
    with Image.open(path) as image:
        image.seek(image.n_frames - 2)  # type: ignore[attr-defined]
        tags: Any = image.tag_v2  # type: ignore[attr-defined]
        assert "label" in tags[_DESCRIPTION]
        return Extent(tags[_STRIP_OFFSETS][0], tags[_STRIP_BYTE_COUNTS][0])


def blank(path: Path, extent: Extent) -> None:
    """Overwrite a part of a file with zeros."""
    with open(path, "r+b") as file:
        file.seek(extent.offset)
        file.write(bytes(extent.length))


def blank_tile(path: Path, index: int, directory: int = 0) -> None:
    """Make a stored tile of a directory no image at all."""
    blank(path, stored_tile(path, index, directory))


def empty_tile(path: Path, index: int, directory: int = 0) -> None:
    """Give a tile no bytes, in a little-endian file."""
    counts = _tags(path, directory)[_TILE_BYTE_COUNTS]
    table = struct.pack(f"<{len(counts)}I", *counts)
    data = path.read_bytes()
    assert len(counts) > 2
    assert data.count(table) == 1
    blank(path, Extent(data.index(table) + 4 * index, 4))
