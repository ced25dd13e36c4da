"""Encoders for the streams that slide files hold, on top of Pillow."""

import importlib
import io
import struct
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin

from .content import RgbImage, as_pillow

Pixels = npt.NDArray[np.uint8]
Subsampling = Literal["4:4:4", "4:2:2", "4:2:0"]
JpegStream = Literal["complete", "tables", "abbreviated"]
#: What the tables of a TIFF hold: all of a JPEG's, or those of quantisation alone.
JpegTables = Literal["all", "quantisation"]
#: What stands at the head of a JPEG: as is usual for its samples, nothing, or a JFIF
#: header whatever the samples.
JpegHeader = Literal["usual", "none", "jfif"]

#: Horizontal and vertical chroma subsampling, as TIFF's YCbCrSubSampling has it.
SUBSAMPLING_FACTORS: dict[Subsampling, tuple[int, int]] = {
    "4:4:4": (1, 1),
    "4:2:2": (2, 1),
    "4:2:0": (2, 2),
}

_SOF0, _DHT, _SOI, _EOI, _SOS, _DQT, _APP0, _APP14 = (
    *(0xC0, 0xC4, 0xD8, 0xD9, 0xDA, 0xDB, 0xE0, 0xEE),
)
_TABLE_MARKERS: dict[JpegTables, tuple[int, ...]] = {
    "all": (_DQT, _DHT),
    "quantisation": (_DQT,),
}
# Version 1.1, square pixels, no picture of its own.
_JFIF = b"JFIF\0\1\1\0\0\1\0\1\0\0"


class _Segment(NamedTuple):
    """A marker and what follows it; of the start of scan, all up to the end."""

    marker: int
    content: bytes

    def to_bytes(self) -> bytes:
        length = b"" if self.marker == _SOS else _length(self.content)
        return bytes((0xFF, self.marker)) + length + self.content


def jpeg(
    image: Pixels,
    *,
    quality: int = 85,
    subsampling: Subsampling = "4:2:0",
    rgb: bool = False,
    stream: JpegStream = "complete",
    tables: JpegTables = "all",
    restart_interval: int = 0,
    comment: str = "",
    component_ids: bytes = b"",
    header: JpegHeader = "usual",
) -> bytes:
    """A baseline JPEG of an RGB or grey image.

    `rgb` stores red, green and blue as they are, never subsampled.
    `restart_interval` is in MCUs; 0 writes no restart markers.  An abbreviated
    stream lacks `tables`, which are what a stream of tables holds.
    `component_ids` are by default those that libjpeg gives.
    """
    options: dict[str, Any] = {
        "quality": quality,
        "restart_marker_blocks": restart_interval,
        "comment": comment,
    }
    if rgb:
        options["keep_rgb"] = True
    elif image.ndim == 3:
        options["subsampling"] = subsampling
    segments = list(_segments(_save(image, "JPEG", **options)))
    apart = _TABLE_MARKERS[tables]
    if stream == "tables":
        segments = [each for each in segments if each.marker in apart]
        ending = bytes((0xFF, _EOI))
    else:
        ending = b""  # it is part of the scan
        if stream == "abbreviated":
            segments = [each for each in segments if each.marker not in apart]
            header = "none" if header == "usual" else header
        segments = [_named(each, component_ids) for each in segments]
        segments = _headed(segments, header)
    body = b"".join(each.to_bytes() for each in segments)
    return bytes((0xFF, _SOI)) + body + ending


def _length(content: bytes) -> bytes:
    return struct.pack(">H", len(content) + 2)


def _segments(data: bytes) -> Iterator[_Segment]:
    position = 2  # after the start of image
    marker = 0
    while marker != _SOS:
        marker, length = struct.unpack_from(">xBH", data, position)
        end = position + 2 + length
        content = data[position + 4 : end]
        if marker == _SOS:
            content = data[position + 2 :]
        yield _Segment(marker, content)
        position = end


def _named(segment: _Segment, component_ids: bytes) -> _Segment:
    """A segment with other names for the components."""
    content = bytearray(segment.content)
    # ITU T.81, B.2.2 and B.2.3: three bytes for each component, then two.
    start, step = {_SOF0: (6, 3), _SOS: (3, 2)}.get(segment.marker, (0, 0))
    if component_ids and step:
        content[start : start + step * len(component_ids) : step] = component_ids
    return _Segment(segment.marker, bytes(content))


