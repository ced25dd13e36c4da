"""Encoders for the streams that slide files hold, on top of Pillow."""

import importlib
import io
import struct
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin

from .content import RgbImage, as_pillow

Pixels = npt.NDArray[np.uint8]
Subsampling = Literal["4:4:4", "4:2:2", "4:2:0"]
JpegStream = Literal["complete", "tables", "abbreviated"]

#: Horizontal and vertical chroma subsampling, as TIFF's YCbCrSubSampling has it.
SUBSAMPLING_FACTORS: dict[Subsampling, tuple[int, int]] = {
    "4:4:4": (1, 1),
    "4:2:2": (2, 1),
    "4:2:0": (2, 2),
}

_PILLOW_STREAM_TYPES: dict[JpegStream, int] = {
    "complete": 0,
    "tables": 1,
    "abbreviated": 2,
}


def jpeg(
    image: Pixels,
    *,
    quality: int = 85,
    subsampling: Subsampling = "4:2:0",
    rgb: bool = False,
    stream: JpegStream = "complete",
    restart_interval: int = 0,
    comment: str = "",
) -> bytes:
    """A baseline JPEG of an RGB or grey image.

    `rgb` stores red, green and blue as they are, never subsampled.
    `restart_interval` is in MCUs; 0 writes no restart markers.
    """
    options: dict[str, Any] = {
        "quality": quality,
        "streamtype": _PILLOW_STREAM_TYPES[stream],
        "restart_marker_blocks": restart_interval,
        "comment": comment,
    }
    if rgb:
        options["keep_rgb"] = True
    elif image.ndim == 3:
        options["subsampling"] = subsampling
    return _save(image, "JPEG", **options)


def jpeg_tables(quality: int = 85, *, rgb: bool = False) -> bytes:
    """The quantisation and Huffman tables that "abbreviated" streams lack."""
    return jpeg(
        np.zeros((16, 16, 3), np.uint8), quality=quality, rgb=rgb, stream="tables"
    )


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


def lzw(image: RgbImage) -> bytes:
    """TIFF's LZW without predictor.

    libtiff does the work: its strip is taken out of a TIFF that Pillow writes.
    """
    file = _save(
        image,
        "TIFF",
        compression="tiff_lzw",
        strip_size=image.nbytes,
        tiffinfo={TiffImagePlugin.PREDICTOR: 1},
    )
    with Image.open(io.BytesIO(file)) as tiff:
        assert isinstance(tiff, TiffImagePlugin.TiffImageFile)
        (offset,) = tiff.tag_v2[TiffImagePlugin.STRIPOFFSETS]
        (length,) = tiff.tag_v2[TiffImagePlugin.STRIPBYTECOUNTS]
    return file[offset : offset + length]


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
