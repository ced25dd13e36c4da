"""Trestle (.tif): neighbouring tiles overlap, by less in each further level.

Every directory's description lists the overlaps of all levels; the stored width
counts each overlap twice.  The resolution tags hold microns per pixel.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from .codecs import Subsampling, jpeg
from .content import MPP, OBJECTIVE_POWER, RgbImage, macro, reference, size_of
from .facts import Patch, SlideFacts
from .pyramid import TileSize, cut, level_dimensions, pyramid, tile_dimensions
from .tiff import ByteOrder, ResolutionUnit, Tag, Tags, TiffWriter, jpeg_codec


def write_trestle(
    folder: Path,
    *,
    name: str = "trestle",
    image: RgbImage | None = None,
    tile: TileSize = 256,
    overlap: int = 32,
    overlaps: Sequence[tuple[int, int]] | None = None,
    factors: Sequence[int] = (1, 4, 16),
    quality: int = 85,
    subsampling: Subsampling = "4:2:0",
    shared_tables: bool = False,
    big: bool = False,
    byteorder: ByteOrder = "<",
) -> SlideFacts:
    """Write `name`.tif, and `name`.Full with the macro image.

    `overlaps` are those of each level in x and y, by default `overlap`, in
    pixels of level 0.
    """
    if image is None:
        image = reference()
    codec = jpeg_codec(quality, subsampling, shared_tables=shared_tables)
    if overlaps is None:
        overlaps = [(overlap // factor, overlap // factor) for factor in factors]
    tile_width, tile_height = tile_dimensions(tile)
    path = folder / f"{name}.tif"
    with TiffWriter(path, big=big, byteorder=byteorder) as tiff:
        for (factor, shrunk), (shared_x, shared_y) in zip(
            pyramid(image, factors), overlaps, strict=True
        ):
            width, height = size_of(shrunk)
            step = tile_width - shared_x, tile_height - shared_y
            columns = _count(width, step[0], shared_x)
            rows = _count(height, step[1], shared_y)
            tiff.encoded_tiles(
                (width + (columns - 1) * shared_x, height + (rows - 1) * shared_y),
                tile,
                codec,
                map(codec.encode, cut(shrunk, tile, step)),
                _tags(factor, overlaps, quality),
            )
    path.with_suffix(".Full").write_bytes(jpeg(macro()))
    return SlideFacts(
        path=path,
        vendor="trestle",
        level_dimensions=level_dimensions(image, factors),
        patches=(Patch((0, 0), image),),
        associated={"macro": size_of(macro())},
    )


def _tags(factor: int, overlaps: Sequence[tuple[int, int]], quality: int) -> Tags:
    pairs = " ".join(f"{x} {y}" for x, y in overlaps)
    return {
        Tag.IMAGE_DESCRIPTION: (
            f"Background Color=F3F3F3;White Balance=C0D7FF;"
            f"Objective Power={OBJECTIVE_POWER};JPEG Quality={quality};"
            f"OverlapsXY={pairs}"
        ),
        Tag.SOFTWARE: "MedScan 2.1.0",
        Tag.X_RESOLUTION: MPP * factor,
        Tag.Y_RESOLUTION: MPP * factor,
        Tag.RESOLUTION_UNIT: ResolutionUnit.NONE,
    }


def _count(length: int, step: int, overlap: int) -> int:
    """How many tiles cover an axis."""
    return max(1, math.ceil((length - overlap) / step))
