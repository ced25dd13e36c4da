"""Slides hold all descriptors that the process may have: HOLDER SLIDE.

HOLDER is read directly.  All that opens files gets what the slides can spare.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack

from openslide import OpenSlide, OpenSlideCache, lowlevel
from tests.isolated.direct_scenarios import room_for
from tests.isolated.fork_scenarios import check

USES: dict[str, Callable[[OpenSlide, str], object]] = {
    "detecting": lambda slide, path: OpenSlide.detect_format(path),
    "opening": lambda slide, path: OpenSlide(path).dimensions,
    "reading": lambda slide, path: slide.read_region((90, 80), 0, (99, 99)).tobytes(),
    "a batch": lambda slide, path: slide.read_batch(
        [(0, 0), (300, 200)], 0, (50, 50)
    ).tobytes(),
    "words": lambda slide, path: lowlevel.read_region(
        slide._osr, 9, 9, 0, 99, 99
    ).tobytes(),
    "profile": lambda slide, path: slide._osr.icc_profile(),
    "images": lambda slide, path: {
        name: (image.tobytes(), image.info.get("icc_profile"))
        for name, image in slide.associated_images.items()
    },
}


def main(holder: str, path: str) -> None:
    with ExitStack() as stack:
        holders = [stack.enter_context(OpenSlide(holder)) for _ in range(20)]
        for held in holders:
            held.set_cache(OpenSlideCache(0))  # or a tile needs no file
        for name, use in USES.items():
            for room in range(3):
                with OpenSlide(path, direct=False) as slide:
                    expected = use(slide, path)
                for held in holders:
                    held.read_region((0, 0), 0, (9, 9))
                with OpenSlide(path, direct=False) as slide, room_for(room):
                    check(use(slide, path) == expected, f"{name}, room for {room}")


if __name__ == "__main__":
    main(*sys.argv[1:])
