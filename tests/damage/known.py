"""Crashes of libopenslide itself, which docs/known-crashes.md describes.

Each is told by the slide, by what the damaged files say, and by what was printed
before the end.  Nothing else is excused.
"""

from __future__ import annotations

import re
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass

from .cases import Damage
from .fields import integers

DOCUMENT = "docs/known-crashes.md"


@dataclass(frozen=True)
class KnownCrash:
    """A heading of the document, and whether a case belongs there."""

    heading: str
    slides: str  # a regular expression for names
    applies: Callable[[Damage, str], bool]  # to the damage and what was printed


_SEGMENTATION_FAULT = re.compile("^Fatal Python error: Segmentation fault", re.M)
_WHILE_OPENING = re.compile("line [0-9]+ in open_handle$", re.M)
_OUT_OF_MEMORY = re.compile("GLib-ERROR .*failed to allocate ([0-9]+) bytes")
_OVERFLOW = re.compile("GLib-ERROR .*overflow allocating [0-9*]+ bytes")
_ABSURD_SIZE = 2**28
_WIDE_JPEG = "openslide-vendor-hamamatsu.c:[0-9]+:read_jpeg_tile: assertion failed"
_EMPTY_WORD = re.compile(rb'"DICOM_DERIVATION_DESCRIPTION"[^>]*>([^<]*-)?-')
_PER_FRAME_GROUPS, _ITEM = 0x52009230, 0xFFFEE000
_LONG_ELEMENTS = (b"OB", b"OV", b"SQ")
_SAKURA_VALUES = (
    "SELECT SlideId, Date, Description, Creator, DiagnosisCode, Keywords"
    " FROM SVSlideDataXPO",
    "SELECT ScanId, FocussingMethod FROM SVHRScanDataXPO",
    "SELECT data FROM SVGigaPixelImage_0001 WHERE id = '++MagicBytes'",
)


def _other_samples(damage: Damage, log: str) -> bool:
    """A key file that does not announce 36 bits per pixel in the order RGB."""
    key_file = damage.files.get("vmu/slide.vmu")
    return (
        _SEGMENTATION_FAULT.search(log) is not None
        and _WHILE_OPENING.search(log) is not None
        and isinstance(key_file, bytes)
        and not (
            re.search(rb"^BitsPerPixel=36\s*$", key_file, re.M)
            and re.search(rb"^PixelOrder=RGB\s*$", key_file, re.M)
        )
    )


def _impossible_subblock(damage: Damage, log: str) -> bool:
    """A subblock with more than twice the pixels that it covers, or with none."""
    return _WHILE_OPENING.search(log) is not None and any(
        _has_impossible_subblock(content)
        for content in damage.files.values()
        if isinstance(content, bytes)
    )


def _has_impossible_subblock(data: bytes) -> bool:
    size = 0
    for item in integers(data):
        value = item.value_in(data)
        signed = value - 2**32 if value >= 2**31 else value
        if item.meaning == "subblock:X-size":
            size = signed
        elif item.meaning == "subblock:X-stored-size" and not 0 < signed <= 2 * size:
            return True
    return False


def _wide_jpeg(damage: Damage, log: str) -> bool:
    """A JPEG that has more tiles than its place in the grid."""
    return re.search(_WIDE_JPEG, log) is not None


def _null_value(damage: Damage, log: str) -> bool:
    """A database with NULL where libopenslide relies on a value."""
    content = damage.files.get("sakura.svslide")
    return (
        _SEGMENTATION_FAULT.search(log) is not None
        and isinstance(content, bytes)
        and any(None in row for row in _sakura_rows(content))
    )


def _sakura_rows(data: bytes) -> Iterator[tuple[object, ...]]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(data)
        for query in _SAKURA_VALUES:
            with suppress(sqlite3.DatabaseError):
                yield from database.execute(query)


def _empty_word(damage: Damage, log: str) -> bool:
    """A description with nothing before a hyphen."""
    content = damage.files.get("philips.tiff")
    return (
        _SEGMENTATION_FAULT.search(log) is not None
        and _WHILE_OPENING.search(log) is not None
        and isinstance(content, bytes)
        and _EMPTY_WORD.search(content) is not None
    )


def _no_positions(damage: Damage, log: str) -> bool:
    """A file with sparse tiles, of which it cannot be found out where they belong."""
    return (
        _SEGMENTATION_FAULT.search(log) is not None
        and _WHILE_OPENING.search(log) is not None
        and any(
            isinstance(content, bytes)
            and re.search(rb"TILED_SPARSE|\x20\x00\x11\x93CS\x02\x003D", content)
            and not _has_frame_groups(content)
            for content in damage.files.values()
        )
    )


def _has_frame_groups(data: bytes) -> bool:
    """Whether the elements up to the groups of each frame are sound."""
    found = False
    with suppress(struct.error, ValueError):
        for tag in _elements(data, 132, len(data)):
            found |= tag == _PER_FRAME_GROUPS
    return found


def _elements(data: bytes, at: int, end: int) -> Iterator[int]:
    """The tags of explicit, little-endian elements that fill a part of a file."""
    while at < end:
        group, element, kind, length = struct.unpack_from("<HH2sH", data, at)
        at += 8
        if kind in _LONG_ELEMENTS:
            (length,) = struct.unpack_from("<I", data, at)
            at += 4
        if at + length > end:
            raise ValueError("an element goes beyond its item")
        if kind == b"SQ":
            _check_items(data, at, at + length)
        yield group << 16 | element
        at += length


def _check_items(data: bytes, at: int, end: int) -> None:
    while at < end:
        group, element, length = struct.unpack_from("<HHI", data, at)
        at += 8
        if group << 16 | element != _ITEM or at + length > end:
            raise ValueError("no items, or more than there is room for")
        for _ in _elements(data, at, at + length):
            pass
        at += length


def _absurd_size(damage: Damage, log: str) -> bool:
    """A single allocation beyond any reason, which GLib was refused."""
    match = _OUT_OF_MEMORY.search(log)
    is_large = match is not None and int(match[1]) >= _ABSURD_SIZE
    return is_large or _OVERFLOW.search(log) is not None


KNOWN = (
    KnownCrash("A VMU slide with other samples", "vmu$", _other_samples),
    KnownCrash("A CZI subblock of impossible size", "zeiss", _impossible_subblock),
    KnownCrash("A wide JPEG of a VMS slide", "vms$", _wide_jpeg),
    KnownCrash("NULL in the database of a Sakura slide", "sakura$", _null_value),
    KnownCrash(
        "An empty word in the description of a Philips slide", "philips$", _empty_word
    ),
    KnownCrash("A sparse DICOM slide without positions", "dicom", _no_positions),
    KnownCrash("A size beyond the memory", "", _absurd_size),
)


def known_crash(name: str, damage: Damage, log: str) -> str | None:
    """The heading of the crash that a case is an instance of, or None."""
    for crash in KNOWN:
        if re.match(crash.slides, name) and crash.applies(damage, log):
            return crash.heading
    return None
