"""The command `openslide`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import openslide
from openslide import OpenSlide
from openslide.cli import main
from tests.slides import SlideFacts, reference, write_generic
from tests.slides.stored import blank_tile

TISSUE = reference()[950:1020, 800:900]  # 100 x 70 pixels


@pytest.fixture
def facts(tmp_path: Path) -> SlideFacts:
    return write_generic(
        tmp_path, image=TISSUE, encoding="lzw", tile=64, factors=(1, 2)
    )


def fails(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """What a command that fails says on standard error."""
    assert main([str(argument) for argument in arguments]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    message = output.err.splitlines()[-1]
    assert message.startswith("openslide: ")
    assert "Traceback" not in output.err
    return message


# openslide info


def test_info(
    slides: Mapping[str, SlideFacts], capsys: pytest.CaptureFixture[str]
) -> None:
    facts = slides["leica"]
    assert main(["info", str(facts.path)]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    lines = output.out.splitlines()
    assert lines[0] == str(facts.path)
    words = [line.split() for line in lines]
    assert ["vendor", "leica"] in words
    assert ["dimensions", "2560", "x", "1920", "pixels"] in words
    assert ["mpp", "0.5", "x", "0.5", "microns", "per", "pixel"] in words
    assert ["0", "2560", "x", "1920,", "downsample", "1"] in words
    assert ["2", "160", "x", "120,", "downsample", "16"] in words
    assert ["macro:", "640", "x", "480"] in words
    assert ["ICC", "profile", "none"] in words
    with OpenSlide(facts.path) as slide:
        for name, value in slide.properties.items():
            assert f"    {name}: {value!r}" in lines


@pytest.mark.requires_openslide("4.0.0")
def test_info_about_a_profile(
    facts: SlideFacts, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", str(facts.path)]) == 0
    with OpenSlide(facts.path) as slide:
        profile = slide.read_region((0, 0), 0, (1, 1)).info["icc_profile"]
    assert f"ICC profile {len(profile)} bytes" in capsys.readouterr().out


@pytest.mark.requires_direct_reads
def test_info_about_direct_levels(
    slides: Mapping[str, SlideFacts], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", str(slides["aperio-jpeg"].path)]) == 0
    assert capsys.readouterr().out.count("read directly") == 3
    assert main(["info", str(slides["aperio-33005"].path)]) == 0
    output = capsys.readouterr().out
    assert output.count("read by libopenslide: the tiles are not JPEG") == 3
    assert "directly" not in output


def test_info_about_an_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "image.png"
    Image.new("RGB", (7, 5)).save(path)
    assert main(["info", str(path)]) == 0
    output = capsys.readouterr().out
    assert "none; read as an image" in output
    assert "7 x 5 pixels" in output
    assert "unknown" in output


def test_info_about_the_software(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    output = capsys.readouterr().out
    assert openslide.__version__ in output
    assert str(Path(openslide.__file__).parent) in output
    library = f"libopenslide {openslide.__library_version__}"
    assert f"{library} at {openslide.__library_path__}" in output
    assert openslide._openslide.conversion_kernel() in output
    assert (openslide._openslide.jpeg_version() or "off: built without") in output
    assert "conflict" not in output


def test_info_about_a_conflict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = "/somewhere/openslide/_convert.abi3.so"
    monkeypatch.setattr("openslide._coexistence.foreign_file", lambda: foreign)
    assert main(["info"]) == 0
    output = capsys.readouterr().out
    assert f"conflict    {foreign}" in output
    assert "pip uninstall -y openslide-python" in output


def test_info_about_what_is_no_slide(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no slide")
    assert str(path) in fails(capsys, "info", path)
    assert "missing.svs" in fails(capsys, "info", "missing.svs")


# openslide tiles


def cut(facts: SlideFacts, out: Path, *options: str) -> dict[str, Image.Image]:
    """Files that the command writes, by name."""
    arguments = ["tiles", str(facts.path), "-o", str(out), *options]
    assert main(arguments) == 0
    images: dict[str, Image.Image] = {}
    for file in out.iterdir():
        with Image.open(file) as image:
            image.load()
            images[file.name] = image
    return images


def test_png_tiles(
    facts: SlideFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a" / "b"
    tiles = cut(facts, out, "--size", "32", "--format", "png")
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("12/12 tiles, ")
    assert output.err.endswith(f"12 tiles in {out}\n")
    assert set(tiles) == {
        f"generic_{column}_{row}.png" for column in range(4) for row in range(3)
    }
    for row in range(3):
        for column in range(4):
            tile = tiles[f"generic_{column}_{row}.png"]
            x, y = 32 * column, 32 * row
            expected = TISSUE[y : y + 32, x : x + 32]
            assert (tile.format, tile.mode) == ("PNG", "RGB")
            assert np.array_equal(np.asarray(tile), expected)
    assert tiles["generic_3_2.png"].size == (4, 6)


def test_tiles_of_another_level(facts: SlideFacts, tmp_path: Path) -> None:
    tiles = cut(
        facts, tmp_path / "out", "--level", "1", "--size", "32", "--format", "png"
    )
    assert {name: tile.size for name, tile in tiles.items()} == {
        "generic_0_0.png": (32, 32),
        "generic_1_0.png": (18, 32),
        "generic_0_1.png": (32, 3),
        "generic_1_1.png": (18, 3),
    }
    with OpenSlide(facts.path) as slide:
        region = slide.read_region((64, 0), 1, (18, 32)).convert("RGB")
    tile = tiles["generic_1_0.png"]
    assert np.array_equal(np.asarray(tile), np.asarray(region))


def encoded(image: Image.Image, quality: int) -> Image.Image:
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


@pytest.mark.parametrize(("options", "quality"), [((), 80), (("--quality", "35"), 35)])
def test_jpeg_tiles(
    facts: SlideFacts, tmp_path: Path, options: tuple[str, ...], quality: int
) -> None:
    tiles = cut(facts, tmp_path / "out", *options)
    (tile,) = tiles.values()
    assert list(tiles) == ["generic_0_0.jpg"]
    assert (tile.format, tile.size) == ("JPEG", (100, 70))
    expected = encoded(Image.fromarray(np.ascontiguousarray(TISSUE)), quality)
    assert np.array_equal(np.asarray(tile), np.asarray(expected))


@pytest.mark.requires_openslide("4.0.0")
@pytest.mark.parametrize("format", ["jpeg", "png"])
def test_tiles_have_the_profile(facts: SlideFacts, tmp_path: Path, format: str) -> None:
    (tile,) = cut(facts, tmp_path / "out", "--format", format).values()
    with OpenSlide(facts.path) as slide:
        profile = slide.read_region((0, 0), 0, (1, 1)).info["icc_profile"]
    assert tile.info["icc_profile"] == profile


def test_tiles_without_a_profile(tmp_path: Path) -> None:
    facts = write_generic(tmp_path, image=TISSUE, icc=False)
    (tile,) = cut(facts, tmp_path / "out").values()
    assert "icc_profile" not in tile.info


@pytest.mark.requires_openslide("4.0.0")  # earlier ones cannot read a missing tile
def test_holes_show_the_background(tmp_path: Path) -> None:
    facts = write_generic(tmp_path, image=TISSUE, tile=32, factors=(1,), missing=(5,))
    tiles = cut(facts, tmp_path / "out", "--size", "32", "--format", "png")
    assert tiles["generic_1_1.png"].getextrema() == ((255, 255),) * 3
    assert tiles["generic_2_1.png"].getextrema() != ((255, 255),) * 3


def test_tiles_of_an_image(tmp_path: Path) -> None:
    path = tmp_path / "picture.tif"
    Image.fromarray(np.ascontiguousarray(TISSUE)).save(path)
    out = tmp_path / "out"
    assert main(["tiles", str(path), "-o", str(out), "--format", "png"]) == 0
    with Image.open(out / "picture_0_0.png") as tile:
        assert np.array_equal(np.asarray(tile), TISSUE)


def test_cutting_again(facts: SlideFacts, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = cut(facts, out, "--size", "32")
    (out / "generic_0_0.jpg").write_bytes(b"half of a tile")
    assert cut(facts, out, "--size", "32") == first


@pytest.mark.parametrize("level", ["2", "-1"])
def test_there_is_no_such_level(
    facts: SlideFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str], level: str
) -> None:
    out = tmp_path / "out"
    message = fails(capsys, "tiles", facts.path, "-o", out, f"--level={level}")
    assert f"no level {level}" in message
    assert "0 to 1" in message
    assert not out.exists()


def test_a_file_in_place_of_the_folder(
    facts: SlideFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.write_text("in the way")
    assert str(out) in fails(capsys, "tiles", facts.path, "-o", out)
    assert out.read_text() == "in the way"


def test_a_damaged_slide(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = write_generic(tmp_path, image=TISSUE, tile=64, factors=(1,))
    blank_tile(facts.path, 3)
    out = tmp_path / "out"
    message = fails(capsys, "tiles", facts.path, "-o", out, "--size", "64")
    assert str(facts.path) in message
    written = {file.name for file in out.iterdir()}
    assert written <= {"generic_0_0.jpg", "generic_1_0.jpg", "generic_0_1.jpg"}


# The command line


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == (
        f"openslide-native {openslide.__version__}, "
        f"libopenslide {openslide.__library_version__}\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], ["info", "thumbnail", "region", "tiles", "--version"]),
        (["info", "--help"], ["SLIDE"]),
        (["thumbnail", "--help"], ["SLIDE", "--output", "--size", "--color"]),
        (["region", "--help"], ["--location", "--level", "--mpp", "within 2 %"]),
        (["associated", "--help"], ["SLIDE", "NAME", "--all"]),
        (
            ["tiles", "--help"],
            ["SLIDE", "--output", "--size", "--level", "--format", "--quality"],
        ),
    ],
)
def test_help(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    output = capsys.readouterr().out
    assert [word for word in words if word not in output] == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["sausage"],
        ["info", "a", "b"],
        ["tiles", "a.svs"],
        ["tiles", "-o", "out"],
        ["tiles", "a.svs", "-o", "out", "--size", "0"],
        ["tiles", "a.svs", "-o", "out", "--size", "big"],
        ["tiles", "a.svs", "-o", "out", "--quality", "-5"],
        ["tiles", "a.svs", "-o", "out", "--format", "tiff"],
        ["tiles", "a.svs", "-o", "out", "--level", "top"],
    ],
)
def test_usage_errors(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: openslide" in capsys.readouterr().err


def test_as_a_module(facts: SlideFacts) -> None:
    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "openslide", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    good = run("info", facts.path)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith(f"{facts.path}\n")
    bad = run("info", "missing.svs")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith("openslide: ")
    assert run().returncode == 2


def test_the_installed_command() -> None:
    (script,) = metadata.entry_points(group="console_scripts", name="openslide")
    assert script.load() is main
