"""Huron (.tif): `key = value` lines under a telling Make.

The order of directories is Aperio's: level 0, thumbnail, further levels, then
label and macro with their NewSubfileType.
"""

from collections.abc import Sequence
from pathlib import Path

from .codecs import Subsampling
from .content import MPP, RgbImage, label, macro, reference, size_of, thumbnail
from .facts import Patch, SlideFacts
from .pyramid import TileSize, level_dimensions, pyramid
from .tiff import ByteOrder, Tag, TiffWriter, jpeg_codec, resolution_tags

_LABEL_SUBFILE_TYPE = 1
_MACRO_SUBFILE_TYPE = 9


def write_huron(
    folder: Path,
    *,
    name: str = "huron",
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
    codec = jpeg_codec(quality, subsampling, shared_tables=shared_tables)
    path = folder / f"{name}.tif"
    with TiffWriter(path, big=big, byteorder=byteorder) as tiff:
        for level, (factor, shrunk) in enumerate(pyramid(image, factors)):
            tags = resolution_tags(factor) | {
                Tag.MAKE: "Huron Technologies",
                Tag.IMAGE_DESCRIPTION: (
                    f"Resolution = {MPP} um\nScanner = synthetic\nLevel = {level}"
                ),
            }
            tiff.tiled(shrunk, tile, codec, tags)
            if level == 0:
                tiff.stripped(thumbnail(image), jpeg_codec())
        for picture, kind in (
            (label(), _LABEL_SUBFILE_TYPE),
            (macro(), _MACRO_SUBFILE_TYPE),
        ):
            tiff.stripped(picture, jpeg_codec(), {Tag.NEW_SUBFILE_TYPE: kind})
    return SlideFacts(
        path=path,
        vendor="huron",
        level_dimensions=level_dimensions(image, factors),
        patches=(Patch((0, 0), image),),
        objective_power=None,
        associated={
            "label": size_of(label()),
            "macro": size_of(macro()),
            "thumbnail": size_of(thumbnail(image)),
        },
    )
