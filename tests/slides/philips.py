"""Philips (.tiff): DICOM attributes as XML in the first description.

Level sizes follow from the pixel spacings in the XML: the directories of upper
levels are padded to whole tiles.
"""

from base64 import b64encode
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from .codecs import jpeg
from .content import MPP, OBJECTIVE_POWER, RgbImage, label, macro, reference, size_of
from .dialect import Changes, Dialect, SlideTiff
from .facts import Patch, SlideFacts
from .markup import Node, node, to_xml
from .pyramid import (
    TileSize,
    grid_dimensions,
    level_dimensions,
    pyramid,
    tile_boxes,
    tile_dimensions,
)
from .tiff import Tag, TagDict

_BARCODE = "SYNTHETIC-0002"


PLAIN = Dialect(tile=512, factors=(1, 2, 4, 8), big=True, software="Philips DP v1.0")


def write_philips(
    folder: Path,
    *,
    name: str = "philips",
    dialect: Dialect = PLAIN,
    image: RgbImage | None = None,
    missing: Collection[int] = (),
    **changes: Unpack[Changes],
) -> SlideFacts:
    """Write `name`.tiff; `missing` tiles of level 0 are holes.

    The macro is a directory, the label sits in the XML: readers must know both.
    """
    dialect = replace(dialect, **changes)
    factors, tile = dialect.factors, dialect.tile
    if image is None:
        image = reference()
    path = folder / f"{name}.tiff"
    with SlideTiff(path, dialect) as tiff:
        for level, (_, shrunk) in enumerate(pyramid(image, factors)):
            tags: TagDict = {
                Tag.SOFTWARE: dialect.software,
                Tag.NEW_SUBFILE_TYPE: 1 if level else 0,
            }
            if level == 0:
                description = to_xml(_import_object(factors), declaration=True)
                tags[Tag.IMAGE_DESCRIPTION] = description
            size = size_of(shrunk) if level == 0 else _whole_tiles(shrunk, tile)
            absent = () if level else missing
            tiff.level(level, shrunk, tags, missing=absent, size=size)
        tiff.picture(
            "macro",
            macro(),
            {
                Tag.SOFTWARE: dialect.software,
                Tag.NEW_SUBFILE_TYPE: 1,
                Tag.IMAGE_DESCRIPTION: (
                    "Macro -offset=(0,0)-pixelsize=(0.0315,0.0315)-rois=()"
                ),
            },
        )
    return SlideFacts(
        path=path,
        vendor="philips",
        level_dimensions=level_dimensions(image, factors),
        patches=(Patch((0, 0), image),),
        associated={"label": size_of(label()), "macro": size_of(macro())},
        barcode=_BARCODE,
        holes=tile_boxes(image, tile, missing),
    )


def _whole_tiles(image: RgbImage, tile: TileSize) -> tuple[int, int]:
    """The image's size rounded up to whole tiles."""
    tile_width, tile_height = tile_dimensions(tile)
    columns, rows = grid_dimensions(*size_of(image), tile)
    return columns * tile_width, rows * tile_height


def _import_object(factors: Sequence[int]) -> Node:
    whole_slide = _object(
        "DPScannedImage",
        _attribute("PIM_DP_IMAGE_TYPE", "WSI"),
        _pixel_spacing(1),
        _attribute(
            "DICOM_DERIVATION_DESCRIPTION",
            f"tiff-useBigTIFF=1-levels={OBJECTIVE_POWER},10002,10000-sourceFilename=x",
        ),
        _array(
            "PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE",
            *(_object("PixelDataRepresentation", _pixel_spacing(f)) for f in factors),
        ),
    )
    label_image = _object(
        "DPScannedImage",
        _attribute("PIM_DP_IMAGE_TYPE", "LABELIMAGE"),
        _attribute("PIM_DP_IMAGE_DATA", b64encode(jpeg(label())).decode()),
    )
    return _object(
        "DPUfsImport",
        _attribute("DICOM_MANUFACTURER", "PHILIPS"),
        _attribute("PIM_DP_UFS_BARCODE", b64encode(_BARCODE.encode()).decode()),
        _array("PIM_DP_SCANNED_IMAGES", whole_slide, label_image),
    )


def _object(kind: str, *attributes: Node) -> Node:
    return node("DataObject", *attributes, ObjectType=kind)


def _array(name: str, *objects: Node) -> Node:
    return _attribute(name, node("Array", *objects), kind="IDataObjectArray")


def _attribute(name: str, value: str | Node, *, kind: str = "IString") -> Node:
    return node(
        "Attribute", value, Name=name, Group="0x301D", Element="0x1000", PMSVR=kind
    )


def _pixel_spacing(factor: int) -> Node:
    """Between rows, then between columns, in millimetres."""
    millimetres = f'"{MPP * factor / 1000:.9f}"'
    return _attribute("DICOM_PIXEL_SPACING", f"{millimetres} {millimetres}")
