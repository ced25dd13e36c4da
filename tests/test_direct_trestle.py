"""Levels of overlapping tiles are read directly as libopenslide reads them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openslide import OpenSlide
from tests.direct_reads import check, check_damaged, regions, wide_regions
from tests.slides import reference, write_trestle
from tests.slides.stored import blank_tile, empty_tile

#: Earlier releases find other overlaps in the description.
pytestmark = [
    pytest.mark.requires_openslide("4.0.1"),
    pytest.mark.requires_direct_reads,
]

#: Of 5 x 4 tiles and more; opening a slide takes time as long as its last level.
IMAGE = np.ascontiguousarray(reference()[:1000, :1200])

VARIATIONS: dict[str, dict[str, Any]] = {
    "usual": {},
    "no overlap": {"overlap": 0},
    "shared tables": {"overlap": 96, "tile": 240, "shared_tables": True},
    "overlaps of each axis": {
        "overlaps": [(100, 7), (33, 77), (200, 0)],
        "tile": (256, 240),
        "factors": (1, 2, 5),
    },
    "odd sizes": {
        "image": reference()[:701, :1003],
        "overlaps": [(31, 30), (8, 9), (2, 1)],
        "factors": (1, 3, 7),
    },
    "wider overlaps above": {
        "image": reference()[:1203, :1399],
        "overlaps": [(31, 30), (150, 99), (2, 1)],
        "subsampling": "4:4:4",
    },
    "levels of one tile": {
        "image": reference()[:803, :1399],
        "overlaps": [(31, 30), (12, 20), (32, 16)],
        "subsampling": "4:2:2",
    },
    "more overlap than not": {
        "image": reference()[:803, :1399],
        "overlaps": [(160, 170), (200, 100), (250, 255)],
        "factors": (1, 4, 9),
    },
    "classic big-endian": {"byteorder": ">"},
    "BigTIFF": {"big": True},
}


@pytest.mark.parametrize("name", VARIATIONS)
def test_variations(tmp_path: Path, name: str) -> None:
    path = write_trestle(tmp_path, **{"image": IMAGE, **VARIATIONS[name]}).path
    check(path, partial(regions, count=120, seed=1))


def test_chunks(tmp_path: Path) -> None:
    """libopenslide truncates the position of each 4096 pixels anew."""
    image = np.ascontiguousarray(np.tile(reference()[:420], (1, 6, 1))[:, :11003])
    overlaps = [(100, 22), (128, 130)]
    facts = write_trestle(tmp_path, image=image, overlaps=overlaps, factors=(1, 2))
    with OpenSlide(facts.path) as slide:
        assert not slide.level_downsamples[1].is_integer()
    check(facts.path, partial(wide_regions, count=60, seed=2))


@pytest.mark.parametrize("damage", [blank_tile, empty_tile])
@pytest.mark.parametrize("overlap", [0, 32, 160])
def test_damaged_tiles(
    tmp_path: Path, damage: Callable[[Path, int], None], overlap: int
) -> None:
    """Tiles that hide below others are decoded all the same."""
    path = write_trestle(tmp_path, image=IMAGE, overlap=overlap, factors=(1,)).path
    damage(path, 12)
    with OpenSlide(path) as slide:
        chosen = list(regions(slide, 60, 3))
        assert slide.direct_levels == (0,)
    check_damaged(path, chosen)


def test_edges_of_damaged_tiles(tmp_path: Path) -> None:
    """Which tiles are decoded, to the pixel: 160 apart, 256 wide."""
    image = np.ascontiguousarray(reference()[:700, :900])
    path = write_trestle(tmp_path, image=image, overlap=96, factors=(1,)).path
    empty_tile(path, 1 * 6 + 1)
    positions = (149, 150, 151, 159, 160, 161, 320, 415, 416, 417)
    across = [((x, 200), 0, (w, 10)) for x in positions for w in (1, 10)]
    down = [((200, y), 0, (10, h)) for y in positions for h in (1, 10)]
    check_damaged(path, across + down)
