"""The slides that are read, written once and kept.

Each is put together from a few distinct tiles of tissue, encoded once, so that
a slide of eleven thousand tiles takes seconds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.slides import (
    SlideFacts,
    write_dicom,
    write_generic,
    write_mirax,
    write_ndpi,
    write_ventana_bif,
    write_zeiss,
)
from tests.slides.aperio import level_description
from tests.slides.content import RgbImage, shrink, size_of, tissue
from tests.slides.dialect import Dialect, SlideTiff
from tests.slides.pyramid import Box, cut, grid_dimensions, tile_dimensions
from tests.slides.tiff import Tag, TagDict
from tests.slides.writers import (
    APERIO_J2K,
    GT450,
    GT450_DICOM,
    SCANSCOPE,
    TIFFFILE_DEFLATE,
    VIPS_RAW,
)

#: Of the slides that are no TIFF, and of most others.
TILE = 256

# What large slides repeat: whole tiles of 240 and of 256 pixels.
_PATTERN_SIDE = 3840

#: Slides of another version are written anew.
_VERSION = 3

_FACTORS = (1, 4, 16)

# Of slides whose pixels are all in memory when they are written; and of those that
# take a few hundred megabytes, or would.
_LONG = (20480, 6144)
_FLAT = (20480, 2048)
_MPP = 0.25
_OBJECTIVE_POWER = 40

# So much darker than the bright field is a tile that tissue fills.
_TISSUE_MEAN = 200
# 13 and 19 KB a tile.
_SCANSCOPE = replace(SCANSCOPE, quality=30)
_GT450 = replace(GT450, quality=90)


@dataclass(frozen=True)
class Slide:
    """Where a slide is, and where in it tissue is.

    Attributes:
        path: the file to open.
        level_dimensions: width and height of each level, in its pixels.
        area: a box (x, y, width, height) of level 0 that holds pixels throughout.
        tile: width and height of a tile.
    """

    path: str
    level_dimensions: tuple[tuple[int, int], ...]
    area: Box
    tile: int = TILE

    def downsample(self, level: int) -> int:
        """To the nearest integer, so that positions are integers of level 0."""
        return round(self.level_dimensions[0][0] / self.level_dimensions[level][0])


class SlideStore:
    """A folder of slides; those that it lacks are written when asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._tiles: list[RgbImage] = []

    def slide(self, name: str) -> Slide:
        """The slide called `name`, one of `NAMES`."""
        folder = self._folder / f"{name}-{_VERSION}"
        facts = folder / "facts.json"
        if not facts.exists():  # it is written last
            folder.mkdir(parents=True, exist_ok=True)
            slide = _WRITERS[name](folder, self._tissue_tiles())
            facts.write_text(json.dumps(asdict(slide)))
        found = json.loads(facts.read_text())
        return Slide(
            found["path"],
            tuple((width, height) for width, height in found["level_dimensions"]),
            tuple(found["area"]),
            found["tile"],
        )

    def _tissue_tiles(self) -> list[RgbImage]:
        """Distinct tiles without background, some of them mirrored others."""
        if not self._tiles:
            image = tissue(12 * TILE, 12 * TILE, seed=7)
            full = [tile for tile in cut(image, TILE) if tile.mean() < _TISSUE_MEAN]
            self._tiles = [
                tile[::down, ::across]
                for down in (1, -1)
                for across in (1, -1)
                for tile in full
            ]
        return self._tiles


def _write_scanscope(folder: Path, tiles: Sequence[RgbImage]) -> Slide:
    return _write_aperio(folder / "scanscope.svs", (30000, 24000), tiles, _SCANSCOPE)


def _write_gt450(folder: Path, tiles: Sequence[RgbImage]) -> Slide:
    """The same pixels."""
    return _write_aperio(folder / "gt450.svs", (30000, 24000), tiles, _GT450)


def _write_half_blank(folder: Path, tiles: Sequence[RgbImage]) -> Slide:
    """The left half shows tissue, the right one glass, as most slides do."""
    path = folder / "blank.svs"
    return _write_aperio(path, (30000, 24000), tiles, _GT450, blank_from=0.5)


def _write_small(folder: Path, tiles: Sequence[RgbImage]) -> Slide:
    return _write_aperio(folder / "small.svs", (8000, 6000), tiles, _GT450)


def _write_off_grid(folder: Path, tiles: Sequence[RgbImage]) -> Slide:
    """Level 1 has 3333 x 2500 pixels, so it is 4.0003 times as small."""
    return _write_aperio(folder / "offgrid.svs", (13334, 10000), tiles, _GT450)


def _write_jpeg2000(folder: Path, tiles: Sequence[RgbImage]) -> Slide:
    """Its downsamples are integers, as those of levels that can be kept."""
    return _write_aperio(folder / "j2k.svs", (20480, 15360), tiles, APERIO_J2K)


def _write_mirax(folder: Path, tiles: Sequence[RgbImage]) -> Slide:
    """Photos of 4 x 4 images, which do not lie quite where they should."""
    image = _picture(_LONG, tiles)
    facts = write_mirax(folder, image=image, divisions=4, jitter=3)
    x, _, _, _ = facts.holes[0]  # the last photo is missing: stay left of it
    return _described(facts, width=x)


def _write_ndpi(folder: Path, tiles: Sequence[RgbImage]) -> Slide:
    """Restart intervals of 2048 x 8 pixels, as scanners write them."""
    facts = write_ndpi(
        folder,
        image=_picture((20480, 6400), tiles),
        subsampling="4:4:4",
        restart_interval=256,
        factors=(1, 5, 20),
    )
    return _described(facts)


