"""openslide tiles --format native: tiles that are copied."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from openslide import OpenSlide
from tests.conftest import Slides
from tests.exports import contents, cut, samples
from tests.slides import write_aperio, write_generic
from tests.slides.content import variant
from tests.slides.stored import blank_tile
from tests.slides.writers import SCANSCOPE

# Older releases refuse some of the slides.
pytestmark = [
    pytest.mark.requires_openslide("4.0.1"),
    pytest.mark.requires_direct_reads,
]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def summary(out: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / f"{name}.json").read_text())
    return found


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("name", ["aperio-scanscope", "aperio-gt450", "leica-mixed"])
def test_shards(name: str, level: int, slides: Slides, out: Path) -> None:
    path = slides[name].path
    options = ["--format=native", "--require-native", "--to=webdataset"]
    assert cut(out, path, *options, f"--level={level}", "--shard-size=4") == 0
    with OpenSlide(path) as slide:
        tiles = slide.native_tiles(level)
        found = 0
        for _, about, image in samples(out):
            cell = column, row = about["cell"]
            assert image == tiles.encoded(column, row)
            assert about["location"] == list(tiles.location(*cell))
            assert about["size"] == list(tiles.tile_size)
            assert about["level"] == level
            found += 1
        assert found == np.prod(tiles.shape)
    about = summary(out, name)
    assert (about["encoded"], about["reason"], about["holes"]) == ([], "", 0)


def test_images(slides: Slides, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Holes are left out, and counted."""
    facts = slides["philips-1-0"]
    assert cut(out, facts.path, "--format=native") == 0
    with OpenSlide(facts.path) as slide:
        tiles = slide.native_tiles(0)
        columns, rows = tiles.shape
        streams = {
            f"philips-1-0_{column}_{row}.jpg": tiles.encoded(column, row)
            for row in range(rows)
            for column in range(columns)
        }
    streams = {name: stream for name, stream in streams.items() if stream is not None}
    assert contents(out / "philips-1-0") == streams
    assert len(streams) == columns * rows - 1
    told = capsys.readouterr().err
    assert f"{facts.path}: 1 hole left out" in told
    assert f"{len(streams)} tiles of 1 slide" in told
    assert summary(out, "philips-1-0")["holes"] == 1


