"""A TileSet as a map-style dataset of worker processes: METHOD SLIDE...

With PyTorch's DataLoader where METHOD is torch-fork or torch-spawn, else as it works,
without PyTorch.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from openslide.tiles import SlideTile, TileSet
from tests.isolated.pickle_data_loader import Loader


def of_loader(tiles: TileSet, method: str) -> Iterator[SlideTile]:
    dataset: Any = tiles
    found: Any = Loader(dataset, method)
    yield from found


def of_pytorch(tiles: TileSet, method: str) -> Iterator[SlideTile]:
    torch: Any = importlib.import_module("torch.utils.data")
    loader: Any = torch.DataLoader(
        tiles, batch_size=5, num_workers=2, multiprocessing_context=method
    )
    for batch in loader:
        for i, pixels in enumerate(batch.pixels.numpy()):
            cell, box, microns = (
                tuple(value[i].item() for value in part)
                for part in (batch.cell, batch.box, batch.microns)
            )
            texts = (batch.label[i], batch.slide_label[i])
            yield SlideTile._make(
                (pixels, batch.slide[i], cell, box, microns, *texts, {}, {})
            )


def main(method: str, *paths: str) -> None:
    tiles = TileSet(paths, 64, level=2, open_slides=2).shuffled(1)[:40]
    expected = list(tiles)  # slides are open when processes begin
    library, _, start = method.rpartition("-")
    find = of_pytorch if library == "torch" else of_loader
    for _ in range(2):
        found = list(find(tiles, start))
        if len(found) != len(expected):
            sys.exit(f"{len(found)} tiles, not {len(expected)}")
        for tile, other in zip(found, expected, strict=True):
            if tile[1:] != other[1:] or not np.array_equal(tile.pixels, other.pixels):
                sys.exit(f"another tile {tile.cell} of {tile.slide}")


if __name__ == "__main__":
    main(*sys.argv[1:])
