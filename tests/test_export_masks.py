"""What of slides is cut: masks on the command line, and what is written of them."""

from __future__ import annotations

import csv
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from openslide import OpenSlide
from openslide.annotations import Annotations
from openslide.cli import main
from openslide.tissue import TissueMask
from tests.exports import contents, cut, write_tissue
from tests.slides import SlideFacts, write_generic


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two slides of 512 x 384 pixels: 8 x 6 tiles of 64."""
    folder = tmp_path_factory.mktemp("slides")
    write_tissue(folder, "a")
    write_tissue(folder / "more", "b")
    return folder


def drawn(path: Path, *shapes: tuple[str | None, int, int, int, int]) -> Path:
    """Rectangles: class, x, y, width, height."""
    features = []
    for name, x, y, width, height in shapes:
        right, lower = x + width, y + height
        ring = [[x, y], [right, y], [right, lower], [x, lower], [x, y]]
        properties = {"classification": {"name": name}} if name else {}
        geometry = {"type": "Polygon", "coordinates": [ring]}
        features.append(
            {"type": "Feature", "geometry": geometry, "properties": properties}
        )
    document = {"type": "FeatureCollection", "features": features}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def tiles(out: Path, name: str) -> set[tuple[int, int]]:
    """(column, row) of the tiles of a slide."""
    files = (out / name).glob("*.jpg")
    cells = (file.stem.rsplit("_", 2)[1:] for file in files)
    return {(int(column), int(row)) for column, row in cells}


def rows(out: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((out / f"{name}.csv").read_text().splitlines()))


# Masks of a folder


def test_each_slide_has_the_mask_that_is_called_like_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks, out = tmp_path / "masks", tmp_path / "out"
    drawn(masks / "a.geojson", (None, 0, 0, 64, 64))
    (masks / "more").mkdir()
    picture = Image.new("L", (8, 6))
    picture.putpixel((7, 5), 1)
    picture.save(masks / "more" / "b_mask.png")
    assert cut(out, folder, "--size=64", "--mask", masks) == 0
    assert tiles(out, "a") == {(0, 0)}
    assert tiles(out, "more_b") == {(7, 5)}
    options = json.loads((out / "more_b.json").read_text())["options"]
    assert options["mask"] == "b_mask.png"
    before = contents(out)
    assert cut(out, folder, "--size=64", "--mask", masks, "--resume") == 0
    assert contents(out) == before
    drawn(masks / "a.geojson", (None, 64, 0, 64, 64))
    (out / "a.csv").unlink()  # so that it is looked at again
    assert cut(out, folder, "--size=64", "--mask", masks, "--resume") == 1
    assert "choice-of-tiles" in capsys.readouterr().err
    assert (out / "a-mask.geojson").read_bytes() == before["a-mask.geojson"]


def test_slides_without_a_mask_are_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks, out = tmp_path / "masks", tmp_path / "out"
    drawn(masks / "a.tif.geojson", (None, 0, 0, 64, 64))
    (masks / "b.txt").write_text("no mask")
    assert cut(out, folder, "--size=64", "--mask", masks) == 1
    assert tiles(out, "a") == {(0, 0)}
    assert not (out / "more_b").exists()
    told = capsys.readouterr().err
    assert f"b.tif: there is no mask of it in {masks}, such as b.geojson or" in told


def test_masks_of_a_manifest_come_before_those_of_a_folder(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks, out = tmp_path / "masks", tmp_path / "out"
    write_tissue(tmp_path, "c")
    write_tissue(tmp_path, "d")
    drawn(masks / "b.geojson", (None, 64, 0, 64, 64))
    drawn(masks / "c.geojson", (None, 128, 0, 64, 64))
    drawn(tmp_path / "named.geojson", (None, 0, 0, 64, 64))
    manifest = tmp_path / "slides.csv"
    lines = [
        "slide,mask",
        f"{folder / 'a.tif'},named.geojson",  # of which the folder has none
        f"{folder / 'more' / 'b.tif'},",
        f"{tmp_path / 'c.tif'},named.geojson",  # of which it has another one
        f"{tmp_path / 'd.tif'},",  # which has none at all
    ]
    manifest.write_text("\n".join(lines))
    options = ("--manifest", manifest, "--size=64", "--mask", masks)
    assert cut(out, *options) == 1
    assert [tiles(out, name) for name in "abc"] == [{(0, 0)}, {(1, 0)}, {(0, 0)}]
    told = capsys.readouterr().err
    assert f"d.tif: there is no mask of it in {masks}" in told
    assert told.count("there is no mask") == 1
    assert not (out / "d.json").exists()


def test_ambiguous_masks_are_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks, out = tmp_path / "masks", tmp_path / "out"
    drawn(masks / "a.geojson", (None, 0, 0, 64, 64))
    drawn(masks / "old" / "a.geojson", (None, 0, 0, 64, 64))
    drawn(masks / "b.geojson", (None, 0, 0, 64, 64))
    write_tissue(tmp_path / "others", "b")
    slides = [folder, tmp_path / "others"]
    assert cut(out, *slides, "--size=64", "--mask", masks) == 1
    told = capsys.readouterr().err
    assert "a.tif: there are several masks of it in" in told
    assert "b.geojson may be of " in told
    assert not list(out.glob("*.json"))


# Classes


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    return drawn(
        tmp_path / "drawn.geojson",
        ("Tumor", 0, 0, 96, 64),
        ("Stroma", 96, 0, 96, 64),
        ("Ignore*", 160, 0, 32, 64),
    )


def test_tiles_carry_their_classes(folder: Path, tmp_path: Path, classes: Path) -> None:
    out = tmp_path / "out"
    assert cut(out, folder / "a.tif", "--size=64", "--mask", classes) == 0
    told = [
        (row["column"], row["class"], row["share_Tumor"], row["share_Stroma"])
        for row in rows(out, "a")
    ]
    assert sorted(told) == [
        ("0", "Tumor", "1", "0"),
        ("1", "Tumor", "0.5", "0.5"),
        ("2", "Stroma", "0", "0.5"),
    ]
    assert json.loads((out / "a.json").read_text())["classes"] == ["Tumor", "Stroma"]

    shards = tmp_path / "shards"
    options = ("--size=64", "--to=webdataset", "--mask", classes)
    assert cut(shards, folder / "a.tif", *options) == 0
    with tarfile.open(shards / "a-000000.tar") as tar:
        member: Any = tar.extractfile("a_2_0.json")
        sample = json.load(member)
    assert sample["class"] == "Stroma"
    assert sample["shares"] == {"Tumor": 0, "Stroma": 0.5}


def test_shares_are_in_zarr_stores(folder: Path, tmp_path: Path, classes: Path) -> None:
    zarr = pytest.importorskip("zarr")
    out = tmp_path / "out"
    options = ("--size=64", "--to=zarr", "--mask", classes)
    assert cut(out, folder / "a.tif", *options) == 0
    store = zarr.open_group(out / "a.zarr", mode="r")
    assert store.attrs["classes"] == ["Tumor", "Stroma"]
    np.testing.assert_array_equal(
        store["class_shares"][:], [[1, 0], [0.5, 0.5], [0, 0.5]]
    )


def test_a_choice_of_classes(
    folder: Path,
    tmp_path: Path,
    classes: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ("--size=64", "--mask", classes, "--mask-class")
    assert cut(tmp_path / "out", folder / "a.tif", *options, "Stroma") == 0
    assert tiles(tmp_path / "out", "a") == {(1, 0), (2, 0)}
    assert cut(tmp_path / "no", folder / "a.tif", *options, "Tumour") == 1
    told = capsys.readouterr().err
    assert (
        "no polygon of class 'Tumour'; there are 'Ignore*', 'Stroma', 'Tumor'" in told
    )


# Where masks count from


def test_origins(slides: Mapping[str, SlideFacts], tmp_path: Path) -> None:
    path = slides["leica"].path
    with OpenSlide(path) as slide:
        left, top, *_ = slide.bounds
    mask = drawn(tmp_path / "drawn.geojson", (None, 256, 128, 64, 64))
    for origin, (x, y) in {
        "bounds": (256 + left, 128 + top),
        "slide": (256, 128),
    }.items():
        out = tmp_path / origin
        options = ["--size=64", "--min-tissue=0.2", "--mask-origin", origin]
        assert cut(out, path, *options, "--mask", mask) == 0
        boxes = np.array([[int(row["x"]), int(row["y"])] for row in rows(out, "leica")])
        assert (abs(boxes - (x, y)) < 64).all()
        with OpenSlide(path) as slide:  # the file says where it counts from
            written = Annotations.read(out / "leica-mask.geojson", slide)
        assert next(iter(written))[1][0][0].tolist() == [x, y]


# What is written


def test_the_mask_is_written_as_it_was_used(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cut(out, folder / "a.tif", "--size=64", "--min-tissue=0.5") == 0
    with OpenSlide(folder / "a.tif") as slide:
        found = TissueMask.detect(slide)
        written = TissueMask.of(out / "a-mask.geojson", slide)
    np.testing.assert_array_equal(written.array, found.array)
    assert written.classes == ("Tissue",)
    assert "a-mask.geojson" in json.loads((out / "a.json").read_text())["files"]
    assert cut(tmp_path / "all", folder / "a.tif", "--size=64") == 0
    assert not (tmp_path / "all" / "a-mask.geojson").exists()


def test_nothing_is_written_over_the_mask_of_others(
    folder: Path, tmp_path: Path, classes: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a-mask.geojson").write_text("mine")
    assert cut(out, folder / "a.tif", "--size=64", "--mask", classes) == 1
    assert (out / "a-mask.geojson").read_text() == "mine"


# What is told


@pytest.mark.parametrize(
    "option", ["--mask-class=Tumor", "--mask-origin=slide", "--mask-threshold=1"]
)
def test_options_of_a_mask_need_one(
    folder: Path, tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["tiles", str(folder), "-o", str(tmp_path / "out"), option])
    assert "needs --mask" in capsys.readouterr().err


def test_thresholds(folder: Path, tmp_path: Path) -> None:
    values = np.zeros((6, 8), np.float32)
    values[0, :2] = 0.3, 0.7
    Image.fromarray(values).save(tmp_path / "probability.tif")
    options = ("--size=64", "--mask", tmp_path / "probability.tif")
    for threshold, cells in {None: {(0, 0), (1, 0)}, 0.5: {(1, 0)}}.items():
        out = tmp_path / f"out{threshold}"
        more = () if threshold is None else (f"--mask-threshold={threshold}",)
        assert cut(out, folder / "a.tif", *options, *more) == 0
        assert tiles(out, "a") == cells
    few, many = (
        cut(tmp_path / name, folder / "a.tif", "--size=64", "--min-tissue=0.5", option)
        or len(tiles(tmp_path / name, "a"))
        for name, option in (
            ("few", "--tissue-threshold=200"),
            ("many", "--tissue-threshold=1"),
        )
    )
    assert few < many


def test_what_a_mask_leaves_out_is_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = drawn(tmp_path / "drawn.geojson", ("Tumor", 0, 0, 64, 64))
    document = json.loads(mask.read_text())
    point = {"type": "Point", "coordinates": [1, 2]}
    document["features"].append({"type": "Feature", "geometry": point})
    mask.write_text(json.dumps(document))
    options = ("--size=64", "--mask", mask)
    assert cut(tmp_path / "out", folder / "a.tif", *options) == 0
    told = capsys.readouterr().err
    assert "a.tif: drawn.geojson has other shapes than polygons, which are" in told
    assert "left out: 1 Point" in told


def test_slides_that_are_no_bright_field_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = np.zeros((384, 512, 3), np.uint8)
    pixels[:64, :64] = (20, 30, 220)
    facts = write_generic(tmp_path, image=pixels, encoding="lzw", tile=64)
    options = ("--size=64", "--min-tissue=0.5")
    assert cut(tmp_path / "out", facts.path, *options) == 0
    told = capsys.readouterr().err
    assert "most of it is dark, as in fluorescence" in told
    assert "give a --mask" in told
    assert tiles(tmp_path / "out", "generic") == {(0, 0)}
