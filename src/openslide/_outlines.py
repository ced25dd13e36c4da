"""The outlines of a boolean grid, as polygons with holes.

Runs of edges between wanted and other pixels are walked with the wanted ones to the
right.  Pixels that touch at a corner alone are apart, and a ring that would meet itself
at a corner becomes two, so that the polygons are valid to all who ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from . import _arrays

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ring: TypeAlias = NDArray[np.int64]

#: Directions in the order of right turns.
_EAST, _SOUTH, _WEST, _NORTH = range(4)


class _Runs(NamedTuple):
    """Straight pieces of outlines, as long as they go.

    Attributes:
        direction: of each.
        start: (x, y) of the corner that it begins at, int64 (n, 2).
        end: the same of its end.
    """

    direction: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]


def outlines(grid: NDArray[np.bool_]) -> list[list[Ring]]:
    """The polygons of a grid (rows, columns): each its outline, then its holes.

    A ring is int64 (n, 2), the corners (x, y) where it turns, in pixels from the
    grid's upper left corner; the first is not said again at its end.
    """
    np = _arrays.numpy()
    runs = _runs(grid)
    ring_of_run = np.zeros(len(runs.start), np.int64)
    rings: list[Ring] = []
    for walk in _walks(runs):
        for ring in _without_meetings(walk, runs.start):
            ring_of_run[ring] = len(rings)
            rings.append(runs.start[ring])
    is_outline = [_area(ring) > 0 for ring in rings]
    polygons = {i: [rings[i]] for i, is_outer in enumerate(is_outline) if is_outer}
    holes = [i for i, is_outer in enumerate(is_outline) if not is_outer]
    parents = _parents(runs, ring_of_run, rings, holes, is_outline)
    for hole in holes:
        polygons[parents[hole]].append(rings[hole])
    return list(polygons.values())


def _runs(grid: NDArray[np.bool_]) -> _Runs:
    np = _arrays.numpy()
    framed = np.pad(grid, 1)
    above, below = framed[:-1, 1:-1], framed[1:, 1:-1]
    left, right = framed[1:-1, :-1], framed[1:-1, 1:]
    parts = []
    for direction, edges in (
        (_EAST, below & ~above),
        (_WEST, above & ~below),
        (_SOUTH, (left & ~right).T),
        (_NORTH, (right & ~left).T),
    ):
        line, first, after = _stretches(edges)
        corners = [np.stack(pair, axis=1) for pair in ((first, line), (after, line))]
        if direction in (_SOUTH, _NORTH):
            corners = [corner[:, ::-1] for corner in corners]
        if direction in (_WEST, _NORTH):
            corners.reverse()
        parts.append((np.full(len(line), direction), *corners))
    return _Runs(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _stretches(edges: NDArray[np.bool_]) -> tuple[NDArray[np.int64], ...]:
    """(row, first column, column after the last) of all stretches of True."""
    np = _arrays.numpy()
    framed = np.pad(edges, ((0, 0), (1, 1))).astype(np.int8)
    change = np.diff(framed, axis=1)
    row, first = np.nonzero(change == 1)
    after = np.nonzero(change == -1)[1]
    return row, first, after


def _walks(runs: _Runs) -> list[list[int]]:
    """Rings, each as its runs in their order."""
    following = _following(runs).tolist()
    is_walked = [False] * len(following)
    walks = []
    for first in range(len(following)):
        walk = []
        run = first
        while not is_walked[run]:
            is_walked[run] = True
            walk.append(run)
            run = following[run]
        if walk:
            walks.append(walk)
    return walks


def _following(runs: _Runs) -> NDArray[np.int64]:
    """Which run comes after each: to the right where there is one, else to the left."""
    np = _arrays.numpy()
    result = np.full(len(runs.start), -1)
    stride = int(runs.end.max(initial=0)) + 1
    begins, ends = (corner @ (stride, 1) for corner in (runs.start, runs.end))
    for direction in (_EAST, _SOUTH, _WEST, _NORTH):
        coming = np.flatnonzero(runs.direction == direction)
        for turn in (-1, 1):  # what is found last holds: right turns
            going = np.flatnonzero(runs.direction == (direction + turn) % 4)
            going = going[np.argsort(begins[going])]
            place = np.searchsorted(begins[going], ends[coming])
            place = np.minimum(place, len(going) - 1)
            is_found = begins[going][place] == ends[coming]
            result[coming[is_found]] = going[place[is_found]]
    return result  # type: ignore[no-any-return]


def _without_meetings(walk: list[int], starts: NDArray[np.int64]) -> list[list[int]]:
    """A ring divided where it comes to a corner again."""
    corners = list(map(tuple, starts[walk].tolist()))
    if len(set(corners)) == len(corners):
        return [walk]
    rings: list[list[int]] = []
    path: list[tuple[tuple[int, ...], int]] = []
    places: dict[tuple[int, ...], int] = {}
    for run, corner in zip(walk, corners, strict=True):
        if corner in places:
            loop = path[places[corner] :]
            del path[places[corner] :]
            for passed, _ in loop:
                del places[passed]
            rings.append([number for _, number in loop])
        places[corner] = len(path)
        path.append((corner, run))
    rings.append([number for _, number in path])
    return rings


def _area(ring: Ring) -> Any:
    """Twice the area; below 0 where what is wanted lies outside."""
    np = _arrays.numpy()
    (x, y), (next_x, next_y) = ring.T, np.roll(ring, -1, axis=0).T
    return (x * next_y - next_x * y).sum()


def _parents(
    runs: _Runs,
    ring_of_run: NDArray[np.int64],
    rings: list[Ring],
    holes: list[int],
    is_outline: list[bool],
) -> dict[int, int]:
    """The outline that each hole lies in.

    From the pixel above a hole's uppermost corner, the next edge to the left is of that
    outline, or of a hole that reaches higher and lies in it too.
    """
    np = _arrays.numpy()
    if not holes:
        return {}
    north = np.flatnonzero(runs.direction == _NORTH)
    bottom, top = runs.start[north, 1], runs.end[north, 1]
    lengths = bottom - top
    row = np.arange(lengths.sum()) - np.repeat(lengths.cumsum() - bottom, lengths)
    stride = int(runs.end.max()) + 2
    key = row * stride + np.repeat(runs.start[north, 0], lengths)
    owner = np.repeat(ring_of_run[north], lengths)
    order = np.argsort(key)
    key, owner = key[order], owner[order]
    uppermost = {hole: rings[hole][rings[hole][:, 1].argmin()] for hole in holes}
    parents: dict[int, int] = {}
    for hole in sorted(holes, key=lambda hole: int(uppermost[hole][1])):
        left = rings[hole][rings[hole][:, 1] == uppermost[hole][1], 0].min()
        place = (uppermost[hole][1] - 1) * stride + left
        beside = int(owner[np.searchsorted(key, place, side="right") - 1])
        parents[hole] = beside if is_outline[beside] else parents[beside]
    return parents
