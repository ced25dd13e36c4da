"""The pixels of OpenSlide: regions and thumbnails."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from PIL import Image

from openslide import OpenSlide
from tests.pixels import is_blank, is_opaque, pixels
from tests.slides import SlideFacts, reference

since_4 = pytest.mark.requires_openslide("4.0.0")


@pytest.fixture(scope="module")
def exact(slides: Mapping[str, SlideFacts]) -> Iterator[OpenSlide]:
    """A slide that returns exactly the pixels it was made from."""
    assert slides["generic-lzw"].lossless
    with OpenSlide(slides["generic-lzw"].path) as slide:
        yield slide


def test_a_region_is_an_rgba_image_of_the_slides_pixels(exact: OpenSlide) -> None:
    region = exact.read_region((250, 130), 0, (40, 30))
    assert (region.mode, region.size) == ("RGBA", (40, 30))
    assert np.array_equal(pixels(region)[..., :3], reference()[130:160, 250:290])
    assert is_opaque(region)


def test_arguments_have_names(exact: OpenSlide) -> None:
    named = exact.read_region(size=(40, 30), level=0, location=(250, 130))
    assert named == exact.read_region((250, 130), 0, (40, 30))


@pytest.mark.parametrize(
    "pair",
    [
        list,
        np.array,
        lambda pair: tuple(map(np.int64, pair)),
        lambda pair: tuple(map(np.uint16, pair)),
        lambda pair: np.array(pair, np.int32),
        lambda pair: (*pair, "ignored"),
    ],
    ids=["list", "array", "int64", "uint16", "int32 array", "longer"],
)
def test_pairs_of_integers_of_any_kind(
    exact: OpenSlide, pair: Callable[[tuple[int, int]], Any]
) -> None:
    region = exact.read_region(pair((250, 130)), np.int64(0), pair((40, 30)))  # type: ignore[arg-type]
    assert region == exact.read_region((250, 130), 0, (40, 30))
    assert region.size == (40, 30)


def test_outside_of_the_slide_is_transparent(exact: OpenSlide) -> None:
    width, height = exact.dimensions
    for corner in ((-10, -5), (width - 30, height - 15), (-10, height - 15)):
        region = pixels(exact.read_region(corner, 0, (40, 20)))
        columns = np.arange(corner[0], corner[0] + 40)
        rows = np.arange(corner[1], corner[1] + 20)
        inside = np.outer(
            (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
        )
        assert 0 < inside.sum() < inside.size
        assert np.array_equal(region[..., 3] == 255, inside)
        assert not region[~inside].any()
        expected = reference()[
            max(0, corner[1]) : min(height, corner[1] + 20),
            max(0, corner[0]) : min(width, corner[0] + 40),
        ]
        assert np.array_equal(region[inside][:, :3], expected.reshape(-1, 3))


@pytest.mark.parametrize("location", [(10**9, 0), (0, -(10**9)), (2**62, -(2**62))])
def test_far_outside_is_transparent(
    exact: OpenSlide, location: tuple[int, int]
) -> None:
    region = exact.read_region(location, 0, (8, 9))
    assert region.size == (8, 9)
    assert is_blank(region)


@pytest.mark.parametrize("level", [3, 99, -1, 2**31, 2**62, -(2**40)])
def test_a_level_that_does_not_exist_is_transparent(
    exact: OpenSlide, level: int
) -> None:
    region = exact.read_region((0, 0), level, (8, 9))
    assert region.size == (8, 9)
    assert is_blank(region)
    assert not is_blank(exact.read_region((0, 0), 0, (8, 9)))


@pytest.mark.parametrize("size", [(0, 0), (0, 7), (7, 0)])
def test_an_empty_region(exact: OpenSlide, size: tuple[int, int]) -> None:
    region = exact.read_region((0, 0), 0, size)
    assert (region.mode, region.size) == ("RGBA", size)


def test_holes_are_transparent(slides: Mapping[str, SlideFacts]) -> None:
    facts = slides["generic-sparse"]
    assert facts.holes
    with OpenSlide(facts.path) as slide:
        for x, y, width, height in facts.holes:
            assert is_blank(slide.read_region((x, y), 0, (width, height)))


def test_a_region_is_the_callers_own(exact: OpenSlide) -> None:
    before = exact.read_region((0, 0), 0, (16, 16))
    region = exact.read_region((0, 0), 0, (16, 16))
    region.putpixel((3, 3), (1, 2, 3, 4))
    region.paste((9, 9, 9, 9), (8, 8, 16, 16))
    assert region.getpixel((3, 3)) == (1, 2, 3, 4)
    assert region != before
    assert exact.read_region((0, 0), 0, (16, 16)) == before


def test_regions_outlive_the_slide(facts: SlideFacts) -> None:
    with OpenSlide(facts.path) as slide:
        region = slide.read_region((0, 0), 0, (64, 64))
        thumbnail = slide.associated_images["thumbnail"]
        expected = region.copy(), thumbnail.copy()
    assert (region, thumbnail) == expected


# Thumbnails


def test_a_thumbnail_fits_and_keeps_its_shape(slide: OpenSlide) -> None:
    thumbnail = slide.get_thumbnail((200, 400))
    assert (thumbnail.mode, thumbnail.size) == ("RGB", (200, 150))
    assert slide.get_thumbnail((10**6, 10**6)).size == slide.dimensions
    expected = Image.fromarray(np.ascontiguousarray(reference())).resize((200, 150))
    difference = pixels(thumbnail).astype(int) - pixels(expected)
    assert abs(difference).mean() < 6


@since_4
def test_a_thumbnail_has_the_profile(slide: OpenSlide) -> None:
    region = slide.read_region((0, 0), 0, (1, 1))
    thumbnail = slide.get_thumbnail((50, 50))
    assert thumbnail.info["icc_profile"] is region.info["icc_profile"]


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (-1, 5)])
def test_a_thumbnail_has_a_size(slide: OpenSlide, size: tuple[int, int]) -> None:
    for kind in (ValueError, ZeroDivisionError):
        with pytest.raises(kind, match="positive"):
            slide.get_thumbnail(size)
