"""MIRAX slides that are read without libopenslide: byte for byte what it returns."""

from __future__ import annotations

import contextlib
import random
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from openslide import OpenSlide, OpenSlideCache, OpenSlideError
from tests.conftest import RealSlides
from tests.direct_reads import Region, outcome, regions
from tests.slides import reference, write_mirax
from tests.slides.mirax import ImageFormat, Positions
from tests.test_direct import without_libopenslide

pytestmark = [
    pytest.mark.requires_openslide("4.0.1"),
    pytest.mark.requires_direct_reads,
]

IMAGE = reference()[:800, :1000]

#: Photos of 1 to 8 images a side, whose positions the stage missed by some pixels;
#: images whose parts are no whole pixels; indexes of several pages.
SLIDES: dict[str, Callable[..., object]] = {
    "two": partial(write_mirax, divisions=2, tile=100, overlap=31, levels=5),
    "jitter": partial(write_mirax, divisions=4, tile=64, overlap=40, jitter=9),
    "photos-of-one": partial(write_mirax, divisions=1, tile=128, overlap=20, jitter=5),
    "fractions": partial(
        write_mirax, divisions=2, tile=90, overlap=24, levels=6, jitter=12
    ),
    "many": partial(
        write_mirax, divisions=8, tile=32, overlap=30, levels=7, jitter=20, page=7
    ),
    "deflated": partial(
        write_mirax, tile=80, overlap=17, jitter=8, positions=Positions.DEFLATED
    ),
    "not-taken": partial(
        write_mirax, divisions=2, tile=80, overlap=17, jitter=6, not_taken=(3, 7)
    ),
    "computed": partial(
        write_mirax, divisions=4, tile=64, overlap=25, positions=Positions.NONE
    ),
    "png": partial(
        write_mirax, divisions=2, tile=80, overlap=17, jitter=6, image_format="PNG"
    ),
    "bmp": partial(
        write_mirax, divisions=2, tile=79, overlap=17, jitter=6, image_format="BMP24"
    ),
    "exported": partial(
        write_mirax, divisions=1, tile=100, overlap=0, positions=Positions.NONE
    ),
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("mirax")
    for name, write in SLIDES.items():
        write(folder, name=name, image=IMAGE)
    return {name: folder / f"{name}.mrxs" for name in SLIDES}


@pytest.fixture(params=SLIDES)
def path(paths: Mapping[str, Path], request: pytest.FixtureRequest) -> Path:
    return paths[request.param]


def chosen(slide: OpenSlide, seed: int) -> Iterator[Region]:
    """Also some along the edges of libopenslide's squares of 4096 pixels."""
    yield from regions(slide, 60 * slide.level_count, seed=seed)
    choice = random.Random(seed)
    for _ in range(3):
        yield (choice.randint(-90, 90), choice.randint(-90, 90)), 0, (4200, 30)


def must_be_direct(slide: OpenSlide) -> None:
    assert slide.direct_levels == tuple(range(slide.level_count))


def test_pixels(path: Path) -> None:
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        for region in chosen(slide, seed=1):
            expected = plain.read_region(*region).tobytes()
            assert slide.read_region(*region).tobytes() == expected, region
        must_be_direct(slide)


def test_without_libopenslide(path: Path) -> None:
    """What is seen is what the lane reads, not what it was compared with."""
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        asked = list(chosen(slide, seed=2))
        expected = [plain.read_region(*region).tobytes() for region in asked]
        for level in range(slide.level_count):  # opens the files
            slide._osr.trust_direct_reads()
            slide.read_region((0, 0), level, slide.level_dimensions[level])
        slide.set_cache(OpenSlideCache(0))
        found = without_libopenslide(
            slide,
            lambda slide: [slide.read_region(*region).tobytes() for region in asked],
        )
        assert found == expected


def test_real_slide(real_slides: RealSlides) -> None:
    path = real_slides["mirax"]
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        must_be_direct(slide)
        choice = random.Random(1)
        for level in range(3, slide.level_count):
            width, height = slide.dimensions
            for _ in range(10):
                place = choice.randrange(width), choice.randrange(height)
                region = (place, level, (300, 200))
                expected = plain.read_region(*region).tobytes()
                assert slide.read_region(*region).tobytes() == expected
        must_be_direct(slide)


def test_stored_pixels(paths: Mapping[str, Path]) -> None:
    """Above level 0 tiles lie between pixels, so that no read gives stored ones."""
    with OpenSlide(paths["jitter"]) as slide:
        stored = [slide._gives_stored_pixels(level) for level in range(3)]
        assert stored == [True, False, False]


def test_changed_data_file(tmp_path: Path) -> None:
    write_mirax(tmp_path, tile=64, levels=3, image=IMAGE)
    path = tmp_path / "mirax.mrxs"
    data = tmp_path / "mirax" / "Data0000.dat"
    region = ((0, 0), 0, (300, 300))
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        before = slide.read_region(*region).tobytes()
        slide.set_cache(OpenSlideCache(0))
        quantised = data.read_bytes().replace(
            b"\xff\xdb\x00\x43\x00\x05", b"\xff\xdb\x00\x43\x00\x50"
        )
        data.write_bytes(quantised)
        after = slide.read_region(*region).tobytes()
        assert after == plain.read_region(*region).tobytes() != before


@pytest.mark.parametrize("where", [0, 1, 2, 9, -5, -1])
def test_damaged_positions(tmp_path: Path, where: int) -> None:
    """A record that zlib does not expand to its size is libopenslide's to refuse."""
    facts = write_mirax(
        tmp_path,
        tile=64,
        levels=2,
        image=IMAGE,
        jitter=8,
        positions=Positions.DEFLATED,
    )
    data = tmp_path / "mirax" / "Data0000.dat"
    content = bytearray(data.read_bytes())
    start, size = next(zlib_streams(bytes(content)))
    content[start + where % size] ^= 0x10
    data.write_bytes(content)
    region = ((0, 0), 0, (300, 200))
    ours = outcome(facts.path, region, direct=True)
    assert ours == outcome(facts.path, region, direct=False)


def zlib_streams(content: bytes) -> Iterator[tuple[int, int]]:
    """Where they are, and their sizes."""
    start = content.find(b"\x78\x9c")
    while start >= 0:
        stream = zlib.decompressobj()
        with contextlib.suppress(zlib.error):
            stream.decompress(content[start:])
            if stream.eof:
                yield start, len(content) - start - len(stream.unused_data)
        start = content.find(b"\x78\x9c", start + 1)


def test_damaged_image(tmp_path: Path) -> None:
    """Only what shows it fails, and it fails as it does in libopenslide."""
    write_mirax(tmp_path, tile=64, levels=2, image=IMAGE)
    data = tmp_path / "mirax" / "Data0000.dat"
    content = bytearray(data.read_bytes())
    first = content.index(b"\xff\xda")
    content[first : first + 2] = b"\x00\x00"
    data.write_bytes(content)
    path = tmp_path / "mirax.mrxs"
    for direct in True, False:
        with OpenSlide(path, direct=direct) as slide:
            slide.read_region((500, 400), 0, (50, 50))
            with pytest.raises(OpenSlideError, match="JPEG"):
                slide.read_region((0, 0), 0, (50, 50))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a slide of two levels."""
    folder = tmp_path_factory.mktemp("sound")
    write_mirax(folder, tile=64, levels=2, image=IMAGE)
    return folder


@pytest.mark.parametrize(
    ("image_format", "start", "places"),
    [
        # The size of the file, of the picture, of its data, of a pixel, the samples.
        ("BMP24", b"BM", (0, 2, 10, 14, 18, 22, 26, 28, 30, 34, 38, 46, 50, 54, 60)),
        # The signature, a length, a name, the size, depth, filter, sum, and so on.
        ("PNG", b"\x89PNG", (1, 11, 12, 19, 24, 25, 27, 30, 36, 40, 43, 60, 100)),
    ],
)
def test_damaged_pictures(
    tmp_path: Path, image_format: ImageFormat, start: bytes, places: tuple[int, ...]
) -> None:
    write_mirax(tmp_path, tile=64, levels=2, image=IMAGE, image_format=image_format)
    data = tmp_path / "mirax" / "Data0000.dat"
    content = data.read_bytes()
    path, region = tmp_path / "mirax.mrxs", ((0, 0), 0, (60, 60))
    found: set[type] = set()
    for place in places:
        damaged = bytearray(content)
        damaged[content.index(start) + place] ^= 0x81
        data.write_bytes(damaged)
        expected = outcome(path, region, direct=False)
        assert outcome(path, region, direct=True, trusted=True) == expected, place
        found.add(type(expected))
    assert found == ({str, bytes} if image_format == "BMP24" else {str})


@pytest.mark.parametrize("field", range(0, 120, 4))
def test_damaged_index(sound: Path, tmp_path: Path, field: int) -> None:
    """Whatever the index says, it is what libopenslide makes of it."""
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    index = tmp_path / "mirax" / "Index.dat"
    path = tmp_path / "mirax.mrxs"
    content = index.read_bytes()
    at = 5 + 32 + field
    for value in (-1, 7, len(content) - 8, 2**31 - 1):
        index.write_bytes(content[:at] + struct.pack("<i", value) + content[at + 4 :])
        results = []
        for direct in True, False:
            try:
                with OpenSlide(path, direct=direct) as slide:
                    region = ((0, 0), 1, slide.level_dimensions[1])
                    results.append(slide.read_region(*region).tobytes())
            except OpenSlideError as error:
                results.append(str(error).encode())
        assert results[0] == results[1]
