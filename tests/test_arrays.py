"""read_array() and read_batch(): the same pixels as read_region(), as arrays."""

from __future__ import annotations

import math
import struct
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import openslide
from openslide.tiles import TileGrid
from tests.slides import SlideFacts, write_aperio, write_generic
from tests.slides.stored import stored_tile

Pixels = NDArray[np.uint8]

# One format with each way to store pixels: a grid, areas with gaps between them,
# overlapping tiles, holes.
FORMATS = ["aperio-jpeg", "leica", "mirax", "zeiss-zstd1", "generic-sparse"]


def over(image: Image.Image, background: str | tuple[int, int, int]) -> Pixels:
    """What a program makes of a region when it wants RGB over a background."""
    result = Image.new("RGB", image.size, background)
    result.paste(image, None, image)
    return np.asarray(result)


@pytest.fixture(params=FORMATS)
def slide(
    request: pytest.FixtureRequest, slides: Mapping[str, SlideFacts]
) -> Iterator[openslide.OpenSlide]:
    with openslide.OpenSlide(slides[request.param].path) as opened:
        yield opened


@pytest.fixture
def aperio(slides: Mapping[str, SlideFacts]) -> Iterator[openslide.OpenSlide]:
    with openslide.OpenSlide(slides["aperio-jpeg"].path) as opened:
        yield opened


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    locations=st.lists(
        st.tuples(st.integers(-300, 2300), st.integers(-300, 1800)), max_size=12
    ),
    level=st.integers(0, 1),
    size=st.tuples(st.integers(0, 120), st.integers(0, 120)),
    background=st.tuples(*[st.integers(0, 255)] * 3),
    workers=st.sampled_from([None, 1, 2, 5]),
)
def test_batches_are_regions(
    slide: openslide.OpenSlide,
    locations: list[tuple[int, int]],
    level: int,
    size: tuple[int, int],
    background: tuple[int, int, int],
    workers: int | None,
) -> None:
    options = {"background": background, "workers": workers}
    rgb = slide.read_batch(locations, level, size, **options)  # type: ignore[call-overload]
    rgba = slide.read_batch(locations, level, size, mode="RGBA", workers=workers)
    assert rgb.shape == (len(locations), size[1], size[0], 3)
    assert rgba.shape == (len(locations), size[1], size[0], 4)
    assert rgb.dtype == rgba.dtype == np.uint8
    for i, location in enumerate(locations):
        region = slide.read_region(location, level, size)
        np.testing.assert_array_equal(
            rgba[i], np.asarray(region).reshape(rgba[i].shape)
        )
        np.testing.assert_array_equal(
            rgb[i], over(region, background).reshape(rgb[i].shape)
        )
        one = slide.read_array(location, level, size, background=background)
        np.testing.assert_array_equal(one, rgb[i])


@pytest.mark.parametrize("threads", [2, 7])
def test_large_regions_are_the_same_on_any_number_of_threads(
    slide: openslide.OpenSlide, threads: int
) -> None:
    location, size = (-101, -77), (2200, 1650)
    openslide.set_num_threads(1)
    try:
        assert openslide.get_num_threads() == 1
        expected = np.asarray(slide.read_region(location, 0, size))
        openslide.set_num_threads(threads)
        assert openslide.get_num_threads() == threads
        np.testing.assert_array_equal(slide.read_region(location, 0, size), expected)
        rgba = slide.read_array(location, 0, size, mode="RGBA")
        np.testing.assert_array_equal(rgba, expected)
    finally:
        openslide.set_num_threads(None)


def test_a_level_for_each_location(aperio: openslide.OpenSlide) -> None:
    locations = np.array([(0, 0), (400, 400), (64, 32)], np.int32)
    levels = [2, 0, 1]
    batch = aperio.read_batch(locations, levels, (50, 40))
    for pixels, location, level in zip(batch, locations, levels, strict=True):
        np.testing.assert_array_equal(
            pixels, aperio.read_array(location, level, (50, 40))
        )


def test_level_coordinates(aperio: openslide.OpenSlide) -> None:
    whole = aperio.read_array((0, 0), 1, aperio.level_dimensions[1])
    part = aperio.read_array((37, 101), 1, (80, 60), coordinates="level")
    np.testing.assert_array_equal(part, whole[101:161, 37:117])
    batch = aperio.read_batch([(37, 101)], 1, (80, 60), coordinates="level")
    np.testing.assert_array_equal(batch[0], part)