@pytest.mark.parametrize("level", [0, 1])
def test_parquet_files(level: int, slides: Slides, out: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = slides["aperio-gt450"].path
    options = ["--format=native", "--require-native", "--to=parquet", "--shard-size=7"]
    assert cut(out, path, *options, f"--level={level}") == 0
    files = [parquet.read_table(file) for file in sorted(out.glob("*.parquet"))]
    rows = [row for file in files for row in file.to_pylist()]
    with OpenSlide(path) as slide:
        tiles = slide.native_tiles(level)
        assert len(rows) == np.prod(tiles.shape)
        assert len(files) == -(-len(rows) // 7)
        downsample = slide.level_downsamples[level]
        side = tiles.tile_size[0]
        mpp_x, _ = slide.mpp or (0, 0)
        for row in rows:
            cell = column, row_number = row["column"], row["row"]
            name = f"aperio-gt450_{column}_{row_number}.jpg"
            assert row["image"] == {"bytes": tiles.encoded(*cell), "path": name}
            assert (row["slide"], row["level"]) == (path.name, level)
            assert row["mpp"] == pytest.approx(mpp_x * downsample)
            corner = column * side, row_number * side
            assert (row["level_x"], row["level_y"]) == corner
            box = [row[name] for name in ("x", "y", "width", "height")]
            expected = np.multiply((*corner, side, side), downsample)
            assert box == pytest.approx(list(expected))
            assert row["micron_x"] == pytest.approx(row["x"] * mpp_x)
            assert row["micron_width"] == pytest.approx(row["width"] * mpp_x)
    assert len({(row["column"], row["row"]) for row in rows}) == len(rows)


def test_tiles_of_parquet_files_that_are_encoded(slides: Slides, out: Path) -> None:
    """They have their rows among the others, in the order of the part."""
    parquet = pytest.importorskip("pyarrow.parquet")
    path = slides["aperio-hole"].path
    assert cut(out, path, "--format=native", "--level=1", "--to=parquet") == 0
    rows = parquet.read_table(out / "aperio-hole-000000.parquet").to_pylist()
    streams = {(row["column"], row["row"]): row["image"]["bytes"] for row in rows}
    with OpenSlide(path) as slide:
        tiles = slide.native_tiles(1)
        assert len(streams) == np.prod(tiles.shape)
        assert streams[0, 0] == tiles.encoded(0, 0)
    with Image.open(io.BytesIO(streams[1, 0])) as image:
        assert image.size == tiles.tile_size


def test_tiles_that_are_made_of_others_are_encoded(
    slides: Slides, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = slides["aperio-hole"].path
    assert cut(out, path, "--format=native", "--level=1", "--to=webdataset") == 0
    assert summary(out, "aperio-hole")["encoded"] == [[1, 0]]
    assert "1 tile encoded, not copied, (column, row) (1, 0): libopenslide makes" in (
        capsys.readouterr().err
    )
    with OpenSlide(path) as slide:
        copied = slide.native_tiles(1).encoded(0, 0)
        found = {tuple(about["cell"]): image for _, about, image in samples(out)}
        assert found[0, 0] == copied
        shown = slide.read_array((240, 0), 1, (240, 240), coordinates="level")
        with Image.open(io.BytesIO(found[1, 0])) as image:
            assert image.size == (240, 240)
            difference = np.asarray(image).astype(int) - shown
        assert abs(difference).mean() < 4


def test_levels_without_native_tiles_are_encoded(
    slides: Slides, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = slides["trestle"].path
    assert cut(out, path, "--format=native", "--level=1") == 0
    about = summary(out, "trestle")
    assert len(about["encoded"]) == about["tiles"] == len(contents(out / "trestle"))
    assert about["reason"] == "the tiles overlap"
    assert "encoded, not copied" in capsys.readouterr().err


def test_a_picture_has_none(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(variant()).save(path)
    assert cut(out, path, "--format=native") == 0
    assert "it is a picture, not stored as tiles" in capsys.readouterr().err
    assert cut(tmp_path / "again", path, "--format=native", "--require-native") == 1


@pytest.mark.parametrize(
    ("name", "level", "reason"),
    [
        (
            "aperio-hole",
            1,
            "1 tile cannot be copied, (column, row) (1, 0): libopenslide",
        ),
        ("trestle", 0, "level 0 has no native tiles: the tiles overlap"),
        ("generic-lzw", 0, "level 0 has no native tiles: the tiles are compressed in"),
    ],
)
def test_native_tiles_may_be_required(
    name: str,
    level: int,
    reason: str,
    slides: Slides,
    out: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of a slide that has not only such tiles nothing is written, of others all is."""
    options = ["--format=native", "--require-native", f"--level={level}"]
    good = slides["aperio-gt450"].path
    assert cut(out, slides[name].path, good, *options) == 1
    assert reason in capsys.readouterr().err
    assert not (out / name).exists()
    assert (out / "aperio-gt450").exists()


def test_damaged_tiles_are_skipped(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = write_generic(tmp_path, image=variant(), factors=(1,))
    blank_tile(facts.path, 3)
    assert cut(out, facts.path, "--format=native", "--to=webdataset") == 0
    about = summary(out, facts.path.stem)
    assert (about["damaged"], about["encoded"]) == ([[3, 0]], [])
    assert "1 damaged tile skipped, (column, row) (3, 0)" in capsys.readouterr().err
    assert (3, 0) not in {tuple(a["cell"]) for _, a, _ in samples(out)}


def test_a_mask_chooses(tmp_path: Path, out: Path) -> None:
    facts = write_aperio(tmp_path, dialect=SCANSCOPE, image=variant(), name="a")
    width, height = facts.level_dimensions[0]
    mask = np.zeros((height // 8, width // 8), np.uint8)
    mask[30:60, 60:120] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    options = ["--format=native", f"--mask={tmp_path / 'mask.png'}", "--min-tissue=0.5"]
    assert cut(out, facts.path, *options) == 0
    assert sorted(contents(out / "a")) == ["a_2_1.jpg", "a_3_1.jpg"]


def test_a_second_run(slides: Slides, out: Path) -> None:
    path = slides["aperio-gt450"].path
    options = ["--format=native", "--to=webdataset"]
    assert cut(out, path, *options) == 0
    before = contents(out)
    assert cut(out, path, *options, "--resume") == 0
    assert contents(out) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format=native", "--size=256"], "--size does not go with --format native"),
        (["--format=native", "--mpp=0.5"], "--mpp does not go with --format native"),
        (["--format=native", "--overlap=2"], "--overlap does not go with"),
        (["--format=native", "--to=zarr"], "does not go with --to zarr"),
        (["--format=native", "--to=h5"], "does not go with --to h5"),
        (["--require-native"], "--require-native goes with --format native alone"),
    ],
)
def test_options_that_do_not_go_together(
    options: list[str],
    message: str,
    slides: Slides,
    out: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        cut(out, slides["aperio-gt450"].path, *options)
    assert message in capsys.readouterr().err
    assert not out.exists()
