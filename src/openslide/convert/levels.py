"""Which levels a file has, and where the tiles of each come from.

Levels of the slide are those of the file.  Where tiles of one can be copied, they have
the slide's size and samples, and the few that cannot be copied are encoded alike.  Other
levels are encoded.  Where even the coarsest level is large, coarser ones are made of it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from PIL import Image

from .._abstract_slide import AbstractSlide
from .._properties import background_color
from .._slide import OpenSlide
from ..native import NativeTiles, NotNativeError
from ..output.encoding import Encoding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Cell: TypeAlias = tuple[int, int]

#: How many pixels share a sample of colour, across and down.
Sampling: TypeAlias = tuple[int, int]

#: Sides of tiles are multiples of it, says TIFF.
TILE_UNIT = 16

#: A coarsest level that is longer gets a coarser one, smaller by so much.
_LARGE_SIDE = 4096
_SHRINKAGE = 4

#: So many tiles are copied at once, and tiles of so many bytes encoded.
_COPIED_TILES = 32
_ENCODED_BYTES = 32 << 20

#: What the encoder that is used for most tiles makes.
_USUAL_SAMPLING: Sampling = (2, 2)
_SAMPLING_NAMES = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0"}


class Batch(NamedTuple):
    """Tiles of a level, by their numbers, row after row.

    Attributes:
        copied: as the slide stores them.
        encoded: from pixels.
        holes: those that the slide does not have.
        damaged: (column, row) of those that are background, for they cannot be read.
        reason: why the first of the encoded ones was not copied.
    """

    copied: list[tuple[int, bytes]]
    encoded: list[tuple[int, bytes]]
    holes: list[int]
    damaged: list[Cell]
    reason: str = ""


class Level(ABC):
    """A level of the file.

    Attributes:
        dimensions: (width, height) in pixels.
        downsample: how many level-0 pixels make the side of one.
        tile_size: (width, height).
        color_space: of the samples of its tiles.
        sampling: of its colours.
        refusal: why its tiles are not copied, or None where they are.
    """

    dimensions: tuple[int, int]
    downsample: float
    tile_size: tuple[int, int]
    color_space: Literal["RGB", "YCbCr"]
    sampling: Sampling
    refusal: str | None

    @property
    def shape(self) -> tuple[int, int]:
        """(columns, rows) of its tiles."""
        columns, rows = (
            math.ceil(length / side)
            for length, side in zip(self.dimensions, self.tile_size, strict=True)
        )
        return columns, rows

    def cells(self, most: int) -> Iterator[list[Cell]]:
        """All tiles, row after row, so many at once at most."""
        columns, rows = self.shape
        for start in range(0, columns * rows, most):
            numbers = range(start, min(start + most, columns * rows))
            yield [(number % columns, number // columns) for number in numbers]

    def number(self, cell: Cell) -> int:
        """Of a tile, row after row."""
        return cell[1] * self.shape[0] + cell[0]

    @abstractmethod
    def batches(self) -> Iterator[Batch]:
        """All tiles."""


class _EncodedLevel(Level):
    """One whose tiles are read and encoded.

    slide:  what it is read from.
    number: of the level of the slide.
    """

    color_space = "YCbCr"
    sampling = _USUAL_SAMPLING

    def __init__(
        self,
        slide: AbstractSlide,
        number: int,
        side: int,
        encoding: Encoding,
        pool: ThreadPoolExecutor,
        refusal: str,
    ) -> None:
        self.dimensions = slide.level_dimensions[number]
        self.downsample = slide.level_downsamples[number]
        self.tile_size = (side, side)
        self.refusal = refusal
        self._slide = slide
        self._number = number
        self._encoding = encoding
        self._pool = pool

    def batches(self) -> Iterator[Batch]:
        width, height = self.tile_size
        for cells in self.cells(max(1, _ENCODED_BYTES // (3 * width * height))):
            pixels, good = self._read(cells)
            files = self._pool.map(self._encoding.encode_pixels, pixels)
            yield Batch(
                [],
                [(self.number(c), file) for c, file in zip(cells, files, strict=True)],
                [],
                [
                    cell
                    for cell, is_good in zip(cells, good, strict=True)
                    if not is_good
                ],
            )

    def _read(self, cells: list[Cell]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        return read_tiles(self._slide, self._number, self.tile_size, cells)


class _ReducedLevel(_EncodedLevel):
    """One that the slide does not have, made of a finer one: means of its pixels."""

    def __init__(
        self,
        slide: AbstractSlide,
        factor: int,
        side: int,
        encoding: Encoding,
        pool: ThreadPoolExecutor,
    ) -> None:
        super().__init__(
            slide, slide.level_count - 1, side, encoding, pool, "the slide has none"
        )
        width, height = self.dimensions
        self.dimensions = (max(1, width // factor), max(1, height // factor))
        self.downsample *= factor

    def _read(self, cells: list[Cell]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        step_x, step_y = (side * self.downsample for side in self.tile_size)
        return self._slide.read_batch_at(
            [(column * step_x, row * step_y) for column, row in cells],
            self.downsample,
            self.tile_size,
            slide_mpp=1.0,  # so that microns are level-0 pixels
            resample="box",
            errors="mask",
        )


class _NativeLevel(Level):
    """One whose tiles are copied.

    sampling: of its first tile, and all others that are copied.
    verify:   whether they are decoded, to see that they are not damaged.
    """

    refusal = None

    def __init__(
        self,
        slide: AbstractSlide,
        tiles: NativeTiles,
        sampling: Sampling,
        quality: int,
        verify: bool,
    ) -> None:
        self.dimensions = tiles.dimensions
        self.downsample = slide.level_downsamples[tiles.level]
        self.tile_size = tiles.tile_size
        self.color_space = tiles.color_space
        self.sampling = sampling
        self._slide = slide
        self._tiles = tiles
        self._quality = quality
        self._verify = verify

    def batches(self) -> Iterator[Batch]:
        for cells in self.cells(_COPIED_TILES):
            yield self._copy(cells)

    def _copy(self, cells: list[Cell]) -> Batch:
        batch = Batch([], [], [], [])
        streams = self._tiles.encoded_batch(cells, errors="return", verify=self._verify)
        for cell, stream in zip(cells, streams, strict=True):
            number = self.number(cell)
            if stream is None:
                batch.holes.append(number)
            elif isinstance(stream, bytes) and sampling_of(stream) == self.sampling:
                batch.copied.append((number, stream))
            else:
                reason = "its colours are sampled otherwise"
                if isinstance(stream, NotNativeError):
                    reason = stream.reason
                batch = batch._replace(reason=batch.reason or reason)
                batch.encoded.append((number, self._encode(cell, batch.damaged)))
        return batch

    def _encode(self, cell: Cell, damaged: list[Cell]) -> bytes:
        """A tile with the samples of the others."""
        level, size = self._tiles.level, self.tile_size
        pixels, good = read_tiles(self._slide, level, size, [cell])
        if not good.all():
            damaged.append(cell)
        return encode_alike(
            Image.fromarray(pixels[0]), self.color_space, self.sampling, self._quality
        )


def levels_of(
    slide: AbstractSlide,
    side: int,
    quality: int,
    pool: ThreadPoolExecutor,
    *,
    verify: bool,
) -> list[Level]:
    """The levels of a file, the finest first.

    side:   of tiles that are encoded.
    pool:   what encodes them.
    verify: whether tiles that are copied are decoded first.
    """
    encoding = Encoding("jpeg", quality)
    levels: list[Level] = []
    for number in range(slide.level_count):
        found = _native(slide, number)
        levels.append(
            _EncodedLevel(slide, number, side, encoding, pool, found)
            if isinstance(found, str)
            else _NativeLevel(slide, *found, quality, verify)
        )
    factor = _SHRINKAGE
    while max(levels[-1].dimensions) > _LARGE_SIDE:
        levels.append(_ReducedLevel(slide, factor, side, encoding, pool))
        factor *= _SHRINKAGE
    return levels


def _native(slide: AbstractSlide, number: int) -> tuple[NativeTiles, Sampling] | str:
    """Tiles to copy, and how their colours are sampled; or why there are none."""
    if not isinstance(slide, OpenSlide):
        return "it is a picture, not stored as tiles"
    try:
        tiles = slide.native_tiles(number)
    except NotNativeError as error:
        return error.reason
    if any(side % TILE_UNIT for side in tiles.tile_size):
        return f"sides of the tiles are no multiples of {TILE_UNIT}"
    if tiles.origin != (0, 0) or tiles.dimensions != slide.level_dimensions[number]:
        return "the tiles do not begin at the corner of the level"
    sampling = _first_sampling(tiles)
    if sampling is None:
        return "it has no tile that can be copied"
    allowed = [(1, 1)] if tiles.color_space == "RGB" else _SAMPLING_NAMES
    if sampling not in allowed:
        return "colours are sampled in a way that TIFF readers do not expect"
    return tiles, sampling


def _first_sampling(tiles: NativeTiles) -> Sampling | None:
    columns, rows = tiles.shape
    for row in range(rows):
        cells = [(column, row) for column in range(columns)]
        for stream in tiles.encoded_batch(cells, errors="return"):
            if isinstance(stream, bytes):
                return sampling_of(stream)
    return None


# Tiles


def read_tiles(
    slide: AbstractSlide, level: int, size: tuple[int, int], cells: list[Cell]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Tiles of a level as read_batch() masks them: over the slide's background."""
    corners = [(column * size[0], row * size[1]) for column, row in cells]
    return slide.read_batch(corners, level, size, coordinates="level", errors="mask")


