"""Tiles as they are stored: complete streams of JPEG, with the pixels of read_region()."""

from __future__ import annotations

import io
import os
import pickle
import shutil
import struct
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from openslide import OpenSlide, OpenSlideError
from openslide.native import ByteRange, NativeTiles, NotNativeError, complete_jpeg
from tests.conftest import Slides, uses_libjpeg_turbo
from tests.slides import WRITERS, SlideFacts, reference, write_aperio, write_huron
from tests.slides.codecs import SUBSAMPLING_FACTORS, jpeg, jpeg_tables
from tests.slides.content import variant
from tests.slides.direct import INDIRECT, INDIRECT_WITHOUT_LIBJPEG, NDPI, reasons
from tests.slides.stored import blank, empty_tile, stored_tile

# Older releases refuse some of the slides.
pytestmark = [
    pytest.mark.requires_openslide("4.0.1"),
    pytest.mark.requires_direct_reads,
]

Pair = tuple[int, int]
Pixels = NDArray[np.uint8]

OVERLAPPING = "the tiles overlap"
NOT_JPEG = "the tiles are not JPEG"

#: Why levels that are read directly have no native tiles; the others have them.
NOT_NATIVE: dict[str, str | dict[int, str]] = {
    "trestle": {0: OVERLAPPING, 1: OVERLAPPING},
    **dict.fromkeys(("ventana-bif", "mirax", "mirax-png", "mirax-bmp"), OVERLAPPING),
    "leica": "the level is made of several images",
    **dict.fromkeys((*NDPI, "vms", "vmu"), "the level is not stored as tiles"),
    **dict.fromkeys(
        (
            *("generic-raw", "generic-deflate", "generic-vips-raw", "dicom-rgb"),
            *("generic-vips-deflate", "generic-tifffile-deflate"),
        ),
        NOT_JPEG,
    ),
}

#: Slides of which libopenslide makes tiles of others, above level 0.
WITH_MADE_TILES = ("aperio-hole", "aperio-hole-above", "aperio-hole-on-top")


