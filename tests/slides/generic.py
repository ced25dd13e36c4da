"""Generic tiled TIFF (.tif): a pyramid that no vendor claims."""

import zlib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from .content import MPP, RgbImage, reference, small_reference
from .dialect import Changes, Dialect, SlideTiff
from .facts import Patch, SlideFacts
from .pyramid import (
    grid_dimensions,
    level_dimensions,
    pyramid,
    tile_boxes,
    tile_dimensions,
)
from .tiff import Compression, Photometric, Tag, TiffCodec, resolution_tags

_REDUCED_RESOLUTION = 1  # a bit of NewSubfileType
_TRANSPARENCY_MASK = 4  # another

PLAIN = Dialect(icc=True)


def write_generic(
    folder: Path,
    *,
    name: str = "generic",
    dialect: Dialect = PLAIN,
    image: RgbImage | None = None,
    missing: Collection[int] = (),
    masks: bool = False,
    **changes: Unpack[Changes],
) -> SlideFacts:
    """Write `name`.tif; `missing` tiles of level 0 are holes.

    With `masks` each level has a bitmap of its size that says where it is valid,
    which is everywhere; those of the upper levels read as levels of their own.
    """
    dialect = replace(dialect, **changes)
    if image is None:
        image = small_reference() if dialect.is_lossless else reference()
    sizes = level_dimensions(image, dialect.factors)
    path = folder / f"{name}.tif"
    with SlideTiff(path, dialect) as tiff:
        for level, (factor, shrunk) in enumerate(pyramid(image, dialect.factors)):
            tags = resolution_tags(factor)
            tags[Tag.NEW_SUBFILE_TYPE] = _REDUCED_RESOLUTION if level else 0
            tiff.level(level, shrunk, tags, missing=() if level else missing)
            if masks and level == 0:
                _write_mask(tiff, sizes[0], dialect, 0)
        for size in sizes[1:] if masks else ():
            _write_mask(tiff, size, dialect, _REDUCED_RESOLUTION)
    shown = [sizes[0], *(size for size in sizes[1:] for _ in range(1 + masks))]
    return SlideFacts(
        path=path,
        vendor="generic-tiff",
        level_dimensions=tuple(shown),
        patches=(Patch((0, 0), image),),
        mpp=None if Tag.X_RESOLUTION in dialect.tags else MPP,
        objective_power=None,
        has_icc=dialect.icc,
        holes=tile_boxes(image, dialect.tile, missing),
        lossless=dialect.is_lossless,
        is_pyramid=not masks,
    )


def _write_mask(
    tiff: SlideTiff, size: tuple[int, int], dialect: Dialect, subfile_type: int
) -> None:
    """A bitmap that is set throughout."""
    tile_width, tile_height = tile_dimensions(dialect.tile)
    columns, rows = grid_dimensions(*size, dialect.tile)
    stream = zlib.compress(b"\xff" * (-(-tile_width // 8) * tile_height))
    codec = TiffCodec(Compression.DEFLATE, lambda _: stream, Photometric.MASK)
    tiff.encoded_tiles(
        size,
        dialect.tile,
        codec,
        [stream] * (columns * rows),
        {
            Tag.NEW_SUBFILE_TYPE: subfile_type | _TRANSPARENCY_MASK,
            Tag.BITS_PER_SAMPLE: 1,
            Tag.SAMPLES_PER_PIXEL: 1,
            Tag.PREDICTOR: 1,
            Tag.SAMPLE_FORMAT: 1,
        },
    )
