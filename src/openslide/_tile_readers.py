"""Reading tiles of many slides, of which few are open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import _open
from ._cache import OpenSlideCache
from ._open_slides import OpenSlides

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

    def __len__(self) -> int:
        """How many slides are open."""
        return len(self._open_slides)

    def close(self) -> None:
        """Close the slides that nobody reads; they are opened again when they are."""
        self._open_slides.close()

    def read_part(
        self,
        pixels: NDArray[np.uint8],
        slide: int,
        cells: NDArray[np.int64],
        workers: int | None,
        errors: ErrorPolicy,
    ) -> NDArray[np.bool_]:
        """Fill an array with tiles of one slide; tell those that are good."""
        with self._borrowed(slide) as grid:
            return grid.only(cells)._read_into(pixels, workers, errors)

    @contextmanager
    def _borrowed(self, slide: int) -> Iterator[TileGrid]:
        if self._process != os.getpid():
            self._begin()  # a thread that is not here may have had the lock
        path = self._survey.paths[slide]
        with self._open_slides.borrow(path, "") as opened:
            yield opened.grid

    def _opened(self, path: str) -> _OpenedSlide:
        slide = _open.open_slide_or_picture(path, on_error="reopen")
        try:
            slide.set_cache(self._cache)
            return _OpenedSlide(slide, self._survey.grid(self._numbers[path], slide))
        except BaseException:
            slide.close()
            raise


class _OpenedSlide:
    def __init__(self, slide: AbstractSlide, grid: TileGrid) -> None:
        self.slide = slide
        self.grid = grid  # without tiles

    def close(self) -> None:
        self.slide.close()
