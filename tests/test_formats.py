"""Every format that libopenslide reads, against slides whose contents are known."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from openslide import (
    PROPERTY_NAME_BARCODE,
    PROPERTY_NAME_MPP_X,
    PROPERTY_NAME_MPP_Y,
    PROPERTY_NAME_OBJECTIVE_POWER,
    PROPERTY_NAME_QUICKHASH1,
    PROPERTY_NAME_VENDOR,
    OpenSlide,
    open_slide,
)
from tests.conftest import RealSlides, Slides, skip_before_openslide
from tests.real_slides import REAL_SLIDES
from tests.slides import WRITERS, Patch, SlideFacts

# Peak signal-to-noise ratios.  Level 0 differs from its source by one round of
# lossy compression; the upper levels also by how scanners shrink (MIRAX and
# Ventana shrink overlapping photos), yet a wrong tile is below 15 dB.
LEVEL0_DECIBELS = 30
UPPER_LEVELS_DECIBELS = 22
SMALLEST_SIDE = 16  # pixels; less of an upper level is mostly its own edge

Pixels = npt.NDArray[np.uint8]

#: The first release that finds something in a vendor's slides, where that is later
#: than the first that reads them.
_SINCE = {
    ("microns per pixel", "generic-tiff"): "4.0.0",
    ("objective power", "philips"): "4.0.0",
    ("barcode", "leica"): "4.0.1",
    ("barcode", "philips"): "4.0.1",
    ("barcode", "dicom"): "4.0.1",
    ("associated images", "aperio"): "4.0.1",
    ("associated images", "dicom"): "4.0.1",
}


@pytest.fixture(params=WRITERS)
def name(request: pytest.FixtureRequest) -> str:
    slide: str = request.param
    return slide


@pytest.fixture
def facts(name: str, slides: Slides) -> SlideFacts:
    return slides[name]


@pytest.fixture
def slide(facts: SlideFacts) -> Iterator[OpenSlide]:
    with OpenSlide(facts.path) as opened:
        yield opened


def needs(what: str, facts: SlideFacts) -> None:
    """Skip the test where the loaded libopenslide does not look for `what`."""
    skip_before_openslide(_SINCE.get((what, facts.vendor), "3.4.1"))


def needs_pyramid(facts: SlideFacts) -> None:
    """Skip the test where levels are not what level 0 is."""
    if not facts.is_pyramid:
        pytest.skip("some levels are no smaller copies of level 0")


def decibels(pixels: Pixels, expected: Pixels) -> float:
    """The peak signal-to-noise ratio."""
    difference = np.subtract(pixels, expected, dtype=np.float32)
    error = np.square(difference, out=difference).mean(dtype=float)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def read(
    slide: OpenSlide, at: tuple[int, int], level: int, size: tuple[int, int]
) -> tuple[Pixels, npt.NDArray[np.bool_]]:
    """Red, green and blue of a region, and where it is opaque."""
    region = slide.read_region(at, level, size)
    assert (region.mode, region.size) == ("RGBA", size)
    pixels = np.asarray(region)
    return pixels[..., :3], pixels[..., 3] == 255


def size_of(content: Pixels) -> tuple[int, int]:
    return content.shape[1], content.shape[0]


# What a file is


def test_vendor_is_detected(facts: SlideFacts) -> None:
    assert OpenSlide.detect_format(facts.path) == facts.vendor


def test_open_slide_prefers_libopenslide(facts: SlideFacts) -> None:
    """Most of these are TIFF files, which Pillow would open too."""
    with open_slide(facts.path) as slide:
        assert type(slide) is OpenSlide


def test_vendor_is_a_property(slide: OpenSlide, facts: SlideFacts) -> None:
    assert slide.properties[PROPERTY_NAME_VENDOR] == facts.vendor


def test_levels(slide: OpenSlide, facts: SlideFacts) -> None:
    assert slide.level_count == len(facts.level_dimensions)
    assert slide.level_dimensions == facts.level_dimensions
    assert slide.dimensions == facts.level_dimensions[0]


def test_downsamples_are_ratios_of_dimensions(
    slide: OpenSlide, facts: SlideFacts
) -> None:
    needs_pyramid(facts)
    width, height = facts.level_dimensions[0]
    ratios = [(width / w + height / h) / 2 for w, h in facts.level_dimensions]
    assert slide.level_downsamples == pytest.approx(ratios, rel=0.01)
    assert slide.level_downsamples[0] == 1.0


def test_best_levels_are_those_just_above(slide: OpenSlide, facts: SlideFacts) -> None:
    needs_pyramid(facts)
    for level, downsample in enumerate(slide.level_downsamples):
        assert slide.get_best_level_for_downsample(downsample) == level
        assert slide.get_best_level_for_downsample(downsample + 0.1) == level
        below = max(0, level - 1)
        assert slide.get_best_level_for_downsample(downsample - 0.1) == below


# Metadata


def test_microns_per_pixel(slide: OpenSlide, facts: SlideFacts) -> None:
    needs("microns per pixel", facts)
    found = [
        slide.properties.get(p) for p in (PROPERTY_NAME_MPP_X, PROPERTY_NAME_MPP_Y)
    ]
    if facts.mpp is None:
        assert found == [None, None]
    else:
        assert [float(text or "nan") for text in found] == pytest.approx(
            [facts.mpp] * 2, rel=1e-3
        )


def test_objective_power(slide: OpenSlide, facts: SlideFacts) -> None:
    needs("objective power", facts)
    found = slide.properties.get(PROPERTY_NAME_OBJECTIVE_POWER)
    assert (found and float(found)) == facts.objective_power


def test_barcode(slide: OpenSlide, facts: SlideFacts) -> None:
    needs("barcode", facts)
    assert slide.properties.get(PROPERTY_NAME_BARCODE) == facts.barcode


def test_quickhash_is_a_digest_that_stays(slide: OpenSlide, facts: SlideFacts) -> None:
    digest = slide.properties[PROPERTY_NAME_QUICKHASH1]
    assert re.fullmatch("[0-9a-f]{64}", digest)
    with OpenSlide(facts.path) as again:
        assert again.properties[PROPERTY_NAME_QUICKHASH1] == digest


def test_quickhashes_tell_slides_apart(slides: Slides) -> None:
    """Slides that show the same pixels, in formats that hash them differently."""
    digests = set()
    for name in ("aperio-jpeg", "aperio-rgb", "leica", "mirax", "ndpi", "sakura"):
        with OpenSlide(slides[name].path) as slide:
            digests.add(slide.properties[PROPERTY_NAME_QUICKHASH1])
    assert len(digests) == 6


# Pixels


def in_holes(facts: SlideFacts, patch: Patch) -> npt.NDArray[np.bool_]:
    """Where a patch has no data."""
    mask = np.zeros(patch.content.shape[:2], bool)
    for x, y, width, height in facts.holes:
        left, top = x - patch.at[0], y - patch.at[1]
        right, bottom = left + width, top + height
        mask[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
    return mask


def test_known_pixels(slide: OpenSlide, facts: SlideFacts) -> None:
    for patch in facts.patches:
        pixels, opaque = read(slide, patch.at, 0, size_of(patch.content))
        assert np.array_equal(opaque, ~in_holes(facts, patch))
        shown, content = (
            each if opaque.all() else each[opaque] for each in (pixels, patch.content)
        )
        if facts.lossless:
            assert np.array_equal(shown, content)
        else:
            assert decibels(shown, content) > LEVEL0_DECIBELS


def shrink(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Area average, as scanners make their upper levels."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize(size, Image.Resampling.BOX))


def test_upper_levels_show_the_same(slide: OpenSlide, facts: SlideFacts) -> None:
    """Each patch on each level, but for its outermost pixels, which holes touch.

    A hole of level 0 may be filled above, and then shows what was shrunken.
    """
    needs_pyramid(facts)
    compared = 0
    for patch in facts.patches:
        for level in range(1, slide.level_count):
            factor = round(slide.level_downsamples[level])
            full_width, full_height = size_of(patch.content)
            size = width, height = full_width // factor, full_height // factor
            if min(size) < SMALLEST_SIDE:
                continue
            pixels, opaque = read(slide, patch.at, level, size)
            covered = (slice(height * factor), slice(width * factor))
            expected = shrink(patch.content[covered], size)
            holes = shrink(255 * in_holes(facts, patch)[covered].astype(np.uint8), size)
            inner = np.zeros_like(opaque)
            inner[1:-1, 1:-1] = True
            assert opaque[inner & (holes == 0)].all()
            similarity = decibels(pixels[inner & opaque], expected[inner & opaque])
            assert similarity > UPPER_LEVELS_DECIBELS, f"level {level}"
            compared += 1
    assert compared >= len(facts.patches)


WITH_HOLES = ("generic-sparse", "dicom-sparse", "leica", "mirax", "zeiss-raw")


@pytest.mark.parametrize("name", WITH_HOLES)
def test_holes_are_transparent(slide: OpenSlide, facts: SlideFacts) -> None:
    """Leica and Zeiss have nothing between their regions; the others lack tiles."""
    assert facts.holes
    for x, y, width, height in facts.holes:
        region = slide.read_region((x, y), 0, (width, height))
        assert not any(region.tobytes())


def test_outside_is_transparent(slide: OpenSlide) -> None:
    width, height = slide.dimensions
    for corner in ((-20, -20), (width, -20), (-20, height), (width, height)):
        assert not any(slide.read_region(corner, 0, (20, 20)).tobytes())


def test_region_beyond_the_edge(slide: OpenSlide) -> None:
    """What lies outside moves nothing of what lies inside."""
    whole = slide.read_region((0, 0), 0, (300, 200))
    beyond = slide.read_region((-40, -30), 0, (340, 230))
    assert beyond.crop((40, 30, 340, 230)).tobytes() == whole.tobytes()
    assert not any(beyond.crop((0, 0, 340, 30)).tobytes())
    assert not any(beyond.crop((0, 0, 40, 230)).tobytes())


def test_thumbnail_shows_the_slide(slide: OpenSlide, facts: SlideFacts) -> None:
    """Its mean colour is that of the known pixels where these are the whole."""
    needs_pyramid(facts)
    thumbnail = slide.get_thumbnail((200, 200))
    assert thumbnail.mode == "RGB"
    assert max(thumbnail.size) == 200
    width, height = slide.dimensions
    assert thumbnail.size[0] / thumbnail.size[1] == pytest.approx(
        width / height, rel=0.02
    )
    if not facts.holes and len(facts.patches) == 1:
        mean = np.asarray(thumbnail).mean((0, 1))
        assert mean == pytest.approx(facts.patches[0].content.mean((0, 1)), abs=3)


# Associated images and colour profiles


def shows_something(image: Image.Image) -> bool:
    """Whether the picture is not all of one colour."""
    darkest, brightest = image.convert("L").getextrema()
    return darkest != brightest


def test_associated_images(slide: OpenSlide, facts: SlideFacts) -> None:
    needs("associated images", facts)
    images = slide.associated_images
    assert {name: image.size for name, image in images.items()} == facts.associated
    assert len(images) == len(facts.associated)
    for image in images.values():
        assert image.mode == "RGBA"
        assert image.getchannel("A").getextrema() == (255, 255)
        assert shows_something(image)


@pytest.mark.requires_openslide("4.0.0")
def test_colour_profile(slide: OpenSlide, facts: SlideFacts) -> None:
    region = slide.read_region((0, 0), 0, (1, 1))
    # There may be smaller levels that cannot be read.
    size = (16, 16) if facts.is_pyramid else slide.dimensions
    thumbnail = slide.get_thumbnail(size)
    if facts.has_icc:
        assert slide.color_profile is not None
        profile = slide.color_profile.tobytes()
        assert profile[36:40] == b"acsp"  # ICC.1, 7.2: signature of every profile
        assert region.info == {"icc_profile": profile}
        assert thumbnail.info["icc_profile"] == profile
    else:
        assert slide.color_profile is None
        assert region.info == {}
        assert "icc_profile" not in thumbnail.info


@pytest.mark.requires_openslide("4.0.0")
def test_colour_profiles_of_associated_images(
    slide: OpenSlide, facts: SlideFacts
) -> None:
    needs("associated images", facts)
    found = {
        name
        for name, image in slide.associated_images.items()
        if "icc_profile" in image.info
    }
    assert found == facts.associated_with_icc


# Slides from real scanners


@pytest.mark.parametrize("name", REAL_SLIDES)
def test_real_slide(name: str, real_slides: RealSlides) -> None:
    path = real_slides[name]
    expected = REAL_SLIDES[name]
    assert OpenSlide.detect_format(path) == expected.vendor
    with OpenSlide(path) as slide:
        assert slide.properties[PROPERTY_NAME_VENDOR] == expected.vendor
        assert slide.level_dimensions == expected.level_dimensions
        left, top, _, _ = expected.area or (0, 0, 0, 0)
        for level, (width, height) in enumerate(slide.level_dimensions):
            if level in expected.unreadable:
                continue
            downsample = slide.level_downsamples[level]
            if expected.area:
                width, height = (int(side / downsample) for side in expected.area[2:])
            size = (min(width, 1200), min(height, 1200))
            centred = (
                left + int((width - size[0]) / 2 * downsample),
                top + int((height - size[1]) / 2 * downsample),
            )
            region = slide.read_region(centred, level, size)
            assert region.getchannel("A").getextrema() == (255, 255)
            assert shows_something(region) != expected.is_blank
        for image in slide.associated_images.values():
            assert shows_something(image)
