"""Tiles as files in a folder for each slide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._aside import written_aside
from .encoding import EXTENSIONS, encode
from .plan import sample_key, target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..tiles import TileGrid
    from .plan import Part


class ImagesWriter:
    """Writes OUT/{slide}/{slide}_{column}_{row}.jpg, each whole or not at all."""

    def __init__(self, part: Part) -> None:
        self._job = part.job
        self._folder = target(part.job)
        self._folder.mkdir(parents=True, exist_ok=True)

    def write(
        self, grid: TileGrid, pixels: NDArray[np.uint8], good: NDArray[np.bool_]
    ) -> None:
        options = self._job.options
        for i in good.nonzero()[0]:
            key = sample_key(self._job.name, *grid.cells[i].tolist())
            path = self._folder / f"{key}.{EXTENSIONS[options.format]}"
            with written_aside(path, self._job.workspace) as aside:
                aside.write_bytes(encode(pixels[i], options))