def _headed(segments: list[_Segment], header: JpegHeader) -> list[_Segment]:
    if header == "usual":
        return segments
    kept = [each for each in segments if each.marker not in (_APP0, _APP14)]
    return [_Segment(_APP0, _JFIF), *kept] if header == "jfif" else kept


def jpeg_tables(
    quality: int = 85, *, rgb: bool = False, tables: JpegTables = "all"
) -> bytes:
    """What "abbreviated" streams lack."""
    blank = np.zeros((16, 16, 3), np.uint8)
    return jpeg(blank, quality=quality, rgb=rgb, stream="tables", tables=tables)


def jpeg_restarts(data: bytes) -> tuple[int, list[int]]:
    """Length of a JPEG's header, and offsets just past each restart marker."""
    position = 2
    marker = 0
    while marker != 0xDA:  # start of scan is the last segment of the header
        marker, length = struct.unpack_from(">xBH", data, position)
        position += 2 + length
    scan = np.frombuffer(data, np.uint8)[position:]
    is_restart = (scan[:-1] == 0xFF) & (scan[1:] >= 0xD0) & (scan[1:] <= 0xD7)
    return position, [position + 2 + int(at) for at in np.flatnonzero(is_restart)]


def jpeg2000(
    image: RgbImage,
    *,
    ycbcr: bool = False,
    lossless: bool = False,
    decibels: float = 42,
) -> bytes:
    """A bare JPEG 2000 codestream.

    `ycbcr` stores YCbCr samples that the codestream does not declare as such;
    otherwise it holds RGB behind the standard component transform.
    `decibels` is the PSNR to aim for unless `lossless`.
    """
    options: dict[str, Any] = {"no_jp2": True, "mct": 0 if ycbcr else 1}
    if not lossless:
        options |= {
            "irreversible": True,
            "quality_mode": "dB",
            "quality_layers": [decibels],
        }
    return _save(image, "JPEG2000", mode="YCbCr" if ycbcr else "RGB", **options)


def png(image: RgbImage) -> bytes:
    return _save(image, "PNG", compress_level=1)


def bmp(image: RgbImage) -> bytes:
    return _save(image, "BMP")


def lzw(image: RgbImage, *, predictor: int = 1) -> bytes:
    """TIFF's LZW, of pixels or (`predictor` 2) of what lies between neighbours.

    libtiff does the work: its strip is taken out of a TIFF that Pillow writes.
    """
    file = _save(
        image,
        "TIFF",
        compression="tiff_lzw",
        strip_size=image.nbytes,
        tiffinfo={TiffImagePlugin.PREDICTOR: predictor},
    )
    with Image.open(io.BytesIO(file)) as tiff:
        assert isinstance(tiff, TiffImagePlugin.TiffImageFile)
        (offset,) = tiff.tag_v2[TiffImagePlugin.STRIPOFFSETS]
        (length,) = tiff.tag_v2[TiffImagePlugin.STRIPBYTECOUNTS]
    return file[offset : offset + length]


def differences(image: RgbImage) -> RgbImage:
    """Each pixel but the first of a row less the one before: TIFF's predictor 2."""
    less = image.copy()
    less[:, 1:] -= image[:, :-1]
    return less


def zstd(data: bytes) -> bytes:
    """A Zstandard frame: compressed if Python can, else of stored blocks."""
    for module in ("compression.zstd", "zstandard"):
        try:
            return bytes(importlib.import_module(module).compress(data, 3))
        except ImportError:
            continue
    return _stored_zstd(data)


def _stored_zstd(data: bytes) -> bytes:
    """RFC 8878, 3.1.1: frame header with a content size, then raw blocks."""
    block_size = 128 << 10
    # Frame header descriptor 0xE0: an 8-byte content size, single segment.
    frame = bytearray(struct.pack("<IBQ", 0xFD2FB528, 0xE0, len(data)))
    for start in range(0, len(data), block_size):
        block = data[start : start + block_size]
        is_last = start + block_size >= len(data)
        frame += (len(block) << 3 | is_last).to_bytes(3, "little")
        frame += block
    return bytes(frame)


def _save(
    image: Pixels, kind: str, *, mode: str | None = None, **options: Any
) -> bytes:
    picture = as_pillow(image)
    if mode and mode != picture.mode:
        picture = picture.convert(mode)
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
