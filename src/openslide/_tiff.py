"""The directories of a TIFF file, as far as it takes to say what the file is.

Pixels are the matter of libopenslide and of ext/formats/tiff; this here reads files that
both have refused, so nothing that it finds may be relied on; and finds the levels of masks
that neither shows as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import BinaryIO, NamedTuple

#: What TIFF files begin with: byte order, and 42 or for BigTIFF 43.
SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# More directories, or entries of one, are no file that anybody wrote.
_MOST_DIRECTORIES = 1 << 16
_MOST_ENTRIES = 1 << 12

# Of the tables that say where pixels are; so many are looked at.
_MOST_PLACES = 1 << 20

# How many bytes a value has, by its type; and how struct reads those that count.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_SIZES |= {13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}


class Tag(IntEnum):
    """The names of TIFF 6.0."""

    SUBFILE_TYPE = 254
    WIDTH = 256
    HEIGHT = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    SAMPLES_PER_PIXEL = 277
    STRIP_OFFSETS = 273
    STRIP_BYTE_COUNTS = 279
    TILE_WIDTH = 322
    TILE_OFFSETS = 324
    TILE_BYTE_COUNTS = 325
    SUB_DIRECTORIES = 330
    SAMPLE_FORMAT = 339


class CutOffError(Exception):
    """The file ends before what it tells of; the message goes on after "its"."""


class DamagedError(Exception):
    """The file is not as TIFF files are."""


class _Entry(NamedTuple):
    type: int
    length: int  # how many values there are
    offset: int  # of the first in the file


class Directory:
    """One image of a file: its tags."""

    def __init__(self, file: TiffFile, index: int, entries: dict[int, _Entry]) -> None:
        self._file = file
        self._index = index
        self._entries = entries

    def __contains__(self, tag: Tag) -> bool:
        return tag in self._entries

    def numbers(self, tag: int, most: int = 16) -> tuple[int, ...]:
        """The first integers of a tag; empty where it has none.

        Raises CutOffError where they lie beyond the end of the file.
        """
        entry = self._entries.get(tag)
        if entry is None or entry.type not in _INTEGERS:
            return ()
        count = min(entry.length, most)
        form = f"{self._file.order}{count}{_INTEGERS[entry.type]}"
        return self._file.unpack(form, entry.offset, f"{_word(self._index)} directory")

    def number(self, tag: Tag, default: int = 0) -> int:
        """The first integer of a tag."""
        return next(iter(self.numbers(tag, 1)), default)

    def count(self, tag: Tag) -> int:
        """How many values a tag has."""
        return self._entries[tag].length if tag in self._entries else 0

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.number(Tag.WIDTH), self.number(Tag.HEIGHT)

    @property
    def is_tiled(self) -> bool:
        return Tag.TILE_WIDTH in self and Tag.TILE_OFFSETS in self

    def is_small(self, other: Directory) -> bool:
        """Whether it may be another image made small: of the same kind of values."""
        (width, height), (full_width, full_height) = self.size, other.size
        if not (0 < width < full_width and 0 < height < full_height):
            return False
        # Each side may be rounded up or down.
        rounded = abs(width * full_height - height * full_width)
        kinds = (Tag.BITS_PER_SAMPLE, Tag.SAMPLE_FORMAT, Tag.PHOTOMETRIC)
        return rounded <= full_width + full_height and all(
            self.numbers(tag) == other.numbers(tag)
            for tag in (*kinds, Tag.SAMPLES_PER_PIXEL)
        )

    def end(self) -> int:
        """Where in the file the last of its pixels end."""
        tags = (Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS)
        if self.is_tiled:
            tags = (Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS)
        offsets, counts = (self.numbers(tag, _MOST_PLACES) for tag in tags)
        return max(map(sum, zip(offsets, counts, strict=False)), default=0)


class TiffFile:
    """What a file says of itself.

    file: open, and a TIFF file by its first bytes.
    wide: whether offsets have 64 bits though it is no BigTIFF, as in NDPI files.

    Attributes:
        size: of the file, in bytes.
        order: "<" or ">", as struct has it.
        is_big: whether it is a BigTIFF.
    """

    def __init__(self, file: BinaryIO, *, wide: bool = False) -> None:
        self._file = file
        self.size = file.seek(0, 2)
        file.seek(0)
        start = file.read(4)
        self.order = "<" if start.startswith(b"II") else ">"
        self.is_big = start in SIGNATURES[2:]
        self._wide = wide and not self.is_big

    def directories(self) -> Iterator[Directory]:
        """The images, in the order of the file.

        Raises CutOffError or DamagedError when it comes to what is not as it should be.
        """
        link, is_long = (8 if self.is_big else 4), self.is_big or self._wide
        seen: set[int] = set()
        for number in range(_MOST_DIRECTORIES):
            form = f"{self.order}{'Q' if is_long else 'I'}"
            (start,) = self.unpack(form, link, "header")
            if start == 0:
                return
            if start in seen:
                raise DamagedError("its directories lead in a circle")
            seen.add(start)
            entries, link = self._entries(start, number)
            yield Directory(self, number, entries)

    def reduced(self) -> Iterator[Directory]:
        """The smaller copies of the first image, wherever they stand: behind it, marked
        as such, or below it.

        Raises what directories() raises.
        """
        first: Directory | None = None
        for directory in self.directories():
            if first is None:
                first = directory
            elif directory.number(Tag.SUBFILE_TYPE) & 1 and directory.is_small(first):
                yield directory
        places = () if first is None else first.numbers(Tag.SUB_DIRECTORIES)
        for number, start in enumerate(places):
            below = Directory(self, number, self._entries(start, number)[0])
            if first is not None and below.is_small(first):
                yield below

    def unpack(self, form: str, offset: int, what: str) -> tuple[int, ...]:
        """Numbers at a place.  Raises CutOffError where it is beyond the end."""
        size = struct.calcsize(form)
        if offset + size > self.size:
            raise CutOffError(f"{what} lies at byte {offset}")
        self._file.seek(offset)
        found = self._file.read(size)
        if len(found) < size:  # somebody is writing it anew
            raise CutOffError(f"{what} lies at byte {offset}")
        return struct.unpack(form, found)

    def _entries(self, start: int, number: int) -> tuple[dict[int, _Entry], int]:
        """The tags of a directory, and where the place of the next one stands."""
        what = f"{_word(number)} directory"
        (count,) = self.unpack(
            f"{self.order}{'Q' if self.is_big else 'H'}", start, what
        )
        if not 0 < count <= _MOST_ENTRIES:
            raise DamagedError(f"its {what} has {count} entries")
        form = f"{self.order}{'HHQ8s' if self.is_big else 'HHI4s'}"
        first, step = start + (8 if self.is_big else 2), struct.calcsize(form)
        inline = 8 if self.is_big else 4
        self.unpack(f"{step * count}s", first, what)  # all of it is there
        entries = {}
        for place in range(first, first + step * count, step):
            tag, type, length, _ = self.unpack(form, place, what)
            offset = place + step - inline
            if _SIZES.get(type, 1) * length > inline:
                place_form = f"{self.order}{'Q' if self.is_big else 'I'}"
                (offset,) = self.unpack(place_form, offset, what)
            entries[tag] = _Entry(type, length, offset)
        return entries, first + step * count


def _word(number: int) -> str:
    return "first" if number == 0 else f"{number + 1}th"