def test_level_coordinates_take_the_nearest_position(tmp_path: Path) -> None:
    image = np.random.default_rng(3).integers(0, 256, (1331, 1777, 3), np.uint8)
    facts = write_generic(tmp_path, image=image, factors=(1, 5))
    with openslide.OpenSlide(facts.path, direct=False) as slide:
        downsample = slide.level_downsamples[1]
        assert downsample != int(downsample)
        x, y = round(101 * downsample), round(57 * downsample)
        np.testing.assert_array_equal(
            slide.read_array((101, 57), 1, (90, 70), coordinates="level"),
            slide.read_array((x, y), 1, (90, 70)),
        )


def test_background(slides: Mapping[str, SlideFacts]) -> None:
    with openslide.OpenSlide(slides["generic-sparse"].path) as slide:
        outside = ((-500, -500), 0, (3, 2))
        assert (slide.read_array(*outside) == 255).all()
        assert (slide.read_array(*outside, background="navy") == [0, 0, 128]).all()
        assert (slide.read_array(*outside, background="#0a0b0c") == [10, 11, 12]).all()
        assert (slide.read_array(*outside, background=(1, 2, 3)) == [1, 2, 3]).all()
    with openslide.OpenSlide(slides["trestle"].path) as slide:
        color = slide.properties[openslide.PROPERTY_NAME_BACKGROUND_COLOR]
        assert (slide.read_array(*outside) == list(bytes.fromhex(color))).all()


# out


def test_out_is_filled_and_returned(
    aperio: openslide.OpenSlide, tmp_path: Path
) -> None:
    locations = [(300, 300), (500, 700), (0, 0)]
    expected = aperio.read_batch(locations, 0, (40, 30))
    shape = expected.shape
    wide = np.zeros((3, 30, 64, 3), np.uint8)
    transposed = np.zeros((30, 3, 40, 3), np.uint8)
    file = np.memmap(tmp_path / "pixels", np.uint8, "w+", shape=shape)
    flat = bytearray(expected.size)
    for out, pixels in [
        (np.zeros(shape, np.uint8), None),
        (np.zeros(expected.size, np.uint8), None),
        (file, None),
        (flat, np.frombuffer(flat, np.uint8)),
        (wide[:, :, 7:47], None),
        (np.zeros(shape, np.uint8)[::-1, ::-1], None),
        (transposed.transpose(1, 0, 2, 3), None),
    ]:
        assert aperio.read_batch(locations, 0, (40, 30), out=out) is out
        view = np.asarray(out if pixels is None else pixels)
        np.testing.assert_array_equal(view.reshape(shape), expected)
    assert (wide[:, :, :7] == 0).all()
    assert (wide[:, :, 47:] == 0).all()


def test_out_of_a_single_region(aperio: openslide.OpenSlide) -> None:
    out = np.zeros((30, 40, 4), np.uint8)
    result = aperio.read_array((300, 300), 0, (40, 30), mode="RGBA", out=out)
    assert result is out
    np.testing.assert_array_equal(
        out, np.asarray(aperio.read_region((300, 300), 0, (40, 30)))
    )


