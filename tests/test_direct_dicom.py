"""DICOM slides that are read without libopenslide: byte for byte what it returns."""

from __future__ import annotations

import contextlib
import random
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from openslide import OpenSlide, OpenSlideCache, OpenSlideError
from tests.conftest import RealSlides, Slides
from tests.slides import reference, write_dicom
from tests.slides.dicom import frame_position

pytestmark = [
    pytest.mark.requires_openslide("4.0.1"),
    pytest.mark.requires_direct_reads,
]

Region = tuple[tuple[int, int], int, tuple[int, int]]

REGIONS = 100

#: Neither factor divides both sides, so the edge tiles are partial, and most
#: positions on the upper levels lie between pixels.
IMAGE = reference()[:700, :900]
FACTORS = (1, 3, 7)
TILE = 128
TILES = 8 * 6

OFF_THE_GRID = "the frames are not on the grid of tiles"
ODD_GROUPS = "what the frames have of their own is unusual"
OTHER_CODEC = "the tiles are compressed in another way"
FRAGMENTS = "the frames are not one fragment each"
AMBIGUOUS = "several files have the size of the level"
NOT_FOUND = "the file of the level was not found"

#: Slides of which every level is direct.
DIRECT: dict[str, dict[str, Any]] = {
    "4:2:2": {},
    "4:4:4": {"subsampling": "4:4:4"},
    "4:2:0": {"subsampling": "4:2:0"},
    "rgb": {"encoding": "jpeg-rgb"},
    "extended-table": {"offset_table": "extended"},
    "no-table": {"offset_table": "none"},
    "no-table-rgb": {"offset_table": "none", "encoding": "jpeg-rgb"},
    "undefined-lengths": {"undefined_lengths": True, "offset_table": "none"},
    "oblong-tiles": {"tile": (160, 96)},
    "whole-downsamples": {"image": IMAGE[:672, :896], "factors": (1, 2, 4)},
    "one-tile": {"tile": 1024, "factors": (1, 4)},
    "one-level": {"factors": (1,)},
    "sparse": {"missing": (3, 20)},
    "positions": {
        "elements": {
            "PerFrameFunctionalGroupsSequence": [
                frame_position(TILE * (i % 8) + 1, TILE * (i // 8) + 1)
                for i in reversed(range(TILES))
            ]
        }
    },
    # Of several frames in one place the last shows; nothing where there is none.
    "positions-twice": {
        "elements": {
            "DimensionOrganizationType": "TILED_SPARSE",
            "PerFrameFunctionalGroupsSequence": [
                frame_position(TILE * (i % 5) + 1, TILE * (i // 8) + 1)
                for i in range(TILES)
            ],
        }
    },
    "paths": {"elements": {"NumberOfOpticalPaths": 2}},
    "divided": {"frames_per_file": 11},
    "divided-unevenly": {"frames_per_file": 47, "offset_table": "extended"},
    "first-frame": {"elements": {"ConcatenationFrameOffsetNumber": 0}},
    # There is nothing before the first.
    "frames-missing": {
        "elements": {
            "DimensionOrganizationType": None,
            "ConcatenationFrameOffsetNumber": 5,
        }
    },
}

#: Slides whose level 0 is left to libopenslide, and why.
INDIRECT: dict[str, tuple[str, dict[str, Any]]] = {
    "off-the-grid": (
        OFF_THE_GRID,
        {
            "elements": {
                "PerFrameFunctionalGroupsSequence": [
                    frame_position(TILE * (i % 8) + 1, TILE * (i // 8) + (i == 9) + 1)
                    for i in range(TILES)
                ],
            }
        },
    ),
    "too-few-positions": (
        ODD_GROUPS,
        {
            "elements": {
                "PerFrameFunctionalGroupsSequence": [
                    frame_position(TILE * i + 1, 1) for i in range(3)
                ],
            }
        },
    ),
    "fragments": (FRAGMENTS, {"fragments": 2}),
    "fragments-extended": (FRAGMENTS, {"fragments": 3, "offset_table": "extended"}),
}


def write(folder: Path, name: str, options: Mapping[str, Any]) -> Path:
    defaults = {"image": IMAGE, "factors": FACTORS, "tile": TILE}
    slide_name = name.replace(":", "")
    return write_dicom(folder, name=slide_name, **{**defaults, **options}).path


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[OpenSlide, OpenSlide]]:
    """The slide as it is read by default, and by libopenslide alone."""
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as library:
        yield slide, library


def some_region(choice: random.Random, slide: OpenSlide) -> Region:
    """On the pixels of a level or between them, in part outside of it."""
    level = choice.randrange(slide.level_count)
    width, height = slide.dimensions
    location = choice.randint(-300, width + 50), choice.randint(-300, height + 50)
    if choice.random() < 0.4:
        step = round(slide.level_downsamples[level])
        location = location[0] // step * step, location[1] // step * step
    return location, level, (choice.randint(1, 500), choice.randint(1, 500))


def compare(slide: OpenSlide, library: OpenSlide, seed: str) -> None:
    choice = random.Random(seed)
    for _ in range(REGIONS):
        region = some_region(choice, slide)
        ours, theirs = slide.read_region(*region), library.read_region(*region)
        assert ours.tobytes() == theirs.tobytes(), region


@contextlib.contextmanager
def no_new_files() -> Iterator[None]:
    """libopenslide opens the file of each tile that it decodes; now it cannot."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def quantised_otherwise(data: bytes) -> bytes:
    """A file whose first frame shows other pixels, without an error."""
    tables = data.index(b"\xff\xdb")
    changed = bytearray(data)
    changed[tables + 5] += 7
    return bytes(changed)


@pytest.mark.parametrize("name", DIRECT)
def test_direct(name: str, tmp_path: Path) -> None:
    path = write(tmp_path, name, DIRECT[name])
    with opened(path) as (slide, library):
        every_level = tuple(range(slide.level_count))
        assert slide.direct_levels == every_level, slide.indirect_levels
        compare(slide, library, name)
        assert slide.direct_levels == every_level, slide.indirect_levels


@pytest.mark.parametrize("name", INDIRECT)
def test_indirect(name: str, tmp_path: Path) -> None:
    """The other levels are direct all the same, but that their frames may be alike."""
    reason, options = INDIRECT[name]
    path = write(tmp_path, name, options)
    with opened(path) as (slide, library):
        others = {} if reason != FRAGMENTS else {1: FRAGMENTS, 2: FRAGMENTS}
        assert slide.indirect_levels == {0: reason, **others}
        try:
            compare(slide, library, name)
        except OpenSlideError:
            # Not every release of libdicom joins fragments, for example.
            with pytest.raises(OpenSlideError):
                compare(library, library, name)
            return
        assert slide.indirect_levels == {0: reason, **others}


@pytest.mark.parametrize("name", ["dicom-j2k", "dicom-j2k-lossless"])
def test_other_encodings(name: str, slides: Slides) -> None:
    with opened(slides[name].path) as (slide, _):
        assert slide.indirect_levels == dict.fromkeys(range(3), OTHER_CODEC)


def test_real_slide(real_slides: RealSlides) -> None:
    with opened(real_slides["dicom-jpeg"]) as (slide, library):
        assert slide.direct_levels == (0,)
        compare(slide, library, "real")
        assert slide.direct_levels == (0,)


@pytest.mark.parametrize("name", ["4:2:2", "no-table", "extended-table"])
def test_without_libopenslide(name: str, tmp_path: Path) -> None:
    """Once a level has been compared, libopenslide has no part in reading it."""
    path = write(tmp_path, name, DIRECT[name])
    with opened(path) as (slide, library):
        compare(slide, library, name)
        slide.set_cache(OpenSlideCache(0))
        library.set_cache(OpenSlideCache(0))
        choice = random.Random(name)
        regions = [some_region(choice, slide) for _ in range(100)]
        expected = [library.read_region(*region).tobytes() for region in regions]
        with no_new_files():
            found = [slide.read_region(*region).tobytes() for region in regions]
            with pytest.raises(OpenSlideError):
                library.read_region((0, 0), 0, library.dimensions)
        assert found == expected


def test_threads(tmp_path: Path) -> None:
    """The first to come look for the files, and count the frames, once for all."""
    path = write(tmp_path, "threads", DIRECT["no-table"])
    for seed in range(20):
        with opened(path) as (slide, library), ThreadPoolExecutor(4) as threads:
            choice = random.Random(seed)
            regions = [some_region(choice, library) for _ in range(16)]
            found = list(
                threads.map(lambda region: slide.read_region(*region), regions)
            )
            for region, image in zip(regions, found, strict=True):
                assert image.tobytes() == library.read_region(*region).tobytes()
            assert slide.direct_levels == (0, 1, 2)


# Which file is which level


def test_any_file_of_the_series(tmp_path: Path) -> None:
    folder = write(tmp_path, "any", {}).parent
    for file in sorted(folder.glob("*.dcm")):
        with opened(file) as (slide, library):
            assert slide.direct_levels == (0, 1, 2)
            compare(slide, library, file.name)


def test_files_of_other_series(tmp_path: Path) -> None:
    """Other slides, what is no DICOM file, and folders are passed over."""
    path = write(tmp_path, "one", {})
    other = write(tmp_path, "other", {}).parent
    for file in other.glob("*.dcm"):
        shutil.copy(file, path.parent / f"other-{file.name}")
    (path.parent / "notes.txt").write_text("notes")
    (path.parent / "empty.dcm").touch()
    (path.parent / "folder.dcm").mkdir()
    with opened(path) as (slide, library):
        assert slide.direct_levels == (0, 1, 2)
        compare(slide, library, "one")


def test_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "current", {})
    monkeypatch.chdir(path.parent)
    with opened(Path(path.name)) as (slide, library):
        assert slide.direct_levels == (0, 1, 2)
        compare(slide, library, "current")


def test_two_files_of_a_level(tmp_path: Path) -> None:
    """libopenslide takes a copy of a file for the same, whichever it reads."""
    path = write(tmp_path, "copy", {})
    shutil.copy(path.with_name("level-1.dcm"), path.with_name("copy.dcm"))
    with opened(path) as (slide, library):
        assert slide.direct_levels == (0, 1, 2)
        compare(slide, library, "copy")
        assert slide.direct_levels == (0, 1, 2)


def test_stranger_of_a_level(tmp_path: Path) -> None:
    """Another image of the same size came into the folder since libopenslide looked."""
    path = write(tmp_path, "stranger", {})
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as library:
        level = path.with_name("level-1.dcm")
        data = level.read_bytes()
        uid = data.index(b"\x08\x00\x18\x00UI") + 8
        level.with_name("another.dcm").write_bytes(data[:uid] + b"3" + data[uid + 1 :])
        assert slide.indirect_levels == {1: AMBIGUOUS}
        compare(slide, library, "stranger")


def test_parts_of_the_only_level(tmp_path: Path) -> None:
    """The path leads to one file of a concatenation; each of them opens the slide."""
    path = write(tmp_path, "parts", {"factors": (1,), "frames_per_file": 20})
    files = sorted(path.parent.glob("*.dcm"))
    assert len(files) > 2
    for file in files:
        with opened(file) as (slide, library):
            if slide.level_count == 1:
                assert slide.direct_levels == (0,)
                compare(slide, library, "parts")
                assert slide.direct_levels == (0,)


def test_parts_that_overlap(tmp_path: Path) -> None:
    """Of several parts with the same frames the first counts, whichever is opened."""
    options = {
        "factors": (1,),
        "frames_per_file": 20,
        "elements": {"ConcatenationFrameOffsetNumber": None},
    }
    path = write(tmp_path, "overlap", options)
    for file in sorted(path.parent.glob("level*.dcm")):
        with opened(file) as (slide, library):
            assert slide.direct_levels == (0,)
            slide._osr.trust_direct_reads()
            compare(slide, library, "overlap")


def test_changed_part(tmp_path: Path) -> None:
    """One file of several is not what it was."""
    path = write(tmp_path, "part", {"factors": (1,), "frames_per_file": 20})
    other = next(
        file for file in sorted(path.parent.glob("level*.dcm")) if file != path
    )
    with OpenSlide(path) as slide:
        slide.set_cache(OpenSlideCache(0))
        before = slide.read_region((0, 0), 0, slide.dimensions).tobytes()
        other.write_bytes(quantised_otherwise(other.read_bytes()))
        after = slide.read_region((0, 0), 0, slide.dimensions).tobytes()
    with OpenSlide(path, direct=False) as library:
        whole = library.read_region((0, 0), 0, library.dimensions).tobytes()
        assert after == whole != before


def test_copy_of_the_only_level(tmp_path: Path) -> None:
    """Of several files for one level, libopenslide takes that of the slide's path."""
    path = write(tmp_path, "only", {"factors": (1,)})
    for name in ("a.dcm", "z.dcm"):
        path.with_name(name).write_bytes(quantised_otherwise(path.read_bytes()))
    with opened(path) as (slide, library):
        assert slide.direct_levels == (0,)
        compare(slide, library, "only")
        assert slide.direct_levels == (0,)


def test_missing_file(tmp_path: Path) -> None:
    """It went after libopenslide had seen it."""
    path = write(tmp_path, "missing", {})
    with OpenSlide(path) as slide:
        path.with_name("level-1.dcm").unlink()
        assert slide.indirect_levels == {1: NOT_FOUND}


def test_damaged_file(tmp_path: Path) -> None:
    """What cannot be read is left to libopenslide, which says why."""
    path = write(tmp_path, "damaged", {"offset_table": "none"})
    with path.with_name("level-1.dcm").open("r+b") as file:
        file.truncate(path.with_name("level-1.dcm").stat().st_size - 100)
    with opened(path) as (slide, library):
        assert slide.indirect_levels == {1: FRAGMENTS}
        for opened_slide in slide, library:
            with pytest.raises(OpenSlideError):
                opened_slide.read_region((0, 0), 1, (50, 50))


@pytest.mark.parametrize("level", [0, 1])
def test_changed_file(tmp_path: Path, level: int) -> None:
    """A file that is not what it was is libopenslide's to read."""
    path = write(tmp_path, "changed", {})
    file = path.with_name(f"level-{level}.dcm")
    read = partial(OpenSlide.read_region, location=(0, 0), level=level, size=(300, 200))
    with OpenSlide(path) as slide:
        before = read(slide).tobytes()
        slide.set_cache(OpenSlideCache(0))
        file.write_bytes(quantised_otherwise(file.read_bytes()))
        after = read(slide).tobytes()
    with OpenSlide(path, direct=False) as library:
        assert after == read(library).tobytes() != before
