"""Tiles as shards of a WebDataset: tar files of an image and a JSON file for each.

The same tiles make the same bytes, whenever and by whomever they are written.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..output.whole import WholeFile, whole_file
from .facts import facts_of, json_of_tiles
from .plan import EXTENSIONS, grid_of, sample_key
from .tile_output import EncodedTiles, ShardOutput, encoded_tiles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..tiles import TileGrid
    from .plan import Job, Part


#: What all headers have in common, time 0 and owner nobody: what stands between their
#: name, size and checksum, and behind these.
_EMPTY = tarfile.TarInfo().tobuf(tarfile.USTAR_FORMAT)
_OWNER, _TIME, _REST = _EMPTY[100:124], _EMPTY[136:148], _EMPTY[156:]
_SUM = sum(_OWNER) + sum(_TIME) + 8 * ord(" ") + sum(_REST)  # it counts itself as blank

#: So much is written at once, at least.
_WRITTEN_BYTES = 1 << 19


class WebDatasetOutput(ShardOutput):
    """OUT/{slide}-{shard}.tar, a part each."""

    suffix = "tar"

    @contextmanager
    def writer(self, part: Part) -> Iterator[ShardWriter]:
        facts = facts_of(part.job, grid_of(part.job, part.cells))
        path = self.part_target(part.job, part.number)
        is_copied = part.job.options.format == "native"
        with whole_file(
            path, part.job.folder.aside, settled=True, copied=is_copied
        ) as file:
            yield ShardWriter(part.job, file, facts)
            file.write(bytes(2 * tarfile.BLOCKSIZE))
            file.write(bytes(-file.size % tarfile.RECORDSIZE))


class ShardWriter:
    """Adds samples to a tar file.

    facts: what the JSON of each of them says.
    """

    def __init__(self, job: Job, file: WholeFile, facts: dict[str, Any]) -> None:
        self._name = job.name
        suffix = EXTENSIONS[job.options.format]
        # WebDataset takes what follows the first dot of a name for its kind.
        self._suffixes = [
            f"{view[1:]}.{suffix}".lstrip(".") for view in job.options.views
        ]
        self._encoding = job.options.encoding()
        self._file = file
        self._facts = json.dumps(facts)[:-1]  # what varies is put at the end

    def write(
        self, grid: TileGrid, views: list[NDArray[np.uint8]], good: NDArray[np.bool_]
    ) -> None:
        self.write_files(grid, encoded_tiles(self._encoding, views, good))

    def write_files(self, grid: TileGrid, files: EncodedTiles) -> None:
        cells = grid.cells.tolist()
        tiles = list(json_of_tiles(grid))
        pieces: list[bytes] = []  # to be written at once
        size = 0
        for i, images in files:
            column, row = cells[i]
            key = sample_key(self._name, column, row)
            told = f"{self._facts}, {tiles[i][1:]}"
            pieces += _member(f"{key}.json", told.encode())
            for suffix, image in zip(self._suffixes, images, strict=True):
                pieces += _member(f"{key}.{suffix}", image)
                size += len(image)
            if size >= _WRITTEN_BYTES:
                self._file.write(b"".join(pieces))
                pieces, size = [], 0
        self._file.write(b"".join(pieces))


def _member(name: str, content: bytes) -> tuple[bytes, bytes, bytes]:
    """What a file in the archive is made of."""
    padding = bytes(-len(content) % tarfile.BLOCKSIZE)
    return _header(name, len(content)), content, padding


def _header(name: str, size: int) -> bytes:
    """What TarInfo.tobuf() makes, in a tenth of the time for usual names."""
    if len(name) >= 100 or not name.isascii():
        member = tarfile.TarInfo(name)
        member.size = size
        return member.tobuf(tarfile.PAX_FORMAT)
    named, sized = name.encode(), b"%011o\0" % size
    checksum = b"%06o\0 " % (_SUM + sum(named) + sum(sized))
    return b"".join((named.ljust(100, b"\0"), _OWNER, sized, _TIME, checksum, _REST))
