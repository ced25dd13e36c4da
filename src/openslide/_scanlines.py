"""Areas of a slide as scan lines cut them: where each line enters and leaves an area.

Lines have no height and areas no pixels: along a line all is exact to a fraction of a
pixel, whatever the resolution, and how many lines there are is up to who asks.  Areas
of any kind combine, and what they cover of a box costs what their outlines have of
points, not what the box has of pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from . import _arrays

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: So many steps has a level-0 pixel along a line.
_STEPS = 256

#: Boxes are looked at in at least, and at most, so many lines.
_FEWEST_LINES, _MOST_LINES = 64, 1024

#: Pixels that are painted at once.
_PAINTED_PIXELS = 1 << 22

#: Outlines are listed by bands of the slide, so many of them at most.
_MOST_BANDS, _LOWEST_BAND = 1024, 64


class Spans(NamedTuple):
    """What lines have of an area: from each even number to the next odd one.

    Attributes:
        lines: number of the line, int64 (n,), ascending.
        edges: where along it, in steps of 1/256 level-0 pixel, int64 (n,), ascending
            within a line.
    """

    lines: NDArray[np.int64]
    edges: NDArray[np.int64]


class Area(Protocol):
    """A part of a slide.

    Attributes:
        dimensions: (width, height) of the slide, in level-0 pixels.
    """

    @property
    def dimensions(self) -> tuple[int, int]: ...

    def spans(self, ys: NDArray[np.float64]) -> Spans:
        """What horizontal lines at these level-0 pixels have of it, ys ascending."""
        ...


class GridArea:
    """The pixels of a boolean grid (rows, columns) that covers the whole slide."""

    def __init__(self, grid: NDArray[np.bool_], dimensions: tuple[int, int]) -> None:
        np = _arrays.numpy()
        self.dimensions = dimensions
        self._rows = grid.shape[0]
        framed = np.zeros((grid.shape[0], grid.shape[1] + 2), bool)
        framed[:, 1:-1] = grid
        row, column = np.nonzero(framed[:, 1:] != framed[:, :-1])
        self._starts = np.searchsorted(row, np.arange(self._rows + 1))
        step = dimensions[0] * _STEPS / grid.shape[1]
        self._edges = np.rint(column * step).astype(np.int64)

    def spans(self, ys: NDArray[np.float64]) -> Spans:
        np = _arrays.numpy()
        height = self.dimensions[1]
        lines = np.flatnonzero((ys >= 0) & (ys < height))
        rows = (ys[lines] * (self._rows / height)).astype(np.int64)
        rows = np.minimum(rows, self._rows - 1)
        starts, ends = self._starts[rows], self._starts[rows + 1]
        index = _ranges(starts, ends)
        return Spans(np.repeat(lines, ends - starts), self._edges[index])


class PolygonsArea:
    """What lies within any of some polygons: each by the even-odd rule of its rings.

    points:   float64 (n, 2), (x, y) in level-0 pixels, ring after ring; each ring
              ends with its first point.
    is_end:   bool (n,), the last point of each ring.
    polygons: int64 (n,), the number of the polygon of each point.
    """

    def __init__(
        self,
        points: NDArray[np.float64],
        is_end: NDArray[np.bool_],
        polygons: NDArray[np.int64],
        dimensions: tuple[int, int],
    ) -> None:
        np = _arrays.numpy()
        self.dimensions = dimensions
        self._points, self._polygons = points, polygons
        height = dimensions[1]
        y = points[:, 1]
        edges = np.flatnonzero((y[:-1] != y[1:]) & ~is_end[:-1])
        tops = np.minimum(y[edges], y[edges + 1])
        bottoms = np.maximum(y[edges], y[edges + 1])
        is_seen = (tops < height) & (bottoms > 0)
        edges, tops, bottoms = edges[is_seen], tops[is_seen], bottoms[is_seen]
        self._band_height = max(_LOWEST_BAND, math.ceil(height / _MOST_BANDS))
        self._bands = math.ceil(height / self._band_height)
        first, last = self._band(tops), self._band(bottoms)
        band = _ranges(first, last + 1)
        edges = np.repeat(edges, last + 1 - first)
        order = np.argsort(band, kind="stable")
        self._edges = edges[order]
        self._starts = np.searchsorted(band[order], np.arange(self._bands + 1))

    def _band(self, ys: NDArray[np.float64]) -> NDArray[np.int64]:
        np = _arrays.numpy()
        bands = np.floor(np.clip(ys / self._band_height, 0, self._bands - 1))
        return bands.astype(np.int64)  # type: ignore[no-any-return]

    def spans(self, ys: NDArray[np.float64]) -> Spans:
        np = _arrays.numpy()
        edges = self._near(ys)
        (x0, y0), (x1, y1) = self._points[edges].T, self._points[edges + 1].T
        # A line that meets a corner meets one of the two edges there.
        first = np.searchsorted(ys, np.minimum(y0, y1))
        after = np.searchsorted(ys, np.maximum(y0, y1))
        count = after - first
        lines = _ranges(first, after)
        slope = np.repeat((x1 - x0) / (y1 - y0), count)
        x = np.repeat(x0, count) + (ys[lines] - np.repeat(y0, count)) * slope
        width = self.dimensions[0]
        crossings = np.rint(np.clip(x, 0, width) * _STEPS).astype(np.int64)
        polygons = np.repeat(self._polygons[edges], count)
        is_on_slide = (ys[lines] >= 0) & (ys[lines] < self.dimensions[1])
        return _union(
            polygons[is_on_slide],
            lines[is_on_slide],
            crossings[is_on_slide],
            len(ys),
            width,
        )

    def _near(self, ys: NDArray[np.float64]) -> NDArray[np.int64]:
        """The edges that lines between the first and the last of these may meet."""
        np = _arrays.numpy()
        start, end = self._band(ys[[0, -1]])
        edges = self._edges[self._starts[start] : self._starts[end + 1]]
        if start == end:
            return edges  # type: ignore[no-any-return]
        sizes = np.diff(self._starts[start : end + 2])
        band = np.repeat(np.arange(start, end + 1), sizes)
        y = self._points[:, 1]
        # One of several bands is listed in each of them: taken in the first.
        first = self._band(np.minimum(y[edges], y[edges + 1]))
        return edges[(band == start) | (band == first)]  # type: ignore[no-any-return]


def _union(
    polygons: NDArray[np.int64],
    lines: NDArray[np.int64],
    crossings: NDArray[np.int64],
    line_count: int,
    width: int,
) -> Spans:
    """What lies in any polygon, by where lines cross the outline of each."""
    np = _arrays.numpy()
    step = width * _STEPS + 1
    if not len(lines):
        return Spans(lines, crossings)
    # 64 bits hold 33 million polygons of a slide of a million pixels.
    key = ((polygons - polygons.min()) * line_count + lines) * step + crossings
    key.sort()
    # Every ring is crossed an even number of times, by the lines it meets.
    places = key % (line_count * step)
    is_exit = np.arange(len(places)) & 1
    events = (places << 1) | is_exit
    events.sort()
    depth = (1 - 2 * (events & 1)).cumsum()
    is_inside = depth > 0
    return _changes(events >> 1, is_inside, step)


def _changes(
    places: NDArray[np.int64], is_inside: NDArray[np.bool_], step: int
) -> Spans:
    """Spans by what is so from each place on."""
    np = _arrays.numpy()
    before = np.zeros_like(is_inside)
    before[1:] = is_inside[:-1]
    lines, edges = np.divmod(places[is_inside != before], step)
    return Spans(lines, edges)


Rule = Callable[["NDArray[np.bool_]", "NDArray[np.bool_]"], "NDArray[np.bool_]"]


class CombinedArea:
    """Where a rule says yes of two areas; what is in neither must not be in it."""

    def __init__(self, first: Area, second: Area, rule: Rule) -> None:
        self.dimensions = first.dimensions
        self._first, self._second = first, second
        self._rule = rule

    def spans(self, ys: NDArray[np.float64]) -> Spans:
        np = _arrays.numpy()
        step = self.dimensions[0] * _STEPS + 1
        events = [
            ((lines * step + edges) << 1) | number
            for number, (lines, edges) in enumerate(
                (self._first.spans(ys), self._second.spans(ys))
            )
        ]
        both = np.concatenate(events)
        both.sort()
        is_second = (both & 1) == 1
        in_first = (~is_second).cumsum() & 1 == 1
        in_second = is_second.cumsum() & 1 == 1
        return _changes(both >> 1, self._rule(in_first, in_second), step)


class WholeArea:
    """All of a slide."""

    def __init__(self, dimensions: tuple[int, int]) -> None:
        self.dimensions = dimensions

    def spans(self, ys: NDArray[np.float64]) -> Spans:
        np = _arrays.numpy()
        width, height = self.dimensions
        lines = np.flatnonzero((ys >= 0) & (ys < height))
        return Spans(
            np.repeat(lines, 2), np.tile(np.array([0, width * _STEPS]), len(lines))
        )


def shares(
    area: Area, boxes: NDArray[np.float64], lines: int | None = None
) -> NDArray[np.float64]:
    """How much of each box an area covers, 0 to 1 in nine digits, float64 (n,).

    boxes: (n, 4), each (x, y, width, height) in level-0 pixels; what lies outside of
           the slide is not covered.
    lines: how many lines to look at in each box; by default, one for each level-0
           pixel of its height.  From 64 to 1024 are looked at.
    """
    np = _arrays.numpy()
    result = np.zeros(len(boxes))
    heights, group = np.unique(boxes[:, [1, 3]], axis=0, return_inverse=True)
    order = np.argsort(group.ravel(), kind="stable")
    starts = np.searchsorted(group.ravel()[order], np.arange(len(heights) + 1))
    for number, (y, height) in enumerate(heights.tolist()):
        chosen = order[starts[number] : starts[number + 1]]
        count = math.ceil(height) if lines is None else lines
        count = min(max(count, _FEWEST_LINES), _MOST_LINES)
        ys = y + (np.arange(count) + 0.5) * (height / count)
        left = boxes[chosen, 0] * _STEPS
        width = boxes[chosen, 2] * _STEPS
        covered = _lengths(area.spans(ys).edges, left, left + width)
        result[chosen] = covered / (count * width)
    return np.clip(np.round(result, 9), 0, 1)  # type: ignore[no-any-return]


def _lengths(
    edges: NDArray[np.int64], left: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How long all spans together are between two edges, for many of these."""
    np = _arrays.numpy()
    order = np.argsort(edges, kind="stable")
    weights = (1 - 2 * (np.arange(len(edges)) & 1))[order]
    edges = edges[order]
    # To the left of x lies the sum of (x - edge) * weight of what begins or ends there.
    count = np.concatenate([[0], weights.cumsum()])
    moment = np.concatenate([[0], (weights * edges).cumsum()])
    first, last = np.searchsorted(edges, left), np.searchsorted(edges, right)
    before_left = left * count[first] - moment[first]
    before_right = right * count[last] - moment[last]
    return before_right - before_left  # type: ignore[no-any-return]


