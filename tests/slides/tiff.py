"""A TIFF writer for slides: classic, BigTIFF and Hamamatsu's NDPI dialect.

It writes directories one after another and leaves their order, and the tags
that make a vendor's file, to the caller.
"""

import os
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self

from .codecs import (
    SUBSAMPLING_FACTORS,
    Subsampling,
    jpeg,
    jpeg2000,
    jpeg_tables,
    lzw,
)
from .content import MPP, RgbImage, size_of
from .pyramid import TileSize, cut, grid_dimensions, tile_dimensions

ByteOrder = Literal["<", ">"]


class Tag(IntEnum):
    """TIFF 6.0 names, then those of the vendors."""

    NEW_SUBFILE_TYPE = 254
    IMAGE_WIDTH = 256
    IMAGE_LENGTH = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC_INTERPRETATION = 262
    IMAGE_DESCRIPTION = 270
    MAKE = 271
    MODEL = 272
    STRIP_OFFSETS = 273
    SAMPLES_PER_PIXEL = 277
    ROWS_PER_STRIP = 278
    STRIP_BYTE_COUNTS = 279
    X_RESOLUTION = 282
    Y_RESOLUTION = 283
    PLANAR_CONFIGURATION = 284
    RESOLUTION_UNIT = 296
    SOFTWARE = 305
    TILE_WIDTH = 322
    TILE_LENGTH = 323
    TILE_OFFSETS = 324
    TILE_BYTE_COUNTS = 325
    JPEG_TABLES = 347
    YCBCR_SUBSAMPLING = 530
    XMP = 700
    ICC_PROFILE = 34675
    ARGOS_METADATA = 65000
    NDPI_FORMAT_FLAG = 65420
    NDPI_SOURCE_LENS = 65421
    NDPI_X_OFFSET = 65422
    NDPI_Y_OFFSET = 65423
    NDPI_FOCAL_PLANE = 65424
    NDPI_MCU_STARTS = 65426
    NDPI_REFERENCE = 65427
    NDPI_PROPERTY_MAP = 65449


class FieldType(IntEnum):
    BYTE = 1
    ASCII = 2
    SHORT = 3
    LONG = 4
    RATIONAL = 5
    UNDEFINED = 7
    SLONG = 9
    FLOAT = 11
    LONG8 = 16


class Compression(IntEnum):
    NONE = 1
    LZW = 5
    JPEG = 7
    APERIO_JP2K_YCBCR = 33003
    APERIO_JP2K_RGB = 33005


class Photometric(IntEnum):
    RGB = 2
    YCBCR = 6


class ResolutionUnit(IntEnum):
    NONE = 1
    CENTIMETER = 3


Value = str | bytes | float | Sequence[float]


class Field(NamedTuple):
    """A value with its field type, for tags that the table below lacks."""

    type: FieldType
    value: Value


Tags = Mapping[int, Value | Field]
TagDict = dict[int, Value | Field]

# Field types that do not follow from the Python type of the value.
_FIELD_TYPES: dict[int, FieldType] = {
    Tag.BITS_PER_SAMPLE: FieldType.SHORT,
    Tag.COMPRESSION: FieldType.SHORT,
    Tag.PHOTOMETRIC_INTERPRETATION: FieldType.SHORT,
    Tag.SAMPLES_PER_PIXEL: FieldType.SHORT,
    Tag.PLANAR_CONFIGURATION: FieldType.SHORT,
    Tag.RESOLUTION_UNIT: FieldType.SHORT,
    Tag.X_RESOLUTION: FieldType.RATIONAL,
    Tag.Y_RESOLUTION: FieldType.RATIONAL,
    Tag.YCBCR_SUBSAMPLING: FieldType.SHORT,
    Tag.XMP: FieldType.BYTE,
    Tag.NDPI_SOURCE_LENS: FieldType.FLOAT,
    Tag.NDPI_X_OFFSET: FieldType.SLONG,
    Tag.NDPI_Y_OFFSET: FieldType.SLONG,
    Tag.NDPI_FOCAL_PLANE: FieldType.SLONG,
}

_STRUCT_CODES = {
    FieldType.SHORT: "H",
    FieldType.LONG: "I",
    FieldType.SLONG: "i",
    FieldType.FLOAT: "f",
    FieldType.LONG8: "Q",
}

_RATIONAL_DENOMINATOR = 10_000


@dataclass(frozen=True)
class TiffCodec:
    """How the tiles or strips of a directory are stored."""

    compression: Compression
    encode: Callable[[RgbImage], bytes]
    photometric: Photometric = Photometric.RGB
    jpeg_tables: bytes = b""
    subsampling: tuple[int, int] | None = None

    def tags(self) -> TagDict:
        tags: TagDict = {
            Tag.COMPRESSION: self.compression,
            Tag.PHOTOMETRIC_INTERPRETATION: self.photometric,
        }
        if self.jpeg_tables:
            tags[Tag.JPEG_TABLES] = self.jpeg_tables
        if self.subsampling:
            tags[Tag.YCBCR_SUBSAMPLING] = self.subsampling
        return tags


