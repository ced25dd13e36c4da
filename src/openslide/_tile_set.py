"""The tiles of many slides as one sequence, for training straight from slides."""

from __future__ import annotations

import hashlib
import math
import operator
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, Unpack, overload

from . import _arrays
from ._arguments import path_bytes
from ._closing import ClosedByWith
from ._tile_orders import Chain, Chosen, Order, Part, Shuffle, ShuffleBySlides
from ._tile_readers import TileReaders
from ._tile_survey import GridOptions, SlideSource, survey

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ._arrays import ErrorPolicy

#: Tiles, and bytes of them, that are read together unless somebody says otherwise: the
#: more there are, the more of them are of the same slide.
_AT_ONCE, _BYTES_AT_ONCE = 512, 96 << 20


class SlideTile(NamedTuple):
    """One tile of a set.

    Attributes:
        pixels: uint8 (height, width, 3 or 4).
        slide: the path of its slide.
        cell: (column, row) in the grid of the slide.
        box: (x, y, width, height) in level-0 pixels.
        microns: the same in microns; not-a-number where the resolution is unknown.
        label: the class of the mask that covers most of it; empty where none does.
        slide_label: what the column "label" says of the slide; empty without.
        shares: how much of it each class of the set covers, 0 to 1.
        columns: all that was given of the slide.
    """

    pixels: NDArray[np.uint8]
    slide: str
    cell: tuple[int, int]
    box: tuple[float, float, float, float]
    microns: tuple[float, float, float, float]
    label: str
    slide_label: str
    shares: Mapping[str, float]
    columns: Mapping[str, str]


class TileBatch(NamedTuple):
    """Tiles that were read together, and what is known of each.

    Attributes:
        pixels: uint8 (n, height, width, 3 or 4).
        good: which could be read, bool (n,); the others are background.
        slides: the path of the slide of each.
        cells: (column, row) in the grid of the slide, int64 (n, 2).
        boxes: (x, y, width, height) in level-0 pixels, float64 (n, 4).
        microns: the same in microns; not-a-number where the resolution is unknown.
        labels: the class of the mask that covers most of each; empty where none does.
        slide_labels: what the column "label" says of each slide; empty without.
        shares: of each for each class of the set, 0 to 1, float32 (n, classes).
        columns: all that was given of each slide.
    """

    pixels: NDArray[np.uint8]
    good: NDArray[np.bool_]
    slides: list[str]
    cells: NDArray[np.int64]
    boxes: NDArray[np.float64]
    microns: NDArray[np.float64]
    labels: list[str]
    slide_labels: list[str]
    shares: NDArray[np.float32]
    columns: list[Mapping[str, str]]


