"""Aperio (.svs).

Directory 0 is level 0, with a description that starts "Aperio" and goes on in
`|key = value` pairs.  Directory 1 is the thumbnail, the only stripped one that
needs no mark: the others are told apart by NewSubfileType.
"""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from .content import (
    MPP,
    OBJECTIVE_POWER,
    RgbImage,
    label,
    macro,
    reference,
    size_of,
    small_reference,
    thumbnail,
)
from .dialect import Changes, Dialect, Encoding, Picture, SlideTiff
from .facts import Patch, SlideFacts
from .pyramid import level_dimensions, pyramid, tile_boxes, tile_dimensions
from .tiff import Tag, TagDict

_LABEL_SUBFILE_TYPE = 1
_MACRO_SUBFILE_TYPE = 9

_ENCODING_NAMES: dict[Encoding, str] = {
    "jpeg": "JPEG/YCC",
    "rgb": "JPEG/RGB",
    "33003": "J2K/YUV16",
    "33005": "J2K/KDU",
}

PLAIN = Dialect(
    tile=240,
    shared_tables=True,
    icc=True,
    software="Aperio Image Library v12.0.15 ",
    pictures={"thumbnail": Picture(rows_per_strip=16), "label": Picture("lzw")},
)


def write_aperio(
    folder: Path,
    *,
    name: str = "aperio",
    dialect: Dialect = PLAIN,
    image: RgbImage | None = None,
    missing: Collection[int] = (),
    missing_above: Collection[int] = (),
    missing_on_top: Collection[int] = (),
    **changes: Unpack[Changes],
) -> SlideFacts:
    """Write `name`.svs.

    `missing` tiles of level 0 are holes; `missing_above` tiles of level 1 and
    `missing_on_top` tiles of level 2 are made from the level below.
    """
    dialect = replace(dialect, **changes)
    if image is None:
        is_slow = dialect.encoding in ("33003", "33005")
        image = small_reference() if is_slow else reference()
    tail = _properties(name, dialect)
    absent = (missing, missing_above, missing_on_top)
    path = folder / f"{name}.svs"
    with SlideTiff(path, dialect) as tiff:
        for level, (_, shrunk) in enumerate(pyramid(image, dialect.factors)):
            tags: TagDict = {
                Tag.NEW_SUBFILE_TYPE: 0,
                Tag.IMAGE_DESCRIPTION: level_description(
                    dialect, size_of(image), size_of(shrunk)
                )
                + tail,
            }
            holes = absent[level] if level < len(absent) else ()
            tiff.level(level, shrunk, tags, missing=holes)
            if level == 0:
                _write_thumbnail(tiff, dialect, image, tail)
        _write_label_and_macro(tiff, dialect)
    return SlideFacts(
        path=path,
        vendor="aperio",
        level_dimensions=level_dimensions(image, dialect.factors),
        patches=(Patch((0, 0), image),),
        associated={
            "label": size_of(label()),
            "macro": size_of(macro()),
            "thumbnail": size_of(thumbnail(image)),
        },
        has_icc=dialect.icc,
        associated_with_icc=frozenset({"thumbnail"} if dialect.icc else ()),
        holes=tile_boxes(image, dialect.tile, missing),
        is_pyramid=not any(absent),
    )


def _properties(name: str, dialect: Dialect) -> str:
    """The part of the description that the levels and the thumbnail share.

    A thumbnail has the profile of the slide if both name the same one.
    """
    stripe_width, _ = tile_dimensions(dialect.tile)
    properties = {
        "AppMag": str(OBJECTIVE_POWER),
        "StripeWidth": str(stripe_width),
        "ScanScope ID": "SYNTHETIC",
        "Filename": name,
        "Date": "01/02/20",
        "Time": "03:04:05",
        "MPP": f"{MPP:.4f}",
    }
    if dialect.icc:
        properties["ICC Profile"] = "ScanScope v1"
    return "".join(f"|{key} = {value}" for key, value in properties.items())


def level_description(
    dialect: Dialect, size: tuple[int, int], level_size: tuple[int, int]
) -> str:
    """What a level of a slide of that size says before its properties."""
    width, height = size
    tile_width, tile_height = tile_dimensions(dialect.tile)
    level_width, level_height = level_size
    reduction = "" if level_size == size else f" -> {level_width}x{level_height}"
    return (
        f"{dialect.software}\r\n{width}x{height} [0,0 {width}x{height}] "
        f"({tile_width}x{tile_height}){reduction} "
        f"{_ENCODING_NAMES[dialect.encoding]} Q={dialect.quality}"
    )


def _write_thumbnail(
    tiff: SlideTiff, dialect: Dialect, image: RgbImage, tail: str
) -> None:
    small = thumbnail(image)
    width, height = size_of(image)
    small_width, small_height = size_of(small)
    description = (
        f"{dialect.software}\n{width}x{height} -> {small_width}x{small_height} - {tail}"
    )
    tags: TagDict = {Tag.NEW_SUBFILE_TYPE: 0, Tag.IMAGE_DESCRIPTION: description}
    tiff.picture("thumbnail", small, tags)


def _write_label_and_macro(tiff: SlideTiff, dialect: Dialect) -> None:
    for title, picture, subfile_type in (
        ("label", label(), _LABEL_SUBFILE_TYPE),
        ("macro", macro(), _MACRO_SUBFILE_TYPE),
    ):
        width, height = size_of(picture)
        tags: TagDict = {
            Tag.NEW_SUBFILE_TYPE: subfile_type,
            Tag.IMAGE_DESCRIPTION: f"{dialect.software}\n{title} {width}x{height}",
        }
        tiff.picture(title, picture, tags)
