"""Slides that are copied, pickled, and used by several processes."""

from __future__ import annotations

import copy
import gc
import importlib.util
import io
import os
import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PIL import Image

from openslide import (
    ImageSlide,
    OpenSlide,
    OpenSlideCache,
    OpenSlideError,
    OpenSlideUnsupportedFormatError,
    lowlevel,
)
from openslide.deepzoom import DeepZoomGenerator
from tests.slides import SlideFacts, reference, write_aperio
from tests.slides.stored import blank_tile

T = TypeVar("T")
Duplicate = Callable[[Any], Any]

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")


def by_pickle(protocol: int) -> Duplicate:
    return lambda value: pickle.loads(pickle.dumps(value, protocol))


DUPLICATES: dict[str, Duplicate] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": by_pickle(protocol)
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    },
}
PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)


@pytest.fixture(params=DUPLICATES)
def duplicate(request: pytest.FixtureRequest) -> Duplicate:
    """One way to get another object of the same slide."""
    return DUPLICATES[request.param]


def tile(slide: OpenSlide | ImageSlide) -> bytes:
    return slide.read_region((20, 30), 0, (50, 40)).tobytes()


def native_cache(slide: OpenSlide) -> object:
    """The cache that a slide was given, or None."""
    return slide._osr.__reduce__()[2]


# OpenSlide


@pytest.mark.requires_openslide("4.0.1")  # whose slides have such images
def test_a_duplicate_reads_the_same(slide: OpenSlide, duplicate: Duplicate) -> None:
    other = duplicate(slide)
    assert type(other) is OpenSlide
    assert other._osr is not slide._osr
    assert repr(other) == repr(slide)
    assert other.level_dimensions == slide.level_dimensions
    assert dict(other.properties) == dict(slide.properties)
    assert other._profile == slide._profile
    region = other.read_region((0, 0), 1, (300, 200))
    assert region == slide.read_region((0, 0), 1, (300, 200))
    assert other.associated_images["label"] == slide.associated_images["label"]
    other.close()


def test_each_is_closed_by_itself(slide: OpenSlide, duplicate: Duplicate) -> None:
    expected = tile(slide)
    other = duplicate(slide)
    other.close()
    assert tile(slide) == expected
    third = duplicate(slide)
    slide.close()
    assert tile(third) == expected
    with pytest.raises(ValueError, match="closed"):
        tile(other)
    third.close()


def test_a_closed_slide_has_no_duplicates(
    slide: OpenSlide, duplicate: Duplicate
) -> None:
    slide.close()
    with pytest.raises(ValueError, match="closed"):
        duplicate(slide)


@pytest.mark.parametrize("kind", [str, Path, os.fsencode])
def test_a_relative_name_outlives_a_change_of_folder(
    facts: SlideFacts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    duplicate: Duplicate,
    kind: Callable[[Path], str | bytes | Path],
) -> None:
    monkeypatch.chdir(facts.path.parent)
    name = kind(Path(facts.path.name))
    with OpenSlide(name) as slide:
        expected = tile(slide)
        monkeypatch.chdir(tmp_path)
        with duplicate(slide) as other, duplicate(other) as third:
            assert tile(third) == tile(other) == expected
            assert third._filename == name
            assert type(third._filename) is type(name)
            assert repr(third) == f"OpenSlide({name!r})"


class Case(OpenSlide):
    """A slide with more to it."""

    def __init__(self, filename: Path, number: int) -> None:
        super().__init__(filename)
        self.number = number
        self.notes: list[str] = []


class SlottedCase(OpenSlide):
    __slots__ = ("number",)

    number: int


def test_subclasses_and_attributes_survive(
    facts: SlideFacts, duplicate: Duplicate
) -> None:
    with Case(facts.path, 4711) as slide:
        slide.notes = ["stained twice"]
        with duplicate(slide) as other:
            assert type(other) is Case
            assert other.number == 4711
            assert other.notes == ["stained twice"]
            assert tile(other) == tile(slide)
            other.number = 1
            assert slide.number == 4711


def test_slots_survive(facts: SlideFacts, duplicate: Duplicate) -> None:
    with SlottedCase(facts.path) as slide:
        slide.number = 4711
        with duplicate(slide) as other:
            assert type(other) is SlottedCase
            assert other.number == 4711


