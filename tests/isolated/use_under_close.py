"""Every other use of a slide, in threads of their own, while it is closed.

    python -m tests.isolated.use_under_close SLIDE ROUNDS

Prints how many uses succeeded.
"""

import sys
import threading
from collections.abc import Callable

from openslide import OpenSlide, OpenSlideCache

USES: list[Callable[[OpenSlide], object]] = [
    lambda slide: slide.properties["openslide.vendor"],
    lambda slide: dict(slide.properties),
    lambda slide: slide.level_dimensions,
    lambda slide: slide.get_best_level_for_downsample(3),
    lambda slide: slide.associated_images["thumbnail"].tobytes(),
    lambda slide: slide.get_thumbnail((30, 30)).tobytes(),
    lambda slide: slide.set_cache(OpenSlideCache(1000)),
]


def main(path: str, rounds: int) -> None:
    succeeded = 0
    with OpenSlide(path) as slide:
        expected = [use(slide) for use in USES]

    for number in range(rounds):
        slide = OpenSlide(path)
        ready = threading.Barrier(len(USES) + 1)
        first = threading.Event()
        results: list[bool] = []
        refused: list[str] = []

        def repeat(
            use: Callable[[OpenSlide], object],
            right: object,
            slide: OpenSlide = slide,
            ready: threading.Barrier = ready,
            first: threading.Event = first,
            results: list[bool] = results,
            refused: list[str] = refused,
        ) -> None:
            ready.wait()
            try:
                while True:
                    results.append(use(slide) == right)
                    first.set()
            except ValueError as error:
                refused.append(str(error))

        threads = [
            threading.Thread(target=repeat, args=arguments)
            for arguments in zip(USES, expected, strict=True)
        ]
        for thread in threads:
            thread.start()
        ready.wait()
        if number % 2:
            first.wait()
        slide.close()
        for thread in threads:
            thread.join()
        assert all(results)
        assert len(refused) == len(USES)
        assert all("closed" in message for message in refused)
        succeeded += len(results)
    print(succeeded)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
