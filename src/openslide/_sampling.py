"""Reading at any resolution: which level to read, and how to resample it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from . import _arrays
from ._abstract_slide import AbstractSlide

if TYPE_CHECKING:
    from PIL.Image import Image

#: A level whose resolution differs by less from what is asked is as good.
_TOLERANCE = 0.02

#: How far Pillow's bicubic filter reaches, in pixels of the smaller picture.
_FILTER_SUPPORT = 2


class Sampling(NamedTuple):
    """How the pixels of a picture come from those of a level."""

    level: int
    downsample: float  # of the level
    scale: tuple[float, float]  # level pixels by picture pixels; 1: no resampling

    @property
    def is_resampled(self) -> bool:
        return self.scale != (1.0, 1.0)

    @property
    def margins(self) -> tuple[int, int]:
        """What to read beyond the left and upper edge, in pixels of the level.

        Constant, so that a picture does not depend on where it was cut.
        """
        x, y = (math.ceil(_FILTER_SUPPORT * factor) + 1 for factor in self.scale)
        return x, y

    def source_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """What to read for a picture of `size`, in pixels of the level."""
        width, height = (
            math.ceil(side * factor) + 2 * margin + 1
            for side, factor, margin in zip(size, self.scale, self.margins, strict=True)
        )
        return width, height

    def resample(
        self, source: Image, corner: tuple[float, float], size: tuple[int, int]
    ) -> Image:
        """A picture of `size`, out of a region of the level in which it begins at (x, y)."""
        from PIL.Image import Resampling

        right, lower = (
            start + side * factor
            for start, side, factor in zip(corner, size, self.scale, strict=True)
        )
        return source.resize(size, Resampling.BICUBIC, (*corner, right, lower))


def slide_resolution(
    slide: AbstractSlide, given: float | tuple[float, float] | None
) -> tuple[float, float] | None:
    """(x, y): microns per level-0 pixel; None where nobody says.

    Raises ValueError where what is given is not positive.
    """
    if given is None:
        return slide.mpp
    x, y = given if isinstance(given, tuple) else (given, given)
    if not (0 < x < math.inf and 0 < y < math.inf):
        raise ValueError(f"slide_mpp must be positive, not {given!r}")
    return x, y


def choose_sampling(
    slide: AbstractSlide,
    level: int | None,
    mpp: float | None,
    slide_mpp: tuple[float, float] | None,
) -> Sampling:
    """How to read a level, by default 0, or at mpp microns per pixel.

    For mpp, the best level that is not coarser, resampled; one within 2 % is taken
    as it is.

    Raises ValueError where level and mpp are both given, where there is no such
    level, where the resolution is unknown, or where even the finest level is
    coarser than mpp.
    """
    if mpp is None:
        number = _arrays.one_level(0 if level is None else level, slide.level_count)
        return Sampling(number, slide.level_downsamples[number], (1.0, 1.0))
    if level is not None:
        raise ValueError(f"give a level or mpp, not both: {level!r} and {mpp!r}")
    if not 0 < mpp < math.inf:
        raise ValueError(f"mpp must be positive, not {mpp!r}")
    if slide_mpp is None:
        raise ValueError(
            f"{slide!r} does not tell its resolution, so there is no way to cut it at "
            f"{mpp} microns per pixel; give slide_mpp, microns per level-0 pixel"
        )
    # Level-0 pixels by pixels of a tile.
    x, y = (mpp / resolution for resolution in slide_mpp)
    fitting = [
        (downsample, number)
        for number, downsample in enumerate(slide.level_downsamples)
        if downsample <= min(x, y) * (1 + _TOLERANCE)
    ]
    if not fitting:
        raise ValueError(
            f"{slide!r} has {max(slide_mpp)} microns per pixel at best, which is "
            f"coarser than {mpp}"
        )
    downsample, number = max(fitting, key=lambda pair: pair[0])
    scale = (_rounded(x / downsample), _rounded(y / downsample))
    return Sampling(number, downsample, scale)


def _rounded(scale: float) -> float:
    return 1.0 if abs(scale - 1) <= _TOLERANCE else scale
