"""MIRAX (.mrxs): photos on a stage that overlap, each cut into images.

NAME.mrxs is a thumbnail; NAME/ has Slidedat.ini, which describes the levels,
Index.dat, which says where images are, and Data0000.dat, which holds them.
Upper levels join shrunken images, their overlaps included, so one tile there
may mix photos that the slide shows apart.
"""

import io
import random
import struct
import zlib
from collections.abc import Collection, Iterator
from enum import Enum
from pathlib import Path
from typing import Literal

import numpy as np

from .codecs import bmp, jpeg, png
from .content import (
    MPP,
    OBJECTIVE_POWER,
    RgbImage,
    label,
    macro,
    reference,
    shrink,
    size_of,
    thumbnail,
)
from .facts import Patch, SlideFacts
from .pyramid import Box

ImageFormat = Literal["JPEG", "PNG", "BMP24"]


class Positions(Enum):
    """How the positions of photos are stored; the value names the record."""

    PLAIN = "VIMSLIDE_POSITION_BUFFER"
    DEFLATED = "StitchingIntensityLayer"
    NONE = None


_SLIDE_ID = "0123456789ABCDEF0123456789ABCDEF"
_VERSION = "01.02"
_FILL = 255

# Records of the associated images, with the key of their image type.  OpenSlide
# calls the first one macro, the second label and the third thumbnail.
_ASSOCIATED_RECORDS = {
    "SlideThumbnail": "THUMBNAIL",
    "SlideBarcode": "BARCODE",
    "SlidePreview": "PREVIEW",
}


def write_mirax(
    folder: Path,
    *,
    name: str = "mirax",
    image_format: ImageFormat = "JPEG",
    image: RgbImage | None = None,
    tile: int = 256,
    divisions: int = 2,
    overlap: int = 32,
    levels: int = 5,
    quality: int = 85,
    jitter: int = 0,
    not_taken: Collection[int] = (),
    positions: Positions = Positions.PLAIN,
    page: int | None = None,
) -> SlideFacts:
    """Write `name`.mrxs and the folder `name`.

    A photo has `divisions` x `divisions` images of `tile` pixels; neighbours
    share `overlap` pixels.  The slide shows as much of `image` as whole photos
    cover.  The last photo was never taken: it is a hole.

    The stage misses positions by up to `jitter` pixels; those of the photos
    `not_taken` are zero, as of photos that the scanner passed over.  Pages of the
    index have `page` images, or all.
    """
    if image is None:
        image = reference()
    scan = _Scan(image, tile, divisions, overlap)
    stored = scan.positions(jitter, not_taken)
    slide_folder = folder / name
    slide_folder.mkdir(parents=True, exist_ok=True)
    data = _DataFile()
    index = _IndexFile()
    for level in range(levels):
        encoded = scan.encoded_images(level, image_format, quality)
        index.add_level([(where, *data.add(blob)) for where, blob in encoded], page)
    pictures = (macro(), label(), thumbnail(image))
    for blob in map(jpeg, pictures):
        index.add_record(*data.add(blob))
    if positions is not Positions.NONE:
        is_plain = positions is Positions.PLAIN
        index.add_record(*data.add(stored if is_plain else zlib.compress(stored)))
    (slide_folder / "Index.dat").write_bytes(index.getvalue())
    (slide_folder / "Data0000.dat").write_bytes(data.getvalue())
    sections = _slidedat(scan, levels, image_format, positions)
    (slide_folder / "Slidedat.ini").write_bytes(_ini(sections))
    path = folder / f"{name}.mrxs"
    path.write_bytes(jpeg(thumbnail(image)))
    width, height = scan.size
    return SlideFacts(
        path=path,
        vendor="mirax",
        level_dimensions=tuple((width >> k, height >> k) for k in range(levels)),
        patches=(Patch.crop(image, (0, 0, width, height), (0, 0)),),
        associated={
            "label": size_of(label()),
            "macro": size_of(macro()),
            "thumbnail": size_of(thumbnail(image)),
        },
        holes=(scan.hole(),),
        lossless=image_format != "JPEG",
    )