def encode_alike(
    image: Image.Image,
    color_space: Literal["RGB", "YCbCr"],
    sampling: Sampling,
    quality: int,
) -> bytes:
    """A JPEG stream with given samples."""
    buffer = BytesIO()
    if color_space == "RGB":
        image.save(buffer, "JPEG", quality=quality, keep_rgb=True)
    else:
        name = _SAMPLING_NAMES[sampling]
        image.save(buffer, "JPEG", quality=quality, subsampling=name)
    return buffer.getvalue()


def background_tile(slide: AbstractSlide, level: Level, quality: int) -> bytes:
    """What stands for holes: readers there are that take no tile for an error."""
    image = Image.new("RGB", level.tile_size, background_color(slide.properties))
    return encode_alike(image, level.color_space, level.sampling, quality)


def sampling_of(stream: bytes) -> Sampling:
    """How the colours of a JPEG stream are sampled, from its frame header.

    stream: one that NativeTiles gives, so its segments are whole.
    """
    at = 2
    while not 0xC0 <= stream[at + 1] <= 0xC2:
        at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    # Length, precision, sides and count; then name, factors and table of each component.
    luma, *chroma = stream[at + 11 : at + 18 : 3]
    return (luma >> 4, luma & 15) if chroma == [0x11, 0x11] else (0, 0)
