"""Shards of a WebDataset of all slides: shuffled, or as large as is wanted.

The shards of single slides are put together anew, sample by sample as they are, so no
slide is read a second time.  They stay: another shuffle, or one of more slides, is made of
them in the same way.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..output.undertaking import Undertaking
from ..output.whole import whole_file
from .workers import Workers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: What the shards are called.
NAME = "dataset"

#: What ends a tar file: two blocks of zeros, and as many as fill a record.
_END = 2 * tarfile.BLOCKSIZE

_FILES_OPEN = 64


class Packing(NamedTuple):
    """How shards of all slides are made.

    Attributes:
        shuffle: a seed; None: slide by slide.
        shard_size: how many samples a shard has at most.
        shard_bytes: how many bytes, likewise; None: any.  A sample that is larger has a
            shard of its own.
    """

    shuffle: int | None
    shard_size: int
    shard_bytes: int | None


class Packed(NamedTuple):
    """What was written."""

    shards: int
    samples: int


class _Samples(NamedTuple):
    """Where samples are, in order: the file, and where they begin and end in it."""

    files: list[Path]
    number: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]

    def only(self, chosen: NDArray[np.int64] | slice) -> _Samples:
        return _Samples(
            self.files, self.number[chosen], self.start[chosen], self.end[chosen]
        )


class _Shard(NamedTuple):
    """A task."""

    path: Path
    aside: Path
    samples: _Samples


def incomplete(out: Path, names: Sequence[str]) -> list[str]:
    """The slides that have no summary yet."""
    return [name for name in names if not (out / f"{name}.json").exists()]


def pack(
    out: Path, names: Sequence[str], packing: Packing, *, workers: int, resume: bool
) -> Packed:
    """Write OUT/dataset-{number}.tar and OUT/dataset.json, of slides that are complete.

    Those of other slides, or of another packing, are written anew where `resume` allows
    it.  Raises FileExistsError where it does not, or somebody else's files are in their
    place, ValueError where a slide is called like the shards, and BusyError where another
    run is at it.
    """
    if NAME in map(str.casefold, names):
        raise ValueError(
            f"a slide is called {NAME!r}, as the shards of all slides are; rename its file"
        )
    work = Undertaking(
        out / NAME,
        lambda: [_path(out, 0)],
        told=f"{out} has shards of all slides",
        choice="folder",
    )
    slides = {name: _summary(out, name) for name in sorted(names)}
    header = packing._asdict() | {
        "slides": {
            name: {key: told.get(key) for key in ("quickhash", "choice_of_tiles")}
            for name, told in slides.items()
        }
    }
    summary = work.take(resume)
    if summary is not None:
        if _is_same(out, summary, header):
            return Packed(len(summary["files"]), summary["samples"])
        if not resume:
            work.admit(resume)
        work.reopen([{"shards": len(summary["files"])}])
    try:
        samples = _ordered(_samples(out, slides), packing)
        pieces = list(_divided(samples, packing))
        earlier = [int(dict(line)["shards"]) for line in work.journal.take_up()]
        work.journal.add({"shards": len(pieces)})
        for number in range(len(pieces), max(earlier, default=0)):
            _path(out, number).unlink(missing_ok=True)
        tasks = (
            _Shard(_path(out, number), work.folder.aside, samples.only(piece))
            for number, piece in enumerate(pieces)
        )
        files: dict[str, int] = {}
        with Workers[_Shard, int](workers, _write_shard) as pool:
            for task, size, error in pool.run(lambda: next(tasks, None)):
                if size is None:
                    raise OSError(f"{task.path}: {error}")
                files[task.path.name] = size
        work.finish(
            header
            | {"samples": len(samples.number), "files": dict(sorted(files.items()))}
        )
    finally:
        work.release()
    return Packed(len(pieces), len(samples.number))


def _path(out: Path, number: int) -> Path:
    return out / f"{NAME}-{number:06}.tar"


def _summary(out: Path, name: str) -> dict[str, Any]:
    return dict(json.loads((out / f"{name}.json").read_bytes()))


def _is_same(out: Path, summary: dict[str, Any], header: dict[str, Any]) -> bool:
    """Whether what was packed is what is wanted, and all of it there."""
    return header.items() <= summary.items() and all(
        (out / name).is_file() and (out / name).stat().st_size == size
        for name, size in summary["files"].items()
    )


def _samples(
    out: Path, slides: dict[str, dict[str, Any]]
) -> tuple[_Samples, list[str]]:
    """All samples, slide by slide, and their keys."""
    import numpy as np

    files = [
        out / name
        for told in slides.values()
        for name in sorted(told["files"])
        if name.endswith(".tar")
    ]
    keys: list[str] = []
    places: list[tuple[int, int, int]] = []
    for number, file in enumerate(files):
        for key, start, end in _samples_of(file):
            keys.append(key)
            places.append((number, start, end))
    columns = np.array(places, np.int64).reshape(-1, 3).T
    return _Samples(files, *columns), keys


def _samples_of(shard: Path) -> Iterator[tuple[str, int, int]]:
    """The key of each sample, and where it begins and ends."""
    with tarfile.open(shard) as tar:
        key, start, end = "", 0, 0
        for member in tar:
            found = member.name.partition(".")[0]
            if found != key:
                if key:
                    yield key, start, end
                key, start = found, member.offset
            end = member.offset_data + -(-member.size // tarfile.BLOCKSIZE) * (
                tarfile.BLOCKSIZE
            )
        if key:
            yield key, start, end


def _ordered(found: tuple[_Samples, list[str]], packing: Packing) -> _Samples:
    """Samples in the order in which they are written.

    A shuffle depends on the seed and the keys alone, wherever and by whomever it is made.
    """
    import numpy as np

    samples, keys = found
    if packing.shuffle is None:
        return samples
    start = hashlib.sha256(f"{packing.shuffle}\0".encode())

    def rank(key: str) -> bytes:
        digest = start.copy()
        digest.update(key.encode())
        return digest.digest()

    ranks = list(map(rank, keys))
    return samples.only(np.array(sorted(range(len(keys)), key=ranks.__getitem__), int))


def _divided(samples: _Samples, packing: Packing) -> Iterator[slice]:
    """Which samples make each shard."""
    first = total = 0
    for i, size in enumerate((samples.end - samples.start).tolist()):
        is_full = i - first == packing.shard_size or (
            packing.shard_bytes is not None
            and _tar_size(total + size) > packing.shard_bytes
        )
        if is_full and i > first:
            yield slice(first, i)
            first, total = i, 0
        total += size
    if first < len(samples.start):
        yield slice(first, len(samples.start))


def _tar_size(content: int) -> int:
    return -(-(content + _END) // tarfile.RECORDSIZE) * tarfile.RECORDSIZE


def _write_shard(task: _Shard) -> int:
    """Write a shard; returns its size in bytes."""
    samples = task.samples

    @lru_cache(_FILES_OPEN)
    def content_of(number: int) -> _Source:
        return _Source(samples.files[number])

    with whole_file(task.path, task.aside, settled=True) as file:
        for number, start, end in zip(
            samples.number.tolist(),
            samples.start.tolist(),
            samples.end.tolist(),
            strict=True,
        ):
            file.write(content_of(number).read(start, end))
        file.write(bytes(_tar_size(file.size) - file.size))
        return file.size


class _Source:
    """A shard of a slide, open while it is of use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")

    def __del__(self) -> None:
        self._file.close()

    def read(self, start: int, end: int) -> bytes:
        self._file.seek(start)
        content = self._file.read(end - start)
        if len(content) != end - start:
            raise OSError(f"{os.fspath(self._path)} is shorter than it was")
        return content
