"""A slide as a pyramidal TIFF that libopenslide, vips, QuPath and tifffile open."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .._abstract_slide import AbstractSlide
from .._errors import OpenSlideError
from .._version import __version__
from ..output.telling import Report, all_damaged
from ..output.whole import WholeFile, whole_file
from ..output.work import WorkFolder
from .bigtiff import BigTiff, Directory, Tag, Value
from .levels import Batch, Cell, Level, background_tile, levels_of

if TYPE_CHECKING:
    from PIL.Image import Image

_SOFTWARE = f"openslide-native {__version__}"

_JPEG, _DEFLATE = 7, 8  # of Tag.COMPRESSION
_RGB, _YCBCR = 2, 6  # of Tag.PHOTOMETRIC
_CONTIGUOUS = 1
_REDUCED = 1  # of Tag.NEW_SUBFILE_TYPE
_CENTIMETRE = 3
_MICRONS = 10_000  # in one
_STRAIGHT_ALPHA = 2


class TiffOptions(NamedTuple):
    """How a file is to be made.

    Attributes:
        tile_size: side of tiles that are encoded, in pixels; a multiple of 16.
        quality: of these, 1 to 100.
        require_native: whether nothing may be encoded.
        verify: whether tiles are decoded before they are copied.
        associated: whether the associated images go along: labels may show names.
    """

    tile_size: int = 256
    quality: int = 85
    require_native: bool = False
    verify: bool = False
    associated: bool = False


class ConvertedLevel(NamedTuple):
    """What became of a level.

    Attributes:
        dimensions: (width, height) in pixels.
        tile_size: (width, height).
        copied: how many tiles are the slide's own.
        encoded: how many are not.
        holes: how many the slide does not have, and are background.
        reason: why the first of the encoded ones was not copied, "" where all were.
        damaged: (column, row) of tiles that could not be read, and are background.
    """

    dimensions: tuple[int, int]
    tile_size: tuple[int, int]
    copied: int
    encoded: int
    holes: int
    reason: str
    damaged: list[Cell]


class Converted(NamedTuple):
    """What became of a slide.

    Attributes:
        levels: of the file, the finest first.
        damaged_images: names of associated images that cannot be read.
    """

    levels: list[ConvertedLevel]
    damaged_images: list[str]


def write_tiff(
    slide: AbstractSlide,
    source: str | os.PathLike[str],
    out: Path,
    options: TiffOptions,
    *,
    threads: int,
    report: Report,
) -> Converted:
    """Write a slide to a file, which is there whole or not at all.

    source:  the path of the slide, of which the name is kept.
    threads: how many encode.

    Raises FileExistsError where there is a file already, BusyError where another run is
    writing it, OSError where it cannot be written, and ValueError where native tiles are
    required and there are others.
    """
    with _working(out) as folder, ThreadPoolExecutor(threads) as pool:
        levels = levels_of(
            slide, options.tile_size, options.quality, pool, verify=options.verify
        )
        if options.require_native:
            levels = _native_levels(levels, slide.level_count)
        images, damaged = _associated(slide) if options.associated else ({}, [])
        report.expect(
            sum(columns * rows for columns, rows in (x.shape for x in levels))
        )
        with whole_file(out, folder.aside, settled=True) as file:
            file_writer = _Writer(slide, source, levels, images, file, options, report)
            done = file_writer.write()
    return Converted(done, damaged)


@contextmanager
def _working(out: Path) -> Iterator[WorkFolder]:
    """Keep other runs off a file while it is made; what a killed one left is removed."""
    folder = WorkFolder(out)
    _require_free(out)
    folder.take()
    try:
        _require_free(out)  # another run may just have ended
        yield folder
    finally:
        folder.remove()


def _require_free(out: Path) -> None:
    if os.path.lexists(out):
        raise FileExistsError(
            f"{out} is there already; remove it, or choose another name"
        )


def _native_levels(levels: list[Level], stored: int) -> list[Level]:
    """Those of the slide; ValueError where one has no native tiles."""
    for number, level in enumerate(levels[:stored]):
        if level.refusal is not None:
            raise ValueError(
                f"level {number} has no native tiles: {level.refusal}; without "
                "--require-native it is encoded"
            )
    return levels[:stored]


def _associated(slide: AbstractSlide) -> tuple[dict[str, Image], list[str]]:
    """Associated images by name, and names of the damaged ones."""
    images: dict[str, Image] = {}
    damaged = []
    for name in slide.associated_images:
        try:
            images[name] = slide.associated_images[name]
        except OpenSlideError:
            damaged.append(name)
    return images, damaged


class _Writer:
    """Writes a file."""

    def __init__(
        self,
        slide: AbstractSlide,
        source: str | os.PathLike[str],
        levels: list[Level],
        images: dict[str, Image],
        file: WholeFile,
        options: TiffOptions,
        report: Report,
    ) -> None:
        self._slide = slide
        self._levels = levels
        self._options = options
        self._report = report
        self._images = list(images.values())
        described = _described(slide, source)
        directories = [
            _level_directory(slide, level, described if number == 0 else None)
            for number, level in enumerate(levels)
        ]
        directories += (_image_directory(name, image) for name, image in images.items())
        self._tiff = BigTiff(file, directories)

    def write(self) -> list[ConvertedLevel]:
        """What became of the levels."""
        for i, image in enumerate(self._images, len(self._levels)):
            self._tiff.add(i, [(0, zlib.compress(image.tobytes()))])
        # From the coarsest to the finest, for so they are looked at.
        done = [self._write_level(i) for i in reversed(range(len(self._levels)))]
        tiles = sum(level.copied + level.encoded for level in done)
        if tiles > 0 and tiles == sum(len(level.damaged) for level in done):
            raise OpenSlideError(all_damaged(tiles, None))
        self._tiff.finish()
        return done[::-1]

    def _write_level(self, number: int) -> ConvertedLevel:
        level = self._levels[number]
        copied = encoded = 0
        holes: list[int] = []
        damaged: list[Cell] = []
        reason = level.refusal or ""
        for batch in level.batches():
            if batch.encoded and self._options.require_native:
                raise _not_native(number, level, batch)
            self._tiff.add(number, batch.copied + batch.encoded)
            copied += len(batch.copied)
            encoded += len(batch.encoded)
            holes += batch.holes
            damaged += batch.damaged
            reason = reason or batch.reason
            self._report.advance(
                len(batch.copied) + len(batch.encoded) + len(batch.holes)
            )
        if holes:
            tile = background_tile(self._slide, level, self._options.quality)
            self._tiff.share(number, holes, tile)
        return ConvertedLevel(
            level.dimensions,
            level.tile_size,
            copied,
            encoded,
            len(holes),
            reason,
            damaged,
        )


def _not_native(number: int, level: Level, batch: Batch) -> ValueError:
    columns, _ = level.shape
    row, column = divmod(batch.encoded[0][0], columns)
    return ValueError(
        f"tile ({column}, {row}) of level {number} cannot be copied: {batch.reason}; "
        "without --require-native it is encoded"
    )


def _described(slide: AbstractSlide, source: str | os.PathLike[str]) -> str:
    """All that the slide says of itself, as JSON; readers show it as a comment."""
    return json.dumps(
        {
            "software": _SOFTWARE,
            "source": os.path.basename(source),
            "properties": dict(slide.properties),
        }
    )


def _level_directory(
    slide: AbstractSlide, level: Level, description: str | None
) -> Directory:
    columns, rows = level.shape
    is_rgb = level.color_space == "RGB"
    tags: dict[Tag, Value] = {
        Tag.NEW_SUBFILE_TYPE: 0 if description is not None else _REDUCED,
        Tag.IMAGE_WIDTH: level.dimensions[0],
        Tag.IMAGE_LENGTH: level.dimensions[1],
        Tag.BITS_PER_SAMPLE: [8, 8, 8],
        Tag.COMPRESSION: [_JPEG],
        Tag.PHOTOMETRIC: [_RGB if is_rgb else _YCBCR],
        Tag.SAMPLES_PER_PIXEL: [3],
        Tag.PLANAR_CONFIGURATION: [_CONTIGUOUS],
        Tag.SOFTWARE: _SOFTWARE,
        Tag.TILE_WIDTH: level.tile_size[0],
        Tag.TILE_LENGTH: level.tile_size[1],
    }
    if description is not None:
        tags[Tag.IMAGE_DESCRIPTION] = description
    if not is_rgb:
        tags[Tag.YCBCR_SUBSAMPLING] = list(level.sampling)
    if slide.mpp is not None:
        x, y = (_MICRONS / (mpp * level.downsample) for mpp in slide.mpp)
        tags[Tag.X_RESOLUTION], tags[Tag.Y_RESOLUTION] = Fraction(x), Fraction(y)
        tags[Tag.RESOLUTION_UNIT] = [_CENTIMETRE]
    if slide._profile:
        tags[Tag.ICC_PROFILE] = slide._profile
    return Directory(tags, columns * rows)


def _image_directory(name: str, image: Image) -> Directory:
    """Of an associated image: one strip, without loss."""
    channels = len(image.getbands())
    tags: dict[Tag, Value] = {
        Tag.NEW_SUBFILE_TYPE: 0,
        Tag.IMAGE_WIDTH: image.width,
        Tag.IMAGE_LENGTH: image.height,
        Tag.BITS_PER_SAMPLE: [8] * channels,
        Tag.COMPRESSION: [_DEFLATE],
        Tag.PHOTOMETRIC: [_RGB],
        Tag.IMAGE_DESCRIPTION: name,
        Tag.SAMPLES_PER_PIXEL: [channels],
        Tag.ROWS_PER_STRIP: image.height,
        Tag.PLANAR_CONFIGURATION: [_CONTIGUOUS],
    }
    if channels > 3:
        tags[Tag.EXTRA_SAMPLES] = [_STRAIGHT_ALPHA] * (channels - 3)
    return Directory(tags, 1, is_tiled=False)
