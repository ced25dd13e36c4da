"""on_error="reopen": a failure ends with the call that met it."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest

from openslide import (
    OpenSlide,
    OpenSlideCache,
    OpenSlideError,
    OpenSlideUnsupportedFormatError,
    lowlevel,
)
from openslide.deepzoom import DeepZoomGenerator
from tests.slides import SlideFacts, reference, write_aperio
from tests.slides.stored import blank, stored_label, stored_tile

TILE = 64
COLUMNS, ROWS = 7, 5
#: The tile that is damaged, the last one, and its top left corner.
DAMAGED = COLUMNS * ROWS - 1
CORNER = (384, 256)


def write_slide(folder: Path, name: str, shift: int = 0) -> SlideFacts:
    image = reference()[shift : shift + 300, :400]
    return write_aperio(folder, name=name, image=image, tile=TILE, factors=(1, 4))


@pytest.fixture
def sound(tmp_path: Path) -> Iterator[OpenSlide]:
    """The same slide without damage."""
    folder = tmp_path / "sound"
    folder.mkdir()
    with OpenSlide(write_slide(folder, "slide").path) as slide:
        yield slide


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A slide whose last tile of level 0 is no JPEG."""
    path = write_slide(tmp_path, "slide").path
    blank(path, stored_tile(path, DAMAGED))
    return path


@pytest.fixture
def slide(path: Path) -> Iterator[OpenSlide]:
    slide = OpenSlide(path, on_error="reopen")
    yield slide
    if not slide._osr.closed:
        slide.close()


def fail(slide: OpenSlide) -> str:
    """Read the damaged tile; the message of its error."""
    with pytest.raises(OpenSlideError) as error:
        slide.read_region(CORNER, 0, (16, 9))
    return str(error.value)


