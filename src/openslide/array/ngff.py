"""What the arrays of a slide are called, and what OME-NGFF 0.5 says of them.

https://ngff.openmicroscopy.org/0.5/
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from .._extras import zarr
from .._properties import (
    PROPERTY_NAME_OBJECTIVE_POWER,
    PROPERTY_NAME_QUICKHASH1,
    PROPERTY_NAME_VENDOR,
)
from .pyramid import Level, Pyramid, centres

if TYPE_CHECKING:
    from zarr.storage import MemoryStore

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


def create_group(
    store: Any,
    attributes: dict[str, Any],
    pyramid: Pyramid,
    storage: Callable[[Level], dict[str, Any]],
) -> Any:
    """Make the group of a slide and its arrays, without values; returns the group.

    storage: how the image of a level is stored, as zarr.Group.create_array() takes it.
    """
    creation = _create(store, attributes, pyramid, storage)
    # In a thread, for in this one there may be a loop, as in notebooks; Zarr's own face
    # without async would change threads for each group and array.
    with ThreadPoolExecutor(1) as thread:
        return zarr().Group(thread.submit(asyncio.run, creation).result())


async def _create(
    store: Any,
    attributes: dict[str, Any],
    pyramid: Pyramid,
    storage: Callable[[Level], dict[str, Any]],
) -> Any:
    group = await zarr().api.asynchronous.create_group(
        store=store, attributes=attributes, zarr_format=3
    )
    for level in pyramid.levels:
        width, height = level.size
        folder = await group.create_group(str(level.number))
        await folder.create_array(
            IMAGE,
            shape=(3, height, width),
            dtype="uint8",
            dimension_names=DIMENSIONS,
            chunks=(3, *reversed(level.chunk)),
            **storage(level),
        )
        for axis, side in zip(SPACE, (height, width), strict=True):
            await folder.create_array(
                axis,
                shape=(side,),
                chunks=(max(side, 1),),
                dtype="float64",
                dimension_names=(axis,),
                compressors=None,
            )
    return group


def interleaved(**storage: Any) -> dict[str, Any]:
    """Storage of chunks whose pixels come one after another; transposing is free."""
    return {
        "filters": [zarr().codecs.TransposeCodec(order=(1, 2, 0))],
        "compressors": None,
        **storage,
    }


def write_centres(group: Any, pyramid: Pyramid) -> None:
    """Fill the arrays that tell where pixels are."""
    for level in pyramid.levels:
        for axis in SPACE:
            group[f"{level.number}/{axis}"][:] = centres(level, axis)


def files_of(store: MemoryStore) -> dict[str, bytes]:
    """All files of a store, by name."""
    return {name: value.to_bytes() for name, value in store._store_dict.items()}
