"""Trestle (.tif): neighbouring tiles overlap, by less in each further level.

Every directory's description lists the overlaps of all levels; the stored width
counts each overlap twice.  The resolution tags hold microns per pixel.
"""

from collections.abc import Sequence
from pathlib import Path

from .codecs import Subsampling, jpeg
from .content import MPP, OBJECTIVE_POWER, RgbImage, macro, reference, size_of
from .facts import Patch, SlideFacts
from .pyramid import cut, grid_dimensions, level_dimensions, pyramid
from .tiff import ByteOrder, ResolutionUnit, Tag, Tags, TiffWriter, jpeg_codec


def write_trestle(
    folder: Path,
    *,
    name: str = "trestle",
    image: RgbImage | None = None,
    tile: int = 256,
    overlap: int = 32,
    factors: Sequence[int] = (1, 4, 16),
    quality: int = 85,
    subsampling: Subsampling = "4:2:0",
    shared_tables: bool = False,
    big: bool = False,
    byteorder: ByteOrder = "<",
) -> SlideFacts:
    """Write `name`.tif, and `name`.Full with the macro image.

    `overlap` is that of level 0, in pixels.
    """
    if image is None:
        image = reference()
    codec = jpeg_codec(quality, subsampling, shared_tables=shared_tables)
    overlaps = [overlap // factor for factor in factors]
    path = folder / f"{name}.tif"
    with TiffWriter(path, big=big, byteorder=byteorder) as tiff:
        for (factor, shrunk), shared in zip(
            pyramid(image, factors), overlaps, strict=True
        ):
            width, height = size_of(shrunk)
            columns, rows = _grid(shrunk, tile, shared)
            tiff.encoded_tiles(
                (width + (columns - 1) * shared, height + (rows - 1) * shared),
                tile,
                codec,
                map(codec.encode, cut(shrunk, tile, tile - shared)),
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


def _tags(factor: int, overlaps: Sequence[int], quality: int) -> Tags:
    pairs = " ".join(f"{overlap} {overlap}" for overlap in overlaps)
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


def _grid(image: RgbImage, tile: int, overlap: int) -> tuple[int, int]:
    width, height = size_of(image)
    columns, rows = grid_dimensions(width - overlap, height - overlap, tile - overlap)
    return max(1, columns), max(1, rows)
