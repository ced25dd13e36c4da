"""ARGOS (.avs): a pyramid per focal plane, of which the middle one is shown.

XML in a tag of level 0 counts the planes.  The last two directories are the
thumbnail and the macro.
"""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from .content import OBJECTIVE_POWER, RgbImage, macro, reference, size_of, thumbnail
from .dialect import Changes, Dialect, SlideTiff
from .facts import Patch, SlideFacts
from .markup import node, to_xml
from .pyramid import level_dimensions, pyramid, tile_boxes
from .tiff import Tag, resolution_tags

_BARCODE = "SYNTHETIC-0003"
_FOCAL_PLANES = (-1, 0, 1)


PLAIN = Dialect(big=True)


def write_argos(
    folder: Path,
    *,
    name: str = "argos",
    dialect: Dialect = PLAIN,
    image: RgbImage | None = None,
    missing: Collection[int] = (),
    **changes: Unpack[Changes],
) -> SlideFacts:
    """Write `name`.avs; `missing` tiles of level 0 are holes.

    The planes out of focus are inverted, so that a reader which takes the wrong
    one is found out.
    """
    dialect = replace(dialect, **changes)
    if image is None:
        image = reference()
    path = folder / f"{name}.avs"
    with SlideTiff(path, dialect) as tiff:
        for focal_plane in _FOCAL_PLANES:
            shown = image if focal_plane == 0 else 255 - image
            for level, (factor, shrunk) in enumerate(pyramid(shown, dialect.factors)):
                tags = resolution_tags(factor)
                if focal_plane == _FOCAL_PLANES[0] and level == 0:
                    tags[Tag.ARGOS_METADATA] = _metadata()
                tiff.level(level, shrunk, tags, missing=() if level else missing)
        tiff.picture("thumbnail", thumbnail(image))
        tiff.picture("macro", macro())
    return SlideFacts(
        path=path,
        vendor="argos",
        level_dimensions=level_dimensions(image, dialect.factors),
        patches=(Patch((0, 0), image),),
        associated={"macro": size_of(macro()), "thumbnail": size_of(thumbnail(image))},
        barcode=_BARCODE,
        holes=tile_boxes(image, dialect.tile, missing),
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
