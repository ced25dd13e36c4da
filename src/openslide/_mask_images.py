"""Masks as pictures: their values as they are stored, however large they are.

Labels are small numbers, probabilities from 0 to 1: neither may be scaled or mixed.
Pictures that are too large to be decoded at once are read at the smallest level that will
do, by libopenslide or, where it does not show values as they are stored, strip by strip or
tile by tile; and of what is read not every pixel is kept.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from . import _arrays, _tiff
from ._abstract_slide import AbstractSlide
from ._closing import ClosedByWith
from ._errors import OpenSlideError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

#: So many pixels of a picture are kept, and so many bytes are decoded at once.
_MOST_KEPT = 1 << 24
_MOST_DECODED = 1 << 30

#: So many pixels of a strip, or of a level, are read at once.
_STRIP_PIXELS = 1 << 25

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG = b"\x89PNG\r\n\x1a\n"

# What pictures have that libopenslide shows as it is stored.
_BYTES_MODES = ("1", "L", "LA", "RGB", "RGBA", "RGBX")


class MaskPicture(ClosedByWith):
    """A picture in a file.

    Attributes:
        size: (width, height) in pixels.
    """

    size: tuple[int, int]

    def __init__(self, path: str, image: Image.Image | None) -> None:
        self._path = path
        self._image = image
        self._slide: AbstractSlide | None = None
        if image is None or _is_too_large(image):
            self._slide = _opened_slide(path, image)
        if self._slide is not None and image is not None and _blocks_of(image):
            sizes = self._slide.level_dimensions
            if math.prod(sizes[_smallest_level(self._slide)]) > 4 * _MOST_KEPT:
                self._slide.close()  # Pillow is faster where all of it is decoded
                self._slide = None
        if self._slide is not None:
            self.size = self._slide.dimensions
        elif image is not None:
            self.size = image.size

    def close(self) -> None:
        """Close the file."""
        if self._slide is not None:
            self._slide.close()
        if self._image is not None:
            self._image.close()

    def values(self) -> NDArray[Any]:
        """Its values, (rows, columns): of large ones those of pixels evenly apart.

        Raises ValueError where it is damaged, or too large for what it is.
        """
        try:
            if self._slide is not None:
                return _values_of_slide(self._slide)
            assert self._image is not None
            if not _is_too_large(self._image):
                return values_of(self._image)
            return _values_in_rows(self._image, Path(self._path))
        except (OSError, SyntaxError) as error:  # so Pillow calls some damage
            raise ValueError(f"the mask cannot be read: {error}") from error


def open_picture(
    path: str | os.PathLike[str], *, is_lossy_fine: bool = False
) -> MaskPicture:
    """Open a picture that is a mask.

    Raises FileNotFoundError and other OSErrors of the file itself, and ValueError for
    what is no picture, or is JPEG, unless that is fine.
    """
    name = os.fspath(path)
    with Path(path).open("rb") as file:
        magic = file.read(8)
    image = _opened_image(name, magic)
    if image is not None and _is_lossy(image) and not is_lossy_fine:
        image.close()
        raise ValueError(
            f"{name!r} is JPEG, which does not keep the values of a mask: save it as PNG "
            "or TIFF, or give a threshold, such as 128"
        )
    return MaskPicture(name, image)


def _opened_image(name: str, magic: bytes) -> Image.Image | None:
    """What Pillow makes of a file, whatever its size; None where it knows it not."""
    from PIL import Image, PngImagePlugin, TiffImagePlugin

    try:
        # Image.open() warns of large ones, and refuses the largest.
        if magic[:4] in _TIFF:
            return TiffImagePlugin.TiffImageFile(name)
        if magic == _PNG:
            return PngImagePlugin.PngImageFile(name)
        return Image.open(name)
    except Image.DecompressionBombError:
        raise ValueError(
            f"{name!r} has too many pixels to be decoded at once: save it as TIFF"
        ) from None
    except (OSError, SyntaxError):
        return None


def _opened_slide(name: str, image: Image.Image | None) -> AbstractSlide | None:
    """What libopenslide makes of a file, if that has the values that are stored."""
    from ._slide import OpenSlide

    if image is not None and image.mode not in _BYTES_MODES:
        return None
    try:
        return OpenSlide(name)
    except OpenSlideError as error:
        if image is not None:
            return None
        raise ValueError(
            f"{name!r} is neither GeoJSON nor a picture: {error}; a mask is a file "
            "that ends in .geojson or .json, or a picture that Pillow or OpenSlide reads"
        ) from None


def _is_lossy(image: Image.Image) -> bool:
    return image.format in ("JPEG", "MPO") or image.info.get("compression") == "jpeg"


def _is_too_large(image: Image.Image) -> bool:
    return image.width * image.height > 4 * _MOST_KEPT


def values_of(image: Image.Image) -> NDArray[Any]:
    """The values of a picture, (rows, columns): integers, floats or booleans.

    Of several channels, the greatest; of palettes, the index, as labels have it, if the
    first colour is black, else the greatest of the colour.  0 where it is transparent.
    """
    np = _arrays.numpy()
    if image.mode == "P" and not any((image.getpalette("RGB") or [0])[:3]):
        array = np.array(_thinned(image))
        transparent = image.info.get("transparency")
        if isinstance(transparent, int):
            array[array == transparent] = 0
        return array  # type: ignore[no-any-return]
    if image.mode in ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV"):
        has_alpha = image.mode == "PA" or "transparency" in image.info
        image = image.convert("RGBA" if has_alpha else "RGB")
    return _in_one_channel(np.asarray(_thinned(image)), image.mode)


def _in_one_channel(pixels: NDArray[Any], mode: str = "RGBA") -> NDArray[Any]:
    if pixels.ndim == 2:
        return pixels
    if mode in ("LA", "RGBA", "La", "RGBa"):
        values = pixels[..., :-1].max(axis=2)
        values[pixels[..., -1] == 0] = 0
        return values  # type: ignore[no-any-return]
    return pixels[..., :3].max(axis=2)  # type: ignore[no-any-return]


def _kept(length: int, total: int) -> int:
    """How many of some pixels in a row to keep, where a picture has `total`."""
    return max(1, round(length / max(1.0, math.sqrt(total / _MOST_KEPT))))


def _chosen(length: int, kept: int, start: int = 0, end: int | None = None) -> Any:
    """Which pixels of a row are kept, evenly apart: those from start to end."""
    np = _arrays.numpy()
    places = ((np.arange(kept) + 0.5) * (length / kept)).astype(np.int64)
    end = length if end is None else end
    return places[(places >= start) & (places < end)] - start


def _thinned(image: Image.Image) -> Image.Image:
    from PIL.Image import Resampling

    total = image.width * image.height
    if total <= _MOST_KEPT:
        return image
    size = (_kept(image.width, total), _kept(image.height, total))
    return image.resize(size, Resampling.NEAREST)


def _smallest_level(slide: AbstractSlide) -> int:
    """The smallest one that is large enough."""
    sizes = slide.level_dimensions
    return max(
        (i for i, (width, height) in enumerate(sizes) if width * height >= _MOST_KEPT),
        default=0,
        key=lambda i: (slide.level_downsamples[i], i),
    )


def _values_of_slide(slide: AbstractSlide) -> NDArray[Any]:
    """The smallest level that is large enough, by rows."""
    np = _arrays.numpy()
    level = _smallest_level(slide)
    width, height = slide.level_dimensions[level]
    columns = _chosen(width, _kept(width, width * height))
    rows = _kept(height, width * height)
    parts = []
    step = max(1, _STRIP_PIXELS // width)
    for start in range(0, height, step):
        end = min(start + step, height)
        location = (0, round(start * slide.level_downsamples[level]))
        strip = slide.read_array(location, level, (width, end - start), mode="RGBA")
        strip = strip[_chosen(height, rows, start, end)][:, columns]
        parts.append(_in_one_channel(strip))
    return np.concatenate(parts)  # type: ignore[no-any-return]


def _values_in_rows(image: Image.Image, path: Path) -> NDArray[Any]:
    """A large picture of Pillow's, decoded by rows if it is a TIFF."""
    np = _arrays.numpy()
    blocks = _blocks_of(image)
    if blocks is None:
        decoded = image.width * image.height * len(image.getbands())
        if decoded > _MOST_DECODED:
            raise ValueError(
                f"{image.width} x {image.height} pixels are too many to be decoded at "
                "once: save it as a TIFF of tiles, or smaller"
            )
        return values_of(image)
    parts = []
    with path.open("rb") as file:
        blocks = min(_small_enough(file), key=lambda one: one.pixels, default=blocks)
        width, height = blocks.size
        columns = _chosen(width, _kept(width, blocks.pixels))
        rows = _kept(height, blocks.pixels)
        for start, pixels in blocks.rows(file):
            chosen = _chosen(height, rows, start, start + len(pixels))
            parts.append(pixels[chosen][:, columns])
    return np.concatenate(parts)  # type: ignore[no-any-return]


