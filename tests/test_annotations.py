"""Polygons of GeoJSON files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import openslide
from openslide.annotations import UNCLASSIFIED, Annotations, origin_offset
from openslide.tiles import TileGrid
from openslide.tissue import TissueMask
from tests.slides import SlideFacts

DIMENSIONS = (4000, 2000)


def ring(x: float, y: float, width: float, height: float) -> list[list[float]]:
    right, lower = x + width, y + height
    return [[x, y], [right, y], [right, lower], [x, lower], [x, y]]


def feature(name: Any, *rings: Any, **members: Any) -> dict[str, Any]:
    properties: dict[str, Any] = {"objectType": "annotation"}
    if name is not None:
        properties["classification"] = name
    geometry = {"type": "Polygon", "coordinates": list(rings)}
    return {"type": "Feature", "geometry": geometry, "properties": properties} | members


def write(folder: Path, *features: Any, **members: Any) -> Path:
    path = folder / "drawn.geojson"
    document = {"type": "FeatureCollection", "features": list(features)}
    path.write_text(json.dumps(document | members))
    return path


def shares(mask: TissueMask, *boxes: tuple[float, float, float, float]) -> list[float]:
    return list(mask.fractions(np.array(boxes, float)))


# What files hold


def test_classes_as_qupath_writes_them(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        feature({"name": "Tumor", "color": [200, 0, 0]}, ring(0, 0, 100, 100)),
        feature({"name": "Stroma", "colorRGB": -6895466}, ring(200, 0, 100, 100)),
        feature({"names": ["Tumor", "Positive"]}, ring(400, 0, 100, 100)),
        feature("Necrosis", ring(600, 0, 100, 100)),
        feature(None, ring(800, 0, 100, 100)),
    )
    drawn = Annotations.read(path, DIMENSIONS)
    names = ("Tumor", "Stroma", "Tumor: Positive", "Necrosis", UNCLASSIFIED)
    assert drawn.classes == names
    assert [name for name, _ in drawn] == list(names)
    assert drawn.only(["Stroma", "Necrosis"]).classes == ("Stroma", "Necrosis")
    assert len(drawn.only(["Tumor"])) == 1
    assert repr(drawn.only(["Tumor"])) == "<Annotations: 1 polygons of Tumor>"
    with pytest.raises(ValueError, match="'Tumour'; there are 'Necrosis', 'Stroma'"):
        drawn.only(["Tumour"])


def test_objects_within_objects_and_nuclei(tmp_path: Path) -> None:
    nucleus = {"type": "Polygon", "coordinates": [ring(510, 510, 10, 10)]}
    cell = feature(None, ring(500, 500, 40, 40), nucleusGeometry=nucleus)
    parent = feature({"name": "Tumor"}, ring(0, 0, 100, 100))
    parent["properties"]["childObjects"] = [cell]
    drawn = Annotations.read(write(tmp_path, parent), DIMENSIONS)
    assert [name for name, _ in drawn] == ["Tumor", UNCLASSIFIED]
    assert [rings[0][0].tolist() for _, rings in drawn] == [[0, 0], [500, 500]]


def test_points_and_lines_are_told(tmp_path: Path) -> None:
    point = feature(None) | {"geometry": {"type": "Point", "coordinates": [1, 2]}}
    line = {"geometry": {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}}
    path = write(tmp_path, point, point, feature(None) | line)
    with pytest.raises(ValueError, match="no polygon, only 1 LineString, 2 Point"):
        Annotations.read(path, DIMENSIONS)
    path = write(tmp_path, point, feature(None, ring(0, 0, 5, 5)))
    assert Annotations.read(path, DIMENSIONS).ignored == {"Point": 1}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "<html>",
        "[" * 100_000,
        '{"type": "Polygon", "coordinates": [[1, 2]]}',
        '{"type": "Polygon", "coordinates": [[[1, 2], [3]]]}',
        '{"type": "Polygon", "coordinates": [[["a", "b"], [1, 2], [3, 4]]]}',
        '{"type": "Polygon", "coordinates": [[[1, 2], [NaN, 3], [3, 4]]]}',
        '{"type": "Polygon", "coordinates": [[[1, 2], [Infinity, 3], [3, 4]]]}',
        '{"type": "Polygon", "coordinates": [[]]}',
        '{"type": "Polygon", "coordinates": [7]}',
        '{"type": "MultiPolygon", "coordinates": [7]}',
        '{"type": "Polygon", "coordinates": []}',
        '{"type": "Polygon"}',
        '{"type": "FeatureCollection", "features": []}',
        '{"type": "FeatureCollection", "features": [{"type": "Feature"}]}',
        "[null, 3]",
        "\xff",
    ],
)
def test_what_is_no_annotation(tmp_path: Path, text: str) -> None:
    path = tmp_path / "drawn.geojson"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"drawn\.geojson"):
        Annotations.read(path, DIMENSIONS)


MEMBERS = "type features geometry geometries coordinates properties classification"
KINDS = "Feature FeatureCollection GeometryCollection Polygon MultiPolygon Point"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from([*MEMBERS.split(), "name", "names", "childObjects"]),
                inner | st.sampled_from(KINDS.split()),
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
@settings(max_examples=60)
def test_any_json_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, document: Any
) -> None:
    path = tmp_path_factory.mktemp("any") / "any.geojson"
    path.write_text(json.dumps(document))
    reason = "any.geojson"
    try:
        assert len(Annotations.read(path, DIMENSIONS)) > 0
    except ValueError as error:
        reason = str(error)
    assert "any.geojson" in reason


def test_heights_and_open_rings_are_fine(tmp_path: Path) -> None:
    corners = [[x, y, 7] for x, y in ring(100, 100, 200, 100)[:-1]]
    path = write(tmp_path, feature(None, corners))
    mask = TissueMask.from_geojson(path, DIMENSIONS)
    assert shares(mask, (0, 0, 400, 300)) == pytest.approx([1 / 6])


def test_polygons_of_another_slide(tmp_path: Path) -> None:
    path = write(tmp_path, feature(None, ring(9000, 100, 10, 10)))
    with pytest.raises(ValueError, match=r"drawn\.geojson.*no polygon lies on") as told:
        Annotations.read(path, DIMENSIONS)
    assert "(9000.0, 100.0) to (9010.0, 110.0)" in str(told.value)


# Where they count from


@pytest.fixture
def bounded(slides: Mapping[str, SlideFacts]) -> openslide.OpenSlide:
    """A slide whose bounds begin at (160, 128)."""
    return openslide.OpenSlide(slides["leica"].path)


def test_origins(tmp_path: Path, bounded: openslide.OpenSlide) -> None:
    left, top, *_ = bounded.bounds
    assert (left, top) == (160, 128)
    assert origin_offset(bounded) == (left, top)
    assert origin_offset(bounded, "slide") == (0, 0)
    path = write(tmp_path, feature(None, ring(512, 256, 512, 512)))
    origins: tuple[Any, ...] = (None, "bounds")
    for origin in origins:
        grid = TileGrid(bounded, 64, mask=path, mask_origin=origin, min_tissue=0.5)
        assert grid.locations.min(axis=0).tolist() == [512 + left, 256 + top]
        assert grid.locations.max(axis=0).tolist() == [960 + left, 704 + top]
        assert Annotations.read(path, bounded, origin).offset == (left, top)
    drawn = Annotations.read(path, bounded, "slide")
    assert next(iter(drawn))[1][0][0].tolist() == [512, 256]
    with pytest.raises(ValueError, match="'corner'"):
        Annotations.read(path, bounded, "corner")  # type: ignore[arg-type]


@pytest.mark.parametrize("origin", ["bounds", "slide"])
def test_files_of_ours_say_where_they_count_from(
    tmp_path: Path, bounded: openslide.OpenSlide, origin: Any
) -> None:
    path = write(tmp_path, feature({"name": "Tumor"}, ring(512, 256, 100, 50)))
    drawn = Annotations.read(path, bounded)
    path.write_bytes(drawn.geojson(origin_offset(bounded, origin), origin))
    again = Annotations.read(path, bounded)
    (name, rings), (other_name, other_rings) = next(iter(drawn)), next(iter(again))
    assert name == other_name == "Tumor"
    np.testing.assert_array_equal(rings, other_rings)


# What they cover


def test_polygons_are_exact_at_the_scale_of_tiles(tmp_path: Path) -> None:
    """On a slide that is a thousand times as wide as a picture of it would be."""
    wide = (2_048_000, 4096)
    path = write(tmp_path, feature(None, ring(1_000_003, 1001, 50, 20)))
    mask = TissueMask.from_geojson(path, wide)
    boxes = [(1_000_000, 1000, 64, 64), (1_000_003, 1001, 10, 10), (999_900, 0, 100, 9)]
    assert shares(mask, *boxes) == pytest.approx([1000 / 4096, 1, 0])


corners = st.lists(st.tuples(*[st.integers(-20, 220)] * 2), min_size=3, max_size=7)


@given(polygons=st.lists(corners, min_size=1, max_size=5), data=st.data())
@settings(max_examples=60)
def test_shares_are_those_of_points(
    polygons: list[list[tuple[int, int]]], data: st.DataObject
) -> None:
    """By the even-odd rule, point by point, for each polygon; any of them is enough."""
    dimensions = (200, 150)
    drawn = Annotations(((None, [polygon]) for polygon in polygons), dimensions)
    mask = TissueMask.from_annotations(drawn)
    x, y = data.draw(st.integers(-10, 180)), data.draw(st.integers(-10, 140))
    size = data.draw(st.sampled_from([16, 40]))
    step = size / 128
    points_y, points_x = (np.mgrid[:128, :128] + 0.5) * step + np.array(
        [[[y]], [[x]]], float
    )
    is_in = np.zeros((128, 128), bool)
    for polygon in polygons:
        is_inside = np.zeros((128, 128), bool)
        for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
            if y0 != y1:
                meets = (points_y >= min(y0, y1)) & (points_y < max(y0, y1))
                at = x0 + (points_y - y0) * (x1 - x0) / (y1 - y0)
                is_inside ^= meets & (at <= points_x)
        is_in |= is_inside
    is_in &= (points_x >= 0) & (points_x < 200) & (points_y >= 0) & (points_y < 150)
    share = mask.fractions(np.array([[x, y, size, size]], float), lines=128)
    assert share == pytest.approx(is_in.mean(), abs=0.04)


def test_ignored_polygons_take_away(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        feature({"name": "Ignore*"}, ring(100, 100, 100, 100)),
        feature({"name": "Tumor"}, ring(0, 0, 400, 200)),
        feature({"name": "Stroma"}, ring(400, 0, 400, 200)),
    )
    mask = TissueMask.from_geojson(path, DIMENSIONS)
    boxes = [(0, 0, 400, 200), (100, 100, 100, 100), (400, 0, 400, 200)]
    assert shares(mask, *boxes) == [7 / 8, 0, 1]
    assert mask.classes == ("Tumor", "Stroma")
    assert mask.class_shares(np.array(boxes[:1], float)).tolist() == [[7 / 8, 0]]
    tumor = TissueMask.from_geojson(path, DIMENSIONS, classes=["Tumor"])
    assert shares(tumor, *boxes) == [7 / 8, 0, 0]
    assert tumor.classes == ("Tumor",)
    with pytest.raises(ValueError, match=r"drawn\.geojson.*'Tumour'; there are 'Ign"):
        TissueMask.of(path, DIMENSIONS, classes=["Tumour"])
    path = write(tmp_path, feature({"name": "Ignore*"}, ring(100, 100, 100, 100)))
    with pytest.raises(ValueError, match=r"no polygon is wanted: all are of Ignore\*"):
        TissueMask.from_geojson(path, DIMENSIONS)


def test_tiles_know_their_classes(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        feature({"name": "Tumor"}, ring(0, 0, 160, 100)),
        feature({"name": "Stroma"}, ring(160, 0, 240, 100)),
        feature({"name": "Ignore*"}, ring(350, 0, 50, 100)),
    )
    slide = openslide.ImageSlide(Image.new("RGB", (400, 200)))
    grid = TileGrid(slide, 100, mask=path, min_tissue=0)
    assert grid.classes == ("Tumor", "Stroma")
    assert grid.labels == ["Tumor", "Tumor", "Stroma", "Stroma"] + [""] * 4
    assert grid.class_shares[:4].tolist() == pytest.approx(
        np.array([[1, 0], [0.6, 0.4], [0, 1], [0, 0.5]], np.float32)
    )
    assert grid[1].label == "Tumor"
    assert grid[1].shares == pytest.approx({"Tumor": 0.6, "Stroma": 0.4})
    assert grid[1:3].labels == ["Tumor", "Stroma"]
    assert TileGrid(slide, 100)[0].label == ""
    chosen = TileGrid(slide, 100, mask=path, mask_classes=["Stroma"])
    assert chosen.cells.tolist() == [[1, 0], [2, 0], [3, 0]]


def test_many_polygons_cost_what_they_have_of_corners(tmp_path: Path) -> None:
    """Each within its own box: a thousand small ones on a slide of 10 gigapixels."""
    rng = np.random.default_rng(3)
    corner = rng.integers(0, 99_000, (1000, 2)).tolist()
    path = write(tmp_path, *(feature(None, ring(x, y, 64, 64)) for x, y in corner))
    mask = TissueMask.from_geojson(path, (100_000, 100_000))
    boxes = np.array([[x, y, 64, 64] for x, y in corner], float)
    np.testing.assert_array_equal(mask.fractions(boxes), 1)
