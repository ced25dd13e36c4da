"""openslide tiles: what others take the tiles into, and what goes along."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import openslide
from openslide._color import handled
from openslide.export import read_manifest
from openslide.tiles import TileGrid
from tests.exports import TISSUE, contents, cut, pixels, samples, write_tissue
from tests.slides import SlideFacts, write, write_generic
from tests.slides.content import icc_profile, swapped_profile
from tests.slides.stored import blank_tile

NAME = "tissue"


@pytest.fixture(scope="module")
def tissue(tmp_path_factory: pytest.TempPathFactory) -> SlideFacts:
    """512 x 384 pixels of 0.5 microns, and half as many of twice as much."""
    return write_tissue(tmp_path_factory.mktemp("slides"))


def summary(out: Path, name: str = NAME) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / f"{name}.json").read_text())
    return found


def table(out: Path, name: str = NAME) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((out / f"{name}.csv").read_text())))


# Manifests


def manifest(folder: Path, *lines: str) -> Path:
    path = folder / "slides.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_what_a_manifest_says_goes_along(tissue: SlideFacts, tmp_path: Path) -> None:
    for name in ("a.tif", "b.tif", "unnamed.tif"):
        os.link(tissue.path, tmp_path / name)
    half = np.zeros((48, 64), np.uint8)
    half[:, :32] = 255
    Image.fromarray(half).save(tmp_path / "half.png")
    path = manifest(
        tmp_path,
        "slide,mask,slide_mpp,label,split",
        "a.tif,half.png,0.25,tumour,train",
        f"{tmp_path}/b.tif,,,,test",
    )
    out = tmp_path / "out"
    assert cut(out, "--manifest", path, "--size=128", workers=2) == 0
    assert {p.stem for p in out.glob("*.json")} == {"a", "b"}
    rows = table(out, "a")
    assert {(row["label"], row["split"]) for row in rows} == {("tumour", "train")}
    assert len(rows) == 6
    assert float(rows[0]["micron_width"]) == 128 * 0.25
    assert {(r["label"], r["split"]) for r in table(out, "b")} == {("", "test")}
    assert len(table(out, "b")) == 12
    assert summary(out, "a")["label"] == "tumour"
    assert cut(out, "--manifest", path, "--size=128", "--resume") == 0


@pytest.mark.parametrize("to", ["webdataset", "h5", "parquet"])
def test_columns_in_other_outputs(tissue: SlideFacts, tmp_path: Path, to: str) -> None:
    lines = ["slide,label", f"{tissue.path},tumour"]
    options = ["--manifest", str(manifest(tmp_path, *lines)), f"--to={to}"]
    if to == "h5":
        h5py = pytest.importorskip("h5py")
    elif to == "parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
    assert cut(tmp_path, *options, "--size=256") == 0
    if to == "webdataset":
        assert {about["label"] for _, about, _ in samples(tmp_path)} == {"tumour"}
    elif to == "h5":
        with h5py.File(tmp_path / f"{NAME}.h5") as file:
            assert file.attrs["label"] == "tumour"
    else:
        found = parquet.read_table(tmp_path / f"{NAME}-000000.parquet")
        assert found["label"].to_pylist() == ["tumour"] * 4


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file,label", "a.tif,x"], 'there is no column "slide"'),
        (["slide,level", "a.tif,x"], "'level' of its own"),
        (["slide,x,x", "a.tif,1,2"], "a name of its own"),
        (["slide,label", "a.tif"], "line 2: it has more or fewer values"),
        (["slide,label", "a.tif,b,c"], "line 2: it has more or fewer values"),
        (["slide,slide_mpp", "a.tif,0.5", "b.tif,none"], "line 3: slide_mpp is 'none'"),
        (["slide", "a.tif", "a.tif"], "line 3: .*a second time"),
        (["slide,label", ",x"], "line 2: it names no slide"),
        (["slide,label"], "it names no slides"),
        ([], 'there is no column "slide"; the first line has none'),
    ],
)
def test_manifests_that_make_no_sense(
    tmp_path: Path, lines: Sequence[str], message: str
) -> None:
    path = manifest(tmp_path, *lines)
    with pytest.raises(ValueError, match=message) as caught:
        read_manifest(path)
    assert str(caught.value).startswith(str(path))


def test_a_manifest_may_name_what_is_not_there(
    tissue: SlideFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = manifest(tmp_path, "\ufeffslide", str(tissue.path), "missing.tif")
    out = tmp_path / "out"
    assert cut(out, "--manifest", path, "--size=256") == 1
    assert "missing.tif" in capsys.readouterr().err
    assert summary(out)["tiles"] == 4
    with pytest.raises(SystemExit):
        cut(out, tissue.path, "--manifest", path)
    assert "slides, or a --manifest" in capsys.readouterr().err


# HDF5


def read_as_clam(path: Path, slide: openslide.OpenSlide) -> list[NDArray[Any]]:
    """What CLAM's loader reads: coords, at patch_level, of patch_size there."""
    import h5py

    with h5py.File(path, "r") as file:
        coords = file["coords"]
        level, side = coords.attrs["patch_level"], coords.attrs["patch_size"]
        return [
            np.asarray(slide.read_region(xy, level, (side, side)).convert("RGB"))
            for xy in coords
        ]


