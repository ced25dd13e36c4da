"""openslide convert: a slide as one file, with the pixels that it had."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from openslide import OpenSlide, OpenSlideError
from openslide.cli import main
from openslide.convert import bigtiff
from tests.conftest import Slides
from tests.exports import work_folder
from tests.slides import write_aperio, write_generic
from tests.slides.content import RgbImage, reference, shrink, variant
from tests.slides.stored import blank_tile, stored_tile
from tests.slides.writers import SCANSCOPE

# Older releases refuse some of the slides.
pytestmark = [
    pytest.mark.requires_openslide("4.0.1"),
    pytest.mark.requires_direct_reads,
]

Pixels = NDArray[np.uint8]

#: Slides all of whose tiles are copied.
COPIED = (
    *("aperio-scanscope", "aperio-gt450", "generic-vips", "generic-asap"),
    *("philips-1-0", "ventana-padded", "dicom-sparse", "dicom-pixelmed-rgb"),
)
#: Others: why those of level 0 are not.
ENCODED = {
    "ndpi": "the level is not stored as tiles",
    "leica-mixed": "the tiles do not begin at the corner of the level",
    "generic-lzw": "the tiles are compressed in another way",
    "dicom-bfconvert": "colours are sampled in a way that TIFF readers do not expect",
}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "out.tiff"


def convert(path: Path, out: Path, *options: str) -> int:
    return main(["convert", str(path), "-o", str(out), *options])


def level_pixels(slide: OpenSlide, level: int) -> Pixels:
    """RGBA of a level; its top left part where it is large."""
    width, height = slide.level_dimensions[level]
    size = (min(width, 1600), min(height, 1200))
    return np.asarray(slide.read_region((0, 0), level, size))


def check_pixels(source: OpenSlide, made: OpenSlide, most: float) -> None:
    """Compare all levels; where the source has nothing there is white."""
    for level in range(source.level_count):
        theirs, ours = level_pixels(source, level), level_pixels(made, level)
        assert (ours[..., 3] == 255).all()
        there = theirs[..., 3] == 255
        nothing = theirs[..., 3] == 0
        assert (ours[nothing] >= 254).all() or most > 0
        if most > 0 and source.level_dimensions[level][0] < 100:
            continue  # JPEG makes too much of few pixels
        difference = abs(ours[there].astype(int) - theirs[there])[:, :3]
        assert difference.size == 0 or difference.mean() <= most, level


def check_facts(source: OpenSlide, made: OpenSlide, path: Path) -> None:
    assert made.properties["openslide.vendor"] == "generic-tiff"
    assert made.level_dimensions == source.level_dimensions
    assert made._profile == source._profile
    if source.mpp is None:
        assert made.mpp is None
    else:
        np.testing.assert_allclose(made.mpp or (0, 0), source.mpp, rtol=1e-6)
    described = json.loads(made.properties["tiff.ImageDescription"])
    assert described["properties"] == dict(source.properties)
    assert described["source"] == path.name
    assert dict(made.associated_images) == {}


@pytest.mark.parametrize("name", COPIED)
def test_copied_levels_have_the_same_pixels(
    name: str, slides: Slides, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = slides[name].path
    assert convert(path, out, "--require-native") == 0
    assert list(out.parent.iterdir()) == [out]
    with (
        OpenSlide(path, direct=False) as source,
        OpenSlide(out, direct=False) as made,
        OpenSlide(out) as direct,
    ):
        check_facts(source, made, path)
        check_pixels(source, made, most=0)
        check_pixels(made, direct, most=0)
        assert direct.direct_levels == tuple(range(source.level_count))
    assert "encoded" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ENCODED)
def test_other_levels_are_encoded(
    name: str, slides: Slides, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = slides[name].path
    assert convert(path, out, "--quality=95") == 0
    with OpenSlide(path) as source, OpenSlide(out, direct=False) as made:
        check_facts(source, made, path)
        check_pixels(source, made, most=5)
    assert f"encoded ({ENCODED[name]})" in capsys.readouterr().err


def test_a_tile_that_cannot_be_copied_is_encoded_like_the_others(
    slides: Slides, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = slides["aperio-hole-above"].path
    assert convert(path, out) == 0
    assert "level 1, 550 x 350 pixels: 5 tiles copied, 1 encoded (libopenslide" in (
        capsys.readouterr().err
    )
    with OpenSlide(path) as source, OpenSlide(out, direct=False) as made:
        check_pixels(source, made, most=5)
        assert made.properties["tiff.ImageDescription"]
    assert convert(path, out.with_name("b.tiff"), "--require-native") == 1
    told = capsys.readouterr().err
    assert "tile (1, 0) of level 2 cannot be copied: libopenslide makes it" in told
    assert list(out.parent.iterdir()) == [out]


def test_native_tiles_may_be_required(
    slides: Slides, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(slides["ndpi"].path, out, "--require-native") == 1
    told = capsys.readouterr().err
    assert "level 0 has no native tiles: the level is not stored as tiles" in told
    assert not any(out.parent.iterdir())


def test_a_large_coarsest_level_gets_coarser_ones(tmp_path: Path, out: Path) -> None:
    image = np.tile(reference()[:320], (1, 3, 1))[:, :4400]
    facts = write_generic(tmp_path, image=image, factors=(1,))
    assert convert(facts.path, out, "--quality=95") == 0
    with OpenSlide(facts.path) as source, OpenSlide(out, direct=False) as made:
        check_pixels(source, made, most=0)
        assert made.level_dimensions == ((4400, 320), (1100, 80))
        assert made.level_downsamples == (1, 4)
        small = np.asarray(made.read_region((0, 0), 1, (1100, 80)).convert("RGB"))
        expected = shrink(level_image(source), 4)
        assert abs(small.astype(int) - expected).mean() < 3


def level_image(slide: OpenSlide) -> RgbImage:
    region = slide.read_region((0, 0), 0, slide.dimensions)
    return np.asarray(region.convert("RGB"))


def test_a_picture(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(variant()).save(path)
    assert convert(path, out, "--quality=95") == 0
    with OpenSlide(out, direct=False) as made:
        assert abs(level_image(made).astype(int) - variant()).mean() < 2


# Damage


def damaged_slide(folder: Path, *, in_scan: bool) -> Path:
    facts = write_aperio(folder, dialect=SCANSCOPE, image=variant(), factors=(1,))
    if not in_scan:
        blank_tile(facts.path, 6)
        return facts.path
    offset, length = stored_tile(facts.path, 6)
    with open(facts.path, "r+b") as file:
        file.seek(offset + length // 2)
        file.write(b"\x55" * 200)
    return facts.path


@pytest.mark.parametrize("in_scan", [False, True])
def test_damaged_tiles_become_background(
    *, in_scan: bool, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = damaged_slide(tmp_path, in_scan=in_scan)
    assert convert(path, out, *["--verify"] * in_scan) == 0
    told = capsys.readouterr().err
    assert "level 0: 1 damaged tile shown as background, (column, row) (1, 1)" in told
    with OpenSlide(out, direct=False) as made:
        region = made.read_region((240, 240), 0, (240, 240))
        assert np.asarray(region).min() >= 250


def test_a_slide_without_a_good_tile(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = write_generic(tmp_path, image=variant()[:256, :512], factors=(1,))
    for index in range(2):
        blank_tile(facts.path, index)
    assert convert(facts.path, out) == 1
    assert "none of its 2 tiles can be read" in capsys.readouterr().err
    assert not any(out.parent.iterdir())


def test_damage_that_nobody_looks_for_is_copied(tmp_path: Path, out: Path) -> None:
    assert convert(damaged_slide(tmp_path, in_scan=True), out) == 0
    with OpenSlide(out, direct=False) as made, pytest.raises(OpenSlideError):
        made.read_region((240, 240), 0, (240, 240))


# Files


def test_associated_images_go_along_on_request(slides: Slides, out: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    path = slides["aperio-gt450"].path
    assert convert(path, out, "--associated") == 0
    with OpenSlide(path) as source, tifffile.TiffFile(out) as tiff:
        pages = {page.description: page for page in tiff.pages[source.level_count :]}
        assert pages.keys() == source.associated_images.keys()
        for name, image in source.associated_images.items():
            np.testing.assert_array_equal(pages[name].asarray(), np.asarray(image))
    with OpenSlide(out, direct=False) as made:
        assert made.level_count == len(slides["aperio-gt450"].level_dimensions)


@pytest.mark.parametrize("name", ["aperio-scanscope", "generic-asap"])
def test_tifffile_reads_it(name: str, slides: Slides, out: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("imagecodecs")
    assert convert(slides[name].path, out) == 0
    with OpenSlide(out, direct=False) as made, tifffile.TiffFile(out) as tiff:
        assert tiff.is_bigtiff
        assert len(tiff.series[0].levels) == made.level_count
        first = min(min(page.dataoffsets) for page in tiff.pages)
        for number, page in enumerate(tiff.pages):
            # Everything but tiles comes first; and the coarsest level then.
            assert all(tag.valueoffset < first for tag in page.tags)
            assert page.offset < first
            shown = level_pixels(made, number)
            read = page.asarray()[: shown.shape[0], : shown.shape[1]]
            np.testing.assert_array_equal(read, shown[..., :3])
        offsets = [min(page.dataoffsets) for page in tiff.pages]
        assert offsets == sorted(offsets, reverse=True)


@pytest.mark.parametrize("name", ["aperio-scanscope", "generic-sparse"])
def test_vips_reads_it(name: str, slides: Slides, out: Path) -> None:
    pyvips = pytest.importorskip("pyvips")
    assert convert(slides[name].path, out) == 0
    with OpenSlide(out, direct=False) as made:
        for number in range(made.level_count):
            image = pyvips.Image.tiffload(str(out), page=number)
            shown = level_pixels(made, number)
            read = image.numpy()[: shown.shape[0], : shown.shape[1]]
            np.testing.assert_array_equal(read, shown[..., :3])


def test_what_is_there_is_left_alone(
    slides: Slides, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out.parent.mkdir()
    out.write_bytes(b"mine")
    assert convert(slides["aperio-gt450"].path, out) == 1
    assert f"{out} is there already" in capsys.readouterr().err
    assert out.read_bytes() == b"mine"
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_kill_leaves_nothing_that_is_not_whole(slides: Slides, out: Path) -> None:
    path = slides["aperio-gt450"].path
    program = (
        "import os, signal, sys\n"
        "from openslide.cli import main\n"
        "from openslide.convert.bigtiff import BigTiff\n"
        "BigTiff.finish = lambda tiff: os.kill(os.getpid(), signal.SIGKILL)\n"
        "main(['convert', sys.argv[1], '-o', sys.argv[2]])\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, path, out])
    assert killed.returncode == -signal.SIGKILL
    assert list(out.parent.iterdir()) == [work_folder(out)]
    assert convert(path, out) == 0
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("out.png", [], "there is no format for"),
        ("out.tiff", ["--tile-size=250"], "--tile-size must be a multiple of 16"),
    ],
)
def test_wrong_options(
    name: str,
    options: list[str],
    message: str,
    slides: Slides,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        convert(slides["aperio-gt450"].path, tmp_path / name, *options)
    assert message in capsys.readouterr().err


@hypothesis.given(st.floats(1e-9, 1e12))
def test_fractions_fit(value: float) -> None:
    numerator, denominator = bigtiff._bounded(Fraction(value))
    assert 0 <= numerator < 1 << 32
    assert 0 < denominator < 1 << 32
    expected = min(value, float((1 << 32) - 1))
    assert numerator / denominator == pytest.approx(expected, rel=1e-4, abs=1e-9)
