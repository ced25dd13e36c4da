"""Change a slide's files while it is open, in a process that may die of it.

    python -m tests.damage.meddle PATH ACTION OTHER FILE...

Reads a region of each level before and after the change, and prints what the
second reading gave, a level a line: "same", "other" pixels, or the exception.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from openslide import OpenSlide, OpenSlideCache, OpenSlideError

_SIDE = 200


def delete(file: Path, other: Path) -> None:
    """Remove the name; descriptors that are open keep the contents."""
    file.unlink()


def truncate(file: Path, other: Path) -> None:
    """Take the contents away: of a mapped file, access would raise SIGBUS."""
    os.truncate(file, 0)


def halve(file: Path, other: Path) -> None:
    """Take the second half of the contents away."""
    os.truncate(file, file.stat().st_size // 2)


def overwrite(file: Path, other: Path) -> None:
    """Other contents in the same file."""
    shutil.copyfile(other, file)


def replace(file: Path, other: Path) -> None:
    """Another file of the same name, as programs save atomically."""
    copy = file.with_name(file.name + ".new")
    shutil.copyfile(other, copy)
    copy.replace(file)


ACTIONS = {
    action.__name__: action for action in (delete, truncate, halve, overwrite, replace)
}


def _readings(slide: OpenSlide) -> Iterator[bytes | OpenSlideError]:
    for level in range(slide.level_count):
        width, height = slide.dimensions
        at = (width // 2, height // 2)
        try:
            yield slide.read_region(at, level, (_SIDE, _SIDE)).tobytes()
        except OpenSlideError as error:
            yield error


def main() -> None:
    path, action, other = Path(sys.argv[1]), ACTIONS[sys.argv[2]], Path(sys.argv[3])
    files = [Path(name) for name in sys.argv[4:]]
    with OpenSlide(path, on_error="reopen") as slide:
        before = list(_readings(slide))
        slide.set_cache(OpenSlideCache(0))  # nothing is remembered
        for file in files:
            action(file, other)
        try:
            after = list(_readings(slide))
        except OpenSlideError as error:
            after = [error] * len(before)
    for old, new in zip(before, after, strict=True):
        if isinstance(new, OpenSlideError):
            print(type(new).__name__)
        else:
            print("same" if new == old else "other")


if __name__ == "__main__":
    main()
