"""The picture of the viewer that the README shows: python -m tests.browser.picture OUT.

Tissue that tests.slides makes up, with annotations, in headless Chromium.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.biopsy import write_biopsy
from tests.chromium import launched, wait_until
from tests.served import serving

_SIZE = {"width": 1280, "height": 760}
_MIDDLE, _ZOOM = (2800, 2048), 0.21


def make(out: Path) -> None:
    """Write the picture, a JPEG file."""
    with tempfile.TemporaryDirectory() as folder:
        slide = write_biopsy(Path(folder))
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
