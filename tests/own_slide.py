"""Slides of a kind of their own, as programs derive them from AbstractSlide.

The oracle imports this too, so it needs what openslide-python has, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from PIL.Image import Image

from openslide import AbstractSlide


class OwnSlide(AbstractSlide):
    """All of a slide of two levels but read_region().

    LEVELS:     dimensions of the levels.
    DOWNSAMPLE: of the second one.
    """

    LEVELS: ClassVar[tuple[tuple[int, int], ...]] = ((100, 60), (50, 30))
    DOWNSAMPLE: ClassVar[float] = 2.0

    def __init__(self, properties: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._properties = properties or {}

    @classmethod
    def detect_format(cls, filename: Any) -> str | None:
        return "own"

    def close(self) -> None:
        pass

    @property
    def level_count(self) -> int:
        return len(self.LEVELS)

    @property
    def level_dimensions(self) -> tuple[tuple[int, int], ...]:
        return self.LEVELS

    @property
    def level_downsamples(self) -> tuple[float, ...]:
        return (1.0, self.DOWNSAMPLE)

    @property
    def properties(self) -> Mapping[str, str]:
        return self._properties

    @property
    def associated_images(self) -> Mapping[str, Image]:
        return {}

    def get_best_level_for_downsample(self, downsample: float) -> int:
        return int(downsample >= self.DOWNSAMPLE)
