"""Trestle (.tif): neighbouring tiles overlap, by less in each further level.

Every directory's description lists the overlaps of all levels; the stored width
counts each overlap twice.  The resolution tags hold microns per pixel.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from .codecs import jpeg
from .content import MPP, OBJECTIVE_POWER, RgbImage, macro, reference, size_of
from .dialect import Changes, Dialect, SlideTiff
from .facts import Patch, SlideFacts
from .pyramid import level_dimensions, pyramid, tile_dimensions
from .tiff import ResolutionUnit, Tag, Tags

PLAIN = Dialect()


def write_trestle(
    folder: Path,
    *,
    name: str = "trestle",
    dialect: Dialect = PLAIN,
    image: RgbImage | None = None,
    overlap: int = 32,
    overlaps: Sequence[tuple[int, int]] | None = None,
    **changes: Unpack[Changes],
) -> SlideFacts:
    """Write `name`.tif, and `name`.Full with the macro image.

    `overlaps` are those of each level in x and y, by default `overlap`, in
    pixels of level 0.
    """
    dialect = replace(dialect, **changes)
    factors = dialect.factors
    if image is None:
        image = reference()
    if overlaps is None:
        overlaps = [(overlap // factor, overlap // factor) for factor in factors]
    tile_width, tile_height = tile_dimensions(dialect.tile)
    path = folder / f"{name}.tif"
    with SlideTiff(path, dialect) as tiff:
        for level, ((factor, shrunk), (shared_x, shared_y)) in enumerate(
            zip(pyramid(image, factors), overlaps, strict=True)
        ):
            width, height = size_of(shrunk)
            step = tile_width - shared_x, tile_height - shared_y
            columns = _count(width, step[0], shared_x)
            rows = _count(height, step[1], shared_y)
            stored = width + (columns - 1) * shared_x, height + (rows - 1) * shared_y
            tags = _tags(factor, overlaps, dialect.quality)
            tiff.level(level, shrunk, tags, size=stored, step=step)
    path.with_suffix(".Full").write_bytes(jpeg(macro()))
    return SlideFacts(
        path=path,
        vendor="trestle",
        level_dimensions=level_dimensions(image, factors),
        patches=(Patch((0, 0), image),),
        associated={"macro": size_of(macro())},
    )


def _tags(factor: int, overlaps: Sequence[tuple[int, int]], quality: int) -> Tags:
    pairs = " ".join(f"{x} {y}" for x, y in overlaps)
    return {
        Tag.IMAGE_DESCRIPTION: (
            f"Background Color=F3F3F3;White Balance=C0D7FF;"
            f"Objective Power={OBJECTIVE_POWER};JPEG Quality={quality};"
            f"OverlapsXY={pairs}"
        ),
        Tag.SOFTWARE: "MedScan 2.1.0",
        Tag.X_RESOLUTION: MPP * factor,
        Tag.Y_RESOLUTION: MPP * factor,
        Tag.RESOLUTION_UNIT: ResolutionUnit.NONE,
    }


def _count(length: int, step: int, overlap: int) -> int:
    """How many tiles cover an axis."""
    return max(1, math.ceil((length - overlap) / step))
