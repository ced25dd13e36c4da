"""ImageSlide across os.fork(): IMAGE, the path of a large one.

A child shares the position in the file with its parent, so both must not decode
from the same open file.
"""

from __future__ import annotations

import sys
import threading
import warnings

from PIL import Image

from openslide import ImageSlide
from tests.isolated.fork_scenarios import check, finish, fork, start


def read(slide: ImageSlide) -> bytes:
    return slide.read_region((100, 200), 0, (300, 400)).tobytes()


def decode_at_once(slide: ImageSlide, expected: bytes) -> None:
    """Before anything of the image was decoded, in the parent and two children."""

    def action() -> None:
        check(read(slide) == expected, "other pixels")

    children = [start(action) for _ in range(2)]
    action()
    for child in children:
        finish(child)
    action()


def main(path: str) -> None:
    with ImageSlide(path) as slide:
        expected = read(slide)
        fork(lambda: check(read(slide) == expected, "other pixels in the child"))
    for _ in range(5):
        with ImageSlide(path) as slide:
            decode_at_once(slide, expected)
    with Image.open(path) as image:
        image.load()
        decode_at_once(ImageSlide(image), expected)

    def refuses() -> None:
        try:
            read(slide)
        except ValueError as error:
            check("closed" in str(error), str(error))
        else:
            sys.exit("a closed slide is open in the child")

    fork(refuses)
    fork_while_decoding(path, expected)


def fork_while_decoding(path: str, expected: bytes) -> None:
    """A thread of the parent holds the lock that guards the decoding."""
    for _ in range(10):
        with ImageSlide(path) as slide:
            begun = threading.Event()

            def decode(
                slide: ImageSlide = slide, begun: threading.Event = begun
            ) -> None:
                begun.set()
                read(slide)

            thread = threading.Thread(target=decode)
            thread.start()
            begun.wait()

            def action(slide: ImageSlide = slide) -> None:
                check(read(slide) == expected, "other pixels in the child")
                slide.close()

            fork(action)
            thread.join()
            check(read(slide) == expected, "other pixels in the parent")


if __name__ == "__main__":
    # A child drops the open file that it inherits: to close it could be to wait for
    # ever, for a lock that a thread held at the fork.
    warnings.simplefilter("ignore", ResourceWarning)
    main(sys.argv[1])
