"""BigTIFF files with all directories before the first tile.

So a reader over a network has them all with one request.  Tiles are added in any order;
their places are put into the directories at the end.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from ..output.whole import WholeFile


class Tag(IntEnum):
    """Tags, TIFF 6.0 and what came later."""

    NEW_SUBFILE_TYPE = 254
    IMAGE_WIDTH = 256
    IMAGE_LENGTH = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    IMAGE_DESCRIPTION = 270
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
    EXTRA_SAMPLES = 338
    YCBCR_SUBSAMPLING = 530
    ICC_PROFILE = 34675


#: Of a tag: text, bytes, numbers of 16 bits, one of 32, or fractions.
Value: TypeAlias = "str | bytes | Sequence[int] | int | Fraction"

_ASCII, _SHORT, _LONG, _RATIONAL, _UNDEFINED, _LONG8 = 2, 3, 4, 5, 7, 16

_HEADER = struct.Struct("<2sHHHQ")
_ENTRY = struct.Struct("<HHQ8s")
_COUNT = struct.Struct("<Q")
_INLINE = 8  # bytes that an entry holds itself
_ALIGNMENT = 16
_LARGEST = 1 << 32


class Directory(NamedTuple):
    """An image of the file.

    Attributes:
        tags: what it says, but where its pixels are.
        pieces: how many tiles or strips it has.
        is_tiled: which of them.
    """

    tags: dict[Tag, Value]
    pieces: int
    is_tiled: bool = True


class BigTiff:
    """A file that is being written; nothing was written to it before.

    Everything has its place from the beginning, but for the tiles.
    """

    def __init__(self, file: WholeFile, directories: Sequence[Directory]) -> None:
        self._file = file
        self._directories = directories
        self._places = [[(0, 0)] * each.pieces for each in directories]
        file.write(bytes(len(self._head())))

    def add(self, directory: int, pieces: Sequence[tuple[int, bytes]]) -> None:
        """Write tiles or strips, each with its number, one behind another."""
        places = self._places[directory]
        end = self._file.size
        for number, data in pieces:
            places[number] = (end, len(data))
            end += len(data)
        self._file.write(b"".join(data for _, data in pieces))

    def share(self, directory: int, numbers: Sequence[int], data: bytes) -> None:
        """Write a tile that is in several places."""
        places = self._places[directory]
        for number in numbers:
            places[number] = (self._file.size, len(data))
        self._file.write(data)

    def finish(self) -> None:
        """Write the directories; every tile must have been added."""
        self._file.write_at(0, self._head())

    def _head(self) -> bytes:
        """All before the first tile, with what is known of the places."""
        entries = [self._entries(i) for i in range(len(self._directories))]
        starts: list[int] = []
        end = _HEADER.size
        for each in entries:
            starts.append(end)
            end += _COUNT.size + len(each) * _ENTRY.size + _COUNT.size
        values = _Values(end)
        parts = [_HEADER.pack(b"II", 43, 8, 0, starts[0])]
        for each, following in zip(entries, [*starts[1:], 0], strict=True):
            parts.append(_COUNT.pack(len(each)))
            parts += (values.entry(tag, *value) for tag, value in each)
            parts.append(_COUNT.pack(following))
        return b"".join([*parts, *values.parts])

    def _entries(self, number: int) -> list[tuple[int, tuple[int, int, bytes]]]:
        """Tags in order, each with its type, count and bytes."""
        directory = self._directories[number]
        offsets, counts = (
            (_LONG8, directory.pieces, struct.pack(f"<{directory.pieces}Q", *column))
            for column in zip(*self._places[number], strict=True)
        )
        where = (
            (Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS)
            if directory.is_tiled
            else (Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS)
        )
        entries = {int(tag): _spelled(value) for tag, value in directory.tags.items()}
        return sorted(
            (entries | dict(zip(where, (offsets, counts), strict=True))).items()
        )


class _Values:
    """What does not fit into entries, one behind another.

    Equal values of a tag, such as the profile of all levels, are there once; but places
    of tiles have room of their own, which must not depend on what they are.
    """

    def __init__(self, start: int) -> None:
        self.parts: list[bytes] = []
        self._end = start
        self._places: dict[tuple[int, bytes], int] = {}

    def entry(self, tag: int, kind: int, count: int, value: bytes) -> bytes:
        if len(value) <= _INLINE:
            return _ENTRY.pack(tag, kind, count, value)
        place = self._places.get((tag, value))
        if place is None or kind == _LONG8:
            padding = bytes(-self._end % _ALIGNMENT)
            place = self._places[tag, value] = self._end + len(padding)
            self.parts += (padding, value)
            self._end += len(padding) + len(value)
        return _ENTRY.pack(tag, kind, count, _COUNT.pack(place))


def _spelled(value: Value) -> tuple[int, int, bytes]:
    """Type, count and bytes of a value."""
    match value:
        case str():
            text = value.encode("ascii", "backslashreplace") + b"\0"
            return _ASCII, len(text), text
        case bytes():
            return _UNDEFINED, len(value), value
        case Fraction():
            numerator, denominator = _bounded(value)
            return _RATIONAL, 1, struct.pack("<2I", numerator, denominator)
        case int():
            return _LONG, 1, struct.pack("<I", value)
    return _SHORT, len(value), struct.pack(f"<{len(value)}H", *value)


def _bounded(value: Fraction) -> tuple[int, int]:
    """The nearest fraction of numbers of 32 bits; 0 is at least as small as any."""
    denominator = _LARGEST - 1
    while True:
        near = value.limit_denominator(denominator)
        if near.numerator < _LARGEST or denominator == 1:
            return min(near.numerator, _LARGEST - 1), near.denominator
        denominator = max(1, denominator >> 4)
