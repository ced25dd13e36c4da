"""What the arrays of a slide are called, and what OME-NGFF 0.5 says of them.

https://ngff.openmicroscopy.org/0.5/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._properties import (
    PROPERTY_NAME_OBJECTIVE_POWER,
    PROPERTY_NAME_QUICKHASH1,
    PROPERTY_NAME_VENDOR,
)
from .pyramid import Level, Pyramid

if TYPE_CHECKING:
    import zarr

    from .._abstract_slide import AbstractSlide

#: Each level is a group with an image of this name: a group of arrays of different
#: sizes is no data set to xarray.
IMAGE = "image"
SPACE = ("y", "x")
DIMENSIONS = ("c", *SPACE)

_COLORS = {"red": "FF0000", "green": "00FF00", "blue": "0000FF"}
_FACTS = (
    PROPERTY_NAME_VENDOR,
    PROPERTY_NAME_OBJECTIVE_POWER,
    PROPERTY_NAME_QUICKHASH1,
)


def attributes(slide: AbstractSlide, pyramid: Pyramid, name: str) -> dict[str, Any]:
    """The attributes of the group: its levels, its channels, what slide it shows."""
    properties = slide.properties
    facts = {fact: properties[fact] for fact in _FACTS if fact in properties}
    return {
        "ome": {
            "version": "0.5",
            "multiscales": [
                {
                    "name": name,
                    "axes": _axes(pyramid),
                    "datasets": [_dataset(level) for level in pyramid.levels],
                }
            ],
            "omero": {"channels": [_channel(*item) for item in _COLORS.items()]},
        },
        "openslide": facts,
    }


def _axes(pyramid: Pyramid) -> list[dict[str, str]]:
    unit = {"unit": "micrometer"} if pyramid.has_microns else {}
    space = [{"name": axis, "type": "space", **unit} for axis in SPACE]
    return [{"name": "c", "type": "channel"}, *space]


def _dataset(level: Level) -> dict[str, Any]:
    (x, y), (left, top) = level.scale, level.origin
    return {
        "path": f"{level.number}/{IMAGE}",
        "coordinateTransformations": [
            {"type": "scale", "scale": [1.0, y, x]},
            {"type": "translation", "translation": [0.0, top, left]},
        ],
    }


def _channel(name: str, color: str) -> dict[str, Any]:
    return {
        "label": name,
        "color": color,
        "active": True,
        "window": {"start": 0, "end": 255, "min": 0, "max": 255},
    }


def create_arrays(
    group: zarr.Group, pyramid: Pyramid, storage: Callable[[Level], dict[str, Any]]
) -> None:
    """Make the arrays of a slide in a group, without pixels.

    storage: how the image of a level is stored, as zarr.Group.create_array() takes it.
    """
    for level in pyramid.levels:
        width, height = level.size
        folder = group.create_group(str(level.number))
        folder.create_array(
            IMAGE,
            shape=(3, height, width),
            dtype="uint8",
            dimension_names=DIMENSIONS,
            chunks=(3, *reversed(level.chunk)),
            **storage(level),
        )
        for axis, side in zip(SPACE, (height, width), strict=True):
            folder.create_array(
                axis,
                shape=(side,),
                chunks=(max(side, 1),),
                dtype="float64",
                dimension_names=(axis,),
                compressors=None,
            )
