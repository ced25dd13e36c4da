"""Trees of tiles: `openslide dzi`, and what it is made of."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies as st
from PIL import Image

import openslide
from openslide import AbstractSlide, ImageSlide, OpenSlide
from openslide._color import handled
from openslide.cli import main
from openslide.deepzoom import DeepZoomGenerator
from openslide.trees import TreeOptions, TreeSummary, write_tree
from tests.own_slide import OwnSlide
from tests.pixels import pixels
from tests.slides import SlideFacts, reference, write_aperio, write_generic
from tests.slides import write as write_slide
from tests.slides.content import icc_profile, small_reference, swapped_profile
from tests.slides.stored import blank, blank_tile, stored_label

quick = hypothesis.settings(max_examples=15)

FORMATS = ("jpeg", "png", "webp")
METHODS = ("shrink", "exact")


def noise(width: int, height: int) -> Image.Image:
    """A picture in which no part is like another."""
    rng = np.random.default_rng(width * 1000 + height)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))


def tissue(width: int, height: int) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(reference()[900 : 900 + height, 700 : 700 + width])


class Silence:
    """A report that counts."""

    def __init__(self) -> None:
        self.expected = self.done = 0
        self.told: list[str] = []

    def expect(self, tiles: int, *, done: int = 0) -> None:
        self.expected += tiles

    def advance(self, tiles: int) -> None:
        self.done += tiles

    def tell(self, line: str) -> None:
        self.told.append(line)

    def finish(self, what: str) -> None:
        pass


class Interrupting(Silence):
    """Is interrupted when so many tiles are done."""

    def __init__(self, tiles: int) -> None:
        super().__init__()
        self._last = tiles

    def advance(self, tiles: int) -> None:
        super().advance(tiles)
        if self.done >= self._last:
            raise KeyboardInterrupt


def write(
    slide: AbstractSlide,
    out: Path,
    *,
    resume: bool = False,
    report: Silence | None = None,
    **options: Any,
) -> TreeSummary:
    report = report or Silence()
    summary = write_tree(
        slide, out, TreeOptions(**options), threads=2, resume=resume, report=report
    )
    assert report.done == report.expected == summary.tiles
    return summary


def files(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by their paths in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def tile_names(tiles: DeepZoomGenerator, suffix: str) -> set[str]:
    return {
        f"{level}/{column}_{row}.{suffix}"
        for level, (columns, rows) in enumerate(tiles.level_tiles)
        for column in range(columns)
        for row in range(rows)
    }


def read_tile(
    folder: Path, level: int, column: int, row: int, suffix: str = "png"
) -> Image.Image:
    with Image.open(folder / str(level) / f"{column}_{row}.{suffix}") as image:
        image.load()
        return image.copy()  # of Pillow's class for images, which compare their pixels


def level_image(
    folder: Path, tiles: DeepZoomGenerator, level: int
) -> npt.NDArray[np.uint8]:
    """A level put together from its tiles; what overlaps must be equal."""
    width, height = tiles.level_dimensions[level]
    whole = np.zeros((height, width, 3), np.uint8)
    seen = np.zeros((height, width), bool)
    columns, rows = tiles.level_tiles[level]
    for column in range(columns):
        for row in range(rows):
            tile = pixels(read_tile(folder, level, column, row))
            left, _ = tiles.get_tile_span(level, 0, column)
            top, _ = tiles.get_tile_span(level, 1, row)
            place = np.s_[top : top + tile.shape[0], left : left + tile.shape[1]]
            assert whole[place].shape == tile.shape  # it ends with the level
            assert (whole[place] == tile)[seen[place]].all()
            whole[place] = tile
            seen[place] = True
    assert seen.all()
    return whole


# Geometry


#: Of few tiles, for each is brought to the disk; all that matters is how the sides, the
#: tiles and the overlap divide one another.
shapes = st.fixed_dictionaries(
    {
        "width": st.integers(1, 70),
        "height": st.integers(1, 70),
        "tile_size": st.integers(5, 40),
        "overlap": st.integers(0, 5),
    }
)
corners = [
    {"width": 1, "height": 1, "tile_size": 254, "overlap": 1},
    {"width": 1, "height": 97, "tile_size": 16, "overlap": 2},
    {"width": 97, "height": 1, "tile_size": 16, "overlap": 2},
    # The last tile is narrower than the overlap.
    {"width": 41, "height": 22, "tile_size": 10, "overlap": 4},
    # Neighbours have all in common.
    {"width": 31, "height": 33, "tile_size": 5, "overlap": 5},
    {"width": 64, "height": 128, "tile_size": 32, "overlap": 0},
]


def with_corners(test: Callable[..., None]) -> Callable[..., None]:
    for shape in corners:
        test = hypothesis.example(shape=shape)(test)
    return quick(hypothesis.given(shape=shapes)(test))


def with_few_corners(test: Callable[..., None]) -> Callable[..., None]:
    few = hypothesis.settings(max_examples=8)
    for shape in corners[1:5]:
        test = hypothesis.example(shape=shape)(test)
    return few(hypothesis.given(shape=shapes)(test))


@with_corners
def test_shrunk_levels(shape: Mapping[str, int]) -> None:
    image = noise(shape["width"], shape["height"])
    options: dict[str, Any] = {
        "tile_size": shape["tile_size"],
        "overlap": shape["overlap"],
    }
    tiles = DeepZoomGenerator(ImageSlide(image), **options)
    with TemporaryDirectory() as folder:
        out = Path(folder, "tree")
        summary = write(ImageSlide(image), out, format="png", **options)
        description = out.with_name("tree.dzi")
        assert summary == TreeSummary(tiles.tile_count, [], [], description)
        found = Path(folder, "tree_files")
        assert set(files(found)) == tile_names(tiles, "png")
        assert description.read_text() == tiles.get_dzi("png")
        # Each level is the mean of 2 x 2 pixels of the one below; at odd edges of
        # those that there are, as Pillow reduces images.
        expected = image
        for level in reversed(range(tiles.level_count)):
            assert np.array_equal(level_image(found, tiles, level), pixels(expected))
            expected = expected.reduce(2)


@with_corners
def test_exact_tiles(shape: Mapping[str, int]) -> None:
    slide = ImageSlide(noise(shape["width"], shape["height"]))
    options: dict[str, Any] = {
        "tile_size": shape["tile_size"],
        "overlap": shape["overlap"],
    }
    tiles = DeepZoomGenerator(slide, **options)
    with TemporaryDirectory() as folder:
        write(slide, Path(folder, "tree"), format="png", method="exact", **options)
        found = Path(folder, "tree_files")
        assert set(files(found)) == tile_names(tiles, "png")
        for name in files(found):
            level, column, row = map(int, name[:-4].replace("_", "/").split("/"))
            tile = read_tile(found, level, column, row)
            assert tile == tiles.get_tile(level, (column, row))


def test_strips_make_no_difference(
    facts: SlideFacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees = []
    for number, limit in enumerate((1, 1 << 20, 1 << 30)):
        monkeypatch.setattr("openslide.trees.source._STRIP_PIXELS", limit)
        out = tmp_path / str(number)
        with OpenSlide(facts.path) as slide:
            write(slide, out / "tree")
        trees.append(files(out / "tree_files"))
    assert trees[0] == trees[1] == trees[2]


@with_few_corners
def test_bands_make_no_difference(shape: Mapping[str, int]) -> None:
    """Of a slide that is too wide for strips as wide as itself."""
    image = noise(shape["width"], shape["height"])
    options: dict[str, Any] = {
        "tile_size": shape["tile_size"],
        "overlap": shape["overlap"],
        "format": "png",
    }
    trees = []
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for number, most in enumerate((1 << 30, 1000)):
            patch.setattr("openslide.trees.shrink._MOST_PIXELS", most)
            patch.setattr("openslide.trees.shrink._KEPT_PIXELS", 300)
            patch.setattr("openslide.trees.shrink._STRIP_PIXELS", 200)
            patch.setattr("openslide.trees.source._MOST_PIXELS", most)
            out = Path(folder, str(number), "tree")
            write(ImageSlide(image), out, **options)
            trees.append(files(out.parent))
    assert trees[0] == trees[1]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide of 1024 x 768 pixels with associated images."""
    folder = tmp_path_factory.mktemp("small")
    return write_aperio(folder, image=small_reference()).path


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("format", FORMATS)
def test_formats(small: Path, tmp_path: Path, format: str, method: str) -> None:
    with OpenSlide(small) as slide:
        write(slide, tmp_path / "tree", format=format, quality=40, method=method)
        tiles = DeepZoomGenerator(slide)
        # The finest level is the same in both methods.
        address = (tiles.level_count - 1, 3, 2)
        expected = BytesIO()
        tile = tiles.get_tile(address[0], address[1:])
        tile.info.pop("icc_profile", None)  # earlier libopenslide has none
        tile.save(expected, format, **({} if format == "png" else {"quality": 40}))
    found = tmp_path / "tree_files" / str(address[0]) / f"3_2.{format}"
    assert found.read_bytes() == expected.getvalue()