def test_a_failed_slide_is_opened_anew(tmp_path: Path, duplicate: Duplicate) -> None:
    slide = damaged_slide(tmp_path, "raise")
    with duplicate(slide) as before:
        expected = tile(before)
    fail(slide)
    with pytest.raises(OpenSlideError):
        tile(slide)
    with duplicate(slide) as other:
        assert tile(other) == expected
        fail(other)
        with pytest.raises(OpenSlideError):
            tile(other)
    slide.close()


def test_on_error_is_kept(tmp_path: Path, duplicate: Duplicate) -> None:
    with damaged_slide(tmp_path, "reopen") as slide, duplicate(slide) as other:
        for _ in range(2):
            fail(other)
            assert tile(other) == tile(slide)


def damaged_slide(folder: Path, on_error: Any) -> OpenSlide:
    """Of 400 x 300 pixels; the last tile of level 0 is no JPEG."""
    image = reference()[:300, :400]
    path = write_aperio(folder, image=image, tile=64, factors=(1, 4)).path
    blank_tile(path, 34)
    return OpenSlide(path, on_error=on_error)


def fail(slide: OpenSlide) -> None:
    with pytest.raises(OpenSlideError, match=r"at \(390, 290\) of level 0"):
        slide.read_region((390, 290), 0, (5, 5))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_file_that_is_gone_is_named(
    facts: SlideFacts, tmp_path: Path, protocol: int
) -> None:
    path = tmp_path / "slide.svs"
    os.link(facts.path, path)
    with OpenSlide(path) as slide:
        data = pickle.dumps(slide, protocol)
    path.unlink()
    with pytest.raises(OpenSlideUnsupportedFormatError) as error:
        pickle.loads(data)
    assert repr(str(path)) in str(error.value)
    assert "no such file" in str(error.value)


@pytest.mark.requires_openslide("4.0.1")  # whose slides have such images
def test_mappings_have_duplicates(slide: OpenSlide, duplicate: Duplicate) -> None:
    properties = duplicate(slide.properties)
    images = duplicate(slide.associated_images)
    assert dict(properties) == dict(slide.properties)
    assert images["label"] == slide.associated_images["label"]
    assert images["label"].info == slide.associated_images["label"].info


def test_duplicates_are_freed(slide: OpenSlide, duplicate: Duplicate) -> None:
    kept = [duplicate(slide) for _ in range(20)]
    assert [tile(other) for other in kept] == [tile(slide)] * 20
    expected = tile(slide)
    del kept
    gc.collect()
    assert tile(slide) == expected


# Caches

needs_caches = pytest.mark.requires_openslide("4.0.0")


@needs_caches
def test_a_cache_is_its_capacity(duplicate: Duplicate) -> None:
    cache = OpenSlideCache(12345)
    other = duplicate(cache)
    assert type(other) is OpenSlideCache
    assert repr(other) == "OpenSlideCache(12345)"
    assert other._openslide_cache.__reduce__()[1] == (12345,)


@needs_caches
def test_a_large_capacity_is_kept(duplicate: Duplicate) -> None:
    other = duplicate(OpenSlideCache(sys.maxsize))
    assert other._openslide_cache.__reduce__()[1] == (sys.maxsize,)


@needs_caches
def test_a_slide_keeps_its_cache(slide: OpenSlide, duplicate: Duplicate) -> None:
    assert native_cache(slide) is None
    with duplicate(slide) as other:
        assert native_cache(other) is None
    slide.set_cache(OpenSlideCache(54321))
    with duplicate(slide) as other:
        cache: Any = native_cache(other)
        assert cache.__reduce__()[1] == (54321,)
        assert tile(other) == tile(slide)


