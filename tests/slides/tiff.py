"""A TIFF writer for slides: classic, BigTIFF and Hamamatsu's NDPI dialect.

It writes directories one after another and leaves their order, and the tags
that make a vendor's file, to the caller; `dialect` knows how programs write them.
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
    JpegHeader,
    JpegTables,
    Subsampling,
    differences,
    jpeg,
    jpeg2000,
    jpeg_tables,
    lzw,
)
from .content import MPP, RgbImage, size_of
from .pyramid import TileSize, cut, grid_dimensions, tile_dimensions

ByteOrder = Literal["<", ">"]

#: In which order the tiles of a directory lie in the file: row by row from the top or
#: from the bottom, or column by column.
TileOrder = Literal["rows", "rows from the bottom", "columns"]


class Tag(IntEnum):
    """TIFF 6.0 names, then those of the vendors."""

    NEW_SUBFILE_TYPE = 254
    IMAGE_WIDTH = 256
    IMAGE_LENGTH = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC_INTERPRETATION = 262
    FILL_ORDER = 266
    IMAGE_DESCRIPTION = 270
    MAKE = 271
    MODEL = 272
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    SAMPLES_PER_PIXEL = 277
    ROWS_PER_STRIP = 278
    STRIP_BYTE_COUNTS = 279
    X_RESOLUTION = 282
    Y_RESOLUTION = 283
    PLANAR_CONFIGURATION = 284
    RESOLUTION_UNIT = 296
    SOFTWARE = 305
    PREDICTOR = 317
    TILE_WIDTH = 322
    TILE_LENGTH = 323
    TILE_OFFSETS = 324
    TILE_BYTE_COUNTS = 325
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    MIN_SAMPLE_VALUE = 340
    MAX_SAMPLE_VALUE = 341
    JPEG_TABLES = 347
    YCBCR_SUBSAMPLING = 530
    REFERENCE_BLACK_WHITE = 532
    XMP = 700
    IMAGE_DEPTH = 32997
    TILE_DEPTH = 32998
    MODEL_PIXEL_SCALE = 33550
    MODEL_TIEPOINT = 33922
    ICC_PROFILE = 34675
    GEO_KEY_DIRECTORY = 34735
    GEO_ASCII_PARAMS = 34737
    GDAL_METADATA = 42112
    ARGOS_METADATA = 65000
    NDPI_FORMAT_FLAG = 65420
    NDPI_SOURCE_LENS = 65421
    NDPI_X_OFFSET = 65422
    NDPI_Y_OFFSET = 65423
    NDPI_FOCAL_PLANE = 65424
    NDPI_MCU_STARTS = 65426
    NDPI_REFERENCE = 65427
    NDPI_MCU_STARTS_HIGH = 65432
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
    DOUBLE = 12
    LONG8 = 16


class Compression(IntEnum):
    NONE = 1
    LZW = 5
    JPEG = 7
    DEFLATE = 8
    APERIO_JP2K_YCBCR = 33003
    OLD_DEFLATE = 32946
    APERIO_JP2K_RGB = 33005
    ZSTD = 50000


class Photometric(IntEnum):
    RGB = 2
    MASK = 4
    YCBCR = 6


class ResolutionUnit(IntEnum):
    NONE = 1
    INCH = 2
    CENTIMETER = 3


Value = str | bytes | float | Sequence[float]


class Field(NamedTuple):
    """A value with its field type, for tags that the table below lacks."""

    type: FieldType
    value: Value


class Twice(NamedTuple):
    """The values of a tag that stands in a directory two times."""

    first: Value
    second: Value


#: None for a tag that is left out after all.
Tags = Mapping[int, Value | Field | Twice | None]
TagDict = dict[int, Value | Field | Twice | None]

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
    Tag.ORIENTATION: FieldType.SHORT,
    Tag.PREDICTOR: FieldType.SHORT,
    Tag.SAMPLE_FORMAT: FieldType.SHORT,
    Tag.MIN_SAMPLE_VALUE: FieldType.BYTE,
    Tag.MAX_SAMPLE_VALUE: FieldType.BYTE,
    Tag.REFERENCE_BLACK_WHITE: FieldType.RATIONAL,
    Tag.MODEL_PIXEL_SCALE: FieldType.DOUBLE,
    Tag.MODEL_TIEPOINT: FieldType.DOUBLE,
    Tag.GEO_KEY_DIRECTORY: FieldType.SHORT,
    Tag.XMP: FieldType.BYTE,
    Tag.NDPI_SOURCE_LENS: FieldType.FLOAT,
    Tag.NDPI_X_OFFSET: FieldType.SLONG,
    Tag.NDPI_Y_OFFSET: FieldType.SLONG,
    Tag.NDPI_FOCAL_PLANE: FieldType.SLONG,
}

# What is SHORT where it fits, if a writer has short sizes.
_SIZES = (
    *(Tag.IMAGE_WIDTH, Tag.IMAGE_LENGTH, Tag.ROWS_PER_STRIP),
    *(Tag.TILE_WIDTH, Tag.TILE_LENGTH),
)
_LARGEST_SHORT = 0xFFFF
_LARGEST_LONG = 0xFFFF_FFFF

_STRUCT_CODES = {
    FieldType.BYTE: "B",
    FieldType.SHORT: "H",
    FieldType.LONG: "I",
    FieldType.SLONG: "i",
    FieldType.FLOAT: "f",
    FieldType.DOUBLE: "d",
    FieldType.LONG8: "Q",
}

_RATIONAL_DENOMINATOR = 10_000

#: Where pixels begin, in each kind of TIFF.
_FIRST_DATA = 16


@dataclass(frozen=True)
class TiffCodec:
    """How the tiles or strips of a directory are stored."""

    compression: Compression
    encode: Callable[[RgbImage], bytes]
    photometric: Photometric = Photometric.RGB
    jpeg_tables: bytes = b""
    subsampling: tuple[int, int] | None = None
    predictor: int = 1

    def tags(self) -> TagDict:
        tags: TagDict = {
            Tag.COMPRESSION: self.compression,
            Tag.PHOTOMETRIC_INTERPRETATION: self.photometric,
        }
        if self.jpeg_tables:
            tags[Tag.JPEG_TABLES] = self.jpeg_tables
        if self.subsampling:
            tags[Tag.YCBCR_SUBSAMPLING] = self.subsampling
        if self.predictor != 1:
            tags[Tag.PREDICTOR] = self.predictor
        return tags


def jpeg_codec(
    quality: int = 85,
    subsampling: Subsampling = "4:2:0",
    *,
    rgb: bool = False,
    shared_tables: bool | JpegTables = False,
    restart_interval: int = 0,
    component_ids: bytes = b"",
    header: JpegHeader = "usual",
) -> TiffCodec:
    """JPEG; with `shared_tables` the streams leave these, or all, to JPEGTables."""
    tables = shared_tables if isinstance(shared_tables, str) else "all"
    encode = partial(
        jpeg,
        quality=quality,
        subsampling=subsampling,
        rgb=rgb,
        stream="abbreviated" if shared_tables else "complete",
        tables=tables,
        restart_interval=restart_interval,
        component_ids=component_ids,
        header=header,
    )
    return TiffCodec(
        Compression.JPEG,
        encode,
        Photometric.RGB if rgb else Photometric.YCBCR,
        jpeg_tables(quality, rgb=rgb, tables=tables) if shared_tables else b"",
        None if rgb else SUBSAMPLING_FACTORS[subsampling],
    )


def jpeg2000_codec(*, ycbcr: bool = False) -> TiffCodec:
    """JPEG 2000 under Aperio's private numbers, with YCbCr or RGB samples."""
    compression = (
        Compression.APERIO_JP2K_YCBCR if ycbcr else Compression.APERIO_JP2K_RGB
    )
    return TiffCodec(compression, partial(jpeg2000, ycbcr=ycbcr))


