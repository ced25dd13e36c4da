"""Colour management as the documentation of the Python API describes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from openslide import OpenSlide
from openslide.deepzoom import DeepZoomGenerator
from tests.slides import SlideFacts, reference, write_aperio, write_generic
from tests.slides.content import icc_profile, swapped_profile

pytestmark = pytest.mark.requires_openslide("4.0.0")

# A coloured part of the picture; what is grey shows no conversion.
TISSUE = reference()[950:1250, 800:1200]
BOX: tuple[tuple[int, int], int, tuple[int, int]] = ((40, 30), 0, (60, 50))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lossless slide in which red and blue are exchanged, by its profile."""
    folder = tmp_path_factory.mktemp("color")
    facts = write_generic(folder, image=TISSUE, encoding="lzw", factors=(1, 4))
    contents = facts.path.read_bytes()
    assert contents.count(icc_profile()) == 1
    facts.path.write_bytes(contents.replace(icc_profile(), swapped_profile()))
    return facts.path


@pytest.fixture
def slide(path: Path) -> Iterator[OpenSlide]:
    with OpenSlide(path) as slide:
        yield slide


def srgb() -> Any:
    return ImageCms.createProfile("sRGB")


def pixels(image: Image.Image) -> npt.NDArray[np.int_]:
    return np.array(image).astype(int)


def is_exchanged(after: Image.Image, before: npt.NDArray[np.int_]) -> bool:
    """Whether red and blue were exchanged, but for rounding, and nothing else."""
    expected = before.copy()
    expected[..., [0, 2]] = before[..., [2, 0]]
    assert abs(before - expected).max() > 20, "a picture without colours shows nothing"
    return bool(abs(pixels(after) - expected).max() <= 2)


# Recipes


def test_saving_a_region_with_its_profile(slide: OpenSlide) -> None:
    region = slide.read_region(*BOX)
    for format, image in (("PNG", region), ("JPEG", region.convert("RGB"))):
        file = BytesIO()
        image.save(file, format, icc_profile=region.info.get("icc_profile"))
        with Image.open(file) as saved:
            assert saved.info["icc_profile"] == swapped_profile()
            if format == "PNG":
                assert np.array_equal(pixels(saved), pixels(region))


def test_saving_a_region_without_a_profile(slides: Mapping[str, SlideFacts]) -> None:
    with OpenSlide(slides["mirax"].path) as slide:
        assert slide.color_profile is None
        region = slide.read_region(*BOX)
        assert "icc_profile" not in region.info
        assert "icc_profile" not in slide.get_thumbnail((9, 9)).info
        assert "icc_profile" not in slide.associated_images["label"].info
        file = BytesIO()
        region.save(file, "PNG", icc_profile=region.info.get("icc_profile"))
        with Image.open(file) as saved:
            assert "icc_profile" not in saved.info


def profile_to_profile(region: Image.Image, slide: OpenSlide) -> None:
    profile = slide.color_profile
    assert profile is not None
    intent: Any = ImageCms.getDefaultIntent(profile)
    ImageCms.profileToProfile(region, profile, srgb(), intent, "RGBA", inPlace=True)


def profile_to_profile_by_default(region: Image.Image, slide: OpenSlide) -> None:
    profile = slide.color_profile
    assert profile is not None
    ImageCms.profileToProfile(region, profile, srgb(), inPlace=True)


def apply_transform(region: Image.Image, slide: OpenSlide) -> None:
    profile = slide.color_profile
    assert profile is not None
    transform = ImageCms.buildTransform(profile, srgb(), "RGBA", "RGBA")
    ImageCms.applyTransform(region, transform, True)


@pytest.mark.parametrize(
    "convert", [profile_to_profile, profile_to_profile_by_default, apply_transform]
)
def test_converting_a_region_in_place(
    slide: OpenSlide, convert: Callable[[Image.Image, OpenSlide], None]
) -> None:
    earlier, region = slide.read_region(*BOX), slide.read_region(*BOX)
    before = pixels(region)
    convert(region, slide)
    assert is_exchanged(region, before)
    later = slide.read_region(*BOX)
    assert np.array_equal(pixels(earlier), before)
    assert np.array_equal(pixels(later), before)


def test_converting_keeps_transparency(slide: OpenSlide) -> None:
    region = slide.read_region((-10, -10), 0, (60, 50))
    before = pixels(region)
    apply_transform(region, slide)
    assert np.array_equal(pixels(region)[..., 3], before[..., 3])
    assert set(np.unique(before[..., 3])) == {0, 255}


def test_converting_an_associated_image_in_place(tmp_path: Path) -> None:
    facts = write_aperio(tmp_path, image=TISSUE, factors=(1,))
    contents = facts.path.read_bytes()
    facts.path.write_bytes(contents.replace(icc_profile(), swapped_profile()))
    with OpenSlide(facts.path) as slide:
        image = slide.associated_images["thumbnail"]
        before = pixels(image)
        profile = ImageCms.getOpenProfile(BytesIO(image.info["icc_profile"]))
        ImageCms.profileToProfile(image, profile, srgb(), inPlace=True)
        assert is_exchanged(image, before)
        again = slide.associated_images["thumbnail"]
        assert np.array_equal(pixels(again), before)


def test_converting_thumbnails_and_tiles_in_place(slide: OpenSlide) -> None:
    profile = slide.color_profile
    assert profile is not None
    transform = ImageCms.buildTransform(profile, srgb(), "RGB", "RGB")
    tiles = DeepZoomGenerator(slide, tile_size=100, overlap=0)
    reads: list[Callable[[], Image.Image]] = [
        lambda: slide.get_thumbnail((200, 200)),
        lambda: tiles.get_tile(tiles.level_count - 1, (1, 1)),
        lambda: tiles.get_tile(tiles.level_count - 2, (0, 0)),
    ]
    for read in reads:
        image = read()
        before = pixels(image)
        ImageCms.applyTransform(image, transform, True)
        assert is_exchanged(image, before)
        assert np.array_equal(pixels(read()), before)


# Profiles


def test_the_profile_of_a_slide(slide: OpenSlide) -> None:
    profile = slide.color_profile
    assert isinstance(profile, ImageCms.ImageCmsProfile)
    assert profile.tobytes() == swapped_profile()
    assert slide.color_profile is not profile


def test_the_profile_is_one_object(slides: Mapping[str, SlideFacts]) -> None:
    facts = slides["aperio-jpeg"]
    assert facts.associated_with_icc == {"thumbnail"}
    with OpenSlide(facts.path) as slide:
        profile = slide.read_region(*BOX).info["icc_profile"]
        assert isinstance(profile, bytes)
        assert slide.read_region((0, 0), 1, (0, 0)).info["icc_profile"] is profile
        assert slide.get_thumbnail((20, 20)).info["icc_profile"] is profile
        images = slide.associated_images
        assert images["thumbnail"].info["icc_profile"] is profile
        assert "icc_profile" not in images["label"].info


def test_an_image_with_another_profile_than_the_slide(
    slides: Mapping[str, SlideFacts],
) -> None:
    for facts in (slides[name] for name in ("philips", "dicom-jpeg", "aperio-jpeg")):
        with OpenSlide(facts.path) as slide:
            assert (slide.color_profile is not None) is facts.has_icc
            assert {
                name
                for name, image in slide.associated_images.items()
                if "icc_profile" in image.info
            } == facts.associated_with_icc


def test_the_profile_outlives_the_slide(path: Path) -> None:
    slide = OpenSlide(path)
    slide.close()
    assert slide.color_profile is not None
