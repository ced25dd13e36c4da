"""Hamamatsu: NDPI, VMS and VMU.

NDPI and VMS hold huge JPEGs with restart markers, which let a reader start in
the middle: the MCUs of one restart interval make a tile.  A list of where the
intervals start saves it from reading the whole image to find them.
"""

import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from .codecs import SUBSAMPLING_FACTORS, Subsampling, jpeg, jpeg_restarts
from .content import (
    MPP,
    OBJECTIVE_POWER,
    RgbImage,
    macro,
    reference,
    shrink,
    size_of,
    small_reference,
)
from .facts import Patch, SlideFacts
from .pyramid import level_dimensions, pyramid
from .tiff import (
    Compression,
    Photometric,
    Tag,
    TagDict,
    TiffWriter,
    resolution_tags,
)

# libjpeg decodes at these fractions of the full size, and OpenSlide offers each
# as a level of its own.
_JPEG_DENOMINATORS = (1, 2, 4, 8)

#: What the optimisation file of VMS says.
Optimisation = Literal["usual", "none"]

_MACRO_LENS = -1.0
_MAP_LENS = -2.0

_MAP_FACTOR = 4
_OPTIMISATION_RECORD = "<q32x"  # the offset of a row of tiles

_NGR_HEADER = "<2sH3i8xi"
_NGR_DATA_OFFSET = 64


def write_ndpi(
    folder: Path,
    *,
    name: str = "ndpi",
    image: RgbImage | None = None,
    factors: Sequence[int] = (1, 4, 16),
    quality: int = 85,
    subsampling: Literal["4:4:4", "4:2:2"] = "4:2:2",
    restart_interval: int = 32,
    restarts_everywhere: bool = False,
    high_starts: bool = False,
    gap: int = 0,
    gap_in_strip: int = 0,
) -> SlideFacts:
    """Write `name`.ndpi.

    Each level is one JPEG.  `restart_interval` is in MCUs and must divide each
    row of them, but for rows that are shorter; the last of several levels has no
    restart markers unless they are `restarts_everywhere`.  Rows of MCUs are 8
    pixels high, as scanners write them: with the 16 of 4:2:0, OpenSlide looks for
    a row below the tile to smooth the chroma.

    `high_starts` has a second table for the high halves of where restart intervals
    start.  `gap` bytes of nothing lie before the first level, and `gap_in_strip` in
    its first restart interval, whose pixels nobody can read then.
    """
    if image is None:
        image = reference()
    path = folder / f"{name}.ndpi"
    with TiffWriter(path, ndpi=True) as tiff:
        tiff.skip(gap)
        for level, (factor, shrunk) in enumerate(pyramid(image, factors)):
            is_last = level > 0 and level == len(factors) - 1
            row = _mcus_across(shrunk, subsampling)
            has_restarts = restarts_everywhere or not is_last
            _write_page(
                tiff,
                shrunk,
                lens=OBJECTIVE_POWER / factor,
                factor=factor,
                quality=quality,
                subsampling=subsampling,
                restart_interval=min(restart_interval, row) if has_restarts else 0,
                high_starts=high_starts,
                gap=0 if level > 0 else gap_in_strip,
            )
        _write_page(tiff, macro(), lens=_MACRO_LENS)
        _write_page(tiff, shrink(macro(), 2), lens=_MAP_LENS)
    return SlideFacts(
        path=path,
        vendor="hamamatsu",
        level_dimensions=level_dimensions(image, _decodable_factors(factors)),
        patches=(Patch((0, 0), image),),
        associated={"macro": size_of(macro())},
    )


