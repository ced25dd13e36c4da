"""read_at() and its like: regions at any resolution are what Pillow makes of a level."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

import openslide
from openslide.tiles import TileGrid
from tests.slides import SlideFacts, write_aperio
from tests.slides.content import reference
from tests.slides.stored import blank_tile

Pixels = NDArray[np.uint8]

FILTERS = ["bicubic", "bilinear", "lanczos", "box"]
SUPPORTS = {"bicubic": 2, "bilinear": 1, "lanczos": 3, "box": 0.5}

#: Grids of tiles, read directly and not; levels that are divided, and that are not.
FORMATS = ["aperio-jpeg", "aperio-hole", "generic-sparse", "leica", "mirax"]

#: Microns per level-0 pixel that tests claim.
MPP = 0.5


@pytest.fixture(params=[*FORMATS, "indirect"])
def slide(
    request: pytest.FixtureRequest, slides: Mapping[str, SlideFacts]
) -> Iterator[openslide.OpenSlide]:
    is_direct = request.param != "indirect"
    path = slides[request.param if is_direct else "aperio-jpeg"].path
    with openslide.OpenSlide(path, direct=is_direct) as opened:
        yield opened


@pytest.fixture
def aperio(slides: Mapping[str, SlideFacts]) -> Iterator[openslide.OpenSlide]:
    """2048 x 1536 pixels at 0.5 mpp, levels 1, 4 and 16."""
    with openslide.OpenSlide(slides["aperio-jpeg"].path) as opened:
        yield opened


def chosen(slide: openslide.AbstractSlide, mpp: float) -> tuple[int, float]:
    """The level for a resolution, and how many of its pixels make one."""
    fitting = [ds for ds in slide.level_downsamples if ds <= mpp / MPP * 1.02]
    downsample = max(fitting)
    return slide.level_downsamples.index(downsample), mpp / MPP / downsample


def by_pillow(
    slide: openslide.AbstractSlide,
    location: tuple[float, float],
    mpp: float,
    size: tuple[int, int],
    resample: str,
    mode: Any,
) -> Pixels:
    """A region of the level with margins, resampled by Pillow."""
    level, scale = chosen(slide, mpp)
    assert scale > 1.02
    margin = math.ceil(SUPPORTS[resample] * scale) + 1
    places = [place / slide.level_downsamples[level] for place in location]
    start = [math.floor(place) - margin for place in places]
    region = slide.read_array(
        (start[0], start[1]),
        level,
        (
            math.ceil(size[0] * scale) + 2 * margin + 1,
            math.ceil(size[1] * scale) + 2 * margin + 1,
        ),
        mode=mode,
        coordinates="level",
        background=(10, 20, 30),
    )
    x, y = (place - first for place, first in zip(places, start, strict=True))
    box = (x, y, x + size[0] * scale, y + size[1] * scale)
    image = Image.fromarray(region).resize(size, Resampling[resample.upper()], box)
    return np.asarray(image)


# Positions are multiples of a 64th, which all computations give alike.
places = st.integers(-64 * 300, 64 * 2300).map(lambda place: place / 64)


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    location=st.tuples(places, places),
    share=st.none() | st.floats(0, 1),
    coarse=st.booleans(),
    size=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    resample=st.sampled_from(FILTERS),
    mode=st.sampled_from(["RGB", "RGBA"]),
)
def test_pixels_are_those_of_pillow(
    slide: openslide.OpenSlide,
    location: tuple[float, float],
    share: float | None,
    coarse: bool,
    size: tuple[int, int],
    resample: Any,
    mode: Any,
) -> None:
    fine, *others = slide.level_downsamples[int(coarse) :]
    location = (location[0] * fine, location[1] * fine)
    # On the way to the next level, at 1.5 where no share of it is drawn.
    to_next = others[0] / fine if others else 4
    scale = 1.5 if share is None else 1.03 + share * (0.97 * to_next - 1.03)
    mpp = MPP * fine * scale
    pixels = slide.read_at(
        *(location, mpp, size),
        resample=resample,
        mode=mode,
        slide_mpp=MPP,
        background=(10, 20, 30),
    )
    expected = by_pillow(slide, location, mpp, size, resample, mode)
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("resample", FILTERS)
@pytest.mark.parametrize("mpp", [0.5, 0.77, 1, 3, 4.3])
def test_pixels_are_those_of_the_grid(
    slide: openslide.OpenSlide, resample: Any, mpp: float
) -> None:
    grid = TileGrid(slide, (90, 70), mpp=mpp, resample=resample, slide_mpp=MPP)
    grid = grid[:: max(1, len(grid) // 12)]
    options: Any = {"resample": resample, "slide_mpp": MPP}
    corners = grid.boxes[:, :2]
    tiles = grid.read()
    np.testing.assert_array_equal(
        slide.read_batch_at(corners, mpp, grid.size, **options), tiles
    )
    microns = [(x, y) for x, y, *_ in grid.micron_boxes.tolist()]
    for i, location in enumerate(microns):
        options["coordinates"] = "microns"
        pixels = slide.read_at(location, mpp, grid.size, **options)
        np.testing.assert_array_equal(pixels, tiles[i])
    image = slide.read_image_at(microns[-1], mpp, grid.size, **options)
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), tiles[-1])


@pytest.fixture(scope="module")
def tall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide of which level 0 may be read in parts, and level 1 may not."""
    image = np.random.default_rng(7).integers(0, 256, (7217, 3608, 3), np.uint8)
    return write_aperio(
        tmp_path_factory.mktemp("tall"), image=image, factors=(1, 4)
    ).path


