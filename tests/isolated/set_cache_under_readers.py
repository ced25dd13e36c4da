"""Threads read a slide whose cache is replaced, and dropped, all the time.

python -m tests.isolated.set_cache_under_readers SLIDE READS
"""

import sys
import threading

from openslide import OpenSlide, OpenSlideCache

REGION = ((30, 40), 0, (90, 80))


def main(path: str, reads: int) -> None:
    slide = OpenSlide(path)
    expected = slide.read_region(*REGION).tobytes()
    results: list[bool] = []
    enough = threading.Event()

    def read() -> None:
        while not enough.is_set():
            results.append(slide.read_region(*REGION).tobytes() == expected)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    caches = 0
    while caches < 20 or len(results) < reads:
        slide.set_cache(OpenSlideCache(caches % 7 * 10_000))
        caches += 1
    enough.set()
    for thread in threads:
        thread.join()
    assert all(results)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
