"""Huron (.tif): `key = value` lines under a telling Make.

The order of directories is Aperio's: level 0, thumbnail, further levels, then
label and macro with their NewSubfileType.
"""

from dataclasses import replace
from pathlib import Path
from typing import Unpack

from .content import MPP, RgbImage, label, macro, reference, size_of, thumbnail
from .dialect import Changes, Dialect, SlideTiff
from .facts import Patch, SlideFacts
from .pyramid import level_dimensions, pyramid
from .tiff import Tag, resolution_tags

_LABEL_SUBFILE_TYPE = 1
_MACRO_SUBFILE_TYPE = 9

PLAIN = Dialect(big=True)


def write_huron(
    folder: Path,
    *,
    name: str = "huron",
    dialect: Dialect = PLAIN,
    image: RgbImage | None = None,
    **changes: Unpack[Changes],
) -> SlideFacts:
    """Write `name`.tif."""
    dialect = replace(dialect, **changes)
    if image is None:
        image = reference()
    path = folder / f"{name}.tif"
    with SlideTiff(path, dialect) as tiff:
        for level, (factor, shrunk) in enumerate(pyramid(image, dialect.factors)):
            tags = resolution_tags(factor) | {
                Tag.MAKE: "Huron Technologies",
                Tag.IMAGE_DESCRIPTION: (
                    f"Resolution = {MPP} um\nScanner = synthetic\nLevel = {level}"
                ),
            }
            tiff.level(level, shrunk, tags)
            if level == 0:
                tiff.picture("thumbnail", thumbnail(image))
        for title, picture, kind in (
            ("label", label(), _LABEL_SUBFILE_TYPE),
            ("macro", macro(), _MACRO_SUBFILE_TYPE),
        ):
            tiff.picture(title, picture, {Tag.NEW_SUBFILE_TYPE: kind})
    return SlideFacts(
        path=path,
        vendor="huron",
        level_dimensions=level_dimensions(image, dialect.factors),
        patches=(Patch((0, 0), image),),
        objective_power=None,
        associated={
            "label": size_of(label()),
            "macro": size_of(macro()),
            "thumbnail": size_of(thumbnail(image)),
        },
    )
