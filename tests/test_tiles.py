"""TileGrid: where tiles are, and what they show."""

from __future__ import annotations

import copy
import importlib.util
import math
import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import openslide
from openslide.tiles import Tile, TileGrid
from tests.own_slide import OwnSlide
from tests.slides import SlideFacts
from tests.slides.content import reference


@pytest.fixture
def slide(slides: Mapping[str, SlideFacts]) -> openslide.OpenSlide:
    """2048 x 1536 pixels at 0.5 mpp, levels 1, 4 and 16."""
    return openslide.OpenSlide(slides["aperio-jpeg"].path)


def gradient(width: int, height: int) -> openslide.ImageSlide:
    """A slide whose pixels tell where they are."""
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([x % 256, y % 256, (x // 256 + y // 256) % 256], axis=2)
    return openslide.ImageSlide(Image.fromarray(pixels.astype(np.uint8)))


# Where tiles are


def test_tiles_of_a_level_cover_it(slide: openslide.OpenSlide) -> None:
    grid = TileGrid(slide, 100, level=1)  # 512 x 384
    assert grid.shape == (6, 4)
    assert len(grid) == 24
    assert grid.cells[7].tolist() == [1, 1]
    assert grid.positions[7].tolist() == [100, 100]
    assert grid.locations[7].tolist() == [400, 400]
    assert grid.boxes[7].tolist() == [400, 400, 400, 400]
    assert grid.micron_boxes[7].tolist() == [200, 200, 200, 200]
    assert grid.mpp == (2, 2)
    assert grid.exact


def test_overlapping_tiles_share_pixels(slide: openslide.OpenSlide) -> None:
    grid = TileGrid(slide, 100, overlap=20, level=1)
    assert grid.shape == (math.ceil((512 - 20) / 80), math.ceil((384 - 20) / 80))
    np.testing.assert_array_equal(grid[0].pixels[:, 80:], grid[1].pixels[:, :20])


@given(
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    size=st.integers(1, 90),
    overlap=st.integers(0, 89),
)
@settings(max_examples=60)
def test_tiles_cover_every_pixel_and_no_tile_is_idle(
    width: int, height: int, size: int, overlap: int
) -> None:
    overlap %= size
    grid = TileGrid(gradient(width, height), size, overlap=overlap)
    covered = np.zeros((height, width), int)
    for x, y in grid.positions:
        assert x < width
        assert y < height
        covered[y : y + size, x : x + size] += 1
    assert covered.min() == 1 or (overlap and covered.min() >= 1)
    columns, rows = grid.shape  # the last one adds something
    step = size - overlap
    assert columns == 1 or (columns - 1) * step + overlap < width
    assert rows == 1 or (rows - 1) * step + overlap < height


def test_bounds_leave_out_what_was_not_scanned(
    slides: Mapping[str, SlideFacts],
) -> None:
    with openslide.OpenSlide(slides["leica"].path) as slide:
        x, y, width, height = slide.bounds
        assert (x, y, width, height) != (0, 0, *slide.dimensions)
        inside, everything = TileGrid(slide, 128), TileGrid(slide, 128, bounds=False)
        assert inside.positions[0].tolist() == [x, y]
        assert everything.positions[0].tolist() == [0, 0]
        assert inside.shape == (math.ceil(width / 128), math.ceil(height / 128))


# What tiles show


def test_tiles_are_stored_pixels(slide: openslide.OpenSlide) -> None:
    for tile in TileGrid(slide, (90, 70), level=1)[:9]:
        x, y = map(int, tile.position)
        expected = slide.read_array((4 * x, 4 * y), 1, (90, 70))
        np.testing.assert_array_equal(tile.pixels, expected)
        assert tile.box == (4 * x, 4 * y, 360, 280)
        assert tile.microns == (2 * x, 2 * y, 180, 140)


def test_tiles_at_the_edge_are_filled_up() -> None:
    grid = TileGrid(gradient(150, 90), 100, background="#0a0b0c")
    pixels = grid.read()
    assert pixels.shape == (2, 100, 100, 3)
    assert (pixels[1, :90, :50, 0] == np.arange(100, 150)).all()
    assert (pixels[1, 90:] == [10, 11, 12]).all()
    assert (pixels[1, :, 50:] == [10, 11, 12]).all()


def test_tiles_with_alpha(slide: openslide.OpenSlide) -> None:
    grid = TileGrid(slide, 1000, mode="RGBA")
    pixels = grid[len(grid) - 1].pixels  # at the lower right corner
    assert pixels.shape == (1000, 1000, 4)
    assert (pixels[:536, :48, 3] == 255).all()
    assert not pixels[536:].any()


# Resolutions


@pytest.mark.parametrize(
    ("mpp", "level", "scale"),
    [(0.5, 0, 1), (0.509, 0, 1), (0.491, 0, 1), (1, 0, 2), (1.9, 0, 3.8), (1.97, 1, 1),
     (2.03, 1, 1), (4, 1, 2), (8, 2, 1), (20, 2, 2.5)],
)  # fmt: skip
def test_the_best_level_for_a_resolution(
    slide: openslide.OpenSlide, mpp: float, level: int, scale: float
) -> None:
    grid = TileGrid(slide, 64, mpp=mpp)
    assert grid.level == level
    assert grid.mpp is not None
    assert grid.mpp == pytest.approx((0.5 * 4**level * scale,) * 2)
    assert grid.exact == (scale == 1)


@pytest.mark.parametrize(
    ("downsample", "is_exact"),
    [(2.0, True), (2.5, False), (math.inf, False)],
)
def test_levels_between_pixels(downsample: float, is_exact: bool) -> None:
    class Painted(OwnSlide):
        DOWNSAMPLE = downsample

        def read_region(
            self, location: tuple[int, int], level: int, size: tuple[int, int]
        ) -> Image.Image:
            return Image.new("RGBA", size)

    assert TileGrid(Painted(), 10, level=0).exact
    grid = TileGrid(Painted(), 10, level=1)
    assert grid.exact == is_exact


def test_resampled_tiles_fit_together() -> None:
    """They are what resampling the whole picture at once gives."""
    slide = gradient(700, 500)
    pixels = np.asarray(Image.fromarray(reference()[600:1100, 600:1300]))
    slide = openslide.ImageSlide(Image.fromarray(pixels))
    grid = TileGrid(slide, 80, mpp=1.25, slide_mpp=0.5)
    assert grid.shape == (4, 3)
    whole = Image.fromarray(pixels).resize((280, 200), Image.Resampling.BICUBIC)
    expected = np.asarray(whole)
    for tile in grid:
        column, row = tile.cell
        if column < 3 and row < 2:  # others reach across the edge
            x, y = 80 * column, 80 * row
            part = expected[y : y + 80, x : x + 80].astype(int)
            inner = np.s_[: 70 if row == 1 else 80, :]
            difference = abs(tile.pixels.astype(int) - part)[inner]
            assert difference.max() <= 2  # rounding, but for the slide's own edge
            assert tile.box == pytest.approx((200 * column, 200 * row, 200, 200))


def test_resampling_does_not_depend_on_the_tile(slide: openslide.OpenSlide) -> None:
    small = TileGrid(slide, 50, mpp=1.3)
    large = TileGrid(slide, 150, mpp=1.3)
    together = large[0].pixels
    columns = small.shape[0]
    for row in range(3):
        for column in range(3):
            part = small[row * columns + column].pixels.astype(int)
            whole = together[50 * row :, 50 * column :][:50, :50]
            assert abs(part - whole).max() <= 1


def test_a_slide_without_resolution(tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    Image.new("RGB", (64, 64)).save(path)
    with openslide.open_slide(path) as slide:
        with pytest.raises(ValueError, match="slide_mpp") as raised:
            TileGrid(slide, 32, mpp=1)
        assert "scan.png" in str(raised.value)
        assert TileGrid(slide, 32).mpp is None
        assert np.isnan(TileGrid(slide, 32).micron_boxes).all()
        assert TileGrid(slide, 32, mpp=1, slide_mpp=0.5).shape == (1, 1)
        assert TileGrid(slide, 32, mpp=1, slide_mpp=(0.5, 0.25)).mpp == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"mpp": 0.3}, "coarser than 0.3"),
        ({"mpp": 0}, "positive"),
        ({"mpp": math.nan}, "positive"),
        ({"mpp": 1, "level": 0}, "not both"),
        ({"level": 3}, "level 3"),
        ({"size": 0}, "size"),
        ({"size": (5, -1)}, "size"),
        ({"overlap": 32}, "overlap"),
        ({"overlap": -1}, "overlap"),
        ({"slide_mpp": 0}, "slide_mpp"),
        ({"mode": "L"}, "mode"),
        ({"min_tissue": 1.5}, "min_tissue"),
        ({"background": "no colour"}, "no colour"),
    ],
)
def test_wrong_arguments(
    slide: openslide.OpenSlide, arguments: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        TileGrid(slide, **{"size": 32} | arguments)


# A sequence


def test_is_a_sequence(slide: openslide.OpenSlide) -> None:
    grid = TileGrid(slide, 200, level=1)
    tiles = list(grid)
    assert len(tiles) == len(grid) == 6
    assert all(isinstance(tile, Tile) for tile in tiles)
    np.testing.assert_array_equal(grid[-1].pixels, tiles[5].pixels)
    numpy_index: Any = np.int64(2)
    np.testing.assert_array_equal(grid[numpy_index].pixels, tiles[2].pixels)
    part = grid[1:6:2]
    assert isinstance(part, TileGrid)
    assert [tile.cell for tile in part] == [tiles[i].cell for i in (1, 3, 5)]
    assert len(grid[:0]) == 0
    assert grid[:0].read().shape == (0, 200, 200, 3)
    for number in (6, -7):
        with pytest.raises(IndexError, match=str(number)):
            grid[number]


@pytest.mark.parametrize("least", [0, 0.0])
def test_no_tissue_is_enough(slide: openslide.OpenSlide, least: float) -> None:
    mask = np.zeros((15, 20), bool)
    mask[0, 0] = True
    assert len(TileGrid(slide, 100, mask=mask, min_tissue=least)) == len(
        TileGrid(slide, 100)
    )
    assert len(TileGrid(slide, 100, mask=mask)) < len(TileGrid(slide, 100))


@pytest.mark.parametrize("prefetch", [0, 1, 3])
@pytest.mark.parametrize("mpp", [None, 1.3])
def test_batches(slide: openslide.OpenSlide, prefetch: int, mpp: float | None) -> None:
    grid = TileGrid(slide, 200, mpp=mpp)
    batches = list(grid.batches(7, workers=2, prefetch=prefetch))
    assert [len(batch) for batch in batches[:-1]] == [7] * (len(batches) - 1)
    assert all(batch.flags.c_contiguous for batch in batches)
    np.testing.assert_array_equal(np.concatenate(batches), grid.read())


def test_batches_may_be_left(slide: openslide.OpenSlide) -> None:
    for _ in TileGrid(slide, 50).batches(3, prefetch=2):
        break
    slide.read_region((0, 0), 0, (1, 1))


@pytest.mark.parametrize("arguments", [{"n": 0}, {"n": 1, "prefetch": -1}])
def test_wrong_batches(slide: openslide.OpenSlide, arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"batch|prefetch"):
        TileGrid(slide, 50).batches(**arguments)


def test_opens_and_closes_a_slide(slides: Mapping[str, SlideFacts]) -> None:
    with TileGrid(slides["aperio-jpeg"].path, 64) as grid:
        inner = grid.slide
        assert grid[0].pixels.shape == (64, 64, 3)
    with pytest.raises(ValueError, match="closed"):
        inner.read_region((0, 0), 0, (1, 1))
    with openslide.OpenSlide(slides["aperio-jpeg"].path) as slide:
        TileGrid(slide, 64).close()
        slide.read_region((0, 0), 0, (1, 1))


def test_tells_what_it_is(slide: openslide.OpenSlide) -> None:
    grid = TileGrid(slide, (100, 60), level=1)
    columns, rows = grid.shape
    assert repr(grid[:5]) == (
        f"<TileGrid of {slide!r}: 5 of {columns} x {rows} tiles of 100 x 60 pixels, "
        "level 1>"
    )


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda grid: pickle.loads(pickle.dumps(grid))],
)
def test_is_copied_and_pickled(slide: openslide.OpenSlide, duplicate: Any) -> None:
    grid = TileGrid(slide, 100, mpp=1.3, min_tissue=0.5)
    other = duplicate(grid)
    assert len(other) == len(grid)
    np.testing.assert_array_equal(other[3].pixels, grid[3].pixels)


