"""PyTorch's DataLoader over a slide: METHOD SLIDE."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from tests.isolated.pickle_data_loader import Tiles


def as_items(batch: Any) -> list[bytes]:
    """Without this, PyTorch would make tensors of what it does not know."""
    return list(batch)


def main(method: str, path: str) -> None:
    torch: Any = importlib.import_module("torch.utils.data")
    dataset: Any = Tiles(path)
    expected = [dataset[index] for index in range(len(dataset))]
    for persistent in (False, True):
        loader: Any = torch.DataLoader(
            dataset,
            batch_size=4,
            num_workers=2,
            multiprocessing_context=method,
            persistent_workers=persistent,
            collate_fn=as_items,
        )
        for _ in range(2):
            found = [item for batch in loader for item in batch]
            if found != expected:
                sys.exit(f"persistent_workers={persistent}: other pixels")


if __name__ == "__main__":
    main(*sys.argv[1:])