def jpeg_codec(
    quality: int = 85,
    subsampling: Subsampling = "4:2:0",
    *,
    rgb: bool = False,
    shared_tables: bool = False,
    restart_interval: int = 0,
) -> TiffCodec:
    """JPEG; with `shared_tables` the streams leave their tables to JPEGTables."""
    encode = partial(
        jpeg,
        quality=quality,
        subsampling=subsampling,
        rgb=rgb,
        stream="abbreviated" if shared_tables else "complete",
        restart_interval=restart_interval,
    )
    return TiffCodec(
        Compression.JPEG,
        encode,
        Photometric.RGB if rgb else Photometric.YCBCR,
        jpeg_tables(quality, rgb=rgb) if shared_tables else b"",
        None if rgb else SUBSAMPLING_FACTORS[subsampling],
    )


def jpeg2000_codec(*, ycbcr: bool = False) -> TiffCodec:
    """JPEG 2000 under Aperio's private numbers, with YCbCr or RGB samples."""
    compression = (
        Compression.APERIO_JP2K_YCBCR if ycbcr else Compression.APERIO_JP2K_RGB
    )
    return TiffCodec(compression, partial(jpeg2000, ycbcr=ycbcr))


def lzw_codec() -> TiffCodec:
    return TiffCodec(Compression.LZW, lzw)


def raw_codec() -> TiffCodec:
    return TiffCodec(Compression.NONE, lambda image: image.tobytes())


def resolution_tags(factor: float = 1) -> TagDict:
    """Pixels per centimetre of a level downsampled by `factor`."""
    pixels_per_centimetre = 10_000 / (MPP * factor)
    return {
        Tag.X_RESOLUTION: pixels_per_centimetre,
        Tag.Y_RESOLUTION: pixels_per_centimetre,
        Tag.RESOLUTION_UNIT: ResolutionUnit.CENTIMETER,
    }