def painted(area: Area, size: tuple[int, int]) -> NDArray[np.bool_]:
    """An area as a boolean grid (rows, columns) over all of the slide.

    size: (columns, rows).  What the middle of a pixel lies in is in it.
    """
    np = _arrays.numpy()
    columns, rows = size
    scale = columns / (area.dimensions[0] * _STEPS)
    result = np.empty((rows, columns), bool)
    step = max(1, _PAINTED_PIXELS // columns)
    for start in range(0, rows, step):
        end = min(start + step, rows)
        ys = (np.arange(start, end) + 0.5) * (area.dimensions[1] / rows)
        lines, edges = area.spans(ys)
        places = np.clip(np.ceil(edges * scale - 0.5), 0, columns).astype(np.int64)
        places += lines * (columns + 1)
        changes = np.zeros((end - start) * (columns + 1), np.int8)
        np.add.at(changes, places[::2], 1)
        np.add.at(changes, places[1::2], -1)
        depth = changes.reshape(end - start, columns + 1).cumsum(1, dtype=np.int8)
        result[start:end] = depth[:, :-1] > 0
    return result  # type: ignore[no-any-return]


def _ranges(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """All numbers from each start to before its end, one range after the other."""
    np = _arrays.numpy()
    counts = ends - starts
    total = int(counts.sum())
    if total == 0:
        return np.zeros(0, np.int64)  # type: ignore[no-any-return]
    offsets = np.repeat(starts - (counts.cumsum() - counts), counts)
    return np.arange(total) + offsets  # type: ignore[no-any-return]
