"""Ventana (.bif and .tif): directories told apart by their descriptions.

The first directory is the macro, which carries the scanner's XML.  In a BIF the
camera's tiles overlap; a second XML, on level 0, says by how much.  In a TIFF
the tiles have been stitched and both are absent.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
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


def write_ventana_bif(
    folder: Path,
    *,
    name: str = "ventana",
    dialect: Dialect = PLAIN,
    image: RgbImage | None = None,
    overlap: tuple[int, int] = (16, 8),
    **changes: Unpack[Changes],
) -> SlideFacts:
    """Write `name`.bif; it shows as much of `image` as whole tiles cover.

    `overlap` is that of neighbours in a row and in a column, in level-0 pixels.
    The factors must divide the tile, a square one: upper levels hold each tile shrunk by itself.
    """
    dialect = replace(dialect, **changes)
    if image is None:
        image = reference()
    tile, _ = tile_dimensions(dialect.tile)
    stitching = _Stitching(image, tile, overlap)
    tags: TagDict = {Tag.XMP: to_xml(stitching.xml(), declaration=True).encode()}
    path = folder / f"{name}.bif"
    with SlideTiff(path, dialect) as tiff:
        _write_macro_and_thumbnail(tiff, image, "Label_Image", _scan())
        levels = pyramid(stitching.plane(), dialect.factors)
        for level, (factor, shrunk) in enumerate(levels):
            level_tags = _level_tags(level, factor, dialect.quality)
            tiff.level(level, shrunk, level_tags | ({} if level else tags))
    width, height = stitching.size
    return SlideFacts(
        path=path,
        vendor="ventana",
        level_dimensions=tuple(
            stitching.level_size(factor) for factor in dialect.factors
        ),
        patches=(Patch.crop(image, (0, 0, width, height), (0, 0)),),
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
    """A single scanned area of `columns` x `rows` overlapping tiles."""

    def __init__(self, image: RgbImage, tile: int, overlap: tuple[int, int]) -> None:
        self._image = image
        self._tile = tile
        self._overlap = overlap
        self._step = (tile - overlap[0], tile - overlap[1])
        width, height = size_of(image)
        self.columns = (width - tile) // self._step[0] + 1
        self.rows = (height - tile) // self._step[1] + 1

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the stitched area."""
        return self.level_size(1)

    def level_size(self, factor: int) -> tuple[int, int]:
        """Tiles and the steps between them shrink; the sum is rounded up."""
        width, height = (
            math.ceil((step * (count - 1) + self._tile) / factor)
            for step, count in zip(self._step, (self.columns, self.rows), strict=True)
        )
        return width, height

    def plane(self) -> RgbImage:
        """Whole tiles side by side, so that overlaps are stored twice."""
        width, height = self.size
        tiles = list(cut(self._image[:height, :width], self._tile, self._step))
        starts = range(0, len(tiles), self.columns)
        return np.vstack([np.hstack(tiles[i : i + self.columns]) for i in starts])

    def xml(self) -> Node:
        tile = self._tile
        image_info = node(
            "ImageInfo",
            *self._joints(),
            AOIScanned=1,
            AOIIndex=0,
            Width=tile,
            Height=tile,
            NumRows=self.rows,
            NumCols=self.columns,
            **{"Pos-X": 0, "Pos-Y": 0},
        )
        return node(
            "EncodeInfo",
            node("SlideInfo"),
            node("SlideStitchInfo", image_info),
            node("AoiOrigin", node("AOI0", OriginX=0, OriginY=0)),
            Ver=2,
        )

    def _joints(self) -> Iterator[Node]:
        """The overlap of every two neighbours."""
        overlap_x, overlap_y = self._overlap
        for row in range(self.rows):
            for column in range(self.columns - 1):
                yield self._joint(
                    "RIGHT", (column, row), (column + 1, row), overlap_x, 0
                )
        for row in range(1, self.rows):
            for column in range(self.columns):
                yield self._joint("UP", (column, row), (column, row - 1), 0, overlap_y)

    def _joint(
        self,
        direction: str,
        first: tuple[int, int],
        second: tuple[int, int],
        overlap_x: int,
        overlap_y: int,
    ) -> Node:
        return node(
            "TileJointInfo",
            FlagJoined=1,
            Confidence=99,
            Direction=direction,
            Tile1=self._number(*first),
            Tile2=self._number(*second),
            OverlapX=overlap_x,
            OverlapY=overlap_y,
        )

    def _number(self, column: int, row: int) -> int:
        """The stage starts bottom left and turns at the end of each row."""
        rows_below = self.rows - 1 - row
        if rows_below % 2:
            column = self.columns - 1 - column
        return rows_below * self.columns + column + 1


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