def read_as_trident(path: Path) -> tuple[NDArray[np.int64], int, int]:
    """What TRIDENT's loader makes of a file: coordinates, and sides to read and give."""
    import h5py

    with h5py.File(path, "r") as file:
        attributes = dict(file["coords"].attrs)
        coords = file["coords"][:]
    source = 10 / attributes["level0_magnification"]
    wanted = 10 / attributes["target_magnification"]
    side = attributes["patch_size"]
    assert (coords == coords.round()).all()
    read = round(side * wanted / source)
    assert read == attributes["patch_size_level0"]
    return coords, read, side


@pytest.mark.parametrize("options", [["--level=1"], ["--mpp=1"]])
def test_coordinates_as_clam_and_trident_read_them(
    tissue: SlideFacts, tmp_path: Path, options: list[str]
) -> None:
    pytest.importorskip("h5py")
    assert cut(tmp_path, tissue.path, "--to=h5", "--size=64", *options) == 0
    path = tmp_path / f"{NAME}.h5"
    with (
        openslide.OpenSlide(tissue.path) as slide,
        TileGrid(slide, 64, level=1) as grid,
    ):
        found = read_as_clam(path, slide)
        np.testing.assert_array_equal(found, grid.read())
    coords, read, given = read_as_trident(path)
    assert (read, given) == (128, 64)
    assert sorted(coords.tolist()) == sorted(grid.locations.tolist())
    assert summary(tmp_path)["tiles"] == 12


