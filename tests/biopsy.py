"""The made-up biopsy that the pictures of the documentation show."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from tests.slides import write_aperio
from tests.slides.content import tissue
from tests.slides.writers import GT450

_WIDTH, _HEIGHT, _SEED = 5632, 4096, 11
_CLASSES = {
    "Tumor": ([200, 40, 60], (1900, 1900), 700),
    "Stroma": ([40, 130, 80], (3600, 2600), 500),
}


def write_biopsy(folder: Path) -> Path:
    """Write the slide, biopsy.svs, and annotations beside it, biopsy.geojson."""
    image = tissue(_WIDTH, _HEIGHT, seed=_SEED)
    slide = write_aperio(folder, name="biopsy", image=image, dialect=GT450).path
    slide.with_suffix(".geojson").write_text(json.dumps(_annotations()))
    return slide


def _annotations() -> dict[str, Any]:
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [_blob(middle, radius)]},
            "properties": {"classification": {"name": name, "color": color}},
        }
        for name, (color, middle, radius) in _CLASSES.items()
    ]
    return {"type": "FeatureCollection", "features": features}


def _blob(middle: tuple[int, int], radius: float) -> list[list[float]]:
    """A round outline, bent a little."""
    points = [
        [
            middle[0] + radius * (1 + 0.18 * math.sin(3 * angle)) * math.cos(angle),
            middle[1] + radius * (1 + 0.12 * math.cos(5 * angle)) * math.sin(angle),
        ]
        for angle in (2 * math.pi * step / 90 for step in range(90))
    ]
    return [*points, points[0]]
