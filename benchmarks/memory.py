"""How much memory programs need: the peak of a new process for each sample."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from .results import Result
from .slides import Slide

#: The slide that is read.
SLIDE = "gt450"

_SEED = 20
_REGIONS = 2000
# Opening it is what the other tasks have on top of what the interpreter needs.
_TASKS = ("open", "regions", "thumbnail")
_PROGRAM = Path(__file__).with_name("peak.py")


def cases() -> Iterator[str]:
    """The names of the rows."""
    return (f"memory/{task}" for task in _TASKS)


def can_measure() -> bool:
    return Path("/proc/self/status").exists()


def measure_memory(
    name: str,
    slide: Slide,
    interpreters: Mapping[str, str],
    rounds: int,
    progress: Callable[[str], None],
) -> Result:
    """Bytes in one row, for the contenders with these interpreters."""
    result = Result(name)
    locations = json.dumps(_locations(slide))
    task = name.partition("/")[2]
    for round_ in range(rounds):
        progress(f"round {round_ + 1} of {rounds}: {name}")
        for contender, python in interpreters.items():
            command = [python, "-I", str(_PROGRAM), task, slide.path]
            text = subprocess.check_output(command, input=locations, text=True)
            result.add(contender, [float(text)])
    return result


def _locations(slide: Slide) -> list[tuple[int, int]]:
    """Each of another tile, so that none is in a cache."""
    width, height = slide.level_dimensions[0]
    columns, rows = width // slide.tile, height // slide.tile
    cells = random.Random(_SEED).sample(range(columns * rows), _REGIONS)
    return [
        (cell % columns * slide.tile, cell // columns * slide.tile) for cell in cells
    ]
