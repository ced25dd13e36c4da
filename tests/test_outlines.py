"""Outlines of grids."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from openslide._outlines import outlines
from openslide._scanlines import GridArea, PolygonsArea, painted, shares

grids = hnp.arrays(
    bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.booleans()
)


def area_of(
    polygons: list[list[NDArray[np.int64]]], dimensions: tuple[int, int]
) -> PolygonsArea:
    points, is_end, number = [], [], []
    for i, rings in enumerate(polygons):
        for ring in rings:
            points.append(np.vstack([ring, ring[:1]]).astype(float))
            is_end.append(np.arange(len(ring) + 1) == len(ring))
            number.append(np.full(len(ring) + 1, i))
    return PolygonsArea(
        np.concatenate(points),
        np.concatenate(is_end),
        np.concatenate(number),
        dimensions,
    )


def signed_area(ring: NDArray[np.int64]) -> int:
    following = np.roll(ring, -1, axis=0)
    return int((ring[:, 0] * following[:, 1] - following[:, 0] * ring[:, 1]).sum()) // 2


@given(grids)
def test_outlines_are_the_grid(grid: NDArray[np.bool_]) -> None:
    rows, columns = grid.shape
    polygons = outlines(grid)
    assert bool(polygons) == grid.any()
    areas = [[signed_area(ring) for ring in rings] for rings in polygons]
    assert sum(map(sum, areas)) == grid.sum()
    for outline, *holes in areas:
        assert outline > 0
        assert all(hole < 0 for hole in holes)
        assert outline + sum(holes) > 0
    for rings in polygons:
        for ring in rings:  # which never meets itself
            assert len({tuple(corner) for corner in ring.tolist()}) == len(ring)
            assert len(ring) >= 4
    if polygons:
        area = area_of(polygons, (columns, rows))
        np.testing.assert_array_equal(painted(area, (columns, rows)), grid)


@given(grids)
def test_a_polygon_is_one_piece(grid: NDArray[np.bool_]) -> None:
    """Each is what hangs together by sides, so that holes have the right outline."""
    rows, columns = grid.shape
    seen = np.zeros_like(grid, int)
    for rings in outlines(grid):
        piece = painted(area_of([rings], (columns, rows)), (columns, rows))
        seen += piece
        reached = np.zeros_like(piece)
        reached[tuple(np.argwhere(piece)[0])] = True
        for _ in range(piece.size):
            wider = reached.copy()
            wider[1:] |= reached[:-1]
            wider[:-1] |= reached[1:]
            wider[:, 1:] |= reached[:, :-1]
            wider[:, :-1] |= reached[:, 1:]
            reached = wider & piece
        np.testing.assert_array_equal(reached, piece)
    np.testing.assert_array_equal(seen, grid)


@given(grids, st.data())
def test_shares_of_a_grid_are_exact_along_lines(
    grid: NDArray[np.bool_], data: st.DataObject
) -> None:
    rows, columns = grid.shape
    x, y = data.draw(st.integers(-2, columns)), data.draw(st.integers(-2, rows))
    width, height = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    inside = grid[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
    area = GridArea(grid, (10 * columns, 10 * rows))
    box = np.array([[x, y, width, height]], float) * 10
    share = shares(area, box, lines=60 * height)
    np.testing.assert_allclose(share, inside.sum() / (width * height), atol=1e-9)
