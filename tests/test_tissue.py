"""Where tissue is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw

import openslide
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
