"""What tiles shall be, and how the tiles of a slide are divided into parts."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

from .._open import open_slide_or_picture
from .._properties import stored_tile_side
from .._tile_classes import TileClasses
from ..output.encoding import Encoding
from ..output.whole import write_whole
from ..output.work import WorkFolder
from ..tiles import TileGrid
from .cells import Cells
from .masks import MaskOptions
from .native import native_grid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .._sampling import Resample

Target: TypeAlias = Literal["images", "webdataset", "zarr", "h5", "parquet"]
ImageFormat: TypeAlias = Literal["jpeg", "png", "native"]
Overview: TypeAlias = Literal["overlay", "sheet"]

OVERVIEWS: tuple[Overview, ...] = get_args(Overview)

EXTENSIONS: dict[ImageFormat, str] = {"jpeg": "jpg", "png": "png", "native": "jpg"}

# Tiles are worked off in strips, from top to bottom, and a row of a strip shows stored
# tiles of so many pixels at most.  They take three eighths of the usual cache: those that
# rows share stay there.
_ROW_PIXELS = 3 << 20

# Where the slide names no size of stored tiles.
_USUAL_TILE = 256


#: Pixels of a part that is held in memory as a whole.
_PART_BYTES = 1 << 27


class TileOptions(NamedTuple):
    """What tiles shall be and where they go; what it means is said at TileGrid.

    Attributes:
        context: microns per pixel of further tiles around the centre of each.
        sample: how many tiles of a slide, chosen by chance as `seed` says; None: all.
        color: "srgb" converts pixels by the slide's ICC profile.
        to: a folder of images, WebDataset shards, a Zarr store, coordinates as HDF5, or
            Parquet files for each slide.
        pixels: whether HDF5 has them too.
        format: of the images and shards; "png" is lossless, "native" copies the tiles
            of a level as the slide stores them, whose size they have, and encodes as
            JPEG what it does not store so.
        require_native: whether nothing may be encoded.
        quality: of JPEG, 1 to 100.
        shard_size: how many tiles make a shard, or a part of the work, at most.
        mask: a file, see masks.wanted_mask().
        about_mask: what of it is wanted.
        paths: whether the absolute paths of slides get into what is written.
    """

    size: int = 256
    overlap: int = 0
    stride: int | None = None
    level: int | None = None
    mpp: float | None = None
    resample: Resample = "bicubic"
    slide_mpp: float | None = None
    min_tissue: float | None = None
    mask: str | None = None
    about_mask: MaskOptions = MaskOptions()
    context: tuple[float, ...] = ()
    sample: int | None = None
    seed: int = 0
    color: Literal["srgb", "ignore"] = "ignore"
    to: Target = "images"
    pixels: bool = False
    format: ImageFormat = "jpeg"
    require_native: bool = False
    quality: int = 80
    shard_size: int = 512
    paths: bool = False

    def grid(self, path: str | os.PathLike[str]) -> TileGrid:
        """All tiles of a slide; raises what opening it and TileGrid raise."""
        slide = open_slide_or_picture(path, on_error="reopen")
        size: int | tuple[int, int] = self.size
        bounds = True
        if self.format == "native":
            size, bounds = native_grid(slide, self.level or 0)
        return TileGrid(
            slide,
            size,
            overlap=self.overlap,
            stride=self.stride,
            level=self.level,
            mpp=self.mpp,
            resample=self.resample,
            slide_mpp=self.slide_mpp,
            bounds=bounds,
        )

    def with_mask(self, mask: Path | None) -> TileOptions:
        """The same for a slide that has a mask of its own, if it has one."""
        return self if mask is None else self._replace(mask=str(mask))

    def told(self) -> dict[str, Any]:
        """What tells these from other options, wherever the files of a slide lie."""
        mask = self.mask and Path(self.mask).name
        told = self._asdict() | {"mask": mask} | self.about_mask.told()
        del told["about_mask"]
        return told | {"context": list(self.context)}

    @property
    def views(self) -> list[str]:
        """What is put behind the names of the pictures of a tile: "", "-mpp2"."""
        return ["", *(f"-mpp{mpp:g}" for mpp in self.context)]

    def encoding(self) -> Encoding:
        """How images are encoded.  Raises ValueError where the quality is none."""
        format = "jpeg" if self.format == "native" else self.format
        return Encoding(format, self.quality)


class Job(NamedTuple):
    """A slide and what becomes of it.

    Attributes:
        path: of the slide.
        name: what it is called in the output.
        out: the folder of that.
        columns: what a manifest says of it, which goes into every output.
        staged: a copy of it on a local disk, if there is one.
    """

    path: Path
    name: str
    out: Path
    options: TileOptions
    columns: dict[str, str] = {}  # noqa: RUF012
    staged: Path | None = None

    @property
    def source(self) -> Path:
        """Where it is read from."""
        return self.staged or self.path

    @property
    def base(self) -> Path:
        """What the names of all that is written begin with."""
        return self.out / self.name

    @property
    def folder(self) -> WorkFolder:
        """Where everything is until it is complete; it is there while the slide is not."""
        return WorkFolder(self.base)


def overview_path(job: Job, kind: Overview) -> Path:
    """Of a picture to look at."""
    return job.out / f"{job.name}-{kind}.jpg"


class Part(NamedTuple):
    """Tiles of a slide that are worked off together.

    Attributes:
        number: from 0.
        start: how many tiles the parts before it have.
        cells: of its tiles.
    """

    job: Job
    number: int
    start: int
    cells: Cells


def ordered(grid: TileGrid) -> NDArray[np.int64]:
    """The cells of a grid in the order in which they are exported."""
    import numpy as np

    width, height = level_size(grid)
    properties = grid.slide.properties
    stored = stored_tile_side(properties, grid.level, "height") or _USUAL_TILE
    across = max(1, int(_ROW_PIXELS / (height + stored) / width))
    column, row = grid.cells.T
    return grid.cells[np.lexsort((column, row, column // across))]


def sampled(job: Job, cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Some of the cells, as many as wanted, in the same order.

    Which these are depends on the seed and the name of the slide's file alone, and a
    smaller number chooses some of those that a larger one does.
    """
    if job.options.sample is None or len(cells) <= job.options.sample:
        return cells
    start = hashlib.sha256(f"{job.options.seed}\0{job.path.name}".encode())

    def rank(cell: list[int]) -> bytes:
        digest = start.copy()
        digest.update(b"%d,%d" % (cell[0], cell[1]))
        return digest.digest()

    ranks = list(map(rank, cells.tolist()))
    chosen = sorted(range(len(cells)), key=ranks.__getitem__)[: job.options.sample]
    return cells[sorted(chosen)]