def _write_page(
    tiff: TiffWriter,
    image: RgbImage,
    *,
    lens: float,
    factor: int = 1,
    quality: int = 85,
    subsampling: Subsampling = "4:2:2",
    restart_interval: int = 0,
    high_starts: bool = False,
    gap: int = 0,
) -> None:
    """A directory whose only strip is a complete JPEG, with a gap in its scan."""
    _check_intervals(image, restart_interval, subsampling)
    data = jpeg(
        image,
        quality=quality,
        subsampling=subsampling,
        restart_interval=restart_interval,
    )
    header_length, starts = jpeg_restarts(data)
    offset = tiff.append(data[:header_length])
    if gap:
        tiff.skip(gap)
        starts = [start + gap for start in starts]
    tiff.extend(data[header_length:])
    width, height = size_of(image)
    tags: TagDict = resolution_tags(factor) | {
        Tag.NEW_SUBFILE_TYPE: 0,
        Tag.IMAGE_WIDTH: width,
        Tag.IMAGE_LENGTH: height,
        Tag.BITS_PER_SAMPLE: (8, 8, 8),
        Tag.COMPRESSION: Compression.JPEG,
        Tag.PHOTOMETRIC_INTERPRETATION: Photometric.YCBCR,
        Tag.SAMPLES_PER_PIXEL: 3,
        Tag.PLANAR_CONFIGURATION: 1,
        Tag.YCBCR_SUBSAMPLING: SUBSAMPLING_FACTORS[subsampling],
        Tag.STRIP_OFFSETS: offset,
        Tag.ROWS_PER_STRIP: height,
        Tag.STRIP_BYTE_COUNTS: len(data) + gap,
        Tag.MAKE: "Hamamatsu",
        Tag.MODEL: "synthetic",
        Tag.SOFTWARE: "synthetic",
        Tag.NDPI_FORMAT_FLAG: 1,
        Tag.NDPI_SOURCE_LENS: lens,
        Tag.NDPI_X_OFFSET: 1000,
        Tag.NDPI_Y_OFFSET: -2000,
        Tag.NDPI_FOCAL_PLANE: 0,
        Tag.NDPI_REFERENCE: "synthetic",
        Tag.NDPI_PROPERTY_MAP: "Product=NDP\r\nMacro.S/N=7\r\n",
    }
    if restart_interval:
        starts = [header_length, *starts]
        tags[Tag.NDPI_MCU_STARTS] = [start & 0xFFFF_FFFF for start in starts]
        if high_starts:
            tags[Tag.NDPI_MCU_STARTS_HIGH] = [start >> 32 for start in starts]
    tiff.directory(tags)


def _mcus_across(image: RgbImage, subsampling: Subsampling) -> int:
    width, _ = size_of(image)
    return math.ceil(width / (8 * SUBSAMPLING_FACTORS[subsampling][0]))


def _check_intervals(
    image: RgbImage, restart_interval: int, subsampling: Subsampling
) -> None:
    """Refuse restart intervals that run from one row of MCUs into the next."""
    row = _mcus_across(image, subsampling)
    if restart_interval and row % restart_interval:
        raise ValueError(f"{restart_interval} does not divide a row of {row} MCUs")


