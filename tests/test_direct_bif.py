"""Ventana's BIF slides that are read without libopenslide: byte for byte as it does."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from openslide import OpenSlide, OpenSlideCache, OpenSlideError
from tests.direct_reads import Region, check_damaged, outcome, regions
from tests.slides import reference, write_ventana_bif
from tests.slides.ventana import Stage
from tests.test_direct import without_libopenslide

pytestmark = [
    pytest.mark.requires_openslide("4.0.1"),
    pytest.mark.requires_direct_reads,
]

IMAGE = reference()[:1000, :1200]

ODD = "what the slide says of itself is unusual"
OTHER_CODEC = "the tiles are compressed in another way"

#: Two parts side by side in the file, one below another on the slide; one that lies
#: upon another in the file; one that is not shown.
STAGES = (
    Stage(3, 2, at=(0, 40)),
    Stage(4, 3, at=(500, 300), origin=(3, 0)),
    Stage(2, 2, at=(700, 0), origin=(0, 5), is_scanned=False),
    Stage(2, 4, at=(30, 450), origin=(1, 1)),
)

#: Steps of whole pixels and of fractions, with one area and with several; tiles whose
#: parts are no whole pixels; levels whose last tiles are cut off; gaps in between.
SLIDES: dict[str, Callable[..., object]] = {
    "whole": partial(write_ventana_bif, tile=256),
    "jitter": partial(write_ventana_bif, tile=128, jitter=5, factors=(1, 2, 4, 16)),
    "fractions": partial(
        write_ventana_bif,
        tile=(128, 176),
        jitter=3,
        overlap=(9.25, -3.5),
        factors=(1, 4, 16, 32),
    ),
    "areas": partial(
        write_ventana_bif, tile=128, jitter=4, stages=STAGES, factors=(1, 2, 8)
    ),
    "small": partial(write_ventana_bif, tile=(80, 48), jitter=2, encoding="rgb"),
    "tables": partial(
        write_ventana_bif, tile=240, jitter=9, subsampling="4:2:2", shared_tables=True
    ),
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("bif")
    for name, write in SLIDES.items():
        write(folder, name=name, image=IMAGE)
    return {name: folder / f"{name}.bif" for name in SLIDES}


@pytest.fixture(params=SLIDES)
def path(paths: Mapping[str, Path], request: pytest.FixtureRequest) -> Path:
    return paths[request.param]


def chosen(slide: OpenSlide, seed: int) -> Iterator[Region]:
    """Also some along the edges of libopenslide's squares of 4096 pixels, and single
    pixels and lines."""
    yield from regions(slide, 60 * slide.level_count, seed=seed)
    choice = random.Random(seed)
    for _ in range(3):
        yield (choice.randint(-90, 90), choice.randint(-90, 90)), 0, (4200, 30)
    yield (-4000, 100), 1, (4500, 20)
    width, height = slide.dimensions
    for number in range(40 * slide.level_count):
        place = choice.randrange(-3, width), choice.randrange(-3, height)
        size = choice.choice([(1, 1), (1, 60), (60, 1), (2, 2)])
        yield place, number % slide.level_count, size


def must_be_direct(slide: OpenSlide) -> None:
    assert dict(slide.indirect_levels) == {}
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
        found = without_libopenslide(
            slide,
            lambda slide: [slide.read_region(*region).tobytes() for region in asked],
        )
        assert found == expected


@pytest.mark.parametrize("name", ["jitter", "areas"])
def test_whole_levels(paths: Mapping[str, Path], name: str) -> None:
    """Larger than what is painted at once, and than the cache."""
    path = paths[name]
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        slide.set_cache(OpenSlideCache(1 << 18))
        for level, size in enumerate(slide.level_dimensions):
            expected = plain.read_region((0, 0), level, size)
            assert slide.read_region((0, 0), level, size) == expected
        must_be_direct(slide)


def test_stored_pixels(paths: Mapping[str, Path]) -> None:
    """Above level 0 tiles lie between pixels, so that no read gives stored ones."""
    with OpenSlide(paths["jitter"]) as slide:
        stored = [slide._gives_stored_pixels(level) for level in range(3)]
        assert stored == [True, False, False]


def test_other_pixels(tmp_path: Path) -> None:
    path = write_ventana_bif(tmp_path, image=IMAGE, encoding="lzw").path
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        assert dict(slide.indirect_levels) == dict.fromkeys(range(3), OTHER_CODEC)
        region = ((50, 40), 1, (200, 100))
        assert slide.read_region(*region) == plain.read_region(*region)


def rewrite(path: Path, old: bytes, new: bytes, count: int = -1) -> None:
    content = path.read_bytes()
    assert old in content
    assert len(old) == len(new)
    path.write_bytes(content.replace(old, new, count))


# The document


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'Confidence="99"', b'Confidence="+9"'),
        (b'Confidence="99"', b'Confidence="09"'),
        (b'OverlapX="16"', b'OverlapX="1,"'),
        (b'OverlapX="16"', b'OverlapX="1 "'),
        (b'OverlapY="8"', b'OverlapY="-"'),
        (b'AOIScanned="1"', b'AOIScanned="x"'),
        (b'Pos-X="0"', b'Pos-X="x"'),
        (b'Pos-Y="0"', b'Pos-Y=" "'),
        (b'OriginX="0"', b'OriginX="7"'),
        (b'NumCols="', b'NumColz="'),
        (b'Direction="RIGHT"', b'Direction="LEFT" '),
        (b'Direction="UP"', b'Direction="up"'),
        (b"<SlideInfo />", b"<!--nothin-->"),
        (b"<SlideInfo />", b"<AoiOrigin />"),
        (b"<SlideStitchInfo>", b"<SlideStitchInf >"),
        (b"</EncodeInfo>", b"</EncodeInf  "),
    ],
)
def test_other_documents(tmp_path: Path, old: bytes, new: bytes) -> None:
    """What libopenslide still makes sense of, it reads itself; else it says why not."""
    path = write_ventana_bif(tmp_path, image=IMAGE).path
    rewrite(path, old, new)
    for region in ((0, 0), 0, (600, 500)), ((30, 20), 1, (200, 190)):
        results = []
        for direct in True, False:
            try:
                results.append(outcome(path, region, direct=direct))
            except OpenSlideError as error:
                results.append(str(error))
        assert results[0] == results[1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'Confidence="99"', b'Confidence="+9"'),
        (b'OverlapX="16"', b'OverlapX="1,"'),
        (b"<SlideInfo />", b"<!--nothin-->"),
    ],
)
def test_unusual_documents(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = write_ventana_bif(tmp_path, image=IMAGE).path
    rewrite(path, old, new)
    with OpenSlide(path) as slide:
        assert dict(slide.indirect_levels) == dict.fromkeys(range(3), ODD)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'OverlapX="16"', b'OverlapX="-6"'),
        (b'OverlapX="16"', b'OverlapX=".5"'),
        (b'OverlapY="8"', b'OverlapY="0"'),
        (b'Pos-X="0"', b'Pos-X="7"'),
        (b"<SlideInfo />", b"<SlideInfo/> "),
    ],
)
def test_usual_documents(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = write_ventana_bif(tmp_path, image=IMAGE).path
    rewrite(path, old, new)
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        for region in regions(plain, 30, seed=4):
            assert slide.read_region(*region) == plain.read_region(*region)
        must_be_direct(slide)


def test_downsamples_between(tmp_path: Path) -> None:
    """Of the levels that are direct, nothing is lost by one that is not."""
    path = write_ventana_bif(tmp_path, image=IMAGE, factors=(1, 2, 4)).path
    rewrite(path, b"level=1 mag=10", b"level=1 mag=08")
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        for region in regions(plain, 30, seed=4):
            assert slide.read_region(*region) == plain.read_region(*region)
        assert dict(slide.indirect_levels) == {1: ODD}


# Tiles


def test_damaged_tile(paths: Mapping[str, Path], tmp_path: Path) -> None:
    """Only what shows it fails, and it fails as it does in libopenslide."""
    path = tmp_path / "damaged.bif"
    for place in 0.4, 0.5, 0.6:
        content = bytearray(paths["jitter"].read_bytes())
        at = content.index(b"\xff\xda", int(place * len(content)))
        content[at : at + 2] = b"\0\0"
        path.write_bytes(content)
        with OpenSlide(path, direct=False) as plain:
            whole = ((0, 0), 0, plain.dimensions)
            asked = [whole, *regions(plain, 40, seed=6)]
        check_damaged(path, asked)


def test_changed_file(tmp_path: Path) -> None:
    path = write_ventana_bif(tmp_path, image=IMAGE).path
    region = ((0, 0), 0, (300, 300))
    with OpenSlide(path) as slide:
        before = slide.read_region(*region).tobytes()
        must_be_direct(slide)
        slide.set_cache(OpenSlideCache(0))
        rewrite(path, b"\xff\xdb\x00\x43\x00\x05", b"\xff\xdb\x00\x43\x00\x50")
        after = slide.read_region(*region).tobytes()
    with OpenSlide(path, direct=False) as plain:
        assert after == plain.read_region(*region).tobytes() != before