def _write_bif(folder: Path, tiles: Sequence[RgbImage]) -> Slide:
    """Tiles of 1024 pixels, from each to the next a fraction of a pixel."""
    image = _picture(_LONG, tiles)
    facts = write_ventana_bif(folder, image=image, tile=1024, jitter=2)
    return _whole(facts)


def _write_flat(
    write: Callable[..., SlideFacts],
    folder: Path,
    tiles: Sequence[RgbImage],
    **options: Any,
) -> Slide:
    return _whole(write(folder, image=_picture(_FLAT, tiles), **options))


def _write_zeiss(folder: Path, tiles: Sequence[RgbImage]) -> Slide:
    return _described(write_zeiss(folder, image=_picture((6144, 4608), tiles)))


def _described(facts: SlideFacts, width: int | None = None) -> Slide:
    patch = facts.patches[0]
    whole_width, height = size_of(patch.content)
    area = (*patch.at, width or whole_width, height)
    return Slide(str(facts.path), facts.level_dimensions, area)


def _whole(facts: SlideFacts) -> Slide:
    """One that has no holes."""
    return Slide(
        str(facts.path), facts.level_dimensions, (0, 0, *facts.level_dimensions[0])
    )


_WRITERS: dict[str, Callable[[Path, Sequence[RgbImage]], Slide]] = {
    "scanscope": _write_scanscope,
    "gt450": _write_gt450,
    "offgrid": _write_off_grid,
    "blank": _write_half_blank,
    "small": _write_small,
    "j2k": _write_jpeg2000,
    "mirax": _write_mirax,
    "ndpi": _write_ndpi,
    "bif": _write_bif,
    # The same frames in the order of tiles, and each with its place.
    "dicom": partial(
        _write_flat,
        write_dicom,
        dialect=replace(GT450_DICOM, organization="TILED_FULL", has_positions=False),
    ),
    "dicom-sparse": partial(_write_flat, write_dicom, dialect=GT450_DICOM),
    "dicom-raw": partial(_write_flat, write_dicom, encoding="rgb"),
    "raw": partial(_write_flat, write_generic, dialect=VIPS_RAW),
    "deflate": partial(_write_flat, write_generic, dialect=TIFFFILE_DEFLATE),
    "czi": _write_zeiss,
}

#: The slides that there are.
NAMES = tuple(_WRITERS)


def _write_aperio(
    path: Path,
    size: tuple[int, int],
    tiles: Sequence[RgbImage],
    dialect: Dialect,
    *,
    blank_from: float = 1,
) -> Slide:
    """A pyramid whose levels repeat a pattern, each tile of it encoded once.

    blank_from: the share of the width from which on there is glass.
    """
    pattern = _picture((_PATTERN_SIDE, _PATTERN_SIDE), tiles)
    middle = _repeated(shrink(pattern, _FACTORS[1]), size, _FACTORS[1])
    middle[:, round(blank_from * middle.shape[1]) :] = 255
    top = shrink(middle, _FACTORS[2] // _FACTORS[1])
    codec = dialect.codec()
    tile, _ = tile_dimensions(dialect.tile)
    in_pattern = _PATTERN_SIDE // tile
    encoded = [codec.encode(part) for part in cut(pattern, tile)]
    blank = codec.encode(np.full((tile, tile, 3), 255, np.uint8))
    columns, rows = grid_dimensions(*size, tile)
    stream = (
        encoded[row % in_pattern * in_pattern + column % in_pattern]
        if column < blank_from * columns
        else blank
        for row in range(rows)
        for column in range(columns)
    )
    with SlideTiff(path, dialect) as tiff:
        tags = _tags(dialect, size, size) | dialect.tags_of(0)
        tiff.encoded_tiles(size, tile, codec, stream, tags)
        tiff.picture("thumbnail", top, _tags(dialect, size, size_of(top)))
        for level, image in enumerate((middle, top), start=1):
            tiff.level(level, image, _tags(dialect, size, size_of(image)))
    dimensions = (size, size_of(middle), size_of(top))
    return Slide(str(path), dimensions, (0, 0, *size), tile)


def _repeated(pattern: RgbImage, size: tuple[int, int], factor: int) -> RgbImage:
    """A pattern side by side with itself, over a level that is so much smaller."""
    width, height = (length // factor for length in size)
    pattern_width, pattern_height = size_of(pattern)
    times = -(-height // pattern_height), -(-width // pattern_width), 1
    return np.tile(pattern, times)[:height, :width]


def _tags(dialect: Dialect, size: tuple[int, int], level: tuple[int, int]) -> TagDict:
    description = level_description(dialect, size, level)
    properties = f"|AppMag = {_OBJECTIVE_POWER}|MPP = {_MPP:.4f}"
    return {Tag.NEW_SUBFILE_TYPE: 0, Tag.IMAGE_DESCRIPTION: description + properties}


def _tile_numbers(size: tuple[int, int], count: int) -> npt.NDArray[np.int64]:
    """Which of `count` tiles lies where, (rows, columns)."""
    columns, rows = (math.ceil(length / TILE) for length in size)
    return np.random.default_rng(1).integers(0, count, (rows, columns))


def _picture(size: tuple[int, int], tiles: Sequence[RgbImage]) -> RgbImage:
    return _mosaic(_tile_numbers(size, len(tiles)), tiles, size)


def _mosaic(
    numbers: npt.NDArray[np.int64],
    tiles: Sequence[RgbImage],
    size: tuple[int, int],
) -> RgbImage:
    """Tiles side by side, cut off at `size`."""
    rows: Iterator[RgbImage] = (
        np.hstack([tiles[number] for number in row]) for row in numbers
    )
    width, height = size
    return np.vstack(list(rows))[:height, :width]
