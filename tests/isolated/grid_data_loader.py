"""A TileGrid as a map-style dataset of worker processes: METHOD SLIDE.

With PyTorch's DataLoader where METHOD is torch-fork or torch-spawn, else as it works,
without PyTorch.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from openslide.tiles import Tile, TileGrid
from tests.isolated.pickle_data_loader import Loader


def of_loader(grid: TileGrid, method: str) -> Iterator[Tile]:
    dataset: Any = grid
    tiles: Any = Loader(dataset, method)
    yield from tiles
    if "torch" in sys.modules:
        sys.exit("PyTorch was imported")


def of_pytorch(grid: TileGrid, method: str) -> Iterator[Tile]:
    torch: Any = importlib.import_module("torch.utils.data")
    loader: Any = torch.DataLoader(
        grid, batch_size=5, num_workers=2, multiprocessing_context=method
    )
    for batch in loader:
        for i, pixels in enumerate(batch.pixels.numpy()):
            fields = [tuple(value[i].item() for value in part) for part in batch[1:5]]
            yield Tile._make((pixels, *fields, batch.label[i], {}))


def main(method: str, path: str) -> None:
    grid = TileGrid(path, 64, level=1, overlap=3)
    expected = list(grid)  # the slide has been read when processes begin
    library, _, start = method.rpartition("-")
    find = of_pytorch if library == "torch" else of_loader
    for _ in range(2):
        found = list(find(grid, start))
        if len(found) != len(expected):
            sys.exit(f"{len(found)} tiles, not {len(expected)}")
        for tile, other in zip(found, expected, strict=True):
            if tile[1:] != other[1:] or not np.array_equal(tile.pixels, other.pixels):
                sys.exit(f"another tile {tile.cell}")


if __name__ == "__main__":
    main(*sys.argv[1:])