class _Scan:
    """The photos, and the images that they are cut into."""

    def __init__(
        self, image: RgbImage, tile: int, divisions: int, overlap: int
    ) -> None:
        self.tile = tile
        self.divisions = divisions
        self.overlap = overlap
        self._photo = tile * divisions
        self._step = self._photo - overlap
        self._image = image
        width, height = size_of(image)
        self._photo_columns = (width - overlap) // self._step
        self._photo_rows = (height - overlap) // self._step
        self._missing_photo = (self._photo_columns - 1, self._photo_rows - 1)

    @property
    def columns(self) -> int:
        """Images across."""
        return self._photo_columns * self.divisions

    @property
    def rows(self) -> int:
        """Images down."""
        return self._photo_rows * self.divisions

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what the photos cover, in level-0 pixels."""
        width, height = (
            (count - 1) * self._step + self._photo
            for count in (self._photo_columns, self._photo_rows)
        )
        return width, height

    def hole(self) -> Box:
        """The part of the missing photo that its neighbours do not overlap."""
        left, top = (
            photo * self._step + (self.overlap if photo else 0)
            for photo in self._missing_photo
        )
        width, height = self.size
        return left, top, width - left, height - top

    def positions(self, jitter: int, not_taken: Collection[int]) -> bytes:
        """Flag, x and y of each photo."""
        chance = random.Random(jitter)
        photos: list[bytes] = []
        for number in range(self._photo_rows * self._photo_columns):
            row, column = divmod(number, self._photo_columns)
            x, y = (
                max(0, place * self._step + chance.randint(-jitter, jitter))
                for place in (column, row)
            )
            place = (0, 0) if number in not_taken else (x, y)
            photos.append(struct.pack("<Bii", chance.randint(0, 1), *place))
        return b"".join(photos)

    def encoded_images(
        self, level: int, image_format: ImageFormat, quality: int
    ) -> Iterator[tuple[int, bytes]]:
        """Index, in level-0 images, and file of each image of a level."""
        tile, joined = self.tile, 1 << level
        plane = shrink(self._plane(), joined)
        for row in range(0, self.rows, joined):
            for column in range(0, self.columns, joined):
                # An image is left out if a photo that is missing was all of it.
                if joined <= self.divisions and self._is_missing(column, row):
                    continue
                y, x = row // joined * tile, column // joined * tile
                part = _filled(plane[y : y + tile, x : x + tile], tile)
                yield row * self.columns + column, _encode(part, image_format, quality)

    def _plane(self) -> RgbImage:
        """All images side by side, so that overlaps are stored twice."""
        tile = self.tile
        shape = (self.rows * tile, self.columns * tile, 3)
        plane = np.full(shape, _FILL, np.uint8)
        for row in range(self.rows):
            for column in range(self.columns):
                if self._is_missing(column, row):
                    continue
                x, y = self._origin(column), self._origin(row)
                plane[
                    row * tile : (row + 1) * tile, column * tile : (column + 1) * tile
                ] = self._image[y : y + tile, x : x + tile]
        return plane

    def _origin(self, index: int) -> int:
        """Where a column or row of images starts, in level-0 pixels."""
        photo, division = divmod(index, self.divisions)
        return photo * self._step + division * self.tile

    def _is_missing(self, column: int, row: int) -> bool:
        photo = (column // self.divisions, row // self.divisions)
        return photo == self._missing_photo


def _filled(image: RgbImage, tile: int) -> RgbImage:
    """The image, filled up to a whole tile."""
    height, width = image.shape[:2]
    margins = ((0, tile - height), (0, tile - width), (0, 0))
    return np.pad(image, margins, constant_values=_FILL)


def _encode(image: RgbImage, image_format: ImageFormat, quality: int) -> bytes:
    if image_format == "JPEG":
        return jpeg(image, quality=quality)
    return png(image) if image_format == "PNG" else bmp(image)


class _DataFile:
    """Data0000.dat."""

    def __init__(self) -> None:
        self._file = io.BytesIO(b"synthetic".ljust(64, b"\0"))
        self._file.seek(0, io.SEEK_END)

    def add(self, blob: bytes) -> tuple[int, int]:
        """Offset and length of what was added."""
        offset = self._file.tell()
        self._file.write(blob)
        return offset, len(blob)

    def getvalue(self) -> bytes:
        return self._file.getvalue()


class _IndexFile:
    """Index.dat: version, slide id, and pointers to two tables of records.

    The hierarchical table has a record per level, the other one a record per
    associated image and one for the positions.  A record is a zero and a pointer
    to a page.
    """

    _FILE_NUMBER = 0  # of Data0000.dat

    def __init__(self) -> None:
        self._data = bytearray(_VERSION.encode() + _SLIDE_ID.encode())
        self._tables_at = self._append(0, 0)
        self._level_records: list[int] = []
        self._other_records: list[int] = []

    def add_level(
        self, images: list[tuple[int, int, int]], page_size: int | None
    ) -> None:
        """Pages of (index, offset, length) triples: their number, and whether a page
        follows, which begins where this one ends."""
        first = len(self._data)
        size = page_size or max(len(images), 1)
        pages = [images[at : at + size] for at in range(0, len(images), size)] or [[]]
        for number, page in enumerate(pages, 1):
            self._append(len(page), 1 if number < len(pages) else 0)
            for image in page:
                self._append(*image, self._FILE_NUMBER)
        self._level_records.append(self._append(0, first))

    def add_record(self, offset: int, length: int) -> None:
        """A page with a single item."""
        page = self._append(1, 0, 0, 0, offset, length, self._FILE_NUMBER)
        self._other_records.append(self._append(0, page))

    def getvalue(self) -> bytes:
        levels = self._append(*self._level_records)
        others = self._append(*self._other_records)
        struct.pack_into("<ii", self._data, self._tables_at, levels, others)
        return bytes(self._data)

    def _append(self, *values: int) -> int:
        offset = len(self._data)
        self._data += struct.pack(f"<{len(values)}i", *values)
        return offset


_Sections = dict[str, dict[str, str | int | float]]


def _slidedat(
    scan: _Scan, levels: int, image_format: ImageFormat, positions: Positions
) -> _Sections:
    hierarchical: dict[str, str | int | float] = {
        "HIER_COUNT": 1,
        "NONHIER_COUNT": 1 if positions is Positions.NONE else 2,
        "INDEXFILE": "Index.dat",
        "HIER_0_NAME": "Slide zoom level",
        "HIER_0_COUNT": levels,
    }
    sections: _Sections = {
        "GENERAL": {
            "SLIDE_VERSION": _VERSION,
            "SLIDE_ID": _SLIDE_ID,
            "SLIDE_NAME": "synthetic",
            "IMAGENUMBER_X": scan.columns,
            "IMAGENUMBER_Y": scan.rows,
            "OBJECTIVE_MAGNIFICATION": OBJECTIVE_POWER,
            "CameraImageDivisionsPerSide": scan.divisions,
        },
        "HIERARCHICAL": hierarchical,
        "DATAFILE": {"FILE_COUNT": 1, "FILE_0": "Data0000.dat"},
    }
    for level in range(levels):
        section = f"LAYER_0_LEVEL_{level}_SECTION"
        hierarchical[f"HIER_0_VAL_{level}"] = f"ZoomLevel_{level}"
        hierarchical[f"HIER_0_VAL_{level}_SECTION"] = section
        sections[section] = _level_section(scan, level, image_format)
    hierarchical["NONHIER_0_NAME"] = "Scan data layer"
    hierarchical["NONHIER_0_COUNT"] = len(_ASSOCIATED_RECORDS)
    for number, (record, key) in enumerate(_ASSOCIATED_RECORDS.items()):
        section = f"NONHIERLAYER_0_LEVEL_{number}_SECTION"
        hierarchical[f"NONHIER_0_VAL_{number}"] = f"ScanDataLayer_{record}"
        hierarchical[f"NONHIER_0_VAL_{number}_SECTION"] = section
        sections[section] = {f"{key}_IMAGE_TYPE": "JPEG"}
    if positions.value is not None:
        hierarchical |= {
            "NONHIER_1_NAME": positions.value,
            "NONHIER_1_COUNT": 1,
            "NONHIER_1_VAL_0": "default",
            "NONHIER_1_VAL_0_SECTION": "NONHIERLAYER_1_SECTION",
        }
    return sections


def _level_section(
    scan: _Scan, level: int, image_format: ImageFormat
) -> dict[str, str | int | float]:
    downsample = 1 << level
    return {
        "OVERLAP_X": scan.overlap / downsample,
        "OVERLAP_Y": scan.overlap / downsample,
        "MICROMETER_PER_PIXEL_X": MPP * downsample,
        "MICROMETER_PER_PIXEL_Y": MPP * downsample,
        "IMAGE_FORMAT": image_format,
        "IMAGE_FILL_COLOR_BGR": 0xFFFFFF,
        "DIGITIZER_WIDTH": scan.tile,
        "DIGITIZER_HEIGHT": scan.tile,
        # The binary logarithm of how many images of the level before are joined.
        "IMAGE_CONCAT_FACTOR": 1 if level else 0,
    }


def _ini(sections: _Sections) -> bytes:
    """UTF-8 with a byte order mark, as the scanner's software writes it."""
    lines: list[str] = []
    for title, entries in sections.items():
        lines.append(f"[{title}]")
        lines += [f"{key}={value}" for key, value in entries.items()]
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8-sig")
