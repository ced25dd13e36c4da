"""Ventana (.bif and .tif): directories told apart by their descriptions.

The first directory is the macro, which carries the scanner's XML.  In a BIF the
camera's tiles overlap; a second XML, on level 0, says by how much.  In a TIFF
the tiles have been stitched and both are absent.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

import numpy as np

from .content import (
    MPP,
    OBJECTIVE_POWER,
    RgbImage,
    macro,
    reference,
    size_of,
    thumbnail,
)
from .dialect import Changes, Dialect, SlideTiff
from .facts import Patch, SlideFacts
from .markup import Node, node, to_xml
from .pyramid import (
    cut,
    grid_dimensions,
    pad,
    pyramid,
    tile_dimensions,
)
from .tiff import Tag, TagDict

PLAIN = Dialect(big=True, icc=True)


@dataclass(frozen=True)
class Stage:
    """A part of a BIF slide that the stage went over, tile by tile.

    Attributes:
        columns, rows: how many tiles it has.
        at: its top left corner on the slide, in level-0 pixels.  The highest part
            is shown at the top, whatever it has for y.
        origin: column and row of its first tile, in the grid of all that are stored.
        is_scanned: whether it is shown at all.
    """

    columns: int
    rows: int
    at: tuple[int, int] = (0, 0)
    origin: tuple[int, int] = (0, 0)
    is_scanned: bool = True

    @property
    def end(self) -> tuple[int, int]:
        """Column and row after those of its last tile."""
        return self.origin[0] + self.columns, self.origin[1] + self.rows


def write_ventana_bif(
    folder: Path,
    *,
    name: str = "ventana",
    dialect: Dialect = PLAIN,
    image: RgbImage | None = None,
    overlap: tuple[float, float] = (16, 8),
    jitter: int = 0,
    stages: Sequence[Stage] | None = None,
    **changes: Unpack[Changes],
) -> SlideFacts:
    """Write `name`.bif; it shows as much of `image` as whole tiles cover.

    `overlap` is that of neighbours in a row and in a column, in level-0 pixels; by
    `jitter` pixels each joint may have more or less, and with any confidence, so that
    their mean is a fraction.  There is one area by default; the facts of slides with
    `stages` of one's own, or with jitter, tell of none of their pixels.

    The factors should divide the tile: upper levels hold each tile shrunk by itself.
    """
    dialect = replace(dialect, **changes)
    if image is None:
        image = reference()
    stitching = _Stitching(
        image, tile_dimensions(dialect.tile), overlap, jitter, stages
    )
    tags: TagDict = {Tag.XMP: to_xml(stitching.xml(), declaration=True).encode()}
    path = folder / f"{name}.bif"
    with SlideTiff(path, dialect) as tiff:
        _write_macro_and_thumbnail(tiff, image, "Label_Image", _scan())
        levels = pyramid(stitching.plane(), dialect.factors)
        for level, (factor, shrunk) in enumerate(levels):
            level_tags = _level_tags(level, factor, dialect.quality)
            tiff.level(level, shrunk, level_tags | ({} if level else tags))
    width, height = stitching.level_size(1)
    is_plain = stages is None and jitter == 0
    return SlideFacts(
        path=path,
        vendor="ventana",
        level_dimensions=tuple(
            stitching.level_size(factor) for factor in dialect.factors
        ),
        patches=(Patch.crop(image, (0, 0, width, height), (0, 0)),) if is_plain else (),
        associated=_associated(image),
        has_icc=dialect.icc,
    )


def write_ventana_tif(
    folder: Path,
    *,
    name: str = "ventana",
    dialect: Dialect = PLAIN,
    image: RgbImage | None = None,
    padded: bool = False,
    **changes: Unpack[Changes],
) -> SlideFacts:
    """Write `name`.tif; if it is `padded`, each level has whole tiles throughout."""
    dialect = replace(dialect, **changes)
    if image is None:
        image = reference()
    levels = pyramid(image, dialect.factors)
    if padded:
        levels = [(factor, _padded(shrunk, dialect)) for factor, shrunk in levels]
    path = folder / f"{name}.tif"
    with SlideTiff(path, dialect) as tiff:
        _write_macro_and_thumbnail(
            tiff, image, "Label Image", node("Metadata", _scan())
        )
        for level, (factor, shrunk) in enumerate(levels):
            tiff.level(level, shrunk, _level_tags(level, factor, dialect.quality))
    return SlideFacts(
        path=path,
        vendor="ventana",
        level_dimensions=tuple(size_of(shrunk) for _, shrunk in levels),
        patches=(Patch((0, 0), image),),
        associated=_associated(image),
        has_icc=dialect.icc,
        is_pyramid=not padded,
    )


def _padded(image: RgbImage, dialect: Dialect) -> RgbImage:
    """The image with its edges repeated to whole tiles."""
    tile_width, tile_height = tile_dimensions(dialect.tile)
    columns, rows = grid_dimensions(*size_of(image), dialect.tile)
    return pad(image, columns * tile_width, rows * tile_height)


class _Stitching:
    """Areas of overlapping tiles, and the document that says where they are."""

    def __init__(
        self,
        image: RgbImage,
        tile: tuple[int, int],
        overlap: tuple[float, float],
        jitter: int,
        stages: Sequence[Stage] | None,
    ) -> None:
        self._image = image
        self._tile = tile
        self._overlap = overlap
        self._jitter = jitter
        self._chance = random.Random(jitter)
        self._step = (tile[0] - int(overlap[0]), tile[1] - int(overlap[1]))
        self._stages = [self._whole()] if stages is None else list(stages)

    def _whole(self) -> Stage:
        """As many tiles as the image has room for."""
        columns, rows = (
            (length - tile) // step + 1
            for length, tile, step in zip(
                size_of(self._image), self._tile, self._step, strict=True
            )
        )
        return Stage(columns, rows)

    def _end(self, stage: Stage) -> tuple[int, int]:
        """Its lower right corner on the slide."""
        (step_x, step_y), (width, height) = self._step, self._tile
        x, y = stage.at
        return (
            x + step_x * (stage.columns - 1) + width,
            y + step_y * (stage.rows - 1) + height,
        )

    def level_size(self, factor: int) -> tuple[int, int]:
        """Tiles and the steps between them shrink; the sum is rounded up."""
        shown = [stage for stage in self._stages if stage.is_scanned]
        top = min(stage.at[1] for stage in shown)
        width, height = map(max, zip(*map(self._end, shown), strict=True))
        return math.ceil(width / factor), math.ceil((height - top) / factor)

    def plane(self) -> RgbImage:
        """Whole tiles side by side, so that overlaps are stored twice."""
        ends = (stage.end for stage in self._stages)
        columns, rows = map(max, zip(*ends, strict=True))
        width, height = self._tile
        plane = np.full((rows * height, columns * width, 3), 255, np.uint8)
        for stage in self._stages:
            (x, y), (right, bottom) = stage.at, self._end(stage)
            part = pad(self._image[y:bottom, x:right], right - x, bottom - y)
            for i, tile in enumerate(cut(part, self._tile, self._step)):
                column = (stage.origin[0] + i % stage.columns) * width
                row = (stage.origin[1] + i // stage.columns) * height
                plane[row : row + height, column : column + width] = tile
        return plane

    def xml(self) -> Node:
        origins = (
            node(
                f"AOI{i}",
                OriginX=stage.origin[0] * self._tile[0],
                OriginY=stage.origin[1] * self._tile[1],
            )
            for i, stage in enumerate(self._stages)
        )
        areas = (self._area(i, stage) for i, stage in enumerate(self._stages))
        return node(
            "EncodeInfo",
            node("SlideInfo"),
            node("SlideStitchInfo", *areas),
            node("AoiOrigin", *origins),
            Ver=2,
        )

    def _area(self, number: int, stage: Stage) -> Node:
        """Scanners count y from below all areas to the lower edge of each."""
        bottom = max(self._end(other)[1] for other in self._stages)
        height = self._end(stage)[1] - stage.at[1]
        return node(
            "ImageInfo",
            *self._joints(stage),
            AOIScanned=int(stage.is_scanned),
            AOIIndex=number,
            Width=self._tile[0],
            Height=self._tile[1],
            NumRows=stage.rows,
            NumCols=stage.columns,
            **{"Pos-X": stage.at[0], "Pos-Y": bottom - stage.at[1] - height},
        )

    def _joints(self, stage: Stage) -> Iterator[Node]:
        """The overlap of every two neighbours."""
        overlap_x, overlap_y = self._overlap
        for row in range(stage.rows):
            for column in range(stage.columns - 1):
                here, right = (column, row), (column + 1, row)
                yield self._joint(stage, "RIGHT", here, right, (overlap_x, 0))
        for row in range(1, stage.rows):
            for column in range(stage.columns):
                here, above = (column, row), (column, row - 1)
                yield self._joint(stage, "UP", here, above, (0, overlap_y))

    def _joint(
        self,
        stage: Stage,
        direction: str,
        first: tuple[int, int],
        second: tuple[int, int],
        overlap: tuple[float, float],
    ) -> Node:
        confidence = 99
        if self._jitter:
            confidence = self._chance.randint(1, 100)
            by = self._chance.randint(-self._jitter, self._jitter)
            overlap = overlap[0] + by, overlap[1] + by
        return node(
            "TileJointInfo",
            FlagJoined=1,
            Confidence=confidence,
            Direction=direction,
            Tile1=_number(stage, *first),
            Tile2=_number(stage, *second),
            OverlapX=overlap[0],
            OverlapY=overlap[1],
        )


def _number(stage: Stage, column: int, row: int) -> int:
    """The stage starts bottom left and turns at the end of each row."""
    rows_below = stage.rows - 1 - row
    if rows_below % 2:
        column = stage.columns - 1 - column
    return rows_below * stage.columns + column + 1


def _scan() -> Node:
    return node(
        "iScan",
        Magnification=OBJECTIVE_POWER,
        ScanRes=MPP,
        UnitNumber="SYNTHETIC-1",
        ScannerModel="synthetic",
    )


def _write_macro_and_thumbnail(
    tiff: SlideTiff, image: RgbImage, description: str, scan: Node
) -> None:
    tags: TagDict = {Tag.IMAGE_DESCRIPTION: description, Tag.XMP: to_xml(scan).encode()}
    tiff.picture("macro", macro(), tags)
    thumbnail_tags: TagDict = {Tag.IMAGE_DESCRIPTION: "Thumbnail"}
    tiff.picture("thumbnail", thumbnail(image), thumbnail_tags)


def _level_tags(level: int, factor: int, quality: int) -> TagDict:
    magnification = OBJECTIVE_POWER / factor
    return {
        Tag.IMAGE_DESCRIPTION: f"level={level} mag={magnification:g} quality={quality}"
    }


def _associated(image: RgbImage) -> dict[str, tuple[int, int]]:
    return {"macro": size_of(macro()), "thumbnail": size_of(thumbnail(image))}
