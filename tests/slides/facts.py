"""What a test may expect of a slide."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .content import MPP, OBJECTIVE_POWER, RgbImage, size_of
from .pyramid import Box


@dataclass(frozen=True, eq=False)
class Patch:
    """Known pixels: `content` lies at `at` in level 0, except where holes are.

    Attributes:
        at: x and y of the top left corner, in level-0 pixels.
        content: the RGB pixels that the slide was made from.
        source: x and y of the same corner in the image that the slide shows,
            by default the reference image.
    """

    at: tuple[int, int]
    content: RgbImage
    source: tuple[int, int] = (0, 0)

    @classmethod
    def crop(cls, image: RgbImage, box: Box, at: tuple[int, int]) -> "Patch":
        """The part of `image` in `box` (x, y, width, height), found at `at`."""
        x, y, width, height = box
        return cls(at, image[y : y + height, x : x + width], (x, y))


@dataclass(frozen=True, eq=False)
class SlideFacts:
    """One slide that has been written.

    Attributes:
        path: the file to open.
        vendor: the name that `detect_format` returns.
        level_dimensions: width and height of each level, in level pixels.
        patches: known pixels of level 0.
        mpp: microns per level-0 pixel, the same in x and y; None if unknown.
        objective_power: nominal magnification; None if unknown.
        associated: width and height of each associated image.
        has_icc: whether the slide has an ICC profile.
        associated_with_icc: the associated images that have an ICC profile.
        barcode: the `openslide.barcode` property; None if absent.
        holes: boxes (x, y, width, height) in level-0 pixels that hold no data
            and read as fully transparent.
        lossless: whether level 0 returns the patches exactly.
        is_pyramid: whether every level shows all of level 0, shrunken as scanners
            shrink.  Else some are masks or padded, or made from others at sight.
    """

    path: Path
    vendor: str
    level_dimensions: tuple[tuple[int, int], ...]
    patches: tuple[Patch, ...]
    mpp: float | None = MPP
    objective_power: float | None = OBJECTIVE_POWER
    associated: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    has_icc: bool = False
    associated_with_icc: frozenset[str] = frozenset()
    barcode: str | None = None
    holes: tuple[Box, ...] = ()
    lossless: bool = False
    is_pyramid: bool = True

    def as_json(self, folder: Path) -> dict[str, Any]:
        """The facts for a manifest in `folder`; patches without their pixels."""
        return {
            "path": self.path.relative_to(folder).as_posix(),
            "vendor": self.vendor,
            "level_dimensions": self.level_dimensions,
            "patches": [
                {"at": p.at, "source": p.source, "size": size_of(p.content)}
                for p in self.patches
            ],
            "mpp": self.mpp,
            "objective_power": self.objective_power,
            "associated": dict(self.associated),
            "has_icc": self.has_icc,
            "associated_with_icc": sorted(self.associated_with_icc),
            "barcode": self.barcode,
            "holes": self.holes,
            "lossless": self.lossless,
            "is_pyramid": self.is_pyramid,
        }
