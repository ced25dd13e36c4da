"""Damage to the bytes of a file, as pure functions of the bytes and of chance."""

from __future__ import annotations

import re
import sqlite3
import struct
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import cached_property
from random import Random
from typing import NamedTuple

from .fields import ByteOrder, Integer, integers

_LONGEST_RANGE = 4096
_HEADER = 1024
_TEXT = re.compile(rb"[\t\n\r -~]{24,}")
_NUMBER = re.compile(rb"\d+")


class Damaged(NamedTuple):
    """A damaged file, and what was done to it."""

    data: bytes
    description: str


class Original:
    """An undamaged file; what is looked up in it is kept for further damages."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @cached_property
    def groups(self) -> Sequence[Sequence[Integer]]:
        """Its integers, those that mean the same in different places together.

        A group is drawn first, lest the many tables of JPEG tiles outweigh all
        else.
        """
        groups: dict[str, list[Integer]] = {}
        for integer in integers(self.data):
            kind = re.sub(r"\d+", "#", integer.meaning)
            groups.setdefault(kind, []).append(integer)
        return list(groups.values())

    @cached_property
    def numbers(self) -> Sequence[tuple[int, int]]:
        """Start and end of decimal numbers within text."""
        return [
            (text.start() + number.start(), text.start() + number.end())
            for text in _TEXT.finditer(self.data)
            for number in _NUMBER.finditer(text.group())
        ]

    @property
    def is_text(self) -> bool:
        """Whether bytes may be inserted without moving what offsets point to."""
        return b"\0" not in self.data[:4096]

    @property
    def is_database(self) -> bool:
        """Whether SQLite reads it."""
        return self.data.startswith(b"SQLite format 3\0")


Mutation = Callable[[Original, Random], Damaged]


def draw(original: Original, random: Random) -> Damaged:
    """Damage a file in a way that suits it."""
    choices: dict[Mutation, int] = dict.fromkeys(BYTE_MUTATIONS, 2)
    if original.groups:
        choices[set_integers] = 40
    if original.numbers:
        choices[change_number] = 40 if original.is_text else 8
    if original.is_text:
        choices[change_line] = 20
    if original.is_database and hasattr(sqlite3.Connection, "deserialize"):
        choices[change_row] = 40
    (mutation,) = random.choices(list(choices), list(choices.values()))
    return mutation(original, random)


# Bytes


def _place(data: bytes, random: Random) -> int:
    """An offset: in the header, near the end, where powers of two are, anywhere."""
    size = max(1, len(data))
    place = random.choice(
        (
            random.randrange(min(size, _HEADER)),
            size - 1 - random.randrange(min(size, _HEADER)),
            int(size ** random.random()),
            random.randrange(size),
        )
    )
    return min(place, size - 1)


def _range(data: bytes, random: Random) -> tuple[int, int]:
    start = _place(data, random)
    length = int(_LONGEST_RANGE ** random.random())
    return start, min(len(data), start + length)


def truncate(original: Original, random: Random) -> Damaged:
    """Keep the beginning only."""
    place = _place(original.data, random)
    return Damaged(original.data[:place], f"truncated to {place} bytes")


def empty(original: Original, random: Random) -> Damaged:
    """Keep nothing."""
    return Damaged(b"", "empty")


def zero(original: Original, random: Random) -> Damaged:
    """Overwrite a range with zeros, as a hole of a sparse file reads."""
    data = original.data
    start, end = _range(data, random)
    changed = data[:start] + bytes(end - start) + data[end:]
    return Damaged(changed, f"zeros from {start} to {end}")


def scramble(original: Original, random: Random) -> Damaged:
    """Overwrite a range with random bytes."""
    data = original.data
    start, end = _range(data, random)
    changed = data[:start] + random.randbytes(end - start) + data[end:]
    return Damaged(changed, f"random bytes from {start} to {end}")


def flip_bits(original: Original, random: Random) -> Damaged:
    """Flip up to eight bits."""
    data = bytearray(original.data)
    count = random.randint(1, 8) if data else 0
    places = [
        (_place(original.data, random), random.randrange(8)) for _ in range(count)
    ]
    for place, bit in places:
        data[place] ^= 1 << bit
    return Damaged(bytes(data), f"bits flipped, as (offset, bit): {places}")


def duplicate(original: Original, random: Random) -> Damaged:
    """Insert a range a second time, so that the rest moves."""
    data = original.data
    start, end = _range(data, random)
    changed = data[:end] + data[start:end] + data[end:]
    return Damaged(changed, f"bytes {start} to {end} twice")


def remove(original: Original, random: Random) -> Damaged:
    """Remove a range, so that the rest moves."""
    data = original.data
    start, end = _range(data, random)
    return Damaged(data[:start] + data[end:], f"bytes {start} to {end} removed")


def swap(original: Original, random: Random) -> Damaged:
    """Exchange two blocks of the same length."""
    data = bytearray(original.data)
    length = random.choice((16, 512, 4096))
    first, second = sorted(_place(original.data, random) for _ in range(2))
    length = min(length, second - first, len(data) - second)
    one, other = data[first : first + length], data[second : second + length]
    data[first : first + length] = other
    data[second : second + length] = one
    description = f"{length} bytes at {first} and {second} exchanged"
    return Damaged(bytes(data), description)


def overwrite(original: Original, random: Random) -> Damaged:
    """Write a number that is hard to compute with, aligned, anywhere."""
    size = random.choice((1, 2, 4, 8))
    order: ByteOrder = random.choice(("little", "big"))
    place = _place(original.data, random) // size * size
    if place + size > len(original.data):
        return empty(original, random)
    integer = Integer("anything", place, size, order)
    return _set(original.data, integer, _value(original, integer, random))


BYTE_MUTATIONS: tuple[Mutation, ...] = (
    truncate,
    empty,
    zero,
    scramble,
    flip_bits,
    duplicate,
    remove,
    swap,
    overwrite,
)


# Integers


def set_integers(original: Original, random: Random) -> Damaged:
    """Change one to three of the integers that the format is made of."""
    data = original.data
    descriptions = []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        integer = random.choice(random.choice(original.groups))
        data, description = _set(data, integer, _value(original, integer, random))
        descriptions.append(description)
    return Damaged(data, "; ".join(descriptions))


def _value(original: Original, integer: Integer, random: Random) -> int:
    """A limit of its type, a place in the file, or something near the old value."""
    old = integer.value_in(original.data)
    bits = 8 * integer.size
    size = len(original.data)
    return random.choice(
        (
            *(0, 1, 2, 2 ** (bits - 1) - 1, 2 ** (bits - 1), 2**bits - 1, 2**bits - 2),
            *(255, 2**15, 2**16 - 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32),
            *(old - 1, old + 1, old * 2, old // 2, old ^ 1 << random.randrange(bits)),
            *(size, size - 1, size + 1, integer.offset),
            _elsewhere(original, random),
            random.randrange(2**bits),
        )
    )


def _elsewhere(original: Original, random: Random) -> int:
    """The value of another integer: an offset of something else, a cycle."""
    if not original.groups:
        return random.randrange(2**16)
    return random.choice(random.choice(original.groups)).value_in(original.data)


def _set(data: bytes, integer: Integer, value: int) -> Damaged:
    old = integer.value_in(data)
    changed = integer.replaced_in(data, value)
    new = integer.value_in(changed)
    if integer.meaning.startswith("PNG:"):
        changed = _with_checksums(changed)
    where = f"{8 * integer.size}-bit {integer.order}-endian at {integer.offset}"
    return Damaged(changed, f"{integer.meaning} ({where}): {old} -> {new}")


def _with_checksums(data: bytes) -> bytes:
    """Correct the checksums of all PNG headers, which hide them from the decoder."""
    changed = bytearray(data)
    for match in re.finditer(rb"IHDR", data):
        start, end = match.start(), match.start() + 17
        changed[end : end + 4] = struct.pack(">I", zlib.crc32(changed[start:end]))
    return bytes(changed)


# Text

_NUMBERS = (
    *(b"0", b"1", b"-1", b"2", b"", b"32767", b"65535", b"2147483647", b"2147483648"),
    *(b"4294967295", b"4294967296", b"9223372036854775807", b"1e308", b"nan", b"inf"),
    *(b"99999999999999999999", b"0.0000001", b"-2147483648", b"x", b"%n%s"),
)


def change_number(original: Original, random: Random) -> Damaged:
    """Change a number in text; within a binary file, as far as there is room."""
    data = original.data
    start, end = random.choice(original.numbers)
    new = random.choice(_NUMBERS)
    if not original.is_text:
        new = new[: end - start].rjust(end - start, random.choice((b"0", b" ", b"9")))
    description = f"text at {start}: {data[start:end]!r} -> {new!r}"
    return Damaged(data[:start] + new + data[end:], description)


def change_line(original: Original, random: Random) -> Damaged:
    """Remove or repeat a line, or change what stands behind its equals sign."""
    lines = original.data.splitlines(keepends=True) or [b""]
    number = random.randrange(len(lines))
    line = lines[number]
    key, equals, _ = line.partition(b"=")
    replacements = [b"", line * 2, line.rstrip(), line.swapcase(), line[::-1]]
    if equals:
        values = (b"", b"x" * 10_000, b"../" * 100, b"\xff\xfe", b"/", b".", b"\0")
        replacements += [key + equals + value + b"\r\n" for value in values]
    new = random.choice(replacements)
    lines[number] = new
    shown = new if len(new) < 100 else new[:100] + b"..."
    return Damaged(b"".join(lines), f"line {number}: {line!r} -> {shown!r}")


# Databases


def change_row(original: Original, random: Random) -> Damaged:
    """Change a value by SQL, or delete its row, so that the database stays sound."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        database.deserialize(original.data)
        query = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        table = random.choice([name for (name,) in database.execute(query)])
        rows = database.execute(f'SELECT rowid FROM "{table}"').fetchall()
        (row,) = random.choice(rows)
        columns = database.execute(f'PRAGMA table_info("{table}")').fetchall()
        column = random.choice(columns)[1]
        select = f'SELECT "{column}" FROM "{table}" WHERE rowid = ?'
        ((old,),) = database.execute(select, (row,))
        new = _cell(old, random)
        update = f'UPDATE OR REPLACE "{table}" SET "{column}" = ? WHERE rowid = ?'
        description = f"{column} of row {row} of {table} -> {repr(new)[:100]}"
        try:
            database.execute(update, (new, row))
        except sqlite3.IntegrityError:  # a key that has to be an integer
            database.execute(f'DELETE FROM "{table}" WHERE rowid = ?', (row,))
            description = f"row {row} of {table} deleted"
        return Damaged(database.serialize(), description)


def _cell(old: object, random: Random) -> object:
    if isinstance(old, bytes) and random.random() < 0.7:
        return draw(Original(old), random).data
    if isinstance(old, str) and random.random() < 0.7:
        text = change_number if _NUMBER.search(old.encode()) else change_line
        source = Original(old.encode().ljust(24))
        return text(source, random).data.decode(errors="replace").rstrip()
    limits = (0, 1, -1, 2**31 - 1, 2**31, 2**32, 2**63 - 1, -(2**63))
    return random.choice((None, *limits, 1e308, 1e-308, "", "x", b"", b"\0" * 32))
