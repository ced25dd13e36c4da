"""Generic tiled TIFF (.tif): a pyramid that no vendor claims."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

from .codecs import Subsampling
from .content import RgbImage, icc_profile, reference, small_reference
from .facts import Patch, SlideFacts
from .pyramid import TileSize, level_dimensions, pyramid, tile_boxes
from .tiff import (
    ByteOrder,
    Tag,
    TiffCodec,
    TiffWriter,
    jpeg_codec,
    lzw_codec,
    raw_codec,
    resolution_tags,
)

Encoding = Literal["jpeg", "rgb", "lzw", "raw"]

_REDUCED_RESOLUTION = 1  # a bit of NewSubfileType


def write_generic(
    folder: Path,
    *,
    name: str = "generic",
    encoding: Encoding = "jpeg",
    image: RgbImage | None = None,
    tile: TileSize = 256,
    factors: Sequence[int] = (1, 4, 16),
    quality: int = 85,
    subsampling: Subsampling = "4:2:0",
    shared_tables: bool = False,
    restart_interval: int = 0,
    missing: Collection[int] = (),
    icc: bool = True,
    big: bool = False,
    byteorder: ByteOrder = "<",
) -> SlideFacts:
    """Write `name`.tif; `missing` tiles of level 0 are holes.

    `quality` and `subsampling` are those of "jpeg"; "rgb" is never subsampled.
    `restart_interval` is that of both, in MCUs.
    """
    lossless = encoding in ("lzw", "raw")
    if image is None:
        image = small_reference() if lossless else reference()
    codec = _codec(encoding, quality, subsampling, shared_tables, restart_interval)
    path = folder / f"{name}.tif"
    with TiffWriter(path, big=big, byteorder=byteorder) as tiff:
        for level, (factor, shrunk) in enumerate(pyramid(image, factors)):
            tags = resolution_tags(factor)
            tags[Tag.NEW_SUBFILE_TYPE] = _REDUCED_RESOLUTION if level else 0
            if level == 0 and icc:
                tags[Tag.ICC_PROFILE] = icc_profile()
            absent = missing if level == 0 else ()
            tiff.tiled(shrunk, tile, codec, tags, missing=absent)
    return SlideFacts(
        path=path,
        vendor="generic-tiff",
        level_dimensions=level_dimensions(image, factors),
        patches=(Patch((0, 0), image),),
        objective_power=None,
        has_icc=icc,
        holes=tile_boxes(image, tile, missing),
        lossless=lossless,
    )


def _codec(
    encoding: Encoding,
    quality: int,
    subsampling: Subsampling,
    shared_tables: bool,
    restart_interval: int,
) -> TiffCodec:
    if encoding == "lzw":
        return lzw_codec()
    if encoding == "raw":
        return raw_codec()
    return jpeg_codec(
        quality,
        subsampling,
        rgb=encoding == "rgb",
        shared_tables=shared_tables,
        restart_interval=restart_interval,
    )
