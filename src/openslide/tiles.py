"""Grids of tiles: where the tiles of a slide are, at any resolution, and reading them.

A grid asks for tiles by physical resolution, leaves out what is not wanted, and can
be handed to a training loop:

    with TileGrid("slide.svs", 224, mpp=0.5, min_tissue=0.25) as grid:
        for batch in grid.batches(64):
            ...  # uint8 (64, 224, 224, 3)

A set has the tiles of many slides, in any order:

    tiles = TileSet(["a.svs", "b.svs"], 224, mpp=0.5, min_tissue=0.25)
    for batch in tiles.shuffled(seed=1).batches(64):
        ...  # batch.pixels, batch.labels, batch.slides
"""

from __future__ import annotations

import math
import operator
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from . import _abstract_slide, _arrays, _closing, _open, _sampling
from ._tile_set import SlideTile, TileBatch, TileBatches, TileSet
from ._tile_survey import SlideSource

if TYPE_CHECKING:
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray

    from . import AbstractSlide
    from ._arrays import Color, ErrorPolicy, Mode
    from ._sampling import Resample
    from ._tile_classes import TileClasses
    from .annotations import Origin
    from .tissue import MaskLike, TissueMask

__all__ = [
    "SlideSource",
    "SlideTile",
    "Tile",
    "TileBatch",
    "TileBatches",
    "TileGrid",
    "TileSet",
]


class Tile(NamedTuple):
    """One tile of a grid.

    Attributes:
        pixels: uint8 (height, width, 3 or 4).
        cell: (column, row) in the grid.
        position: (x, y) of the top left corner in pixels of the level.
        box: (x, y, width, height) in level-0 pixels.
        microns: the same in microns; not-a-number where the resolution is unknown.
        label: the class that covers most of it; empty where none does.
        shares: how much of it each class covers, 0 to 1; empty without classes.
    """

    pixels: NDArray[np.uint8]
    cell: tuple[int, int]
    position: tuple[float, float]
    box: tuple[float, float, float, float]
    microns: tuple[float, float, float, float]
    label: str = ""
    shares: Mapping[str, float] = {}


