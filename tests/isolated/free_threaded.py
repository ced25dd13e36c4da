"""Threads that nothing holds back use the same slides in every way at once.

    python -m tests.isolated.free_threaded CASE SLIDE ROUNDS

Prints how many uses succeeded.  A use that is neither right nor refused with
ValueError, for its slide was closed, fails the script.  With a GIL the same must
hold; without one more of it happens at the same moment.
"""

import copy
import pickle
import sys
import threading
import time
from collections.abc import Callable, Sequence

import openslide
from openslide import OpenSlide, OpenSlideCache, lowlevel

REGION = ((30, 40), 0, (90, 80))
Use = Callable[[OpenSlide], object]


def reads_again(slide: OpenSlide) -> bytes:
    """The pixels of a slide that only this thread has."""
    with slide:
        return bytes(slide._osr.read_region(*REGION))


def reads_words(slide: OpenSlide) -> bytes:
    import ctypes

    words = (ctypes.c_uint32 * (90 * 80))()
    lowlevel._read_region(slide._osr, words, 30, 40, 0, 90, 80)
    lowlevel._convert.argb2rgba(words)
    return bytes(words)


def reads_a_batch(slide: OpenSlide) -> bytes:
    """By workers of its own, in each of the threads."""
    places = [(7 * i, 5 * i) for i in range(20)]
    return slide.read_batch(places, 0, (30, 20), workers=3).tobytes()


def shares_a_cache(slide: OpenSlide) -> None:
    slide.set_cache(SHARED)
    slide.set_cache(OpenSlideCache(10_000))


SHARED = OpenSlideCache(50_000)
USES: list[Use] = [
    lambda slide: slide.read_region(*REGION).tobytes(),
    lambda slide: slide.read_region((0, 0), slide.level_count - 1, (9, 9)).tobytes(),
    lambda slide: bytes(slide._osr.read_region(*REGION)),
    reads_words,
    lambda slide: slide.read_array((30, 40), 0, (90, 80)).tobytes(),
    reads_a_batch,
    lambda slide: dict(slide.properties),
    lambda slide: (slide.dimensions, slide.level_downsamples),
    lambda slide: slide.get_best_level_for_downsample(3),
    lambda slide: [*slide.associated_images],
    lambda slide: slide.associated_images["thumbnail"].tobytes(),
    lambda slide: slide.get_thumbnail((30, 30)).tobytes(),
    lambda slide: reads_again(copy.copy(slide)),
    lambda slide: reads_again(copy.deepcopy(slide)),
    lambda slide: reads_again(pickle.loads(pickle.dumps(slide))),
    shares_a_cache,
]


def together(*targets: Callable[[], object]) -> None:
    """Run functions in a thread each, all begun at once; the first error is raised."""
    ready = threading.Barrier(len(targets))
    errors: list[BaseException] = []

    def run(target: Callable[[], object]) -> None:
        ready.wait()
        try:
            target()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        raise error


class Shared:
    """One slide in the hands of many threads."""

    def __init__(self, slide: OpenSlide) -> None:
        self.slide = slide
        self.succeeded: list[bool] = []
        self.refused: list[str] = []

    def until_closed(self, use: Use, expected: object) -> None:
        try:
            while True:
                self.succeeded.append(use(self.slide) == expected)
        except ValueError as error:
            self.refused.append(str(error))

    def a_few_times(self, use: Use, expected: object) -> None:
        for _ in range(5):
            self.succeeded.append(use(self.slide) == expected)

    def close(self, after: int) -> None:
        while len(self.succeeded) < after:
            time.sleep(0.001)
        self.slide.close()


def expectations(path: str) -> list[object]:
    with OpenSlide(path) as slide:
        return [use(slide) for use in USES]


def use_until_closed(path: str, rounds: int) -> int:
    """Closed from one thread, after more uses in each round."""
    expected = expectations(path)
    total = 0
    for number in range(rounds):
        shared = Shared(OpenSlide(path))
        together(
            *(
                lambda use=use, right=right, shared=shared: shared.until_closed(
                    use, right
                )
                for use, right in zip(USES, expected, strict=True)
            ),
            lambda shared=shared, after=number * 5: shared.close(after),  # type: ignore[misc]
        )
        assert all(shared.succeeded)
        assert len(shared.refused) == len(USES)
        assert all("closed" in message for message in shared.refused)
        total += len(shared.succeeded)
    return total