class TileSet(ClosedByWith, Sequence[SlideTile]):
    """The tiles of many slides: a sequence of `SlideTile`, in any order.

    slides:      paths of slides or pictures, or a SlideSource for each that tells
                 more of it, such as its mask and its label.
    size, options: as for TileGrid; of all slides.
    open_slides: how many slides stay open that are not being read; those that were
                 used last.
    cache:       bytes of decoded tiles to keep of all slides together.
    on_error:    "raise", or "skip" to leave out slides that cannot be opened or cut,
                 with a warning; `failures` tells which, and why.
    workers:     how many slides to look at at once; by default as many threads as the
                 process may use, see set_num_threads().

    Each slide is opened once, at the beginning, to see which tiles it has, and
    then when its tiles are wanted.  Of each tile four bytes are kept, and four for
    each class of the masks; pickling keeps them, so that nothing is looked at again.

    tiles[i] reads a tile, in the order of the slides and row by row; a slice,
    shuffled(), shard() and only() give sets of the same slides, which share what is open.
    Sets can be pickled and serve as map-style datasets of PyTorch.  Any number of threads
    may use one.

    Raises ValueError where slides cannot be cut, or one is named twice, and what
    TileGrid raises for other wrong arguments.
    """

    def __init__(
        self,
        slides: Iterable[str | os.PathLike[str] | SlideSource],
        size: int | tuple[int, int],
        *,
        open_slides: int = 64,
        cache: int = 32 << 20,
        on_error: Literal["raise", "skip"] = "raise",
        workers: int | None = None,
        **options: Unpack[GridOptions],
    ) -> None:
        skips = _arrays.is_second("on_error", on_error, ("raise", "skip"))
        if open_slides < 1:
            raise ValueError(f"open_slides must be positive, not {open_slides!r}")
        classes = options.get("mask_classes")
        if classes is not None:
            options["mask_classes"] = tuple(classes)
        self._survey = survey(
            _sources(slides), size, options, skips=skips, workers=workers
        )
        self._readers = TileReaders(self._survey, open_slides, cache)
        self._order = Chain(len(self._survey))

    @classmethod
    def from_manifest(
        cls,
        manifest: str | os.PathLike[str],
        size: int | tuple[int, int],
        *,
        where: Mapping[str, str] | None = None,
        open_slides: int = 64,
        cache: int = 32 << 20,
        on_error: Literal["raise", "skip"] = "raise",
        workers: int | None = None,
        **options: Unpack[GridOptions],
    ) -> Self:
        """The tiles of the slides that a table names, as for `openslide tiles`.

        manifest: a CSV file with a column slide, and any of mask and slide_mpp;
                  the others, such as label and split, go with each tile.
        where:    what columns must say of a slide, such as {"split": "train"};
                  others are left out.

        Raises OSError where the table cannot be read, and ValueError where it makes
        no sense, or where no slide is left; what TileSet() raises besides.
        """
        from .export.manifest import read_manifest

        rows = list(read_manifest(manifest).rows.values())
        for name, value in (where or {}).items():
            if name not in rows[0].columns:
                known = ", ".join(rows[0].columns) or "none"
                raise ValueError(f"{manifest} has no column {name!r}, but {known}")
            rows = [row for row in rows if row.columns[name] == value]
            if not rows:
                raise ValueError(f"{manifest} has no slide whose {name} is {value!r}")
        return cls(
            [SlideSource(*row) for row in rows],
            size,
            open_slides=open_slides,
            cache=cache,
            on_error=on_error,
            workers=workers,
            **options,
        )

    def close(self) -> None:
        """Close the slides that are open and not being read.

        They are opened again when more of their tiles are wanted.
        """
        self._readers.close()

    def __repr__(self) -> str:
        width, height = self.size
        return (
            f"<{type(self).__name__} of {len(self.slides)} slides: {len(self)} tiles "
            f"of {width} x {height} pixels>"
        )

    # What it is

    @property
    def slides(self) -> tuple[str, ...]:
        """The paths of all slides, whether or not the set has tiles of them."""
        return self._survey.paths

    @property
    def failures(self) -> tuple[tuple[str, str], ...]:
        """(path, reason) of each slide that on_error="skip" has left out."""
        return self._survey.failures

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of a tile in its own pixels."""
        return self._survey.size

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of all masks; of most masks, none."""
        return self._survey.classes

    @property
    def numbers(self) -> NDArray[np.int64]:
        """For each tile, its number in the set as it was made, (n,)."""
        return self._order.tiles(_arrays.numpy().arange(len(self)))

    @property
    def slide_numbers(self) -> NDArray[np.int64]:
        """For each tile, which of `slides` it is of, (n,)."""
        return self._survey.slides_of(self.numbers)

    @property
    def labels(self) -> list[str]:
        """For each tile, the class of the mask that covers most of it, or empty."""
        return self._survey.labels_of(self.numbers)

    @property
    def slide_labels(self) -> list[str]:
        """For each tile, what the column "label" says of its slide, or empty."""
        return [_slide_label(self._columns(i)) for i in self.slide_numbers.tolist()]

    @property
    def fingerprint(self) -> str:
        """What tells these tiles in this order from others, wherever the slides lie."""
        both = self._survey.digest() + self._order.digest()
        return hashlib.sha256(both).hexdigest()

    # Other orders, and parts

    def shuffled(self, seed: int, *, slides_at_once: int | None = None) -> TileSet:
        """The tiles in an order that depends on the seed alone; take another each epoch.

        slides_at_once: how many slides are mixed with one another, one such group
                        after the other; by default all.  No more than `open_slides`
                        of them means that each slide is opened once.

        Raises ValueError where slides_at_once is asked of a part of a set, or is not
        positive.
        """
        number = operator.index(seed)
        if slides_at_once is None:
            return self._then(Shuffle(len(self), number))
        if slides_at_once < 1:
            raise ValueError(f"slides_at_once must be positive, not {slides_at_once!r}")
        if self._order.orders:
            raise ValueError(
                "slides_at_once needs a set as it was made; shuffle it before shard(), "
                "only() and slices"
            )
        return self._then(ShuffleBySlides(self._survey.starts, number, slides_at_once))

    def shard(self, rank: int, world_size: int, *, equal: bool = False) -> TileSet:
        """One of `world_size` shares: each world_size-th tile, from number `rank` on.

        equal: whether to leave out the last tiles, of which there are not enough for
               all; otherwise some shares have one tile more than others.

        Raises ValueError where there is no such share.
        """
        if not 0 <= rank < world_size:
            raise ValueError(
                f"rank must be from 0 to below the world size {world_size!r}, "
                f"not {rank!r}"
            )
        length = len(self)
        end = length - length % world_size if equal else length
        return self._then(Part(range(rank, max(rank, end), world_size)))

    def only(self, numbers: Sequence[int] | NDArray[Any]) -> TileSet:
        """The tiles of these numbers, in their order; a boolean array chooses as well.

        Raises IndexError where there are no such tiles.
        """
        np = _arrays.numpy()
        chosen = np.asarray(numbers)
        if chosen.dtype == bool and chosen.shape == (len(self),):
            chosen = np.flatnonzero(chosen)
        return self._then(Chosen(self._checked(chosen)))

    def _then(self, order: Order) -> TileSet:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._order = self._order.then(order)
        return other

    # Tiles

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, i: int) -> SlideTile: ...
    @overload
    def __getitem__(self, i: slice) -> TileSet: ...
    def __getitem__(self, i: int | slice) -> SlideTile | TileSet:
        if isinstance(i, slice):
            return self._then(Part(range(len(self))[i]))
        return self.__getitems__([operator.index(i)])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[SlideTile]:
        """Several tiles, read at once; PyTorch's DataLoader asks so."""
        return self._tiles_of(self.read(indices))

    def __iter__(self) -> Iterator[SlideTile]:
        for batch in self.batches(32):
            yield from self._tiles_of(batch)

    def read(
        self,
        indices: Sequence[int] | NDArray[Any] | None = None,
        *,
        workers: int | None = None,
        errors: ErrorPolicy = "raise",
    ) -> TileBatch:
        """Tiles of these numbers, by default all, in their order.

        workers: how many threads to use at most; by default as many as the process
                 may, see set_num_threads().
        errors:  "raise", or "mask" to give background in the place of damaged tiles.

        Raises IndexError where there are no such tiles, ValueError where a slide has
        become another one, and what opening a slide and slide.read_batch() raise.
        """
        _arrays.policy(errors, workers)
        np = _arrays.numpy()
        numbers = np.arange(len(self)) if indices is None else self._checked(indices)
        with _Reading(workers, errors, ahead=False) as reading:
            (batch,) = self._begin(numbers, max(1, len(numbers)), reading)()
            return batch

    def batches(
        self,
        n: int,
        *,
        workers: int | None = None,
        prefetch: int | None = None,
        errors: ErrorPolicy = "raise",
        drop_last: bool = False,
    ) -> TileBatches:
        """The tiles in batches of n, the last perhaps of fewer; see TileBatches.

        workers:   as for read(); the batches are the same with any number.
        prefetch:  how many further batches are read, together, while others are used;
                   by default 512 tiles or 96 MB, the smaller of both.
        errors:    as for read().
        drop_last: whether to leave out the last batch where it has fewer.

        Raises ValueError for wrong arguments; the iterator what read() raises.
        """
        if n < 1:
            raise ValueError(f"a batch has at least one tile, not {n!r}")
        if prefetch is None:
            together = min(_AT_ONCE, _BYTES_AT_ONCE // math.prod(self._shape))
            prefetch = max(1, together // n)
        if prefetch < 0:
            raise ValueError(f"prefetch must not be negative, but is {prefetch!r}")
        _arrays.policy(errors, workers)
        return TileBatches(self, n, workers, prefetch, errors, drop_last)

    # How it works

    def _columns(self, slide: int) -> Mapping[str, str]:
        return self._survey.columns[slide]

    def _checked(self, numbers: Sequence[int] | NDArray[Any]) -> NDArray[np.int64]:
        np = _arrays.numpy()
        array = np.asarray(numbers)
        if array.size == 0:
            return np.zeros(0, np.int64)  # type: ignore[no-any-return]
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise TypeError(f"tiles have numbers, not {numbers!r}")
        array = array.astype(np.int64)
        wrong = array[(array < -len(self)) | (array >= len(self))]
        if len(wrong):
            raise IndexError(f"there is no tile {wrong[0]}; there are {len(self)}")
        return np.where(array < 0, array + len(self), array)  # type: ignore[no-any-return]

    def _tiles_of(self, batch: TileBatch) -> list[SlideTile]:
        return [
            SlideTile(
                batch.pixels[i],
                batch.slides[i],
                tuple(batch.cells[i].tolist()),
                tuple(batch.boxes[i].tolist()),
                tuple(batch.microns[i].tolist()),
                batch.labels[i],
                batch.slide_labels[i],
                dict(zip(self.classes, batch.shares[i].tolist(), strict=True)),
                dict(batch.columns[i]),
            )
            for i in range(len(batch.pixels))
        ]

    def _begin(
        self, numbers: NDArray[np.int64], n: int, reading: _Reading
    ) -> Callable[[], list[TileBatch]]:
        """Begin to read batches of n; what comes back waits until they are there."""
        np = _arrays.numpy()
        tiles = self._order.tiles(numbers)
        slides = self._survey.slides_of(tiles)
        starts = range(0, max(1, len(tiles)), n)
        # An array for each: of usual sizes, the allocator has them at hand from batches
        # before, while larger ones come from the system, which clears them.
        arrays = [
            np.empty((min(n, len(tiles) - start), *self._shape), np.uint8)
            for start in starts
        ]

        def read() -> list[TileBatch]:
            cells = self._survey.cells_of(tiles, slides)
            good = self._readers.read(
                arrays, slides, cells, reading.workers, reading.errors, reading.turn
            )
            chosen = [slice(start, start + n) for start in starts]
            return [
                self._described(array, good[part], tiles[part], slides[part])
                for array, part in zip(arrays, chosen, strict=True)
            ]

        return reading.begin(read)

    @property
    def _shape(self) -> tuple[int, int, int]:
        """Of the pixels of a tile."""
        width, height = self.size
        mode = self._survey.options.get("mode", "RGB")
        return height, width, _arrays.channels(mode)

    def _described(
        self,
        pixels: NDArray[np.uint8],
        good: NDArray[np.bool_],
        tiles: NDArray[np.int64],
        slides: NDArray[np.int64],
    ) -> TileBatch:
        """These tiles of these slides, with all that is known of them."""
        known = self._survey
        cells = known.cells_of(tiles, slides)
        boxes = known.boxes_of(cells, slides)
        columns = [self._columns(i) for i in slides.tolist()]
        return TileBatch(
            pixels,
            good,
            [known.paths[i] for i in slides.tolist()],
            cells,
            boxes,
            boxes * _arrays.numpy().tile(known.mpp[slides], 2),
            known.labels_of(tiles),
            [_slide_label(column) for column in columns],
            known.shares[tiles],
            columns,
        )


class TileBatches(Iterator[TileBatch]):
    """Batches of a set in their order, read ahead: an iterator of `TileBatch`.

    It can be gone on with: `state_dict()` tells how far it has come, and
    `load_state_dict()` of another one, in whatever process and with whatever workers,
    goes on with the batch after that.  Its memory is that of twice `prefetch` batches.
    close() ends the reading ahead, as does the garbage collector.
    """

    def __init__(
        self,
        tiles: TileSet,
        n: int,
        workers: int | None,
        prefetch: int,
        errors: ErrorPolicy,
        drop_last: bool,
    ) -> None:
        self._tiles = tiles
        self._n = n
        self._options = (workers, prefetch, errors)
        self._end = len(tiles) - len(tiles) % n if drop_last else len(tiles)
        self._position = 0
        self._batches = self._from(0)

    def __len__(self) -> int:
        """How many batches there are from the beginning to the end."""
        return -(-self._end // self._n)

    def __next__(self) -> TileBatch:
        batch = next(self._batches)
        self._position += len(batch.pixels)
        return batch

    def close(self) -> None:
        """End it; what was read ahead is lost."""
        self._batches.close()

    def state_dict(self) -> dict[str, Any]:
        """How far it has come, as JSON has it; batches read ahead do not count."""
        return {
            "position": self._position,
            "tiles": len(self._tiles),
            "fingerprint": self._tiles.fingerprint,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on behind what another one had come to.

        Raises ValueError where that was one of other tiles, or in another order.
        """
        try:
            position = operator.index(state["position"])
            fingerprint = state["fingerprint"]
        except (KeyError, TypeError):
            raise ValueError(f"{state!r} is no state of TileBatches") from None
        if fingerprint != self._tiles.fingerprint:
            raise ValueError(
                "the state is of other tiles, or of another order, than those of "
                f"{self._tiles!r}; make the set as it was, with the same seed and share"
            )
        if not 0 <= position <= len(self._tiles):
            raise ValueError(f"there is no position {position} in {self._tiles!r}")
        self._batches.close()
        self._position = position
        self._batches = self._from(position)

    def _from(self, position: int) -> Generator[TileBatch, None, None]:
        workers, prefetch, errors = self._options
        together = self._n * max(1, prefetch)
        waiting: deque[Callable[[], list[TileBatch]]] = deque()
        begin, n = self._tiles._begin, self._n
        with _Reading(workers, errors, ahead=prefetch > 0) as reading:
            for start in range(position, self._end, together):
                numbers = _arrays.numpy().arange(
                    start, min(start + together, self._end)
                )
                waiting.append(begin(numbers, n, reading))
                if prefetch == 0 or len(waiting) > 1:
                    yield from _handed_out(waiting.popleft()())
            while waiting:
                yield from _handed_out(waiting.popleft()())


def _handed_out(batches: list[TileBatch]) -> Iterator[TileBatch]:
    """Batches one by one, of which those that are gone are not kept."""
    batches.reverse()
    while batches:
        yield batches.pop()


class _Reading:
    """How tiles are read, and where: while one group is, another is made ready.

    workers, errors: as for TileSet.read().
    ahead:           whether something else is done meanwhile; otherwise all happens
                     where it is waited for.
    """

    def __init__(
        self, workers: int | None, errors: ErrorPolicy, *, ahead: bool
    ) -> None:
        self.workers = workers
        self.errors = errors
        self.turn = Lock()  # each group is read by all workers
        self._pool = ThreadPoolExecutor(2, "openslide-tiles") if ahead else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def begin(
        self, read: Callable[[], list[TileBatch]]
    ) -> Callable[[], list[TileBatch]]:
        """Begin to read; what comes back waits for it."""
        return read if self._pool is None else self._pool.submit(read).result


def _sources(
    slides: Iterable[str | os.PathLike[str] | SlideSource],
) -> list[SlideSource]:
    if isinstance(slides, (str, bytes, os.PathLike)):
        raise TypeError(f"slides must be several paths, not {slides!r}")
    sources = [
        slide if isinstance(slide, SlideSource) else SlideSource(slide)
        for slide in slides
    ]
    sources = [
        source._replace(slide=os.path.abspath(os.fsdecode(path_bytes(source.slide))))
        for source in sources
    ]
    if not sources:
        raise ValueError("a TileSet needs at least one slide")
    known: set[str | os.PathLike[str]] = set()
    for source in sources:
        if source.slide in known:
            raise ValueError(f"{source.slide!r} is named a second time")
        known.add(source.slide)
    return sources


def _slide_label(columns: Mapping[str, str]) -> str:
    return columns.get("label", "")