class TiffWriter:
    """Writes directories to a file, each linked from the one before.

    NDPI is a classic, little-endian TIFF whose directory offsets have 8 bytes
    and whose entries have the high halves of their values after the directory.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        big: bool = False,
        ndpi: bool = False,
        byteorder: ByteOrder = "<",
    ) -> None:
        if ndpi and (big or byteorder != "<"):
            raise ValueError("NDPI is classic and little-endian")
        self._big = big
        self._ndpi = ndpi
        self._byteorder = byteorder
        self._file = Path(path).open("wb")  # noqa: SIM115  closed by __exit__
        self._file.write(self._header())
        # Where the offset of the next directory goes.
        self._links = [8 if big else 4]
        if byteorder == ">" and not big:
            # OpenSlide 4.0 reads the first offset of a classic TIFF as 8 bytes, in
            # case it is NDPI, and keeps the low 4.  In big-endian order these are
            # the ones after the header, so the offset is repeated there.
            self._links.append(self.append(bytes(4)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def append(self, data: bytes) -> int:
        """Add bytes at the next even offset, and return it."""
        if self._file.tell() % 2:
            self._file.write(b"\0")
        offset = self._file.tell()
        self._file.write(data)
        return offset

    def tiled(
        self,
        image: RgbImage,
        tile: TileSize,
        codec: TiffCodec,
        tags: Tags | None = None,
        *,
        missing: Collection[int] = (),
    ) -> None:
        """A directory of tiles; those in `missing` get offset and length 0."""
        encoded = (
            b"" if index in missing else codec.encode(part)
            for index, part in enumerate(cut(image, tile))
        )
        self.encoded_tiles(size_of(image), tile, codec, encoded, tags)

    def encoded_tiles(
        self,
        size: tuple[int, int],
        tile: TileSize,
        codec: TiffCodec,
        encoded: Iterable[bytes],
        tags: Tags | None = None,
    ) -> None:
        """A directory of tiles that are encoded already; empty ones are missing."""
        tile_width, tile_height = tile_dimensions(tile)
        offsets, lengths = self._append_all(encoded)
        columns, rows = grid_dimensions(*size, tile)
        if len(offsets) != columns * rows:
            raise ValueError(f"{len(offsets)} tiles for a {columns} x {rows} grid")
        self.directory(
            self._image_tags(size, codec)
            | {
                Tag.TILE_WIDTH: tile_width,
                Tag.TILE_LENGTH: tile_height,
                Tag.TILE_OFFSETS: self._offsets(offsets),
                Tag.TILE_BYTE_COUNTS: lengths,
            }
            | dict(tags or {})
        )

    def stripped(
        self,
        image: RgbImage,
        codec: TiffCodec,
        tags: Tags | None = None,
        *,
        rows_per_strip: int | None = None,
    ) -> None:
        """A directory of strips, by default a single one."""
        width, height = size_of(image)
        rows = rows_per_strip or height
        strips = (image[y : y + rows] for y in range(0, height, rows))
        offsets, lengths = self._append_all(map(codec.encode, strips))
        self.directory(
            self._image_tags((width, height), codec)
            | {
                Tag.ROWS_PER_STRIP: rows,
                Tag.STRIP_OFFSETS: self._offsets(offsets),
                Tag.STRIP_BYTE_COUNTS: lengths,
            }
            | dict(tags or {})
        )

    def directory(self, tags: Tags) -> None:
        """A directory of exactly these tags."""
        entries = [self._entry(tag, tags[tag]) for tag in sorted(tags)]
        start = self.append(b"")
        self._file.write(self._pack("Q" if self._big else "H", len(entries)))
        for head, value in entries:
            self._file.write(head + value[: 8 if self._big else 4])
        next_link = self._file.tell()
        self._file.write(self._pack(self._offset_code, 0))
        if self._ndpi:
            self._file.writelines(value[4:] for _, value in entries)
        for link in self._links:
            self._file.seek(link)
            self._file.write(self._pack(self._offset_code, start))
        self._file.seek(0, os.SEEK_END)
        self._links = [next_link]

    @property
    def _offset_code(self) -> str:
        return "Q" if self._big or self._ndpi else "I"

    def _pack(self, codes: str, *values: float) -> bytes:
        return struct.pack(self._byteorder + codes, *values)

    def _header(self) -> bytes:
        mark = b"II" if self._byteorder == "<" else b"MM"
        if self._big:
            return mark + self._pack("HHHQ", 43, 8, 0, 0)
        return mark + self._pack("H" + self._offset_code, 42, 0)

    def _append_all(self, blobs: Iterable[bytes]) -> tuple[list[int], list[int]]:
        offsets, lengths = [], []
        for blob in blobs:
            offsets.append(self.append(blob) if blob else 0)
            lengths.append(len(blob))
        return offsets, lengths

    def _offsets(self, offsets: list[int]) -> Field:
        return Field(FieldType.LONG8 if self._big else FieldType.LONG, offsets)

    @staticmethod
    def _image_tags(size: tuple[int, int], codec: TiffCodec) -> TagDict:
        width, height = size
        return {
            Tag.IMAGE_WIDTH: width,
            Tag.IMAGE_LENGTH: height,
            Tag.BITS_PER_SAMPLE: (8, 8, 8),
            Tag.SAMPLES_PER_PIXEL: 3,
            Tag.PLANAR_CONFIGURATION: 1,
            **codec.tags(),
        }

    def _entry(self, tag: int, value: Value | Field) -> tuple[bytes, bytes]:
        """A directory entry: tag, type and count; then the 8-byte value field.

        A value that does not fit is written to the file, and its offset stands
        in the field.  NDPI readers expect that of every string.
        """
        field = value if isinstance(value, Field) else _with_type(tag, value)
        count, data = self._encode(field)
        room = 8 if self._big else 4
        if len(data) > room or (self._ndpi and field.type is FieldType.ASCII):
            data = self._pack(self._offset_code, self.append(data))
        head = self._pack("HHQ" if self._big else "HHI", tag, field.type, count)
        return head, data.ljust(8, b"\0")

    def _encode(self, field: Field) -> tuple[int, bytes]:
        """Number of values, and their bytes."""
        if isinstance(field.value, str):
            text = field.value.encode() + b"\0"
            return len(text), text
        if isinstance(field.value, bytes):
            return len(field.value), field.value
        numbers = list(_numbers(field.value))
        if field.type is FieldType.RATIONAL:
            terms = [round(number * _RATIONAL_DENOMINATOR) for number in numbers]
            data = b"".join(self._pack("II", t, _RATIONAL_DENOMINATOR) for t in terms)
        else:
            data = self._pack(f"{len(numbers)}{_STRUCT_CODES[field.type]}", *numbers)
        return len(numbers), data


def _numbers(value: float | Sequence[float]) -> Iterator[float]:
    if isinstance(value, Sequence):
        yield from value
    else:
        yield value


def _with_type(tag: int, value: Value) -> Field:
    if tag in _FIELD_TYPES:
        return Field(_FIELD_TYPES[tag], value)
    if isinstance(value, str):
        return Field(FieldType.ASCII, value)
    if isinstance(value, bytes):
        return Field(FieldType.UNDEFINED, value)
    return Field(FieldType.LONG, value)
