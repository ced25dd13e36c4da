"""Six threads read a slide that two others close, many times over.

    python -m tests.isolated.close_under_readers SLIDE ROUNDS

Prints how many reads succeeded.  A read that is neither right nor refused with
ValueError fails the script.
"""

import sys
import threading
from itertools import count

from openslide import OpenSlide

READERS, CLOSERS = 6, 2
REGION = ((30, 40), 0, (90, 80))


class Round:
    """One slide, open until `reads` reads have succeeded."""

    def __init__(self, path: str, reads: int, expected: bytes) -> None:
        self.slide = OpenSlide(path)
        self.expected = expected
        self.ready = threading.Barrier(READERS + CLOSERS)
        self.enough = threading.Event()
        self.reads = reads
        self.done = count(1)
        self.succeeded: list[bool] = []
        self.ends: list[str] = []

    def read(self) -> None:
        self.ready.wait()
        try:
            while True:
                if next(self.done) > self.reads:
                    self.enough.set()
                pixels = self.slide.read_region(*REGION).tobytes()
                self.succeeded.append(pixels == self.expected)
        except ValueError as error:
            self.ends.append(f"reader: {error}")

    def close(self) -> None:
        self.ready.wait()
        self.enough.wait()
        try:
            self.slide.close()
            self.ends.append("closed")
        except ValueError as error:
            self.ends.append(f"closer: {error}")

    def run(self) -> int:
        targets = [self.read] * READERS + [self.close] * CLOSERS
        threads = [threading.Thread(target=target) for target in targets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(self.succeeded)
        kinds = sorted(end.split(":")[0] for end in self.ends)
        assert kinds == ["closed", "closer", *["reader"] * READERS], self.ends
        assert all("closed" in end for end in self.ends)
        return len(self.succeeded)


def main(path: str, rounds: int) -> None:
    with OpenSlide(path) as slide:
        expected = slide.read_region(*REGION).tobytes()
    print(sum(Round(path, number % 10, expected).run() for number in range(rounds)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
