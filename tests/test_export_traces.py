"""openslide tiles: what tells where tiles are from, and which slide it was."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import openslide
from openslide.export import find_slides
from openslide.tiles import TileGrid
from tests.exports import TISSUE, contents, cut, write_tissue
from tests.slides import SlideFacts, write, write_generic

NAME = "tissue"


@pytest.fixture(scope="module")
def tissue(tmp_path_factory: pytest.TempPathFactory) -> SlideFacts:
    return write_tissue(tmp_path_factory.mktemp("slides"))


def summary(out: Path, name: str = NAME) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / f"{name}.json").read_text())
    return found


def table(out: Path, name: str = NAME) -> list[dict[str, str]]:
    with (out / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


# Where tiles are


@pytest.fixture(scope="module")
def leica(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide whose bounds begin at 160, 128."""
    return write("leica", tmp_path_factory.mktemp("leica")).path


def test_a_table_tells_where_each_image_is(leica: Path, tmp_path: Path) -> None:
    options = ["--size=300", "--overlap=16", "--mpp=1.3"]
    assert cut(tmp_path, leica, *options) == 0
    rows = table(tmp_path, "leica")
    with TileGrid(leica, 300, overlap=16, mpp=1.3) as grid:
        assert len(rows) == len(grid)
        assert {row["file"] for row in rows} == {
            f"leica/{path.name}" for path in (tmp_path / "leica").iterdir()
        }
        boxes = {(int(row["column"]), int(row["row"])): row for row in rows}
        for cell, position, box, microns in zip(
            grid.cells.tolist(),
            grid.positions.tolist(),
            grid.boxes.tolist(),
            grid.micron_boxes.tolist(),
            strict=True,
        ):
            row = boxes[tuple(cell)]
            assert row["file"] == f"leica/leica_{cell[0]}_{cell[1]}.jpg"
            assert row["slide"] == "leica.scn"
            assert [float(row[name]) for name in ("level_x", "level_y")] == position
            sides = ("x", "y", "width", "height")
            assert [float(row[name]) for name in sides] == box
            assert [float(row[f"micron_{name}"]) for name in sides] == microns


def test_a_summary_tells_what_the_slide_is(leica: Path, tmp_path: Path) -> None:
    assert cut(tmp_path, leica, "--size=300", "--overlap=16", "--mpp=1.3") == 0
    told = summary(tmp_path, "leica")
    with openslide.OpenSlide(leica) as slide:
        properties = slide.properties
        x, y, *_ = slide.bounds
        assert told["slide"] == "leica.scn"
        assert told["bytes"] == leica.stat().st_size
        assert told["quickhash"] == properties["openslide.quickhash-1"]
        assert told["vendor"] == "leica"
        assert told["slide_mpp"] == list(slide.mpp or ())
        objective = float(properties["openslide.objective-power"])
        assert told["objective_power"] == objective
        assert told["dimensions"] == list(slide.dimensions)
        assert told["bounds"] == list(slide.bounds)
        assert (x, y) == (160, 128)
        assert told["downsample"] == slide.level_downsamples[told["level"]]
        assert told["scale"][0] * told["slide_mpp"][0] == pytest.approx(1.3)
        assert told["mpp"] == pytest.approx([1.3, 1.3])
        assert told["size"] == [300, 300]
        assert told["stride"] == [284, 284]
    first = next(r for r in table(tmp_path, "leica") if r["column"] == r["row"] == "0")
    assert told["origin"] == [float(first["x"]), float(first["y"])] == [x, y]