def test_honours_an_overridden_read_region(slides: Mapping[str, SlideFacts]) -> None:
    class Inverted(openslide.OpenSlide):
        def read_region(self, *arguments: Any) -> Image.Image:
            return Image.eval(super().read_region(*arguments), lambda v: 255 - v)

    path = slides["aperio-jpeg"].path
    with Inverted(path) as inverted, openslide.OpenSlide(path) as plain:
        pixels = TileGrid(plain, 64, mode="RGBA")[5].pixels
        np.testing.assert_array_equal(
            TileGrid(inverted, 64, mode="RGBA")[5].pixels, 255 - pixels
        )


def test_tells_which_tiles_are_good(slide: openslide.OpenSlide) -> None:
    pixels, good = TileGrid(slide, 500, level=1).read_masked()
    assert good.all()
    assert len(pixels) == len(good)


# Masks


def test_mask_from_an_array(slide: openslide.OpenSlide) -> None:
    mask = np.zeros((12, 16), bool)  # a pixel for 128 x 128
    mask[2:4, 3:5] = True
    grid = TileGrid(slide, 128, mask=mask)
    assert grid.cells.tolist() == [[3, 2], [4, 2], [3, 3], [4, 3]]
    assert len(TileGrid(slide, 256, mask=mask)) == 2
    assert len(TileGrid(slide, 256, mask=mask, min_tissue=0.51)) == 0
    assert len(TileGrid(slide, 256, mask=mask, min_tissue=0.5)) == 2


