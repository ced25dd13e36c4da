"""A slide as levels that are cut into chunks, and where these are on the glass."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Self

from .. import _arrays
from .._abstract_slide import AbstractSlide
from .._files import file_state
from .._open import open_slide_or_picture
from .._properties import stored_tile_side

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Width and height of a chunk, as they are given; None: what suits the level.
Sides = int | tuple[int, int] | None

#: Slides that stay open in a process.  Each keeps a descriptor or two and, once it was
#: read, a tile cache.
_OPEN_SLIDES = 16

#: Tiles that are narrower, such as the strips of NDPI, are taken together.
_LEAST_SIDE = 128
_USUAL_SIDE = 512


class Level(NamedTuple):
    """A level of a slide.

    Attributes:
        number: of the slide's level.
        size: (width, height) in pixels of the level.
        chunk: (width, height) of a chunk in pixels of the level; the last ones of a row
            or column reach beyond the level, where they have background.
        scale: (x, y) of a pixel, in the pyramid's unit.
        origin: (x, y) of the centre of the first pixel, in the pyramid's unit; that of
            level 0 is at 0.
    """

    number: int
    size: tuple[int, int]
    chunk: tuple[int, int]
    scale: tuple[float, float]
    origin: tuple[float, float]

    @property
    def chunk_counts(self) -> tuple[int, int]:
        """(columns, rows) of chunks."""
        columns, rows = (
            math.ceil(side / chunk)
            for side, chunk in zip(self.size, self.chunk, strict=True)
        )
        return columns, rows

    def along(self, axis: str) -> tuple[int, float, float]:
        """Pixels, scale and origin along "x" or "y"."""
        number = "xy".index(axis)
        return self.size[number], self.scale[number], self.origin[number]


class Pyramid(NamedTuple):
    """All levels of a slide.

    Attributes:
        levels: from the largest on.
        has_microns: whether scales are in micrometres; else in level-0 pixels, for the
            slide does not tell its resolution.
    """

    levels: tuple[Level, ...]
    has_microns: bool

    def cut(self, chunks: Mapping[int, tuple[int, int]]) -> Pyramid:
        """Some of the levels, by number, with other chunks (width, height)."""
        levels = tuple(
            level._replace(chunk=chunks[level.number])
            for level in self.levels
            if level.number in chunks
        )
        return self._replace(levels=levels)


def pyramid_of(slide: AbstractSlide, chunks: Sides) -> Pyramid:
    """The levels of a slide.  Raises ValueError for chunks that are none."""
    asked = _given_sides(chunks)
    resolution = slide.mpp
    unit_x, unit_y = resolution or (1.0, 1.0)
    levels = tuple(
        Level(
            number,
            size,
            asked or _fitting_sides(slide.properties, number),
            (unit_x * downsample, unit_y * downsample),
            (unit_x * (downsample - 1) / 2, unit_y * (downsample - 1) / 2),
        )
        for number, (size, downsample) in enumerate(
            zip(slide.level_dimensions, slide.level_downsamples, strict=True)
        )
    )
    return Pyramid(levels, resolution is not None)


def large_chunk(level: Level, most: int) -> tuple[int, int]:
    """(width, height) of as many whole chunks as fit into `most` pixels a side."""
    width, height = (max(1, most // side) * side for side in level.chunk)
    return width, height


def centres(level: Level, axis: str) -> NDArray[np.float64]:
    """Where the centres of a level's pixels are along "x" or "y", in its unit."""
    np = _arrays.numpy()
    side, scale, origin = level.along(axis)
    return np.arange(side, dtype="<f8") * scale + origin  # type: ignore[no-any-return]


def _given_sides(chunks: Sides) -> tuple[int, int] | None:
    if chunks is None:
        return None
    pair = (chunks, chunks) if isinstance(chunks, int) else chunks
    width, height = _arrays.pair(pair, "chunks")
    if width < 1 or height < 1:
        raise ValueError(f"chunks must be positive, not {chunks!r}")
    return width, height


def _fitting_sides(properties: Mapping[str, str], level: int) -> tuple[int, int]:
    """Sides of the tiles that the file has."""
    return (
        _fitting_side(stored_tile_side(properties, level, "width")),
        _fitting_side(stored_tile_side(properties, level, "height")),
    )


def _fitting_side(side: int) -> int:
    if not 0 < side <= 4 * _USUAL_SIDE:
        return _USUAL_SIDE
    return side if side >= _LEAST_SIDE else math.ceil(_LEAST_SIDE / side) * side


class SlideFile(NamedTuple):
    """A slide's file as it is; in another state it is another slide.

    Attributes:
        path: absolute.
        state: empty where the file cannot be looked at; opening it says why.
    """

    path: str
    state: tuple[int, ...]

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Self:
        """The file of a path as it is now."""
        name = os.path.abspath(path)
        try:
            return cls(name, file_state(name))
        except OSError:
            return cls(name, ())


@lru_cache(_OPEN_SLIDES)
def shared_slide(file: SlideFile) -> AbstractSlide:
    """A slide that this process may have open already; nobody closes it.

    Raises what opening it raises.
    """
    return open_slide_or_picture(file.path, on_error="reopen")


def read_block(
    file: SlideFile, level: int, position: tuple[int, int], size: tuple[int, int]
) -> NDArray[np.uint8]:
    """RGB pixels (height, width, 3) of a level, at (x, y) in its own pixels."""
    slide = shared_slide(file)
    return slide.read_array(position, level, size, coordinates="level")
