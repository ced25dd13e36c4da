"""What an image shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL.Image import Image


def pixels(image: Image) -> npt.NDArray[np.uint8]:
    return np.asarray(image)


def is_blank(region: Image) -> bool:
    """Whether all pixels are transparent black."""
    return not any(region.tobytes())


def is_opaque(region: Image) -> bool:
    return region.getchannel("A").getextrema() == (255, 255)


def only_colour(image: Image) -> tuple[int, ...]:
    """The colour of all pixels."""
    extrema: Any = image.getextrema()
    assert all(low == high for low, high in extrema)
    return tuple(low for low, _ in extrema)