@needs_caches
@pytest.mark.parametrize("way", list(DUPLICATES)[1:])
def test_what_shares_a_cache_shares_one_again(facts: SlideFacts, way: str) -> None:
    cache = OpenSlideCache(1 << 20)
    with (
        OpenSlide(facts.path) as first,
        OpenSlide(facts.path) as second,
        OpenSlide(facts.path) as apart,
    ):
        first.set_cache(cache)
        second.set_cache(cache)
        apart.set_cache(OpenSlideCache(1 << 20))
        others = DUPLICATES[way]((first, cache, second, apart))
        caches = [native_cache(others[0]), native_cache(others[2])]
        assert caches[0] is caches[1] is others[1]._openslide_cache
        assert caches[0] is not cache._openslide_cache
        assert native_cache(others[3]) is not caches[0]
        expected = tile(first)
        for other in (others[0], others[2], others[3]):
            assert tile(other) == expected
            other.close()


@needs_caches
def test_a_shallow_copy_uses_the_same_cache(slide: OpenSlide) -> None:
    cache = OpenSlideCache(1 << 20)
    slide.set_cache(cache)
    with copy.copy(slide) as other:
        assert native_cache(other) is cache._openslide_cache
        assert tile(other) == tile(slide)


# Low-level handles


def test_low_level_handles(slide: OpenSlide, duplicate: Duplicate) -> None:
    handle = lowlevel.open(str(slide._filename))
    other = duplicate(handle)
    expected = lowlevel.read_region(handle, 20, 30, 0, 50, 40)
    lowlevel.close(handle)
    assert lowlevel.read_region(other, 20, 30, 0, 50, 40) == expected
    lowlevel.close(other)
    for closed in (handle, other):
        with pytest.raises(ValueError, match="closed"):
            duplicate(closed)


@needs_caches
def test_low_level_caches(slide: OpenSlide, duplicate: Duplicate) -> None:
    cache = lowlevel.cache_create(777)
    lowlevel.set_cache(slide._osr, cache)
    lowlevel.cache_release(cache)
    other = duplicate(slide._osr)
    assert other.__reduce__()[2].__reduce__()[1] == (777,)


# ImageSlide


@pytest.fixture
def image_path(tmp_path: Path) -> Path:
    path = tmp_path / "image.png"
    Image.fromarray(reference()[:90, :120]).save(path)
    return path


@pytest.mark.parametrize("kind", [str, Path, os.fsencode])
def test_image_slides_of_files(
    image_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    duplicate: Duplicate,
    kind: Callable[[Path], str | bytes | Path],
) -> None:
    monkeypatch.chdir(image_path.parent)
    name = kind(Path(image_path.name))
    with ImageSlide(name) as slide:
        folder = tmp_path / "elsewhere"
        folder.mkdir()
        monkeypatch.chdir(folder)
        other = duplicate(slide)
        assert repr(other) == f"ImageSlide({name!r})"
        expected = tile(slide)
        assert tile(other) == expected
        other.close()
        assert tile(slide) == expected
        third = duplicate(slide)
    assert tile(third) == expected
    third.close()


def test_image_slides_of_images(image_path: Path, duplicate: Duplicate) -> None:
    with Image.open(image_path) as image:
        slide = ImageSlide(image)
        other = duplicate(slide)
        assert tile(other) == tile(slide)
        other.close()
        assert image.getpixel((3, 3)) == tuple(reference()[3, 3])
        assert tile(slide) != bytes(8000)
        third = duplicate(slide)
        slide.close()
        assert tile(third) != bytes(8000)


def test_image_slides_of_open_files(image_path: Path, duplicate: Duplicate) -> None:
    file: Any = io.BytesIO(image_path.read_bytes())
    slide = ImageSlide(file)
    other = duplicate(slide)
    expected = tile(slide)
    assert tile(other) == expected
    other.close()
    assert tile(slide) == expected
    third = duplicate(slide)
    slide.close()
    assert tile(third) == expected
    third.close()


class ImageCase(ImageSlide):
    number = 0


def test_image_slides_keep_what_they_have(
    image_path: Path, duplicate: Duplicate
) -> None:
    slide = ImageCase(image_path)
    slide.number = 4711
    with slide, duplicate(slide) as other:
        assert type(other) is ImageCase
        assert other.number == 4711


def test_a_closed_image_slide_has_no_duplicates(
    image_path: Path, duplicate: Duplicate
) -> None:
    for slide in (ImageSlide(image_path), ImageSlide(Image.new("RGB", (9, 9)))):
        slide.close()
        with pytest.raises(ValueError, match="closed"):
            duplicate(slide)


# Deep Zoom


