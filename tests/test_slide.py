"""OpenSlide as openslide.org/api/python documents it, but for the pixels."""

import os
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import openslide
from openslide import OpenSlide, OpenSlideCache, OpenSlideError
from openslide.deepzoom import DeepZoomGenerator
from tests.pixels import is_opaque, only_colour
from tests.slides import SlideFacts, reference, write_aperio, write_generic
from tests.slides.stored import blank_tile

since_4 = pytest.mark.requires_openslide("4.0.0")


@pytest.fixture
def damaged(tmp_path: Path) -> Iterator[OpenSlide]:
    """A slide of 400 x 300 pixels in tiles of 64, the last of which is no JPEG."""
    image = reference()[:300, :400]
    facts = write_aperio(tmp_path, image=image, tile=64, factors=(1, 4))
    blank_tile(facts.path, 34)
    with OpenSlide(facts.path) as slide:
        yield slide


# File names


@pytest.mark.parametrize("kind", [str, Path, os.fsencode])
def test_a_file_name_is_text_a_path_or_bytes(
    facts: SlideFacts, kind: Callable[[Path], str | bytes | Path]
) -> None:
    name = kind(facts.path)
    assert OpenSlide.detect_format(name) == facts.vendor
    with OpenSlide(name) as slide:
        assert slide.dimensions == facts.level_dimensions[0]
        assert repr(slide) == f"OpenSlide({name!r})"
        assert slide._filename is name


@pytest.mark.skipif(sys.platform != "linux", reason="file names are Unicode here")
@pytest.mark.parametrize("as_text", [True, False])
def test_a_file_name_need_not_be_utf8(
    tmp_path: Path, facts: SlideFacts, as_text: bool
) -> None:
    name = os.fsencode(tmp_path) + b"/na\xefve \xff.svs"
    os.link(facts.path, name)
    with OpenSlide(os.fsdecode(name) if as_text else name) as slide:
        assert slide.dimensions == facts.level_dimensions[0]
        assert len(slide.associated_images["thumbnail"].getbbox() or ()) == 4
    missing = os.fsdecode(name + b"x") if as_text else name + b"x"
    with pytest.raises(openslide.OpenSlideUnsupportedFormatError) as error:
        OpenSlide(missing)
    assert repr(missing) in str(error.value)


def test_a_file_name_beyond_ascii(tmp_path: Path, facts: SlideFacts) -> None:
    path = tmp_path / "Präparat 切片.svs"
    path.write_bytes(facts.path.read_bytes())
    assert OpenSlide.detect_format(path) == "aperio"
    with OpenSlide(str(path)) as slide:
        assert is_opaque(slide.read_region((0, 0), 0, (4, 4)))