def level_size(grid: TileGrid) -> tuple[float, float]:
    """(width, height) of a tile in pixels of the level that it is cut from."""
    if not len(grid):
        return grid.size
    downsample = grid.slide.level_downsamples[grid.level]
    width, height = (grid.boxes[0, 2:] / downsample).tolist()
    return width, height


def part_size(options: TileOptions) -> int:
    """How many tiles a part has at most; a process may hold all of them in memory."""
    if options.to != "zarr":
        return options.shard_size
    tile = 3 * options.size**2 * len(options.views)
    return max(1, min(options.shard_size, _PART_BYTES // tile))


def parts(job: Job, cells: Cells) -> Iterator[Part]:
    """All tiles of a slide, in order."""
    step = part_size(job.options)
    for number, start in enumerate(range(0, len(cells), step)):
        yield Part(job, number, start, cells.part(start, start + step))


class _KeptGrids:
    """The grids that a process cut tiles from last, for most parts follow another.

    While a slide is finished, the next one is surveyed, and both are gone on with.
    """

    _MOST = 2

    def __init__(self) -> None:
        self._grids: dict[tuple[Path, TileOptions, Path], TileGrid] = {}
        self._using = Lock()  # workers of a cluster may have threads

    def keep(self, job: Job, grid: TileGrid) -> None:
        """Have a grid instead of an earlier one of the job, and of the oldest."""
        key = self._key(job)
        with self._using:
            self._grids.pop(key, None)
            self._grids[key] = grid
            if len(self._grids) > self._MOST:
                del self._grids[next(iter(self._grids))]

    def find(self, job: Job) -> TileGrid | None:
        with self._using:
            return self._grids.get(self._key(job))

    @staticmethod
    def _key(job: Job) -> tuple[Path, TileOptions, Path]:
        return job.source, job.options, _classes_path(job)


_kept_grids = _KeptGrids()


def grid_of(job: Job, cells: Cells) -> TileGrid:
    """The grid of some tiles of a slide that was surveyed, with their classes."""
    grid = _kept_grids.find(job)
    if grid is None:
        grid = job.options.grid(job.source)
        classes = _classes_path(job)
        if classes.exists():
            grid = grid.with_classes(TileClasses.decoded(classes.read_bytes()))
        _kept_grids.keep(job, grid)
    return grid.only(cells.array)


def note_grid(job: Job, grid: TileGrid) -> None:
    """Let grid_of() have an open slide, and the classes of tiles, in any process."""
    if grid.tile_classes is not None:
        content = grid.tile_classes.encoded()
        write_whole(_classes_path(job), content, job.folder.aside)
    _kept_grids.keep(job, grid)


def _classes_path(job: Job) -> Path:
    return job.folder.path / "classes.npz"


def digest(cells: NDArray[np.int64]) -> str:
    """What tells these tiles from another choice of tiles."""
    return hashlib.sha256(cells.astype("<i8").tobytes()).hexdigest()[:16]


def sample_key(name: str, column: int, row: int) -> str:
    """What a tile is called; no dot, no slash."""
    return f"{name}_{column}_{row}"
