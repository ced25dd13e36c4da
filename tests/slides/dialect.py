"""How programs write TIFF: what a format leaves to whoever writes it.

A format's module says which directories a slide has and what makes them a slide of
that vendor; a `Dialect` says the rest, to the order of tiles in the file.  Each
scanner, and each program that converts slides, is one entry of `writers`.
"""

import os
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from .codecs import JpegHeader, JpegTables, Subsampling, zstd
from .content import RgbImage, icc_profile, size_of
from .pyramid import TileSize, cut
from .tiff import (
    ByteOrder,
    Compression,
    Tag,
    TagDict,
    Tags,
    TiffCodec,
    TiffWriter,
    TileOrder,
    jpeg2000_codec,
    jpeg_codec,
    lzw_codec,
    raw_codec,
    stream_codec,
)

#: JPEG of YCbCr or RGB samples; the two of Aperio's for JPEG 2000, of which 33003
#: holds YCbCr samples and 33005 RGB; LZW, deflate or Zstandard, or these of
#: differences; deflate by its old number; or no compression.
# fmt: off
Encoding = Literal[
    "jpeg", "rgb", "33003", "33005", "lzw", "lzw-2", "raw",
    "deflate", "deflate-2", "old-deflate", "zstd", "zstd-2",
]
# fmt: on


@dataclass(frozen=True)
class Coding:
    """How pixels are stored.

    Attributes:
        encoding: see `Encoding`.
        quality: of JPEG.
        subsampling: of JPEG with YCbCr samples; RGB is never subsampled.
        shared_tables: whether JPEG tables are in a tag of the directory: all of
            them, or which.
        restart_interval: of JPEG, in MCUs.
        component_ids: of JPEG, where they are not those of libjpeg.
        header: of JPEG.
    """

    encoding: Encoding = "jpeg"
    quality: int = 85
    subsampling: Subsampling = "4:2:0"
    shared_tables: bool | JpegTables = False
    restart_interval: int = 0
    component_ids: bytes = b""
    header: JpegHeader = "usual"

    @property
    def is_lossless(self) -> bool:
        return self.encoding not in ("jpeg", "rgb", "33003", "33005")

    def _stream_codec(self) -> TiffCodec:
        name = self.encoding.removesuffix("-2")
        compression = {
            "deflate": Compression.DEFLATE,
            "old-deflate": Compression.OLD_DEFLATE,
            "zstd": Compression.ZSTD,
        }[name]
        predictor = 2 if self.encoding.endswith("-2") else 1
        compress = zstd if name == "zstd" else zlib.compress
        return stream_codec(compression, compress, predictor)

    def codec(self) -> TiffCodec:
        match self.encoding:
            case "33003" | "33005":
                return jpeg2000_codec(ycbcr=self.encoding == "33003")
            case "lzw":
                return lzw_codec()
            case "lzw-2":
                return lzw_codec(predictor=2)
            case "raw":
                return raw_codec()
            case "deflate" | "deflate-2" | "old-deflate" | "zstd" | "zstd-2":
                return self._stream_codec()
            case "jpeg" | "rgb":
                return jpeg_codec(
                    self.quality,
                    self.subsampling,
                    rgb=self.encoding == "rgb",
                    shared_tables=self.shared_tables,
                    restart_interval=self.restart_interval,
                    component_ids=self.component_ids,
                    header=self.header,
                )


@dataclass(frozen=True)
class Picture(Coding):
    """How a label, a macro or a thumbnail is stored: in strips.

    Attributes:
        rows_per_strip: 0 for a single strip.
        tags: take the place of others.
    """

    rows_per_strip: int = 0
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True)
class Dialect(Coding):
    """How one program writes its slides.

    Attributes:
        tile: size of a tile.
        factors: by which the levels are smaller than the first.
        big: BigTIFF.
        byteorder: of all numbers.
        order: of the tiles of a level.
        short_sizes: whether sizes up to 65535 are SHORT.
        directories_first: whether all directories lie before the pixels.
        icc: whether there is a colour profile.
        icc_levels: how many levels have it.
        icc_bytes: its length, if more than it needs.
        software: with which the program names itself.
        tags: of each level, in the place of others.
        first_tags: of the first level alone.
        reduced_tags: of the other levels.
        pictures: label, macro and thumbnail, where they are not plain.
    """

    tile: TileSize = 256
    factors: Sequence[int] = (1, 4, 16)
    big: bool = False
    byteorder: ByteOrder = "<"
    order: TileOrder = "rows"
    short_sizes: bool = False
    directories_first: bool = False
    icc: bool = False
    icc_levels: int = 1
    icc_bytes: int = 0
    software: str = ""
    tags: Tags = field(default_factory=dict)
    first_tags: Tags = field(default_factory=dict)
    reduced_tags: Tags = field(default_factory=dict)
    pictures: Mapping[str, Picture] = field(default_factory=dict)

    def tags_of(self, level: int) -> TagDict:
        """What this program alone has in the directory of a level."""
        tags: TagDict = {}
        if self.icc and level < self.icc_levels:
            tags[Tag.ICC_PROFILE] = icc_profile(self.icc_bytes)
        return {
            **tags,
            **self.tags,
            **(self.reduced_tags if level else self.first_tags),
        }


class Changes(TypedDict, total=False):
    """What tests vary of a dialect."""

    encoding: Encoding
    tile: TileSize
    factors: Sequence[int]
    quality: int
    subsampling: Subsampling
    shared_tables: bool | JpegTables
    restart_interval: int
    big: bool
    byteorder: ByteOrder
    icc: bool


class SlideTiff(TiffWriter):
    """Writes levels and pictures as a dialect has them."""

    def __init__(self, path: str | os.PathLike[str], dialect: Dialect) -> None:
        super().__init__(
            path,
            big=dialect.big,
            byteorder=dialect.byteorder,
            order=dialect.order,
            short_sizes=dialect.short_sizes,
            directories_first=dialect.directories_first,
        )
        self._dialect = dialect
        self._codec = dialect.codec()

    def level(
        self,
        number: int,
        image: RgbImage,
        tags: Tags | None = None,
        *,
        missing: Collection[int] = (),
        size: tuple[int, int] | None = None,
        step: TileSize | None = None,
    ) -> None:
        """The directory of a level; `missing` tiles get offset and length 0.

        `size` is what the directory says, by default that of the image; `step` is
        the distance between tiles that overlap.
        """
        dialect, codec = self._dialect, self._codec
        encoded = (
            b"" if index in missing else codec.encode(part)
            for index, part in enumerate(cut(image, dialect.tile, step))
        )
        all_tags = {**(tags or {}), **dialect.tags_of(number)}
        self.encoded_tiles(
            size or size_of(image), dialect.tile, codec, encoded, all_tags
        )

    def picture(self, name: str, image: RgbImage, tags: Tags | None = None) -> None:
        """The directory of a label, a macro or a thumbnail."""
        picture = self._dialect.pictures.get(name, Picture())
        self.stripped(
            image,
            picture.codec(),
            {**(tags or {}), **picture.tags},
            rows_per_strip=picture.rows_per_strip or None,
        )