def write_vms(
    folder: Path,
    *,
    name: str = "vms",
    image: RgbImage | None = None,
    quality: int = 85,
    restart_interval: int = 32,
    subsampling: Literal["4:4:4", "4:2:2"] = "4:2:2",
    jpegs: tuple[int, int] = (2, 2),
    optimisation: Optimisation = "usual",
) -> SlideFacts:
    """Write `name`/slide.vms: rows of JPEGs, and a map of them all.

    A restart interval of MCUs of 16 x 8 pixels, or of 8 x 8, must divide the
    width of each; half of it must divide the width of the map.  Where the JPEGs
    are not of one size, the last of a row and the last rows are smaller.

    The optimisation file says where rows of tiles start, as it is "usual" but
    for the last row; or there is "none".
    """
    if image is None:
        image = reference()
    slide_folder = folder / name
    slide_folder.mkdir(parents=True, exist_ok=True)
    width, height = size_of(image)
    columns, rows = jpegs
    tile_width = 8 * SUBSAMPLING_FACTORS[subsampling][0] * restart_interval
    part_width = _part_side(width, columns, tile_width)
    part_height = _part_side(height, rows, 8)
    starts = b""
    entries = {
        "NoJpegColumns": str(columns),
        "NoJpegRows": str(rows),
        "MapFile": "map.jpg",
        "OptimisationFile": "slide.opt",
    }
    for row in range(rows):
        for column in range(columns):
            part = image[
                row * part_height : (row + 1) * part_height,
                column * part_width : (column + 1) * part_width,
            ]
            _check_intervals(part, restart_interval, subsampling)
            data = jpeg(
                part,
                quality=quality,
                subsampling=subsampling,
                restart_interval=restart_interval,
                comment="synthetic",
            )
            file_name = f"image-{column}-{row}.jpg"
            (slide_folder / file_name).write_bytes(data)
            position = f"({column},{row})" if column or row else ""
            entries[f"ImageFile{position}"] = file_name
            starts += _row_starts(data, part.shape[1] // tile_width)
    if optimisation == "usual":
        starts = starts[: -struct.calcsize(_OPTIMISATION_RECORD)]
        (slide_folder / "slide.opt").write_bytes(starts)
    (slide_folder / "map.jpg").write_bytes(
        jpeg(
            shrink(image, _MAP_FACTOR),
            quality=quality,
            subsampling=subsampling,
            restart_interval=restart_interval // 2,
        )
    )
    path = slide_folder / "slide.vms"
    _write_key_file(path, "Virtual Microscope Specimen", size_of(image), entries)
    factors = _decodable_factors((1, _MAP_FACTOR))
    return SlideFacts(
        path=path,
        vendor="hamamatsu",
        level_dimensions=level_dimensions(image, factors),
        patches=(Patch((0, 0), image),),
        associated={"macro": size_of(macro())},
    )


def _part_side(length: int, parts: int, step: int) -> int:
    """Of all parts but the last, which may be smaller: a multiple of a step."""
    return math.ceil(length / parts / step) * step


def _row_starts(data: bytes, tiles_across: int) -> bytes:
    """Optimisation records: where each row of tiles starts in a JPEG."""
    header_length, restarts = jpeg_restarts(data)
    starts = [header_length, *restarts][::tiles_across]
    return b"".join(struct.pack(_OPTIMISATION_RECORD, start) for start in starts)


def write_vmu(
    folder: Path,
    *,
    name: str = "vmu",
    image: RgbImage | None = None,
    column_width: int = 128,
) -> SlideFacts:
    """Write `name`/slide.vmu: uncompressed 12-bit samples and a map of them.

    `column_width` must divide the width of the image.
    """
    if image is None:
        image = small_reference()
    slide_folder = folder / name
    slide_folder.mkdir(parents=True, exist_ok=True)
    small = shrink(image, _MAP_FACTOR)
    (slide_folder / "image.ngr").write_bytes(_ngr(image, column_width))
    (slide_folder / "map.ngr").write_bytes(_ngr(small, column_width // 2))
    entries = {
        "ImageFile": "image.ngr",
        "MapFile": "map.ngr",
        "BitsPerPixel": "36",
        "PixelOrder": "RGB",
    }
    path = slide_folder / "slide.vmu"
    group = "Uncompressed Virtual Microscope Specimen"
    _write_key_file(path, group, size_of(image), entries)
    return SlideFacts(
        path=path,
        vendor="hamamatsu",
        level_dimensions=level_dimensions(image, (1, _MAP_FACTOR)),
        patches=(Patch((0, 0), image),),
        associated={"macro": size_of(macro())},
        lossless=True,
    )


def _ngr(image: RgbImage, column_width: int) -> bytes:
    """Columns one after another, each from top to bottom, 12 bits in 16."""
    width, height = size_of(image)
    header = struct.pack(
        _NGR_HEADER, b"GN", 0, width, height, column_width, _NGR_DATA_OFFSET
    )
    samples = image.astype("<u2") << 4
    columns = (
        samples[:, x : x + column_width].tobytes()
        for x in range(0, width, column_width)
    )
    return header.ljust(_NGR_DATA_OFFSET, b"\0") + b"".join(columns)


def _write_key_file(
    path: Path, group: str, size: tuple[int, int], entries: dict[str, str]
) -> None:
    """The file to open, and the macro image next to it."""
    nanometres = [int(length * MPP * 1000) for length in size]
    entries = {
        "NoLayers": "1",
        **entries,
        "MacroImage": "macro.jpg",
        "PhysicalWidth": str(nanometres[0]),
        "PhysicalHeight": str(nanometres[1]),
        "SourceLens": str(OBJECTIVE_POWER),
        "AuthCode": "0",
    }
    lines = [f"[{group}]", *(f"{key}={value}" for key, value in entries.items())]
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode())
    (path.parent / "macro.jpg").write_bytes(jpeg(macro()))


def _decodable_factors(stored: Sequence[int]) -> list[int]:
    """Downsamples of the JPEGs, and of the reduced sizes that they decode to."""
    return sorted(
        {f * denominator for f in stored for denominator in _JPEG_DENOMINATORS}
    )