def _small_enough(file: BinaryIO) -> Iterator[_TiffBlocks]:
    """The smaller levels of a TIFF that are large enough."""
    tiff = _tiff.TiffFile(file)
    # Where its directories are damaged, those before and its first image do.
    with suppress(_tiff.CutOffError, _tiff.DamagedError):
        for level in tiff.reduced():
            is_jpeg = level.number(_tiff.Tag.COMPRESSION) == _JPEG  # which has tables
            if math.prod(level.size) >= _MOST_KEPT and not is_jpeg:
                blocks = _TiffBlocks.of(level.size, _tags_of(level), tiff.order)
                if blocks is not None:
                    yield blocks


def _tags_of(level: _tiff.Directory) -> dict[int, Any]:
    """What says where its pixels are, and how they are stored, as Pillow has it."""
    found = {tag: level.numbers(tag, _MOST_BLOCKS) for tag in _LONG_TAGS + _KEPT_TAGS}
    return {
        tag: values if tag in _TABLES or len(values) > 1 else values[0]
        for tag, values in found.items()
        if values
    }


def _blocks_of(image: Image.Image) -> _TiffBlocks | None:
    """Those of a picture as large as it is; None where it is no TIFF, or has none."""
    tags: Any = getattr(image, "tag_v2", None)
    if tags is None:
        return None
    return _TiffBlocks.of(image.size, tags, ">" if tags.prefix[:2] == b"MM" else "<")


