"""What subinterpreter.py has interpreters do."""

import sys
from collections.abc import Callable
from typing import Any

import openslide

REGION = ((30, 40), 0, (90, 80))
# The slides that leave_open() leaves to the end of the interpreter.
kept: list[Any] = []


def look(path: str) -> dict[str, Any]:
    """All that a slide says without Pillow, as literals."""
    with openslide.OpenSlide(path) as slide:
        name = sorted(slide.associated_images)[0]
        pixels = [
            slide._osr.read_region(*REGION),
            slide._osr.read_region((-5, 17), slide.level_count - 1, (70, 60)),
            slide._osr.read_associated_image(name)[0],
        ]
        return {
            "library": openslide.__library_path__,
            "vendor": openslide.OpenSlide.detect_format(path),
            "dimensions": slide.level_dimensions,
            "downsamples": slide.level_downsamples,
            "properties": dict(slide.properties),
            "profile": slide._profile,
            # No digests: a crash at the end of 3.12 follows an interpreter that is
            # the first to import hashlib.
            "pixels": pixels,
        }


def see(path: str, expected: dict[str, Any]) -> None:
    found = look(path)
    assert found == expected, (found, expected)
    assert "PIL" not in sys.modules
    assert "ctypes" not in sys.modules


def leave_open(path: str) -> None:
    """Slides, one of them in a cycle, one with a cache, and nobody closes them."""
    slide = openslide.OpenSlide(path)
    assert slide._osr.read_region(*REGION)
    cycle: list[Any] = [openslide.OpenSlide(path), slide.properties]
    cycle.append(cycle)
    kept.extend((slide, slide.properties, cycle))
    if openslide.lowlevel.set_cache.available:
        slide.set_cache(openslide.OpenSlideCache(100_000))
        assert slide._osr.read_region(*REGION)


def catch_errors(path: str) -> None:
    """Every interpreter has classes of its own, and meets no other's."""
    from openslide._argument_errors import ArgumentTypeError, ArgumentValueError

    slide = openslide.OpenSlide(path)
    attempts: list[tuple[type[Exception], Callable[[], object]]] = [
        (openslide.OpenSlideError, lambda: slide._osr.read_region((0, 0), 0, (-1, 1))),
        (openslide.OpenSlideUnsupportedFormatError, lambda: openslide.OpenSlide("no")),
        (ArgumentTypeError, lambda: slide._osr.read_region((0, 0), "0", (1, 1))),  # type: ignore[arg-type]
        (ArgumentValueError, slide.close),
    ]
    slide.close()
    for expected, attempt in attempts:
        found = None
        try:
            attempt()
        except Exception as error:
            found = error
        assert type(found) is expected, repr(found)


def make_picture(path: str, expected: bytes) -> None:
    """Whether Pillow works here is Pillow's decision, whose words are printed."""
    with openslide.OpenSlide(path) as slide:
        try:
            pixels = slide.read_region(*REGION).tobytes()
        except ImportError as refusal:
            print(refusal, flush=True)
        else:
            assert pixels == expected
            print("no objection", flush=True)
        assert slide._osr.read_region(*REGION) == expected
