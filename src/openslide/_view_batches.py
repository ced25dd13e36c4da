"""Reading tiles of several slides by one call, each straight into its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from . import _arrays, _openslide
from ._threads import in_threads

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ._abstract_slide import AbstractSlide
    from ._arrays import Integers
    from ._sampling import Views


class SlideViews(NamedTuple):
    """What is read of one slide.

    Attributes:
        slide: the slide.
        views: of it.
        rows: where each goes, through all arrays as if they were one, (n,).
    """

    slide: AbstractSlide
    views: Views
    rows: Integers


def read_views(
    arrays: list[NDArray[np.uint8]],
    parts: list[SlideViews],
    is_masked: bool,
    workers: int,
) -> NDArray[np.bool_]:
    """Fill rows of arrays (n, height, width, channels), which are all alike.

    workers: how many threads to use at most; 0: as many as there may be.

    Tells which rows were filled with what could be read, (rows of all arrays,).  Raises
    what reading raises.
    """
    good = _arrays.numpy().zeros(sum(map(len, arrays)), bool)
    requests, others = [], []
    for part in parts:
        request = part.slide._view_request(part.views, part.rows)
        if request is None:
            others.append(part)
        else:
            requests.append(request)
    if requests:
        states = _openslide.read_batches(
            tuple(arrays), tuple(requests), is_masked, workers
        )
        good |= _arrays.truths(states)
    if others:
        rows = [row for array in arrays for row in array]
        _read_others(rows, others, good, workers)
    return good  # type: ignore[no-any-return]


def _read_others(
    rows: list[NDArray[Any]],
    parts: list[SlideViews],
    good: NDArray[np.bool_],
    workers: int,
) -> None:
    """By way of read_region(): several slides at once, each tile by tile."""

    def read(part: SlideViews) -> None:
        places = [rows[row] for row in part.rows.tolist()]
        states = part.slide._read_views_into(places, part.views)
        good[part.rows] = _arrays.truths(states)

    in_threads(read, parts, workers or None)