@pytest.mark.parametrize("resample", FILTERS)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("level", [0, 1])
def test_large_regions(tall: Path, resample: Any, mode: Any, level: int) -> None:
    """They are shared by the workers in bands."""
    with openslide.OpenSlide(tall) as slide:
        assert slide.level_downsamples[level].is_integer() == (level == 0)
        downsample = slide.level_downsamples[level]
        location = (-10 * downsample, -6.25 * downsample)
        mpp, size = MPP * downsample * 1.5, (640, 1150)
        pixels = slide.read_at(
            *(location, mpp, size),
            mode=mode,
            resample=resample,
            slide_mpp=MPP,
            background=(10, 20, 30),
        )
        assert chosen(slide, mpp)[0] == level
        expected = by_pillow(slide, location, mpp, size, resample, mode)
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("resample", FILTERS)
def test_images_and_own_slides(
    slides: Mapping[str, SlideFacts], aperio: openslide.OpenSlide, resample: Any
) -> None:
    """Other slides are read by way of read_region(), and resampled alike."""

    class Own(openslide.OpenSlide):
        def read_region(self, *arguments: Any) -> Image.Image:
            return Image.eval(super().read_region(*arguments), lambda v: 255 - v)

    options: Any = {"mode": "RGBA", "resample": resample}
    location, mpp, size = (-10.5, 133.25), 1.3, (90, 120)
    with Own(slides["aperio-jpeg"].path) as own:
        expected = by_pillow(own, location, mpp, size, resample, "RGBA")
        image = own.read_image_at(location, mpp, size, **options)
        np.testing.assert_array_equal(np.asarray(image), expected)
        for mpp_of_level in (0.5, 2):
            given = own.read_at((0, 32), mpp_of_level, size, **options)
            stored = aperio.read_at((0, 32), mpp_of_level, size, **options)
            np.testing.assert_array_equal(given, 255 - stored)
    picture = openslide.ImageSlide(Image.fromarray(np.asarray(reference()[:600, :500])))
    expected = by_pillow(picture, location, mpp, size, resample, "RGBA")
    options["slide_mpp"] = MPP
    pixels = picture.read_batch_at([location, (3, 4)], mpp, size, **options)
    np.testing.assert_array_equal(pixels[0], expected)


