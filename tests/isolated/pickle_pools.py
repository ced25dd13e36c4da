"""Slides given to a pool of processes: METHOD SLIDE IMAGE."""

from __future__ import annotations

import hashlib
import multiprocessing
import sys
from functools import partial

from openslide import AbstractSlide, ImageSlide, OpenSlide, OpenSlideCache
from openslide._library import has_function
from openslide.deepzoom import DeepZoomGenerator

PLACES = [(x, y) for y in range(0, 80, 40) for x in range(0, 120, 20)]

inherited: OpenSlide | None = None


def digest(slide: AbstractSlide, place: tuple[int, int]) -> str:
    return hashlib.sha256(slide.read_region(place, 0, (64, 64)).tobytes()).hexdigest()


def digest_with(argument: tuple[AbstractSlide, tuple[int, int]]) -> str:
    return digest(*argument)


def digest_inherited(place: tuple[int, int]) -> str:
    if inherited is None:
        raise RuntimeError("a child of fork() lacks the global")
    return digest(inherited, place)


def deep_zoom_tile(pyramid: DeepZoomGenerator, column: int) -> bytes:
    return pyramid.get_tile(pyramid.level_count - 1, (column, 0)).tobytes()


def check(found: object, expected: object, what: str) -> None:
    if found != expected:
        sys.exit(f"{what}: other pixels in the pool")


def main(method: str, slide_path: str, image_path: str) -> None:
    global inherited
    slide = OpenSlide(slide_path)
    image = ImageSlide(image_path)
    held = ImageSlide(image.read_region((0, 0), 0, image.dimensions))
    shared = [OpenSlide(slide_path), OpenSlide(slide_path)]
    if has_function("cache_create"):
        cache = OpenSlideCache(1 << 20)
        for sharer in shared:
            sharer.set_cache(cache)
    everything: list[AbstractSlide] = [slide, *shared, image, held]
    expected = {one: [digest(one, place) for place in PLACES] for one in everything}
    pyramid = DeepZoomGenerator(slide, 62, 1)
    deep_zoom = [deep_zoom_tile(pyramid, column) for column in range(4)]
    inherited = slide

    with multiprocessing.get_context(method).Pool(2) as pool:
        for one in everything:
            found = pool.map(partial(digest, one), PLACES, chunksize=1)
            check(found, expected[one], repr(one))
        pairs = [(one, PLACES[i]) for i in range(3) for one in everything]
        found = pool.map(digest_with, pairs, chunksize=5)
        check(found, [digest(*pair) for pair in pairs], "slides pickled together")
        check(
            pool.map(partial(deep_zoom_tile, pyramid), range(4)), deep_zoom, "Deep Zoom"
        )
        if method == "fork":
            found = pool.map(digest_inherited, PLACES, chunksize=1)
            check(found, expected[slide], "an inherited slide")
        pool.close()
        pool.join()
    for one in everything:
        check([digest(one, place) for place in PLACES], expected[one], "afterwards")
        one.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
