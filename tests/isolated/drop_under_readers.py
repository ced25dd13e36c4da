"""A slide is dropped, never closed, while its last read runs in another thread.

    python -m tests.isolated.drop_under_readers SLIDE ROUNDS

Prints how many reads succeeded.
"""

import gc
import sys
import threading
import weakref

from openslide import OpenSlide

REGION = ((30, 40), 0, (90, 80))


def main(path: str, rounds: int) -> None:
    with OpenSlide(path) as slide:
        expected = slide.read_region(*REGION).tobytes()
    results: list[bool] = []

    def read(slides: list[OpenSlide]) -> None:
        # The only reference is the method's own, on the stack of this call.
        results.append(slides.pop().read_region(*REGION).tobytes() == expected)

    for _ in range(rounds):
        slides = [OpenSlide(path)]
        slide_reference = weakref.ref(slides[0])
        thread = threading.Thread(target=read, args=(slides,))
        thread.start()
        gc.collect()
        thread.join()
        assert slide_reference() is None
    assert all(results)
    print(len(results))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
