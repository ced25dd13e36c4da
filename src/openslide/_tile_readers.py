"""Reading tiles of many slides, of which few are open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _arrays, _open
from ._cache import OpenSlideCache
from ._open_slides import OpenSlides
from ._view_batches import SlideViews, read_views

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from . import AbstractSlide
    from ._arrays import ErrorPolicy
    from ._tile_survey import SurveyedSlides
    from .tiles import TileGrid


class TileReaders:
    """The slides of a set that are open, and the cache of all of them.

    survey:        all slides.
    limit:         how many stay open that nobody reads.
    cache:         bytes of decoded tiles to keep.

    Any number of threads may read.  Copies, and forked processes, open slides of their
    own.
    """

    def __init__(self, survey: SurveyedSlides, limit: int, cache: int) -> None:
        self._survey = survey
        self._limit = limit
        self._capacity = cache
        self._numbers = {path: i for i, path in enumerate(survey.paths)}
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._cache = OpenSlideCache(self._capacity)
        self._open_slides = OpenSlides(self._opened, self._limit)

    def __getstate__(self) -> dict[str, Any]:
        names = ("_survey", "_limit", "_capacity", "_numbers")
        return {name: self.__dict__[name] for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    def close(self) -> None:
        """Close the slides that nobody reads; they are opened again when they are."""
        self._open_slides.close()

    def read(
        self,
        arrays: list[NDArray[np.uint8]],
        slides: NDArray[np.int64],
        cells: NDArray[np.int64],
        workers: int | None,
        errors: ErrorPolicy,
        turn: AbstractContextManager[object],
    ) -> NDArray[np.bool_]:
        """Fill the rows of arrays with tiles; tell those that are good, (n,).

        slides, cells: the slide of each tile, and (column, row) in its grid.
        turn:          entered to read, by all threads, and not to open slides.
        """
        if self._process != os.getpid():
            self._begin()  # a thread that is not here may have had the lock
        is_masked, threads = _arrays.policy(errors, workers)
        good = _arrays.numpy().zeros(len(slides), bool)
        for parts in self._groups(slides):
            paths = [part.path for part in parts]
            with self._open_slides.borrow_all(paths, "", workers) as opened:
                views = [
                    one.views(cells[part.rows], part.rows)
                    for one, part in zip(opened, parts, strict=True)
                ]
                with turn:
                    good |= read_views(arrays, views, is_masked, threads)
        return good  # type: ignore[no-any-return]

    def _groups(self, slides: NDArray[np.int64]) -> Iterator[list[_Part]]:
        """What is read together: of no more slides than may be open.

        Slides that are open come first, before others take their place.  Half of those
        that may be are of one group, for another one is made ready meanwhile.
        """
        parts = [
            _Part(self._survey.paths[number], rows)
            for number, rows in _by_slide(slides)
        ]
        parts.sort(key=lambda part: part.path not in self._open_slides)
        most = max(1, self._limit // 2)
        for start in range(0, len(parts), most):
            yield parts[start : start + most]

    def _opened(self, path: str) -> _OpenedSlide:
        slide = _open.open_slide_or_picture(path, on_error="reopen")
        try:
            slide.set_cache(self._cache)
            return _OpenedSlide(slide, self._survey.grid(self._numbers[path], slide))
        except BaseException:
            slide.close()
            raise


class _Part(NamedTuple):
    """The tiles of one slide, of all that are wanted."""

    path: str
    rows: NDArray[np.int64]  # ascending


class _OpenedSlide:
    def __init__(self, slide: AbstractSlide, grid: TileGrid) -> None:
        self.slide = slide
        self.grid = grid  # without tiles

    def views(self, cells: NDArray[np.int64], rows: NDArray[np.int64]) -> SlideViews:
        """The tiles in these cells, for these rows."""
        return SlideViews(self.slide, self.grid.only(cells)._views(), rows)

    def close(self) -> None:
        self.slide.close()


def _by_slide(
    slides: NDArray[np.int64],
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Each slide, and the places where it stands, ascending."""
    np = _arrays.numpy()
    if not len(slides):
        return
    order = np.argsort(slides, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(slides[order])) + 1):
        yield int(slides[rows[0]]), rows