def test_images_have_the_profile(slides: Mapping[str, SlideFacts]) -> None:
    with openslide.OpenSlide(slides["aperio-jpeg"].path) as slide:
        whole = slide.read_region((0, 0), 0, (8, 8))
        for mpp in (0.5, 0.8):
            for size in ((8, 8), (0, 8)):
                image = slide.read_image_at((0, 0), mpp, size)
                assert image.size == size
                assert image.info == whole.info


def test_nothing_around_is_read(tmp_path: Path) -> None:
    """A box needs none of the pixels beside it, so damage there does not matter."""
    path = write_aperio(tmp_path, tile=256, factors=(1,)).path  # 8 x 6 tiles
    for column, row in ((0, 0), (1, 0), (3, 1), (0, 2), (2, 3)):
        blank_tile(path, 8 * row + column)
    with openslide.OpenSlide(path, on_error="reopen") as slide:
        location, mpp, size = (256, 256), 2 * MPP, (256, 256)
        pixels = slide.read_at(location, mpp, size, resample="box", slide_mpp=MPP)
        expected = slide.read_array(location, 0, (512, 512))
        expected = np.asarray(Image.fromarray(expected).resize(size, Resampling.BOX))
        np.testing.assert_array_equal(pixels, expected)
        with pytest.raises(openslide.OpenSlideError, match="level 0"):
            slide.read_at(location, mpp, size, slide_mpp=MPP)


@pytest.mark.parametrize("workers", [1, 2, 8])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_damage_is_masked(tmp_path: Path, workers: int, mode: Any) -> None:
    path = write_aperio(tmp_path, tile=256, factors=(1,)).path
    blank_tile(path, 12)
    options: Any = {"slide_mpp": MPP, "mode": mode, "background": (1, 2, 3)}
    with openslide.OpenSlide(path) as slide:
        grid = TileGrid(slide, 128, mpp=2 * MPP, slide_mpp=MPP)
        corners = grid.boxes[:, :2]
        pixels, good = slide.read_batch_at(
            *(corners, 2 * MPP, (128, 128)), errors="mask", workers=workers, **options
        )
        # The tile itself, and those whose filter reaches into it.
        around = [8 * row + column for row in (0, 1, 2) for column in (3, 4, 5)]
        assert np.nonzero(~good)[0].tolist() == around
        assert (pixels[around] == [1, 2, 3, 255][: pixels.shape[3]]).all()
        for i in (0, 23):
            expected = slide.read_at(corners[i], 2 * MPP, (128, 128), **options)
            np.testing.assert_array_equal(pixels[i], expected)
        with pytest.raises(openslide.OpenSlideError, match=r"\(region \d+: ") as caught:
            slide.read_batch_at(
                corners, 2 * MPP, (128, 128), workers=workers, **options
            )
    assert any(f"(region {i}: " in str(caught.value) for i in around)


def test_the_only_region_is_masked(tmp_path: Path) -> None:
    path = write_aperio(tmp_path, tile=256, factors=(1,)).path
    blank_tile(path, 12)
    with openslide.OpenSlide(path) as slide:
        pixels, good = slide.read_batch_at(
            *([(0, 0)], 1.5 * MPP, (1300, 1000)),
            slide_mpp=MPP,
            errors="mask",
            background=(1, 2, 3),
        )
        assert good.tolist() == [False]
        assert (pixels == [1, 2, 3]).all()


def test_memory_of_the_caller(aperio: openslide.OpenSlide) -> None:
    locations, mpp, size = [(40, 50), (300.5, 7)], 0.9, (60, 50)
    expected = aperio.read_batch_at(locations, mpp, size)
    frame = np.full((2, 70, 80, 3), 99, np.uint8)
    inside = frame[::-1, 5:55, 10:70][:, ::-1]
    assert aperio.read_batch_at(locations, mpp, size, out=inside) is inside
    np.testing.assert_array_equal(inside, expected)
    inside[...] = 99
    assert (frame == 99).all()
    memory = bytearray(60 * 50 * 3)
    assert aperio.read_at(locations[1], mpp, size, out=memory) is memory  # type: ignore[comparison-overlap]
    assert memory == expected[1].tobytes()
    assert aperio.read_at(locations[0], mpp, (0, 5)).shape == (5, 0, 3)
    nothing, good = aperio.read_batch_at([], mpp, size, errors="mask")
    assert nothing.shape == (0, 50, 60, 3)
    assert good.shape == (0,)


