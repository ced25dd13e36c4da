"""What is raised, and whether the message says what is wrong."""

from __future__ import annotations

import ctypes
import os
import pickle
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from operator import contains, getitem
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

import openslide
from openslide import (
    OpenSlide,
    OpenSlideCache,
    OpenSlideError,
    OpenSlideUnsupportedFormatError,
    OpenSlideVersionError,
    lowlevel,
)
from openslide.deepzoom import DeepZoomGenerator
from tests.slides import (
    SlideFacts,
    reference,
    write_aperio,
    write_mirax,
    write_vms,
)

not_on_windows = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no such files"
)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSlide]:
    folder = tmp_path_factory.mktemp("errors")
    facts = write_aperio(folder, image=reference()[:300, :400], factors=(1, 4))
    with OpenSlide(facts.path) as slide:
        yield slide


# Files


def refusal(name: Any) -> str:
    """The reason for which a file is refused, after upstream's text and the name."""
    with pytest.raises(OpenSlideUnsupportedFormatError) as error:
        OpenSlide(name)
    assert OpenSlide.detect_format(name) is None
    message = str(error.value)
    start = f"Unsupported or missing image file: {os.fspath(name)!r}: "
    assert message.startswith(start)
    return message.removeprefix(start)


def test_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "missing.svs") == "no such file"
    assert refusal(os.fsencode(tmp_path / "missing.svs")) == "no such file"


def test_a_missing_relative_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusal("missing.svs") == f"no such file in {str(tmp_path)!r}"


@not_on_windows
def test_a_missing_relative_name_in_a_folder_that_is_gone(tmp_path: Path) -> None:
    script = (
        "import os, openslide\n"
        "os.rmdir(os.getcwd())\n"
        "try:\n"
        "    openslide.OpenSlide('missing.svs')\n"
        "except openslide.OpenSlideUnsupportedFormatError as error:\n"
        "    print(error)\n"
    )
    folder = tmp_path / "gone"
    folder.mkdir()
    child = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True
    )
    assert (child.returncode, child.stderr) == (0, "")
    assert "'missing.svs': no such file" in child.stdout


@not_on_windows
def test_a_dangling_link(tmp_path: Path) -> None:
    link = tmp_path / "link.svs"
    link.symlink_to("elsewhere.svs")
    assert refusal(link) == "it is a link to 'elsewhere.svs', which does not exist"


def test_a_directory(tmp_path: Path) -> None:
    assert "it is a directory" in refusal(tmp_path)


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.svs"
    path.touch()
    assert refusal(path) == "the file is empty; copy or download it again"


def test_an_empty_name() -> None:
    assert refusal("") == "the file name is empty"
    assert refusal(b"") == "the file name is empty"


