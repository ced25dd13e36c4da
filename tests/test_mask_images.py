"""Masks in pictures of all kinds and sizes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

import openslide
from openslide import _mask_images
from openslide.tiles import TileGrid
from openslide.tissue import TissueMask
from tests.slides import SlideFacts, write_generic

DIMENSIONS = (4000, 2000)


def labels() -> NDArray[np.uint8]:
    """1 to 5 in the upper half, from left to right."""
    values = np.zeros((100, 200), np.uint8)
    values[:50] = np.arange(200) // 40 + 1
    return values


def save(folder: Path, image: Image.Image, name: str, **options: Any) -> Path:
    path = folder / name
    image.save(path, **options)
    return path


def palette(values: NDArray[np.uint8], *colors: int) -> Image.Image:
    image = Image.fromarray(values)
    image.putpalette(bytes(colors))
    return image


def channels(*bands: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(np.dstack(bands))


ZERO, FULL = np.zeros_like(labels()), np.full_like(labels(), 255)
COLORS = (0, 0, 0, 9, 9, 9, 200, 0, 0, 0, 200, 0, 0, 0, 200, 200, 200, 0)


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("grey.png", Image.fromarray(labels())),
        ("red.png", channels(labels(), ZERO, ZERO)),
        ("blue.tif", channels(ZERO, ZERO, labels())),
        ("grey in three.png", channels(labels(), labels(), labels())),
        ("alpha.png", channels(labels(), ZERO, ZERO, FULL)),
        ("palette.png", palette(labels(), *COLORS)),
        ("deep.png", Image.fromarray(labels().astype(np.uint16))),
        ("deep.tif", Image.fromarray(labels().astype(np.int32))),
        ("palette.gif", palette(labels(), *COLORS)),
    ],
)
def test_labels_are_kept(tmp_path: Path, name: str, image: Image.Image) -> None:
    mask = TissueMask.of(save(tmp_path, image, name), DIMENSIONS)
    np.testing.assert_array_equal(mask.array, labels() > 0)
    assert mask.classes == ("1", "2", "3", "4", "5")
    boxes = np.array([[0, 0, 800, 1000], [700, 0, 400, 1000]], float)
    assert mask.class_shares(boxes).tolist() == [[1, 0, 0, 0, 0], [0.25, 0.75, 0, 0, 0]]
    chosen = TissueMask.of(tmp_path / name, DIMENSIONS, classes=[2, "5"])
    np.testing.assert_array_equal(chosen.array, np.isin(labels(), [2, 5]))
    assert chosen.classes == ("2", "5")
    with pytest.raises(
        ValueError, match=r"no pixel has a value of 7; there are 1, 2, "
    ):
        TissueMask.of(tmp_path / name, DIMENSIONS, classes=[7])


def test_probabilities_are_kept(tmp_path: Path) -> None:
    values = labels().astype(np.float32) / 6
    values[99] = np.nan
    path = save(tmp_path, Image.fromarray(values), "probability.tif")
    mask = TissueMask.of(path, DIMENSIONS)
    np.testing.assert_array_equal(mask.array, labels() > 0)
    assert mask.classes == ()
    likely = TissueMask.of(path, DIMENSIONS, threshold=0.5)
    np.testing.assert_array_equal(likely.array, labels() >= 3)


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("binary.png", Image.fromarray(labels() > 0)),
        ("white.png", Image.fromarray((labels() > 0).astype(np.uint8) * 255)),
        ("hidden.png", channels(FULL, FULL, FULL, (labels() > 0).astype(np.uint8))),
        (
            "swapped palette.png",
            palette((labels() == 0).astype(np.uint8), 255, 255, 255, 0, 0, 0),
        ),
        (
            "shades.png",
            Image.fromarray((labels() > 0) * np.arange(200, dtype=np.uint8)),
        ),
    ],
)
def test_pictures_without_classes(
    tmp_path: Path, name: str, image: Image.Image
) -> None:
    mask = TissueMask.of(save(tmp_path, image, name), DIMENSIONS)
    expected = labels() > 0
    if name == "shades.png":
        expected[:, 0] = False
    np.testing.assert_array_equal(mask.array, expected)
    assert mask.classes == ()


def test_jpeg_does_not_keep_labels(tmp_path: Path) -> None:
    image = Image.fromarray((labels() > 0).astype(np.uint8) * 255)
    for name, options in (("mask.jpg", {}), ("mask.tif", {"compression": "jpeg"})):
        path = save(tmp_path, image, name, **options)
        with pytest.raises(ValueError, match=r"mask\.\w+' is JPEG.*threshold"):
            TissueMask.of(path, DIMENSIONS)
        mask = TissueMask.of(path, DIMENSIONS, threshold=128)
        assert (mask.array == (labels() > 0)).mean() > 0.99


@pytest.mark.parametrize("size", [(200, 101), (199, 100), (201, 100), (2, 1), (1, 1)])
def test_sides_may_be_rounded(size: tuple[int, int]) -> None:
    TissueMask.of(Image.new("1", size), DIMENSIONS)


@pytest.mark.parametrize("size", [(100, 200), (200, 103), (196, 100), (200, 200)])
def test_other_proportions_are_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    image = Image.new("L", size, 1)
    path = save(tmp_path, image, "other.png")
    for mask in (image, np.asarray(image), path):
        with pytest.raises(
            ValueError, match=r"other proportions than 4000 x 2000"
        ) as e:
            TissueMask.of(mask, DIMENSIONS)
        assert ("other.png" in str(e.value)) == (mask is path)


def test_a_mask_of_the_scanned_area(slides: Mapping[str, SlideFacts]) -> None:
    with openslide.OpenSlide(slides["leica"].path) as slide:
        x, y, width, height = slide.bounds
        mask = Image.new("L", (width // 32, height // 32))
        mask.paste(1, (4, 2, 8, 10))
        with pytest.raises(ValueError, match='origin "bounds"'):
            TileGrid(slide, 32, mask=mask)
        grid = TileGrid(slide, 32, mask=mask, mask_origin="bounds", min_tissue=0.6)
        assert grid.locations.min(axis=0).tolist() == [x + 128, y + 64]
        assert grid.locations.max(axis=0).tolist() == [x + 224, y + 288]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "neither"), (b"<xml/>", "neither"), (b"II*\0", "neither")],
)
def test_what_is_no_picture(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "mask.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"mask\.png' is {reason}"):
        TissueMask.of(path, DIMENSIONS)
    with pytest.raises(FileNotFoundError, match="absent"):
        TissueMask.of(tmp_path / "absent.png", DIMENSIONS)


def test_damaged_pictures(tmp_path: Path) -> None:
    path = save(tmp_path, Image.fromarray(labels()), "mask.png")
    path.write_bytes(path.read_bytes()[:80])
    with pytest.raises(ValueError, match=r"mask\.png.*cannot be read"):
        TissueMask.of(path, DIMENSIONS)


# Large ones


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done of large pictures is done of small ones."""
    monkeypatch.setattr(_mask_images, "_MOST_KEPT", 1 << 10)
    monkeypatch.setattr(_mask_images, "_STRIP_PIXELS", 1 << 12)


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, np.uint8),
        ({"compression": "tiff_lzw"}, np.uint8),
        ({"compression": "tiff_adobe_deflate"}, np.uint8),
        ({"compression": "packbits"}, np.uint8),
        ({"compression": "tiff_lzw", "tiffinfo": {317: 2}}, np.uint8),
        ({"compression": "tiff_lzw"}, np.uint16),
        ({"compression": "tiff_adobe_deflate"}, np.float32),
        ({"compression": "group4"}, bool),
        ({"compression": "group3"}, bool),
        ({}, bool),
    ],
)
def test_strips_of_large_pictures(
    tmp_path: Path, options: dict[str, Any], kind: Any
) -> None:
    values = np.repeat(np.repeat(labels(), 3, axis=0), 3, axis=1).astype(kind)
    tags = options.pop("tiffinfo", {}) | {278: 16}
    path = save(
        tmp_path, Image.fromarray(values), "large.tif", tiffinfo=tags, **options
    )
    mask = TissueMask.of(path, (24_000, 12_000))
    rows, columns = mask.array.shape
    assert rows * columns <= 1100
    assert mask.array.mean() == pytest.approx(0.5, abs=0.03)
    wanted = ("1", "2", "3", "4", "5") if kind in (np.uint8, np.uint16) else ()
    assert mask.classes == wanted
    if wanted:
        boxes = np.array([[4800, 0, 4800, 6000]], float)
        assert mask.class_shares(boxes)[0] == pytest.approx([0, 1, 0, 0, 0], abs=0.06)