def tile(slide: OpenSlide, index: int, level: int = 0) -> bytes:
    location = (index % COLUMNS * TILE, index // COLUMNS * TILE)
    return slide.read_region(location, level, (TILE, TILE)).tobytes()


# Opened again equals opened

ON_ERROR: tuple[Literal["raise", "reopen"], ...] = ("raise", "reopen")


def description(slide: OpenSlide) -> dict[str, Any]:
    """All that a program can see of a slide, and which cache it was given."""
    size = slide.level_dimensions[1]
    return {
        "dimensions": slide.level_dimensions,
        "downsamples": slide.level_downsamples,
        "properties": dict(slide.properties),
        "pixels": [tile(slide, index) for index in range(0, DAMAGED, 5)],
        "other level": slide.read_region((0, 0), 1, size).tobytes(),
        "array": slide.read_array((30, 40), 0, (50, 60)).tobytes(),
        "profile": slide._osr.icc_profile(),
        "images": {
            name: image.tobytes() for name, image in slide.associated_images.items()
        },
        "direct": slide.direct_levels,
        "indirect": dict(slide.indirect_levels),
        "options": slide._osr.__reduce__()[1],
        "cache": slide._osr.__reduce__()[2],
    }


def open_with(
    path: Path, on_error: Any, direct: bool, capacity: int | None
) -> OpenSlide:
    slide = OpenSlide(path, on_error=on_error, direct=direct)
    if capacity is not None:
        slide.set_cache(OpenSlideCache(capacity))
    return slide


CAPACITIES = (None, 0, 1 << 24)


def mask_damage(slide: OpenSlide) -> None:
    _, good = slide.read_batch([(0, 0), CORNER], 0, (9, 9), errors="mask")
    assert good.tolist() == [True, False]


def fail_in_a_batch(slide: OpenSlide) -> None:
    with pytest.raises(OpenSlideError, match="region 1"):
        slide.read_batch([(0, 0), CORNER, (9, 9)], 0, (9, 9))


@pytest.mark.requires_openslide("4.0.1")  # whose slides have such images
@pytest.mark.parametrize("capacity", CAPACITIES)
@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize(
    ("on_error", "happens"),
    [
        ("reopen", fail),
        ("reopen", fail_in_a_batch),
        ("reopen", mask_damage),
        ("raise", mask_damage),
    ],
)
def test_opened_again_equals_opened(
    path: Path,
    on_error: str,
    direct: bool,
    capacity: int | None,
    happens: Callable[[OpenSlide], object],
) -> None:
    with open_with(path, on_error, direct, capacity) as slide:
        expected = description(slide)
        for _ in range(2):
            happens(slide)
            assert description(slide) == expected


@pytest.mark.requires_openslide("4.0.1")  # whose slides have such images
@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_opened_again_by_a_child(run_isolated: Callable[..., str], path: Path) -> None:
    run_isolated("reopened_by_a_child", path)


# One thread


def test_the_error_says_what_was_read(slide: OpenSlide, path: Path) -> None:
    for _ in range(2):
        message = fail(slide)
        assert "16 x 9 pixels at (384, 256) of level 0" in message
        assert repr(str(path)) in message
        assert "JPEG" in message  # libopenslide's own reason


def test_the_next_read_works(slide: OpenSlide, sound: OpenSlide) -> None:
    for index in range(DAMAGED):
        fail(slide)
        assert tile(slide, index) == tile(sound, index)
    fail(slide)
    size = sound.level_dimensions[1]
    assert (
        slide.read_region((0, 0), 1, size).tobytes()
        == sound.read_region((0, 0), 1, size).tobytes()
    )


def test_a_region_that_contains_the_damage_fails(slide: OpenSlide) -> None:
    for location, size in (((0, 0), (400, 300)), ((-500, -500), (2000, 1500))):
        with pytest.raises(OpenSlideError, match=f"at {re.escape(str(location))} of"):
            slide.read_region(location, 0, size)
    with pytest.raises(OpenSlideError, match="level 0"):
        DeepZoomGenerator(slide, 254, 0).get_tile(9, (1, 1))
    assert tile(slide, 0)


@pytest.mark.requires_openslide("4.0.1")  # whose slides have such images
def test_every_other_use_works_after_a_failure(
    slide: OpenSlide, sound: OpenSlide
) -> None:
    earlier = slide.properties
    fail(slide)
    assert dict(earlier) == dict(sound.properties)
    fail(slide)
    assert dict(slide.properties) == dict(sound.properties)
    fail(slide)
    assert slide.level_dimensions == sound.level_dimensions
    fail(slide)
    assert slide.level_downsamples == sound.level_downsamples
    fail(slide)
    assert slide.get_best_level_for_downsample(5) == 1
    fail(slide)
    assert slide._osr.icc_profile() == sound._osr.icc_profile() is not None
    fail(slide)
    assert dict(slide.associated_images) == dict(sound.associated_images)
    fail(slide)
    assert slide.get_thumbnail((50, 50)) == sound.get_thumbnail((50, 50))
    fail(slide)
    assert lowlevel.get_error(slide._osr) is None


@pytest.mark.requires_openslide("4.0.1")  # whose slides have such images
def test_a_damaged_associated_image(path: Path, sound: OpenSlide) -> None:
    blank(path, stored_label(path))
    with OpenSlide(path, on_error="reopen") as slide:
        for _ in range(2):
            with pytest.raises(OpenSlideError, match="associated image 'label'"):
                slide.associated_images["label"]
            assert slide.associated_images["macro"] == sound.associated_images["macro"]
            assert tile(slide, 3) == tile(sound, 3)


def test_low_level_functions_reopen_too(slide: OpenSlide, sound: OpenSlide) -> None:
    handle = slide._osr
    for _ in range(2):
        with pytest.raises(OpenSlideError, match="reading 5 x 5 pixels"):
            lowlevel.read_region(handle, *CORNER, 0, 5, 5)
        assert lowlevel.read_region(handle, 0, 0, 0, TILE, TILE).tobytes() == tile(
            sound, 0
        )


def test_closing_after_a_failure(slide: OpenSlide) -> None:
    fail(slide)
    slide.close()
    for use in (lambda: slide.dimensions, lambda: tile(slide, 0), slide.close):
        with pytest.raises(ValueError, match="closed"):
            use()


@pytest.mark.parametrize("value", ["", "ignore", "REOPEN", b"reopen", None, True, 0])
def test_another_value_is_refused(path: Path, value: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(f"not {value!r}")) as error:
        OpenSlide(path, on_error=value)
    assert "on_error" in str(error.value)
    assert not isinstance(error.value, OpenSlideError)


@pytest.mark.parametrize("explicit", [False, True])
def test_errors_latch_unless_told_otherwise(path: Path, explicit: bool) -> None:
    slide = OpenSlide(path, on_error="raise") if explicit else OpenSlide(path)
    assert tile(slide, 0)
    fail(slide)
    for use in (
        lambda: tile(slide, 0),
        lambda: slide.dimensions,
        lambda: slide.properties["openslide.vendor"],
        lambda: slide.associated_images["label"],
    ):
        with pytest.raises(OpenSlideError, match="JPEG"):
            use()
    assert "JPEG" in (lowlevel.get_error(slide._osr) or "")
    slide.close()


# The cache


@pytest.mark.requires_openslide("4.0.0")
@pytest.mark.parametrize("capacity", [0, 1 << 24])
def test_the_cache_stays(slide: OpenSlide, path: Path, capacity: int) -> None:
    """A tile that vanishes from the file is still there if it was cached."""
    cache = OpenSlideCache(capacity)
    slide.set_cache(cache)
    fail(slide)
    before = tile(slide, 0)
    assert slide._osr.__reduce__()[2] is cache._openslide_cache
    blank(path, stored_tile(path, 0))
    if capacity:
        assert tile(slide, 0) == before
    else:
        with pytest.raises(OpenSlideError, match="JPEG"):
            tile(slide, 0)


@pytest.mark.requires_openslide("4.0.0")
def test_a_cache_is_set_after_a_failure(slide: OpenSlide, path: Path) -> None:
    fail(slide)
    slide.set_cache(OpenSlideCache(0))
    fail(slide)
    assert tile(slide, 0)
    blank(path, stored_tile(path, 0))
    with pytest.raises(OpenSlideError, match="JPEG"):
        tile(slide, 0)


@pytest.mark.requires_openslide("4.0.0")
def test_a_shared_cache_serves_the_other_slide(
    slide: OpenSlide, sound: OpenSlide
) -> None:
    cache = OpenSlideCache(1 << 24)
    slide.set_cache(cache)
    sound.set_cache(cache)
    for index in range(5):
        fail(slide)
        assert tile(slide, index) == tile(sound, index)


# Threads


def test_damage_does_not_reach_the_reads_of_other_threads(
    slide: OpenSlide, sound: OpenSlide
) -> None:
    expected = [tile(sound, index) for index in range(DAMAGED)]
    finished = threading.Event()
    wrong: list[str] = []
    reads = [0, 0, 0]

    def read_the_good(reader: int) -> None:
        while not finished.is_set():
            index = reads[reader] * 5 % DAMAGED
            try:
                if tile(slide, index) != expected[index]:
                    wrong.append(f"tile {index} has other pixels")
            except OpenSlideError as error:
                wrong.append(f"tile {index}: {error}")
            reads[reader] += 1

    readers = [
        threading.Thread(target=read_the_good, args=(reader,))
        for reader in range(len(reads))
    ]
    for reader in readers:
        reader.start()
    try:
        for _ in range(200):
            fail(slide)
    finally:
        finished.set()
        for reader in readers:
            reader.join()
    assert all(reads)
    assert not wrong, f"{len(wrong)} of {sum(reads)} reads, such as {wrong[0]}"


def test_many_threads_hit_the_damage(slide: OpenSlide, sound: OpenSlide) -> None:
    start = threading.Barrier(4)
    outcomes: list[str] = []

    def read() -> None:
        start.wait()
        for _ in range(30):
            try:
                slide.read_region(CORNER, 0, (8, 8))
                outcomes.append("read")
            except OpenSlideError:
                outcomes.append("raised")

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == ["raised"] * 120
    assert tile(slide, 7) == tile(sound, 7)


def test_closing_while_other_threads_reopen(path: Path) -> None:
    """Whatever happens first, what comes after close() says that it is closed."""
    for _ in range(20):
        slide = OpenSlide(path, on_error="reopen")
        begun = threading.Barrier(3)
        endings: list[str] = []

        def read(
            slide: OpenSlide = slide,
            begun: threading.Barrier = begun,
            endings: list[str] = endings,
        ) -> None:
            begun.wait()
            try:
                while True:
                    try:
                        slide.read_region(CORNER, 0, (8, 8))
                    except OpenSlideError:
                        continue
            except ValueError as error:
                endings.append(str(error))

        threads = [threading.Thread(target=read) for _ in range(2)]
        for thread in threads:
            thread.start()
        begun.wait()
        slide.close()
        for thread in threads:
            thread.join()
        assert len(endings) == 2
        assert all("closed" in ending for ending in endings)


# What has become of the file


def test_a_file_that_is_gone(slide: OpenSlide, sound: OpenSlide, path: Path) -> None:
    aside = path.with_suffix(".aside")
    fail(slide)
    path.rename(aside)
    for _ in range(2):
        with pytest.raises(OpenSlideUnsupportedFormatError) as error:
            tile(slide, 0)
        assert repr(str(path)) in str(error.value)
        with pytest.raises(OpenSlideUnsupportedFormatError):
            _ = slide.properties["openslide.vendor"]
    aside.rename(path)
    assert tile(slide, 0) == tile(sound, 0)


def test_a_file_that_has_become_another_slide(
    slide: OpenSlide, sound: OpenSlide, path: Path, tmp_path: Path
) -> None:
    aside = path.with_suffix(".aside")
    fail(slide)
    path.rename(aside)
    write_slide(tmp_path, "slide", shift=300)
    with OpenSlide(path) as other:
        assert other.level_dimensions == sound.level_dimensions
        assert tile(other, 0) != tile(sound, 0)
    for _ in range(2):
        with pytest.raises(OpenSlideError, match="has become another slide") as error:
            tile(slide, 0)
        assert repr(str(path)) in str(error.value)
        with pytest.raises(OpenSlideError, match="has become another slide"):
            _ = slide.dimensions
    aside.replace(path)
    assert tile(slide, 0) == tile(sound, 0)


def test_a_file_that_is_no_slide_any_more(
    slide: OpenSlide, sound: OpenSlide, path: Path
) -> None:
    content = path.read_bytes()
    fail(slide)
    path.write_text("no slide")
    for _ in range(2):
        with pytest.raises(OpenSlideUnsupportedFormatError, match=re.escape(str(path))):
            tile(slide, 0)
    path.write_bytes(content)
    assert tile(slide, 0) == tile(sound, 0)


def test_a_file_that_was_copied_in_place(
    slide: OpenSlide, sound: OpenSlide, path: Path
) -> None:
    fail(slide)
    duplicate = path.with_suffix(".copy")
    shutil.copyfile(path, duplicate)
    inode = path.stat().st_ino
    duplicate.replace(path)
    assert path.stat().st_ino != inode
    assert tile(slide, 0) == tile(sound, 0)
    fail(slide)


def test_a_file_that_was_mended(slide: OpenSlide, sound: OpenSlide, path: Path) -> None:
    fail(slide)
    shutil.copyfile(os.fspath(sound._filename), path)
    assert tile(slide, DAMAGED) == tile(sound, DAMAGED)


@pytest.mark.parametrize("factors", [(1,), (1, 4)])
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("on_error", ON_ERROR)
@pytest.mark.parametrize("errors", ["raise", "mask"])
def test_a_batch_of_a_file_that_has_become_another_slide(
    tmp_path: Path,
    errors: Any,
    on_error: Any,
    direct: bool,
    workers: int,
    factors: tuple[int, ...],
) -> None:
    """Its pixels are nobody's: neither in one level, nor in one that it lacks."""
    path = write_slide(tmp_path, "slide").path
    image = reference()[300:580, :410]
    other = write_aperio(
        tmp_path, name="other", image=image, tile=TILE, factors=factors
    ).path
    with OpenSlide(path, on_error=on_error, direct=direct) as slide:
        other.replace(path)
        for level in (1, 0):
            with pytest.raises(OpenSlideError) as error:
                slide.read_batch(
                    [(x, y) for y in range(0, 300, 30) for x in range(0, 400, 30)],
                    *(level, (20, 20)),
                    errors=errors,
                    workers=workers,
                )
            # Without doubt who is to blame, or once it has latched, the slide is not
            # opened again, and it is libopenslide's own error.
            is_own = errors == on_error == "raise" and (workers == 1 or level == 0)
            assert is_own != ("has become another slide" in str(error.value))


@pytest.mark.parametrize("errors", ["raise", "mask"])
@pytest.mark.parametrize("workers", [1, 3])
def test_a_batch_of_a_file_that_is_gone(path: Path, workers: int, errors: Any) -> None:
    with OpenSlide(path, on_error="reopen", direct=False) as slide:
        path.unlink()
        with pytest.raises(OpenSlideError, match=re.escape(str(path))):
            slide.read_batch([(0, 0)] * 9, 0, (9, 9), errors=errors, workers=workers)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
def test_a_file_that_has_become_a_fifo(
    run_isolated: Callable[..., str], path: Path
) -> None:
    """In a process of its own, for opening a FIFO could last for ever."""
    run_isolated("reopen_fifo", path)


def test_a_companion_that_is_gone_for_a_while(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    facts = slides["mirax"]
    folder = facts.path.with_suffix("")
    copy = tmp_path / facts.path.name
    shutil.copyfile(facts.path, copy)
    shutil.copytree(folder, tmp_path / folder.name)
    data = tmp_path / folder.name / "Data0000.dat"
    with (
        OpenSlide(facts.path) as sound,
        OpenSlide(copy, on_error="reopen") as slide,
    ):
        data.rename(data.with_suffix(".aside"))
        with pytest.raises(OpenSlideError, match=r"Data0000\.dat"):
            slide.read_region((0, 0), 0, (TILE, TILE))
        data.with_suffix(".aside").rename(data)
        assert tile(slide, 0) == tile(sound, 0)
