"""Where tissue is."""

from __future__ import annotations

import itertools
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw

import openslide
from openslide.annotations import Annotations
from openslide.tissue import TissueMask
from tests.slides.content import tissue

DIMENSIONS = (4000, 2000)


def painted(*, specks: bool = False, holes: bool = False) -> openslide.ImageSlide:
    """Two pieces of tissue on a bright field, 1200 x 800 pixels."""
    rng = np.random.default_rng(5)
    image = Image.fromarray(rng.integers(238, 244, (800, 1200, 3), np.uint8))
    draw = ImageDraw.Draw(image)
    draw.ellipse((100, 100, 500, 700), (200, 120, 170))
    draw.rectangle((700, 200, 1099, 599), (150, 90, 160))
    if specks:
        draw.rectangle((600, 20, 604, 24), (200, 120, 170))
    if holes:
        draw.rectangle((800, 300, 805, 305), (240, 240, 240))
    return openslide.ImageSlide(image)


def test_finds_stained_pixels() -> None:
    mask = TissueMask.detect(painted())
    assert mask.dimensions == (1200, 800)
    truth = Image.new("1", (1200, 800))
    draw = ImageDraw.Draw(truth)
    draw.ellipse((100, 100, 500, 700), 1)
    draw.rectangle((700, 200, 1099, 599), 1)
    assert (mask.array == np.asarray(truth)).mean() > 0.995


def test_removes_specks_and_fills_holes() -> None:
    mask = TissueMask.detect(painted(specks=True, holes=True))
    np.testing.assert_array_equal(mask.array, TissueMask.detect(painted()).array)


def test_tells_what_it_is() -> None:
    mask = TissueMask(np.eye(4, dtype=bool), (400, 300))
    assert repr(mask) == "<TissueMask 4 x 4 over (400, 300), 25% wanted>"


def test_an_empty_slide_has_no_tissue() -> None:
    rng = np.random.default_rng(5)
    noise = rng.integers(236, 246, (500, 700, 3), np.uint8)
    slide = openslide.ImageSlide(Image.fromarray(noise))
    assert TissueMask.detect(slide).array.mean() < 0.001


def test_a_slide_full_of_tissue_is_wanted_throughout() -> None:
    image = tissue(3000, 3000, seed=7)
    means = image.reshape(12, 250, 12, 250, 3).mean(axis=(1, 3, 4))
    row, column = np.unravel_index(means.argmin(), means.shape)
    full = image[250 * row : 250 * row + 250, 250 * column : 250 * column + 250]
    slide = openslide.ImageSlide(Image.fromarray(np.tile(full, (2, 2, 1))))
    assert TissueMask.detect(slide).array.mean() > 0.95


@given(
    mask=hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)),
    box=st.tuples(*[st.integers(0, 11)] * 2, *[st.integers(1, 12)] * 2),
)
def test_fractions_count_pixels(
    mask: np.ndarray[Any, np.dtype[np.bool_]], box: tuple[int, int, int, int]
) -> None:
    x, y, width, height = box
    rows, columns = mask.shape
    tissue_mask = TissueMask(mask, (10 * columns, 10 * rows))
    boxes = np.array([box, (x, y, 1, 1)], float) * 10
    wanted = mask[y : y + height, x : x + width].sum() / (width * height)
    inside = x < columns and y < rows and mask[y, x]
    assert tissue_mask.fractions(boxes) == pytest.approx([wanted, float(inside)])


def test_a_box_smaller_than_a_pixel_is_that_pixel() -> None:
    mask = TissueMask([[0, 1]], (200, 100))
    boxes = np.array([[10, 10, 1, 1], [150, 99, 1, 1], [99.5, 5, 1, 1]], float)
    assert mask.fractions(boxes).tolist() == [0, 1, 0.5]


@pytest.mark.parametrize("wanted", [[], [1, 0], np.zeros((2, 2, 2)), np.zeros((0, 5))])
def test_a_mask_has_two_dimensions(wanted: Any) -> None:
    with pytest.raises(ValueError, match="two dimensions"):
        TissueMask(wanted, DIMENSIONS)


# Masks from users

SQUARE = [[1000, 500], [3000, 500], [3000, 1500], [1000, 1500], [1000, 500]]
HOLE = [[1800, 900], [2200, 900], [2200, 1100], [1800, 1100], [1800, 900]]


def feature(geometry: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "id": "x", "geometry": geometry, "properties": {}}