@pytest.mark.parametrize(
    ("location", "kind", "reason"),
    [
        ((0,), TypeError, "pair of numbers"),
        ((0, "left"), TypeError, "'left'"),
        ((0, "5"), TypeError, "'5'"),
        ((0, None), TypeError, "None"),
        (5, TypeError, "not 5"),
        ((0, math.nan), ValueError, "nan"),
        ((math.inf, 0), OverflowError, "64 bits"),
        ((0, 2**63), OverflowError, "64 bits"),
        ((0, 10**400), OverflowError, "64 bits"),
    ],
)
def test_wrong_locations(
    aperio: openslide.OpenSlide, location: Any, kind: type[Exception], reason: str
) -> None:
    for read in (aperio.read_at, aperio.read_image_at):
        with pytest.raises(kind, match=reason):
            read(location, 0.8, (8, 8))
    for mpp in (0.5, 0.8):
        with pytest.raises(OverflowError, match="64 bits"):
            aperio.read_at((1e19 / 1.1, 0), mpp, (8, 8), coordinates="microns")
    with pytest.raises(TypeError, match="locations must be pairs, not 5"):
        aperio.read_batch_at(5, 0.8, (8, 8))  # type: ignore[call-overload]
    far = aperio.read_at((2**62, -(2**62)), 0.8, (8, 8), background=(1, 2, 3))
    assert (far == [1, 2, 3]).all()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"mpp": 0}, "mpp must be positive"),
        ({"mpp": 10**400}, "mpp must be positive"),
        ({"mpp": 0.3}, "coarser than 0.3"),
        ({"resample": "nearest"}, "'box', not 'nearest'"),
        ({"coordinates": "level"}, "'level0' or 'microns'"),
        ({"slide_mpp": -1}, "slide_mpp must be positive"),
        ({"size": (-1, 5)}, "negative"),
        ({"size": (2**25, 1)}, "not 33554432"),
        ({"mode": "L"}, "'RGBA', not 'L'"),
        ({"background": "no colour"}, "no colour"),
    ],
)
def test_wrong_arguments(
    aperio: openslide.OpenSlide, options: dict[str, Any], reason: str
) -> None:
    given: dict[str, Any] = {"mpp": 0.8, "size": (8, 8)} | options
    for read in (aperio.read_at, aperio.read_image_at):
        with pytest.raises(ValueError, match=reason):
            read((0, 0), **given)


@pytest.mark.parametrize("mpp", [None, "0.8"])
def test_what_is_no_resolution(aperio: openslide.OpenSlide, mpp: Any) -> None:
    with pytest.raises(TypeError, match=f"mpp must be a number, not {mpp!r}"):
        aperio.read_at((0, 0), mpp, (8, 8))


def test_a_slide_without_resolution() -> None:
    picture = openslide.ImageSlide(Image.new("RGB", (64, 64)))
    with pytest.raises(ValueError, match="slide_mpp"):
        picture.read_at((0, 0), 1, (8, 8), coordinates="microns")


def test_closed(slides: Mapping[str, SlideFacts]) -> None:
    slide = openslide.OpenSlide(slides["aperio-jpeg"].path)
    slide.close()
    for mpp in (0.5, 0.8):
        for read in (
            lambda mpp=mpp: slide.read_at((0, 0), mpp, (5, 5)),
            lambda mpp=mpp: slide.read_image_at((0, 0), mpp, (5, 5)),
            lambda mpp=mpp: slide.read_batch_at([], mpp, (5, 5)),
        ):
            with pytest.raises(ValueError, match="closed"):
                read()