def test_what_is_unknown_is_left_empty(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(np.ascontiguousarray(TISSUE)).save(path)
    assert cut(tmp_path / "out", path, "--size=256") == 0
    row = table(tmp_path / "out", "picture")[-1]
    assert (row["x"], row["y"], row["micron_x"]) == ("256", "256", "")
    told = summary(tmp_path / "out", "picture")
    assert (told["vendor"], told["slide_mpp"], told["mpp"]) == (None, None, None)


@pytest.mark.parametrize("to", ["webdataset", "zarr"])
def test_nothing_depends_on_where_slides_lie(
    tissue: SlideFacts, tmp_path: Path, to: str
) -> None:
    if to == "zarr":
        pytest.importorskip("zarr")
    found = []
    for place in ("here", "somewhere/else"):
        path = tmp_path / place / tissue.path.name
        path.parent.mkdir(parents=True)
        shutil.copy(tissue.path, path)
        assert cut(tmp_path / place / "out", path, "--to", to, workers=2) == 0
        found.append(contents(tmp_path / place / "out"))
        assert not any(str(tmp_path).encode() in data for data in found[-1].values())
    assert found[0] == found[1]
    out = tmp_path / "paths"
    assert cut(out, tissue.path, "--to", to, "--paths", workers=2) == 0
    written = [data for name, data in contents(out).items() if name != f"{NAME}.json"]
    assert summary(out)["path"] == str(tissue.path)
    assert any(str(tissue.path).encode() in data for data in written)


# Which slide it is


def test_going_on_from_another_mount(
    tissue: SlideFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = tmp_path / "one" / "mask.png"
    mask.parent.mkdir()
    Image.new("L", (12, 9), 255).save(mask)
    shutil.copy(tissue.path, tmp_path / "one")
    options = ["--to=webdataset", "--size=64", "--shard-size=20"]
    one, two = tmp_path / "one", tmp_path / "two"
    slide = tissue.path.name
    assert cut(one / "out", one / slide, "--mask", mask, *options) == 0
    before = contents(one / "out")
    one.rename(two)
    mask = two / "mask.png"
    resumed = cut(two / "out", two / slide, "--mask", mask, *options, "--resume")
    assert resumed == 0, capsys.readouterr().err
    assert contents(two / "out") == before


def test_another_slide_of_the_same_name_and_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def replace(image: Any) -> Path:
        return write_generic(
            tmp_path, image=image, encoding="raw", tile=64, factors=(1,), name=NAME
        ).path

    path = replace(TISSUE)
    size = path.stat().st_size
    out = tmp_path / "out"
    assert cut(out, path) == 0
    before = contents(out)
    assert replace(255 - TISSUE).stat().st_size == size
    assert cut(out, path, "--resume") == 1
    assert f"has tiles of {NAME} with quickhash " in capsys.readouterr().err
    assert contents(out) == before


def test_another_picture_of_the_same_name_and_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "picture.bmp"
    Image.new("RGB", (99, 99), "red").save(path)
    assert cut(tmp_path / "out", path) == 0
    Image.new("RGB", (99, 99), "blue").save(path)
    assert cut(tmp_path / "out", path, "--resume") == 1
    assert "has tiles of picture with sha256 " in capsys.readouterr().err


# What was removed


@pytest.mark.parametrize(
    ("to", "lost"),
    [
        ("images", [f"{NAME}/{NAME}_3_2.jpg", f"{NAME}.csv", f"{NAME}-sheet.jpg"]),
        ("webdataset", [f"{NAME}-000001.tar"]),
        ("zarr", ["zarr.json", "tiles/c/1/0/0/0", "boxes/c/0/0"]),
    ],
)
def test_what_was_removed_is_made_again(
    tissue: SlideFacts, tmp_path: Path, to: str, lost: list[str]
) -> None:
    if to == "zarr":
        pytest.importorskip("zarr")
        lost = [f"{NAME}.zarr/{name}" for name in lost]
    options: list[str | Path] = [tissue.path, "--to", to, "--size=64"]
    options.append("--shard-size=20")
    assert cut(tmp_path, *options, workers=2) == 0
    before = contents(tmp_path)
    for name in lost:
        (tmp_path / name).unlink()
        assert cut(tmp_path, *options, "--resume", workers=2) == 0
        assert contents(tmp_path) == before
    if to == "webdataset":
        first, second = (tmp_path / f"{NAME}-00000{n}.tar" for n in (0, 1))
        inode = first.stat().st_ino
        os.truncate(second, 1000)
        assert cut(tmp_path, *options, "--resume", workers=2) == 0
        assert contents(tmp_path) == before
        assert first.stat().st_ino == inode  # it was left alone


# Names


def test_what_is_added_renames_nothing(tissue: SlideFacts, tmp_path: Path) -> None:
    slides, out = tmp_path / "slides", tmp_path / "out"
    slides.mkdir()
    shutil.copy(tissue.path, slides / "case1.tif")
    assert cut(out, slides, "--size=256") == 0
    before = contents(out)
    shutil.copy(write("aperio-jpeg", tmp_path).path, slides / "case1.svs")
    for _ in range(2):
        assert cut(out, slides, "--size=256", "--resume") == 0
        assert before.items() <= contents(out).items()
        assert len(list(out.glob("*.json"))) == 2
    (new,) = {path.stem for path in out.glob("*.json")} - {"case1"}
    assert new.startswith("case1-")
    assert summary(out, new)["slide"] == "case1.svs"
    (slides / "case1.tif").unlink()
    assert [slide.name for slide in find_slides([slides], without=out)] == [new]


def test_names_do_not_depend_on_the_mount(tissue: SlideFacts, tmp_path: Path) -> None:
    for place in ("one", "two/deep"):
        for folder in ("a", "b"):
            path = tmp_path / place / folder / "x.tif"
            path.parent.mkdir(parents=True)
            os.link(tissue.path, path)
    one, two = (
        {slide.name for slide in find_slides([place / "a", place / "b"])}
        for place in (tmp_path / "one", tmp_path / "two" / "deep")
    )
    assert one == two
    assert len(one) == 2
