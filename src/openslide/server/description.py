"""What a slide is, as the JSON that the interface and the viewer's panel show."""

from __future__ import annotations

from typing import Any

from .._properties import (
    PROPERTY_NAME_OBJECTIVE_POWER,
    PROPERTY_NAME_VENDOR,
    background_color,
)
from .._slide import OpenSlide
from .layers import Layer
from .privacy import is_private_picture, shown_properties


def describe(
    slide: OpenSlide, layers: tuple[Layer, ...], *, labels: bool
) -> dict[str, Any]:
    """Sizes in pixels, resolutions in microns per level-0 pixel, and so on.

    labels: see privacy.
    """
    properties = dict(slide.properties)
    shown, hidden = shown_properties(properties, labels=labels)
    sizes = {
        name: slide._osr.associated_image_dimensions(name)
        for name in slide._osr.associated_image_names
    }
    private = {name for name in sizes if not labels and is_private_picture(name)}
    return {
        "vendor": properties.get(PROPERTY_NAME_VENDOR),
        "width": slide.dimensions[0],
        "height": slide.dimensions[1],
        "mpp": slide.mpp,
        "objective_power": _objective_power(properties),
        "bounds": _bounds(slide),
        "background": background_color(properties),
        "levels": [
            {"width": width, "height": height, "downsample": downsample}
            for (width, height), downsample in zip(
                slide.level_dimensions, slide.level_downsamples, strict=True
            )
        ],
        "layers": [layer.as_json() for layer in layers],
        "associated_images": [
            {"name": name, "width": size[0], "height": size[1]}
            for name, size in sorted(sizes.items())
            if name not in private
        ],
        "properties": shown,
        "hidden": sorted(private) + hidden,
    }


def _objective_power(properties: dict[str, str]) -> float | None:
    try:
        power = float(properties.get(PROPERTY_NAME_OBJECTIVE_POWER, ""))
    except ValueError:
        return None
    return power if 0 < power < 1000 else None


def _bounds(slide: OpenSlide) -> dict[str, int]:
    try:
        x, y, width, height = slide.bounds
    except ValueError:  # they are no numbers
        x, y, (width, height) = 0, 0, slide.dimensions
    return {"x": x, "y": y, "width": width, "height": height}
