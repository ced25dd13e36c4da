"""Slides written as OME-Zarr stores of their own: lossless, sharded, gone on with after
a kill.

The arrays are those of open_zarr(): an image for each level of the slide, and where its
pixels are.  Shards are written by several threads, each whole or not at all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import _arrays
from .._abstract_slide import AbstractSlide
from .._errors import OpenSlideError
from .._extras import zarr
from .._library import versions
from ..output.identity import slide_identity
from ..output.journal import understood
from ..output.telling import Report
from ..output.undertaking import Undertaking
from ..output.whole import settle
from . import ngff
from .pyramid import Level, Pyramid, Sides, large_chunk, pyramid_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Sides of a shard, at most, in pixels: files of some ten megabytes.
_SHARD_SIDE = 4096

#: What Zarr calls files that it has not put in place yet.
_ZARR_S_ASIDE = "*.partial"


class Damaged(NamedTuple):
    """A chunk that shows background because the slide could not be read there."""

    level: int
    column: int
    row: int


class StoreSummary(NamedTuple):
    """What was written.

    Attributes:
        chunks: how many.
        damaged: those that show background because the slide could not be read there.
    """

    chunks: int
    damaged: list[Damaged]


class Shard(NamedTuple):
    """A shard of a level's image: some columns and rows of chunks.

    Attributes:
        box: (x, y, width, height) in pixels of the level.
    """

    level: Level
    column: int
    row: int
    box: tuple[int, int, int, int]

    @property
    def name(self) -> list[int]:
        """As the journal has it."""
        return [self.level.number, self.column, self.row]

    @property
    def chunk_count(self) -> int:
        return sum(1 for _ in self.chunks())

    def has(self, damaged: Damaged) -> bool:
        """Whether it has a chunk."""
        x, y, width, height = self.box
        across, down = self.level.chunk
        return damaged.level == self.level.number and (
            x <= damaged.column * across < x + width
            and y <= damaged.row * down < y + height
        )

    def chunks(self) -> Iterator[tuple[int, int]]:
        """(column, row) of its chunks in the level."""
        x, y, width, height = self.box
        across, down = self.level.chunk
        for row in range(y // down, -(-(y + height) // down)):
            for column in range(x // across, -(-(x + width) // across)):
                yield column, row


def write_store(
    slide: AbstractSlide,
    path: str | os.PathLike[str],
    out: Path,
    *,
    chunks: Sides,
    threads: int,
    resume: bool,
    report: Report,
) -> StoreSummary:
    """Write a slide as an OME-Zarr store, and a summary, OUT.json, beside it.

    slide:   one that goes on after damage, OpenSlide(path, on_error="reopen").
    path:    of its file.
    out:     the folder to write; it is there when all is complete.
    chunks:  as for openslide.array.open_zarr().
    threads: how many of them read and compress.
    resume:  whether to go on with what an earlier run has left.

    Raises ImportError without Zarr, FileExistsError where there is something in its
    place that shall not, or cannot, be gone on with, output.lock.BusyError where another
    run is writing it, ValueError where it was begun with another slide or other chunks,
    and what writing files raises.
    """
    zarr()
    return _Work(slide, path, out, chunks).run(threads, resume, report)


class _Work:
    def __init__(
        self,
        slide: AbstractSlide,
        path: str | os.PathLike[str],
        out: Path,
        chunks: Sides,
    ) -> None:
        self._slide = slide
        self._out = out
        self._name = Path(path).name
        self._pyramid = pyramid_of(slide, chunks)
        self._shards = list(_shards(self._pyramid))
        self._undertaking = Undertaking(
            out,
            lambda: [out],
            told=f"{out} was begun",
            choice="name",
        )
        self._store = self._undertaking.folder.path / "store.zarr"
        self._wanted = slide_identity(slide, path) | {
            "chunks": [list(level.chunk) for level in self._pyramid.levels],
        }

    def run(self, threads: int, resume: bool, report: Report) -> StoreSummary:
        self._undertaking.admit(resume)
        found = self._undertaking.take(resume)
        chunks = sum(shard.chunk_count for shard in self._shards)
        if found is not None:
            damaged = self._require_same(self._undertaking.summary, found)
            if all(map(self._is_in_place, self._shards)):
                report.expect(chunks, done=chunks)
                return StoreSummary(chunks, damaged)
            self._reopen(damaged)
        try:
            done, damaged = self._take_up()
            left = [shard for shard in self._shards if tuple(shard.name) not in done]
            todo = sum(shard.chunk_count for shard in left)
            report.expect(chunks, done=chunks - todo)
            damaged += self._write(left, threads, report)
            self._finish(damaged)
        finally:
            self._undertaking.release()
        return StoreSummary(chunks, sorted(damaged))

    def _require_same(self, path: Path, found: dict[str, Any]) -> list[Damaged]:
        """Raise ValueError where what a summary tells of is not what is wanted."""
        with understood(path):
            damaged = [Damaged(*address) for address in found["damaged"]]
        self._undertaking.require_same(found, self._wanted)
        return damaged

    def _is_in_place(self, shard: Shard) -> bool:
        """Whether a shard of a complete store is still there."""
        return self._file(shard, self._out).exists()

    def _reopen(self, damaged: list[Damaged]) -> None:
        """Go on with a store that was complete, and of which something was removed."""
        kept = [shard for shard in self._shards if self._is_in_place(shard)]
        lines = [
            [shard.name, [d for d in damaged if shard.has(d)]]
            for shard in (kept if (self._out / "zarr.json").exists() else [])
        ]
        self._undertaking.reopen([self._wanted, *lines])

    def _take_up(self) -> tuple[set[tuple[int, ...]], list[Damaged]]:
        """Shards that an earlier run has written, and what of them was damaged."""
        journal = self._undertaking.journal
        header, *lines = journal.take_up() or [None]
        if header is not None:
            self._undertaking.require_same(header, self._wanted)
        if len(lines) < len(self._shards):
            # Of a store that is begun anew, or gone on with after it was complete.
            if self._out.exists() and not self._store.exists():
                self._out.rename(self._store)
            if not lines:
                shutil.rmtree(self._store, ignore_errors=True)
                self._begin()
        if header is None:
            journal.add(self._wanted)
        for file in self._store.rglob(_ZARR_S_ASIDE):
            file.unlink()
        done = {tuple(shard) for shard, _ in lines}
        return done, [Damaged(*address) for _, found in lines for address in found]

    def _begin(self) -> None:
        """Make the store, without pixels."""
        attributes = ngff.attributes(self._slide, self._pyramid, self._name)
        attributes["openslide"]["software"] = versions()
        group = ngff.create_group(
            self._store,
            attributes,
            self._pyramid,
            lambda level: {
                "shards": (3, *reversed(large_chunk(level, _SHARD_SIDE))),
                "compressors": zarr().codecs.ZstdCodec(level=1),
            },
        )
        ngff.write_centres(group, self._pyramid)

    def _write(
        self, shards: list[Shard], threads: int, report: Report
    ) -> list[Damaged]:
        """Write shards; the journal has them when the disk has."""
        group = zarr().open_group(self._store, mode="r+", zarr_format=3)
        images = {
            # Without that Zarr keeps no chunk that is black.
            level.number: group[f"{level.number}/{ngff.IMAGE}"].with_config(
                {"write_empty_chunks": True}
            )
            for level in self._pyramid.levels
        }
        damaged: list[Damaged] = []

        def write(shard: Shard) -> tuple[Shard, list[Damaged]]:
            pixels, bad = read_shard(self._slide, shard)
            x, y, width, height = shard.box
            images[shard.level.number][:, y : y + height, x : x + width] = (
                pixels.transpose(2, 0, 1)
            )
            settle([self._file(shard, self._store)])
            return shard, bad

        with ThreadPoolExecutor(threads) as pool:
            try:
                for shard, bad in pool.map(write, shards):
                    self._undertaking.journal.add([shard.name, bad])
                    damaged += bad
                    report.advance(shard.chunk_count)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return damaged

    def _file(self, shard: Shard, store: Path) -> Path:
        level, column, row = shard.name
        folder = store / str(level) / ngff.IMAGE / "c" / "0"
        return folder / str(row) / str(column)

    def _finish(self, damaged: list[Damaged]) -> None:
        """Give the store its name, and put the summary beside it."""
        if self._store.exists():  # else a kill came after the next line
            documents = [
                *self._store.rglob("zarr.json"),
                *self._store.glob("*/[xy]/c/*"),
            ]
            settle(documents)
            if self._out.is_dir():  # an empty one, see Undertaking.require_free()
                self._out.rmdir()
            self._store.rename(self._out)
        settle([self._out / "zarr.json", self._out])
        self._undertaking.finish(self._wanted | {"damaged": sorted(damaged)})


def _shards(pyramid: Pyramid) -> Iterator[Shard]:
    for level in pyramid.levels:
        (width, height), (across, down) = level.size, large_chunk(level, _SHARD_SIDE)
        for row, y in enumerate(range(0, height, down)):
            for column, x in enumerate(range(0, width, across)):
                box = x, y, min(across, width - x), min(down, height - y)
                yield Shard(level, column, row, box)


def read_shard(
    slide: AbstractSlide, shard: Shard
) -> tuple[NDArray[np.uint8], list[Damaged]]:
    """The pixels (height, width, 3) of a shard, and which chunks show background.

    slide: one that goes on after damage.
    """
    x, y, width, height = shard.box
    number = shard.level.number
    try:
        pixels = slide.read_array((x, y), number, (width, height), coordinates="level")
    except OpenSlideError:
        return _read_chunks(slide, shard)
    return pixels, []


def _read_chunks(
    slide: AbstractSlide, shard: Shard
) -> tuple[NDArray[np.uint8], list[Damaged]]:
    """The same chunk by chunk."""
    left, top, width, height = shard.box
    across, down = shard.level.chunk
    numpy = _arrays.numpy()
    pixels: NDArray[np.uint8] = numpy.empty((height, width, 3), numpy.uint8)
    cells = list(shard.chunks())
    tiles, good = slide.read_batch(
        [(column * across, row * down) for column, row in cells],
        shard.level.number,
        (across, down),
        coordinates="level",
        errors="mask",
    )
    for (column, row), tile in zip(cells, tiles, strict=True):
        x, y = column * across - left, row * down - top
        part = pixels[y : y + down, x : x + across]
        part[...] = tile[: part.shape[0], : part.shape[1]]
    damaged = [
        Damaged(shard.level.number, column, row)
        for (column, row), is_good in zip(cells, good, strict=True)
        if not is_good
    ]
    return pixels, damaged