def test_tissue_is_looked_for(slide: openslide.OpenSlide) -> None:
    grid = TileGrid(slide, 64, min_tissue=0.9)
    everything = TileGrid(slide, 64)
    assert 0 < len(grid) < len(everything)
    chosen = {tuple(cell) for cell in grid.cells.tolist()}
    inside = [tile.pixels.mean() for tile in grid]
    outside = [t.pixels.mean() for t in everything if t.cell not in chosen]
    assert np.mean(inside) < np.mean(outside)


# Worker processes


@pytest.mark.parametrize("method", ["fork", "spawn", "torch-fork", "torch-spawn"])
def test_a_grid_is_a_dataset(
    run_isolated: Callable[..., str], slides: Mapping[str, SlideFacts], method: str
) -> None:
    if "fork" in method and not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    if "torch" in method and importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    run_isolated("grid_data_loader", method, slides["aperio-jpeg"].path)


# Other ways to place tiles


def test_a_stride_is_an_overlap_or_leaves_gaps(slide: openslide.OpenSlide) -> None:
    width, _ = slide.dimensions
    overlapping = TileGrid(slide, 100, stride=80)
    same = TileGrid(slide, 100, overlap=20)
    np.testing.assert_array_equal(overlapping.boxes, same.boxes)
    apart = TileGrid(slide, 100, stride=150)
    assert apart.shape[0] == -(-width // 150)
    columns = apart.cells[:, 0] * 150
    np.testing.assert_array_equal(apart.boxes[:, 0], columns)
    assert apart.boxes[:, 0].max() < width
    assert (apart.stride, same.stride) == ((150, 150), (80, 80))


@pytest.mark.parametrize("options", [{"stride": 0}, {"stride": 5, "overlap": 5}])
def test_strides_that_make_no_sense(
    slide: openslide.OpenSlide, options: dict[str, int]
) -> None:
    with pytest.raises(ValueError, match="stride"):
        TileGrid(slide, 100, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("mpp", [0.8, 1.0, 2.0])
def test_tiles_around_others_have_their_centres(
    slide: openslide.OpenSlide, mpp: float
) -> None:
    grid = TileGrid(slide, 64, mpp=0.5, slide_mpp=0.5)
    around = grid[3:8].around(mpp)
    assert around.mpp == pytest.approx((mpp, mpp))
    assert (len(around), around.shape, around.size) == (5, grid.shape, grid.size)

    def centres(boxes: NDArray[Any]) -> NDArray[Any]:
        return boxes[:, :2] + boxes[:, 2:] / 2

    np.testing.assert_allclose(
        centres(around.boxes), centres(grid.boxes[3:8]), atol=around.scale[0] / 2
    )
    np.testing.assert_allclose(around.boxes[:, 2:], 64 * mpp / 0.5)
    np.testing.assert_array_equal(around[1:2].read()[0], around.read()[1])
    if mpp == 2.0:  # stored pixels, to be found elsewhere
        x, y = around.positions[2].tolist()
        expected = slide.read_batch(
            [(x, y)], around.level, (64, 64), coordinates="level"
        )
        np.testing.assert_array_equal(around.read()[2:3], expected)