def decoded(stream: bytes) -> Pixels:
    with Image.open(io.BytesIO(stream)) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def scan_of(stream: bytes) -> bytes:
    """All from the start of the first scan on."""
    at = 2
    assert stream[:at] == b"\xff\xd8"
    while stream[at + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", stream, at + 2)
        at += 2 + length
    return stream[at:]


def stored_bytes(place: ByteRange) -> bytes:
    with open(place.path, "rb") as file:
        file.seek(place.offset)
        return file.read(place.length)


class Level(NamedTuple):
    """A level with native tiles, and libopenslide's own reads of it."""

    tiles: NativeTiles
    plain: OpenSlide

    @property
    def positions(self) -> list[Pair]:
        columns, rows = self.tiles.shape
        return [(column, row) for row in range(rows) for column in range(columns)]

    def shown(self, position: Pair) -> Pixels:
        """RGBA of a tile as libopenslide reads it, without its padding."""
        (column, row), (width, height) = position, self.tiles.tile_size
        right, bottom = self.tiles.dimensions
        size = (min(width, right - column * width), min(height, bottom - row * height))
        location = self.tiles.location(*position)
        return np.asarray(self.plain.read_region(location, self.tiles.level, size))

    def check(self, position: Pair) -> str:
        """That a tile is what it should be; returns what it is."""
        shown = self.shown(position)
        try:
            stream = self.tiles.encoded(*position)
        except NotNativeError:
            with pytest.raises(NotNativeError):
                self.tiles.byte_range(*position)
            return "made"
        place = self.tiles.byte_range(*position)
        if stream is None:
            assert place is None
            assert not shown.any()
            return "hole"
        assert place is not None
        height, width = shown.shape[:2]
        assert (shown[..., 3] == 255).all()
        assert (decoded(stream)[:height, :width] == shown[..., :3]).all(), position
        self.check_stream(stream, place)
        return "tile"

    def check_stream(self, stream: bytes, place: ByteRange) -> None:
        stored = stored_bytes(place)
        assert scan_of(stream) == scan_of(stored)
        assert stream.endswith(b"\xff\xd9")
        assert stream.count(b"\xff\xd8\xff") == 1
        assert place.is_complete == (stream == stored)
        completed = complete_jpeg(
            stored,
            tables=self.tiles.tables,
            size=self.tiles.tile_size,
            rgb=self.tiles.color_space == "RGB",
        )
        assert completed == stream


def expected_indirect(name: str, level_count: int) -> dict[int, str]:
    indirect = INDIRECT[name]
    if not uses_libjpeg_turbo():
        indirect = INDIRECT_WITHOUT_LIBJPEG.get(name, indirect)
    return reasons(indirect, level_count)


def expected_reasons(name: str, level_count: int) -> dict[int, str]:
    native = reasons(NOT_NATIVE.get(name, {}), level_count)
    return native | expected_indirect(name, level_count)


def is_whole(downsample: float) -> bool:
    return downsample == round(downsample)


@pytest.mark.parametrize("name", WRITERS)
def test_tiles_have_the_pixels_of_the_slide(name: str, slides: Slides) -> None:
    path = slides[name].path
    with OpenSlide(path) as slide, OpenSlide(path, direct=False) as plain:
        expected = expected_reasons(name, slide.level_count)
        for number in range(slide.level_count):
            if number in expected:
                with pytest.raises(NotNativeError) as caught:
                    slide.native_tiles(number)
                assert caught.value.reason == expected[number]
                continue
            level = Level(slide.native_tiles(number), plain)
            if not is_whole(plain.level_downsamples[number]):
                continue  # libopenslide would interpolate
            # Of a large grid the corners and some of the middle will do.
            every = -(-len(level.positions) // 4)
            kinds = {
                level.check(p) for p in [*level.positions[::every], level.positions[-1]]
            }
            may_be_made = name in WITH_MADE_TILES and number > 0
            assert kinds <= {"tile", "hole"} | ({"made"} if may_be_made else set())
        # What it is seen to be it has stayed.
        assert set(slide.indirect_levels) == set(
            expected_indirect(name, slide.level_count)
        )


@pytest.mark.parametrize("name", ["aperio-hole", "generic-sparse", "dicom-sparse"])
def test_holes(name: str, slides: Slides) -> None:
    facts = slides[name]
    with OpenSlide(facts.path) as slide:
        tiles = slide.native_tiles(0)
        columns, rows = tiles.shape
        positions = [(column, row) for row in range(rows) for column in range(columns)]
        streams = tiles.encoded_batch(positions)
        holes = {
            tiles.location(*p)
            for p, s in zip(positions, streams, strict=True)
            if s is None
        }
        assert holes == {(x, y) for x, y, _, _ in facts.holes}
        assert tiles.byte_ranges(positions).count(None) == len(holes)
        assert tiles.holes(positions) == [stream is None for stream in streams]


def test_levels_between_pixels(tmp_path: Path) -> None:
    """Of a downsample that is no integer read_array() has the stored pixels."""
    image = np.tile(reference()[:600], (1, 2, 1))[:, :2001]
    facts = write_aperio(
        tmp_path, image=image, factors=(1, 2), tile=240, encoding="rgb"
    )
    with OpenSlide(facts.path) as slide:
        tiles = slide.native_tiles(1)
        assert not is_whole(slide.level_downsamples[1])
        for column in range(4):
            stream = tiles.encoded(column, 0)
            assert stream is not None
            shown = slide.read_array(
                (240 * column, 0), 1, (240, 240), coordinates="level"
            )
            assert (decoded(stream) == shown).all()
            exact = 240 * column * slide.level_downsamples[1]
            assert abs(tiles.location(column, 0)[0] - exact) <= 0.5


@pytest.fixture
def facts(slides: Slides) -> SlideFacts:
    return slides["aperio-scanscope"]


def test_batches_keep_the_order_of_the_caller(facts: SlideFacts) -> None:
    with OpenSlide(facts.path) as slide:
        tiles = slide.native_tiles(0)
        positions = [(4, 2), (0, 0), (3, 1), (0, 0), (4, 2), (1, 0)]
        one_by_one = [tiles.encoded(*p) for p in positions]
        assert tiles.encoded_batch(positions) == one_by_one
        for kind in (np.int64, np.int32, np.uint8, object):
            assert tiles.encoded_batch(np.array(positions, kind)) == one_by_one
        assert tiles.encoded_batch(np.array(positions)[::-1]) == one_by_one[::-1]
        assert tiles.encoded_batch(np.empty((0, 2), int)) == []
        assert tiles.encoded_batch(positions, verify=True) == one_by_one
        assert tiles.encoded_batch([]) == []
        ranges = [tiles.byte_range(*p) for p in positions]
        assert tiles.byte_ranges(positions) == ranges
        assert len({r and r.offset for r in ranges}) == 4


def test_wrong_arguments(facts: SlideFacts) -> None:
    with OpenSlide(facts.path) as slide:
        tiles = slide.native_tiles(0)
        columns, rows = tiles.shape
        for outside in ((columns, 0), (0, rows), (-1, 0), (1 << 70, 0)):
            with pytest.raises(ValueError, match="there is no tile"):
                tiles.encoded(*outside)
            with pytest.raises(ValueError, match="there is no tile"):
                tiles.location(*outside)
            if max(outside) < 1 << 63:
                with pytest.raises(ValueError, match=rf"tile \({outside[0]}, "):
                    tiles.encoded_batch(np.array([(0, 0), outside, (-2, 0)]))
        with pytest.raises(TypeError, match="position must be a pair"):
            tiles.encoded_batch([(1.5, 0)])  # type: ignore[list-item]
        with pytest.raises(TypeError, match="position must be a pair"):
            tiles.encoded_batch(np.zeros((1, 3), int))
        with pytest.raises(ValueError, match="errors must be"):
            tiles.encoded_batch([(0, 0)], errors="skip")  # type: ignore[call-overload]
        with pytest.raises(ValueError, match="there is no level 9"):
            slide.native_tiles(9)
    with pytest.raises(ValueError, match="closed"):
        tiles.encoded(0, 0)


def test_without_direct_reads(facts: SlideFacts) -> None:
    with (
        OpenSlide(facts.path, direct=False) as slide,
        pytest.raises(NotNativeError, match="direct reads are turned off"),
    ):
        slide.native_tiles(0)


def test_pickles(facts: SlideFacts) -> None:
    with OpenSlide(facts.path) as slide:
        tiles = slide.native_tiles(1)
        copied = pickle.loads(pickle.dumps(tiles))
        assert copied.encoded(1, 0) == tiles.encoded(1, 0)
        assert repr(tiles) == f"<NativeTiles of level 1 of {slide!r}>"
        error = NotNativeError("what", "why")
        assert pickle.loads(pickle.dumps(error)).reason == "why"


def copy_of(facts: SlideFacts, folder: Path) -> Path:
    return Path(shutil.copy(facts.path, folder))


class TestDamage:
    """What is wrong with a tile is told of that tile, and of no other."""

    def outcome(self, path: Path, index: int, **options: Any) -> bytes | str | None:
        """A tile of level 0 in a grid of five columns; its neighbour is intact."""
        with OpenSlide(path) as slide:
            tiles = slide.native_tiles(0)
            positions = [(index % 5, index // 5), ((index + 1) % 5, (index + 1) // 5)]
            first, second = tiles.encoded_batch(positions, errors="return", **options)
            assert isinstance(second, bytes)
            if not isinstance(first, NotNativeError):
                return first
            with pytest.raises(NotNativeError) as caught:
                tiles.encoded(*positions[0], **options)
            assert caught.value.reason == first.reason
            assert os.fspath(path) in str(first)
            # The slide is none the worse for it.
            assert tiles.encoded(*positions[1]) == second
            return first.reason

    def test_no_jpeg(self, facts: SlideFacts, tmp_path: Path) -> None:
        path = copy_of(facts, tmp_path)
        blank(path, stored_tile(path, 6))
        assert self.outcome(path, 6) == "it is not the JPEG of an ordinary tile"

    def test_a_missing_end(self, facts: SlideFacts, tmp_path: Path) -> None:
        path = copy_of(facts, tmp_path)
        offset, length = stored_tile(path, 6)
        with open(path, "r+b") as file:
            file.seek(offset + length // 2)
            file.write(bytes(length - length // 2))
        assert self.outcome(path, 6) == "it ends too early"

    def test_within_the_scan(self, facts: SlideFacts, tmp_path: Path) -> None:
        """That is only seen by decoding."""
        path = copy_of(facts, tmp_path)
        offset, length = stored_tile(path, 6)
        with open(path, "r+b") as file:
            file.seek(offset + length // 2)
            file.write(b"\x55" * 200)
        assert isinstance(self.outcome(path, 6), bytes)
        assert self.outcome(path, 6, verify=True) == "it is damaged"

    def test_another_size(self, facts: SlideFacts, tmp_path: Path) -> None:
        path = copy_of(facts, tmp_path)
        offset, length = stored_tile(path, 6)
        with open(path, "r+b") as file:
            file.seek(offset)
            stream = bytearray(file.read(length))
            at = stream.index(b"\xff\xc0") + 5
            stream[at : at + 2] = b"\0\x80"
            file.seek(offset)
            file.write(stream)
        assert self.outcome(path, 6) == "its JPEG has another size than a tile"

    def test_no_bytes(self, tmp_path: Path) -> None:
        """Where that is an error to libopenslide."""
        path = write_huron(tmp_path, image=variant()).path
        empty_tile(path, 6)
        reason = "libopenslide makes it of others, or cannot read it"
        assert self.outcome(path, 6) == reason
        with OpenSlide(path) as slide, pytest.raises(OpenSlideError):
            slide.read_region((256, 256), 0, (256, 256))

    def test_a_file_that_has_changed(self, facts: SlideFacts, tmp_path: Path) -> None:
        path = copy_of(facts, tmp_path)
        with OpenSlide(path) as slide:
            tiles = slide.native_tiles(0)
            os.utime(path, (1, 1))
            with pytest.raises(NotNativeError, match="its file has changed"):
                tiles.encoded(0, 0)


# Streams

SIDES = (24, 40)


def image() -> Pixels:
    return reference()[: SIDES[1], : SIDES[0]]


@hypothesis.given(
    rgb=st.booleans(),
    subsampling=st.sampled_from(list(SUBSAMPLING_FACTORS)),
    header=st.sampled_from(["usual", "none", "jfif"]),
    ids=st.sampled_from([b"", b"\0\1\2", b"\1\2\3", b"RGB"]),
    tables=st.sampled_from([None, "all", "quantisation"]),
    restarts=st.sampled_from([0, 2]),
    tail=st.sampled_from([b"", b"\0", b"\0\0\0", b"\xff", b"garbage\xff\xd9"]),
)
def test_any_writer_s_stream(
    rgb: bool,
    subsampling: Any,
    header: Any,
    ids: bytes,
    tables: Any,
    restarts: int,
    tail: bytes,
) -> None:
    """A decoder that knows nothing of the slide gives the pixels."""
    options: dict[str, Any] = {
        "rgb": rgb,
        "subsampling": subsampling,
        "restart_interval": restarts,
    }
    plain = jpeg(image(), **options)
    stream: Any = "complete" if tables is None else "abbreviated"
    stored = jpeg(
        image(),
        **options,
        header=header,
        component_ids=ids,
        stream=stream,
        tables=tables or "all",
    )
    shared = tables and jpeg_tables(rgb=rgb, tables=tables)
    made = complete_jpeg(stored + tail, tables=shared, size=SIDES, rgb=rgb)
    assert (decoded(made) == decoded(plain)).all()
    assert scan_of(made)[2:].endswith(scan_of(plain)[14:])
    # There is nothing left to complete.
    assert complete_jpeg(made, tables=None, size=SIDES, rgb=rgb) == made


def test_an_end_that_is_missing_is_added() -> None:
    stored = jpeg(image())
    made = complete_jpeg(stored[:-2], tables=None, size=SIDES, rgb=False)
    assert made == stored


@pytest.mark.parametrize(
    ("stored", "tables", "message"),
    [
        (b"", None, "not the JPEG"),
        (b"\xff\xd8", None, "not the JPEG"),
        (jpeg(image())[:100], None, "not the JPEG"),
        (jpeg(image()[..., 0]), None, "not the JPEG"),
        (jpeg(image()[1:]), None, "another size"),
        (jpeg(image()), b"", "tables"),
        (jpeg(image()), jpeg_tables()[:-2], "tables"),
    ],
)
def test_no_tile(stored: bytes, tables: bytes | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        complete_jpeg(stored, tables=tables, size=SIDES, rgb=False)


def test_sizes_that_jpeg_has_not() -> None:
    with pytest.raises(ValueError, match="sides of 1 to"):
        complete_jpeg(jpeg(image()), tables=None, size=(0, 1 << 40), rgb=False)
