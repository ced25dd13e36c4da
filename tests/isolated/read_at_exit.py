"""The interpreter ends while daemon threads read and nobody has closed anything.

python -m tests.isolated.read_at_exit SLIDE
"""

import sys
import threading

from openslide import OpenSlide, OpenSlideCache, lowlevel

THREADS = 4


def main(path: str) -> None:
    slide = OpenSlide(path)
    slide.set_cache(OpenSlideCache(0))  # so that each read takes its time
    started = [threading.Event() for _ in range(THREADS)]

    def read(started: threading.Event) -> None:
        images = []
        while True:
            images.append(slide.read_region((0, 0), 0, (400, 300)))
            del images[:-3]
            started.set()

    for event in started:
        threading.Thread(target=read, args=(event,), daemon=True).start()
    for event in started:
        event.wait()
    # Left to the end of the interpreter, in modules and in cycles.
    lowlevel.kept = [slide, slide.properties, OpenSlideCache(100)]  # type: ignore[attr-defined]
    cycle: list[object] = [OpenSlide(path), slide.associated_images]
    cycle.append(cycle)
    print("the end")


if __name__ == "__main__":
    main(sys.argv[1])