def test_what_is_no_slide(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no slide")
    assert refusal(path) == "it is not in a format that OpenSlide reads"


def test_a_truncated_slide(tmp_path: Path) -> None:
    path = write_aperio(tmp_path, image=reference()[:64, :64], factors=(1,)).path
    path.write_bytes(path.read_bytes()[:1000])
    assert re.fullmatch(
        r"it is cut off: its first directory lies at byte \d+, and the file has 1000 "
        r"bytes; copy or download it again",
        refusal(path),
    )


@not_on_windows
def test_an_unreadable_file(tmp_path: Path, slides: Mapping[str, SlideFacts]) -> None:
    """In a child without privileges, which root must give up."""
    path = tmp_path / "secret.svs"
    path.write_bytes(slides["aperio-jpeg"].path.read_bytes())
    path.chmod(0)
    tmp_path.chmod(0o755)
    script = (
        "import os, openslide\n"
        "if os.geteuid() == 0:\n"
        "    os.setuid(65534)\n"
        "try:\n"
        "    openslide.OpenSlide('secret.svs')\n"
        "except openslide.OpenSlideUnsupportedFormatError as error:\n"
        "    print(error)\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True
    )
    assert (child.returncode, child.stderr) == (0, "")
    assert child.stdout.endswith("'secret.svs': no permission to read it\n")


def lacking(companion: str) -> str:
    return (
        f"its companion {companion!r} is missing; keep all files of the slide together"
    )


def test_mirax_without_its_folder(tmp_path: Path) -> None:
    path = write_mirax(tmp_path).path
    folder = tmp_path / "mirax"
    (folder / "Slidedat.ini").unlink()
    companion = str(folder / "Slidedat.ini")
    assert refusal(path) == lacking(companion)
    folder.rename(tmp_path / "elsewhere")
    assert refusal(path) == lacking(companion)


@pytest.mark.parametrize("missing", ["image-0-0.jpg", "image-1-0.jpg", "map.jpg"])
def test_vms_without_a_jpeg(tmp_path: Path, missing: str) -> None:
    path = write_vms(tmp_path).path
    (path.parent / missing).unlink()
    with pytest.raises(OpenSlideError) as error:
        OpenSlide(path)
    assert str(path.parent / missing) in str(error.value)
    assert str(path) in str(error.value)


def test_a_key_file_without_its_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "slide.vms"
    path.write_text("ImageFile(0,0)=absent.jpg\r\n")
    companion = str(tmp_path / "absent.jpg")
    assert refusal(path) == lacking(companion)


def test_a_key_file_with_an_impossible_name(tmp_path: Path) -> None:
    path = tmp_path / "slide.vms"
    path.write_text(f"ImageFile={'x' * 1000}\n")
    assert refusal(path)


@pytest.mark.parametrize("name", ["https://example.org/a.svs", "s3://bucket/a.svs"])
def test_a_url(name: str) -> None:
    assert refusal(name).startswith("it is a URL; download the slide")


@pytest.mark.parametrize(
    "contents", [b"II*\0\x08\0\0\0", b"MM\0*", b"\x89PNG\r\n", b"\xff\xd8\xff\xe0"]
)
def test_the_contents_of_a_file(contents: bytes) -> None:
    assert "contents of a file" in refusal(contents)


def test_a_whole_file_as_the_name(slides: Mapping[str, SlideFacts]) -> None:
    contents = slides["aperio-jpeg"].path.read_bytes()
    with pytest.raises(OpenSlideUnsupportedFormatError) as error:
        OpenSlide(contents)
    assert "contents of a file" in str(error.value)
    assert f"({len(repr(contents))} characters)" in str(error.value)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("name", ["a\0b.svs", b"a\0b.svs"])
def test_a_null_character(name: str | bytes) -> None:
    assert refusal(name) == "a file name cannot contain a null character"


@not_on_windows
def test_what_has_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    os.mkfifo("fifo")
    os.symlink("fifo", "link")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        assert refusal("socket") == "it is a socket, not a regular file"
    assert refusal("fifo") == "it is a FIFO, not a regular file"
    assert refusal("link") == "it is a FIFO, not a regular file"
    assert refusal("/dev/zero") == "it is a character device, not a regular file"


@pytest.mark.parametrize("name", [None, 5, 1.5, object(), ["a.svs"]])
def test_what_is_no_name(name: Any) -> None:
    for use in (OpenSlide, OpenSlide.detect_format, lowlevel.open):
        with pytest.raises(TypeError) as error:
            use(name)
        assert isinstance(error.value, ctypes.ArgumentError)
        assert repr(name) in str(error.value)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other encodings")
def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(ValueError, match="surrogate") as error:
        OpenSlide("\ud800.svs")
    assert isinstance(error.value, ctypes.ArgumentError)


# Arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((1.5, 0), 0, (4, 4)), r"\bx must be an integer, not 1\.5"),
        (((0, 1.5), 0, (4, 4)), r"\by must be an integer, not 1\.5"),
        (((0, 0), 0.0, (4, 4)), r"level must be an integer, not 0\.0"),
        (((0, 0), 0, (4.5, 4)), r"width must be an integer, not 4\.5"),
        (((0, 0), 0, (4, np.float64(4))), r"height must be an integer, not .*4\.0"),
        (((0, 0), "0", (4, 4)), "level must be an integer, not '0'"),
        (((None, 0), 0, (4, 4)), "x must be an integer, not None"),
        ((7, 0, (4, 4)), r"location must be a pair \(x, y\), not 7"),
        (((0, 0), 0, None), r"size must be a pair \(width, height\), not None"),
        ((np.zeros(2), 0, (4, 4)), "x must be an integer"),
    ],
)
def test_the_wrong_type(
    slide: OpenSlide, arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(TypeError, match=message) as error:
        slide.read_region(*arguments)
    assert isinstance(error.value, ctypes.ArgumentError)


@pytest.mark.parametrize(
    "arguments", [((1,), 0, (4, 4)), ((), 0, (4, 4)), ((0, 0), 0, [4])]
)
def test_pairs_that_are_too_short(slide: OpenSlide, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(IndexError, match="must be a pair"):
        slide.read_region(*arguments)


@pytest.mark.parametrize("missing", [(), ((0, 0),), ((0, 0), 0)])
def test_missing_arguments(slide: OpenSlide, missing: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="missing"):
        slide.read_region(*missing)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (((2**63, 0), 0, (4, 4)), "x"),
        (((0, -(2**63) - 1), 0, (4, 4)), "y"),
        (((0, 0), 2**80, (4, 4)), "level"),
        (((0, 0), 0, (2**64, 4)), "width"),
        (((0, 0), 0, (4, -(2**64))), "height"),
    ],
)
def test_more_than_64_bits(
    slide: OpenSlide, arguments: tuple[Any, ...], name: str
) -> None:
    with pytest.raises(OverflowError, match=rf"^{name} must fit 64 bits") as error:
        slide.read_region(*arguments)
    assert isinstance(error.value, ctypes.ArgumentError)