# What is shown


class Bounded(OwnSlide):
    """A slide whose bounds are nowhere on a grid, and which is half transparent."""

    LEVELS = ((300, 280), (150, 140))
    BOUNDS = (37, 41, 201, 203)

    def __init__(self) -> None:
        names = (
            openslide.PROPERTY_NAME_BOUNDS_X,
            openslide.PROPERTY_NAME_BOUNDS_Y,
            openslide.PROPERTY_NAME_BOUNDS_WIDTH,
            openslide.PROPERTY_NAME_BOUNDS_HEIGHT,
        )
        super().__init__(
            {openslide.PROPERTY_NAME_BACKGROUND_COLOR: "2040A0"}
            | dict(zip(names, map(str, self.BOUNDS), strict=True))
        )

    def read_region(
        self, location: tuple[int, int], level: int, size: tuple[int, int]
    ) -> Image.Image:
        image = noise(*self.LEVELS[level]).convert("RGBA")
        image.paste((0, 0, 0, 0), (100, 0, 160, 280))
        x, y = (position >> level for position in location)
        return image.crop((x, y, x + size[0], y + size[1]))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bounds", [False, True])
def test_bounds_and_background(tmp_path: Path, bounds: bool, method: str) -> None:
    slide = Bounded()
    write(slide, tmp_path / "tree", format="png", bounds=bounds, method=method)
    tiles = DeepZoomGenerator(slide, limit_bounds=bounds)
    found = level_image(tmp_path / "tree_files", tiles, tiles.level_count - 1)
    x, y, width, height = slide.BOUNDS if bounds else (0, 0, 300, 280)
    region = slide.read_region((x, y), 0, (width, height))
    expected = Image.new("RGB", region.size, "#2040a0")
    expected.paste(region, None, region)
    assert np.array_equal(found, pixels(expected))
    assert (0x20, 0x40, 0xA0) in expected.get_flattened_data()


