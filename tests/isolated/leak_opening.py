"""Slides that come and go, and those that do not open: FOLDER SLIDE.

The last tile of level 0 of the slide is damaged.
"""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image

from openslide import ImageSlide, OpenSlide, OpenSlideCache, OpenSlideError, lowlevel
from openslide._library import has_function
from tests.isolated.leak_measure import check


def refused(call: Callable[..., object], *arguments: Any) -> Callable[[], None]:
    """A step that must fail."""

    def step() -> None:
        try:
            call(*arguments)
        except (OpenSlideError, ValueError, TypeError, OverflowError, MemoryError):
            return
        sys.exit(f"{call}{arguments} was not refused")

    return step


def main(folder: Path, path: str) -> None:
    def open_and_close() -> None:
        slide = OpenSlide(path)
        slide.read_region((0, 0), 0, (8, 8))
        slide.close()

    def open_and_drop() -> None:
        OpenSlide(path).properties["openslide.vendor"]

    def close_twice() -> None:
        slide = OpenSlide(path)
        slide.close()
        refused(slide.close)()

    def fail_and_drop() -> None:
        slide = OpenSlide(path)
        refused(slide.read_region, damage, 0, (4, 4))()
        refused(slide.read_region, (0, 0), 0, (4, 4))()

    with OpenSlide(path) as slide:
        damage = (slide.dimensions[0] - 5, slide.dimensions[1] - 5)
    check("open and close", open_and_close, 400)
    check("open and drop", open_and_drop, 400)
    check("close twice", close_twice, 400)
    check("fail and drop", fail_and_drop, 400)

    text = folder / "notes.svs"
    text.write_text("no slide")
    check("a missing file", refused(OpenSlide, str(folder / "missing.svs")), 1000)
    check("no slide", refused(OpenSlide, text), 1000)
    check("no path", refused(OpenSlide, 3), 1000)
    check("another on_error", refused(lambda: OpenSlide(path, on_error=any)), 1000)  # type: ignore[arg-type]
    check("detect_format", lambda: OpenSlide.detect_format(path), 1000)
    check("no format", lambda: OpenSlide.detect_format(text), 1000)
    check("low-level handles", lambda: lowlevel.close(lowlevel.open(path)), 400)

    slide = OpenSlide(path)
    if has_function("cache_create"):
        slide.set_cache(OpenSlideCache(100_000))
    check("pickle", lambda: pickle.loads(pickle.dumps(slide)), 400)
    check("copy", lambda: copy.copy(slide), 400)
    check("deepcopy", lambda: copy.deepcopy(slide), 400)
    text.unlink()
    data = pickle.dumps(slide).replace(path.encode(), path.encode()[:-1] + b"_")
    check("unpickle a missing file", refused(pickle.loads, data), 1000)
    slide.close()
    check("pickle what is closed", refused(pickle.dumps, slide), 1000)
    check("use what is closed", refused(slide.read_region, (0, 0), 0, (1, 1)), 1000)

    images(folder)


def images(folder: Path) -> None:
    path = folder / "image.png"
    Image.new("RGB", (40, 30), "pink").save(path)

    def use() -> None:
        with ImageSlide(path) as slide:
            slide.read_region((0, 0), 0, (40, 30))
            with suppress(OpenSlideError):
                slide.read_region((0, 0), 1, (40, 30))

    def duplicate(slide: ImageSlide) -> None:
        pickle.loads(pickle.dumps(slide)).close()
        copy.deepcopy(slide).close()

    check("image slides", use, 400)
    with ImageSlide(path) as slide:
        check("duplicates of image slides", lambda: duplicate(slide), 400)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
