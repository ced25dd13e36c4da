"""ImageSlide: ordinary images as slides."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, UnidentifiedImageError

from openslide import (
    ImageSlide,
    OpenSlideCache,
    OpenSlideError,
    OpenSlideUnsupportedFormatError,
    open_slide,
)
from openslide.cli import main
from openslide.tiles import TileGrid

SIZE = (30, 20)


def gradient() -> Image.Image:
    """Each pixel tells its position."""
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]].astype(np.uint8)
    return Image.fromarray(np.dstack([columns, rows, columns + rows]))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "image.png"
    gradient().save(path)
    return path


@pytest.fixture
def slide(file: Path) -> Iterator[ImageSlide]:
    with ImageSlide(file) as slide:
        yield slide


def test_one_level_and_no_metadata(slide: ImageSlide) -> None:
    assert slide.level_count == 1
    assert slide.dimensions == SIZE
    assert slide.level_dimensions == (SIZE,)
    assert slide.level_downsamples == (1.0,)
    assert slide.properties == {}
    assert slide.associated_images == {}
    assert [slide.get_best_level_for_downsample(d) for d in (0.1, 1, 99)] == [0, 0, 0]
    assert slide.color_profile is None


@pytest.mark.requires_openslide("4.0.0")
def test_a_cache_is_ignored(slide: ImageSlide) -> None:
    slide.set_cache(OpenSlideCache(100))
    assert slide.read_region((3, 2), 0, (1, 1)).getpixel((0, 0)) == (3, 2, 5, 255)


@pytest.mark.parametrize("kind", [str, Path, os.fsencode])
def test_file_names(file: Path, kind: Callable[[Path], str | bytes | Path]) -> None:
    name = kind(file)
    with ImageSlide(name) as slide:
        assert slide.dimensions == SIZE
        assert repr(slide) == f"ImageSlide({name!r})"
    assert ImageSlide.detect_format(name) == "PNG"


def test_what_it_opened_is_closed(file: Path) -> None:
    slide = ImageSlide(file)
    image = slide._image
    assert image is not None
    slide.close()
    with pytest.raises(ValueError, match="closed"):
        image.load()


def test_what_it_was_given_stays_open() -> None:
    image = gradient()
    slide = ImageSlide(image)
    assert repr(slide) == f"ImageSlide({image!r})"
    slide.close()
    assert image.getpixel((3, 2)) == (3, 2, 5)


USES: list[Callable[[ImageSlide], object]] = [
    lambda slide: slide.dimensions,
    lambda slide: slide.level_dimensions,
    lambda slide: slide.read_region((0, 0), 0, (2, 2)),
    lambda slide: slide.get_thumbnail((2, 2)),
]


def test_a_closed_slide_refuses(file: Path) -> None:
    for source in (file, gradient()):
        slide = ImageSlide(source)
        slide.close()
        for use in USES:
            with pytest.raises(ValueError, match="closed"):
                use(slide)
        slide.close()
        assert slide.level_count == 1


@pytest.mark.parametrize(
    ("location", "size"),
    [
        ((0, 0), SIZE),
        ((5, 6), (7, 8)),
        ((-3, -4), (10, 10)),
        ((25, 15), (10, 10)),
        ((-2, 5), (40, 3)),
        ((29, 19), (1, 1)),
    ],
)
def test_regions(
    slide: ImageSlide, location: tuple[int, int], size: tuple[int, int]
) -> None:
    region = slide.read_region(location, 0, size)
    # Pillow's own crop fills up with zeros, outside of the image too.
    box = (*location, location[0] + size[0], location[1] + size[1])
    assert region == gradient().convert("RGBA").crop(box)
    assert region.size == size
    assert "icc_profile" not in region.info


@pytest.mark.parametrize(
    "location",
    [(30, 0), (0, 20), (-8, 0), (0, -8), (10**9, 0), (0, -(10**9)), (2**70, 0)],
)
def test_outside_is_transparent(slide: ImageSlide, location: tuple[int, int]) -> None:
    assert slide.read_region(location, 0, (8, 8)) == Image.new("RGBA", (8, 8))


@pytest.mark.parametrize("size", [(0, 0), (0, 9), (9, 0)])
def test_empty_regions(slide: ImageSlide, size: tuple[int, int]) -> None:
    region = slide.read_region((0, 0), 0, size)
    assert (region.mode, region.size) == ("RGBA", size)


def test_a_region_is_the_callers_own(slide: ImageSlide) -> None:
    region = slide.read_region((0, 0), 0, SIZE)
    region.paste((0, 0, 0, 0), (0, 0, *SIZE))
    assert slide.read_region((0, 0), 0, (1, 1)).getpixel((0, 0)) == (0, 0, 0, 255)


@pytest.mark.parametrize("level", [1, -1, 7])
def test_there_is_no_other_level(slide: ImageSlide, level: int) -> None:
    with pytest.raises(OpenSlideError, match="level"):
        slide.read_region((0, 0), level, (4, 4))


@pytest.mark.parametrize("size", [(-1, 4), (4, -1), (-5, -5)])
def test_negative_sizes(slide: ImageSlide, size: tuple[int, int]) -> None:
    with pytest.raises(OpenSlideError, match="negative"):
        slide.read_region((0, 0), 0, size)
    assert slide.read_region((0, 0), 0, (4, 4)).size == (4, 4)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, (255, 255, 255, 255)),
        ("L", 77, (77, 77, 77, 255)),
        ("LA", (77, 99), (77, 77, 77, 99)),
        ("I;16", 200, (200, 200, 200, 255)),
        ("RGB", (1, 2, 3), (1, 2, 3, 255)),
        ("RGBA", (1, 2, 3, 4), (1, 2, 3, 4)),
        ("CMYK", (255, 0, 0, 0), (0, 255, 255, 255)),
    ],
)
def test_modes(
    mode: str, colour: int | tuple[int, ...], expected: tuple[int, ...]
) -> None:
    region = ImageSlide(Image.new(mode, (6, 5), colour)).read_region((-1, 0), 0, (4, 3))
    assert region.mode == "RGBA"
    assert region.getpixel((0, 0)) == (0, 0, 0, 0)
    assert region.getpixel((1, 0)) == expected
    assert region.getpixel((3, 2)) == expected


# Pixels of more than 8 bits


DEEP = np.arange(0, 65536, 8).astype(np.uint16).reshape(64, 128)


def write_deep(path: Path, order: str = "<") -> Path:
    mode = "I;16" if order == "<" else "I;16B"
    Image.frombytes(mode, (128, 64), DEEP.astype(f"{order}u2").tobytes()).save(path)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bits_are_scaled(tmp_path: Path, name: str) -> None:
    """As libopenslide has them; read_region() cuts them off, as upstream's does."""
    path = write_deep(tmp_path / name)
    with ImageSlide(path) as slide:
        assert slide.read_region((0, 0), 0, (128, 64)).getextrema()[0] == (0, 255)
        pixels = slide.read_array((0, 0), 0, (128, 64))
        batch = slide.read_batch([(0, 0)], 0, (128, 64))[0]
    with TileGrid(path, (128, 64)) as grid:
        tile = grid.read()[0]
    for found in (pixels, batch, tile):
        np.testing.assert_array_equal(found[..., 0], DEEP >> 8)
        np.testing.assert_array_equal(found[..., 2], DEEP >> 8)


