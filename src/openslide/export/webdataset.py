"""Tiles as shards of a WebDataset: tar files of an image and a JSON file for each.

The same tiles make the same bytes, whenever and by whomever they are written.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

from .encoding import EXTENSIONS, encode
from .folders import sample_key
from .part import written_aside
from .plan import facts_of

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
        written_aside(path) as aside,
        tarfile.open(aside, "w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        yield ShardWriter(part.job, tar)


class ShardWriter:
    """Adds samples to a tar file."""

    def __init__(self, job: Job, tar: tarfile.TarFile) -> None:
        self._job = job
        self._tar = tar

    def write(
        self, grid: TileGrid, pixels: NDArray[np.uint8], good: NDArray[np.bool_]
    ) -> None:
        options = self._job.options
        facts = facts_of(self._job, grid)
        locations = grid.locations
        for i in good.nonzero()[0]:
            key = sample_key(self._job.name, grid.cells[i])
            told = facts | {
                "cell": grid.cells[i].tolist(),
                "location": locations[i].tolist(),
            }
            self._add(f"{key}.json", json.dumps(told).encode())
            self._add(f"{key}.{EXTENSIONS[options.format]}", encode(pixels[i], options))

    def _add(self, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)  # its time is 0, its owner nobody
        member.size = len(content)
        self._tar.addfile(member, BytesIO(content))
