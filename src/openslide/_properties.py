"""Names of the properties that libopenslide derives for slides of all vendors.

https://openslide.org/api/python/#standard-properties describes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

PROPERTY_NAME_BACKGROUND_COLOR = "openslide.background-color"
PROPERTY_NAME_BARCODE = "openslide.barcode"
PROPERTY_NAME_BOUNDS_HEIGHT = "openslide.bounds-height"
PROPERTY_NAME_BOUNDS_WIDTH = "openslide.bounds-width"
PROPERTY_NAME_BOUNDS_X = "openslide.bounds-x"
PROPERTY_NAME_BOUNDS_Y = "openslide.bounds-y"
PROPERTY_NAME_COMMENT = "openslide.comment"
PROPERTY_NAME_MPP_X = "openslide.mpp-x"
PROPERTY_NAME_MPP_Y = "openslide.mpp-y"
PROPERTY_NAME_OBJECTIVE_POWER = "openslide.objective-power"
PROPERTY_NAME_QUICKHASH1 = "openslide.quickhash-1"
PROPERTY_NAME_VENDOR = "openslide.vendor"


def background_color(properties: Mapping[str, str]) -> str:
    """What shows where a slide is transparent, as Pillow names colours."""
    return "#" + properties.get(PROPERTY_NAME_BACKGROUND_COLOR, "ffffff")


def stored_tile_side(
    properties: Mapping[str, str], level: int, side: Literal["width", "height"]
) -> int:
    """Of the tiles that a level is stored in, in its pixels; 0 where it names none."""
    text = properties.get(f"openslide.level[{level}].tile-{side}", "")
    return int(text) if text.isdecimal() else 0
