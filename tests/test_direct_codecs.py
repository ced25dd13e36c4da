"""Tiles that are not JPEG and are read without libopenslide: the same bytes."""

from __future__ import annotations

import contextlib
import random
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from openslide import OpenSlide, OpenSlideError, _openslide
from tests.conftest import RealSlides
from tests.direct_reads import (
    Region,
    check,
    outcome,
    regions,
    wide_regions,
)
from tests.slides import reference, write_dicom, write_generic
from tests.slides.content import size_of
from tests.slides.dialect import Dialect, SlideTiff
from tests.slides.dicom import PLAIN
from tests.slides.direct import NOT_RGB
from tests.slides.facts import SlideFacts
from tests.slides.pyramid import cut
from tests.slides.tiff import Tag, Tags

pytestmark = [
    pytest.mark.requires_openslide("4.0.1"),
    pytest.mark.requires_direct_reads,
]

#: Sides that no tile divides, and downsamples that are no integers.
IMAGE = reference()[:600, :2001]
SMALL = IMAGE[:300, :500]
LONG = IMAGE[:300].repeat(3, axis=1)

LIBRARIES = " ".join(_openslide.tile_libraries())
ODD_SIZE = "the tiles have no whole kilobytes"


def needs(encoding: str) -> pytest.MarkDecorator:
    """Skip where the library that decodes it is not built in."""
    library = "libdeflate" if "deflate" in encoding else ""
    return pytest.mark.skipif(
        library not in LIBRARIES, reason=f"{library} is not built in"
    )


COMPRESSED = [
    pytest.param(name, marks=needs(name))
    for name in ("deflate", "deflate-2", "old-deflate")
]
ENCODINGS = ["raw", *COMPRESSED]

