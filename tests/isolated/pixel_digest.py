"""Prints the instruction set in use, and a digest of many reads: SLIDE."""

from __future__ import annotations

import hashlib
import sys

from openslide import OpenSlide, _openslide
from tests.direct_reads import regions

COUNT = 60


def main(path: str) -> None:
    digest = hashlib.sha256()
    with OpenSlide(path) as slide:
        for location, level, size in regions(slide, COUNT, seed=1):
            digest.update(slide.read_region(location, level, size).tobytes())
            digest.update(
                slide.read_array(location, level, size, background="#123456").tobytes()
            )
        digest.update(slide.get_thumbnail((77, 99)).tobytes())
        indirect = slide.indirect_levels
    for reason in indirect.values():
        if "other pixels" in reason:  # a level that was once read otherwise
            sys.exit(reason)
    print(_openslide.conversion_kernel(), digest.hexdigest())


if __name__ == "__main__":
    main(sys.argv[1])