def test_16_bits_in_commands(tmp_path: Path) -> None:
    path = str(write_deep(tmp_path / "a.png"))
    size = ["--size", "128", "64", "--location", "0", "0"]
    runs = {
        "r.png": ["region", path, *size],
        "t.png": ["thumbnail", path, "--size", "128"],
        "d_files/7/0_0.png": ["dzi", path, "--format", "png"],
        "e_files/7/0_0.png": ["dzi", path, "--format", "png", "--method", "exact"],
        "tiles/a/a_0_0.png": ["tiles", path, "--size", "64", "--format", "png"],
    }
    for name, arguments in runs.items():
        out = tmp_path / name.partition("_files")[0].partition("/")[0]
        assert main([*arguments, "-o", str(out)]) == 0
        with Image.open(tmp_path / name) as image:
            found = np.asarray(image.convert("RGB"))[..., 1]
        np.testing.assert_array_equal(found, DEEP[:, : found.shape[1]] >> 8)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bits_are_refused(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.tif"
    Image.new(mode, (64, 64)).save(path)
    with ImageSlide(path) as slide:
        slide.read_region((0, 0), 0, (8, 8))
        with pytest.raises(ValueError, match="scale them to 8 bits first"):
            slide.read_array((0, 0), 0, (8, 8))
    with pytest.raises(OpenSlideUnsupportedFormatError, match="scale them to 8 bits"):
        TileGrid(path, 32)
    for command in ("info", "thumbnail", "associated"):
        options = ["-o", str(tmp_path / "t.png")] if command == "thumbnail" else []
        assert main([command, str(path), *options]) == 1


def test_a_palette() -> None:
    image = Image.new("P", (6, 5), 2)
    image.putpalette([9, 9, 9, 8, 8, 8, 10, 20, 30])
    image.info["transparency"] = 1
    image.putpixel((4, 4), 1)
    region = ImageSlide(image).read_region((0, 0), 0, (6, 5))
    assert region.getpixel((0, 0)) == (10, 20, 30, 255)
    assert region.getpixel((4, 4)) == (8, 8, 8, 0)


def test_the_profile(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = tmp_path / "profile.png"
    gradient().save(path, icc_profile=profile)
    with ImageSlide(path) as slide:
        assert slide.read_region((0, 0), 0, (2, 2)).info["icc_profile"] == profile
        assert slide.get_thumbnail((5, 5)).info["icc_profile"] == profile
        assert slide.color_profile is not None
        assert slide.color_profile is not slide.color_profile


def test_a_thumbnail(slide: ImageSlide) -> None:
    thumbnail = slide.get_thumbnail((15, 15))
    assert (thumbnail.mode, thumbnail.size) == ("RGB", (15, 10))


def test_transparent_pixels_of_a_thumbnail_are_white() -> None:
    image = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    thumbnail = ImageSlide(image).get_thumbnail((4, 4))
    assert thumbnail == Image.new("RGB", (4, 4), "white")


def test_what_is_no_image(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no image")
    for open_file in (ImageSlide, open_slide):
        with pytest.raises(UnidentifiedImageError):
            open_file(text)
        with pytest.raises(FileNotFoundError):
            open_file(tmp_path / "missing.png")
    for name in (text, tmp_path, tmp_path / "missing.png"):
        assert ImageSlide.detect_format(name) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
def test_what_has_no_end_is_refused(tmp_path: Path) -> None:
    fifo, link = tmp_path / "fifo.png", tmp_path / "link.png"
    os.mkfifo(fifo)
    link.symlink_to(fifo)
    for path in (fifo, link):
        for open_file in (ImageSlide, open_slide):
            with pytest.raises(UnidentifiedImageError, match="FIFO"):
                open_file(path)
        assert ImageSlide.detect_format(path) is None
    with pytest.raises(UnidentifiedImageError, match="character device"):
        ImageSlide("/dev/zero")


@pytest.mark.skipif(sys.platform == "win32", reason="sockets are no files here")
def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(UnidentifiedImageError, match="socket"):
            ImageSlide("socket")