DICOM: dict[str, dict[str, Any]] = {
    "plain": {},
    # Frames of an odd number of bytes, and an odd number of them.
    "odd": {"tile": (77, 63)},
    "sparse": {"missing": (3, 4)},
    "divided": {"frames_per_file": 5},
    "one-tile": {"tile": 2048, "factors": (1,)},
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_tiff(encoding: Any, tmp_path: Path) -> None:
    facts = write_generic(
        tmp_path, image=IMAGE, encoding=encoding, factors=(1, 3), missing=(0, 9)
    )
    check(facts.path, partial(regions, count=300, seed=1))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_tiff_of_oblong_tiles(encoding: Any, tmp_path: Path) -> None:
    facts = write_generic(
        tmp_path, image=LONG, encoding=encoding, tile=(512, 16), byteorder=">", big=True
    )
    check(facts.path, partial(wide_regions, count=12, seed=2))


@pytest.mark.parametrize("options", DICOM.values(), ids=DICOM)
def test_dicom(options: Mapping[str, Any], tmp_path: Path) -> None:
    dialect_options = {"encoding": "rgb", "factors": (1, 3), **options}
    frames = dialect_options.pop("frames_per_file", 0)
    write: Callable[..., SlideFacts] = partial(write_dicom, image=IMAGE)
    if frames:
        write = partial(write, dialect=replace(PLAIN, frames_per_file=frames))
    facts = write(tmp_path, **dialect_options)
    check(facts.path, partial(regions, count=300, seed=3))


def test_real_slide(real_slides: RealSlides) -> None:
    check(real_slides["dicom-raw"], partial(regions, count=100, seed=4))


#: What libtiff would convert, or cannot read.
UNUSUAL: dict[str, tuple[str, str, Tags]] = {
    "orientation": (NOT_RGB, "raw", {Tag.ORIENTATION: 3}),
    "fill-order": (NOT_RGB, "raw", {Tag.FILL_ORDER: 2}),
    "extra-samples": (NOT_RGB, "raw", {Tag.EXTRA_SAMPLES: 0}),
    "signed": (NOT_RGB, "raw", {Tag.SAMPLE_FORMAT: (2, 2, 2)}),
    "depth": (NOT_RGB, "raw", {Tag.TILE_DEPTH: 2}),
    "predictor": (NOT_RGB, "raw", {Tag.PREDICTOR: 2}),
    "grey": (NOT_RGB, "raw", {Tag.PHOTOMETRIC_INTERPRETATION: 1}),
    "ycbcr": (NOT_RGB, "raw", {Tag.PHOTOMETRIC_INTERPRETATION: 6}),
    "predictor-3": (NOT_RGB, "deflate", {Tag.PREDICTOR: 3}),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_samples(name: str, tmp_path: Path) -> None:
    reason, encoding, tags = UNUSUAL[name]
    if encoding == "deflate" and "libdeflate" not in LIBRARIES:
        pytest.skip("libdeflate is not built in")
    dialect = Dialect(encoding=encoding, factors=(1,), tags=tags)  # type: ignore[arg-type]
    path = write_generic(tmp_path, image=SMALL, dialect=dialect).path
    region = ((10, 20), 0, (300, 200))
    # There are some that libopenslide does not even open.
    with contextlib.suppress(OpenSlideError), OpenSlide(path) as slide:
        assert dict(slide.indirect_levels) == {0: reason}
    assert outcome(path, region, direct=True) == outcome(path, region, direct=False)


def test_tiles_of_no_whole_kilobytes(tmp_path: Path) -> None:
    path = write_generic(
        tmp_path, image=SMALL, encoding="raw", tile=240, factors=(1,)
    ).path
    region: Region = ((0, 0), 0, (100, 100))
    with OpenSlide(path) as slide:
        assert dict(slide.indirect_levels) == {0: ODD_SIZE}
    assert outcome(path, region, direct=True) == outcome(path, region, direct=False)


#: What becomes of a stored tile, by whatever is made of its pixels.
DAMAGE: dict[str, Callable[[bytes, Callable[[bytes], bytes]], bytes]] = {
    "truncated": lambda tile, _: tile[:-7],
    "half": lambda tile, _: tile[: len(tile) // 2],
    "one-byte": lambda tile, _: tile[:1],
    "header": lambda tile, _: b"\x55" + tile[1:],
    "first": lambda tile, _: tile[:9] + bytes((tile[9] ^ 0x80,)) + tile[10:],
    "last": lambda tile, _: tile[:-1] + bytes((tile[-1] ^ 1,)),
    "longer": lambda tile, _: tile + bytes(1024),
    "twice": lambda tile, _: tile + tile,
    "short-pixels": lambda _, compress: compress(bytes(256 * 256 * 3 - 1)),
    "long-pixels": lambda _, compress: compress(bytes(256 * 256 * 3 + 1)),
    "no-pixels": lambda _, compress: compress(b""),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_damaged_tile(encoding: Any, damage: str, tmp_path: Path) -> None:
    """Whether it is pixels or an error, and which, is as libopenslide has it."""
    compress = bytes if encoding == "raw" else zlib.compress
    path = write_tiles(tmp_path, encoding, lambda tile: DAMAGE[damage](tile, compress))
    for region in REGIONS:
        ours = outcome(path, region, direct=True)
        assert ours == outcome(path, region, direct=False)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_flipped_bits(encoding: Any, tmp_path: Path) -> None:
    """Whichever it is, of tiles that have been seen to be right before."""
    chance = random.Random(5)
    for _ in range(40):
        place, bit = chance.random(), 1 << chance.randrange(8)

        def flip(tile: bytes, place: float = place, bit: int = bit) -> bytes:
            at = int(place * len(tile))
            return tile[:at] + bytes((tile[at] ^ bit,)) + tile[at + 1 :]

        path = write_tiles(tmp_path, encoding, flip)
        expected = outcome(path, REGIONS[0], direct=False)
        with OpenSlide(path) as slide:
            slide._osr.trust_direct_reads()
            try:
                found: bytes | str = slide.read_region(*REGIONS[0]).tobytes()
            except OpenSlideError as error:
                found = str(error)
        assert found == expected, (place, bit)


#: One that shows the damaged tile, and one that does not.
REGIONS: list[Region] = [((256, 0), 0, (200, 200)), ((0, 0), 0, (256, 256))]


@cache
def sound_tiles(encoding: Any) -> tuple[bytes, ...]:
    dialect = Dialect(encoding=encoding)
    codec = dialect.codec()
    return tuple(codec.encode(part) for part in cut(SMALL, dialect.tile))


def write_tiles(folder: Path, encoding: Any, damage: Callable[[bytes], bytes]) -> Path:
    """A slide of one level, whose second tile is damaged."""
    dialect = Dialect(encoding=encoding)
    codec = dialect.codec()
    tiles = list(sound_tiles(encoding))
    tiles[1] = damage(tiles[1])
    path = folder / "damaged.tif"
    with SlideTiff(path, dialect) as tiff:
        tiff.encoded_tiles(size_of(SMALL), dialect.tile, codec, tiles)
    return path


@pytest.mark.parametrize("length", [-2, -1, 1, 2, 3])
def test_dicom_of_another_length(length: int, tmp_path: Path) -> None:
    """Pixel data of more bytes than the frames have, or less, are libopenslide's."""
    path = write_dicom(tmp_path, image=SMALL, encoding="rgb", factors=(1,)).path
    content = path.read_bytes()
    size = 256 * 256 * 3 * 4
    header = b"\xe0\x7f\x10\0OB\0\0"
    assert content.count(header + struct.pack("<I", size)) == 1
    changed = content.replace(
        header + struct.pack("<I", size), header + struct.pack("<I", size + length)
    )
    path.write_bytes(changed + bytes(max(length, 0)))
    for region in REGIONS:
        ours = outcome(path, region, direct=True)
        assert ours == outcome(path, region, direct=False)
