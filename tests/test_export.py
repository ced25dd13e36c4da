"""openslide tiles: what it writes."""

from __future__ import annotations

import gc
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import openslide
from openslide.export import overview, webdataset
from openslide.tiles import TileGrid
from tests.exports import TISSUE, contents, cut, pixels, samples, write_tissue
from tests.slides import SlideFacts, write_generic
from tests.slides.content import MPP
from tests.slides.stored import blank_tile

NAME = "tissue"


@pytest.fixture(scope="module")
def tissue(tmp_path_factory: pytest.TempPathFactory) -> SlideFacts:
    return write_tissue(tmp_path_factory.mktemp("slides"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "out"


def summary(out: Path, name: str = NAME) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / f"{name}.json").read_text())
    return found


# Images


def test_png_images(
    tissue: SlideFacts, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cut(out, tissue.path, "--size=100", "--format=png", workers=2) == 0
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"{NAME}: 24 tiles; 24/24 tiles, ")
    assert output.err.endswith(f"24 tiles of 1 slide in {out}\n")
    with TileGrid(tissue.path, 100) as grid:
        expected = {f"{NAME}_{t.cell[0]}_{t.cell[1]}.png": t.pixels for t in grid}
    found = {path.name: pixels(path) for path in (out / NAME).iterdir()}
    assert found.keys() == expected.keys()
    for name, image in found.items():
        np.testing.assert_array_equal(image, expected[name])
    np.testing.assert_array_equal(found[f"{NAME}_1_2.png"], TISSUE[200:300, 100:200])
    corner = found[f"{NAME}_5_3.png"]  # filled up with background
    np.testing.assert_array_equal(corner[:84, :12], TISSUE[300:, 500:])
    assert (corner[84:] == 255).all()
    assert {path.name for path in out.iterdir()} == {
        *(NAME, f"{NAME}.json", f"{NAME}.csv"),
        *(f"{NAME}-overlay.jpg", f"{NAME}-sheet.jpg"),
    }


@pytest.mark.parametrize("quality", [80, 35])
def test_jpeg_images(tissue: SlideFacts, out: Path, quality: int) -> None:
    options = [] if quality == 80 else [f"--quality={quality}"]
    assert cut(out, tissue.path, "--size=384", *options) == 0
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(TISSUE[:, :384])).save(
        file, "JPEG", quality=quality
    )
    expected = np.asarray(Image.open(file))
    np.testing.assert_array_equal(pixels(out / NAME / f"{NAME}_0_0.jpg"), expected)


