"""DeepZoomGenerator: what the tiles of a pyramid have in common, and their pixels."""

from __future__ import annotations

import math
import pickle
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

import openslide
from openslide import ImageSlide, OpenSlide
from openslide.deepzoom import DeepZoomGenerator
from tests.own_slide import OwnSlide
from tests.slides import SlideFacts, reference

quick = hypothesis.settings(max_examples=60)


def gradient(width: int, height: int) -> Image.Image:
    """Each pixel tells its position."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    return Image.fromarray(np.dstack([columns, rows, columns ^ rows]))


class Gradient(OwnSlide):
    """Two levels of pixels that tell their positions, with properties at will."""

    def read_region(
        self, location: tuple[int, int], level: int, size: tuple[int, int]
    ) -> Image.Image:
        width, height = self.level_dimensions[level]
        image = gradient(width, height).convert("RGBA")
        x, y = (position >> level for position in location)
        return image.crop((x, y, x + size[0], y + size[1]))


# The pyramid


pyramids = st.builds(
    lambda width, height, tile_size, overlap: DeepZoomGenerator(
        ImageSlide(gradient(width, height)), tile_size, overlap
    ),
    st.integers(1, 200),
    st.integers(1, 200),
    st.integers(11, 230),
    st.integers(0, 10),
)


def starts(tiles: DeepZoomGenerator, address: tuple[int, int]) -> list[int]:
    """Where a tile starts, its overlap included."""
    tile_size, overlap = tiles._tile_size, tiles._overlap
    return [index * tile_size - (overlap if index else 0) for index in address]


@quick
@hypothesis.given(tiles=pyramids)
def test_levels_double_from_a_single_pixel(tiles: DeepZoomGenerator) -> None:
    levels = tiles.level_dimensions
    assert levels[0] == (1, 1)
    assert (1, 1) not in levels[1:]
    assert levels[-1] == tiles._osr.dimensions
    assert tiles.level_count == len(levels)
    for smaller, larger in pairwise(levels):
        assert smaller == tuple(math.ceil(side / 2) for side in larger)


@quick
@hypothesis.given(tiles=pyramids)
def test_tiles_cover_their_level(tiles: DeepZoomGenerator) -> None:
    assert len(tiles.level_tiles) == tiles.level_count
    assert tiles.tile_count == sum(x * y for x, y in tiles.level_tiles)
    for level, (columns, rows) in enumerate(tiles.level_tiles):
        addresses = [(index, 0) for index in range(columns)]
        addresses += [(0, index) for index in range(1, rows)]
        covered = np.zeros(tiles.level_dimensions[level][::-1], np.uint8)
        for address in addresses:
            (x, y), size = (
                starts(tiles, address),
                tiles.get_tile_dimensions(level, address),
            )
            covered[y : y + size[1], x : x + size[0]] = 1
        # The first row and the first column of tiles; the others follow from them.
        assert covered[0].all()
        assert covered[:, 0].all()
        last = (columns - 1, rows - 1)
        ends = [
            start + length
            for start, length in zip(
                starts(tiles, last), tiles.get_tile_dimensions(level, last), strict=True
            )
        ]
        assert tuple(ends) == tiles.level_dimensions[level]


@quick
@hypothesis.given(tiles=pyramids, data=st.data())
def test_a_tile_has_the_size_that_is_announced(
    tiles: DeepZoomGenerator, data: st.DataObject
) -> None:
    level = data.draw(st.integers(0, tiles.level_count - 1))
    columns, rows = tiles.level_tiles[level]
    address = (
        data.draw(st.integers(0, columns - 1)),
        data.draw(st.integers(0, rows - 1)),
    )
    tile = tiles.get_tile(level, address)
    assert tile.mode == "RGB"
    for length, announced, side, start in zip(
        tile.size,
        tiles.get_tile_dimensions(level, address),
        tiles.level_dimensions[level],
        starts(tiles, address),
        strict=True,
    ):
        # Where the next tile is narrower than the overlap, the level ends within it.
        present = min(announced, side - start)
        if level == tiles.level_count - 1:
            assert length == present
        else:  # shrinking keeps the aspect ratio, which can cost a pixel
            assert present - 1 <= length <= announced


@quick
@hypothesis.given(tiles=pyramids)
def test_the_last_level_is_the_image(tiles: DeepZoomGenerator) -> None:
    level = tiles.level_count - 1
    image = gradient(*tiles._osr.dimensions)
    columns, rows = tiles.level_tiles[level]
    for address in {(0, 0), (columns - 1, 0), (0, rows - 1), (columns - 1, rows - 1)}:
        x, y = starts(tiles, address)
        tile = tiles.get_tile(level, address)
        box = (x, y, x + tile.width, y + tile.height)
        assert np.array_equal(np.asarray(tile), np.asarray(image.crop(box)))


def test_coordinates_are_those_of_a_region(slides: Mapping[str, SlideFacts]) -> None:
    with OpenSlide(slides["aperio-jpeg"].path) as slide:
        tiles = DeepZoomGenerator(slide, tile_size=126, overlap=1)
        assert tiles.get_tile_coordinates(11, (0, 0)) == ((0, 0), 0, (127, 127))
        assert tiles.get_tile_coordinates(11, (2, 1)) == ((251, 125), 0, (128, 128))
        assert tiles.get_tile_coordinates(10, (2, 1)) == ((502, 250), 0, (256, 256))
        assert tiles.get_tile_coordinates(9, (2, 1)) == ((1004, 500), 1, (128, 128))
        assert tiles.get_tile_coordinates(8, (0, 0)) == ((0, 0), 1, (254, 254))
        assert tiles.get_tile_coordinates(7, (1, 0)) == ((2000, 0), 2, (3, 96))
        location, level, size = tiles.get_tile_coordinates(9, (1, 1))
        region = slide.read_region(location, level, size)
        tile = tiles.get_tile(9, (1, 1))
        assert np.array_equal(np.asarray(tile), np.asarray(region)[..., :3])


def test_a_level_between_shows_the_slide(slides: Mapping[str, SlideFacts]) -> None:
    with OpenSlide(slides["aperio-jpeg"].path) as slide:
        tiles = DeepZoomGenerator(slide, tile_size=512, overlap=0)
        tile = tiles.get_tile(8, (0, 0))
    assert tile.size == (256, 192)
    expected = Image.fromarray(np.ascontiguousarray(reference())).resize(tile.size)
    difference = np.asarray(tile).astype(int) - np.asarray(expected)
    assert abs(difference).mean() < 6


def test_defaults() -> None:
    slide = ImageSlide(gradient(255, 10))
    tiles = DeepZoomGenerator(slide)
    assert repr(tiles) == (
        f"DeepZoomGenerator({slide!r}, tile_size=254, overlap=1, limit_bounds=False)"
    )
    assert tiles.level_tiles[-1] == (2, 1)
    assert tiles.get_tile_dimensions(tiles.level_count - 1, (0, 0)) == (255, 10)


def test_arguments_have_names() -> None:
    slide = ImageSlide(gradient(50, 40))
    tiles = DeepZoomGenerator(slide, tile_size=20, overlap=2, limit_bounds=True)
    assert tiles.level_tiles[-1] == (3, 2)
    assert DeepZoomGenerator(slide, 20, 2, True).level_tiles == tiles.level_tiles


# Bounds


BOUNDS = {
    openslide.PROPERTY_NAME_BOUNDS_X: "10",
    openslide.PROPERTY_NAME_BOUNDS_Y: "6",
    openslide.PROPERTY_NAME_BOUNDS_WIDTH: "41",
    openslide.PROPERTY_NAME_BOUNDS_HEIGHT: "22",
}


def test_bounds_limit_the_pyramid() -> None:
    slide = Gradient(BOUNDS)
    tiles = DeepZoomGenerator(slide, tile_size=16, overlap=0, limit_bounds=True)
    top = tiles.level_count - 1
    assert tiles.level_dimensions[-1] == (41, 22)
    assert tiles.level_dimensions[-2] == (21, 11)
    assert tiles.level_tiles[-1] == (3, 2)
    assert tiles.get_tile_coordinates(top, (0, 0)) == ((10, 6), 0, (16, 16))
    assert tiles.get_tile_coordinates(top, (2, 1)) == ((42, 22), 0, (9, 6))
    assert tiles.get_tile_coordinates(top - 1, (1, 0)) == ((42, 6), 1, (5, 11))
    expected = gradient(100, 60).crop((42, 22, 51, 28))
    assert tiles.get_tile(top, (2, 1)) == expected


def test_bounds_are_ignored_unless_wanted() -> None:
    tiles = DeepZoomGenerator(Gradient(BOUNDS), tile_size=16, overlap=0)
    assert tiles.level_dimensions[-1] == (100, 60)
    assert tiles.get_tile_coordinates(tiles.level_count - 1, (0, 0))[0] == (0, 0)


@pytest.mark.parametrize("missing", BOUNDS)
def test_a_missing_bound_is_that_of_the_slide(missing: str) -> None:
    properties = {name: value for name, value in BOUNDS.items() if name != missing}
    tiles = DeepZoomGenerator(Gradient(properties), 64, 0, limit_bounds=True)
    location, _, size = tiles.get_tile_coordinates(tiles.level_count - 1, (0, 0))
    expected = {
        openslide.PROPERTY_NAME_BOUNDS_X: ((0, 6), (41, 22)),
        openslide.PROPERTY_NAME_BOUNDS_Y: ((10, 0), (41, 22)),
        openslide.PROPERTY_NAME_BOUNDS_WIDTH: ((10, 6), (64, 22)),
        openslide.PROPERTY_NAME_BOUNDS_HEIGHT: ((10, 6), (41, 60)),
    }
    assert (location, size) == expected[missing]


def test_bounds_of_a_real_format(slides: Mapping[str, SlideFacts]) -> None:
    with OpenSlide(slides["leica"].path) as slide:
        tiles = DeepZoomGenerator(slide, limit_bounds=True)
        properties = slide.properties
        x, y = (int(properties[name]) for name in tiles.BOUNDS_OFFSET_PROPS)
        bounds = tuple(int(properties[name]) for name in tiles.BOUNDS_SIZE_PROPS)
        assert bounds != slide.dimensions
        assert tiles.level_dimensions[-1] == bounds
        location, _, _ = tiles.get_tile_coordinates(tiles.level_count - 1, (0, 0))
        assert location == (x, y)
        assert tiles.get_tile(tiles.level_count - 1, (0, 0)).size == (255, 255)


# Colour


def test_transparent_pixels_show_the_background() -> None:
    transparent = Image.new("RGBA", (20, 20), (255, 255, 255, 0))
    tiles = DeepZoomGenerator(ImageSlide(transparent))
    assert tiles.get_tile(5, (0, 0)) == Image.new("RGB", (20, 20), "white")

    class Dark(Gradient):
        def read_region(self, location: Any, level: Any, size: Any) -> Image.Image:
            return Image.new("RGBA", size, (255, 255, 255, 128))

    slide = Dark({openslide.PROPERTY_NAME_BACKGROUND_COLOR: "000064"})
    tiles = DeepZoomGenerator(slide, 32, 0)
    tile = tiles.get_tile(tiles.level_count - 1, (0, 0))
    assert tile == Image.new("RGB", (32, 32), (128, 128, 178))


@pytest.mark.requires_openslide("4.0.0")
def test_tiles_have_the_profile(slides: Mapping[str, SlideFacts]) -> None:
    with OpenSlide(slides["aperio-jpeg"].path) as slide:
        profile = slide.read_region((0, 0), 0, (1, 1)).info["icc_profile"]
        tiles = DeepZoomGenerator(slide)
        for level in (0, 8, tiles.level_count - 1):
            assert tiles.get_tile(level, (0, 0)).info["icc_profile"] is profile
    tile = DeepZoomGenerator(ImageSlide(gradient(9, 9))).get_tile(0, (0, 0))
    assert "icc_profile" not in tile.info


# Threads and copies


def test_many_threads(slides: Mapping[str, SlideFacts]) -> None:
    with OpenSlide(slides["aperio-jpeg"].path) as slide:
        tiles = DeepZoomGenerator(slide)
        addresses = [
            (level, (column, row))
            for level, (columns, rows) in enumerate(tiles.level_tiles)
            for column in range(columns)
            for row in range(rows)
        ]
        expected = [tiles.get_tile(*address) for address in addresses]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda address: tiles.get_tile(*address), addresses))
    assert found == expected


def test_pickling(slides: Mapping[str, SlideFacts]) -> None:
    with OpenSlide(slides["aperio-jpeg"].path) as slide:
        tiles = DeepZoomGenerator(slide, 100, 3)
        twin = pickle.loads(pickle.dumps(tiles))
        assert twin.level_tiles == tiles.level_tiles
        assert twin.get_tile(10, (2, 3)) == tiles.get_tile(10, (2, 3))
        twin._osr.close()


def test_an_overridden_read_region(slides: Mapping[str, SlideFacts]) -> None:
    class Red(OpenSlide):
        def read_region(self, location: Any, level: Any, size: Any) -> Image.Image:
            return Image.new("RGBA", size, "red")

    with Red(slides["aperio-jpeg"].path) as slide:
        tile = DeepZoomGenerator(slide).get_tile(10, (1, 1))
        assert tile.getcolors() == [(256 * 256, (255, 0, 0))]
        padded = slide._read_rgbx((0, 0), 0, (3, 2), "white")
    image = Image.frombytes("RGB", (3, 2), padded, "raw", "RGBX")
    assert image.getcolors() == [(6, (255, 0, 0))]


def test_spans() -> None:
    tiles = DeepZoomGenerator(ImageSlide(gradient(50, 22)), tile_size=20, overlap=3)
    top = tiles.level_count - 1
    assert [tiles.get_tile_span(top, 0, n) for n in range(3)] == [
        (0, 23),
        (17, 26),
        (37, 13),
    ]
    # The second row has 2 rows of its own, fewer than the overlap.
    assert [tiles.get_tile_span(top, 1, n) for n in range(2)] == [(0, 23), (17, 5)]


# The .dzi file


@pytest.mark.parametrize("format", ["png", "jpeg", "a\"b'c<d>&e"])
def test_dzi(format: str) -> None:
    tiles = DeepZoomGenerator(ImageSlide(gradient(70, 50)), tile_size=32, overlap=3)
    root = ElementTree.fromstring(tiles.get_dzi(format))
    namespace = "{http://schemas.microsoft.com/deepzoom/2008}"
    assert root.tag == f"{namespace}Image"
    assert root.attrib == {"TileSize": "32", "Overlap": "3", "Format": format}
    (size,) = root
    assert size.tag == f"{namespace}Size"
    assert size.attrib == {"Width": "70", "Height": "50"}


# Errors


@pytest.mark.parametrize("level", [-1, 7, 100])
def test_there_is_no_such_level(level: int) -> None:
    tiles = DeepZoomGenerator(ImageSlide(gradient(50, 40)))
    assert tiles.level_count == 7
    for method in (
        tiles.get_tile,
        tiles.get_tile_coordinates,
        tiles.get_tile_dimensions,
    ):
        with pytest.raises(ValueError, match=f"Invalid level: {level}"):
            method(level, (0, 0))


@pytest.mark.parametrize("address", [(-1, 0), (0, -1), (3, 0), (0, 2), (9, 9)])
def test_there_is_no_such_tile(address: tuple[int, int]) -> None:
    tiles = DeepZoomGenerator(ImageSlide(gradient(50, 40)), tile_size=20)
    assert tiles.level_tiles[-1] == (3, 2)
    for method in (
        tiles.get_tile,
        tiles.get_tile_coordinates,
        tiles.get_tile_dimensions,
    ):
        with pytest.raises(ValueError, match="Invalid address"):
            method(tiles.level_count - 1, address)


@pytest.mark.parametrize("address", [(), (0,), (0, 0, 0)])
def test_an_address_is_a_pair(address: Any) -> None:
    tiles = DeepZoomGenerator(ImageSlide(gradient(50, 40)))
    with pytest.raises(ValueError, match="argument"):
        tiles.get_tile(0, address)


@pytest.mark.parametrize("tile_size", [0, -1])
def test_a_tile_has_a_size(tile_size: int) -> None:
    slide = ImageSlide(gradient(50, 40))
    for kind in (ValueError, ZeroDivisionError):
        with pytest.raises(kind, match="tile_size must be positive"):
            DeepZoomGenerator(slide, tile_size=tile_size)