@pytest.mark.parametrize("size", [(-1, 4), (4, -1), (-(2**63), -1)])
def test_negative_sizes(slide: OpenSlide, size: tuple[int, int]) -> None:
    with pytest.raises(OpenSlideError, match=r"negative width \(-?\d+\)"):
        slide.read_region((0, 0), 0, size)
    assert slide.read_region((0, 0), 0, (4, 4)).size == (4, 4)


def test_more_than_there_is_memory(slide: OpenSlide) -> None:
    with pytest.raises(MemoryError) as error:
        slide.read_region((0, 0), 0, (2**31, 2**29))
    assert str(2**62) in str(error.value)
    assert "2147483648 x 536870912" in str(error.value)


@pytest.mark.parametrize("size", [(2**33, 2**33), (2**63 - 1, 2**63 - 1), (2**61, 1)])
def test_more_than_there_are_addresses(slide: OpenSlide, size: tuple[int, int]) -> None:
    with pytest.raises(OverflowError, match=f"{size[0]} x {size[1]}") as error:
        slide.read_region((0, 0), 0, size)
    assert isinstance(error.value, ctypes.ArgumentError)


@pytest.mark.parametrize("size", ["(2**62, 0)", "(0, 2**62)"])
def test_nothing_of_an_absurd_length(
    slides: Mapping[str, SlideFacts], size: str
) -> None:
    """In a process that can be ended, should libopenslide count to 2**62."""
    script = (
        "import sys, openslide\n"
        "slide = openslide.OpenSlide(sys.argv[1])\n"
        "try:\n"
        f"    slide.read_region((0, 0), 0, {size})\n"
        "except (OverflowError, MemoryError, ValueError):\n"
        "    print('refused')\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", script, slides["aperio-jpeg"].path],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (child.stdout, child.stderr) == ("refused\n", "")


@pytest.mark.parametrize("downsample", ["2", None, 1j, (2,), object()])
def test_a_downsample_is_a_number(slide: OpenSlide, downsample: Any) -> None:
    with pytest.raises(TypeError, match="must be a number") as error:
        slide.get_best_level_for_downsample(downsample)
    assert isinstance(error.value, ctypes.ArgumentError)


def test_a_downsample_beyond_floating_point(slide: OpenSlide) -> None:
    with pytest.raises(OverflowError) as error:
        slide.get_best_level_for_downsample(10**400)
    assert isinstance(error.value, ctypes.ArgumentError)


@pytest.mark.requires_openslide("4.0.0")
@pytest.mark.parametrize(
    ("capacity", "kind"),
    [
        (1.5, TypeError),
        ("1", TypeError),
        (None, TypeError),
        (-1, ValueError),
        (-(2**70), ValueError),
        (2**64, OverflowError),
        (2**200, OverflowError),
    ],
)
def test_a_capacity_is_a_number_of_bytes(capacity: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="capacity") as error:
        OpenSlideCache(capacity)
    assert isinstance(error.value, ctypes.ArgumentError)
    assert repr(capacity) in str(error.value)


def test_names_that_are_not_unicode(slide: OpenSlide) -> None:
    with pytest.raises(ValueError, match="surrogates") as error:
        slide.properties["\ud800"]
    assert isinstance(error.value, ctypes.ArgumentError)


