"""Everything that is done with an open slide: SLIDE.

The last tile of level 0 of the slide is damaged.
"""

from __future__ import annotations

import ctypes
import sys
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from openslide import OpenSlide, OpenSlideCache, _openslide, lowlevel
from openslide._library import has_function
from openslide.deepzoom import DeepZoomGenerator
from tests.isolated.leak_measure import check
from tests.isolated.leak_opening import refused


def reads(slide: OpenSlide) -> dict[str, tuple[Callable[[], object], int]]:
    images = slide.associated_images
    pyramid = DeepZoomGenerator(slide, 62, 1)
    level = pyramid.level_count - 1
    words = (ctypes.c_uint32 * 10_000)()
    return {
        "a region": (lambda: slide.read_region((3, 3), 0, (64, 64)), 2000),
        "an empty region": (lambda: slide.read_region((0, 0), 0, (0, 5)), 2000),
        "a level that is none": (lambda: slide.read_region((0, 0), 9, (9, 9)), 2000),
        "a divided region": (lambda: slide.read_region((-3000, 0), 0, (3000, 900)), 30),
        "a region at a resolution": (
            lambda: slide.read_image_at((3, 3), 0.8, (64, 64), slide_mpp=0.5),
            1000,
        ),
        "by ctypes": (
            lambda: lowlevel._read_region(slide._osr, words, 0, 0, 0, 100, 100),
            1000,
        ),
        "an associated image": (lambda: images["label"], 500),
        "its name": (lambda: list(images), 1000),
        "no associated image": (lambda: images.get("none"), 1000),
        "properties": (lambda: dict(slide.properties), 1000),
        "dimensions": (lambda: (slide.level_dimensions, slide.level_downsamples), 2000),
        "a thumbnail": (lambda: slide.get_thumbnail((20, 20)), 300),
        "a colour profile": (lambda: slide.color_profile, 300),
        "Deep Zoom": (lambda: DeepZoomGenerator(slide), 500),
        "a Deep Zoom tile": (lambda: pyramid.get_tile(level, (1, 1)), 500),
    }


def bad_arguments(slide: OpenSlide) -> dict[str, Callable[[], object]]:
    read: Any = slide.read_region
    osr = slide._osr

    def unread(rows: Sequence[int], resampling: Any) -> Callable[[], object]:
        """Two regions, each in a picture of its own, and one that is wrong."""
        pictures = [memoryview(bytearray(12)).cast("B", (1, 2, 2, 3)) for _ in range(2)]
        good = (
            osr,
            array("q", [0]),
            array("q", [0, 0]),
            array("q", [0]),
            0,
            True,
            None,
        )
        if resampling is not None:
            corners, *others = resampling
            resampling = (array("d", corners), *others)
        wrong = (osr, array("q", rows), *good[2:6], resampling)
        requests = (good, wrong)
        return refused(_openslide.read_batches, tuple(pictures), requests, False, 0)

    return {
        "no pair": refused(read, 3, 0, (1, 1)),
        "a pair of text": refused(read, ("1", "2"), 0, (1, 1)),
        "no level": refused(read, (0, 0), "0", (1, 1)),
        "a negative size": refused(read, (0, 0), 0, (-1, 1)),
        "a size beyond memory": refused(read, (0, 0), 0, (1 << 40, 1 << 30)),
        "a filter that is none": unread((1,), ((0, 0), (1, 1), (1.0, 1.0), 9, 0)),
        "boxes without corners": unread((1,), ((), (4, 4), (4.0, 4.0), 3, 0)),
        "boxes that lie elsewhere": unread((1,), ((9, 9), (4, 4), (4.0, 4.0), 3, 0)),
        "a row that is none": unread((2,), None),
        "no rows": unread((), None),
        "64 bits and more": refused(read, (1 << 70, 0), 0, (1, 1)),
        "no cache": refused(slide.set_cache, 3),
        "no capacity": refused(OpenSlideCache, "many"),
        "a negative capacity": refused(OpenSlideCache, -1),
        "no handle": refused(lowlevel.get_level_count, 3),
        "no image": refused(lowlevel.read_associated_image, osr, "none"),
        "no size for a thumbnail": refused(slide.get_thumbnail, (0, 0)),
    }


def main(path: str) -> None:
    with OpenSlide(path) as slide:
        for what, (step, repetitions) in reads(slide).items():
            check(what, step, repetitions)
        for what, refusal in bad_arguments(slide).items():
            check(what, refusal, 1000)
        if has_function("read_icc_profile"):
            check("a profile", slide._osr.icc_profile, 1000)
        if has_function("cache_create"):
            check("set_cache", lambda: slide.set_cache(OpenSlideCache(9999)), 1000)
        damage = (slide.dimensions[0] - 5, slide.dimensions[1] - 5)

    with OpenSlide(path, on_error="reopen") as slide:
        if has_function("cache_create"):
            slide.set_cache(OpenSlideCache(100_000))
        fail = refused(slide.read_region, damage, 0, (4, 4))
        check("fail", fail, 400)

        def fail_and_use() -> None:
            fail()
            slide.read_region((0, 0), 0, (8, 8))

        check("fail and reopen", fail_and_use, 400)


if __name__ == "__main__":
    main(sys.argv[1])