@pytest.mark.parametrize(
    ("out", "error", "reason"),
    [
        (np.full((2, 30, 40, 4), 9, np.uint8), ValueError, "must have shape"),
        (np.full((2, 40, 30, 3), 9, np.uint8), ValueError, "must have shape"),
        (np.full(7201, 9, np.uint8), ValueError, "7200 contiguous bytes"),
        (np.full(14400, 9, np.uint8)[::2], ValueError, "contiguous"),
        (np.full((2, 30, 40, 3), 9, np.int8), ValueError, "uint8"),
        (np.full((2, 30, 40, 3), 9.0), ValueError, "uint8"),
        (np.full((2, 30, 40, 6), 9, np.uint8)[..., ::2], ValueError, "contiguous"),
        (np.full((2, 30, 80, 3), 9, np.uint8)[:, :, ::2], ValueError, "contiguous"),
        (bytes(7200), ValueError, "read-only"),
        ("pixels", TypeError, "'pixels'"),
        ([9] * 7200, TypeError, "buffer"),
    ],
)
def test_unsuitable_out(
    aperio: openslide.OpenSlide, out: Any, error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        aperio.read_batch([(300, 300)] * 2, 0, (40, 30), out=out)
    if isinstance(out, np.ndarray):
        assert (out == 9).all(), "a refused array was written to"


@pytest.mark.parametrize(
    "strides", [(0, 120, 3, 1), (3600, 60, 3, 1), (120, 120, 3, 1)]
)
def test_out_that_overlaps_itself(
    aperio: openslide.OpenSlide, strides: tuple[int, ...]
) -> None:
    memory = np.zeros(10000, np.uint8)
    out = np.lib.stride_tricks.as_strided(memory, (2, 30, 40, 3), strides)
    with pytest.raises(ValueError, match="overlap"):
        aperio.read_batch([(300, 300)] * 2, 0, (40, 30), out=out)
    assert (memory == 0).all()


# Arguments


@pytest.mark.parametrize(
    ("locations", "level", "options", "error", "reason"),
    [
        ([(0.5, 1)], 0, {}, TypeError, "integers"),
        ([("a", "b")], 0, {}, TypeError, "integers"),
        ([(1, 2, 3)], 0, {}, ValueError, r"\(1, 3\)"),
        ([1, 2], 0, {}, ValueError, r"\(2,\)"),
        ([(2**70, 0)], 0, {}, OverflowError, str(2**70)),
        ([(2**63, -1)], 0, {}, OverflowError, str(2**63)),
        ([(-1, -(2**63) - 1)], 0, {}, OverflowError, str(-(2**63) - 1)),
        (np.array([(2**63, 0)], np.uint64), 0, {}, OverflowError, str(2**63)),
        ([(0, 0)], 2**64, {}, OverflowError, str(2**64)),
        ([(True, False)], 0, {}, TypeError, "integers"),
        (None, 0, {}, TypeError, "locations must be integers"),
        ([(0, 0)], 3, {}, ValueError, "level 3"),
        ([(0, 0)], -1, {}, ValueError, "level -1"),
        ([(0, 0)], 1.0, {}, TypeError, "level"),
        ([(0, 0)], [0, 0], {}, ValueError, "one for each of 1"),
        ([(0, 0)], 0, {"mode": "L"}, ValueError, "'L'"),
        ([(0, 0)], 0, {"coordinates": "pixels"}, ValueError, "'pixels'"),
        ([(0, 0)], 0, {"errors": "ignore"}, ValueError, "'ignore'"),
        ([(0, 0)], 0, {"background": "no colour"}, ValueError, "no colour"),
        ([(0, 0)], 0, {"background": (1, 2)}, ValueError, r"\(1, 2\)"),
        ([(0, 0)], 0, {"background": (0, 0, 256)}, ValueError, "256"),
        ([(0, 0)], 0, {"background": (1.0, 1.0, 1.0)}, TypeError, r"\(1.0, 1.0, 1.0\)"),
        ([(0, 0)], 0, {"background": np.full(3, 0.5)}, TypeError, "three integers"),
        ([(0, 0)], 0, {"background": ("1", "2", "3")}, TypeError, "three integers"),
        ([(0, 0)], 0, {"background": 255}, TypeError, "not 255"),
        ([(0, 0)], 0, {"workers": 0}, ValueError, "0"),
        ([(0, 0)], 0, {"workers": 1.5}, TypeError, "1.5"),
    ],
)
def test_wrong_arguments(
    aperio: openslide.OpenSlide,
    locations: Any,
    level: Any,
    options: dict[str, Any],
    error: type[Exception],
    reason: str,
) -> None:
    with pytest.raises(error, match=reason):
        aperio.read_batch(locations, level, (5, 5), **options)


@pytest.mark.parametrize(
    ("location", "level", "error", "reason"),
    [
        ((2**63, 0), 0, OverflowError, str(2**63)),
        ((0.5, 0), 0, TypeError, "location"),
        ((1, 2, 3), 0, TypeError, "location"),
        ((0, 0), 3, ValueError, "level 3"),
        ((0, 0), -1, ValueError, "level -1"),
        ((0, 0), 2**64, ValueError, str(2**64)),
        ((0, 0), 1.0, TypeError, "level must be an integer"),
        ((0, 0), [0], TypeError, "level must be an integer"),
    ],
)
def test_wrong_arguments_for_one(
    aperio: openslide.OpenSlide,
    location: Any,
    level: Any,
    error: type[Exception],
    reason: str,
) -> None:
    with pytest.raises(error, match=reason):
        aperio.read_array(location, level, (5, 5))


@pytest.mark.parametrize(
    ("size", "error"),
    [((-1, 5), ValueError), ((1.5, 5), TypeError), (5, TypeError), ((5,), TypeError)],
)
def test_wrong_sizes(
    aperio: openslide.OpenSlide, size: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="size"):
        aperio.read_array((0, 0), 0, size)


@pytest.mark.parametrize("background", [(0, 0.5, 0), [1.0, 1.0, 1.0], (0, 0, None)])
def test_colours_are_integers(aperio: openslide.OpenSlide, background: Any) -> None:
    """Shares of 1 would be nearly black."""
    for read in (
        lambda: aperio.read_array((0, 0), 0, (5, 5), background=background),
        lambda: TileGrid(aperio, 64, background=background),
    ):
        with pytest.raises(TypeError, match="integers from 0 to 255") as caught:
            read()
        assert repr(background) in str(caught.value)
    whole = np.array([1, 2, 3], np.uint8)
    outside = ((-9, -9), 0, (3, 2))
    assert (aperio.read_array(*outside, background=whole) == whole).all()  # type: ignore[arg-type]


def test_thread_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSLIDE_NUM_THREADS", "3")
    assert openslide.get_num_threads() == 3
    monkeypatch.setenv("OPENSLIDE_NUM_THREADS", "many")
    assert openslide.get_num_threads() >= 1
    with pytest.raises(ValueError, match="0"):
        openslide.set_num_threads(0)
    with pytest.raises(TypeError, match=r"1\.5"):
        openslide.set_num_threads(1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("setting", "number"),
    [
        *[(" 4 ", 4), ("004", 4), ("1024", 1024), ("1025", 1024)],
        *[(str(2**31), 1024), (str(10**30), 1024), ("9" * 5000, 1024)],
        *[("", None), ("0", None), ("-3", None), ("1e3", None), ("4.0", None)],
        *[("\u00b2", None), ("3 4", None)],
    ],
)
def test_thread_numbers_of_the_environment(
    aperio: openslide.OpenSlide,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    number: int | None,
) -> None:
    """None: not a positive integer, and ignored."""
    monkeypatch.delenv("OPENSLIDE_NUM_THREADS", raising=False)
    default = openslide.get_num_threads()
    monkeypatch.setenv("OPENSLIDE_NUM_THREADS", setting)
    assert openslide.get_num_threads() == (number or default)
    aperio.read_batch([(0, 0), (5, 5)], 0, (8, 8))


@pytest.mark.parametrize("number", [1025, 2**31, 2**64, 10**30])
def test_more_threads_than_there_can_be(
    aperio: openslide.OpenSlide, number: int
) -> None:
    locations = [(0, 0), (300, 200)]
    expected = aperio.read_batch(locations, 0, (8, 8), workers=1)
    pixels = aperio.read_batch(locations, 0, (8, 8), workers=number)
    np.testing.assert_array_equal(pixels, expected)
    grid = TileGrid(aperio, 64, mpp=1.1).only(np.array([(0, 0), (1, 1)]))
    np.testing.assert_array_equal(grid.read(workers=number), grid.read(workers=1))
    openslide.set_num_threads(number)
    try:
        assert openslide.get_num_threads() == 1024
        np.testing.assert_array_equal(aperio.read_batch(locations, 0, (8, 8)), expected)
    finally:
        openslide.set_num_threads(None)


# Damage, closing


END_OF_IMAGE = b"\xff\xd9"  # JPEG marker


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """A slide of 8 x 6 tiles, and the tiles whose JPEG data end too soon."""
    facts = write_aperio(tmp_path_factory.mktemp("damaged"), tile=256, factors=(1,))
    data = bytearray(facts.path.read_bytes())
    bad = [5, 17, 18, 40]
    for number in bad:
        offset, length = stored_tile(facts.path, number)
        middle = offset + length // 2
        data[middle : middle + 2] = END_OF_IMAGE
    facts.path.write_bytes(data)
    return facts.path, bad


GRID = [(256 * column, 256 * row) for row in range(6) for column in range(8)]


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_an_error_names_the_region(
    damaged: tuple[Path, list[int]], workers: int
) -> None:
    path, bad = damaged
    with (
        openslide.OpenSlide(path) as slide,
        pytest.raises(openslide.OpenSlideError) as caught,
    ):
        slide.read_batch(GRID, 0, (256, 256), workers=workers)
    named = [i for i in bad if f"(region {i}: " in str(caught.value)]
    assert len(named) == 1, caught.value
    assert str(GRID[named[0]]) in str(caught.value)


@pytest.mark.parametrize("workers", [1, 2, 8])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_masked_errors(
    damaged: tuple[Path, list[int]], workers: int, mode: Any
) -> None:
    path, bad = damaged
    with openslide.OpenSlide(path) as slide:
        pixels, good = slide.read_batch(
            GRID,
            0,
            (256, 256),
            errors="mask",
            workers=workers,
            mode=mode,
            background=(1, 2, 3),
        )
        assert good.dtype == bool
        assert np.nonzero(~good)[0].tolist() == bad
        assert (pixels[bad] == [1, 2, 3, 255][: pixels.shape[3]]).all()
        for i in np.nonzero(good)[0][::7]:  # the slide has stayed usable
            np.testing.assert_array_equal(
                pixels[i],
                slide.read_array(GRID[i], 0, (256, 256), mode=mode),
            )


@pytest.mark.parametrize("size", [256, 2000])  # one block, or many
def test_the_only_region_is_masked(damaged: tuple[Path, list[int]], size: int) -> None:
    path, bad = damaged
    with openslide.OpenSlide(path) as slide:
        locations = [GRID[bad[0]]]
        pixels, good = slide.read_batch(
            locations, 0, (size, size), errors="mask", background=(1, 2, 3)
        )
        assert good.tolist() == [False]
        assert (pixels == [1, 2, 3]).all()
        slide.read_array(GRID[bad[0] - 1], 0, (256, 256))


def test_closed(slides: Mapping[str, SlideFacts]) -> None:
    aperio = openslide.OpenSlide(slides["aperio-jpeg"].path)
    aperio.close()
    for read in (
        lambda: aperio.read_array((0, 0), 0, (5, 5)),
        lambda: aperio.read_batch([(0, 0)], 0, (5, 5)),
        lambda: aperio.read_batch([], 0, (5, 5)),
        lambda: aperio.bounds,
        lambda: aperio.mpp,
    ):
        with pytest.raises(ValueError, match="closed"):
            read()


def test_close_during_a_batch(slides: Mapping[str, SlideFacts]) -> None:
    """A batch that has begun completes; one that comes later raises."""
    locations = [(64 * i, 0) for i in range(24)]
    with openslide.OpenSlide(slides["aperio-jpeg"].path) as slide:
        expected = slide.read_batch(locations, 0, (256, 256))
    for _ in range(10):
        slide = openslide.OpenSlide(slides["aperio-jpeg"].path)
        results: list[Pixels | ValueError] = []

        def read(
            slide: openslide.OpenSlide = slide,
            results: list[Pixels | ValueError] = results,
        ) -> None:
            try:
                results.append(slide.read_batch(locations, 0, (256, 256)))
            except ValueError as error:
                results.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        slide.close()
        thread.join()
        (result,) = results
        if not isinstance(result, ValueError):
            np.testing.assert_array_equal(result, expected)


# Other slides


class Doubled(openslide.ImageSlide):
    """A slide whose regions are not what its file holds."""

    def read_region(
        self, location: tuple[int, int], level: int, size: tuple[int, int]
    ) -> Image.Image:
        region = super().read_region((location[0] // 2, location[1] // 2), level, size)
        region.putpixel((0, 0), (9, 9, 9, 255))
        return region


def test_other_slides_have_the_methods() -> None:
    gradient = np.arange(60 * 80 * 3, dtype=np.uint32).reshape(60, 80, 3)
    image = Image.fromarray((gradient % 251).astype(np.uint8))
    plain, doubled = openslide.ImageSlide(image), Doubled(image)
    for slide in (plain, doubled):
        locations = [(-5, 3), (20, 30), (70, 55)]
        batch = slide.read_batch(locations, 0, (16, 12), background="red")
        for pixels, location in zip(batch, locations, strict=True):
            region = slide.read_region(location, 0, (16, 12))
            np.testing.assert_array_equal(pixels, over(region, "red"))
            rgba = slide.read_array(location, 0, (16, 12), mode="RGBA")
            np.testing.assert_array_equal(rgba, np.asarray(region))
        assert slide.bounds == (0, 0, 80, 60)
        assert slide.mpp is None
        with pytest.raises(ValueError, match="level 1"):
            slide.read_array((0, 0), 1, (5, 5))


def test_an_override_is_honoured(slides: Mapping[str, SlideFacts]) -> None:
    class Grey(openslide.OpenSlide):
        def read_region(
            self, location: tuple[int, int], level: int, size: tuple[int, int]
        ) -> Image.Image:
            return (
                super().read_region(location, level, size).convert("L").convert("RGBA")
            )

    path = slides["aperio-jpeg"].path
    with Grey(path) as grey, openslide.OpenSlide(path) as colored:
        expected = np.asarray(grey.read_region((700, 100), 0, (50, 50)))[..., :3]
        assert (grey.read_array((700, 100), 0, (50, 50)) == expected).all()
        assert (grey.read_batch([(700, 100)], 0, (50, 50))[0] == expected).all()
        colored.read_region = grey.read_region  # type: ignore[method-assign]
        assert (colored.read_array((700, 100), 0, (50, 50)) == expected).all()


def test_failures_of_other_slides_are_masked() -> None:
    class Fragile(openslide.ImageSlide):
        def read_region(
            self, location: tuple[int, int], level: int, size: tuple[int, int]
        ) -> Image.Image:
            if location[0] > 10:
                raise openslide.OpenSlideError("too far")
            return super().read_region(location, level, size)

    slide = Fragile(Image.new("RGB", (40, 40), "blue"))
    locations = [(0, 0), (20, 0), (5, 5)]
    pixels, good = slide.read_batch(locations, 0, (4, 4), errors="mask")
    assert good.tolist() == [True, False, True]
    assert (pixels[1] == 255).all()
    with pytest.raises(openslide.OpenSlideError, match="too far") as caught:
        slide.read_batch(locations, 0, (4, 4))
    assert "region 1 at (20, 0)" in caught.value.__notes__[0]


def test_bounds_and_resolution(slides: Mapping[str, SlideFacts]) -> None:
    with openslide.OpenSlide(slides["leica"].path) as slide:
        properties = slide.properties
        names = ("x", "y", "width", "height")
        stated = tuple(int(properties[f"openslide.bounds-{name}"]) for name in names)
        assert slide.bounds == stated
        assert slide.mpp == (slides["leica"].mpp,) * 2
    with openslide.OpenSlide(slides["aperio-jpeg"].path) as slide:
        assert slide.bounds == (0, 0, *slide.dimensions)


@pytest.mark.parametrize("value", ["0", "-1", "none", "nan", "inf"])
def test_a_resolution_that_is_none(value: str) -> None:
    class Stated(openslide.ImageSlide):
        @property
        def properties(self) -> Mapping[str, str]:
            return {"openslide.mpp-x": "0.5", "openslide.mpp-y": value}

    assert Stated(Image.new("RGB", (5, 5))).mpp is None


@pytest.mark.parametrize(
    ("shape", "format", "said"),
    [
        ((4, 4, 2), "B", "pixels must be bytes"),
        ((4, 4), "B", "pixels must be bytes"),
        ((4, 2, 3), "H", "pixels must be bytes"),
    ],
)
def test_other_buffers_are_refused_and_given_back(
    facts: SlideFacts, shape: tuple[int, ...], format: Literal["B", "H"], said: str
) -> None:
    memory = bytearray(math.prod(shape) * struct.calcsize(format))
    pixels = memoryview(memory).cast(format, shape)
    with (
        openslide.OpenSlide(facts.path) as slide,
        pytest.raises(ValueError, match=said),
    ):
        slide._osr.read_into(pixels, (0, 0), 0, 0xFFFFFF, False)
    pixels.release()  # which fails where somebody holds it


def test_rows_with_gaps_are_refused(facts: SlideFacts) -> None:
    pixels = np.zeros((4, 8, 3), np.uint8)[:, ::2]
    with (
        openslide.OpenSlide(facts.path) as slide,
        pytest.raises(ValueError, match="row must be contiguous"),
    ):
        slide._osr.read_into(pixels, (0, 0), 0, 0xFFFFFF, False)
