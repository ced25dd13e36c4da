"""What is measured: one case per row of the table."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from .slides import Slide

State = Literal["cold", "hot", "scan"]
Form = Literal["image", "array", "out", "batch"]
Call = Literal["open", "property", "properties", "level_dimensions"]

BATCH = 64
THUMBNAIL_SIDE = 2048
# So many regions has each row and each column of what one sample scans.
_SCAN_SIDE = 8

_STATES: tuple[State, ...] = ("cold", "hot")
_FORMS: tuple[Form, ...] = ("image", "array")
_LARGE_SIZES = (512, 1024, 4096)
#: The same large slide, as two scanners write it, in tiles of so many pixels.
WRITERS = {"scanscope": 240, "gt450": 256}
_OTHER_SLIDES = ("j2k", "mirax", "ndpi", "czi")
# Grids of tiles that take nothing but another decoder, or none.
_PLAIN_SLIDES = ("dicom", "dicom-sparse", "dicom-raw", "raw", "deflate")
_CALLS: tuple[Call, ...] = ("open", "property", "properties", "level_dimensions")

# So far before the corner of a tile does a region begin that is not aligned: the
# smallest one has four tiles then, too.
_BEFORE_CORNER = 8


class Case(Protocol):
    """One row.

    Attributes:
        name: parts from the general to the special, with slashes between.
        slide: which slide it needs.
        is_quick: whether a smoke run includes it.
        workers: how many threads a contender may use.
        divisor: how many of the things that the table counts one sample has.
    """

    @property
    def name(self) -> str: ...
    @property
    def slide(self) -> str: ...
    @property
    def is_quick(self) -> bool: ...
    @property
    def workers(self) -> int: ...
    @property
    def divisor(self) -> int: ...

    def request(self, slide: Slide, samples: int, rng: random.Random) -> list[str]:
        """The words that ask a contender for this many samples."""


@dataclass(frozen=True)
class ReadCase:
    """Reading square regions: one, neighbours one after another, or a batch."""

    slide: str
    level: int
    side: int
    aligned: bool
    state: State
    form: Form
    workers: int = 1

    @property
    def name(self) -> str:
        form = f"batch-{self.workers}" if self.form == "batch" else self.form
        place = "aligned" if self.aligned else "across"
        return (
            f"{self.slide}/level-{self.level}/{self.side}/{place}/{self.state}/{form}"
        )

    @property
    def is_quick(self) -> bool:
        if self.form == "batch":  # these take longest
            return self.slide in WRITERS and self.state == "cold"
        is_special = self.slide == "offgrid" or self.state == "scan"
        is_tile = self.side == WRITERS.get(self.slide, 256)
        is_plain = is_tile and self.level == 0 and self.aligned
        return is_special or is_plain

    @property
    def divisor(self) -> int:
        if self.state == "scan":
            return _SCAN_SIDE**2
        return BATCH if self.form == "batch" else 1

    def request(self, slide: Slide, samples: int, rng: random.Random) -> list[str]:
        downsample = slide.downsample(self.level)
        left, top, _, _ = slide.area
        corners = samples * (BATCH if self.form == "batch" else 1)
        positions = [
            (left + x * downsample, top + y * downsample)
            for corner in self._corners(slide, corners, rng)
            for x, y in self._regions_at(*corner)
        ]
        numbers = (self.level, self.side, self.workers, samples)
        return [
            *("read", self.form, self.state),
            *map(str, numbers),
            *(str(value) for position in positions for value in position),
        ]

    def _corners(
        self, slide: Slide, count: int, rng: random.Random
    ) -> list[tuple[int, int]]:
        """Where in the level to read, each time other tiles if there are enough."""
        downsample = slide.downsample(self.level)
        reach = self.side * (_SCAN_SIDE if self.state == "scan" else 1)
        tile = slide.tile
        shift = 0 if self.aligned else tile - _BEFORE_CORNER
        columns, rows = (
            max(1, (length // downsample - reach - shift) // tile + 1)
            for length in slide.area[2:]
        )
        cells = range(columns * rows)
        chosen = (
            rng.sample(cells, count)
            if count <= len(cells)
            else rng.choices(cells, k=count)
        )
        return [
            (cell % columns * tile + shift, cell // columns * tile + shift)
            for cell in chosen
        ]

    def _regions_at(self, x: int, y: int) -> list[tuple[int, int]]:
        """The regions that begin at a corner: it alone, or neighbours row by row."""
        if self.state != "scan":
            return [(x, y)]
        steps = range(0, _SCAN_SIDE * self.side, self.side)
        return [(x + across, y + down) for down in steps for across in steps]


@dataclass(frozen=True)
class ThumbnailCase:
    """A small image of the whole slide, with no tiles in the cache."""

    slide: str
    side: int
    workers: int = 1

    @property
    def name(self) -> str:
        return f"{self.slide}/thumbnail/{self.side}"

    @property
    def is_quick(self) -> bool:
        return True

    @property
    def divisor(self) -> int:
        return 1

    def request(self, slide: Slide, samples: int, rng: random.Random) -> list[str]:
        return ["thumbnail", str(self.side), str(samples)]


@dataclass(frozen=True)
class CallCase:
    """A call that reads no pixels, many times for one sample."""

    slide: str
    call: Call
    workers: int = 1

    @property
    def name(self) -> str:
        return f"{self.slide}/{self.call}"

    @property
    def is_quick(self) -> bool:
        return True

    @property
    def divisor(self) -> int:
        return 1 if self.call == "open" else 1000

    def request(self, slide: Slide, samples: int, rng: random.Random) -> list[str]:
        return ["call", self.call, str(samples), str(self.divisor)]


def all_cases() -> list[Case]:
    """Every row but those of importing and of the conversion kernels."""
    return [
        *(CallCase(slide, call) for slide in WRITERS for call in _CALLS),
        *(case for slide in WRITERS for case in _large_reads(slide)),
        *_off_grid_reads(),
        *_other_reads(),
        *_reads_of_formats(),
        *_batches(),
        *(ThumbnailCase(slide, THUMBNAIL_SIDE) for slide in WRITERS),
    ]


def _large_reads(slide: str) -> Iterator[ReadCase]:
    """Also into memory that is there, and of neighbours that share tiles."""
    tile = WRITERS[slide]
    for level in (0, 2):
        for side in (16, tile, *_LARGE_SIZES):
            if level and side > 1024:  # the level is smaller
                continue
            for aligned in (True, False):
                for state in _STATES:
                    for form in _FORMS:
                        yield ReadCase(slide, level, side, aligned, state, form)
    for state in _STATES:
        yield ReadCase(slide, 0, tile, True, state, "out")
    for form in _FORMS:
        yield ReadCase(slide, 0, tile, False, "scan", form)


def _off_grid_reads() -> Iterator[ReadCase]:
    for form in _FORMS:
        for state in _STATES:
            yield ReadCase("offgrid", 1, 256, False, state, form)


def _other_reads() -> Iterator[ReadCase]:
    yield ReadCase("ndpi", 0, 256, True, "scan", "image")  # its tiles are wide
    for slide in _OTHER_SLIDES:
        for side in (256, 512, 1024):
            for state in _STATES:
                for form in _FORMS:
                    yield ReadCase(slide, 0, side, True, state, form)


def _reads_of_formats() -> Iterator[ReadCase]:
    """Of a tile, or what is as large, in the states that tell."""
    for slide in _PLAIN_SLIDES:
        for state in _STATES:
            yield ReadCase(slide, 0, 256, True, state, "image")
    for state in _STATES:
        yield ReadCase("mirax", 2, 256, True, state, "image")
        yield ReadCase("j2k", 0, 256, False, state, "image")
        yield ReadCase("bif", 0, 256, True, state, "image")
    for slide in ("mirax", "bif", "j2k"):
        yield ReadCase(slide, 0, 256, False, "scan", "image")


def _batches() -> Iterator[ReadCase]:
    for slide in (*WRITERS, *_OTHER_SLIDES):
        for state in _STATES:
            for workers in (1, 2):
                side = WRITERS.get(slide, 256)
                yield ReadCase(slide, 0, side, True, state, "batch", workers)
