"""Rounds of measurements in which the contenders take turns."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import perf_counter

from .cases import Case
from .contenders import Contender
from .results import Result
from .slides import Slide

#: The name of the row that importing has.
IMPORT_CASE = "import"

# The regions, and the order of contenders in a round, are those of every run.
_SEED = 20
# What one contender should take for one case in one round ...
_ROUND_SECONDS = 0.04
# ... but no more samples than this.
_MAX_SAMPLES = 32
_WARM_UP_SAMPLES = 2


def measure(
    cases: Sequence[Case],
    slides: Mapping[str, Slide],
    contenders: Sequence[Contender],
    rounds: int,
    progress: Callable[[str], None],
) -> list[Result]:
    """Every case once per round, by every contender in random order."""
    rng = random.Random(_SEED)
    results = [Result(case.name) for case in cases]
    requests: list[list[str]] = []
    for number, case in enumerate(cases):
        progress(f"warm-up, {number + 1} of {len(cases)}: {case.name}")
        count = _warm_up(case, slides[case.slide], contenders, rng)
        requests.append(case.request(slides[case.slide], count, rng))
    for round_ in range(rounds):
        for case, result, request in zip(cases, results, requests, strict=True):
            progress(f"round {round_ + 1} of {rounds}: {case.name}")
            slide = slides[case.slide]
            able = [contender for contender in contenders if contender.takes(case)]
            for contender in _shuffled(able, rng):
                samples = contender.seconds(slide.path, request)
                result.add(contender.name, [s / case.divisor for s in samples])
    return results


def measure_imports(
    contenders: Sequence[Contender], rounds: int, progress: Callable[[str], None]
) -> Result:
    """How much longer an interpreter takes that imports the package and ends."""
    rng = random.Random(_SEED)
    result = Result(IMPORT_CASE)
    for contender in contenders:
        _net_import(contender)
    for round_ in range(rounds):
        progress(f"round {round_ + 1} of {rounds}: {IMPORT_CASE}")
        for contender in _shuffled(contenders, rng):
            result.add(contender.name, [_net_import(contender) for _ in range(3)])
    return result


def _warm_up(
    case: Case, slide: Slide, contenders: Sequence[Contender], rng: random.Random
) -> int:
    """Meet code and file for the first time; returns how many samples to take."""
    request = case.request(slide, _WARM_UP_SAMPLES, rng)
    seconds = [
        median(contender.seconds(slide.path, request))
        for contender in contenders
        if contender.takes(case)
    ]
    return max(1, min(_MAX_SAMPLES, int(_ROUND_SECONDS / median(seconds))))


def _shuffled(contenders: Sequence[Contender], rng: random.Random) -> list[Contender]:
    return rng.sample(contenders, len(contenders))


def _net_import(contender: Contender) -> float:
    bare = _run_seconds(contender, "pass")
    return _run_seconds(contender, "import openslide") - bare


def _run_seconds(contender: Contender, code: str) -> float:
    assert contender.python is not None
    start = perf_counter()
    subprocess.run([contender.python, "-I", "-c", code], check=True)
    return perf_counter() - start