def polygon(*rings: list[list[int]]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


@pytest.mark.parametrize(
    "document",
    [
        polygon(SQUARE, HOLE),
        feature(polygon(SQUARE, HOLE)),
        {"type": "FeatureCollection", "features": [feature(polygon(SQUARE, HOLE))]},
        [feature(polygon(SQUARE, HOLE))],
        {"type": "GeometryCollection", "geometries": [polygon(SQUARE, HOLE)]},
        {"type": "MultiPolygon", "coordinates": [[SQUARE, HOLE]]},
        [feature({"type": "Point", "coordinates": [1, 2]}), polygon(SQUARE, HOLE)],
    ],
)
def test_polygons(tmp_path: Path, document: Any) -> None:
    path = tmp_path / "annotations.geojson"
    path.write_text(json.dumps(document))
    mask = TissueMask.of(path, DIMENSIONS)
    share = (2000 * 1000 - 400 * 200) / (4000 * 2000)
    assert mask.array.mean() == pytest.approx(share, abs=0.003)
    boxes = np.array(
        [[1100, 600, 500, 300], [1850, 950, 300, 100], [0, 0, 900, 400]], float
    )
    assert mask.fractions(boxes).tolist() == [1, 0, 0]


def test_a_hole_leaves_other_polygons_alone(tmp_path: Path) -> None:
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps([polygon(HOLE), polygon(SQUARE, HOLE)]))
    mask = TissueMask.from_geojson(path, DIMENSIONS)
    assert mask.fractions(np.array([[1850.0, 950, 300, 100]])).tolist() == [1]


def test_a_file_without_polygons(tmp_path: Path) -> None:
    path = tmp_path / "empty.geojson"
    path.write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(ValueError, match=r"empty\.geojson.*no polygon"):
        TissueMask.of(path, DIMENSIONS)


def test_images_and_arrays(tmp_path: Path) -> None:
    image = Image.new("L", (40, 20))
    ImageDraw.Draw(image).rectangle((10, 5, 29, 14), 255)
    path = tmp_path / "mask.png"
    image.save(path)
    expected = np.asarray(image) > 0
    for mask in (image, path, str(path), expected, expected.tolist()):
        np.testing.assert_array_equal(TissueMask.of(mask, DIMENSIONS).array, expected)
    given_mask = TissueMask(expected, DIMENSIONS)
    assert TissueMask.of(given_mask, DIMENSIONS) is given_mask
    with pytest.raises(ValueError, match=r"\(1, 1\)"):
        TissueMask.of(given_mask, (1, 1))


def test_says_how_to_get_scipy(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['scipy'] = None\n"
        "import openslide; from openslide.tissue import TissueMask\n"
        "from PIL import Image\n"
        "TissueMask.detect(openslide.ImageSlide(Image.new('RGB', (9, 9))))\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True
    )
    assert "openslide-native[tiles]" in process.stderr.splitlines()[-1]


# What is no tissue


@pytest.mark.parametrize(("level", "noise"), [(0, 1), (0, 12), (0, 60), (20, 15)])
def test_what_was_not_scanned_is_no_tissue(level: int, noise: int) -> None:
    rng = np.random.default_rng(5)
    pixels = np.array(painted()._opened)
    pixels[:, 500:] = rng.integers(level, level + noise, pixels[:, 500:].shape)
    mask = TissueMask.detect(openslide.ImageSlide(Image.fromarray(pixels)))
    expected = TissueMask.detect(painted()).array
    np.testing.assert_array_equal(mask.array[:, :480], expected[:, :480])
    assert not mask.array[:, 510:].any()


def test_the_black_of_fluorescence_is_no_tissue() -> None:
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 9, (600, 800, 3), np.uint8)
    pixels[100:200, 100:300] = (20, 30, 220)
    mask = TissueMask.detect(openslide.ImageSlide(Image.fromarray(pixels)))
    assert mask.array[100:200, 100:300].mean() > 0.9
    assert mask.array.sum() < 1.1 * 100 * 200


def test_thresholds_can_be_set() -> None:
    pale = Image.new("RGB", (400, 400), (240, 240, 240))
    ImageDraw.Draw(pale).rectangle((100, 100, 199, 199), (240, 231, 238))
    ImageDraw.Draw(pale).rectangle((300, 300, 309, 309), (150, 90, 160))
    slide = openslide.ImageSlide(pale)
    assert TissueMask.detect(slide).array.sum() == 100
    assert TissueMask.detect(slide, saturation=6).array.sum() == 10_100
    assert TissueMask.detect(slide, saturation=6, smallest_piece=101).array.sum() == (
        10_000
    )
    assert TissueMask.detect(slide, side=100).array.shape == (100, 100)
    for wrong in ({"saturation": 256}, {"smallest_hole": -1}, {"side": 0}):
        with pytest.raises(ValueError, match=r"must"):
            TissueMask.detect(slide, **wrong)