def test_bounds_of_a_real_format(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    with OpenSlide(slides["leica"].path) as slide:
        write(slide, tmp_path / "tree", format="png", bounds=True)
        tiles = DeepZoomGenerator(slide, limit_bounds=True)
        top = tiles.level_count - 1
        columns, rows = tiles.level_tiles[top]
        for address in ((0, 0), (columns - 1, rows - 1)):
            tile = read_tile(tmp_path / "tree_files", top, *address)
            assert np.array_equal(pixels(tile), pixels(tiles.get_tile(top, address)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("color", ["embed", "srgb", "ignore"])
def test_colors(tmp_path: Path, color: Any, format: str, method: str) -> None:
    profile = swapped_profile()
    image = Image.fromarray(tissue(60, 50))
    image.info["icc_profile"] = profile
    write(
        ImageSlide(image), tmp_path / "tree", format=format, color=color, method=method
    )
    tile = read_tile(tmp_path / "tree_files", 6, 0, 0, format)
    assert tile.info.get("icc_profile") == (profile if color == "embed" else None)
    if format == "png":
        expected = handled(image.copy(), color, "an image")
        assert np.array_equal(pixels(tile), pixels(expected))
        assert np.array_equal(pixels(tile), tissue(60, 50)) == (color != "srgb")


@pytest.mark.requires_openslide("4.0.0")
@pytest.mark.parametrize("method", METHODS)
def test_colors_of_a_slide(tmp_path: Path, method: str) -> None:
    path = write_generic(tmp_path, image=tissue(90, 80), encoding="lzw").path
    path.write_bytes(path.read_bytes().replace(icc_profile(), swapped_profile()))
    with OpenSlide(path) as slide:
        write(slide, tmp_path / "tree", format="png", color="srgb", method=method)
        region = slide.read_region((0, 0), 0, (90, 80)).convert("RGB")
    before = pixels(region).copy()
    found = pixels(read_tile(tmp_path / "tree_files", 7, 0, 0))
    assert np.array_equal(found, pixels(handled(region, "srgb", "a region")))
    assert not np.array_equal(found, before)


def test_a_profile_that_cannot_be_used(tmp_path: Path) -> None:
    image = noise(20, 20)
    image.info["icc_profile"] = b"no profile"
    with pytest.raises(ValueError, match=r"cannot convert .* to sRGB"):
        write(ImageSlide(image), tmp_path / "tree", color="srgb")
    assert not any(tmp_path.iterdir())  # so that another way is open


def test_associated_images(small: Path, tmp_path: Path) -> None:
    with OpenSlide(small) as slide:
        write(slide, tmp_path / "tree", format="png")
        images = dict(slide.associated_images)
    folder = tmp_path / "tree_associated"
    assert set(files(folder)) == {f"{name}.png" for name in images}
    for name, image in images.items():
        with Image.open(folder / f"{name}.png") as found:
            assert found.mode == "RGB"
            assert np.array_equal(pixels(found), pixels(image)[..., :3])


def test_names_of_associated_images(tmp_path: Path) -> None:
    class Labelled(Bounded):
        associated_images = {  # noqa: RUF012
            "a/b": Image.new("RGBA", (2, 2), "red"),
            "a_b": Image.new("RGBA", (2, 2), (0, 0, 0, 0)),
        }

    write(Labelled(), tmp_path / "tree", format="png")
    colors = {}
    for path in (tmp_path / "tree_associated").iterdir():
        with Image.open(path) as image:
            colors[path.name] = image.getpixel((0, 0))
    assert colors == {"a%2Fb.png": (255, 0, 0), "a_b.png": (0x20, 0x40, 0xA0)}


# IIIF


def requests(info: dict[str, Any]) -> Iterator[str]:
    """What clients of compliance level 0 ask for, in canonical form.

    https://iiif.io/api/image/3.0/implementation/#3-tile-region-parameter-calculation
    """
    width, height = info["width"], info["height"]
    suffix = info.get("preferredFormats", ["jpg"])[0]

    def url(x: int, y: int, w: int, h: int, factor: int) -> str:
        region = "full" if (w, h) == (width, height) else f"{x},{y},{w},{h}"
        size = f"{-(-w // factor)},{-(-h // factor)}"
        if size == f"{width},{height}":
            size = "max"
        return f"{region}/{size}/0/default.{suffix}"

    for size in info["sizes"]:
        whole = (size["width"], size["height"]) == (width, height)
        asked = "max" if whole else f"{size['width']},{size['height']}"
        yield f"full/{asked}/0/default.{suffix}"
    for tiles in info["tiles"]:
        for factor in tiles["scaleFactors"]:
            across, down = tiles["width"] * factor, tiles["height"] * factor
            for y in range(0, height, down):
                for x in range(0, width, across):
                    yield url(
                        *(x, y, min(across, width - x), min(down, height - y), factor)
                    )


iiif_sizes = pytest.mark.parametrize(
    "size", [(1, 1), (64, 64), (65, 63), (100, 300), (301, 1), (128, 256), (333, 127)]
)


@iiif_sizes
def test_iiif_files_are_what_clients_ask_for(
    size: tuple[int, int], tmp_path: Path
) -> None:
    image = noise(*size)
    summary = write(
        ImageSlide(image),
        tmp_path / "tree",
        layout="iiif3",
        tile_size=64,
        overlap=0,
        format="png",
    )
    found = files(tmp_path / "tree")
    assert summary.description == tmp_path / "tree" / "info.json"
    info = json.loads(found.pop("info.json"))
    assert set(found) == set(requests(info))
    assert summary.tiles == len(found)
    for name in found:
        with Image.open(tmp_path / "tree" / name) as opened:
            tile = opened.copy()
        region, asked, *_ = name.split("/")
        if asked != "max":
            assert f"{tile.width},{tile.height}" == asked
        if region != "full":
            x, y, w, h = map(int, region.split(","))
            if (w, h) == tile.size:  # the finest level
                assert tile == image.crop((x, y, x + w, y + h))


@iiif_sizes
def test_iiif_sizes_do_not_mislead_openseadragon(
    size: tuple[int, int], tmp_path: Path
) -> None:
    """Where there are as many sizes as levels, it takes one for the other."""
    options: dict[str, Any] = {"layout": "iiif3", "tile_size": 64, "overlap": 0}
    write(ImageSlide(noise(*size)), tmp_path / "tree", **options)
    info = json.loads((tmp_path / "tree" / "info.json").read_text())
    (tiles,) = info["tiles"]
    deepest = len(tiles["scaleFactors"]) - 1
    sizes = [(size["width"], size["height"]) for size in info["sizes"]]
    if len(sizes) in (deepest, deepest + 1):
        levels = DeepZoomGenerator(ImageSlide(noise(*size)), 64, 0).level_dimensions
        assert tuple(sizes) == levels[: len(sizes)]


def test_iiif_description(tmp_path: Path) -> None:
    options: dict[str, Any] = {"layout": "iiif3", "tile_size": 256, "overlap": 0}
    slide = ImageSlide(noise(700, 400))
    write(slide, tmp_path / "a", **options)
    assert json.loads((tmp_path / "a" / "info.json").read_text()) == {
        "@context": "http://iiif.io/api/image/3/context.json",
        "id": "a",
        "type": "ImageService3",
        "protocol": "http://iiif.io/api/image",
        "profile": "level0",
        "width": 700,
        "height": 400,
        "sizes": [
            {"width": w, "height": h}
            for w, h in zip(
                (1, 2, 3, 6, 11, 22, 44, 88, 175),
                (1, 1, 2, 4, 7, 13, 25, 50, 100),
                strict=True,
            )
        ],
        "tiles": [
            {"width": 256, "height": 256, "scaleFactors": [2**n for n in range(11)]}
        ],
    }
    write(slide, tmp_path / "b", format="webp", identifier="https://x.org/b", **options)
    info = json.loads((tmp_path / "b" / "info.json").read_text())
    assert info["id"] == "https://x.org/b"
    assert info["preferredFormats"] == info["extraFormats"] == ["webp"]


# Damage


@pytest.fixture(params=["jpeg", "lzw"])
def damaged(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """A slide of 5 x 4 stored tiles of 64 pixels, and the same with two damaged."""
    paths = []
    for name in ("good", "bad"):
        facts = write_generic(
            tmp_path,
            name=name,
            encoding=request.param,
            image=tissue(300, 250),
            tile=64,
            factors=(1, 4),
        )
        paths.append(facts.path)
    for index in (6, 18):  # (1, 1) and (3, 3)
        blank_tile(paths[1], index)
    return paths[0], paths[1]


HOLES = ((64, 64), (192, 192))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bounds", [False, True])
def test_damaged_tiles_become_background(
    damaged: tuple[Path, Path],
    tmp_path: Path,
    method: str,
    bounds: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offset = (0, 0)
    if bounds:  # an area that begins within stored tiles
        offset = (21, 13)
        monkeypatch.setattr(DeepZoomGenerator, "_shown_area", area_at(offset))
    options: dict[str, Any] = {
        "format": "png",
        "method": method,
        "tile_size": 32,
        "overlap": 0,
    }
    with OpenSlide(damaged[0]) as good:
        tiles = DeepZoomGenerator(good, 32, 0)
        assert write(good, tmp_path / "good", **options).damaged == []
    with OpenSlide(damaged[1], on_error="reopen") as bad:
        summary = write(bad, tmp_path / "bad", **options)
    top = tiles.level_count - 1
    found, expected = (
        level_image(tmp_path / f"{name}_files", tiles, top) for name in ("bad", "good")
    )
    lost = np.zeros(found.shape[:2], bool)
    for x, y in HOLES:
        left, upper = x - offset[0], y - offset[1]
        lost[upper : upper + 64, left : left + 64] = True
    touched = {
        (top, column, row)
        for column in range(tiles.level_tiles[top][0])
        for row in range(tiles.level_tiles[top][1])
        if lost[row * 32 : row * 32 + 32, column * 32 : column * 32 + 32].any()
    }
    assert {tile for tile in summary.damaged if tile[0] == top} == touched
    if method == "exact":  # all of a tile, and no more
        for _, column, row in touched:
            lost[row * 32 : row * 32 + 32, column * 32 : column * 32 + 32] = True
    else:
        assert {tile[0] for tile in summary.damaged} == {top}
    assert (found[lost] == 255).all()
    assert np.array_equal(found[~lost], expected[~lost])
    listed = json.loads((tmp_path / "bad.json").read_text())["damaged"]
    assert [tuple(tile) for tile in listed] == summary.damaged


def test_damage_where_there_are_bands(
    damaged: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"format": "png", "tile_size": 32, "overlap": 2}
    summaries = []
    for name in ("whole", "bands"):
        with OpenSlide(damaged[1], on_error="reopen") as slide:
            summary = write(slide, tmp_path / name / "tree", **options)
        summaries.append(summary._replace(description=Path()))
        monkeypatch.setattr("openslide.trees.shrink._MOST_PIXELS", 5000)
        monkeypatch.setattr("openslide.trees.shrink._KEPT_PIXELS", 5000)
    assert summaries[0].damaged
    assert summaries[0] == summaries[1]
    assert files(tmp_path / "whole") == files(tmp_path / "bands")


def area_at(offset: tuple[int, int]) -> Callable[[DeepZoomGenerator], Any]:
    def area(tiles: DeepZoomGenerator) -> Any:
        (width, height), *others = tiles._osr.level_dimensions
        return offset, ((width - offset[0], height - offset[1]), *others)

    return area


@pytest.mark.parametrize("method", METHODS)
def test_colours_beside_damage(
    damaged: tuple[Path, Path], tmp_path: Path, method: str
) -> None:
    options: dict[str, Any] = {
        "format": "png",
        "method": method,
        "tile_size": 64,
        "overlap": 0,
    }
    for name, path in zip(("good", "bad"), damaged, strict=True):
        with OpenSlide(path, on_error="reopen") as slide:
            write(slide, tmp_path / name, color="srgb", **options)
    for column, row in ((0, 1), (2, 1), (3, 2)):
        good, bad = (
            read_tile(tmp_path / f"{name}_files", 9, column, row)
            for name in ("good", "bad")
        )
        assert good == bad
    assert read_tile(tmp_path / "bad_files", 9, 1, 1).getcolors() == [
        (64 * 64, (255, 255, 255))
    ]


@pytest.mark.parametrize("method", METHODS)
def test_damage_is_listed_after_resuming(
    damaged: tuple[Path, Path], tmp_path: Path, method: str
) -> None:
    options: dict[str, Any] = {"method": method, "tile_size": 32, "overlap": 0}
    with OpenSlide(damaged[1], on_error="reopen") as slide:
        whole = write(slide, tmp_path / "whole" / "tree", **options)
        parts = tmp_path / "parts" / "tree"
        with pytest.raises(KeyboardInterrupt):
            write(slide, parts, report=Interrupting(whole.tiles - 5), **options)
        resumed = write(slide, parts, resume=True, **options)
        again = write(slide, parts, resume=True, **options)
    assert whole.damaged
    assert whole.damaged == resumed.damaged == again.damaged
    assert files(tmp_path / "whole") == files(tmp_path / "parts")


def test_the_command_goes_on_after_damage(
    damaged: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for method in METHODS:
        out = str(tmp_path / method)
        options = ["--method", method, "--tile-size", "64", "--overlap", "0"]
        assert main(["dzi", str(damaged[1]), "-o", out, *options]) == 0
        message = capsys.readouterr().err
        first, *_, last, _ = message.splitlines()
        start = re.escape(f"{damaged[1]}: tile (9, ")
        assert re.match(rf"{start}(1, 1|3, 3)\) cannot be read: ", first)
        start = f"{damaged[1]}: .* damaged tiles shown as background, "
        assert re.match(rf"{start}\(level, column, row\) ", last)
        assert "; the first: " in last
        assert "(9, 1, 1)" in last
        assert "(9, 3, 3)" in last
        assert "(9, 2, 2)" not in last


@pytest.mark.parametrize("method", METHODS)
def test_nothing_of_a_slide_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str
) -> None:
    facts = write_generic(tmp_path, image=tissue(120, 100), tile=64, factors=(1,))
    for number in range(4):
        blank_tile(facts.path, number)
    before = files(tmp_path)
    out = tmp_path / "tree"
    for _ in range(2):  # nothing is in the way of another try
        options = ["--method", method, "--tile-size", "64"]
        assert main(["dzi", str(facts.path), "-o", str(out), *options]) == 1
        last = capsys.readouterr().err.splitlines()[-1]
        assert re.match(
            rf"openslide: {re.escape(str(facts.path))}: none of its \d+ tiles can be "
            r"read: \w",
            last,
        )
        assert last.count(str(facts.path)) == 1
        assert files(tmp_path) == before


@pytest.mark.requires_openslide("4.0.1")  # earlier ones know no label of this slide
def test_a_damaged_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = write_aperio(tmp_path, image=tissue(300, 200))
    blank(facts.path, stored_label(facts.path))
    out = tmp_path / "tree"
    assert main(["dzi", str(facts.path), "-o", str(out)]) == 0
    assert "the associated image 'label' is damaged" in capsys.readouterr().err
    assert set(files(tmp_path / "tree_associated")) == {
        f"{name}.jpeg" for name in facts.associated if name != "label"
    }
    assert json.loads(out.with_name("tree.json").read_text())["damaged_images"] == [
        "label"
    ]


def test_a_damaged_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "image.png"
    noise(200, 200).save(path)
    path.write_bytes(path.read_bytes()[:5000])
    assert main(["dzi", str(path), "-o", str(tmp_path / "tree")]) == 1
    assert f"openslide: {path}: " in capsys.readouterr().err
    assert not (tmp_path / "tree.dzi").exists()


# Going on


def test_what_is_written(facts: SlideFacts, tmp_path: Path) -> None:
    with OpenSlide(facts.path) as slide:
        summary = write(slide, tmp_path / "tree", tile_size=510)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("tree.dzi", "tree.json", "tree_files", "tree_associated")
    }
    assert not [name for name in files(tmp_path) if "part" in name or "/." in name]
    facts_ = json.loads((tmp_path / "tree.json").read_text())
    assert facts_["tiles"] == summary.tiles
    assert facts_["levels"][-1] == [2048, 1536]
    assert facts_["tree"]["slide"] == facts.path.name
    with OpenSlide(facts.path) as slide:
        quickhash = slide.properties["openslide.quickhash-1"]
        assert facts_["tree"]["quickhash"] == quickhash
        assert facts_["mpp"] == list(slide.mpp or ())
        assert facts_["objective_power"] == 20
        assert facts_["vendor"] == "aperio"
    assert facts_["tree"]["tile_size"] == 510


@pytest.mark.parametrize("tiles", [1, 9, 24])
@pytest.mark.parametrize("layout", ["dzi", "iiif3"])
@pytest.mark.parametrize("method", METHODS)
def test_resuming(tmp_path: Path, method: str, layout: str, tiles: int) -> None:
    slide = ImageSlide(noise(170, 130))
    options: dict[str, Any] = {
        "tile_size": 40,
        "overlap": 0,
        "layout": layout,
        "method": method,
    }
    write(slide, tmp_path / "whole" / "tree", **options)
    out = tmp_path / "parts" / "tree"
    with pytest.raises(KeyboardInterrupt):
        write(slide, out, report=Interrupting(tiles), **options)
    begun = set(files(tmp_path / "parts"))
    assert ".tree.openslide-work/journal" in begun
    assert not begun & {"tree.dzi", "tree/info.json", "tree.json"}
    # What a killed process leaves.
    (tmp_path / "parts" / ".tree.openslide-work" / "1-2.part").write_bytes(b"half")
    with (tmp_path / "parts" / ".tree.openslide-work" / "journal").open("a") as journal:
        journal.write("[9, 1")
    with pytest.raises(FileExistsError, match="--resume"):
        write(slide, out, **options)
    write(slide, out, resume=True, **options)
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


def test_tiles_that_are_there_are_left_alone(tmp_path: Path) -> None:
    slide = ImageSlide(noise(100, 100))
    with pytest.raises(KeyboardInterrupt):
        write(slide, tmp_path / "tree", tile_size=30, report=Interrupting(3))
    tile = next((tmp_path / "tree_files").rglob("*.jpeg"))
    tile.write_bytes(b"mine")
    write(slide, tmp_path / "tree", tile_size=30, resume=True)
    assert tile.read_bytes() == b"mine"


@pytest.mark.parametrize("layout", ["dzi", "iiif3"])
def test_what_was_removed_of_a_tree_is_made_again(
    facts: SlideFacts, tmp_path: Path, layout: str
) -> None:
    options: dict[str, Any] = {"layout": layout, "tile_size": 510, "overlap": 0}
    with OpenSlide(facts.path) as slide:
        summary = write(slide, tmp_path / "tree", **options)
        before = files(tmp_path)
        tile = next(
            name for name in sorted(before) if name.endswith(("_0.jpeg", ".jpg"))
        )
        for name in (tile, summary.description.name, "tree_associated/label.jpeg"):
            path = tmp_path / name
            if not path.exists():
                path = tmp_path / "tree" / name
            path.unlink()
            assert write(slide, tmp_path / "tree", resume=True, **options) == summary
            assert files(tmp_path) == before
        with pytest.raises(FileExistsError, match="--resume"):
            write(slide, tmp_path / "tree", **options)


def test_a_complete_tree_is_not_read_again(tmp_path: Path) -> None:
    slide = ImageSlide(noise(100, 100))
    summary = write(slide, tmp_path / "tree")
    tile = tmp_path / "tree_files" / "0" / "0_0.jpeg"
    tile.write_bytes(b"mine")
    assert write(slide, tmp_path / "tree", resume=True) == summary
    assert tile.read_bytes() == b"mine"


def test_trees_tell_their_scale_and_offset(tmp_path: Path) -> None:
    path = write_slide("leica", tmp_path).path
    for layout in ("dzi", "iiif3"):
        out = tmp_path / layout
        assert run(path, "-o", out, "--bounds", "--layout", layout) == 0
        with OpenSlide(path) as slide:
            assert slide.mpp is not None
            told = json.loads((tmp_path / f"{layout}.json").read_text())
            assert told["mpp"] == list(slide.mpp)
            assert told["offset"] == list(slide.bounds[:2]) == [160, 128]
            assert told["bounds"] == list(slide.bounds)
            assert told["vendor"] == "leica"
    (service,) = json.loads((tmp_path / "iiif3" / "info.json").read_text())["service"]
    assert service["profile"] == "http://iiif.io/api/annex/services/physdim"
    assert service["physicalScale"] * 1000 == pytest.approx(told["mpp"][0])
    assert service["physicalUnits"] == "mm"


def test_a_tree_is_gone_on_with_from_another_mount(
    facts: SlideFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one").mkdir()
    shutil.copy(facts.path, tmp_path / "one" / "slide.svs")
    assert run(tmp_path / "one" / "slide.svs", "-o", tmp_path / "one" / "tree") == 0
    before = files(tmp_path / "one")
    (tmp_path / "one").rename(tmp_path / "two")
    path, out = tmp_path / "two" / "slide.svs", tmp_path / "two" / "tree"
    assert run(path, "-o", out, "--resume") == 0
    assert files(tmp_path / "two") == before


CHANGES = {
    "layout": "iiif3",
    "tile_size": 100,
    "overlap": 2,
    "format": "png",
    "quality": 74,
    "bounds": True,
    "color": "srgb",
    "method": "exact",
    "identifier": "x",
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("complete", [False, True])
def test_changed_options_are_refused(tmp_path: Path, name: str, complete: bool) -> None:
    slide = ImageSlide(noise(100, 100))
    begun: dict[str, Any] = {"overlap": 0}
    if complete:
        write(slide, tmp_path / "tree", **begun)
    else:
        with pytest.raises(KeyboardInterrupt):
            write(slide, tmp_path / "tree", report=Interrupting(2), **begun)
    before = files(tmp_path)
    changed = begun | {name: CHANGES[name]}
    with pytest.raises(
        ValueError, match=f"was begun with {name} .*, not .*{changed[name]}"
    ):
        write(slide, tmp_path / "tree", resume=True, **changed)
    assert files(tmp_path) == before


def test_another_slide_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        noise(50, 50).save(tmp_path / f"{name}.png")
    with ImageSlide(tmp_path / "a.png") as slide:
        write(slide, tmp_path / "tree")
    with (
        ImageSlide(tmp_path / "b.png") as slide,
        pytest.raises(
            ValueError, match=r"was begun with slide '.*a\.png', not '.*b\.png'"
        ),
    ):
        write(slide, tmp_path / "tree", resume=True)


@pytest.mark.parametrize("layout", ["dzi", "iiif3"])
@pytest.mark.parametrize("resume", [False, True])
def test_what_somebody_else_wrote_is_left_alone(
    tmp_path: Path, layout: str, resume: bool
) -> None:
    folder = tmp_path / ("tree_files" if layout == "dzi" else "tree")
    folder.mkdir()
    slide = ImageSlide(noise(30, 30))
    (folder / "mine").write_text("mine")
    with pytest.raises(FileExistsError, match="is there already"):
        write(slide, tmp_path / "tree", layout=layout, overlap=0, resume=resume)
    assert files(tmp_path) == {f"{folder.name}/mine": b"mine"}
    (folder / "mine").unlink()
    write(slide, tmp_path / "tree", layout=layout, overlap=0, resume=resume)


@pytest.mark.parametrize("name", ["tree.json", ".tree.openslide-work/journal"])
def test_notes_of_something_else(tmp_path: Path, name: str, foreign: bytes) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(foreign)
    with pytest.raises(ValueError, match="not been written by this program") as raised:
        write(ImageSlide(noise(9, 9)), tmp_path / "tree", resume=True)
    assert str(path) in str(raised.value)
    assert files(tmp_path) == {name: foreign}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tile_size": 0}, "tile_size must be positive, not 0"),
        ({"overlap": -1}, "overlap must be from 0 to 254, not -1"),
        ({"tile_size": 8, "overlap": 9}, "overlap must be from 0 to 8, not 9"),
        ({"layout": "iiif3"}, "overlap must be from 0 to 0, not 1"),
        ({"quality": 101}, "quality must be from 1 to 100, not 101"),
    ],
)
def test_options_that_make_no_sense(tmp_path: Path, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write(ImageSlide(noise(9, 9)), tmp_path / "tree", **options)
    assert not any(tmp_path.iterdir())


# Processes


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "openslide", "dzi", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def wait_for_tiles(folder: Path, count: int) -> None:
    """Until there are so many tiles; they must be whole at any time."""
    deadline = time.monotonic() + 60
    while sum(len(names) for *_, names in os.walk(folder)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    image = np.ascontiguousarray(reference()[:1000, :1500])
    return write_generic(tmp_path, image=image).path


MANY = ("--tile-size", "24")  # 3500 tiles


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("method", METHODS)
def test_kill(large: Path, tmp_path: Path, method: str) -> None:
    options = (*MANY, "--method", method)
    out = tmp_path / "parts" / "tree"
    for count in (100, 1500):
        process = start(large, "-o", out, "--resume", *options)
        wait_for_tiles(out.with_name("tree_files"), count)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        for path in out.with_name("tree_files").rglob("*.*"):
            with Image.open(path) as tile:
                tile.load()  # raises where it is broken
        assert not out.with_name("tree.dzi").exists()
    assert main(["dzi", str(large), "-o", str(out), "--resume", *options]) == 0
    whole = tmp_path / "whole" / "tree"
    assert main(["dzi", str(large), "-o", str(whole), *options]) == 0
    assert files(out.parent) == files(whole.parent)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c(large: Path, tmp_path: Path) -> None:
    out = tmp_path / "tree"
    process = start(large, "-o", out, *MANY)
    wait_for_tiles(tmp_path / "tree_files", 100)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in message
    assert not (tmp_path / "tree.dzi").exists()
    assert set(files(tmp_path / ".tree.openslide-work")) == {
        "journal",
        "openslide-work",
    }
    assert main(["dzi", str(large), "-o", str(out), "--resume", *MANY]) == 0


def test_nothing_heavy_is_imported(large: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from openslide.cli import main;"
        "assert main(['dzi', *sys.argv[1:]]) == 0;"
        "print(*(name for name in ('numpy', 'scipy', 'zarr', 'email', 'multiprocessing')"
        " if name in sys.modules))"
    )
    command = [sys.executable, "-c", code, str(large), "-o", str(tmp_path / "tree")]
    assert subprocess.check_output(command, stderr=subprocess.DEVNULL).strip() == b""


# Not ru_maxrss, which counts what the process that began this one had.
PEAK = """
import sys
from openslide.cli import main
assert main(["dzi", *sys.argv[1:]]) == 0
print(next(line for line in open("/proc/self/status") if "VmHWM" in line).split()[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc")
def test_memory_does_not_grow_with_the_height(tmp_path: Path) -> None:
    peaks = []
    for height in (1500, 3000):
        path = write_wide(tmp_path / f"{height}.tif", height)
        peaks.append(peak(path, tmp_path / str(height)))
    assert peaks[1] < peaks[0] * 1.1 + 8
    assert peaks[1] < 300


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc")
def test_memory_does_not_grow_with_the_width(tmp_path: Path) -> None:
    path = write_wide(tmp_path / "wide.tif", 512, width=120000)
    assert peak(path, tmp_path / "tree") < 260  # all of the width takes 350


def peak(path: Path, out: Path) -> float:
    """How many megabytes it takes to write a tree."""
    command = [sys.executable, "-c", PEAK, str(path), "-o", str(out)]
    return int(subprocess.check_output(command)) / 1024


def write_wide(path: Path, height: int, width: int = 20000) -> Path:
    """A slide whose tiles are all alike."""
    from tests.slides.tiff import TiffWriter, jpeg_codec

    codec = jpeg_codec()
    tile = codec.encode(np.ascontiguousarray(reference()[:256, :256]))
    count = -(-width // 256) * -(-height // 256)
    with TiffWriter(path) as tiff:
        tiff.encoded_tiles((width, height), 256, codec, [tile] * count)
    return path


# The command


def run(*arguments: str | Path) -> int:
    return main(["dzi", *map(str, arguments)])


def test_the_command(
    facts: SlideFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a" / "tree.dzi"  # as viewers call it
    assert run(facts.path, "-o", out, "--tile-size", "510", "--workers", "3") == 0
    output = capsys.readouterr()
    assert output.out == ""
    with OpenSlide(facts.path) as slide:
        count = DeepZoomGenerator(slide, 510).tile_count
    assert output.err.startswith(f"{count}/{count} tiles, ")
    assert output.err.endswith(f"\n{count} tiles; open {out}\n")
    assert len(files(tmp_path / "a" / "tree_files")) == count


def test_the_command_for_iiif(facts: SlideFacts, tmp_path: Path) -> None:
    out = tmp_path / "tree"
    address = "https://example.org/tree"
    assert run(facts.path, "-o", out, "--layout", "iiif3", "--id", address) == 0
    info = json.loads((out / "info.json").read_text())
    assert info["id"] == address
    assert set(requests(info)) <= set(files(out))


def test_quality_matters(facts: SlideFacts, tmp_path: Path) -> None:
    sizes = []
    for quality in ("20", "90"):
        assert run(facts.path, "-o", tmp_path / quality, "--quality", quality) == 0
        sizes.append(sum(map(len, files(tmp_path / f"{quality}_files").values())))
    assert sizes[0] < sizes[1] / 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--overlap", "-1"], "overlap must be from 0 to 254"),
        (["--layout", "iiif3", "--overlap", "2"], "overlap must be from 0 to 0"),
        (["--quality", "101"], "quality must be from 1 to 100"),
    ],
)
def test_the_command_refuses(
    facts: SlideFacts,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    assert run(facts.path, "-o", tmp_path / "tree", *arguments) == 1
    assert message in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_a_file_in_place_of_the_folder(
    facts: SlideFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").write_text("in the way")
    assert run(facts.path, "-o", tmp_path / "folder" / "tree") == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("openslide: ")
    assert str(tmp_path / "folder") in message


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_folder_that_may_not_be_written_to(
    facts: SlideFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o500)
    assert run(facts.path, "-o", tmp_path / "tree") == 1
    assert "Permission denied" in capsys.readouterr().err
    tmp_path.chmod(0o700)