def test_sides_that_jpeg_has_not(
    tissue: SlideFacts, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cut(out, tissue.path, "--size=65501")
    assert "make --size 65501 smaller" in capsys.readouterr().err
    assert not out.exists()


def test_an_image_is_a_slide_too(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "picture.tif"
    Image.fromarray(np.ascontiguousarray(TISSUE)).save(path)
    assert cut(out, path, "--size=384", "--format=png") == 0
    tile = pixels(out / "picture" / "picture_0_0.png")
    np.testing.assert_array_equal(tile, TISSUE[:, :384])


@pytest.mark.requires_openslide("4.0.0")  # earlier ones cannot read a missing tile
def test_holes_show_the_background(tmp_path: Path, out: Path) -> None:
    path = write_generic(tmp_path, image=TISSUE, tile=64, missing=(9,)).path
    assert cut(out, path, "--size=64", "--format=png") == 0
    assert (pixels(out / "generic" / "generic_1_1.png") == 255).all()
    assert (pixels(out / "generic" / "generic_2_1.png") != 255).any()


def test_pictures_to_look_at(tissue: SlideFacts, out: Path) -> None:
    assert cut(out, tissue.path, "--size=128", "--mask", half_a_mask(out)) == 0
    overlay = pixels(out / f"{NAME}-overlay.jpg").astype(int)
    changes = abs(overlay - TISSUE).max(axis=2)
    assert changes[:, 128].mean() > 40  # the outlines of two columns of tiles
    assert changes[:, 300:].mean() < 10
    sheet = pixels(out / f"{NAME}-sheet.jpg")
    assert sheet.shape == (2 * 132, 3 * 132, 3)  # six tiles with gaps
    difference = sheet[:128, :128].astype(int) - TISSUE[:128, :128]
    assert abs(difference).mean() < 8


@pytest.mark.parametrize(
    "size", [(256, 256), (224, 224), (511, 300), (512, 512), (500, 5), (90, 128)]
)
def test_tiles_of_a_sheet_are_those_of_pillow(size: tuple[int, int]) -> None:
    width, height = size
    tile = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    expected = Image.fromarray(tile)
    expected.thumbnail((128, 128), Image.Resampling.HAMMING)
    np.testing.assert_array_equal(overview._small(tile), expected)


def test_a_picture_of_a_slide_without_small_levels(
    tissue: SlideFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openslide.OpenSlide(tissue.path) as slide:
        assert overview._picture(slide).getpixel((100, 100)) != (255, 255, 255)
        monkeypatch.setattr(overview, "_MOST_PIXELS", 1000)
        picture = overview._picture(slide)
        assert picture.size == (512, 384)
        assert picture.getpixel((100, 100)) == (255, 255, 255)


# Which tiles


def half_a_mask(out: Path) -> Path:
    """An image that wants the left half of a slide."""
    mask = np.zeros((48, 64), np.uint8)
    mask[:, :32] = 255
    path = out.parent / "mask.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)
    return path


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        (["--level=1"], {"level": 1}),
        (["--overlap=12"], {"overlap": 12}),
        (["--slide-mpp=0.25", "--mpp=0.4"], {"slide_mpp": 0.25, "mpp": 0.4}),
        (["--slide-mpp=0.25", "--mpp=0.5"], {"slide_mpp": 0.25, "mpp": 0.5}),
        (["--min-tissue=0.5"], {"min_tissue": 0.5}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_tiles_are_those_of_a_grid(
    tissue: SlideFacts, out: Path, options: list[str], arguments: dict[str, Any]
) -> None:
    zarr = pytest.importorskip("zarr")
    if "min_tissue" in arguments:
        pytest.importorskip("scipy")
    assert cut(out, tissue.path, "--size=64", "--to=zarr", *options, workers=2) == 0
    store = zarr.open_group(out / f"{NAME}.zarr", mode="r")
    with TileGrid(tissue.path, 64, **arguments) as grid:
        assert sorted(store["cells"][:].tolist()) == sorted(grid.cells.tolist())
        chosen = grid.only(store["cells"][:])
        np.testing.assert_array_equal(store["tiles"][:], chosen.read())
        np.testing.assert_array_equal(store["positions"][:], chosen.positions)
        np.testing.assert_array_equal(store["boxes"][:], chosen.boxes)
        assert store.attrs["level"] == grid.level
        assert store.attrs["mpp"] == (grid.mpp and list(grid.mpp))
        assert store.attrs["exact"] == grid.exact


def test_a_mask(tissue: SlideFacts, out: Path) -> None:
    mask = half_a_mask(out)
    assert cut(out, tissue.path, "--size=128", "--mask", mask) == 0
    found = {path.stem for path in (out / NAME).iterdir()}
    assert found == {f"{NAME}_{column}_{row}" for column in (0, 1) for row in range(3)}


@pytest.mark.parametrize("to", ["images", "webdataset", "zarr"])
def test_nothing_is_wanted(
    tissue: SlideFacts, out: Path, to: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if to == "zarr":
        zarr = pytest.importorskip("zarr")
    mask = out.parent / "mask.png"
    mask.parent.mkdir()
    Image.new("L", (12, 9)).save(mask)
    for resume in ([], ["--resume"]):
        assert cut(out, tissue.path, "--to", to, "--mask", mask, *resume) == 0
    assert capsys.readouterr().err.splitlines()[-1].startswith("0 tiles of 1 slide")
    assert summary(out)["tiles"] == 0
    if to == "zarr":
        store = zarr.open_group(out / f"{NAME}.zarr", mode="r")
        assert store["tiles"].shape == (0, 256, 256, 3)


# WebDataset


def test_shards(tissue: SlideFacts, out: Path) -> None:
    options = ["--to=webdataset", "--format=png", "--size=64", "--shard-size=20"]
    assert cut(out, tissue.path, *options, "--slide-mpp=0.5", "--level=1") == 0
    assert {path.name for path in out.glob("*.tar")} == {f"{NAME}-000000.tar"}
    found = list(samples(out))
    assert [key for key, _, _ in found] == [
        f"{NAME}_{column}_{row}" for row in range(3) for column in range(4)
    ]
    with openslide.OpenSlide(tissue.path) as slide:
        for _, about, image in found:
            x, y = about["location"]
            assert about == {
                "slide": "tissue.tif",
                "vendor": "generic-tiff",
                "quickhash": slide.properties["openslide.quickhash-1"],
                "slide_mpp": [0.5, 0.5],
                "objective_power": None,
                "dimensions": [512, 384],
                "bounds": [0, 0, 512, 384],
                "origin": [0.0, 0.0],
                "level": 1,
                "downsample": 2.0,
                "scale": [2.0, 2.0],
                "mpp": [1.0, 1.0],
                "size": [64, 64],
                "stride": [64, 64],
                "exact": True,
                "cell": [x // 128, y // 128],
                "location": [x, y],
                "position": [x // 2, y // 2],
                "box": [x, y, 128.0, 128.0],
                "microns": [x / 2, y / 2, 64.0, 64.0],
            }
            np.testing.assert_array_equal(
                np.asarray(Image.open(io.BytesIO(image))),
                slide.read_array((x, y), 1, (64, 64)),
            )


def test_shards_are_always_the_same(tissue: SlideFacts, tmp_path: Path) -> None:
    options = ["--to=webdataset", "--size=32", "--shard-size=50"]
    for name, workers in (("one", 1), ("two", 2)):
        assert cut(tmp_path / name, tissue.path, *options, workers=workers) == 0
    assert len(list((tmp_path / "one").glob("*.tar"))) == 4
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.parametrize("name", ["a.json", "a" * 99, "a" * 100, "ä.jpg", "é" * 90])
@pytest.mark.parametrize("size", [0, 1, 511, 512, 123456789])
def test_headers_are_those_of_tarfile(name: str, size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    assert webdataset._header(name, size) == member.tobuf(tarfile.PAX_FORMAT)


def test_keys_of_odd_names(tmp_path: Path, out: Path) -> None:
    for folder in ("a.b/c", "a b/c"):
        write_tissue(tmp_path / "in" / folder, "größe 1.0" + "x" * 120)
    assert cut(out, tmp_path / "in", "--to=webdataset", "--size=256") == 0
    keys = [key for key, _, _ in samples(out)]
    assert len(set(keys)) == len(keys) == 8
    assert not any("." in key or "/" in key for key in keys)
    assert len({key.rsplit("_", 2)[0] for key in keys}) == 2


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # it leaves closing to Python
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_webdataset_package_reads_shards(tissue: SlideFacts, out: Path) -> None:
    package = pytest.importorskip("webdataset")
    options = ["--to=webdataset", "--format=png", "--size=64", "--shard-size=30"]
    assert cut(out, tissue.path, *options) == 0
    shards = [str(path) for path in sorted(out.glob("*.tar"))]
    dataset = package.WebDataset(shards, shardshuffle=False).decode("rgb8")
    found = list(dataset)
    gc.collect()
    assert len(found) == 48
    for sample in found:
        x, y = sample["json"]["location"]
        assert sample["__key__"] == f"{NAME}_{x // 64}_{y // 64}"
        np.testing.assert_array_equal(sample["png"], TISSUE[y : y + 64, x : x + 64])


# Zarr


@pytest.mark.requires_openslide("4.0.0")
def test_a_store(tissue: SlideFacts, out: Path) -> None:
    zarr = pytest.importorskip("zarr")
    assert cut(out, tissue.path, "--to=zarr", "--size=64", "--shard-size=20") == 0
    store = zarr.open_group(out / f"{NAME}.zarr", mode="r")
    tiles = store["tiles"]
    assert store.metadata.zarr_format == 3
    assert tiles.shape == (48, 64, 64, 3)
    assert (tiles.chunks, tiles.shards) == ((1, 64, 64, 3), (20, 64, 64, 3))
    assert len(list((out / f"{NAME}.zarr" / "tiles" / "c").iterdir())) == 3
    assert store["good"][:].all()
    for i, (x, y) in enumerate(store["positions"][:].tolist()):
        expected = TISSUE[y : y + 64, x : x + 64]
        np.testing.assert_array_equal(tiles[i], expected)
    assert store.attrs["slide"] == "tissue.tif"
    assert store.attrs["mpp"] == [MPP, MPP]
    assert store.attrs["software"] == {
        "openslide-native": openslide.__version__,
        "libopenslide": openslide.__library_version__,
    }


# Damage


@pytest.mark.parametrize("to", ["images", "webdataset", "zarr"])
def test_damaged_tiles_are_skipped(
    tmp_path: Path, to: str, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = write_generic(tmp_path, image=TISSUE, tile=64, factors=(1,), name=NAME)
    blank_tile(facts.path, 3)
    blank_tile(facts.path, 9)
    out = tmp_path / "out"
    if to == "zarr":
        zarr = pytest.importorskip("zarr")
    options = ["--to", to, "--size=64", "--shard-size=10"]
    assert cut(out, facts.path, *options) == 0
    told = capsys.readouterr().err
    assert (
        f"{facts.path}: 2 damaged tiles skipped, (column, row) (3, 0), (1, 1)" in told
    )
    assert f"46 tiles of 1 slide in {out}" in told
    assert summary(out)["damaged"] == [[3, 0], [1, 1]]
    assert f"the first: {summary(out)['damage_reason']}" in told
    assert str(tmp_path) not in summary(out)["damage_reason"]
    if to == "images":
        assert len(list((out / NAME).iterdir())) == 46
        assert not (out / NAME / f"{NAME}_3_0.jpg").exists()
    elif to == "webdataset":
        keys = [key for key, _, _ in samples(out)]
        assert len(keys) == 46
        assert f"{NAME}_1_1" not in keys
    else:
        store = zarr.open_group(out / f"{NAME}.zarr", mode="r")
        bad = ~store["good"][:]
        assert store["cells"][:][bad].tolist() == [[3, 0], [1, 1]]
        assert (store["tiles"][3] == 255).all()


@pytest.mark.parametrize("to", ["images", "webdataset", "zarr"])
def test_nothing_of_a_slide_can_be_read(
    tmp_path: Path, to: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if to == "zarr":
        pytest.importorskip("zarr")
    facts = write_generic(tmp_path, image=TISSUE, tile=256, factors=(1,), name=NAME)
    for number in range(4):
        blank_tile(facts.path, number)
    out = tmp_path / "out"
    for _ in range(2):  # nothing is in the way of another try
        assert cut(out, facts.path, "--to", to, "--size=64", "--shard-size=10") == 1
        first, second, *rest = capsys.readouterr().err.splitlines()
        assert first.startswith(f"{facts.path}: tile (0, 0) cannot be read: ")
        reason = first.partition("cannot be read: ")[2]
        lost = f"openslide: {facts.path}: none of its 48 tiles can be read: {reason}"
        assert second == lost
        assert rest[-2:] == [
            f"1 slide failed: {facts.path.name}",
            f"0 tiles of 0 slides in {out}",
        ]
        assert list(out.iterdir()) == []


def test_a_picture_that_is_cut_off(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(np.ascontiguousarray(TISSUE)).save(path)
    path.write_bytes(path.read_bytes()[:20_000])
    assert cut(out, path, "--size=64") == 1
    assert "none of its 48 tiles can be read: image file is truncated" in (
        capsys.readouterr().err
    )


def test_failures_are_told_at_once(
    tissue: SlideFacts, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / "a.svs", tissue.path, tmp_path / "b.svs"]
    for path in (paths[0], paths[2]):
        path.write_bytes(b"II*\0\x08\0\0\0")
    assert cut(out, *paths, "--size=256") == 1
    first, second, done, *_ = capsys.readouterr().err.splitlines()
    for path, line in ((paths[0], first), (paths[2], second)):
        assert line.startswith(f"openslide: {path}: it is cut off: ")
    assert done.startswith(f"{NAME}: 4 tiles; 4/4 tiles, ")


def test_damaged_slides_do_not_stop_others(
    tissue: SlideFacts, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.svs"
    text.write_text("no slide")
    assert cut(out, text, tissue.path, "--size=256", workers=2) == 1
    told = capsys.readouterr().err.splitlines()
    assert any(line.startswith(f"openslide: {text}: ") for line in told)
    assert told[-1] == f"4 tiles of 1 slide in {out}"
    assert [path.name for path in out.glob("*.json")] == [f"{NAME}.json"]


@pytest.mark.requires_openslide("4.0.0")
def test_options_that_fit_no_slide_can_be_corrected(
    tissue: SlideFacts, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cut(out, tissue.path, "--level=2") == 1
    assert "no level 2" in capsys.readouterr().err
    assert list(out.iterdir()) == []
    assert cut(out, tissue.path, "--mpp=0.2") == 1
    assert "coarser than 0.2" in capsys.readouterr().err
    assert cut(out, tissue.path, "--mpp=0.2", "--slide-mpp=0.1") == 0


# Going on


def test_a_second_run(
    tissue: SlideFacts, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cut(out, tissue.path, "--size=128") == 0
    before = contents(out)
    capsys.readouterr()
    assert cut(out, tissue.path, "--size=128") == 1
    assert "--resume" in capsys.readouterr().err
    assert cut(out, tissue.path, "--size=128", "--resume") == 0
    assert "12 tiles of 1 slide" in capsys.readouterr().err
    assert contents(out) == before


@pytest.mark.parametrize("resume", [[], ["--resume"]])
@pytest.mark.parametrize("name", [f"{NAME}.json", f".{NAME}.openslide-work/journal"])
def test_notes_of_something_else(
    tissue: SlideFacts,
    out: Path,
    name: str,
    foreign: bytes,
    resume: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = out / name
    path.parent.mkdir(parents=True)
    path.write_bytes(foreign)
    assert cut(out, tissue.path, *resume) == 1
    assert f"{path} has not been written by this program" in capsys.readouterr().err
    assert contents(out) == {name: foreign}


@pytest.mark.parametrize("resume", [[], ["--resume"]])
@pytest.mark.parametrize(
    ("to", "name"),
    [
        ("images", f"{NAME}/mine.dat"),
        ("webdataset", f"{NAME}-000000.tar"),
        ("zarr", f"{NAME}.zarr/zarr.json"),
        ("zarr", f"{NAME}-overlay.jpg"),
        ("images", f"{NAME}-sheet.jpg"),
        ("images", f"{NAME}.csv"),
    ],
)
def test_what_somebody_else_wrote_is_left_alone(
    tissue: SlideFacts,
    out: Path,
    to: str,
    name: str,
    resume: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    mine = out / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert cut(out, tissue.path, f"--to={to}", *resume, workers=2) == 1
    assert "is there already" in capsys.readouterr().err
    assert contents(out) == {name: b"mine"}
    mine.unlink()
    assert cut(out, tissue.path, "--to=images", *resume, workers=2) == 0


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("--size=64", "size"),
        ("--overlap=1", "overlap"),
        ("--level=1", "level"),
        ("--slide-mpp=0.5", "slide-mpp"),
        ("--min-tissue=0.5", "min-tissue"),
        ("--mask=other.png", "mask"),
        ("--to=webdataset", "to"),
        ("--format=png", "format"),
        ("--quality=70", "quality"),
        ("--shard-size=9", "shard-size"),
    ],
)
def test_other_options_are_refused(
    finished: tuple[Path, Path],
    option: str,
    name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, out = finished
    before = contents(out)
    assert cut(out, path, "--size=128", option, "--resume") == 1
    assert f"has tiles of {NAME} with {name} " in capsys.readouterr().err
    assert contents(out) == before


@pytest.fixture(scope="module")
def finished(
    tissue: SlideFacts, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A slide, and where it was cut."""
    out = tmp_path_factory.mktemp("finished")
    assert cut(out, tissue.path, "--size=128") == 0
    return tissue.path, out


def test_another_slide_of_the_name_is_refused(
    finished: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = finished
    other = tmp_path / path.name
    other.write_bytes(path.read_bytes() + b"0")
    assert cut(out, other, "--size=128", "--resume") == 1
    assert f"has tiles of {NAME} with bytes " in capsys.readouterr().err


# Where to


def test_a_file_in_the_place_of_the_folder(
    tissue: SlideFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.write_text("in the way")
    assert cut(out, tissue.path) == 1
    assert str(out) in capsys.readouterr().err
    assert out.read_text() == "in the way"


def test_a_file_in_the_place_of_a_slide(
    tissue: SlideFacts, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out.mkdir(parents=True)
    (out / NAME).write_text("in the way")
    assert cut(out, tissue.path, "--size=256") == 1
    assert str(out / NAME) in capsys.readouterr().err
    (out / NAME).unlink()
    assert cut(out, tissue.path, "--size=256", "--resume") == 0


def test_the_output_is_not_searched_for_slides(tmp_path: Path) -> None:
    write_tissue(tmp_path)
    out = tmp_path / "out"
    assert cut(out, tmp_path, "--size=256") == 0
    write_tissue(out / "old")
    assert cut(out, tmp_path, "--size=256", "--resume") == 0
    assert {path.name for path in out.glob("*.json")} == {f"{NAME}.json"}
