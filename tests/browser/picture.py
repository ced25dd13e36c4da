"""The picture of the viewer that the README shows: python -m tests.browser.picture OUT.

Tissue that tests.slides makes up, with annotations, in headless Chromium.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.chromium import launched, wait_until
from tests.served import serving
from tests.slides import write_aperio
from tests.slides.content import tissue
from tests.slides.writers import GT450

_SIZE = {"width": 1280, "height": 760}
_SEED = 11
_MIDDLE, _ZOOM = (2800, 2048), 0.21
_CLASSES = {
    "Tumor": ([200, 40, 60], (1900, 1900), 700),
    "Stroma": ([40, 130, 80], (3600, 2600), 500),
}


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


def make(out: Path) -> None:
    """Write the picture, a JPEG file."""
    with tempfile.TemporaryDirectory() as folder:
        image = tissue(5632, 4096, seed=_SEED)
        slide = write_aperio(
            Path(folder), name="biopsy", image=image, dialect=GT450
        ).path
        slide.with_suffix(".geojson").write_text(json.dumps(_annotations()))
        with serving(slide) as client, launched() as browser:
            page = browser.new_page(viewport=_SIZE)
            place = f"#x={_MIDDLE[0]}&y={_MIDDLE[1]}&zoom={_ZOOM}"
            page.goto(f"http://localhost:{client.port}/view?slide={slide.name}{place}")
            wait_until(page, "document.body.dataset.ready === 'true'")
            page.keyboard.press("p")
            page.keyboard.press("m")
            page.mouse.click(420, 560)
            page.mouse.click(690, 610)
            wait_until(page, "viewer.world.getItemAt(0).getFullyLoaded()")
            page.wait_for_timeout(1000)  # tiles are blended in
            out.parent.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=out, type="jpeg", quality=70)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
