"""Kinds of slides that a program derives: from OpenSlide, and from AbstractSlide."""

import inspect
from typing import Any

import pytest
from PIL import Image

import openslide
from openslide import AbstractSlide, OpenSlide, OpenSlideCache
from openslide.deepzoom import DeepZoomGenerator
from tests.own_slide import OwnSlide
from tests.pixels import only_colour
from tests.slides import SlideFacts

since_4 = pytest.mark.requires_openslide("4.0.0")


# Overriding


class Painted(OpenSlide):
    """Shows one colour, whatever the file holds."""

    def read_region(
        self, location: tuple[int, int], level: int, size: tuple[int, int]
    ) -> Image.Image:
        return Image.new("RGBA", size, (10, 20, 30, 255))


def test_a_subclass_reads_in_its_own_way(facts: SlideFacts) -> None:
    with Painted(facts.path) as slide:
        assert repr(slide) == f"Painted({facts.path!r})"
        assert only_colour(slide.get_thumbnail((64, 64))) == (10, 20, 30)
        tiles = DeepZoomGenerator(slide)
        assert only_colour(tiles.get_tile(9, (0, 0))) == (10, 20, 30)
        assert only_colour(tiles.get_tile(0, (0, 0))) == (10, 20, 30)


def test_an_object_reads_in_its_own_way(
    monkeypatch: pytest.MonkeyPatch, slide: OpenSlide
) -> None:
    calls: list[tuple[object, ...]] = []

    def read_region(*arguments: Any) -> Image.Image:
        calls.append(arguments)
        return Image.new("RGBA", arguments[2], (40, 50, 60, 255))

    monkeypatch.setattr(slide, "read_region", read_region)
    assert only_colour(slide.get_thumbnail((64, 64))) == (40, 50, 60)
    assert calls == [((0, 0), 2, (128, 96))]
    tile = DeepZoomGenerator(slide, tile_size=100, overlap=0).get_tile(11, (1, 2))
    assert only_colour(tile) == (40, 50, 60)
    assert calls[1:] == [((100, 200), 0, (100, 100))]


# AbstractSlide


class Canvas(OwnSlide):
    """The least that a slide of somebody else's can be."""

    def __init__(self) -> None:  # without that of AbstractSlide
        self._properties = {openslide.PROPERTY_NAME_BACKGROUND_COLOR: "112233"}
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def read_region(
        self, location: tuple[int, int], level: int, size: tuple[int, int]
    ) -> Image.Image:
        region = Image.new("RGBA", size)
        region.paste((255, 0, 0, 255), (0, 0, size[0] // 2, size[1]))
        return region


ABSTRACT = sorted(AbstractSlide.__abstractmethods__)


def test_what_is_abstract() -> None:
    assert ABSTRACT == [
        "associated_images",
        "close",
        "detect_format",
        "get_best_level_for_downsample",
        "level_count",
        "level_dimensions",
        "level_downsamples",
        "properties",
        "read_region",
    ]


@pytest.mark.parametrize("missing", ABSTRACT)
def test_each_abstract_method_is_needed(missing: str) -> None:
    members = {
        name: inspect.getattr_static(Canvas, name)
        for name in ABSTRACT
        if name != missing
    }
    with pytest.raises(TypeError, match=missing):
        type("Incomplete", (AbstractSlide,), members)()


def test_a_complete_subclass_gets_the_rest() -> None:
    slide = Canvas()
    with slide as entered:
        assert entered is slide
        assert slide.dimensions == (100, 60)
        assert slide.color_profile is None
        thumbnail = slide.get_thumbnail((50, 50))
    assert slide.closed
    assert (thumbnail.mode, thumbnail.size) == ("RGB", (50, 30))
    assert thumbnail.getpixel((0, 0)) == (255, 0, 0)
    assert thumbnail.getpixel((49, 29)) == (0x11, 0x22, 0x33)
    assert "icc_profile" not in thumbnail.info


@since_4
def test_a_subclass_ignores_caches() -> None:
    with Canvas() as slide:
        slide.set_cache(OpenSlideCache(100))
        assert slide.get_thumbnail((50, 50)).size == (50, 30)


@since_4
def test_a_subclass_with_a_profile(slide: OpenSlide) -> None:
    canvas = Canvas()
    canvas._profile = slide.read_region((0, 0), 0, (1, 1)).info["icc_profile"]
    profile = canvas.color_profile
    assert profile is not None
    assert profile.profile.xcolor_space.strip() == "RGB"
    assert canvas.get_thumbnail((9, 9)).info["icc_profile"] is canvas._profile
