"""Levels of several areas are read directly as libopenslide reads them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openslide import OpenSlide
from tests.direct_reads import check, check_damaged, regions, wide_regions
from tests.slides import reference, write_leica
from tests.slides.leica import Area
from tests.slides.stored import blank_tile, empty_tile

pytestmark = pytest.mark.requires_direct_reads

#: Two areas that start between pixels.
SCATTERED = (
    Area((0, 0, 912, 703), (101.3, 90.9)),
    Area((800, 300, 1008, 805), (1010, 430.31)),
)

VARIATIONS: dict[str, dict[str, Any]] = {
    "two areas": {},
    "one area": {"areas": SCATTERED[:1]},
    "odd tiles": {"tile": (240, 128), "subsampling": "4:4:4", "shared_tables": True},
    "areas that overlap": {
        "areas": [
            Area((0, 0, 900, 700), (100, 90)),
            Area((800, 300, 1000, 800), (700.5, 430.3)),
            Area((500, 200, 336, 224), (1500.7, 100.1)),
        ]
    },
    "an area under another": {
        "areas": [
            Area((0, 0, 912, 703), (0, 0)),
            Area((500, 100, 912, 703), (0, 0)),
            Area((100, 0, 912, 703), (0, 900)),
        ]
    },
    "areas between pixels": {"areas": SCATTERED, "factors": (1, 3, 7, 16)},
    "areas of another resolution": {
        "areas": [
            SCATTERED[0],
            Area((800, 300, 1008, 805), (1010.77, 430.31), stretch=1.012),
        ],
        "factors": (1, 2, 5),
        "subsampling": "4:2:2",
    },
    "an area beyond the collection": {
        "areas": [*SCATTERED, Area((0, 0, 912, 703), (2100, 1600))]
    },
    "focal planes": {"planes": 3},
    "another illumination": {
        "areas": [
            SCATTERED[0],
            Area((0, 0, 400, 400), (10, 10), illumination="fluorescence"),
            SCATTERED[1],
        ]
    },
    "big-endian": {"byteorder": ">"},
}


@pytest.mark.parametrize("name", VARIATIONS)
def test_variations(tmp_path: Path, name: str) -> None:
    path = write_leica(tmp_path, **VARIATIONS[name]).path
    check(path, partial(regions, count=200, seed=1))


def test_chunks(tmp_path: Path) -> None:
    """libopenslide truncates the position of each 4096 pixels anew."""
    image = np.ascontiguousarray(np.tile(reference()[:420], (1, 6, 1))[:, :11003])
    areas = [
        Area((0, 0, 3003, 420), (50.2, 20)),
        Area((100, 0, 6001, 400), (3003.4, 300.4), stretch=1.003),
        Area((0, 0, 5000, 420), (6000.4, 100.7)),
    ]
    facts = write_leica(tmp_path, image=image, areas=areas, factors=(1, 3))
    with OpenSlide(facts.path) as slide:
        assert not slide.level_downsamples[1].is_integer()
    check(facts.path, partial(wide_regions, count=100, seed=2))


def test_gaps_are_transparent(tmp_path: Path) -> None:
    with OpenSlide(write_leica(tmp_path).path) as slide:
        assert slide.direct_levels == (0, 1, 2)
        assert slide.read_region((0, 0), 0, (160, 1900)).getextrema() == ((0, 0),) * 4


# Damage

#: Two levels of the macro come first, then the first area.
FIRST_AREA, SECOND_AREA = 2, 5


@pytest.mark.parametrize("directory", [FIRST_AREA, SECOND_AREA])
@pytest.mark.parametrize("damage", [blank_tile, empty_tile])
def test_damaged_tiles(
    tmp_path: Path, damage: Callable[[Path, int, int], None], directory: int
) -> None:
    path = write_leica(tmp_path).path
    damage(path, 5, directory)
    with OpenSlide(path) as slide:
        chosen = [region for region in regions(slide, 450, 3) if region[1] == 0]
        assert slide.direct_levels == (0, 1, 2)
    check_damaged(path, chosen)


def test_hidden_tiles_are_missed(tmp_path: Path) -> None:
    """Areas below others are decoded all the same."""
    boxes = (0, 0, 912, 704), (9, 9, 912, 704)
    path = write_leica(tmp_path, areas=[Area(box, (0, 0)) for box in boxes]).path
    empty_tile(path, 0, SECOND_AREA)
    check_damaged(path, [((0, 0), 0, (9, 9)), ((300, 300), 0, (9, 9))])


# Descriptions that are left to libopenslide


def redescribe(path: Path, old: bytes, new: bytes) -> None:
    """Change the description without changing its length."""
    data = path.read_bytes()
    assert len(old) == len(new)
    assert old in data
    path.write_bytes(data.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b"U1lOVEhFVElDLTAwMDE=", b"<!-- no bar code -->", id="comment"),
        pytest.param(b'offsetX="80000"', b'offsetX="&#56;"', id="reference"),
        pytest.param(b'offsetX="80000"', b'offsetX="08000"', id="leading zero"),
        pytest.param(b'offsetX="80000"', b'offsetX="-8000"', id="negative"),
    ],
)
def test_unexpected_descriptions(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = write_leica(tmp_path).path
    redescribe(path, old, new)
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as oracle:
        assert slide.direct_levels == ()
        for region in regions(oracle, 30, 4):
            ours, theirs = slide.read_region(*region), oracle.read_region(*region)
            assert ours.tobytes() == theirs.tobytes()
