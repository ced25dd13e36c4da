"""The slides that are read, written once and kept.

Each is put together from a few distinct tiles of tissue, encoded once, so that
a slide of eleven thousand tiles takes seconds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.slides import SlideFacts, write_mirax, write_zeiss
from tests.slides.content import RgbImage, shrink, size_of, tissue
from tests.slides.pyramid import Box, cut
from tests.slides.tiff import (
    Tag,
    TagDict,
    TiffCodec,
    TiffWriter,
    jpeg2000_codec,
    jpeg_codec,
)

TILE = 256

#: Slides of another version are written anew.
_VERSION = 1

_FACTORS = (1, 4, 16)
_MPP = 0.25
_OBJECTIVE_POWER = 40

# So much darker than the bright field is a tile that tissue fills.
_TISSUE_MEAN = 200
# 16 KB a tile, as from scanners.
_JPEG_QUALITY = 90


@dataclass(frozen=True)
class Slide:
    """Where a slide is, and where in it tissue is.

    Attributes:
        path: the file to open.
        level_dimensions: width and height of each level, in its pixels.
        area: a box (x, y, width, height) of level 0 that holds pixels throughout.
    """

    path: str
    level_dimensions: tuple[tuple[int, int], ...]
    area: Box

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


def _write_jpeg(folder: Path, tiles: Sequence[RgbImage]) -> Slide:
    return _write_aperio_jpeg(folder / "jpeg.svs", (30000, 24000), tiles)


def _write_small_jpeg(folder: Path, tiles: Sequence[RgbImage]) -> Slide:
    return _write_aperio_jpeg(folder / "jpeg.svs", (8000, 6000), tiles)


def _write_off_grid(folder: Path, tiles: Sequence[RgbImage]) -> Slide:
    """Level 1 has 3333 x 2500 pixels, so it is 4.0003 times as small."""
    return _write_aperio_jpeg(folder / "offgrid.svs", (13334, 10000), tiles)


def _write_aperio_jpeg(
    path: Path, size: tuple[int, int], tiles: Sequence[RgbImage]
) -> Slide:
    codec = jpeg_codec(_JPEG_QUALITY, "4:2:0", shared_tables=True)
    return _write_aperio(path, size, tiles, codec, f"JPEG/YCC Q={_JPEG_QUALITY}")


def _write_jpeg2000(folder: Path, tiles: Sequence[RgbImage]) -> Slide:
    codec = jpeg2000_codec()  # compression 33005
    few = tiles[:: len(tiles) // 64]
    return _write_aperio(folder / "j2k.svs", (8192, 6144), few, codec, "J2K/KDU")


def _write_mirax(folder: Path, tiles: Sequence[RgbImage]) -> Slide:
    facts = write_mirax(folder, image=_picture((6144, 4608), tiles))
    x, _, _, _ = facts.holes[0]  # the last photo is missing: stay left of it
    return _described(facts, width=x)


def _write_zeiss(folder: Path, tiles: Sequence[RgbImage]) -> Slide:
    return _described(write_zeiss(folder, image=_picture((6144, 4608), tiles)))


def _described(facts: SlideFacts, width: int | None = None) -> Slide:
    patch = facts.patches[0]
    whole_width, height = size_of(patch.content)
    area = (*patch.at, width or whole_width, height)
    return Slide(str(facts.path), facts.level_dimensions, area)


_WRITERS: dict[str, Callable[[Path, Sequence[RgbImage]], Slide]] = {
    "jpeg": _write_jpeg,
    "offgrid": _write_off_grid,
    "jpeg-small": _write_small_jpeg,
    "j2k": _write_jpeg2000,
    "mirax": _write_mirax,
    "czi": _write_zeiss,
}

#: The slides that there are.
NAMES = tuple(_WRITERS)


def _write_aperio(
    path: Path,
    size: tuple[int, int],
    tiles: Sequence[RgbImage],
    codec: TiffCodec,
    method: str,
) -> Slide:
    """A pyramid whose lowest level is a mosaic of encoded tiles."""
    numbers = _tile_numbers(size, len(tiles))
    encoded = [codec.encode(tile) for tile in tiles]
    quarters = [shrink(tile, _FACTORS[1]) for tile in tiles]
    middle_size = (size[0] // _FACTORS[1], size[1] // _FACTORS[1])
    middle = _mosaic(numbers, quarters, middle_size)
    top = shrink(middle, _FACTORS[2] // _FACTORS[1])
    stream = (encoded[number] for number in numbers.ravel())
    with TiffWriter(path) as tiff:
        tiff.encoded_tiles(size, TILE, codec, stream, _tags(size, size, method))
        small_tags = _tags(size, size_of(top), "")
        tiff.stripped(top, jpeg_codec(), small_tags, rows_per_strip=16)
        for image in (middle, top):
            tiff.tiled(image, TILE, codec, _tags(size, size_of(image), method))
    dimensions = (size, size_of(middle), size_of(top))
    return Slide(str(path), dimensions, (0, 0, *size))


def _tags(size: tuple[int, int], level: tuple[int, int], method: str) -> TagDict:
    (width, height), (level_width, level_height) = size, level
    description = (
        f"Aperio Image Library v12.0.15 \r\n{width}x{height} "
        f"[0,0 {width}x{height}] ({TILE}x{TILE}) -> {level_width}x{level_height} "
        f"{method}|AppMag = {_OBJECTIVE_POWER}|MPP = {_MPP:.4f}"
    )
    return {Tag.IMAGE_DESCRIPTION: description}


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
