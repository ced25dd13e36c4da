"""The most memory that a program ever has, which does one thing and ends.

    python -I peak.py TASK PATH

TASK is "open" or "regions" or "thumbnail", PATH a slide.  The answer is a number of
bytes.  Regions are read from standard input: a JSON list of [x, y], of level 0.  This
file stands alone, for it runs beside this package and beside openslide-python, and
does what a program would do with either.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import openslide

_REGION_SIZE = (256, 256)
_THUMBNAIL_SIZE = (2048, 2048)


def do(task: str, slide: openslide.OpenSlide) -> None:
    if task == "regions":
        for x, y in json.load(sys.stdin):
            slide.read_region((x, y), 0, _REGION_SIZE)
    elif task == "thumbnail":
        slide.get_thumbnail(_THUMBNAIL_SIZE)


def peak() -> int:
    """As Linux counts it, which getrusage() does not begin anew for a program."""
    status = Path("/proc/self/status").read_text()
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return 1024 * int(lines["VmHWM"].split()[0])


def main() -> None:
    task, path = sys.argv[1:]
    with openslide.OpenSlide(path) as slide:
        do(task, slide)
    print(peak())


if __name__ == "__main__":
    main()
