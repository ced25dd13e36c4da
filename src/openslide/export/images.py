"""Tiles as files in a folder for each slide."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..output.whole import begin_to_settle, settle, write_whole
from .plan import EXTENSIONS, sample_key, target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..tiles import TileGrid
    from .plan import Part


@contextmanager
def images_writer(part: Part) -> Iterator[ImagesWriter]:
    """Writes OUT/{slide}/{slide}_{column}_{row}.jpg, each whole or not at all."""
    writer = ImagesWriter(part)
    yield writer
    settle(writer.written)


class ImagesWriter:
    """Writes a file for each tile.

    Attributes:
        written: all of them.
    """

    def __init__(self, part: Part) -> None:
        self.written: list[Path] = []
        self._name = part.job.name
        self._suffix = EXTENSIONS[part.job.options.format]
        self._encoding = part.job.options.encoding()
        self._aside = part.job.folder.aside
        self._folder = target(part.job)
        self._folder.mkdir(parents=True, exist_ok=True)

    def write(
        self, grid: TileGrid, pixels: NDArray[np.uint8], good: NDArray[np.bool_]
    ) -> None:
        start = len(self.written)
        for i in good.nonzero()[0]:
            key = sample_key(self._name, *grid.cells[i].tolist())
            path = self._folder / f"{key}.{self._suffix}"
            write_whole(path, self._encoding.encode_pixels(pixels[i]), self._aside)
            self.written.append(path)
        begin_to_settle(self.written[start:])
