"""What all kinds of output have in common: begun, written part by part, finished."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from .plan import parts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..output.encoding import Encoding
    from ..tiles import TileGrid
    from .cells import Cells
    from .plan import Job, Part, Target


#: Of each tile its number in a grid, and a file for each of its views.
EncodedTiles: TypeAlias = "Iterable[tuple[int, list[bytes]]]"


class PartWriter(Protocol):
    """Takes the tiles of a part, a batch after another."""

    def write(
        self, grid: TileGrid, views: list[NDArray[np.uint8]], good: NDArray[np.bool_]
    ) -> None:
        """Write the good ones of the tiles of `grid`.

        views: their pixels, and those of their context, by TileOptions.views.
        """


class FileWriter(PartWriter, Protocol):
    """The same, which writes a file for each, or a member of one."""

    def write_files(self, grid: TileGrid, files: EncodedTiles) -> None:
        """Write tiles of `grid` that are encoded."""


def encoded_tiles(
    encoding: Encoding, views: list[NDArray[np.uint8]], good: NDArray[np.bool_]
) -> EncodedTiles:
    """The good ones of some tiles as files."""
    for i in good.nonzero()[0].tolist():
        yield i, [encoding.encode_pixels(pixels[i]) for pixels in views]


class Noted(NamedTuple):
    """What earlier runs have noted of a slide.

    Attributes:
        parts: numbers of the parts that were complete; None: all were.
        damaged: (column, row) of tiles that could not be read, and were not written.
        encoded: of native ones, (column, row) of those that could not be copied.
        reason: why the first of these could not.
        damage_reason: why the first of the damaged ones could not be read.
        files: by their names what was written of a slide that was complete, with sizes.
    """

    parts: set[int] | None
    damaged: set[tuple[int, int]]
    encoded: set[tuple[int, int]]
    reason: str
    damage_reason: str
    files: dict[str, int]

    def is_whole(self, path: Path, name: str) -> bool:
        """Whether a file is there, with the size that it had if that is known."""
        try:
            size = path.stat().st_size
        except OSError:
            return False
        return size == self.files.get(name, size)


class TileOutput(ABC):
    """How the tiles of slides are kept.  Workers call it, but for the paths."""

    @abstractmethod
    def targets(self, job: Job) -> list[Path]:
        """Where the tiles of a slide go, or the first of them, and what is beside."""

    def part_target(self, job: Job, number: int) -> Path | None:
        """Where those of a part go that has a file of its own under its final name."""
        return None

    def begin(  # noqa: B027
        self, job: Job, grid: TileGrid, is_begun: bool
    ) -> None:
        """Make ready for all tiles of a slide.

        is_begun: whether an earlier run has done so.
        """

    @abstractmethod
    def writer(self, part: Part) -> AbstractContextManager[PartWriter]:
        """Writes the tiles of a part, settled when it is left without an error."""

    @abstractmethod
    def present(self, job: Job, parts: Collection[Part], noted: Noted) -> set[int]:
        """The numbers of those parts whose files are still there."""

    def reads(self, job: Job) -> bool:
        """Whether it needs pixels at all."""
        return True

    def discard(  # noqa: B027
        self, job: Job, parts: Collection[Part]
    ) -> None:
        """Remove what a killed run may have left of parts that are to be written."""

    @abstractmethod
    def finish(
        self, job: Job, cells: Cells, damaged: Collection[tuple[int, int]]
    ) -> list[Path]:
        """Write what all parts together have, settled.

        Returns all files but those of single tiles.
        """

    def lacks(self, job: Job, summary: dict[str, Any]) -> str | None:
        """A file that a slide had when it was complete and has not now, if any."""
        for name, size in dict(summary["files"]).items():
            path = job.out / name
            if not path.is_file() or path.stat().st_size != size:
                return str(name)
        return None


class FileOutput(TileOutput):
    """One of files of tiles, which may be copied."""

    @abstractmethod
    def writer(self, part: Part) -> AbstractContextManager[FileWriter]: ...


class ShardOutput(FileOutput):
    """One of a file for each part, OUT/{slide}-{number}.{suffix}."""

    suffix: str

    def targets(self, job: Job) -> list[Path]:
        return [self.part_target(job, 0)]

    def part_target(self, job: Job, number: int) -> Path:
        return job.out / f"{job.name}-{number:06}.{self.suffix}"

    def present(self, job: Job, parts: Collection[Part], noted: Noted) -> set[int]:
        paths = {part.number: self.part_target(job, part.number) for part in parts}
        return {n for n, path in paths.items() if noted.is_whole(path, path.name)}

    def finish(
        self, job: Job, cells: Cells, damaged: Collection[tuple[int, int]]
    ) -> list[Path]:
        return [self.part_target(job, part.number) for part in parts(job, cells)]


def output_for(to: Target) -> TileOutput:
    """The kind of output that is asked for."""
    match to:
        case "images":
            from .images import ImagesOutput

            return ImagesOutput()
        case "webdataset":
            from .webdataset import WebDatasetOutput

            return WebDatasetOutput()
        case "zarr":
            from .zarr_store import ZarrOutput

            return ZarrOutput()
        case "h5":
            from .h5_file import H5Output

            return H5Output()
        case "parquet":
            from .parquet import ParquetOutput

            return ParquetOutput()