def test_coordinates_of_resampled_tiles(tissue: SlideFacts, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    assert cut(tmp_path, tissue.path, "--to=h5", "--size=64", "--mpp=0.75") == 0
    coords, read, given = read_as_trident(tmp_path / f"{NAME}.h5")
    assert (read, given) == (96, 64)
    with h5py.File(tmp_path / f"{NAME}.h5") as file:
        assert "patch_level" not in file["coords"].attrs  # CLAM would read another area
        assert file["coords"].attrs["name"] == NAME
        assert file.attrs["vendor"] == "generic-tiff"
        assert file.attrs["mpp"].tolist() == pytest.approx([0.75, 0.75])
        np.testing.assert_allclose(file["boxes"][:, :2], coords, atol=0.5)


def test_pixels_in_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = write_generic(tmp_path, image=TISSUE, tile=64, factors=(1,)).path
    blank_tile(path, 9)
    out = tmp_path / "out"
    options = [str(path), "--to=h5", "--pixels", "--size=64", "--shard-size=20"]
    assert cut(out, *options, workers=2) == 0
    with h5py.File(out / "generic.h5") as file, openslide.OpenSlide(path) as slide:
        assert len(file["coords"]) == len(file["imgs"]) == 47
        assert [64, 64] not in file["coords"][:].tolist()
        for xy, tile in zip(file["coords"][:].tolist(), file["imgs"], strict=True):
            expected = slide.read_region(tuple(xy), 0, (64, 64)).convert("RGB")
            np.testing.assert_array_equal(tile, np.asarray(expected))
    before = contents(out)
    (out / "generic.h5").unlink()
    assert cut(out, *options, "--resume") == 0
    assert contents(out) == before


# Parquet


def test_parquet_files_are_datasets_of_images(
    tissue: SlideFacts, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    options = ["--to=parquet", "--format=png", "--size=32", "--shard-size=150"]
    assert cut(tmp_path, tissue.path, *options, workers=2) == 0
    paths = sorted(tmp_path.glob("*.parquet"))
    assert [path.name for path in paths] == [
        f"{NAME}-000000.parquet",
        f"{NAME}-000001.parquet",
    ]
    file = parquet.ParquetFile(paths[0])
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [100, 50]
    assert all(group.column(0).has_offset_index for group in groups)
    features = json.loads(file.schema_arrow.metadata[b"huggingface"])["info"][
        "features"
    ]
    assert features["image"] == {"_type": "Image"}
    assert features["column"] == {"dtype": "int64", "_type": "Value"}
    assert set(features) == set(file.schema_arrow.names)
    about = json.loads(file.schema_arrow.metadata[b"openslide"])
    assert (about["slide"], about["vendor"]) == ("tissue.tif", "generic-tiff")
    assert about["quickhash"] == summary(tmp_path)["quickhash"]
    rows = [row for path in paths for row in parquet.read_table(path).to_pylist()]
    assert len(rows) == 192
    for row in rows:
        x, y = int(row["x"]), int(row["y"])
        with Image.open(io.BytesIO(row["image"]["bytes"])) as image:
            tile = np.asarray(image)
        np.testing.assert_array_equal(tile, TISSUE[y : y + 32, x : x + 32])
        assert row["image"]["path"] == f"{NAME}_{row['column']}_{row['row']}.png"
        assert (row["slide"], row["mpp"], row["micron_width"]) == (
            "tissue.tif",
            0.5,
            16,
        )


# Which tiles


def test_samples_are_the_same_wherever_they_are_drawn(
    tissue: SlideFacts, tmp_path: Path
) -> None:
    def drawn(place: str, *options: str) -> set[str]:
        (tmp_path / place).mkdir(exist_ok=True)
        path = tmp_path / place / "slide.tif"
        if not path.exists():
            os.link(tissue.path, path)
        out = tmp_path / place / "".join(options)
        assert cut(out, path, "--size=64", *options) == 0
        return {row["file"] for row in table(out, "slide")}

    ten = drawn("here", "--sample=10")
    assert len(ten) == 10
    assert drawn("there", "--sample=10") == ten
    assert drawn("here", "--sample=20") > ten
    assert drawn("here", "--sample=10", "--seed=1") != ten
    assert len(drawn("here", "--sample=1000")) == 48


@pytest.mark.parametrize("to", ["images", "webdataset", "zarr", "parquet"])
def test_tiles_with_their_context(tissue: SlideFacts, tmp_path: Path, to: str) -> None:
    options = ["--mpp=0.5,1,1.6", "--size=64", "--format=png", f"--to={to}"]
    if to == "zarr":
        zarr = pytest.importorskip("zarr")
    elif to == "parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
    assert cut(tmp_path, tissue.path, *options, workers=2) == 0
    with TileGrid(tissue.path, 64, mpp=0.5) as grid:
        middle = grid[20:21]
        column, row = middle.cells[0].tolist()
        expected = [middle.read()[0]]
        expected += [middle.around(mpp).read()[0] for mpp in (1, 1.6)]
    key = f"{NAME}_{column}_{row}"
    views = ["", "-mpp1", "-mpp1.6"]
    found: list[NDArray[np.uint8]]
    if to == "images":
        found = [pixels(tmp_path / NAME / f"{key}{view}.png") for view in views]
        assert len(list((tmp_path / NAME).iterdir())) == 3 * 48
    elif to == "webdataset":
        import tarfile

        with tarfile.open(tmp_path / f"{NAME}-000000.tar") as tar:
            names = ("png", "mpp1.png", "mpp1.6.png")
            members = [tar.extractfile(f"{key}.{name}") for name in names]
            found = [np.asarray(Image.open(m)) for m in members if m is not None]
    elif to == "zarr":
        store = zarr.open_group(tmp_path / f"{NAME}.zarr", mode="r")
        i = store["cells"][:].tolist().index([column, row])
        found = [store[f"tiles{view}"][i] for view in views]
    else:
        rows = parquet.read_table(tmp_path / f"{NAME}-000000.parquet").to_pylist()
        (one,) = [r for r in rows if (r["column"], r["row"]) == (column, row)]
        files = (one[f"image{view}"]["bytes"] for view in views)
        found = [np.asarray(Image.open(io.BytesIO(file))) for file in files]
    np.testing.assert_array_equal(found, expected)
    assert summary(tmp_path)["context"] == [1, 1.6]


def test_context_needs_a_resolution(
    tissue: SlideFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cut(tmp_path, tissue.path, "--mpp=0.5,0.1") == 1
    assert "coarser than 0.1" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cut(tmp_path, tissue.path, "--mpp=0.5,0.5")


# Colours


def test_tiles_in_srgb(tmp_path: Path) -> None:
    path = write("aperio-jpeg", tmp_path).path
    path.write_bytes(path.read_bytes().replace(icc_profile(), swapped_profile()))
    out = tmp_path / "out"
    options = ["--color=srgb", "--size=256", "--format=png", "--sample=3"]
    assert cut(out, path, *options) == 0
    assert summary(out, path.stem)["color"] == "srgb"
    with openslide.OpenSlide(path) as slide:
        for row in table(out, path.stem):
            place = (int(row["x"]), int(row["y"]))
            tile = slide.read_region(place, 0, (256, 256)).convert("RGB")
            expected = handled(tile.copy(), "srgb", "it")
            found = pixels(out / row["file"])
            np.testing.assert_array_equal(found, np.asarray(expected))
            assert (found != np.asarray(tile)).any()
