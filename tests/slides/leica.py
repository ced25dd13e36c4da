"""Leica (.scn): XML places several images in a collection, in nanometres.

The image whose view is the whole collection is the macro; the others are
separate regions of the slide, with nothing between them.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

import numpy as np
from PIL import Image

from .content import (
    MPP,
    OBJECTIVE_POWER,
    RgbImage,
    as_pillow,
    macro,
    reference,
    shrink,
    size_of,
)
from .dialect import Changes, Dialect, SlideTiff
from .facts import Patch, SlideFacts
from .markup import Node, node, to_xml
from .pyramid import Box, pyramid
from .tiff import Tag, TagDict, resolution_tags

_NAMESPACE = "http://www.leica-microsystems.com/scn/2010/10/01"
_BARCODE = "SYNTHETIC-0001"
_NANOMETRES_PER_PIXEL = int(MPP * 1000)
_MACRO_WIDTH = 640

PLAIN = Dialect(big=True)


@dataclass(frozen=True)
class Area:
    """A region of the slide that was scanned.

    Attributes:
        box: the part of the image that it shows, as x, y, width and height.
        at: where it lies in the collection, in level-0 pixels or parts of them.
        stretch: how much larger its pixels are than those of level 0.
        illumination: libopenslide shows "brightfield" alone.
        channels: how many images there are of each level, one after another.
    """

    box: Box
    at: tuple[float, float]
    stretch: float = 1
    illumination: str = "brightfield"
    channels: int = 1


@dataclass(frozen=True)
class _ScnImage:
    """An image element: x, y, width and height in level-0 pixels, and its levels."""

    box: tuple[float, float, float, float]
    objective: int
    levels: list[tuple[float, RgbImage]]
    illumination: str = "brightfield"
    channels: int = 1


def write_leica(
    folder: Path,
    *,
    name: str = "leica",
    dialect: Dialect = PLAIN,
    image: RgbImage | None = None,
    areas: Sequence[Area] | None = None,
    planes: int = 1,
    **changes: Unpack[Changes],
) -> SlideFacts:
    """Write `name`.scn with areas cut from `image`, by default two.

    Further focal `planes` show the same, upside down.  The facts of slides with
    areas of one's own are those of the first one alone.
    """
    dialect = replace(dialect, **changes)
    factors = dialect.factors
    if image is None:
        image = reference()
    collection, patches = _layout(image)
    if areas is None:
        areas = [Area((*p.source, *size_of(p.content)), p.at) for p in patches]
    else:
        patches = (_patch(image, areas[0]),)
    small_macro = _collection_macro(collection)
    images = [_macro_image(collection, small_macro)]
    images += [_area_image(image, area, factors) for area in areas]
    first: TagDict = {Tag.IMAGE_DESCRIPTION: to_xml(_scn(collection, images, planes))}
    path = folder / f"{name}.scn"
    with SlideTiff(path, dialect) as tiff:
        for scn_image in images:
            for layer in range(planes * scn_image.channels):
                for level, (factor, shrunk) in enumerate(scn_image.levels):
                    shown = shrunk[::-1] if layer else shrunk
                    tiff.level(level, shown, resolution_tags(factor) | first)
                    first = {}
    width, height = collection
    margin_x, margin_y = patches[0].at
    region_width, _ = size_of(patches[0].content)
    return SlideFacts(
        path=path,
        vendor="leica",
        level_dimensions=tuple(
            _level_size(collection, region_width, factor) for factor in factors
        ),
        patches=patches,
        associated={"macro": size_of(small_macro)},
        barcode=_BARCODE,
        holes=((0, 0, width, margin_y), (0, 0, margin_x, height)),
    )


def _patch(image: RgbImage, area: Area) -> Patch:
    x, y = area.at
    return Patch.crop(image, area.box, (int(x), int(y)))


def _area_image(image: RgbImage, area: Area, factors: Sequence[int]) -> _ScnImage:
    content = _patch(image, area).content
    width, height = (length * area.stretch for length in size_of(content))
    levels = [(float(f), shrunk) for f, shrunk in pyramid(content, factors)]
    box = (*area.at, width, height)
    return _ScnImage(box, OBJECTIVE_POWER, levels, area.illumination, area.channels)


def _layout(image: RgbImage) -> tuple[tuple[int, int], tuple[Patch, ...]]:
    """Size of the collection, and the regions in it.

    Margins and gaps are multiples of 16, so that regions start on whole pixels
    in every level.
    """
    width, height = size_of(image)
    half, two_thirds = width // 2, height * 2 // 3
    left = Patch.crop(image, (0, 0, half, two_thirds), (160, 128))
    lower = height - two_thirds
    right = Patch.crop(image, (half, lower, half, two_thirds), (half + 320, 640))
    return (width + 512, height + 384), (left, right)


def _level_size(
    collection: tuple[int, int], region_width: int, factor: int
) -> tuple[int, int]:
    """The collection, rounded up, at the scale that a region's width was stored."""
    stored_width = region_width // factor
    width, height = (-(-length * stored_width // region_width) for length in collection)
    return width, height


def _collection_macro(collection: tuple[int, int]) -> RgbImage:
    """The macro in the collection's proportions."""
    width, height = collection
    size = (_MACRO_WIDTH, round(_MACRO_WIDTH * height / width))
    return np.asarray(as_pillow(macro()).resize(size, Image.Resampling.BILINEAR))


def _macro_image(collection: tuple[int, int], picture: RgbImage) -> _ScnImage:
    factor = collection[0] / _MACRO_WIDTH
    levels = [(factor, picture), (factor * 2, shrink(picture, 2))]
    return _ScnImage((0, 0, *collection), 1, levels)


def _scn(collection: tuple[int, int], images: Sequence[_ScnImage], planes: int) -> Node:
    width, height = collection
    elements: list[Node] = []
    directory = 0
    for image in images:
        elements.append(_image_element(image, directory, planes))
        directory += len(image.levels) * planes * image.channels
    return node(
        "scn",
        node(
            "collection",
            node("barcode", b64encode(_BARCODE.encode()).decode()),
            *elements,
            sizeX=width * _NANOMETRES_PER_PIXEL,
            sizeY=height * _NANOMETRES_PER_PIXEL,
        ),
        xmlns=_NAMESPACE,
    )


def _image_element(image: _ScnImage, first_directory: int, planes: int) -> Node:
    x, y, width, height = (int(side * _NANOMETRES_PER_PIXEL) for side in image.box)
    dimensions = (
        node(
            "dimension",
            sizeX=shrunk.shape[1],
            sizeY=shrunk.shape[0],
            r=level,
            ifd=first_directory + layer * len(image.levels) + level,
            **({"z": layer // image.channels} if planes > 1 else {}),
            **({"c": layer % image.channels} if image.channels > 1 else {}),
        )
        for layer in range(planes * image.channels)
        for level, (_, shrunk) in enumerate(image.levels)
    )
    return node(
        "image",
        node("creationDate", "2020-01-02T03:04:05.67Z"),
        node("device", model="synthetic", version="1.0"),
        node("pixels", *dimensions),
        node("view", sizeX=width, sizeY=height, offsetX=x, offsetY=y),
        node(
            "scanSettings",
            node("objectiveSettings", node("objective", image.objective)),
            node(
                "illuminationSettings",
                node("numericalAperture", 0.4),
                node("illuminationSource", image.illumination),
            ),
        ),
    )