def test_detect_format_of_what_is_no_slide(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no slide")
    assert OpenSlide.detect_format(text) is None
    assert OpenSlide.detect_format(tmp_path) is None
    assert OpenSlide.detect_format(tmp_path / "missing.svs") is None


def test_detect_format_can_be_replaced(
    monkeypatch: pytest.MonkeyPatch, slide: OpenSlide
) -> None:
    monkeypatch.setattr(
        OpenSlide, "detect_format", classmethod(lambda cls, name: f"{name}!")
    )
    assert OpenSlide.detect_format("x") == "x!"
    assert slide.detect_format("y") == "y!"


def test_open_slide(tmp_path: Path, facts: SlideFacts) -> None:
    with openslide.open_slide(facts.path) as slide:
        assert isinstance(slide, OpenSlide)
    Image.new("L", (3, 4)).save(tmp_path / "image.png")
    with openslide.open_slide(tmp_path / "image.png") as slide:
        assert isinstance(slide, openslide.ImageSlide)
        assert slide.dimensions == (3, 4)


# Levels


def test_levels(facts: SlideFacts, slide: OpenSlide) -> None:
    assert slide.level_count == len(facts.level_dimensions)
    assert slide.level_dimensions == facts.level_dimensions
    assert slide.dimensions == slide.level_dimensions[0]
    assert slide.level_downsamples == (1.0, 4.0, 16.0)


@pytest.mark.parametrize(
    ("downsample", "level"),
    [(-1, 0), (0, 0), (0.5, 0), (1, 0), (3.9, 0), (4, 1), (15.9, 1), (16, 2), (9e9, 2)],
)
def test_best_level_for_downsample(
    slide: OpenSlide, downsample: float, level: int
) -> None:
    assert slide.get_best_level_for_downsample(downsample) == level
    number: Any = np.float32(downsample)
    assert slide.get_best_level_for_downsample(number) == level


# Metadata


def test_properties(slide: OpenSlide) -> None:
    properties = slide.properties
    assert isinstance(properties, Mapping)
    assert properties[openslide.PROPERTY_NAME_VENDOR] == "aperio"
    assert properties[openslide.PROPERTY_NAME_MPP_X] == "0.5"
    assert properties[openslide.PROPERTY_NAME_OBJECTIVE_POWER] == "20"
    assert properties["aperio.ScanScope ID"] == "SYNTHETIC"
    assert len(properties) == len(list(properties)) == len(set(properties))
    assert "aperio.AppMag" in properties
    assert "aperio.Other" not in properties
    assert properties == dict(properties.items())
    assert properties == slide.properties
    assert properties != {}
    assert repr(properties) == f"<_PropertyMap {dict(properties)!r}>"
    assert properties.get("aperio.Other", "default") == "default"


def test_properties_are_read_only(slide: OpenSlide) -> None:
    properties: Any = slide.properties
    copy = dict(properties)
    with pytest.raises(TypeError):
        properties["openslide.vendor"] = "other"
    copy["openslide.vendor"] = "other"
    assert slide.properties["openslide.vendor"] == "aperio"


def test_a_missing_name_is_in_the_error(slide: OpenSlide) -> None:
    for mapping in (slide.properties, slide.associated_images):
        with pytest.raises(KeyError) as error:
            mapping["sausage"]
        assert error.value.args == ("sausage",)


def test_property_names_can_be_bytes(slide: OpenSlide) -> None:
    properties: Any = slide.properties
    assert properties[b"openslide.vendor"] == "aperio"
    assert b"sausage" not in properties
    assert b"\xff" not in properties


def test_names_of_another_kind(slide: OpenSlide) -> None:
    properties: Any = slide.properties
    name: Any
    for name in (None, 3, ["openslide.vendor"]):
        with pytest.raises(TypeError, match="must be str"):
            properties[name]
    images: Any = slide.associated_images
    for name in (None, 3, b"thumbnail", ["thumbnail"]):
        with pytest.raises(KeyError):
            images[name]


def test_associated_images(facts: SlideFacts, slide: OpenSlide) -> None:
    images = slide.associated_images
    assert isinstance(images, Mapping)
    assert len(images) == len(list(images)) > 0
    for name, image in images.items():
        assert image.size == facts.associated[name]
    assert "thumbnail" in images
    assert "sausage" not in images
    assert all(image.mode == "RGBA" for image in images.values())
    assert repr(images).startswith("<_AssociatedImageMap {'")
    assert "'thumbnail': <PIL." in repr(images)
    thumbnail = images["thumbnail"]
    assert thumbnail == images["thumbnail"]
    thumbnail.paste((0, 0, 0, 0), (0, 0, *thumbnail.size))
    assert thumbnail != images["thumbnail"]


def test_mappings_keep_the_slide_open(facts: SlideFacts) -> None:
    properties = OpenSlide(facts.path).properties
    images = OpenSlide(facts.path).associated_images
    assert properties["openslide.vendor"] == "aperio"
    assert images["thumbnail"].size == facts.associated["thumbnail"]


def test_a_slide_without_profile_or_images(tmp_path: Path) -> None:
    facts = write_generic(
        tmp_path, image=reference()[:90, :80], factors=(1,), icc=False
    )
    with OpenSlide(facts.path) as slide:
        assert dict(slide.associated_images) == {}
        assert repr(slide.associated_images) == "<_AssociatedImageMap {}>"
        assert "icc_profile" not in slide.read_region((0, 0), 0, (8, 8)).info
        assert slide.color_profile is None


# The object


def test_attributes_can_be_set(slide: OpenSlide) -> None:
    slide.case = "4711"  # type: ignore[attr-defined]
    assert vars(slide)["case"] == "4711"


def test_a_dropped_slide_is_freed(facts: SlideFacts) -> None:
    slide = OpenSlide(facts.path)
    slide.read_region((0, 0), 0, (8, 8))
    assert len(slide.properties) > 0
    reference_to_slide = weakref.ref(slide)
    assert reference_to_slide() is slide
    del slide
    if sys.implementation.name == "cpython":  # no cycle keeps it for the collector
        assert reference_to_slide() is None


def test_the_context_manager_closes(facts: SlideFacts) -> None:
    slide = OpenSlide(facts.path)
    with slide as entered:
        assert entered is slide
    with pytest.raises(ValueError, match="closed"):
        slide.read_region((0, 0), 0, (1, 1))


def test_the_context_manager_passes_errors_on(facts: SlideFacts) -> None:
    slide = OpenSlide(facts.path)

    def fail() -> None:
        with slide:
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fail()
    with pytest.raises(ValueError, match="closed"):
        slide.read_region((0, 0), 0, (1, 1))


USES: dict[str, Callable[[OpenSlide], object]] = {
    "dimensions": lambda slide: slide.dimensions,
    "level_count": lambda slide: slide.level_count,
    "level_dimensions": lambda slide: slide.level_dimensions,
    "level_downsamples": lambda slide: slide.level_downsamples,
    "properties": lambda slide: dict(slide.properties),
    "property": lambda slide: slide.properties["openslide.vendor"],
    "property in": lambda slide: "openslide.vendor" in slide.properties,
    "property count": lambda slide: len(slide.properties),
    "properties repr": lambda slide: repr(slide.properties),
    "associated images": lambda slide: list(slide.associated_images),
    "associated image": lambda slide: slide.associated_images["thumbnail"],
    "associated image count": lambda slide: len(slide.associated_images),
    "best level": lambda slide: slide.get_best_level_for_downsample(2),
    "read_region": lambda slide: slide.read_region((0, 0), 0, (4, 4)),
    "read_region of nothing": lambda slide: slide.read_region((0, 0), 0, (0, 0)),
    "get_thumbnail": lambda slide: slide.get_thumbnail((4, 4)),
    "set_cache": lambda slide: slide.set_cache(OpenSlideCache(100)),
    "deep zoom": DeepZoomGenerator,
}

each_use = pytest.mark.parametrize(
    "use",
    [
        pytest.param(use, id=name, marks=since_4 if name == "set_cache" else ())
        for name, use in USES.items()
    ],
)


@each_use
def test_a_closed_slide_refuses(
    facts: SlideFacts, use: Callable[[OpenSlide], object]
) -> None:
    slide = OpenSlide(facts.path)
    use(slide)
    slide.close()
    with pytest.raises(ValueError, match="closed") as error:
        use(slide)
    assert str(facts.path) in str(error.value)


def test_closing_twice(facts: SlideFacts) -> None:
    slide = OpenSlide(facts.path)
    slide.close()
    with pytest.raises(ValueError, match="closed"):
        slide.close()
    assert repr(slide) == f"OpenSlide({facts.path!r})"


def test_mappings_obtained_before_refuse(slide: OpenSlide) -> None:
    properties, images = slide.properties, slide.associated_images
    assert len(properties) > 0
    assert len(images) > 0
    slide.close()
    for use in (
        lambda: len(properties),
        lambda: properties["openslide.vendor"],
        lambda: list(properties),
        lambda: repr(properties),
        lambda: len(images),
        lambda: images["thumbnail"],
        lambda: "thumbnail" in images,
    ):
        with pytest.raises(ValueError, match="closed"):
            use()


# Errors latch


def test_a_failed_read_says_what_was_read(damaged: OpenSlide) -> None:
    assert is_opaque(damaged.read_region((0, 0), 0, (64, 64)))
    with pytest.raises(OpenSlideError) as error:
        damaged.read_region((390, 290), 0, (10, 9))
    message = str(error.value)
    assert "reading 10 x 9 pixels at (390, 290) of level 0" in message
    assert str(damaged._filename) in message
    assert message.index("reading") > 0, "libopenslide's own reason comes first"


@each_use
def test_a_failed_slide_refuses(
    damaged: OpenSlide, use: Callable[[OpenSlide], object]
) -> None:
    if use not in (USES["get_thumbnail"], USES["deep zoom"]):
        use(damaged)
    with pytest.raises(OpenSlideError) as first:
        damaged.read_region((390, 290), 0, (10, 9))
    with pytest.raises(OpenSlideError) as later:
        use(damaged)
    reason = str(first.value).split(" (reading")[0]
    assert str(later.value).startswith(reason)


def test_a_failed_slide_can_be_opened_again(damaged: OpenSlide) -> None:
    properties = damaged.properties
    with pytest.raises(OpenSlideError):
        damaged.read_region((390, 290), 0, (10, 9))
    with pytest.raises(OpenSlideError):
        dict(properties)
    with OpenSlide(damaged._filename) as again:
        assert is_opaque(again.read_region((0, 0), 0, (9, 9)))


# Caches


@since_4
def test_a_cache_is_shared(facts: SlideFacts) -> None:
    cache = OpenSlideCache(1 << 20)
    assert repr(cache) == "OpenSlideCache(1048576)"
    with OpenSlide(facts.path) as first, OpenSlide(facts.path) as second:
        expected = first.read_region((0, 0), 0, (300, 300))
        first.set_cache(cache)
        second.set_cache(cache)
        del cache
        for slide in (first, second, first):
            assert slide.read_region((0, 0), 0, (300, 300)) == expected


@since_4
def test_tiles_are_kept_until_the_cache_is_replaced(tmp_path: Path) -> None:
    # Uncompressed tiles cannot fail to decode: what changes is what was read.
    image = reference()[:128, :128]
    facts = write_generic(tmp_path, image=image, tile=64, factors=(1,), encoding="raw")
    with OpenSlide(facts.path) as slide:
        before = slide.read_region((0, 0), 0, (64, 64))
        blank_tile(facts.path, 0)
        assert slide.read_region((0, 0), 0, (64, 64)) == before
        slide.set_cache(OpenSlideCache(0))
        after = slide.read_region((0, 0), 0, (64, 64))
        assert only_colour(after) == (0, 0, 0, 255)


@pytest.mark.parametrize("cache", [None, 1 << 20, object(), "cache"])
def test_set_cache_wants_a_cache(slide: OpenSlide, cache: Any) -> None:
    with pytest.raises(TypeError, match="Not a cache object"):
        slide.set_cache(cache)
    assert slide.read_region((0, 0), 0, (4, 4)).size == (4, 4)