# Masks of masks

grids = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=8))


def square(x: int, y: int, side: int) -> TissueMask:
    """A mask of polygons on a slide of 16 x 16 pixels."""
    corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]
    return TissueMask.from_annotations(Annotations([(None, [corners])], (16, 16)))


@given(first=grids, second=grids, x=st.integers(0, 14), side=st.integers(1, 12))
@settings(max_examples=10)
def test_masks_combine_pixel_by_pixel(
    first: np.ndarray[Any, np.dtype[np.bool_]],
    second: np.ndarray[Any, np.dtype[np.bool_]],
    x: int,
    side: int,
) -> None:
    boxes = np.array([[a, b, 1, 1] for b in range(16) for a in range(16)], float)
    masks = [TissueMask(grid, (16, 16)) for grid in (first, second)]
    masks.append(square(x, 3, side))
    single = [mask.fractions(boxes) > 0.5 for mask in masks]
    middle = np.ones(len(boxes), bool)
    for mask in masks:  # where each pixel is in or out as a whole
        middle &= np.isin(mask.fractions(boxes), [0, 1])
    for (a, in_a), (b, in_b) in itertools.combinations(
        zip(masks, single, strict=True), 2
    ):
        for combined, expected in (
            (a & b, in_a & in_b),
            (a | b, in_a | in_b),
            (~a & b, ~in_a & in_b),
            (~(a | b), ~(in_a | in_b)),
            (a & ~b | b & ~a, in_a ^ in_b),
        ):
            found = combined.fractions(boxes)
            np.testing.assert_allclose(found[middle], expected[middle], atol=1e-6)


def test_combined_masks_are_of_one_slide() -> None:
    with pytest.raises(ValueError, match=r"\(1, 1\)"):
        square(0, 0, 9) & TissueMask([[1]], (1, 1))
    with pytest.raises(TypeError):
        square(0, 0, 9) & 5  # type: ignore[operator]


def test_combined_masks_keep_their_classes() -> None:
    drawn = Annotations([("Tumor", [SQUARE])], DIMENSIONS)
    tumor = TissueMask.from_annotations(drawn)
    everywhere = TissueMask([[1]], DIMENSIONS)
    assert (tumor & everywhere).classes == (everywhere | tumor).classes == ("Tumor",)
    assert (~tumor).classes == ()


# On a disk


def test_saved_masks_are_small_and_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    coarse = np.repeat(np.repeat(rng.integers(0, 2, (20, 40)), 50, axis=0), 50, axis=1)
    mask = TissueMask(coarse, (100_000, 50_000))
    drawn = TissueMask.from_annotations(
        Annotations([("Tumor", [SQUARE, HOLE])], (100_000, 50_000))
    )
    boxes = rng.uniform(0, 40_000, (200, 4))
    for name, kept in (("grid.png", mask), ("g.geojson", mask), ("p.json", drawn)):
        path = tmp_path / name
        kept.save(path)
        assert path.stat().st_size < 40_000
        loaded = TissueMask.load(path)
        assert loaded.dimensions == (100_000, 50_000)
        np.testing.assert_allclose(
            loaded.fractions(boxes), kept.fractions(boxes), atol=2e-3
        )
    np.testing.assert_array_equal(
        TissueMask.load(tmp_path / "grid.png").array, coarse == 1
    )
    assert TissueMask.load(tmp_path / "p.json").classes == ("Tumor",)
    with pytest.raises(ValueError, match=r"grid\.npz.*must end"):
        mask.save(tmp_path / "grid.npz")


@pytest.mark.parametrize("name", ["other.png", "other.geojson"])
def test_only_saved_masks_are_loaded(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("png"):
        Image.new("1", (5, 5)).save(path)
    else:
        path.write_text(json.dumps(polygon(SQUARE)))
    with pytest.raises(ValueError, match=r"other.*TissueMask\.save"):
        TissueMask.load(path)


def test_masks_are_pickled() -> None:
    mask = square(5, 5, 9) & TissueMask([[1, 0]], (16, 16))
    boxes = np.array([[0, 0, 12, 12]], float)
    copy = pickle.loads(pickle.dumps(mask))
    np.testing.assert_array_equal(copy.fractions(boxes), mask.fractions(boxes))
