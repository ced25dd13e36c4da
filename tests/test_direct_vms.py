"""VMS and VMU, slides of several files each, are read as libopenslide reads them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from openslide import OpenSlide, OpenSlideCache
from tests.conftest import uses_libjpeg_turbo
from tests.direct_reads import Region, outcome, regions
from tests.slides import SlideFacts, reference, write_vms, write_vmu
from tests.slides.codecs import jpeg_restarts
from tests.slides.direct import NEEDS_LIBJPEG
from tests.test_direct import Wish, read_region, wishes, without_libopenslide

pytestmark = [
    pytest.mark.requires_openslide("4.0.1"),
    pytest.mark.requires_direct_reads,
]

#: In tiles of 128 x 8 pixels: six to a row of each JPEG but the last, which has four.
PARTS = 3, 2
IMAGE = reference()[:608, :2048]

SLIDES: dict[str, Callable[[Path], SlideFacts]] = {
    "vms": write_vms,
    "vms-parts": partial(
        write_vms, image=IMAGE, jpegs=PARTS, restart_interval=8, optimisation="none"
    ),
    "vms-444": partial(
        write_vms, image=IMAGE, jpegs=PARTS, restart_interval=16, subsampling="4:4:4"
    ),
    "vms-one": partial(
        write_vms, image=IMAGE, jpegs=(1, 1), restart_interval=128, subsampling="4:4:4"
    ),
    "vmu": write_vmu,
    # The last tiles of columns have 4 rows, and those of the map 33.
    "vmu-odd": partial(write_vmu, image=reference()[:388, :640], column_width=160),
}


def opened(path: Path, capacity: int = 0) -> OpenSlide:
    """A slide whose files are open, and whose tiles are decoded anew each time."""
    slide = OpenSlide(path)
    for level in slide.direct_levels:
        slide._osr.trust_direct_reads()
        slide.read_region((0, 0), level, slide.level_dimensions[level])
    slide.set_cache(OpenSlideCache(capacity))
    return slide


@pytest.fixture(scope="module")
def slides(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Mapping[str, OpenSlide]]:
    folder = tmp_path_factory.mktemp("vms")
    slides = {
        name: opened(write(folder, name=name).path)  # type: ignore[call-arg]
        for name, write in SLIDES.items()
    }
    yield slides
    for slide in slides.values():
        slide.close()


def plainly(slide: OpenSlide) -> OpenSlide:
    """The same slide, by libopenslide alone.

    It is opened anew, for libopenslide looks for restart markers in the background,
    and fails where it cannot open files meanwhile.
    """
    return OpenSlide(str(slide._filename), direct=False)


def check_alone(slide: OpenSlide, *chosen: Region) -> None:
    """Compare what is read while libopenslide can read nothing."""
    ours = [
        without_libopenslide(slide, partial(read_region, region)).tobytes()
        for region in chosen
    ]
    with plainly(slide) as plain:
        assert ours == [plain.read_region(*region).tobytes() for region in chosen]
    must_be_direct(slide)


def must_be_direct(slide: OpenSlide) -> None:
    """Of levels that are made of larger ones that can be said with libjpeg-turbo."""
    reasons = set(slide.indirect_levels.values())
    assert reasons <= (set() if uses_libjpeg_turbo() else {NEEDS_LIBJPEG})
    assert 0 in slide.direct_levels


any_slide = st.sampled_from(list(SLIDES))


def region_of(wish: Wish, slide: OpenSlide) -> Region:
    levels = slide.direct_levels
    return wish._replace(level=levels[wish.level % len(levels)]).of(slide)


any_wish = st.builds(
    lambda wish, level: wish._replace(level=level), wishes(), st.integers(0, 7)
)


@hypothesis.settings(max_examples=100)
@hypothesis.given(name=any_slide, wish=any_wish)
def test_regions(slides: Mapping[str, OpenSlide], name: str, wish: Wish) -> None:
    check_alone(slides[name], region_of(wish, slides[name]))


@pytest.mark.parametrize("name", SLIDES)
def test_whole_levels(slides: Mapping[str, OpenSlide], name: str) -> None:
    slide = slides[name]
    for level in slide.direct_levels:
        width, height = slide.level_dimensions[level]
        size = (width + 50, height + 60)
        check_alone(slide, ((-30, -40), level, size), ((3, 5), level, size))


@hypothesis.settings(max_examples=20)
@hypothesis.given(name=any_slide, wanted=st.lists(any_wish, min_size=1, max_size=12))
def test_batches(
    slides: Mapping[str, OpenSlide], name: str, wanted: list[Wish]
) -> None:
    chosen = [region_of(wish, slides[name]) for wish in wanted]
    places, levels = [each[0] for each in chosen], [each[1] for each in chosen]

    def read(slide: OpenSlide) -> Any:
        return slide.read_batch(places, levels, (90, 70), mode="RGBA", workers=3)

    ours = without_libopenslide(slides[name], read)
    with plainly(slides[name]) as plain:
        np.testing.assert_array_equal(ours, read(plain))


@hypothesis.settings(max_examples=40)
@hypothesis.given(name=any_slide, wanted=st.lists(any_wish, min_size=1, max_size=3))
def test_first_reads(
    slides: Mapping[str, OpenSlide], name: str, wanted: list[Wish]
) -> None:
    """Which are compared with libopenslide, and find where rows of tiles start."""
    with OpenSlide(str(slides[name]._filename)) as slide, plainly(slide) as plain:
        for wish in wanted:
            region = wish.of(slide)
            ours = slide.read_region(*region).tobytes()
            assert ours == plain.read_region(*region).tobytes()
        must_be_direct(slide)


@pytest.mark.parametrize("name", ["vms-444", "vms-parts", "vmu-odd"])
def test_first_reads_by_many_threads(
    slides: Mapping[str, OpenSlide], name: str
) -> None:
    """Which look for the starts of the same rows."""
    width, height = slides[name].dimensions
    places = [(x, y) for y in range(0, height, 30) for x in range(0, width, 100)]

    def read(slide: OpenSlide) -> Any:
        return slide.read_batch(places, 0, (100, 30), mode="RGBA", workers=4)

    with OpenSlide(str(slides[name]._filename)) as slide, plainly(slide) as plain:
        slide._osr.trust_direct_reads()
        np.testing.assert_array_equal(read(slide), read(plain))
        must_be_direct(slide)


def test_slides_are_what_they_are_meant_to_be(slides: Mapping[str, OpenSlide]) -> None:
    tiles = {
        "vms": (512, 8),
        "vms-parts": (128, 8),
        "vms-444": (128, 8),
        "vms-one": (1024, 8),
        "vmu": (128, 64),
        "vmu-odd": (160, 64),
    }
    for name, (width, height) in tiles.items():
        properties = slides[name].properties
        assert properties["openslide.level[0].tile-width"] == str(width)
        assert properties["openslide.level[0].tile-height"] == str(height)


# Files

#: VMS in two JPEGs of four tiles a row and sixteen rows; VMU in five columns.
WIDTH, HEIGHT, TILE, ROWS = 1024, 128, 128, 16
RECORD = 40


def write_small(folder: Path, kind: str = "vms") -> Path:
    image = reference()[700 : 700 + HEIGHT, 500 : 500 + WIDTH]
    if kind == "vmu":
        return write_vmu(folder, image=image, column_width=TILE).path
    return write_vms(
        folder, image=image, jpegs=(2, 1), restart_interval=16, subsampling="4:4:4"
    ).path


def everywhere() -> list[Region]:
    """Tiles of all rows of both files, parts of them, and reduced ones."""
    places = [(x, y) for y in range(0, HEIGHT, 24) for x in (0, 130, 512, 900)]
    chosen: list[Region] = [(place, 0, (20, 8)) for place in places]
    return [
        *chosen,
        ((0, 0), 0, (WIDTH, HEIGHT)),
        ((500, 40), 0, (100, 60)),
        ((0, 0), 1, (WIDTH // 2, HEIGHT // 2)),
    ]


def change(path: Path, edit: Callable[[bytearray], object]) -> None:
    content = bytearray(path.read_bytes())
    edit(content)
    path.write_bytes(content)


def set_record(content: bytearray, row: int, start: int) -> None:
    struct.pack_into("<q", content, row * RECORD, start)


def move_record(content: bytearray, row: int, by: int) -> None:
    (start,) = struct.unpack_from("<q", content, row * RECORD)
    set_record(content, row, start + by)


def flip(content: bytearray, tile: int, at: int) -> None:
    _, starts = jpeg_restarts(bytes(content))
    content[starts[tile] + at] ^= 0x55


def cut(content: bytearray, part: float) -> None:
    del content[int(len(content) * part) :]


#: The file that is damaged, and how.
DAMAGES: dict[str, tuple[str, Callable[[bytearray], object]]] = {
    "none": ("image-0-0.jpg", lambda content: None),
    "flipped bits": ("image-0-0.jpg", partial(flip, tile=20, at=30)),
    "no restart marker": ("image-0-0.jpg", partial(flip, tile=20, at=-1)),
    "no marker": ("image-1-0.jpg", partial(flip, tile=20, at=-2)),
    "a row that starts too late": ("slide.opt", partial(move_record, row=5, by=1)),
    "a row without a start": ("slide.opt", partial(set_record, row=5, start=-1)),
    "a start at 0": ("slide.opt", partial(set_record, row=5, start=0)),
    "a negative start": ("slide.opt", partial(set_record, row=5, start=-9)),
    "a start far away": ("slide.opt", partial(set_record, row=5, start=1 << 40)),
    "a start in the header": ("slide.opt", partial(set_record, row=5, start=30)),
    "another first start": ("slide.opt", partial(set_record, row=0, start=7)),
    "half of the starts": ("slide.opt", partial(cut, part=0.4)),
    "half a start": (
        "slide.opt",
        lambda content: content.__delitem__(slice(-20, None)),
    ),
    "no starts": ("slide.opt", bytearray.clear),
    "half of the image": ("image-1-0.jpg", partial(cut, part=0.5)),
    "half of the map": ("map.jpg", partial(cut, part=0.5)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage(tmp_path: Path, damage: str) -> None:
    """A slide is opened for each read, lest what libopenslide finds meanwhile count."""
    path = write_small(tmp_path)
    name, edit = DAMAGES[damage]
    change(path.parent / name, edit)
    for region in everywhere():
        expected = outcome(path, region, direct=False)
        assert outcome(path, region, direct=True) == expected, region


@pytest.mark.parametrize("part", [0.3, 0.99])
@pytest.mark.parametrize("name", ["image.ngr", "map.ngr"])
def test_cut_vmu(tmp_path: Path, name: str, part: float) -> None:
    path = write_small(tmp_path, "vmu")
    change(path.parent / name, partial(cut, part=part))
    for region in everywhere():
        expected = outcome(path, region, direct=False)
        assert outcome(path, region, direct=True) == expected, region
    with OpenSlide(path) as slide:
        assert list(slide.indirect_levels.values()) == [
            "the file ends before its pixels do"
        ]


def test_only_the_damaged_row_is_left_to_libopenslide(tmp_path: Path) -> None:
    path = write_small(tmp_path)
    change(path.parent / "image-0-0.jpg", partial(flip, tile=20, at=-1))
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        slide._osr.trust_direct_reads()
        for place in [(0, 0), (300, 80), (700, 40), (900, 120)]:
            region = (place, 0, (60, 8))
            expected = plain.read_region(*region).tobytes()
            slide.read_region(*region)  # opens the file
            slide.set_cache(OpenSlideCache(0))
            ours = without_libopenslide(slide, partial(read_region, region))
            assert ours.tobytes() == expected


@pytest.mark.parametrize(
    ("kind", "file"), [("vms", "image-1-0.jpg"), ("vms", "map.jpg"), ("vmu", "map.ngr")]
)
def test_changed_files(tmp_path: Path, kind: str, file: str) -> None:
    """A file that has become another one is left to libopenslide."""
    path = write_small(tmp_path, kind)
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        level = 0 if file.startswith("image") else slide.level_count - 1
        width, height = slide.level_dimensions[level]
        region = ((0, 0), level, (width, height))
        before = slide.read_region(*region).tobytes()
        slide.set_cache(OpenSlideCache(0))
        change(path.parent / file, lambda content: content.__setitem__(-40, 0x11))
        for each in slide, plain:
            each.set_cache(OpenSlideCache(0))
        try:
            expected = plain.read_region(*region).tobytes()
        except Exception as error:
            with pytest.raises(type(error)):
                slide.read_region(*region)
        else:
            assert slide.read_region(*region).tobytes() == expected != before


def test_files_of_more_than_4_gb(tmp_path: Path) -> None:
    """With as many bytes of nothing in the first interval of the first row."""
    path = write_small(tmp_path)
    jpeg, gap = path.parent / "image-0-0.jpg", 5 << 30
    content = jpeg.read_bytes()
    header, _ = jpeg_restarts(content)
    with jpeg.open("wb") as file:
        file.write(content[:header])
        file.seek(gap, 1)
        file.write(content[header:])

    def shift(records: bytearray) -> None:
        for row in range(1, ROWS):
            (start,) = struct.unpack_from("<q", records, row * RECORD)
            set_record(records, row, start + gap)

    change(path.parent / "slide.opt", shift)
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        slide._osr.trust_direct_reads()
        slide.read_region((0, 8), 0, (WIDTH, HEIGHT))
        slide.set_cache(OpenSlideCache(0))
        for place in [(0, 8), (300, 40), (500, 90)]:
            region = (place, 0, (400, 30))
            expected = plain.read_region(*region).tobytes()
            ours = without_libopenslide(slide, partial(read_region, region))
            assert ours.tobytes() == expected


# What is left to libopenslide


def check_refusals(path: Path, expected: Mapping[int, str]) -> None:
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        if uses_libjpeg_turbo():
            assert dict(slide.indirect_levels) == expected
        for region in regions(plain, 16, 2):
            ours = slide.read_region(*region).tobytes()
            assert ours == plain.read_region(*region).tobytes()


@pytest.mark.requires_libjpeg_turbo  # else the reason of level 1 is another
def test_large_files_without_an_optimisation_file(tmp_path: Path) -> None:
    """The 70 MB lie behind the end of the image."""
    path = write_small(tmp_path)
    (path.parent / "slide.opt").unlink()
    with (path.parent / "image-0-0.jpg").open("r+b") as file:
        file.truncate(70 << 20)
        file.seek(-2, 2)
        file.write(b"\xff\xd9")
    reason = "no optimisation file says where its restart intervals are"
    with OpenSlide(path) as slide:
        levels = [level for level in range(2) if level not in slide.direct_levels]
        assert [slide.indirect_levels[level] for level in levels] == [reason] * 2


def test_names_that_stand_for_others(tmp_path: Path) -> None:
    r"""As \s does for a blank."""
    path = write_small(tmp_path)
    image = path.parent / "image-0-0.jpg"
    image.rename(image.with_name("image 0.jpg"))
    change(
        path,
        lambda content: content.__setitem__(
            slice(None), content.replace(b"=image-0-0.jpg", rb"=image\s0.jpg")
        ),
    )
    with OpenSlide(path) as slide:
        count = slide.level_count
    reason = "what the slide says of itself is unusual"
    check_refusals(path, dict.fromkeys(range(count), reason))
