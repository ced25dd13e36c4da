"""Tiles as shards of a WebDataset: tar files of an image and a JSON file for each.

The same tiles make the same bytes, whenever and by whomever they are written.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

from .encoding import EXTENSIONS, encode
from .journal import written_aside
from .plan import facts_of, grid_of, sample_key

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..tiles import TileGrid
    from .plan import Job, Part


@contextmanager
def shard_writer(part: Part) -> Iterator[ShardWriter]:
    """Writes the samples of a part to OUT/{slide}-{shard}.tar."""
    path = part.job.out / f"{part.job.name}-{part.number:06}.tar"
    with (
        written_aside(part.job, path) as aside,
        tarfile.open(aside, "w", format=tarfile.PAX_FORMAT) as tar,
    ):
        yield ShardWriter(
            part.job, tar, facts_of(part.job, grid_of(part.job, part.cells))
        )


class ShardWriter:
    """Adds samples to a tar file.

    facts: what the JSON of each of them says.
    """

    def __init__(self, job: Job, tar: tarfile.TarFile, facts: dict[str, Any]) -> None:
        self._job = job
        self._tar = tar
        self._facts = facts

    def write(
        self, grid: TileGrid, pixels: NDArray[np.uint8], good: NDArray[np.bool_]
    ) -> None:
        options = self._job.options
        for tile, cell, location in zip(
            pixels[good],
            grid.cells[good].tolist(),
            grid.locations[good].tolist(),
            strict=True,
        ):
            key = sample_key(self._job.name, *cell)
            told = self._facts | {"cell": cell, "location": location}
            self._add(f"{key}.json", json.dumps(told).encode())
            self._add(f"{key}.{EXTENSIONS[options.format]}", encode(tile, options))

    def _add(self, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)  # its time is 0, its owner nobody
        member.size = len(content)
        self._tar.addfile(member, BytesIO(content))
