"""Where file formats keep their integers.

Random bytes rarely hit the few numbers that a decoder computes addresses from, so
these are looked up.  The look-up reads undamaged slides of `tests.slides`; it
understands no more of a format than they use.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Literal, NamedTuple

from tests.slides.tiff import Tag

ByteOrder = Literal["little", "big"]


class Integer(NamedTuple):
    """An integer of a file: its meaning, and where and how it is stored."""

    meaning: str
    offset: int
    size: int
    order: ByteOrder

    def value_in(self, data: bytes) -> int:
        """What the file has there."""
        return int.from_bytes(data[self.offset : self.offset + self.size], self.order)

    def replaced_in(self, data: bytes, value: int) -> bytes:
        """The file with another value, whose excess bits are cut off."""
        kept = value % 256**self.size
        end = self.offset + self.size
        new: bytes = kept.to_bytes(self.size, self.order)
        return data[: self.offset] + new + data[end:]


def integers(data: bytes) -> list[Integer]:
    """The integers of a file and of the pictures in it, those of the file first."""
    found = [
        integer
        for magics, find in _CONTAINERS
        if data.startswith(magics)
        for integer in find(data)
    ]
    if data[128:132] == b"DICM":
        found += _dicom(data)
    for magic, codec in _CODECS:
        for start in islice(_occurrences(data, magic), _PICTURES):
            found += codec(data, start)
    return [item for item in found if item.offset + item.size <= len(data)]


def _occurrences(data: bytes, text: bytes) -> Iterator[int]:
    at = data.find(text)
    while at >= 0:
        yield at
        at = data.find(text, at + 1)


def _row(
    meanings: str, start: int, size: int, order: ByteOrder, stride: int = 0
) -> Iterator[Integer]:
    """Integers one after another, named by the words of `meanings`."""
    for index, meaning in enumerate(meanings.split()):
        yield Integer(meaning, start + index * (stride or size), size, order)


# TIFF

_TIFF_ARRAY = 12  # elements of an array outside of its entry
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 11: 4, 12: 8, 16: 8}
_TIFF_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}


def _tiff(data: bytes) -> Iterator[Integer]:
    """The pointers to directories, their entries, and the arrays of these."""
    little = data.startswith(b"II")
    order: ByteOrder = "little" if little else "big"
    prefix = "<" if little else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    width, count_size = (8, 8) if big else (4, 2)
    pointer = Integer("first directory", 8 if big else 4, width, order)
    seen: set[int] = set()
    number = 0
    while pointer.offset + width <= len(data):
        yield pointer
        start = pointer.value_in(data)
        if start in seen or start in range(8) or start + count_size > len(data):
            return
        seen.add(start)
        count = Integer(f"directory {number}: entries", start, count_size, order)
        yield count
        at = start + count_size
        for _ in range(count.value_in(data)):
            yield from _tiff_entry(data, at, f"directory {number}", prefix, width)
            at += 4 + 2 * width
        pointer = Integer(f"directory {number}: next", at, width, order)
        number += 1


def _tiff_entry(
    data: bytes, at: int, where: str, prefix: str, width: int
) -> Iterator[Integer]:
    order: ByteOrder = "little" if prefix == "<" else "big"
    tag, field_type = struct.unpack_from(prefix + "HH", data, at)
    name = Tag(tag).name if tag in Tag.__members__.values() else f"tag {tag}"
    where = f"{where}: {name}"
    yield Integer(f"{where}, tag", at, 2, order)
    yield Integer(f"{where}, type", at + 2, 2, order)
    count = Integer(f"{where}, count", at + 4, width, order)
    yield count
    size = _TIFF_SIZES.get(field_type, 1)
    value_at = at + 4 + width
    total = size * count.value_in(data)
    if total > width:
        pointer = Integer(f"{where}, offset", value_at, width, order)
        yield pointer
        value_at = pointer.value_in(data)
    if field_type in _TIFF_TYPES and size > 1:
        for index in range(min(_TIFF_ARRAY, total // size)):
            element = value_at + index * size
            yield Integer(f"{where}[{index}]", element, size, order)


# DICOM

_LONG_FORM = (b"OB", b"OD", b"OF", b"OL", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT")
_DICOM_NUMBERS = {b"US": 2, b"SS": 2, b"UL": 4, b"SL": 4, b"FL": 4, b"OV": 8}
_UNDEFINED = 2**32 - 1
_DICOM_ITEMS = 400


def _dicom(data: bytes) -> Iterator[Integer]:
    """Lengths of elements, and the values of numeric ones, sequences included."""
    at = 132
    in_pixels = False
    for _ in range(_DICOM_ITEMS):
        if at + 8 > len(data):
            return
        group, element = struct.unpack_from("<HH", data, at)
        where = f"({group:04x},{element:04x})"
        if group == 0xFFFE:
            length = Integer(f"{where} length", at + 4, 4, "little")
            yield length
            at += 8 + (length.value_in(data) if in_pixels else 0)
            continue
        kind = data[at + 4 : at + 6]
        if kind in _LONG_FORM:
            length = Integer(f"{where} length", at + 8, 4, "little")
            at += 12
        else:
            length = Integer(f"{where} length", at + 6, 2, "little")
            at += 8
        yield length
        size = length.value_in(data)
        if kind in _DICOM_NUMBERS:
            step = _DICOM_NUMBERS[kind]
            for index in range(min(size // step, 4)):
                meaning = f"{where}[{index}]"
                yield Integer(meaning, at + index * step, step, "little")
        if size == _UNDEFINED:
            in_pixels = group == 0x7FE0
        elif kind != b"SQ":
            at += size


# Zeiss


def _czi(data: bytes) -> Iterator[Integer]:
    """Sizes of segments, their heads, and the dimensions of subblocks."""
    for start in _occurrences(data, b"ZISRAW"):
        name = data[start : start + 16].rstrip(b"\0").decode("ascii", "replace")
        yield from _row(f"{name}:allocated {name}:used", start + 16, 8, "little")
        for index in range(16):
            at = start + 32 + 4 * index
            yield Integer(f"{name}: word {index}", at, 4, "little")
    for start in _occurrences(data, b"DV"):
        if start + 32 > len(data):
            continue
        yield Integer("subblock: pixel type", start + 2, 4, "little")
        yield Integer("subblock: position", start + 6, 8, "little")
        yield Integer("subblock: compression", start + 18, 4, "little")
        yield Integer("subblock: pyramid type", start + 22, 1, "little")
        dimensions = Integer("subblock: dimensions", start + 28, 4, "little")
        yield dimensions
        for index in range(min(dimensions.value_in(data), 8)):
            at = start + 32 + 20 * index
            axis = f"subblock:{chr(data[at]) if at < len(data) else '?'}"
            yield from _row(f"{axis}-start {axis}-size", at + 4, 4, "little")
            yield Integer(f"{axis}-stored-size", at + 16, 4, "little")


# Others


def _ngr(data: bytes) -> Iterator[Integer]:
    meanings = "NGR:unknown NGR:width NGR:height NGR:column-width NGR:data-offset"
    yield Integer("NGR: magic and version", 0, 4, "little")
    yield from _row(meanings, 4, 4, "little")
    yield from _row("NGR:word-6 NGR:word-7", 24, 4, "little")


def _bmp(data: bytes) -> Iterator[Integer]:
    return _bmp_at(data, 0)


def _sqlite(data: bytes) -> Iterator[Integer]:
    """The head of the database, and of each of its pages."""
    yield Integer("page size", 16, 2, "big")
    yield from _row("write-version read-version reserved", 18, 1, "big")
    yield from _row("changes pages freelist free-pages schema", 24, 4, "big")
    yield from _row("format cache top-root encoding", 44, 4, "big")
    page_size = Integer("", 16, 2, "big").value_in(data) or 1
    for number in range(min(len(data) // page_size, 60)):
        start = number * page_size + (100 if number == 0 else 0)
        yield Integer(f"page {number}: type", start, 1, "big")
        meanings = "freeblock cells content fragments"
        for item in _row(meanings, start + 1, 2, "big"):
            yield item._replace(meaning=f"page {number}: {item.meaning}")
        yield Integer(f"page {number}: right child", start + 8, 4, "big")
        yield Integer(f"page {number}: first cell", start + 12, 2, "big")


def _mirax_index(data: bytes) -> Iterator[Integer]:
    """Everything behind the version and the slide's identifier."""
    text = len("01.02") + 32
    for index in range((len(data) - text) // 4):
        yield Integer(f"index word {index}", text + 4 * index, 4, "little")


_Finder = Callable[[bytes], Iterator[Integer]]
_CONTAINERS: tuple[tuple[tuple[bytes, ...], _Finder], ...] = (
    ((b"II*\0", b"II+\0", b"MM\0*", b"MM\0+"), _tiff),
    ((b"ZISRAWFILE",), _czi),
    ((b"GN",), _ngr),
    ((b"BM",), _bmp),
    ((b"SQLite format 3\0",), _sqlite),
    ((b"01.02" + b"0123456789ABCDEF" * 2,), _mirax_index),
)

# Pictures inside of files

_PICTURES = 60


def _jpeg_frame(data: bytes, start: int) -> Iterator[Integer]:
    """A frame header: what the file around it should agree with."""
    yield Integer("JPEG: frame type", start + 1, 1, "big")
    yield Integer("JPEG: frame length", start + 2, 2, "big")
    yield Integer("JPEG: precision", start + 4, 1, "big")
    yield from _row("JPEG:height JPEG:width", start + 5, 2, "big")
    meanings = "JPEG:components JPEG:component JPEG:sampling JPEG:table"
    yield from _row(meanings, start + 9, 1, "big")


def _jpeg_segment(data: bytes, start: int) -> Iterator[Integer]:
    kind = f"JPEG segment {data[start + 1]:02x}"
    yield Integer(f"{kind}: length", start + 2, 2, "big")
    for index in range(4):
        yield Integer(f"{kind}: byte {index}", start + 4 + index, 1, "big")


def _jpeg2000(data: bytes, start: int) -> Iterator[Integer]:
    """The SIZ marker."""
    yield from _row("SIZ:length SIZ:capabilities", start + 4, 2, "big")
    meanings = "width height x y tile-width tile-height tile-x tile-y"
    for item in _row(meanings, start + 8, 4, "big"):
        yield item._replace(meaning=f"SIZ:{item.meaning}")
    yield Integer("SIZ:components", start + 40, 2, "big")
    yield from _row("SIZ:depth SIZ:dx SIZ:dy", start + 42, 1, "big")


def _jpeg2000_coding(data: bytes, start: int) -> Iterator[Integer]:
    """The COD marker."""
    yield Integer("COD:length", start + 2, 2, "big")
    yield Integer("COD:style", start + 4, 1, "big")
    yield Integer("COD:progression", start + 5, 1, "big")
    yield Integer("COD:layers", start + 6, 2, "big")
    meanings = "transform decompositions block-width block-height block-style wavelet"
    for item in _row(meanings, start + 8, 1, "big"):
        yield item._replace(meaning=f"COD:{item.meaning}")


def _png(data: bytes, start: int) -> Iterator[Integer]:
    yield Integer("PNG: chunk length", start + 8, 4, "big")
    yield from _row("PNG:width PNG:height", start + 16, 4, "big")
    meanings = "PNG:depth PNG:color PNG:compression PNG:filter PNG:interlace"
    yield from _row(meanings, start + 24, 1, "big")


def _bmp_at(data: bytes, start: int) -> Iterator[Integer]:
    if data[start + 14 : start + 18] != b"\x28\0\0\0":  # just "BM" in other data
        return
    yield from _row("BMP:file-size BMP:reserved BMP:pixels", start + 2, 4, "little")
    yield from _row("BMP:header-size BMP:width BMP:height", start + 14, 4, "little")
    yield from _row("BMP:planes BMP:bits", start + 26, 2, "little")
    meanings = "BMP:compression BMP:size BMP:x BMP:y BMP:colors"
    yield from _row(meanings, start + 30, 4, "little")


def _zstd(data: bytes, start: int) -> Iterator[Integer]:
    yield Integer("zstd: descriptor", start + 4, 1, "little")
    yield Integer("zstd: content size", start + 5, 4, "little")
    yield Integer("zstd: block", start + 9, 3, "little")


_CODECS: tuple[tuple[bytes, Callable[[bytes, int], Iterator[Integer]]], ...] = (
    (b"\xff\xc0\0", _jpeg_frame),
    (b"\xff\xc1\0", _jpeg_frame),
    (b"\xff\xc2\0", _jpeg_frame),
    (b"\xff\xc4\0", _jpeg_segment),
    (b"\xff\xda\0", _jpeg_segment),
    (b"\xff\xdb\0", _jpeg_segment),
    (b"\xff\xdd\0", _jpeg_segment),
    (b"\xff\x4f\xff\x51", _jpeg2000),
    (b"\xff\x52\0", _jpeg2000_coding),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"BM", _bmp_at),
    (b"\x28\xb5\x2f\xfd", _zstd),
)
