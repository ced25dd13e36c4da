"""A slide that has failed before the fork: ON_ERROR SLIDE.

The last tile of level 0 of the slide is damaged.
"""

from __future__ import annotations

import sys
from typing import Any

from openslide import OpenSlide, OpenSlideError
from tests.isolated.fork_scenarios import check, fork, read


def raises(slide: OpenSlide, place: tuple[int, int]) -> bool:
    try:
        read(slide, place)
    except OpenSlideError:
        return True
    return False


def main(on_error: Any, path: str) -> None:
    slide = OpenSlide(path, on_error=on_error)
    expected = read(slide, (0, 0))
    damage = (slide.dimensions[0] - 5, slide.dimensions[1] - 5)
    latches = on_error == "raise"

    def behave() -> None:
        """The child has a handle of its own, which has not failed yet."""
        check(read(slide, (0, 0)) == expected, "other pixels in the child")
        check(raises(slide, damage), "the child reads damage")
        if latches:
            check(raises(slide, (0, 0)), "the child's error does not latch")
        else:
            check(read(slide, (0, 0)) == expected, "other pixels after the failure")

    fork(behave)
    for _ in range(3):
        check(raises(slide, damage), "the parent reads damage")
        fork(behave)
        fork(behave, at_once=False)
        check(raises(slide, (0, 0)) == latches, "the parent's error has changed")


if __name__ == "__main__":
    main(*sys.argv[1:])
