"""openslide.lowlevel: libopenslide's functions one by one."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import openslide
from openslide import OpenSlide, lowlevel
from tests.slides import SlideFacts, reference, write_aperio

# Those of openslide-python 1.4.7 that are named after libopenslide's, and ...
FUNCTIONS = [
    "cache_create",
    "cache_release",
    "close",
    "detect_vendor",
    "get_associated_image_dimensions",
    "get_associated_image_icc_profile_size",
    "get_associated_image_names",
    "get_best_level_for_downsample",
    "get_error",
    "get_icc_profile_size",
    "get_level_count",
    "get_level_dimensions",
    "get_level_downsample",
    "get_property_names",
    "get_property_value",
    "get_version",
    "open",
    "read_associated_image",
    "read_associated_image_icc_profile",
    "read_icc_profile",
    "read_region",
    "set_cache",
]
# ... those that fill what the caller brings.
FILLING = [
    "_get_associated_image_dimensions",
    "_get_level_dimensions",
    "_read_associated_image",
    "_read_associated_image_icc_profile",
    "_read_icc_profile",
    "_read_region",
]
since_4 = pytest.mark.requires_openslide("4.0.0")


@pytest.fixture
def handle(facts: SlideFacts) -> Iterator[Any]:
    handle = lowlevel.open(facts.path)
    yield handle
    if not handle.closed:
        lowlevel.close(handle)


def rgba(words: npt.NDArray[np.uint32], size: tuple[int, int]) -> npt.NDArray[Any]:
    """Opaque words as Pillow shows them."""
    assert (words >> 24 == 255).all()
    channels = [words >> 16 & 255, words >> 8 & 255, words & 255, words >> 24]
    return np.stack(channels, axis=-1).reshape(size[1], size[0], 4).astype(np.uint8)


def refuses(kind: type[Exception], action: Callable[[], object]) -> str:
    """The message of an exception of a kind, which ctypes users can catch too."""
    with pytest.raises(kind) as error:
        action()
    assert isinstance(error.value, ctypes.ArgumentError)
    return str(error.value)


# What there is


def test_the_functions() -> None:
    assert set(FUNCTIONS) <= set(lowlevel.__all__)
    for name in FUNCTIONS + FILLING:
        function = getattr(lowlevel, name)
        assert callable(function)
        assert isinstance(function.available, bool)


@since_4
def test_all_are_available_in_this_version() -> None:
    assert all(getattr(lowlevel, name).available for name in FUNCTIONS + FILLING)


def test_opening_and_closing(facts: SlideFacts) -> None:
    assert lowlevel.detect_vendor(facts.path) == facts.vendor
    handle = lowlevel.open(str(facts.path))
    assert lowlevel.get_error(handle) is None
    assert lowlevel.close(handle) is None
    assert "closed slide" in refuses(ValueError, lambda: lowlevel.close(handle))


def test_opening_what_is_no_slide() -> None:
    with pytest.raises(openslide.OpenSlideUnsupportedFormatError):
        lowlevel.open("missing.svs")
    assert lowlevel.detect_vendor("missing.svs") is None


def test_the_version() -> None:
    assert lowlevel.get_version() == openslide.__library_version__


def test_the_handle_of_a_slide(slide: OpenSlide, facts: SlideFacts) -> None:
    handle = slide._osr
    assert lowlevel.get_level_count(handle) == slide.level_count
    lowlevel.close(handle)
    refuses(ValueError, lambda: slide.dimensions)
    slide._osr = lowlevel.open(facts.path)


# Levels


def test_levels(handle: Any, facts: SlideFacts) -> None:
    levels = facts.level_dimensions
    assert lowlevel.get_level_count(handle) == len(levels)
    for level, size in enumerate(levels):
        assert lowlevel.get_level_dimensions(handle, level) == size
        assert lowlevel.get_level_dimensions(handle, np.int32(level)) == size  # type: ignore[arg-type]
    downsamples = [lowlevel.get_level_downsample(handle, n) for n in range(3)]
    assert downsamples == [1.0, 4.0, 16.0]
    assert lowlevel.get_best_level_for_downsample(handle, 4.5) == 1


@pytest.mark.parametrize("level", [-1, 3, 10**6])
def test_there_is_no_such_level(handle: Any, level: int) -> None:
    assert lowlevel.get_level_dimensions(handle, level) == (-1, -1)
    assert lowlevel.get_level_downsample(handle, level) == -1.0
    region = lowlevel.read_region(handle, 0, 0, level, 4, 5)
    assert region.size == (4, 5)
    assert not any(region.tobytes())


@pytest.mark.parametrize("level", [0.0, "0", None])
def test_a_level_is_an_integer(handle: Any, level: Any) -> None:
    for function in (lowlevel.get_level_dimensions, lowlevel.get_level_downsample):
        message = refuses(TypeError, partial(function, handle, level))
        assert repr(level) in message


@pytest.mark.parametrize("reference", [ctypes.byref, ctypes.pointer])
def test_dimensions_into_references(
    handle: Any, facts: SlideFacts, reference: Callable[[Any], Any]
) -> None:
    width, height = ctypes.c_int64(), ctypes.c_int64()
    lowlevel._get_level_dimensions(handle, 1, reference(width), reference(height))
    assert (width.value, height.value) == facts.level_dimensions[1]
    lowlevel._get_associated_image_dimensions(
        handle, "thumbnail", reference(width), reference(height)
    )
    assert (width.value, height.value) == facts.associated["thumbnail"]
    lowlevel._get_level_dimensions(handle, 99, reference(width), reference(height))
    assert (width.value, height.value) == (-1, -1)


def test_dimensions_into_an_array(handle: Any, facts: SlideFacts) -> None:
    sizes = (ctypes.c_int64 * 4)()
    first, second = ctypes.byref(sizes, 8), ctypes.byref(sizes, 16)
    lowlevel._get_level_dimensions(handle, 1, first, second)
    assert list(sizes) == [0, *facts.level_dimensions[1], 0]
    beyond = ctypes.byref(sizes, 32)
    refuses(
        ValueError, lambda: lowlevel._get_level_dimensions(handle, 1, beyond, beyond)
    )
    small = ctypes.byref(ctypes.c_int32())
    refuses(ValueError, lambda: lowlevel._get_level_dimensions(handle, 1, small, small))


@pytest.mark.parametrize("reference", [None, 5, [0]])
def test_dimensions_into_something_else(handle: Any, reference: Any) -> None:
    refuses(
        TypeError,
        lambda: lowlevel._get_level_dimensions(handle, 0, reference, reference),
    )


# Metadata


def test_properties(handle: Any, slide: OpenSlide) -> None:
    names = lowlevel.get_property_names(handle)
    assert names == list(slide.properties)
    for name in names:
        value = slide.properties[name]
        assert lowlevel.get_property_value(handle, name) == value
        assert lowlevel.get_property_value(handle, name.encode()) == value
    assert lowlevel.get_property_value(handle, "sausage") is None
    refuses(TypeError, lambda: lowlevel.get_property_value(handle, 5))  # type: ignore[arg-type]


def test_associated_images(handle: Any, facts: SlideFacts, slide: OpenSlide) -> None:
    names = lowlevel.get_associated_image_names(handle)
    assert "thumbnail" in names
    for name in names:
        size = facts.associated[name]
        expected = slide.associated_images[name].tobytes()
        for key in (name, name.encode()):
            assert lowlevel.get_associated_image_dimensions(handle, key) == size
            image = lowlevel.read_associated_image(handle, key)
            assert (image.mode, image.size) == ("RGBA", size)
            assert image.tobytes() == expected


def test_an_associated_image_into_an_array(handle: Any, facts: SlideFacts) -> None:
    size = facts.associated["thumbnail"]
    words = np.zeros(size[0] * size[1], np.uint32)
    ctypes_array = (ctypes.c_uint32 * words.size)()
    lowlevel._read_associated_image(handle, "thumbnail", words)
    lowlevel._read_associated_image(handle, b"thumbnail", ctypes_array)
    expected = np.asarray(lowlevel.read_associated_image(handle, "thumbnail"))
    assert np.array_equal(rgba(words, size), expected)
    assert np.array_equal(np.asarray(ctypes_array), words)
    short = (ctypes.c_uint32 * (words.size - 1))()
    read = lowlevel._read_associated_image
    assert "hold" in refuses(ValueError, lambda: read(handle, "thumbnail", short))
    refuses(ValueError, lambda: read(handle, "thumbnail", words.tobytes()))
    refuses(TypeError, lambda: read(handle, "thumbnail", None))
    refuses(TypeError, lambda: read(handle, "thumbnail", words[::2]))


def test_a_pointer_is_not_taken_for_its_target(tmp_path: Path) -> None:
    image = reference()[950:954, 800:804]
    handle = lowlevel.open(write_aperio(tmp_path, image=image, factors=(1,)).path)
    assert lowlevel.get_associated_image_dimensions(handle, "thumbnail") == (1, 1)
    memory = np.zeros(2, np.uint32)
    pointer = memory.ctypes.data_as(ctypes.POINTER(ctypes.c_uint32))
    with suppress(ctypes.ArgumentError):
        lowlevel._read_associated_image(handle, "thumbnail", pointer)
    assert ctypes.cast(pointer, ctypes.c_void_p).value == memory.ctypes.data


def test_there_is_no_such_image(handle: Any) -> None:
    assert lowlevel.get_associated_image_dimensions(handle, "sausage") == (-1, -1)
    read = lowlevel.read_associated_image
    message = refuses(ValueError, lambda: read(handle, "sausage"))
    assert "'sausage'" in message
    assert "'thumbnail'" in message
    assert lowlevel.get_error(handle) is None


@since_4
def test_there_is_no_such_profile(handle: Any) -> None:
    read = lowlevel.read_associated_image_icc_profile
    message = refuses(ValueError, lambda: read(handle, "sausage"))
    assert "'sausage'" in message
    assert lowlevel.get_error(handle) is None


@since_4
def test_profiles(handle: Any, slide: OpenSlide) -> None:
    profile = slide.read_region((0, 0), 0, (1, 1)).info["icc_profile"]
    assert lowlevel.get_icc_profile_size(handle) == len(profile)
    assert lowlevel.read_icc_profile(handle) == profile
    size = lowlevel.get_associated_image_icc_profile_size
    read = lowlevel.read_associated_image_icc_profile
    for name in ("thumbnail", b"thumbnail"):
        assert size(handle, name) == len(profile)
        assert read(handle, name) == profile
    assert size(handle, "macro") == 0
    assert read(handle, "macro") is None
    assert size(handle, "sausage") == -1


@since_4
def test_profiles_into_buffers(handle: Any) -> None:
    profile = lowlevel.read_icc_profile(handle)
    assert profile is not None
    buffers: list[Any] = [
        (ctypes.c_char * len(profile))(),
        (ctypes.c_char * (len(profile) + 9))(),
        bytearray(len(profile)),
        np.zeros(len(profile), np.uint8),
    ]
    for buffer in buffers:
        lowlevel._read_icc_profile(handle, buffer)
        assert bytes(buffer)[: len(profile)] == profile
    for buffer in buffers:
        memoryview(buffer).cast("B")[:] = bytes(memoryview(buffer).nbytes)
        lowlevel._read_associated_image_icc_profile(handle, "thumbnail", buffer)
        assert bytes(buffer)[: len(profile)] == profile
    short: Any
    for short in (bytearray(len(profile) - 1), bytes(len(profile))):
        refuses(ValueError, partial(lowlevel._read_icc_profile, handle, short))


@since_4
def test_no_profile(slides: Mapping[str, SlideFacts]) -> None:
    handle = lowlevel.open(slides["mirax"].path)
    assert lowlevel.get_icc_profile_size(handle) == 0
    assert lowlevel.read_icc_profile(handle) is None
    untouched = bytearray(b"xyz")
    lowlevel._read_icc_profile(handle, untouched)
    assert untouched == b"xyz"


# Regions


def test_a_region(handle: Any, slide: OpenSlide) -> None:
    region = lowlevel.read_region(handle, 100, 200, 0, 30, 20)
    assert (region.mode, region.size) == ("RGBA", (30, 20))
    assert region.tobytes() == slide.read_region((100, 200), 0, (30, 20)).tobytes()
    assert "icc_profile" not in region.info
    assert lowlevel.read_region(handle, 0, 0, 0, 0, 7).size == (0, 7)
    with pytest.raises(openslide.OpenSlideError, match="negative width"):
        lowlevel.read_region(handle, 0, 0, 0, -1, 7)


class Destination:
    """300 words, and one way to hand them over."""

    def __init__(self, hand_over: Callable[[Any], Any]) -> None:
        self.memory = np.zeros(300, np.uint32)
        self.argument = hand_over(self.memory)

    def words(self) -> npt.NDArray[np.uint32]:
        if isinstance(self.argument, ctypes.Array):
            return np.asarray(self.argument)
        return self.memory


DESTINATIONS: dict[str, Callable[[Any], Any]] = {
    "ctypes array": lambda memory: (ctypes.c_uint32 * memory.size)(),
    "pointer": lambda memory: memory.ctypes.data_as(ctypes.POINTER(ctypes.c_uint32)),
    "array over numpy's memory": (
        lambda memory: (ctypes.c_uint32 * memory.size).from_buffer(memory)
    ),
    "pointer to an array": lambda memory: ctypes.cast(
        (ctypes.c_uint32 * memory.size).from_buffer(memory),
        ctypes.POINTER(ctypes.c_uint32),
    ),
    "void pointer": lambda memory: ctypes.c_void_p(memory.ctypes.data),
    "reference": lambda memory: ctypes.byref(
        (ctypes.c_uint32 * memory.size).from_buffer(memory)
    ),
}


@pytest.mark.parametrize("hand_over", DESTINATIONS.values(), ids=DESTINATIONS)
def test_a_region_into_memory(handle: Any, hand_over: Callable[[Any], Any]) -> None:
    destination = Destination(hand_over)
    lowlevel._read_region(handle, destination.argument, 100, 200, 0, 20, 15)
    expected = lowlevel.read_region(handle, 100, 200, 0, 20, 15)
    assert np.array_equal(rgba(destination.words(), (20, 15)), np.asarray(expected))


def test_a_region_into_a_larger_array(handle: Any) -> None:
    words = (ctypes.c_uint32 * 10)()
    lowlevel._read_region(handle, words, 0, 0, 0, 3, 2)
    assert [word >> 24 for word in words] == [255] * 6 + [0] * 4


def test_a_region_into_an_array_that_is_too_small(handle: Any) -> None:
    read = lowlevel._read_region
    words = (ctypes.c_uint32 * 299)()
    message = refuses(ValueError, lambda: read(handle, words, 0, 0, 0, 20, 15))
    assert "1200 bytes" in message
    assert "1196" in message
    word = ctypes.byref(ctypes.c_uint32())
    refuses(ValueError, lambda: read(handle, word, 0, 0, 0, 2, 1))
    assert not any(words)


@pytest.mark.parametrize("offset", [0, 4, 64, 396])
def test_a_region_into_the_middle_of_an_array(handle: Any, offset: int) -> None:
    words = (ctypes.c_uint32 * 100)()
    reference = ctypes.byref(words, offset)
    lowlevel._read_region(handle, reference, 0, 0, 0, 1, 1)
    assert [i for i, word in enumerate(words) if word] == [offset // 4]


@pytest.mark.parametrize("offset", [-4, 4, 400, 1 << 40])
def test_a_region_beside_an_array(handle: Any, offset: int) -> None:
    words = (ctypes.c_uint32 * 100)()
    reference = ctypes.byref(words, offset)
    message = refuses(
        ValueError,
        lambda: lowlevel._read_region(handle, reference, 0, 0, 0, 10, 10),
    )
    assert f"from byte {offset} on" in message
    assert not any(words)


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize(
    ("kind", "side"), [(np.uint8, 100), (np.int8, 64), (np.int16, 1024)]
)
def test_sizes_are_not_multiplied_in_few_bits(
    handle: Any, kind: Callable[[int], Any], side: int
) -> None:
    # The array is part of a larger one, so what is written behind it does no harm.
    memory = np.zeros(side * side, np.uint32)
    words = (ctypes.c_uint32 * 16).from_buffer(memory.data)
    read = lowlevel._read_region
    refuses(ValueError, lambda: read(handle, words, 0, 0, 0, kind(side), kind(side)))
    assert not memory.any()


@pytest.mark.parametrize(
    "nowhere", [None, ctypes.c_void_p(), ctypes.POINTER(ctypes.c_uint32)()]
)
def test_a_region_into_nowhere(handle: Any, nowhere: Any) -> None:
    lowlevel._read_region(handle, nowhere, 0, 0, 0, 300, 300)
    assert lowlevel.get_error(handle) is None


@pytest.mark.parametrize(
    "buffer", [5, "x", b"xxxx", bytearray(4), np.zeros(1, np.uint32), [0]]
)
def test_a_region_into_something_else(handle: Any, buffer: Any) -> None:
    refuses(TypeError, lambda: lowlevel._read_region(handle, buffer, 0, 0, 0, 1, 1))


@pytest.mark.parametrize("wrong", [1.5, None, "1"])
@pytest.mark.parametrize("position", range(5))
def test_a_region_wants_integers(handle: Any, position: int, wrong: Any) -> None:
    arguments: list[Any] = [0, 0, 0, 1, 1]
    arguments[position] = wrong
    words = (ctypes.c_uint32 * 4)()
    refuses(TypeError, lambda: lowlevel._read_region(handle, words, *arguments))
    refuses(TypeError, lambda: lowlevel.read_region(handle, *arguments))


def test_a_region_of_negative_size_latches(handle: Any) -> None:
    words = (ctypes.c_uint32 * 4)()
    with pytest.raises(openslide.OpenSlideError, match=r"(?i)negative"):
        lowlevel._read_region(handle, words, 0, 0, 0, -1, 1)
    error = lowlevel.get_error(handle)
    assert error is not None
    with pytest.raises(openslide.OpenSlideError) as later:
        lowlevel.get_level_count(handle)
    assert str(later.value).startswith(error)


# Pixels


def test_load_image() -> None:
    words = (ctypes.c_uint32 * 6)(0xFF102030, 0x80400000, 0, 1, 2, 3)
    image = lowlevel._load_image(words, (3, 2))
    assert (image.mode, image.size) == ("RGBA", (3, 2))
    assert image.getpixel((0, 0)) == (0x10, 0x20, 0x30, 0xFF)
    assert image.getpixel((1, 0)) == (127, 0, 0, 0x80)
    assert bytes(words)[:4] == b"\x10\x20\x30\xff", "converted in place"


def test_load_image_too_large() -> None:
    with pytest.raises(ValueError, match="buffer is not large enough"):
        lowlevel._load_image((ctypes.c_uint32 * 6)(), (4, 2))


def test_argb2rgba_has_two_names() -> None:
    from openslide import _convert

    assert _convert.argb2rgba is lowlevel._convert.argb2rgba


BUFFERS: dict[str, Callable[[], Any]] = {
    "numpy": lambda: np.zeros(6, np.uint32),
    "two axes": lambda: np.zeros((2, 3), np.uint32),
    "four axes": lambda: np.zeros((1, 2, 1, 3), np.uint32),
    "no axis": lambda: np.zeros((), np.uint32),
    "signed": lambda: np.zeros(6, np.int32),
    "floats": lambda: np.zeros(6, np.float32),
    "ctypes": lambda: (ctypes.c_uint32 * 6)(),
    "nested ctypes": lambda: ((ctypes.c_uint32 * 3) * 2)(),
    "memoryview": lambda: memoryview(bytearray(24)).cast("I"),
    "two-dimensional memoryview": lambda: memoryview(bytearray(24)).cast("I", (2, 3)),
    "array": lambda: array("I", [0] * 6),
    "slice": lambda: np.zeros(20, np.uint32)[7:13],
}


@pytest.mark.parametrize("make", BUFFERS.values(), ids=BUFFERS)
def test_argb2rgba_in_place(make: Callable[[], Any]) -> None:
    buffer = make()
    words: npt.NDArray[np.uint32] = np.asarray(memoryview(buffer)).view(np.uint32)
    words[...] = 0x80402010
    assert lowlevel._convert.argb2rgba(buffer) is None  # type: ignore[func-returns-value]
    assert set(words.tobytes()) == {127, 63, 31, 0x80}
    assert words.tobytes() == bytes([127, 63, 31, 0x80]) * words.size


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception]]] = {
    "read-only": (lambda: memoryview(bytes(24)).cast("I"), ValueError),
    "bytes": (lambda: bytes(24), ValueError),
    "items of one byte": (lambda: bytearray(24), ValueError),
    "items of two bytes": (lambda: np.zeros(6, np.uint16), ValueError),
    "items of eight bytes": (lambda: np.zeros(6, np.uint64), ValueError),
    "a pointer": (
        lambda: ctypes.pointer((ctypes.c_uint32 * 6)()),
        ValueError,
    ),
    "every other item": (lambda: np.zeros(6, np.uint32)[::2], BufferError),
    "backwards": (lambda: memoryview(bytearray(24)).cast("I")[::-1], BufferError),
    "columns first": (lambda: np.zeros((2, 3), np.uint32, order="F"), BufferError),
    "unaligned": (
        lambda: np.frombuffer(bytearray(25), np.uint8)[1:].view(np.uint32),
        ValueError,
    ),
    "a number": (lambda: 5, TypeError),
    "nothing": (lambda: None, TypeError),
    "a list": (lambda: [0, 0], TypeError),
}


@pytest.mark.parametrize(("make", "kind"), REFUSED.values(), ids=REFUSED)
def test_argb2rgba_refuses(make: Callable[[], Any], kind: type[Exception]) -> None:
    buffer = make()
    # NumPy answers a request that it cannot meet with ValueError.
    kinds = (kind, ValueError) if isinstance(buffer, np.ndarray) else kind
    with pytest.raises(kinds):
        lowlevel._convert.argb2rgba(buffer)


# Caches


@since_4
def test_caches(handle: Any, slide: OpenSlide) -> None:
    expected = slide.read_region((0, 0), 0, (300, 300)).tobytes()
    cache: Any = lowlevel.cache_create(1 << 20)
    lowlevel.set_cache(handle, cache)
    lowlevel.set_cache(slide._osr, cache)
    lowlevel.cache_release(cache)
    assert lowlevel.read_region(handle, 0, 0, 0, 300, 300).tobytes() == expected
    refuses(ValueError, lambda: lowlevel.set_cache(handle, cache))
    refuses(ValueError, lambda: lowlevel.cache_release(cache))
    cache = None
    assert lowlevel.read_region(handle, 0, 0, 0, 300, 300).tobytes() == expected


@since_4
def test_the_cache_of_an_openslidecache(handle: Any) -> None:
    cache = openslide.OpenSlideCache(100)
    lowlevel.set_cache(handle, cache._openslide_cache)
    refuses(ValueError, lambda: lowlevel.set_cache(handle, cache))  # type: ignore[arg-type]


# Handles


USES: dict[str, Callable[[Any], object]] = {
    "close": lowlevel.close,
    "get_error": lowlevel.get_error,
    "get_level_count": lowlevel.get_level_count,
    "get_level_dimensions": lambda osr: lowlevel.get_level_dimensions(osr, 0),
    "get_level_downsample": lambda osr: lowlevel.get_level_downsample(osr, 0),
    "get_best_level_for_downsample": (
        lambda osr: lowlevel.get_best_level_for_downsample(osr, 1)
    ),
    "get_property_names": lowlevel.get_property_names,
    "get_property_value": lambda osr: lowlevel.get_property_value(osr, "x"),
    "read_region": lambda osr: lowlevel.read_region(osr, 0, 0, 0, 1, 1),
    "get_associated_image_names": lowlevel.get_associated_image_names,
    "get_associated_image_dimensions": (
        lambda osr: lowlevel.get_associated_image_dimensions(osr, "thumbnail")
    ),
    "read_associated_image": lambda osr: lowlevel.read_associated_image(
        osr, "thumbnail"
    ),
    "get_icc_profile_size": lowlevel.get_icc_profile_size,
    "read_icc_profile": lowlevel.read_icc_profile,
    "get_associated_image_icc_profile_size": (
        lambda osr: lowlevel.get_associated_image_icc_profile_size(osr, "thumbnail")
    ),
    "read_associated_image_icc_profile": (
        lambda osr: lowlevel.read_associated_image_icc_profile(osr, "thumbnail")
    ),
    "set_cache": lambda osr: lowlevel.set_cache(osr, lowlevel.cache_create(9)),
    "_read_region": lambda osr: lowlevel._read_region(osr, None, 0, 0, 0, 1, 1),
    "_get_level_dimensions": lambda osr: lowlevel._get_level_dimensions(
        osr, 0, ctypes.pointer(ctypes.c_int64()), ctypes.pointer(ctypes.c_int64())
    ),
    "_get_associated_image_dimensions": (
        lambda osr: lowlevel._get_associated_image_dimensions(
            osr,
            "thumbnail",
            ctypes.pointer(ctypes.c_int64()),
            ctypes.pointer(ctypes.c_int64()),
        )
    ),
    "_read_icc_profile": (lambda osr: lowlevel._read_icc_profile(osr, bytearray(9999))),
    "_read_associated_image_icc_profile": (
        lambda osr: lowlevel._read_associated_image_icc_profile(
            osr, "thumbnail", bytearray(9999)
        )
    ),
    "_read_associated_image": (
        lambda osr: lowlevel._read_associated_image(osr, "thumbnail", bytearray(999999))
    ),
}


def test_no_function_is_forgotten() -> None:
    without_slide = {"open", "detect_vendor", "get_version"}
    without_slide |= {"cache_create", "cache_release"}
    assert set(USES) == set(FUNCTIONS + FILLING) - without_slide


@since_4
@pytest.mark.parametrize("name", USES)
def test_a_closed_handle(facts: SlideFacts, name: str) -> None:
    handle = lowlevel.open(facts.path)
    if name != "close":
        USES[name](handle)
    lowlevel.close(handle)
    message = refuses(ValueError, lambda: USES[name](handle))
    assert "closed slide" in message


@since_4
@pytest.mark.parametrize("wrong", [None, 5, "slide", object()])
@pytest.mark.parametrize("name", USES)
def test_what_is_no_handle(name: str, wrong: Any) -> None:
    message = refuses(ValueError, lambda: USES[name](wrong))
    assert "Not an OpenSlide reference" in message
    assert repr(wrong) in message


@since_4
@pytest.mark.parametrize("wrong", [None, 5, "cache", object()])
def test_what_is_no_cache(handle: Any, wrong: Any) -> None:
    for use in (
        lambda: lowlevel.set_cache(handle, wrong),
        lambda: lowlevel.cache_release(wrong),
    ):
        assert "Not an OpenSlide cache reference" in refuses(ValueError, use)


def test_a_slide_is_no_handle(slide: OpenSlide) -> None:
    refuses(ValueError, lambda: lowlevel.get_level_count(slide))  # type: ignore[arg-type]


def test_an_image_is_an_image(handle: Any) -> None:
    assert isinstance(lowlevel.read_region(handle, 0, 0, 0, 2, 2), Image.Image)