class TileGrid(_closing.ClosedByWith, Sequence[Tile]):
    """Tiles of one size that cover a slide, row by row: a sequence of `Tile`.

    slide:      a slide, or the path of one or of a picture, which close() then closes.
                Unlike open_slide() it takes no picture out of a broken slide.
    size:       side of a tile, or (width, height), in its own pixels.
    overlap:    pixels that a tile shares with each neighbour.
    stride:     pixels from tile to tile, instead of an overlap; where there are more
                than a tile has, there are gaps.
    level:      the level to cut; by default 0.
    mpp:        microns per pixel of the tiles, instead of a level.  They are cut from
                the best level that is not coarser and resampled; a level within 2 %
                is taken as it is.
    resample:   how: "bicubic", "bilinear", "lanczos" or "box", Pillow's filters, which
                take in all pixels that make one of the tile.
    slide_mpp:  microns per level-0 pixel, or (x, y), for slides that do not say or say
                it wrongly.
    bounds:     whether to leave out what lies outside of slide.bounds.
    mask:       what is wanted: a tissue.TissueMask, annotations.Annotations, an array,
                an image, or a file of polygons or pixels, see TissueMask.of().
    mask_origin: what coordinates of the mask count from: "bounds" or "slide", see
                there; by default "bounds" for polygons, as in QuPath.
    mask_classes: the classes of the mask that are wanted; by default all but
                QuPath's "Ignore*".
    min_tissue: how much of a tile must be wanted, 0 to 1; by default anything, where
                there is a mask.  Without a mask, tissue is looked for.
    mode:       "RGB" over the background, or "RGBA".
    background: as for slide.read_array().  Tiles at the right and lower edge are
                filled up with it.

    grid[i] reads a tile; a slice is a grid of fewer tiles.  Grids can be pickled
    and serve as map-style datasets of PyTorch.

    Raises ValueError where level and mpp are both given, where there is no such level
    or filter, where the slide does not tell its resolution, or where even its finest
    level is coarser than mpp; and of a path OpenSlideUnsupportedFormatError with the
    reason where it cannot be opened, or what else OpenSlide() raises.
    """

    def __init__(
        self,
        slide: AbstractSlide | str | os.PathLike[str],
        size: int | tuple[int, int],
        *,
        overlap: int = 0,
        stride: int | None = None,
        level: int | None = None,
        mpp: float | None = None,
        resample: Resample = "bicubic",
        slide_mpp: float | tuple[float, float] | None = None,
        bounds: bool = True,
        mask: MaskLike | None = None,
        mask_origin: Origin | None = None,
        mask_classes: Iterable[str | int] | None = None,
        min_tissue: float | None = None,
        mode: Mode = "RGB",
        background: Color | None = None,
    ) -> None:
        self._size = _tile_size(size)
        self._stride = _tile_stride(self._size, overlap, stride)
        self._centred_on: TileGrid | None = None
        self._mode = mode
        self._channels = _arrays.channels(mode)
        self._owns_slide = isinstance(slide, (str, os.PathLike))
        self._slide = (
            slide
            if isinstance(slide, _abstract_slide.AbstractSlide)
            else _open.open_slide_or_picture(slide)
        )
        try:
            self._background = _arrays.rgb(background, self._slide.properties)
            self._slide_mpp = _sampling.slide_resolution(self._slide, slide_mpp)
            self._sampling = _sampling.choose_sampling(
                self._slide, level, mpp, self._slide_mpp, resample
            )
            self._area = _covered_area(self._slide, bounds)
            self._classes: TileClasses | None = None
            self._cells = self._all_cells()
            wanted = self._masked(mask, mask_origin, mask_classes, min_tissue)
            self._cells, self._classes = wanted._cells, wanted._classes
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the slide, if the grid has opened it."""
        if self._owns_slide:
            self._owns_slide = False
            self._slide.close()

    def __repr__(self) -> str:
        width, height = self._size
        columns, rows = self.shape
        return (
            f"<{type(self).__name__} of {self._slide!r}: {len(self)} of {columns} x "
            f"{rows} tiles of {width} x {height} pixels, level {self.level}>"
        )

    # What it is

    @property
    def slide(self) -> AbstractSlide:
        """The slide that tiles are read from."""
        return self._slide

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of a tile in its own pixels."""
        return self._size

    @property
    def level(self) -> int:
        """The level that tiles are cut from."""
        return self._sampling.level

    @property
    def mpp(self) -> tuple[float, float] | None:
        """(x, y): microns per pixel of the tiles; None where the slide does not say."""
        if self._slide_mpp is None:
            return None
        x, y = (
            mpp * step for mpp, step in zip(self._slide_mpp, self.scale, strict=True)
        )
        return x, y

    @property
    def slide_mpp(self) -> tuple[float, float] | None:
        """(x, y): microns per level-0 pixel; None where nobody says."""
        return self._slide_mpp

    @property
    def scale(self) -> tuple[float, float]:
        """(x, y): level-0 pixels by pixel of a tile."""
        x, y = self._sampling.scale
        return x * self._sampling.downsample, y * self._sampling.downsample

    @property
    def stride(self) -> tuple[int, int]:
        """(x, y): from tile to tile in pixels of a tile."""
        return self._stride

    @property
    def origin(self) -> tuple[float, float]:
        """(x, y): where the tile of column 0 and row 0 begins, in level-0 pixels."""
        first = self.only(_arrays.numpy().zeros((1, 2), int))
        return _pair(first.boxes[0, :2])

    @property
    def exact(self) -> bool:
        """Whether the tiles are stored pixels throughout.

        Not so where they are resampled here, or by libopenslide, which does that
        where a level's downsample is no integer unless it is read directly.
        """
        if self._sampling.is_resampled:
            return False
        return self._slide._gives_stored_pixels(self.level)

    @property
    def shape(self) -> tuple[int, int]:
        """(columns, rows) of the grid, wanted or not."""
        if self._centred_on is not None:
            return self._centred_on.shape
        columns, rows = (
            max(1, math.ceil((length / step - max(0, side - stride)) / stride))
            for length, step, side, stride in zip(
                self._area[2:], self.scale, self._size, self._stride, strict=True
            )
        )
        return columns, rows

    @property
    def cells(self) -> NDArray[np.int64]:
        """(column, row) of each tile in the grid, (n, 2)."""
        return self._cells

    @property
    def positions(self) -> NDArray[Any]:
        """The top left corner of each tile in pixels of the level, (n, 2).

        Integers, but for resampled tiles, which begin between pixels.
        """
        np = _arrays.numpy()
        if self._centred_on is not None:
            boxes = self._centred_on.only(self._cells).boxes
            extent = np.array(self._size) * self.scale
            corners = boxes[:, :2] + (boxes[:, 2:] - extent) / 2
            starts = corners / self._sampling.downsample
            is_between = self._sampling.is_resampled
            return starts if is_between else np.rint(starts).astype(np.int64)  # type: ignore[no-any-return]
        corners = self._cells * self._stride
        start = np.array(self._area[:2]) / self._sampling.downsample
        if self._sampling.is_resampled:
            return start + corners * self._sampling.scale  # type: ignore[no-any-return]
        return np.rint(start).astype(np.int64) + corners  # type: ignore[no-any-return]

    @property
    def locations(self) -> NDArray[np.int64]:
        """The top left corner of each tile in level-0 pixels, the nearest, (n, 2)."""
        np = _arrays.numpy()
        return np.rint(self.boxes[:, :2]).astype(np.int64)  # type: ignore[no-any-return]

    @property
    def boxes(self) -> NDArray[np.float64]:
        """(x, y, width, height) of each tile in level-0 pixels, (n, 4)."""
        np = _arrays.numpy()
        corners = self.positions * self._sampling.downsample
        extent = np.array(self._size) * self.scale
        return np.hstack([corners, np.broadcast_to(extent, corners.shape)])  # type: ignore[no-any-return]

    @property
    def micron_boxes(self) -> NDArray[np.float64]:
        """The same in microns; not-a-number where the slide does not say."""
        np = _arrays.numpy()
        return self.boxes * np.tile(self._slide_mpp or (math.nan, math.nan), 2)  # type: ignore[no-any-return]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the mask, see TissueMask.classes; of most masks, none."""
        return self._classes.names if self._classes else ()

    @property
    def tile_classes(self) -> TileClasses | None:
        """All that is known of classes, for with_classes()."""
        return self._classes

    @property
    def class_shares(self) -> NDArray[np.float32]:
        """How much of each tile each class covers, 0 to 1, float32 (n, classes)."""
        if self._classes is None:
            return _arrays.numpy().zeros((len(self), 0), "float32")  # type: ignore[no-any-return]
        return self._classes.shares_of(self._cells)

    @property
    def labels(self) -> list[str]:
        """The class that covers most of each tile; empty where none does."""
        if self._classes is None:
            return [""] * len(self)
        return self._classes.labels_of(self._cells)

    def masked(self, mask: TissueMask, min_tissue: float | None = None) -> TileGrid:
        """The tiles of which enough is wanted, with the classes of the mask.

        min_tissue: how much, 0 to 1; by default anything.

        The slide is left to this grid.  Raises ValueError for another share.
        """
        _check_share(min_tissue)
        np = _arrays.numpy()
        boxes, lines = self.boxes, self._size[1]
        fractions = mask.fractions(boxes, lines)
        # Shares have nine digits, so that rounding does not decide.
        is_enough = (
            fractions > 0 if min_tissue is None else fractions >= round(min_tissue, 9)
        )
        grid = self.only(self._cells[is_enough])
        grid._classes = None
        if mask.classes:
            from ._tile_classes import TileClasses

            shares = mask.class_shares(boxes[is_enough], lines).astype(np.float32)
            grid._classes = TileClasses.of(mask.classes, grid._cells, shares)
        return grid

    def with_classes(self, classes: TileClasses | None) -> TileGrid:
        """The grid with these classes of its tiles, found by another one of the slide."""
        grid = self.only(self._cells)
        grid._classes = classes
        return grid

    # Tiles

    def __len__(self) -> int:
        return len(self._cells)

    @overload
    def __getitem__(self, i: int) -> Tile: ...
    @overload
    def __getitem__(self, i: slice) -> TileGrid: ...
    def __getitem__(self, i: int | slice) -> Tile | TileGrid:
        if isinstance(i, slice):
            return self.only(self._cells[i])
        number = operator.index(i)
        if not -len(self) <= number < len(self):
            raise IndexError(f"there is no tile {number}; there are {len(self)}")
        return self.__getitems__([number % len(self)])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Tile]:
        """Several tiles, read at once; PyTorch's DataLoader asks so."""
        chosen = self.only(self._cells[_arrays.numpy().asarray(indices, int)])
        return [
            Tile(
                pixels,
                _pair(cell),
                _pair(position),
                _four(box),
                _four(microns),
                label,
                dict(zip(chosen.classes, shares.tolist(), strict=True)),
            )
            for pixels, cell, position, box, microns, label, shares in zip(
                chosen.read(),
                chosen.cells,
                chosen.positions,
                chosen.boxes,
                chosen.micron_boxes,
                chosen.labels,
                chosen.class_shares,
                strict=True,
            )
        ]

    def __iter__(self) -> Iterator[Tile]:
        return (self[i] for i in range(len(self)))

    def read(self, *, workers: int | None = None) -> NDArray[np.uint8]:
        """All tiles as a uint8 array (n, height, width, 3 or 4).

        workers: how many threads to use at most; by default as many as the process
                 may, see set_num_threads().

        Raises what slide.read_batch() raises.
        """
        return self.read_masked(workers=workers, errors="raise")[0]

    def read_masked(
        self, *, workers: int | None = None, errors: ErrorPolicy = "mask"
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """All tiles, and a boolean array (n,) of those that could be read.

        The others are background.
        """
        is_masked, threads = _arrays.policy(errors, workers)
        np = _arrays.numpy()
        width, height = self._size
        pixels = np.empty((len(self), height, width, self._channels), np.uint8)
        views = self._views()._replace(is_masked=is_masked, workers=threads)
        return pixels, _arrays.truths(self._slide._read_views_into(pixels, views))

    def _views(self) -> _sampling.Views:
        """What of the slide all tiles are."""
        positions = [(x, y) for x, y in self.positions.tolist()]
        return _sampling.Views(self._sampling, self._size, positions, self._background)

    def batches(
        self, n: int, *, workers: int | None = None, prefetch: int = 1
    ) -> Iterator[NDArray[np.uint8]]:
        """The tiles in arrays of n, the last perhaps of fewer.

        workers:  as for read().
        prefetch: how many further arrays are read while one is used.
        """
        if n < 1:
            raise ValueError(f"a batch has at least one tile, not {n!r}")
        if prefetch < 0:
            raise ValueError(f"prefetch must not be negative, but is {prefetch!r}")
        return self._prefetched(n, workers, prefetch)

    def _prefetched(
        self, n: int, workers: int | None, prefetch: int
    ) -> Iterator[NDArray[np.uint8]]:
        from concurrent.futures import ThreadPoolExecutor

        starts = range(0, len(self), n)
        pending: deque[Future[NDArray[np.uint8]]] = deque()
        with ThreadPoolExecutor(1, "openslide-tiles") as pool:
            try:
                for start in starts:
                    part = self[start : start + n]
                    pending.append(pool.submit(part.read, workers=workers))
                    if len(pending) > prefetch:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                for future in pending:
                    future.cancel()

    def only(self, cells: NDArray[np.int64]) -> TileGrid:
        """A grid of these tiles alone, which leaves the slide to this one.

        cells: (column, row) of each, (n, 2).
        """
        grid = object.__new__(type(self))
        grid.__dict__.update(self.__dict__)
        grid._cells = cells
        grid._owns_slide = False
        return grid

    def around(self, mpp: float) -> TileGrid:
        """Tiles of as many pixels at another resolution, around the centres of these.

        mpp: microns per pixel, coarser for tiles that show what lies around.

        The slide is left to this grid.  Raises what TileGrid() raises of mpp.
        """
        grid = self.only(self._cells)
        grid._sampling = _sampling.choose_sampling(
            self._slide, None, mpp, self._slide_mpp
        )
        grid._centred_on = self._centred_on or self
        return grid

    # How it works

    def _all_cells(self) -> NDArray[np.int64]:
        np = _arrays.numpy()
        columns, rows = self.shape
        row, column = np.divmod(np.arange(columns * rows), columns)
        return np.stack([column, row], axis=1)  # type: ignore[no-any-return]

    def _masked(
        self,
        mask: MaskLike | None,
        origin: Origin | None,
        classes: Iterable[str | int] | None,
        min_tissue: float | None,
    ) -> TileGrid:
        _check_share(min_tissue)
        if mask is None and min_tissue is None:
            return self
        from .tissue import TissueMask

        if mask is None:
            return self.masked(TissueMask.detect(self._slide), min_tissue)
        wanted = TissueMask.of(mask, self._slide, origin=origin, classes=classes)
        return self.masked(wanted, min_tissue)


def _pair(values: NDArray[Any]) -> tuple[Any, Any]:
    x, y = values.tolist()
    return x, y


def _four(values: NDArray[Any]) -> tuple[float, float, float, float]:
    x, y, width, height = values.tolist()
    return x, y, width, height


def _check_share(min_tissue: float | None) -> None:
    if min_tissue is not None and not 0 <= min_tissue <= 1:
        raise ValueError(f"min_tissue must be from 0 to 1, not {min_tissue!r}")


def _tile_size(size: int | tuple[int, int]) -> tuple[int, int]:
    width, height = _arrays.sides(size if isinstance(size, tuple) else (size, size))
    if width == 0 or height == 0:
        raise ValueError(f"size must be positive, not {size!r}")
    return width, height


def _tile_stride(
    size: tuple[int, int], overlap: int, stride: int | None
) -> tuple[int, int]:
    if not 0 <= overlap < min(size):
        raise ValueError(f"overlap must be from 0 to below the size, not {overlap!r}")
    if stride is None:
        return size[0] - overlap, size[1] - overlap
    if overlap:
        raise ValueError(f"give overlap or stride, not both: {overlap!r}, {stride!r}")
    if stride < 1:
        raise ValueError(f"stride must be positive, not {stride!r}")
    return stride, stride


def _covered_area(slide: AbstractSlide, bounds: bool) -> tuple[int, int, int, int]:
    return slide.bounds if bounds else (0, 0, *slide.dimensions)