@pytest.mark.parametrize("kind", [OpenSlide, ImageSlide])
@pytest.mark.parametrize("protocol", [None, *PROTOCOLS])
def test_deep_zoom(
    facts: SlideFacts, image_path: Path, kind: type[Any], protocol: int | None
) -> None:
    way = copy.deepcopy if protocol is None else by_pickle(protocol)
    with kind(facts.path if kind is OpenSlide else image_path) as slide:
        pyramid = DeepZoomGenerator(slide, 62, 2, limit_bounds=True)
        other = way(pyramid)
        assert repr(other) == repr(pyramid)
        assert other.level_tiles == pyramid.level_tiles
        level = pyramid.level_count - 1
        expected = pyramid.get_tile(level, (1, 0))
        assert other.get_tile(level, (1, 0)) == expected
        other._osr.close()
        assert pyramid.get_tile(level, (1, 0)) == expected


@pytest.mark.parametrize("number", [10**4, 2**31, 2**63, 10**40])
def test_any_number_of_threads(
    slide: OpenSlide, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    places = [(x, y) for y in range(0, 300, 50) for x in range(0, 400, 50)]
    expected = slide.read_batch(places, 0, (40, 30))
    monkeypatch.setenv("OPENSLIDE_NUM_THREADS", str(number))
    assert (slide.read_batch(places, 0, (40, 30)) == expected).all()


# Several processes: scripts of their own, for they fork with threads running.


START_METHODS = [
    pytest.param("fork", marks=forks),
    pytest.param("forkserver", marks=forks),
    "spawn",
]


@pytest.mark.parametrize("method", START_METHODS)
def test_pools(
    run_isolated: Callable[..., str], facts: SlideFacts, image_path: Path, method: str
) -> None:
    run_isolated("pickle_pools", method, facts.path, image_path)


@pytest.mark.parametrize("method", START_METHODS)
def test_a_data_loader(
    run_isolated: Callable[..., str], facts: SlideFacts, method: str
) -> None:
    run_isolated("pickle_data_loader", method, facts.path)


@pytest.mark.parametrize("method", START_METHODS)
def test_the_data_loader_of_pytorch(
    run_isolated: Callable[..., str], facts: SlideFacts, method: str
) -> None:
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    run_isolated("pickle_torch", method, facts.path)


@forks
@pytest.mark.parametrize(
    "scenario",
    [
        "while_threads_read",
        "children_that_exit",
        "closed_slides",
        "generations",
        "both_read_on",
        "what_children_do_stays_there",
        "daemons",
        "threads_in_the_child",
    ],
)
@pytest.mark.parametrize("name", ["aperio-jpeg", "mirax", "dicom-jpeg"])
def test_forks(
    run_isolated: Callable[..., str],
    slides: Mapping[str, SlideFacts],
    name: str,
    scenario: str,
) -> None:
    run_isolated("fork_scenarios", scenario, slides[name].path)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.requires_direct_reads
@pytest.mark.requires_openslide("4.0.1")  # whose slides have such images
@pytest.mark.parametrize("name", ["aperio-jpeg", "mirax", "dicom-jpeg"])
def test_no_descriptor_to_spare(
    run_isolated: Callable[..., str], slides: Mapping[str, SlideFacts], name: str
) -> None:
    """What works with one slide works beside as many as hold descriptors."""
    run_isolated("no_descriptors", slides["aperio-jpeg"].path, slides[name].path)


@forks
@pytest.mark.parametrize("on_error", ["raise", "reopen"])
def test_forks_after_a_failure(
    run_isolated: Callable[..., str], tmp_path: Path, on_error: str
) -> None:
    with damaged_slide(tmp_path, on_error) as slide:
        run_isolated("fork_failed", on_error, str(slide._filename))


@forks
def test_forks_of_image_slides(
    run_isolated: Callable[..., str], image_path: Path, tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    Image.fromarray(reference()[:900, :1200]).save(large)
    run_isolated("fork_images", large)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
def test_a_fifo_is_not_unpickled(
    run_isolated: Callable[..., str], facts: SlideFacts, tmp_path: Path
) -> None:
    path = tmp_path / "slide.svs"
    os.link(facts.path, path)
    run_isolated("pickle_fifo", path)
