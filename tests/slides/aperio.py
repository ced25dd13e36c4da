"""Aperio (.svs).

Directory 0 is level 0, with a description that starts "Aperio" and goes on in
`|key = value` pairs.  Directory 1 is the thumbnail, the only stripped one that
needs no mark: the others are told apart by NewSubfileType.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

from .codecs import Subsampling
from .content import (
    MPP,
    OBJECTIVE_POWER,
    RgbImage,
    icc_profile,
    label,
    macro,
    reference,
    size_of,
    small_reference,
    thumbnail,
)
from .facts import Patch, SlideFacts
from .pyramid import TileSize, level_dimensions, pyramid, tile_boxes, tile_dimensions
from .tiff import (
    ByteOrder,
    Tag,
    TagDict,
    TiffCodec,
    TiffWriter,
    jpeg2000_codec,
    jpeg_codec,
    lzw_codec,
)

Encoding = Literal["jpeg", "rgb", "33003", "33005"]

_LIBRARY = "Aperio Image Library v12.0.15"
_LABEL_SUBFILE_TYPE = 1
_MACRO_SUBFILE_TYPE = 9

_ENCODING_NAMES: dict[Encoding, str] = {
    "jpeg": "JPEG/YCC",
    "rgb": "JPEG/RGB",
    "33003": "J2K/YUV16",
    "33005": "J2K/KDU",
}


def write_aperio(
    folder: Path,
    *,
    name: str = "aperio",
    encoding: Encoding = "jpeg",
    image: RgbImage | None = None,
    tile: TileSize = 240,
    factors: Sequence[int] = (1, 4, 16),
    quality: int = 85,
    subsampling: Subsampling = "4:2:0",
    shared_tables: bool = True,
    missing: Collection[int] = (),
    missing_above: Collection[int] = (),
    icc: bool = True,
    big: bool = False,
    byteorder: ByteOrder = "<",
) -> SlideFacts:
    """Write `name`.svs.

    `encoding` is JPEG of YCbCr or RGB samples, or one of Aperio's two JPEG 2000
    compressions: 33003 holds YCbCr samples, 33005 RGB.  `quality` and
    `subsampling` are those of JPEG; RGB is never subsampled.  `missing` tiles of
    level 0 are holes; `missing_above` tiles of level 1 are filled from level 0.
    """
    if image is None:
        image = reference() if encoding in ("jpeg", "rgb") else small_reference()
    codec = _codec(encoding, quality, subsampling, shared_tables)
    path = folder / f"{name}.svs"
    tail = _properties(name, tile, icc)
    method = f"{_ENCODING_NAMES[encoding]} Q={quality}"
    with TiffWriter(path, big=big, byteorder=byteorder) as tiff:
        for level, (_, shrunk) in enumerate(pyramid(image, factors)):
            description = _level_description(image, shrunk, tile, method) + tail
            tags: TagDict = {
                Tag.NEW_SUBFILE_TYPE: 0,
                Tag.IMAGE_DESCRIPTION: description,
            }
            if level == 0 and icc:
                tags[Tag.ICC_PROFILE] = icc_profile()
            absent = (missing, missing_above)[level] if level < 2 else ()
            tiff.tiled(shrunk, tile, codec, tags, missing=absent)
            if level == 0:
                _write_thumbnail(tiff, image, tail)
        _write_label_and_macro(tiff)
    return SlideFacts(
        path=path,
        vendor="aperio",
        level_dimensions=level_dimensions(image, factors),
        patches=(Patch((0, 0), image),),
        associated={
            "label": size_of(label()),
            "macro": size_of(macro()),
            "thumbnail": size_of(thumbnail(image)),
        },
        has_icc=icc,
        associated_with_icc=frozenset({"thumbnail"} if icc else ()),
        holes=tile_boxes(image, tile, missing),
    )


def _codec(
    encoding: Encoding, quality: int, subsampling: Subsampling, shared_tables: bool
) -> TiffCodec:
    if encoding in ("33003", "33005"):
        return jpeg2000_codec(ycbcr=encoding == "33003")
    return jpeg_codec(
        quality, subsampling, rgb=encoding == "rgb", shared_tables=shared_tables
    )


def _properties(name: str, tile: TileSize, icc: bool) -> str:
    """The part of the description that the levels and the thumbnail share.

    A thumbnail has the profile of the slide if both name the same one.
    """
    stripe_width, _ = tile_dimensions(tile)
    properties = {
        "AppMag": str(OBJECTIVE_POWER),
        "StripeWidth": str(stripe_width),
        "ScanScope ID": "SYNTHETIC",
        "Filename": name,
        "Date": "01/02/20",
        "Time": "03:04:05",
        "MPP": f"{MPP:.4f}",
    }
    if icc:
        properties["ICC Profile"] = "ScanScope v1"
    return "".join(f"|{key} = {value}" for key, value in properties.items())


def _level_description(
    image: RgbImage, shrunk: RgbImage, tile: TileSize, method: str
) -> str:
    size = "{}x{}".format(*size_of(image))
    tile_size = "{}x{}".format(*tile_dimensions(tile))
    level_size = "{}x{}".format(*size_of(shrunk))
    return f"{_LIBRARY} \r\n{size} [0,0 {size}] ({tile_size}) -> {level_size} {method}"


def _write_thumbnail(tiff: TiffWriter, image: RgbImage, tail: str) -> None:
    small = thumbnail(image)
    width, height = size_of(image)
    small_width, small_height = size_of(small)
    description = (
        f"{_LIBRARY} \r\n{width}x{height} -> {small_width}x{small_height} - {tail}"
    )
    tiff.stripped(
        small, jpeg_codec(), {Tag.IMAGE_DESCRIPTION: description}, rows_per_strip=16
    )


def _write_label_and_macro(tiff: TiffWriter) -> None:
    for title, picture, codec, subfile_type in (
        ("label", label(), lzw_codec(), _LABEL_SUBFILE_TYPE),
        ("macro", macro(), jpeg_codec(), _MACRO_SUBFILE_TYPE),
    ):
        width, height = size_of(picture)
        tags: TagDict = {
            Tag.NEW_SUBFILE_TYPE: subfile_type,
            Tag.IMAGE_DESCRIPTION: f"{_LIBRARY}\r\n{title} {width}x{height}",
        }
        tiff.stripped(picture, codec, tags)
