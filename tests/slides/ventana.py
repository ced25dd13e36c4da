"""Ventana (.bif and .tif): directories told apart by their descriptions.

The first directory is the macro, which carries the scanner's XML.  In a BIF the
camera's tiles overlap; a second XML, on level 0, says by how much.  In a TIFF
the tiles have been stitched and both are absent.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from .codecs import Subsampling
from .content import (
    MPP,
    OBJECTIVE_POWER,
    RgbImage,
    icc_profile,
    macro,
    reference,
    size_of,
    thumbnail,
)
from .facts import Patch, SlideFacts
from .markup import Node, node, to_xml
from .pyramid import TileSize, cut, level_dimensions, pyramid
from .tiff import ByteOrder, Tag, TagDict, TiffWriter, jpeg_codec


def write_ventana_bif(
    folder: Path,
    *,
    name: str = "ventana",
    image: RgbImage | None = None,
    tile: int = 256,
    overlap: tuple[int, int] = (16, 8),
    factors: Sequence[int] = (1, 4, 16),
    quality: int = 85,
    subsampling: Subsampling = "4:2:0",
    shared_tables: bool = False,
    big: bool = True,
    byteorder: ByteOrder = "<",
) -> SlideFacts:
    """Write `name`.bif; it shows as much of `image` as whole tiles cover.

    `overlap` is that of neighbours in a row and in a column, in level-0 pixels.
    `factors` must divide `tile`: upper levels hold each tile shrunk by itself.
    """
    if image is None:
        image = reference()
    stitching = _Stitching(image, tile, overlap)
    tags: TagDict = {Tag.XMP: to_xml(stitching.xml(), declaration=True).encode()}
    path = folder / f"{name}.bif"
    with TiffWriter(path, big=big, byteorder=byteorder) as tiff:
        _write_macro_and_thumbnail(tiff, image, "Label_Image", _scan())
        codec = jpeg_codec(quality, subsampling, shared_tables=shared_tables)
        for level, (factor, shrunk) in enumerate(pyramid(stitching.plane(), factors)):
            level_tags = _level_tags(level, factor, quality) | (
                tags if level == 0 else {}
            )
            tiff.tiled(shrunk, tile, codec, level_tags)
    width, height = stitching.size
    return SlideFacts(
        path=path,
        vendor="ventana",
        level_dimensions=tuple(stitching.level_size(factor) for factor in factors),
        patches=(Patch.crop(image, (0, 0, width, height), (0, 0)),),
        associated=_associated(image),
        has_icc=True,
    )


def write_ventana_tif(
    folder: Path,
    *,
    name: str = "ventana",
    image: RgbImage | None = None,
    tile: TileSize = 256,
    factors: Sequence[int] = (1, 4, 16),
    quality: int = 85,
    subsampling: Subsampling = "4:2:0",
    shared_tables: bool = False,
    big: bool = True,
    byteorder: ByteOrder = "<",
) -> SlideFacts:
    """Write `name`.tif."""
    if image is None:
        image = reference()
    path = folder / f"{name}.tif"
    with TiffWriter(path, big=big, byteorder=byteorder) as tiff:
        _write_macro_and_thumbnail(
            tiff, image, "Label Image", node("Metadata", _scan())
        )
        codec = jpeg_codec(quality, subsampling, shared_tables=shared_tables)
        for level, (factor, shrunk) in enumerate(pyramid(image, factors)):
            tags = _level_tags(level, factor, quality)
            tiff.tiled(shrunk, tile, codec, tags)
    return SlideFacts(
        path=path,
        vendor="ventana",
        level_dimensions=level_dimensions(image, factors),
        patches=(Patch((0, 0), image),),
        associated=_associated(image),
        has_icc=True,
    )


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
    tiff: TiffWriter, image: RgbImage, description: str, scan: Node
) -> None:
    tags: TagDict = {Tag.IMAGE_DESCRIPTION: description, Tag.XMP: to_xml(scan).encode()}
    tiff.stripped(macro(), jpeg_codec(), tags)
    tiff.stripped(thumbnail(image), jpeg_codec(), {Tag.IMAGE_DESCRIPTION: "Thumbnail"})


def _level_tags(level: int, factor: int, quality: int) -> TagDict:
    magnification = OBJECTIVE_POWER / factor
    tags: TagDict = {
        Tag.IMAGE_DESCRIPTION: f"level={level} mag={magnification:g} quality={quality}"
    }
    if level == 0:
        tags[Tag.ICC_PROFILE] = icc_profile()
    return tags


def _associated(image: RgbImage) -> dict[str, tuple[int, int]]:
    return {"macro": size_of(macro()), "thumbnail": size_of(thumbnail(image))}
