"""ARGOS (.avs): a pyramid per focal plane, of which the middle one is shown.

XML in a tag of level 0 counts the planes.  The last two directories are the
thumbnail and the macro.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from .codecs import Subsampling
from .content import OBJECTIVE_POWER, RgbImage, macro, reference, size_of, thumbnail
from .facts import Patch, SlideFacts
from .markup import node, to_xml
from .pyramid import TileSize, level_dimensions, pyramid, tile_boxes
from .tiff import ByteOrder, Tag, TiffWriter, jpeg_codec, resolution_tags

_BARCODE = "SYNTHETIC-0003"
_FOCAL_PLANES = (-1, 0, 1)


def write_argos(
    folder: Path,
    *,
    name: str = "argos",
    image: RgbImage | None = None,
    tile: TileSize = 256,
    factors: Sequence[int] = (1, 4, 16),
    quality: int = 85,
    subsampling: Subsampling = "4:2:0",
    shared_tables: bool = False,
    missing: Collection[int] = (),
    big: bool = True,
    byteorder: ByteOrder = "<",
) -> SlideFacts:
    """Write `name`.avs; `missing` tiles of level 0 are holes.

    The planes out of focus are inverted, so that a reader which takes the wrong
    one is found out.
    """
    if image is None:
        image = reference()
    codec = jpeg_codec(quality, subsampling, shared_tables=shared_tables)
    path = folder / f"{name}.avs"
    with TiffWriter(path, big=big, byteorder=byteorder) as tiff:
        for focal_plane in _FOCAL_PLANES:
            shown = image if focal_plane == 0 else 255 - image
            for level, (factor, shrunk) in enumerate(pyramid(shown, factors)):
                tags = resolution_tags(factor)
                if focal_plane == _FOCAL_PLANES[0] and level == 0:
                    tags[Tag.ARGOS_METADATA] = _metadata()
                tiff.tiled(shrunk, tile, codec, tags, missing=() if level else missing)
        tiff.stripped(thumbnail(image), jpeg_codec())
        tiff.stripped(macro(), jpeg_codec())
    return SlideFacts(
        path=path,
        vendor="argos",
        level_dimensions=level_dimensions(image, factors),
        patches=(Patch((0, 0), image),),
        associated={"macro": size_of(macro()), "thumbnail": size_of(thumbnail(image))},
        barcode=_BARCODE,
        holes=tile_boxes(image, tile, missing),
    )


def _metadata() -> str:
    return to_xml(
        node(
            "Argos.Scan.Metadata",
            node("ObjectiveMagnification", OBJECTIVE_POWER),
            node("Barcode", _BARCODE),
            node("MinZ", min(_FOCAL_PLANES)),
            node("MaxZ", max(_FOCAL_PLANES)),
        )
    )