def use_first(path: str, rounds: int) -> int:
    """Every use is the first of its slide, and the first round's of the process.

    What is imported or collected when it is first wanted, is wanted by all threads.
    """
    results: list[list[object]] = []
    for _ in range(rounds):
        slide = OpenSlide(path)
        found: list[object] = [None] * (2 * len(USES))

        def use(i: int, slide: OpenSlide = slide, found: list[object] = found) -> None:
            found[i] = USES[i // 2](slide)

        together(*(lambda i=i, use=use: use(i) for i in range(len(found))))
        properties = slide._osr.properties
        assert slide._osr.properties is properties
        results.append(found)
    expected = [value for value in expectations(path) for _ in range(2)]
    assert all(found == expected for found in results)
    return sum(map(len, results))


def fail_first(path: str, rounds: int) -> int:
    """The first errors of a process come in all threads at once."""
    slide = OpenSlide(path)
    wrong: list[Callable[[], object]] = [
        lambda: slide._osr.read_region((0, 0), 0, (1.5, 2)),  # type: ignore[arg-type]
        lambda: slide._osr.read_region((0, 2**70), 0, (1, 2)),
        lambda: OpenSlide("missing"),
        lambda: OpenSlide(5),  # type: ignore[arg-type]
        lambda: slide._osr.read_associated_image("missing"),
        lambda: OpenSlideCache(-1),
    ]
    errors: list[str] = []

    def fail(attempt: Callable[[], object]) -> None:
        for _ in range(rounds):
            try:
                attempt()
            except (
                TypeError,
                ValueError,
                OverflowError,
                openslide.OpenSlideError,
            ) as error:
                errors.append(type(error).__name__)

    together(*(lambda attempt=attempt: fail(attempt) for attempt in wrong * 2))
    assert len(errors) == 2 * len(wrong) * rounds
    assert len(set(errors)) == 4, set(errors)
    return len(errors)


def reopen(path: str, rounds: int) -> int:
    """Threads meet a damaged tile, and the next use opens the slide again.

    Another thread's read on the failed handle may fail with it.
    """
    with OpenSlide(path) as slide:
        right = bytes(slide._osr.read_region((0, 0), 0, (20, 20)))
    slide = OpenSlide(path, on_error="reopen")
    slide.set_cache(OpenSlideCache(20_000))
    outcomes: list[bool] = []

    def whole() -> None:
        for _ in range(rounds):
            try:
                slide._osr.read_region((0, 0), 0, slide.dimensions)
            except openslide.OpenSlideError:
                outcomes.append(True)

    def part() -> None:
        for _ in range(rounds):
            try:
                outcomes.append(slide._osr.read_region((0, 0), 0, (20, 20)) == right)
            except openslide.OpenSlideError:
                outcomes.append(True)

    together(whole, part, whole, part)
    assert slide._osr.read_region((0, 0), 0, (20, 20)) == right
    assert len(outcomes) == 4 * rounds
    assert all(outcomes)
    return len(outcomes)


def share_caches(path: str, rounds: int) -> int:
    """Slides, caches and their last references come and go in every thread."""
    expected = expectations(path)[2]
    slides = [OpenSlide(path) for _ in range(2)]
    succeeded: list[bool] = []

    def replace() -> None:
        for number in range(rounds):
            cache = OpenSlideCache(number % 3 * 20_000)
            for slide in slides:
                slide.set_cache(cache)
            lowlevel.cache_release(cache._openslide_cache)
            succeeded.append(bytes(slides[0]._osr.read_region(*REGION)) == expected)

    def come_and_go() -> None:
        for _ in range(rounds):
            slide = OpenSlide(path)
            slide.set_cache(SHARED)
            succeeded.append(bytes(slide._osr.read_region(*REGION)) == expected)

    together(replace, come_and_go, replace, come_and_go)
    assert len(succeeded) == 4 * rounds
    assert all(succeeded)
    return len(succeeded)


def keep_the_gil_off(path: str, _rounds: int) -> int:
    """No import of the package, and no use of a slide, turns the GIL on again."""
    values = expectations(path)
    if sys.version_info >= (3, 13):
        assert not sys._is_gil_enabled()
    return len(values)


CASES: Sequence[Callable[[str, int], int]] = (
    use_until_closed,
    use_first,
    fail_first,
    reopen,
    share_caches,
    keep_the_gil_off,
)

if __name__ == "__main__":
    case = next(case for case in CASES if case.__name__ == sys.argv[1])
    print(case(sys.argv[2], int(sys.argv[3])))