def write_tiles(path: Path, values: NDArray[Any], tile: int) -> None:
    """A TIFF of deflated tiles; those without a value are holes."""
    height, width = values.shape
    down, across = -(-height // tile), -(-width // tile)
    padded = np.zeros((down * tile, across * tile), values.dtype)
    padded[:height, :width] = values
    data, offsets, counts = b"", [], []
    for row, column in np.ndindex(down, across):
        part = padded[row * tile :, column * tile :][:tile, :tile]
        block = zlib.compress(part.tobytes()) if part.any() else b""
        offsets.append(8 + len(data) if block else 0)
        counts.append(len(block))
        data += block + bytes(len(block) % 2)
    number = len(offsets)
    places = 8 + len(data), 8 + len(data) + 4 * number
    kind = 3 if values.dtype.kind == "f" else 1
    tags = [(256, 4, 1, width), (257, 4, 1, height)]
    tags += [(258, 3, 1, 8 * values.dtype.itemsize), (259, 3, 1, 8), (262, 3, 1, 1)]
    tags += [(277, 3, 1, 1), (322, 4, 1, tile), (323, 4, 1, tile)]
    tags += [
        (324, 4, number, places[0]),
        (325, 4, number, places[1]),
        (339, 3, 1, kind),
    ]
    directory = struct.pack("<H", len(tags))
    directory += b"".join(struct.pack("<HHLL", *tag) for tag in tags) + bytes(4)
    tables = struct.pack(f"<{2 * number}L", *offsets, *counts)
    head = struct.pack("<2sHL", b"II", 42, 8 + len(data) + len(tables))
    path.write_bytes(head + data + tables + directory)


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_tiles_of_large_pictures(tmp_path: Path, kind: Any) -> None:
    values = np.repeat(np.repeat(labels(), 3, axis=0), 3, axis=1).astype(kind)
    write_tiles(tmp_path / "large.tif", values, 64)
    mask = TissueMask.of(tmp_path / "large.tif", (24_000, 12_000))
    rows, columns = mask.array.shape
    assert rows * columns <= 1100
    assert mask.array.mean() == pytest.approx(0.5, abs=0.03)
    assert mask.classes == ((), ("1", "2", "3", "4", "5"))[kind != np.float32]
    if mask.classes:
        boxes = np.array([[4800, 0, 4800, 6000]], float)
        assert mask.class_shares(boxes)[0] == pytest.approx([0, 1, 0, 0, 0], abs=0.06)


@pytest.mark.usefixtures("small_limits")
def test_palettes_of_large_pictures_are_labels(tmp_path: Path) -> None:
    values = np.repeat(np.repeat(labels(), 3, axis=0), 3, axis=1)
    image = palette(values, *COLORS)
    tags = {278: 16}
    path = save(tmp_path, image, "large.tif", compression="tiff_lzw", tiffinfo=tags)
    assert TissueMask.of(path, (24_000, 12_000)).classes == ("1", "2", "3", "4", "5")


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("factors", [(1, 2, 4), (1, 4, 16)])
def test_levels_of_large_pictures(tmp_path: Path, factors: tuple[int, ...]) -> None:
    """As ASAP and vips write them: pyramids of tiles, whose last level may be large."""
    values = np.repeat(np.repeat(labels(), 4, axis=0), 4, axis=1)
    pixels = np.dstack([values] * 3)
    facts = write_generic(
        tmp_path, name="mask", image=pixels, encoding="lzw", tile=64, factors=factors
    )
    mask = TissueMask.of(facts.path, (8000, 4000))
    assert mask.array.mean() == pytest.approx(0.5, abs=0.04)
    assert {"1", "2", "3", "4", "5"} <= set(mask.classes)


def write_levels(path: Path, levels: list[NDArray[Any]], *, below: bool) -> None:
    """A pyramid of tiles, as tifffile writes it; bytes are numbers of colours.

    below: whether the reduced levels stand below the first, not behind it.
    """
    options: dict[str, Any] = {"tile": (64, 64), "photometric": "minisblack"}
    if levels[0].dtype == np.uint8:
        colors = np.tile(np.arange(256, dtype=np.uint16) * 257, (3, 1))
        options |= {"photometric": "palette", "colormap": colors}
    with tifffile.TiffWriter(path) as tiff:
        first, *others = levels
        tiff.write(first, subifds=len(others) if below else 0, **options)
        for level in others:
            tiff.write(level, subfiletype=1, **options)


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize("kind", [np.uint16, np.float32, np.uint8])
def test_levels_that_libopenslide_does_not_show(
    tmp_path: Path, kind: Any, below: bool
) -> None:
    """The smallest that is large enough is read, and nothing is mixed."""
    large, small = (np.repeat(np.repeat(labels(), n, 0), n, 1) for n in (8, 4))
    wanted = np.where(small > 0, small + 1, 0)  # so that it is known again
    too_small = np.full_like(small[::20, ::20], 9)
    levels = [level.astype(kind) for level in (large, wanted, too_small)]
    path = tmp_path / "large.tif"
    write_levels(path, levels, below=below)
    mask = TissueMask.of(path, (16_000, 8000), threshold=5.5)
    assert mask.array.mean() == pytest.approx(0.1, abs=0.03)  # where there is 6
    classes = TissueMask.of(path, (16_000, 8000)).classes
    assert classes == (() if kind == np.float32 else ("2", "3", "4", "5", "6"))


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("below", [False, True])
def test_what_is_no_level(tmp_path: Path, below: bool) -> None:
    """Of other values or proportions, or cut off: the first image is read then."""
    large = np.repeat(np.repeat(labels(), 8, 0), 8, 1).astype(np.uint16)
    of_other_values, narrow = large[::2, ::2].astype(np.int32), large[::2, ::3]
    path = tmp_path / "large.tif"
    write_levels(path, [large, of_other_values + 4, narrow + 4], below=below)
    expected = ("1", "2", "3", "4", "5")
    assert TissueMask.of(path, (16_000, 8000)).classes == expected
    with tifffile.TiffFile(path) as tiff:
        levels: Any = tiff.pages[0].pages if below else tiff.pages[1:]
        start = levels[0].offset
    path.write_bytes(path.read_bytes()[: start + 20])
    assert TissueMask.of(path, (16_000, 8000)).classes == expected


def test_a_picture_that_pillow_would_refuse(tmp_path: Path) -> None:
    image = Image.new("1", (20_000, 10_000))
    image.paste(1, (0, 0, 20_000, 5000))
    path = save(tmp_path, image, "large.tif", compression="group4")
    mask = TissueMask.of(path, (20_000, 10_000))
    assert mask.array.mean() == pytest.approx(0.5, abs=1e-3)
    assert mask.array.size <= 1 << 24