def test_a_closed_slide(slides: Mapping[str, SlideFacts]) -> None:
    path = slides["aperio-jpeg"].path
    slide = OpenSlide(path)
    slide.close()
    with pytest.raises(ctypes.ArgumentError) as error:
        slide.read_region((0, 0), 0, (4, 4))
    assert isinstance(error.value, ValueError)
    assert "closed slide" in str(error.value)
    assert str(path) in str(error.value)


# The classes


def test_the_tree_of_errors() -> None:
    assert issubclass(OpenSlideUnsupportedFormatError, OpenSlideError)
    assert issubclass(OpenSlideVersionError, OpenSlideError)
    for name in (
        "OpenSlideError",
        "OpenSlideUnsupportedFormatError",
        "OpenSlideVersionError",
    ):
        assert getattr(lowlevel, name) is getattr(openslide, name)
        assert getattr(openslide, name).__module__ == "openslide.lowlevel"


def test_the_version_error() -> None:
    error = OpenSlideVersionError("4.0.0")
    assert error.minimum_version == "4.0.0"
    assert str(error) == "OpenSlide >= 4.0.0 required"
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is OpenSlideVersionError
    assert copy.minimum_version == "4.0.0"
    assert str(copy) == str(error)


FAILURES: dict[str, Callable[[OpenSlide], object]] = {
    "missing": lambda slide: OpenSlide("missing.svs"),
    "type": lambda slide: slide.read_region((0.5, 0), 0, (1, 1)),  # type: ignore[arg-type]
    "overflow": lambda slide: slide.read_region((2**80, 0), 0, (1, 1)),
    "negative": lambda slide: slide.read_region((0, 0), 0, (-1, 1)),
    "zero": lambda slide: slide.get_thumbnail((0, 0)),
    "tile size": lambda slide: DeepZoomGenerator(slide, tile_size=0),
    "memory": lambda slide: slide.read_region((0, 0), 0, (2**31, 2**29)),
    "name": lambda slide: slide.properties["missing"],
    "path": lambda slide: OpenSlide(None),  # type: ignore[arg-type]
    "handle": lambda slide: lowlevel.close(slide),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("fail", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_errors_travel_between_processes(
    slide: OpenSlide, fail: Callable[[OpenSlide], object], protocol: int
) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011  (of all kinds)
        fail(slide)
    copy = pickle.loads(pickle.dumps(caught.value, protocol))
    assert type(copy) is type(caught.value)
    assert copy.args == caught.value.args
    assert str(copy) == str(caught.value)


# Anything at all


class Grudge:
    """Fails at whatever is asked of it."""

    def __index__(self) -> int:
        raise RuntimeError("no index")

    def __float__(self) -> float:
        raise RuntimeError("no float")

    def __getitem__(self, item: object) -> object:
        raise RuntimeError("no items")

    def __fspath__(self) -> str:
        raise RuntimeError("no path")


no_integers = (
    st.floats()
    | st.none()
    | st.text(max_size=3)
    | st.binary(max_size=3)
    | st.complex_numbers()
    | st.sampled_from([np.float32(2), np.array([1, 2]), object(), Grudge()])
)
scalars = (
    st.integers()
    | st.integers(-(2**70), 2**70)
    | st.booleans()
    | st.sampled_from([np.int8(-1), np.uint64(2**63), np.array(3)])
    | no_integers
)
junk = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.integers(0, 2), inner, max_size=2)
    ),
    max_leaves=6,
)
pairs = st.tuples(scalars, scalars) | junk
# Either little or far more than there is memory, so that nothing big is allocated;
# nothing of an absurd length, such as (0, 2**62), has a test of its own.
little = st.integers(-2, 32)
much = st.integers(2**33, 2**70)
sizes = (
    st.tuples(little, little)
    | st.tuples(much, much)
    | st.tuples(no_integers, little | much | no_integers)
    | st.tuples(little | much, no_integers)
    | scalars
)

anything = hypothesis.settings(max_examples=150)


def outcome(action: Callable[[], Any]) -> Any:
    """What it returns, or the exception that it raises."""
    try:
        return action()
    except Exception as error:
        return error


def still_works(slide: OpenSlide) -> bool:
    return slide.read_region((0, 0), 0, (2, 1)).size == (2, 1)


