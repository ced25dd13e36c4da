"""A forked child has a slide as it was opened, whatever the options: SLIDE."""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

from openslide import OpenSlide
from tests.isolated.fork_scenarios import check, fork
from tests.test_reopen import CAPACITIES, ON_ERROR, description, open_with


def compare(slide: OpenSlide, options: tuple[object, ...]) -> None:
    expected = description(slide)

    def behave() -> None:
        found = description(slide)
        other = [name for name in expected if found[name] != expected[name]]
        check(not other, f"{options}: the child sees other {other}")

    fork(behave)
    fork(lambda: fork(behave))
    check(description(slide) == expected, f"{options}: the parent sees other things")


def main(path: str) -> None:
    for options in product(ON_ERROR, (True, False), CAPACITIES):
        with open_with(Path(path), *options) as slide:
            compare(slide, options)


if __name__ == "__main__":
    main(sys.argv[1])
