"""A slide that fails, becomes a FIFO and is used again: an error, not a wait."""

import os
import sys

from openslide import OpenSlide, OpenSlideError


def main(path: str) -> None:
    slide = OpenSlide(path, on_error="reopen")
    try:
        slide.read_region((0, 0), 0, slide.dimensions)
    except OpenSlideError:
        os.unlink(path)
    os.mkfifo(path)
    try:
        slide.read_region((0, 0), 0, (8, 8))
    except OpenSlideError as error:
        if path not in str(error):
            sys.exit(f"the error does not name the file: {error}")
    else:
        sys.exit("a FIFO was read as a slide")


if __name__ == "__main__":
    main(sys.argv[1])