def lzw_codec(predictor: int = 1) -> TiffCodec:
    return TiffCodec(
        Compression.LZW, partial(lzw, predictor=predictor), predictor=predictor
    )


def raw_codec() -> TiffCodec:
    return TiffCodec(Compression.NONE, lambda image: image.tobytes())


def stream_codec(
    compression: Compression, compress: Callable[[bytes], bytes], predictor: int = 1
) -> TiffCodec:
    """A general compression, of pixels or of what lies between neighbours."""

    def encode(image: RgbImage) -> bytes:
        shown = differences(image) if predictor == 2 else image
        return compress(shown.tobytes())

    return TiffCodec(compression, encode, predictor=predictor)


def resolution_tags(factor: float = 1) -> TagDict:
    """Pixels per centimetre of a level downsampled by `factor`."""
    pixels_per_centimetre = 10_000 / (MPP * factor)
    return {
        Tag.X_RESOLUTION: pixels_per_centimetre,
        Tag.Y_RESOLUTION: pixels_per_centimetre,
        Tag.RESOLUTION_UNIT: ResolutionUnit.CENTIMETER,
    }


class _Postponed(NamedTuple):
    """An image that is written at the end."""

    tags: Tags
    tables: tuple[Tag, Tag]
    blobs: Sequence[bytes]
    grid: tuple[int, int]


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
        order: TileOrder = "rows",
        short_sizes: bool = False,
        directories_first: bool = False,
    ) -> None:
        """Open the file.

        `short_sizes` are SHORT up to 65535, others LONG.  With `directories_first`
        nothing is written before the end: the pixels of the last directory then lie
        first behind all directories.
        """
        if ndpi and (big or byteorder != "<"):
            raise ValueError("NDPI is classic and little-endian")
        self._big = big
        self._ndpi = ndpi
        self._byteorder = byteorder
        self._order = order
        self._short_sizes = short_sizes
        self._directories_first = directories_first
        self._postponed: list[_Postponed] = []
        self._file = Path(path).open("wb")  # noqa: SIM115  closed by __exit__
        self._file.write(self._header())
        # Where the offset of the next directory goes.
        self._links = [8 if big else 4]
        if byteorder == ">" and not big:
            # OpenSlide 4.0 reads the first offset of a classic TIFF as 8 bytes, in
            # case it is NDPI, and keeps the low 4.  In big-endian order these are
            # the ones after the header, so the offset is repeated there.
            self._links.append(self.append(bytes(4)))
        # As libtiff does, and with it most programs.
        self._file.write(bytes(_FIRST_DATA - self._file.tell()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._postponed and error is None:
            self._write_postponed()
        self._file.close()

    def skip(self, count: int) -> None:
        """Leave a hole, which a file system may store as nothing."""
        self._file.seek(count, os.SEEK_CUR)

    def append(self, data: bytes) -> int:
        """Add bytes at the next even offset, and return it."""
        if self._file.tell() % 2:
            self._file.write(b"\0")
        offset = self._file.tell()
        self._file.write(data)
        return offset

    def extend(self, data: bytes) -> None:
        """Add bytes right behind those before."""
        self._file.write(data)

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
        fixed: TagDict = {Tag.TILE_WIDTH: tile_width, Tag.TILE_LENGTH: tile_height}
        self._image(
            {**self._image_tags(size, codec), **fixed, **(tags or {})},
            (Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS),
            encoded,
            grid_dimensions(*size, tile),
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
        fixed: TagDict = {Tag.ROWS_PER_STRIP: rows}
        self._image(
            {**self._image_tags((width, height), codec), **fixed, **(tags or {})},
            (Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS),
            map(codec.encode, strips),
            (1, -(-height // rows)),
        )

    def _image(
        self,
        tags: Tags,
        tables: tuple[Tag, Tag],
        blobs: Iterable[bytes],
        grid: tuple[int, int],
    ) -> None:
        """A directory of blobs in a grid, which two tables say the places of."""
        if self._directories_first:
            self._postponed.append(_Postponed(tags, tables, list(blobs), grid))
            return
        offsets, lengths = self._append_all(blobs, grid)
        self._placed(tags, tables, offsets, lengths)

    def _placed(
        self,
        tags: Tags,
        tables: tuple[Tag, Tag],
        offsets: list[int],
        lengths: list[int],
    ) -> None:
        """The directory of an image whose blobs have places."""
        offset_type = FieldType.LONG8 if self._big else FieldType.LONG
        # As libtiff writes it.
        wide = self._big and len(lengths) == 1
        length_type = FieldType.LONG8 if wide else FieldType.LONG
        self.directory(
            {
                tables[0]: Field(offset_type, offsets),
                tables[1]: Field(length_type, lengths),
                **tags,
            }
        )

    def _write_postponed(self) -> None:
        """All directories, then their blobs, those of the last one first."""
        start, links = self._file.tell(), self._links
        for each in self._postponed:  # to see how long they are
            nowhere = [0] * len(each.blobs)
            self._placed(each.tags, each.tables, nowhere, nowhere)
        places = []
        for each in reversed(self._postponed):
            places.append(self._append_all(each.blobs, each.grid))
        self._file.seek(start)
        self._links = links
        for each, (offsets, lengths) in zip(
            self._postponed, reversed(places), strict=True
        ):
            self._placed(each.tags, each.tables, offsets, lengths)

    def directory(self, tags: Tags) -> None:
        """A directory of exactly these tags."""
        values = [
            (tag, value) for tag in sorted(tags) for value in _occurrences(tags[tag])
        ]
        count = self._pack("Q" if self._big else "H", len(values))
        entry_size, link_size = (20, 8) if self._big else (12, 8 if self._ndpi else 4)
        size = len(count) + len(values) * entry_size + link_size
        start = self.append(bytes(size + (4 * len(values) if self._ndpi else 0)))
        # What does not fit into the entries follows the directory.
        entries = [self._entry(tag, value) for tag, value in values]
        end = self._file.tell()
        self._file.seek(start)
        self._file.write(count)
        for head, value in entries:
            self._file.write(head + value[: 8 if self._big else 4])
        next_link = self._file.tell()
        self._file.write(bytes(link_size))
        if self._ndpi:
            self._file.writelines(value[4:] for _, value in entries)
        for link in self._links:
            self._file.seek(link)
            self._file.write(self._pack(self._offset_code, start))
        self._file.seek(end)
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

    def _append_all(
        self, blobs: Iterable[bytes], grid: tuple[int, int]
    ) -> tuple[list[int], list[int]]:
        """Offsets and lengths of blobs, row by row whatever order they lie in."""
        columns, rows = grid
        blobs = list(blobs)
        if len(blobs) != columns * rows:
            raise ValueError(f"{len(blobs)} tiles for a {columns} x {rows} grid")
        offsets = [0] * len(blobs)
        for index in _indices(self._order, columns, rows):
            if blobs[index]:
                offsets[index] = self.append(blobs[index])
        return offsets, list(map(len, blobs))

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
        in the field.  NDPI readers expect that of every string, and take a LONG of
        more than 32 bits.
        """
        field = value if isinstance(value, Field) else self._with_type(tag, value)
        is_wide = self._ndpi and _is_wide(field.value)
        count, data = self._encode(
            Field(FieldType.LONG8, field.value) if is_wide else field
        )
        room = 8 if self._big or is_wide else 4
        if len(data) > room or (self._ndpi and field.type is FieldType.ASCII):
            data = self._pack(self._offset_code, self.append(data))
        head = self._pack("HHQ" if self._big else "HHI", tag, field.type, count)
        return head, data.ljust(8, b"\0")

    def _with_type(self, tag: int, value: Value) -> Field:
        if tag in _FIELD_TYPES:
            return Field(_FIELD_TYPES[tag], value)
        if isinstance(value, str):
            return Field(FieldType.ASCII, value)
        if isinstance(value, bytes):
            return Field(FieldType.UNDEFINED, value)
        is_short = (
            self._short_sizes
            and tag in _SIZES
            and max(_numbers(value)) <= _LARGEST_SHORT
        )
        return Field(FieldType.SHORT if is_short else FieldType.LONG, value)

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


def _is_wide(value: Value) -> bool:
    """Whether it is a number of more than 32 bits."""
    return isinstance(value, int) and value > _LARGEST_LONG


def _occurrences(value: Value | Field | Twice | None) -> tuple[Value | Field, ...]:
    """The values of the entries that a tag has."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, Twice) else (value,)


def _indices(order: TileOrder, columns: int, rows: int) -> Iterable[int]:
    """Indices into a grid, row by row, in the order that its cells are stored."""
    match order:
        case "rows":
            return range(columns * rows)
        case "columns":
            return (
                i
                for first in range(columns)
                for i in range(first, columns * rows, columns)
            )
        case "rows from the bottom":
            return (
                i + columns * row
                for row in reversed(range(rows))
                for i in range(columns)
            )