@anything
@hypothesis.given(location=pairs, level=junk, size=sizes)
def test_any_region(slide: OpenSlide, location: Any, level: Any, size: Any) -> None:
    region = outcome(lambda: slide.read_region(location, level, size))
    assert isinstance(region, Exception) or region.mode == "RGBA"
    assert still_works(slide)


@anything
@hypothesis.given(size=pairs)
def test_any_thumbnail(slide: OpenSlide, size: Any) -> None:
    thumbnail = outcome(lambda: slide.get_thumbnail(size))
    assert isinstance(thumbnail, Exception) or thumbnail.mode == "RGB"
    assert still_works(slide)


class Interrupted:
    """Whatever number is wanted of it, something else happens."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __index__(self) -> int:
        raise self._error

    def __float__(self) -> float:
        raise self._error


USES_OF_NUMBERS: dict[str, Callable[[OpenSlide, Any], object]] = {
    "location": lambda slide, n: slide.read_region((n, 0), 0, (1, 1)),
    "level": lambda slide, n: slide.read_region((0, 0), n, (1, 1)),
    "size": lambda slide, n: slide.read_region((0, 0), 0, (1, n)),
    "array location": lambda slide, n: slide.read_array((0, n), 0, (1, 1)),
    "array level": lambda slide, n: slide.read_array((0, 0), n, (1, 1)),
    "array size": lambda slide, n: slide.read_array((0, 0), 0, (n, 1)),
    "background": lambda slide, n: slide.read_array(
        (0, 0), 0, (1, 1), background=(0, n, 0)
    ),
    "locations": lambda slide, n: slide.read_batch([(0, 0), (n, 0)], 0, (1, 1)),
    "levels": lambda slide, n: slide.read_batch([(0, 0)], [n], (1, 1)),
    "workers": lambda slide, n: slide.read_batch([(0, 0)], 0, (1, 1), workers=n),
    "threads": lambda slide, n: openslide.set_num_threads(n),
    "downsample": lambda slide, n: slide.get_best_level_for_downsample(n),
    "cache": lambda slide, n: OpenSlideCache(n),
    "low-level x": lambda slide, n: lowlevel.read_region(slide._osr, n, 0, 0, 1, 1),
    "low-level width": lambda slide, n: lowlevel.read_region(slide._osr, 0, 0, 0, n, 1),
    "low-level level": lambda slide, n: lowlevel.get_level_dimensions(slide._osr, n),
    "low-level words": lambda slide, n: lowlevel._read_region(
        slide._osr, None, n, 0, 0, 0, 0
    ),
}


@pytest.mark.parametrize("use", USES_OF_NUMBERS.values(), ids=USES_OF_NUMBERS)
@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError, ZeroDivisionError])
def test_what_numbers_raise_passes_on(
    slide: OpenSlide,
    use: Callable[[OpenSlide, Any], object],
    kind: type[BaseException],
) -> None:
    error = kind("mine")
    with pytest.raises(kind, match="mine") as caught:
        use(slide, Interrupted(error))
    assert caught.value is error
    assert still_works(slide)


@anything
@hypothesis.given(name=junk)
def test_any_name(slide: OpenSlide, name: Any) -> None:
    for mapping in (slide.properties, slide.associated_images):
        assert isinstance(outcome(partial(getitem, mapping, name)), Exception)
        found = outcome(partial(contains, mapping, name))
        assert found is False or isinstance(found, TypeError | ValueError)
    assert still_works(slide)


@anything
@hypothesis.given(downsample=junk)
def test_any_downsample(slide: OpenSlide, downsample: Any) -> None:
    level = outcome(lambda: slide.get_best_level_for_downsample(downsample))
    assert isinstance(level, Exception) or level in range(slide.level_count)
    assert still_works(slide)


@anything
@hypothesis.given(filename=junk)
def test_any_file_name(filename: Any) -> None:
    assert isinstance(outcome(lambda: OpenSlide(filename)), Exception)
    vendor = outcome(lambda: OpenSlide.detect_format(filename))
    assert vendor is None or isinstance(vendor, Exception)


@anything
@hypothesis.given(capacity=junk)
def test_any_cache(slide: OpenSlide, capacity: Any) -> None:
    cache = outcome(lambda: OpenSlideCache(capacity))
    if isinstance(cache, OpenSlideCache):
        slide.set_cache(cache)
    assert isinstance(outcome(lambda: slide.set_cache(capacity)), TypeError)
    assert still_works(slide)
