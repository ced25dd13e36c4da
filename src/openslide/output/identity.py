"""Which slide it is, wherever its file lies, and what it says of itself."""

from __future__ import annotations

import hashlib
import math
import os
from typing import Any

from .._abstract_slide import AbstractSlide
from .._properties import (
    PROPERTY_NAME_OBJECTIVE_POWER,
    PROPERTY_NAME_QUICKHASH1,
    PROPERTY_NAME_VENDOR,
)


def slide_identity(
    slide: AbstractSlide, path: str | os.PathLike[str]
) -> dict[str, Any]:
    """What tells a slide from all others, as JSON has it.

    path: of its file, on whatever disk.

    Where libopenslide has no quickhash, as of pictures, all of the file is hashed.
    """
    identity = file_identity(path)
    quickhash = slide.properties.get(PROPERTY_NAME_QUICKHASH1)
    if quickhash is not None:
        return identity | {"quickhash": quickhash}
    with open(path, "rb") as file:
        return identity | {"sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def file_identity(path: str | os.PathLike[str]) -> dict[str, Any]:
    """As much of that as is known without opening the file."""
    return {"slide": os.path.basename(path), "bytes": os.stat(path).st_size}


def slide_facts(slide: AbstractSlide) -> dict[str, Any]:
    """What a slide says of itself, as JSON has it; lengths in level-0 pixels."""
    return {
        "vendor": slide.properties.get(PROPERTY_NAME_VENDOR),
        "quickhash": slide.properties.get(PROPERTY_NAME_QUICKHASH1),
        "slide_mpp": slide.mpp and list(slide.mpp),
        "objective_power": _number(slide.properties.get(PROPERTY_NAME_OBJECTIVE_POWER)),
        "dimensions": list(slide.dimensions),
        "bounds": list(slide.bounds),
    }


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