# Tags of TIFF that say where pixels are, and how they are stored.  ColorMap is not among
# the latter: of colours by number, the numbers are wanted.
_WIDTH, _LENGTH, _STRIP_ROWS = 256, 257, 278
_STRIP_OFFSETS, _STRIP_COUNTS = 273, 279
_TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_COUNTS = 322, 323, 324, 325
_LONG_TAGS = (
    *(_WIDTH, _LENGTH, _STRIP_ROWS, _STRIP_OFFSETS, _STRIP_COUNTS, 292, 293),
    *(_TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_COUNTS),
)
_PHOTOMETRIC, _PLANES = 262, 284
_KEPT_TAGS = (258, 259, 262, 266, 274, 277, 284, 292, 293, 317, 338, 339, 347, 530)
_TABLES = (_STRIP_OFFSETS, _STRIP_COUNTS, _TILE_OFFSETS, _TILE_COUNTS)
_MOST_BLOCKS = 1 << 26
_JPEG = 7
_PALETTE_COLORS, _BLACK_IS_ZERO = 3, 1
_SHORT, _LONG, _UNDEFINED = 3, 4, 7


class _TiffBlocks:
    """The strips or tiles of a TIFF: some at a time are decoded by Pillow, as a small
    TIFF of their own.  A strip is a tile as wide as the picture."""

    def __init__(
        self, size: tuple[int, int], tags: Mapping[int, Any], order: str
    ) -> None:
        self._order = order
        self.size = width, height = size
        self._has_tiles = _TILE_OFFSETS in tags
        if self._has_tiles:
            self._block = tags[_TILE_WIDTH], tags[_TILE_LENGTH]
            self._offsets, self._counts = tags[_TILE_OFFSETS], tags[_TILE_COUNTS]
        else:
            self._block = width, min(tags.get(_STRIP_ROWS, height), height)
            self._offsets, self._counts = tags[_STRIP_OFFSETS], tags[_STRIP_COUNTS]
        self._across = -(-width // self._block[0])
        self._down = -(-height // self._block[1])
        self._kept = {tag: tags[tag] for tag in _KEPT_TAGS if tag in tags}
        if self._kept.get(_PHOTOMETRIC) == _PALETTE_COLORS:
            self._kept[_PHOTOMETRIC] = _BLACK_IS_ZERO

    @classmethod
    def of(
        cls, size: tuple[int, int], tags: Mapping[int, Any], order: str
    ) -> _TiffBlocks | None:
        """Those of an image of this size; None where there are none that can be decoded
        one by one.

        order: "<" or ">", of its bytes.
        """
        if tags.get(_PLANES, 1) != 1:
            return None
        try:
            blocks = cls(size, tags, order)
        except (KeyError, ZeroDivisionError):
            return None
        count = blocks._across * blocks._down
        is_whole = min(len(blocks._offsets), len(blocks._counts)) >= count
        is_small = blocks._block[0] * blocks._block[1] <= _MOST_DECODED
        return blocks if is_whole and is_small else None

    @property
    def pixels(self) -> int:
        """How many there are."""
        return self.size[0] * self.size[1]

    def rows(self, file: BinaryIO) -> Iterator[tuple[int, NDArray[Any]]]:
        """(first row, values) of rows of blocks from top to bottom, several at once
        where they are small."""
        np = _arrays.numpy()
        (width, height), (block_width, block_height) = self.size, self._block
        step = max(1, _STRIP_PIXELS // (block_height * block_width * self._across))
        for first in range(0, self._down, 1 if self._has_tiles else step):
            start = first * block_height
            if not self._has_tiles:
                strips = range(first, min(first + step, self._down))
                end = min(start + len(strips) * block_height, height)
                yield start, self._decoded(file, strips, width, end - start)
                continue
            row = range(first * self._across, (first + 1) * self._across)
            numbers = [number for number in row if self._counts[number]]
            values = np.zeros((block_height, self._across, block_width), np.uint8)
            if numbers:  # others are holes
                side_by_side = len(numbers) * block_width
                found = self._decoded(file, numbers, side_by_side, block_height)
                values = values.astype(found.dtype)
                found = found.reshape(block_height, len(numbers), block_width)
                values[:, [number - row.start for number in numbers]] = found
            yield start, values.reshape(block_height, -1)[: height - start, :width]

    def _decoded(
        self, file: BinaryIO, numbers: Sequence[int], width: int, height: int
    ) -> NDArray[Any]:
        """The values of some blocks, which together have this size."""
        from PIL import TiffImagePlugin

        data = []
        for number in numbers:
            file.seek(self._offsets[number])
            data.append(file.read(self._counts[number]))
        with TiffImagePlugin.TiffImageFile(
            BytesIO(self._file(data, width, height))
        ) as image:
            return _in_one_channel(_arrays.numpy().asarray(image), image.mode)

    def _file(self, blocks: list[bytes], width: int, height: int) -> bytes:
        """A TIFF of these blocks alone."""
        counts = [len(block) for block in blocks]
        offsets = [8 + sum(counts[:number]) for number in range(len(blocks))]
        entries: dict[int, Any] = self._kept | {_WIDTH: width, _LENGTH: height}
        if self._has_tiles:
            entries |= {_TILE_WIDTH: self._block[0], _TILE_LENGTH: self._block[1]}
            entries |= {_TILE_OFFSETS: offsets, _TILE_COUNTS: counts}
        else:
            entries |= {_STRIP_ROWS: self._block[1]}
            entries |= {_STRIP_OFFSETS: offsets, _STRIP_COUNTS: counts}
        data = b"".join(blocks)
        data += bytes(len(data) % 2)
        directory = 8 + len(data)
        behind = directory + 2 + 12 * len(entries) + 4
        head = struct.pack(f"{self._order}H", len(entries))
        tail = b""
        for tag, value in sorted(entries.items()):
            kind, number, field = self._packed(tag, value)
            if len(field) > 4:
                place = struct.pack(f"{self._order}L", behind + len(tail))
                tail += field + bytes(len(field) % 2)
            else:
                place = field.ljust(4, b"\0")
            head += struct.pack(f"{self._order}HHL", tag, kind, number) + place
        magic = struct.pack(
            f"{self._order}2sHL", b"II" if self._order == "<" else b"MM", 42, directory
        )
        return magic + data + head + bytes(4) + tail

    def _packed(self, tag: int, value: Any) -> tuple[int, int, bytes]:
        if isinstance(value, bytes):
            return _UNDEFINED, len(value), value
        values = list(value) if isinstance(value, tuple | list) else [value]
        is_long = tag in _LONG_TAGS
        letter = "L" if is_long else "H"
        field = struct.pack(f"{self._order}{len(values)}{letter}", *values)
        return _LONG if is_long else _SHORT, len(values), field
