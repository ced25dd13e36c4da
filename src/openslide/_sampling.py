"""Reading at any resolution: which level to read, where, and how to resample it."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from . import _arrays
from ._errors import AdvisedError

if TYPE_CHECKING:
    from PIL.Image import Image

    from ._abstract_slide import AbstractSlide
    from ._arrays import Color, ErrorPolicy, Points

#: How pixels of a level become those of a picture: Pillow's filters, antialiased.
Resample: TypeAlias = Literal["bicubic", "bilinear", "lanczos", "box"]

#: What locations count: pixels of level 0, or microns from its corner.
Unit: TypeAlias = Literal["level0", "microns"]

#: A level whose resolution differs by less from what is asked is as good.
_TOLERANCE = 0.02

#: How far a filter reaches, in pixels of the smaller picture, and Pillow's number of it.
FILTERS: dict[Resample, tuple[float, int]] = {
    "bicubic": (2, 3),
    "bilinear": (1, 2),
    "lanczos": (3, 1),
    "box": (0.5, 4),
}

#: Positions count in such parts of a pixel, far below what pixels show: the same place
#: may have been computed in several ways, of which each rounds otherwise.
_STEPS = 1 << 16


class Sources(NamedTuple):
    """Regions of a level that are resampled, as the extension module takes them."""

    starts: array[int]  # x, y of each, in pixels of the level
    corners: array[float]  # x, y in it where the picture begins


class Sampling(NamedTuple):
    """How the pixels of a picture come from those of a level."""

    level: int
    downsample: float  # of the level
    scale: tuple[float, float]  # level pixels by picture pixels; 1: no resampling
    resample: Resample = "bicubic"

    @property
    def is_resampled(self) -> bool:
        return self.scale != (1.0, 1.0)

    @property
    def filter(self) -> int:
        """Pillow's number of the filter."""
        return FILTERS[self.resample][1]

    @property
    def margins(self) -> tuple[int, int]:
        """What may be needed beyond the left and upper edge, in pixels of the level.

        Constant, so that a picture does not depend on where it was cut.
        """
        support, _ = FILTERS[self.resample]
        x, y = (math.ceil(support * factor) + 1 for factor in self.scale)
        return x, y

    def source_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Of the region for a picture of `size`, in pixels of the level."""
        width, height = (
            math.ceil(side * factor) + 2 * margin + 1
            for side, factor, margin in zip(size, self.scale, self.margins, strict=True)
        )
        return width, height

    def box_size(self, size: tuple[int, int]) -> tuple[float, float]:
        """What of such a region becomes a picture of `size`, in pixels of the level."""
        return size[0] * self.scale[0], size[1] * self.scale[1]

    def sources(self, positions: Iterable[Iterable[float]]) -> Sources:
        """The regions for pictures that begin at (x, y), in pixels of the level."""
        starts, corners = array("q"), array("d")
        for position in positions:
            for place, margin in zip(position, self.margins, strict=True):
                rounded = round(place * _STEPS) / _STEPS
                start = math.floor(rounded) - margin
                corners.append(rounded - start)
                try:
                    starts.append(start)
                except OverflowError:
                    raise _arrays.too_far(position) from None
        return Sources(starts, corners)

    def resized(
        self, source: Image, corner: tuple[float, float], size: tuple[int, int]
    ) -> Image:
        """By Pillow: a picture of `size`, out of a region in which it begins at (x, y)."""
        from PIL.Image import Resampling

        width, height = self.box_size(size)
        box = (*corner, corner[0] + width, corner[1] + height)
        return source.resize(size, Resampling(self.filter), box)


class Views(NamedTuple):
    """Pictures of one resolution to read, checked."""

    sampling: Sampling
    size: tuple[int, int]
    positions: list[tuple[float, float]]  # of their corners, in pixels of the level
    background: tuple[int, int, int]
    is_masked: bool = False
    workers: int = 0  # as many as there may be

    @property
    def pixels(self) -> array[int]:
        """The nearest pixels of the level, x, y of each: where nothing is resampled."""
        places = [round(place) for pair in self.positions for place in pair]
        try:
            return array("q", places)
        except OverflowError:
            raise _arrays.too_far(self.positions) from None


def views(
    slide: AbstractSlide,
    locations: Points,
    mpp: float,
    size: tuple[int, int],
    coordinates: Unit,
    resample: Resample,
    slide_mpp: float | tuple[float, float] | None,
    background: Color | None,
    errors: ErrorPolicy = "raise",
    workers: int | None = None,
) -> Views:
    """What read_at() and its like are asked for; raises what they do."""
    is_masked, threads = _arrays.policy(errors, workers)
    in_microns = _arrays.is_second("coordinates", coordinates, ("level0", "microns"))
    mpp = _arrays.positive_number(mpp, "mpp")
    resolution = slide_resolution(slide, slide_mpp)
    sampling = choose_sampling(slide, None, mpp, resolution, resample)
    assert resolution is not None  # choose_sampling() wants it
    units = resolution if in_microns else (1.0, 1.0)
    positions = [
        (x / units[0] / sampling.downsample, y / units[1] / sampling.downsample)
        for x, y in _arrays.points(locations)
    ]
    color = _arrays.rgb(background, slide.properties)
    return Views(sampling, _arrays.sides(size), positions, color, is_masked, threads)


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
    resample: Resample = "bicubic",
) -> Sampling:
    """How to read a level, by default 0, or at mpp microns per pixel.

    For mpp, the best level that is not coarser, resampled; one within 2 % is taken
    as it is.

    Raises ValueError where level and mpp are both given, where there is no such
    level or filter, where the resolution is unknown, or where even the finest level
    is coarser than mpp.
    """
    if resample not in FILTERS:
        names = ", ".join(map(repr, FILTERS))
        raise ValueError(f"resample must be one of {names}, not {resample!r}")
    if mpp is None:
        number = _arrays.one_level(0 if level is None else level, slide.level_count)
        downsample = slide.level_downsamples[number]
        return Sampling(number, downsample, (1.0, 1.0), resample)
    if level is not None:
        raise ValueError(f"give a level or mpp, not both: {level!r} and {mpp!r}")
    if not 0 < mpp < math.inf:
        raise ValueError(f"mpp must be positive, not {mpp!r}")
    if slide_mpp is None:
        raise AdvisedError(
            repr(slide),
            "does not tell its resolution, so there is no way to read it at "
            f"{mpp} microns per pixel",
            "give {}, microns per level-0 pixel",
            "slide_mpp",
        )
    # Level-0 pixels by pixels of a tile.
    x, y = (mpp / resolution for resolution in slide_mpp)
    fitting = [
        (downsample, number)
        for number, downsample in enumerate(slide.level_downsamples)
        if downsample <= min(x, y) * (1 + _TOLERANCE)
    ]
    if not fitting:
        raise AdvisedError(
            repr(slide),
            f"has {max(slide_mpp):g} microns per pixel at best, which is "
            f"coarser than {mpp}",
            "where it says that wrongly, give {}, microns per level-0 pixel",
            "slide_mpp",
        )
    downsample, number = max(fitting, key=lambda pair: pair[0])
    scale = (_rounded(x / downsample), _rounded(y / downsample))
    return Sampling(number, downsample, scale, resample)


def _rounded(scale: float) -> float:
    return 1.0 if abs(scale - 1) <= _TOLERANCE else scale
