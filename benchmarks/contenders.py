"""The programs that are compared, each in a process of its own.

A process lives as long as the run, so that contenders can take turns without
starting anew each time.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Literal, Self

from .cases import WRITERS, Case, ReadCase, State, ThumbnailCase

OURS = "ours"
RAW = "raw C"
PEER = "openslide-python"
#: The same, on two processes.
PEER_TWICE = "openslide-python x2"
CUCIM = "cucim"

Clock = Literal["wall", "cpu"]

_TWICE_SLIDES = ("mirax", "ndpi")
_CUCIM_SLIDES = (*WRITERS, "offgrid")
_CUCIM_CACHES: dict[State, dict[str, object]] = {
    "cold": {"type": "nocache"},
    "hot": {"type": "per_process", "memory_capacity": 256},  # MB, as in worker.py
}

_WORKER = Path(__file__).with_name("worker.py")


class Contender:
    """A process that answers requests; worker.py describes them.

    Attributes:
        name: `OURS`, `RAW`, `PEER`, `PEER_TWICE` or `CUCIM`; two may share one, where each case
            is taken by at most one of them.
        python: the interpreter that imports openslide; None where none does.
        takes: whether it can do what a case asks for.
        versions: of what it uses, by name.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        python: str | None = None,
        takes: Callable[[Case], bool] = lambda case: True,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.name = name
        self.python = python
        self.takes = takes
        self._slide_path = ""
        self._process = subprocess.Popen(
            command,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.versions: dict[str, str] = self._ask(["versions"])["versions"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Both ends of the pipes: a worker ends with its input.
        self._process.communicate()

    def seconds(self, slide_path: str, request: Sequence[str]) -> list[float]:
        """The samples of a request about a slide."""
        if slide_path != self._slide_path:
            self._ask(["slide", slide_path])
            self._slide_path = slide_path
        samples: list[float] = self._ask(request)["seconds"]
        return samples

    def _ask(self, words: Sequence[str]) -> dict[str, Any]:
        """The answer; the end of the program where there is none."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write("\t".join(words) + "\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        except (OSError, ValueError) as error:
            request = " ".join(words)[:100]
            raise SystemExit(f"{self.name} failed at: {request}") from error
        assert isinstance(answer, dict)
        return answer


def python_contender(name: str, python: str, clock: Clock) -> Contender:
    """This package or openslide-python in the environment of an interpreter.

    -I keeps the current folder, and with it this package's sources, out.
    """
    return Contender(name, [python, "-I", _WORKER, name, clock], python=python)


def twice_contender(python: str, clock: Clock) -> Contender:
    """openslide-python on two processes, for batches of slides that are slow to read."""
    return Contender(
        PEER_TWICE, [python, "-I", _WORKER, PEER_TWICE, clock], takes=_is_for_two
    )


def _is_for_two(case: Case) -> bool:
    return (
        isinstance(case, ReadCase)
        and case.form == "batch"
        and case.workers == 2
        and case.slide in _TWICE_SLIDES
    )


def raw_contender(program: Path, python: str, clock: Clock) -> Contender:
    """The raw C call, into the very library that an interpreter's package uses."""
    library = library_path(python)
    return Contender(RAW, [program, library, clock], takes=_has_raw_call)


def _has_raw_call(case: Case) -> bool:
    return not isinstance(case, ThumbnailCase)


def cucim_contenders(python: str, clock: Clock, folder: Path) -> list[Contender]:
    """cucim without a cache for cold reads, as is its default, and with one for hot ones.

    One process cannot do both: its own documentation changes the cache by
    `CuImage.cache()`, which in the wheels of today has no effect on reading, for
    these have two copies of its library.  Both copies heed a file of options, which
    is written to `folder`.
    """
    return [
        _cucim_contender(python, clock, folder, state, cache)
        for state, cache in _CUCIM_CACHES.items()
    ]


def _cucim_contender(
    python: str, clock: Clock, folder: Path, state: State, cache: Mapping[str, object]
) -> Contender:
    options = folder.resolve() / f"cucim-{state}.json"
    options.write_text(json.dumps({"cache": cache}))
    return Contender(
        CUCIM,
        [python, "-I", _WORKER, CUCIM, clock],
        takes=partial(_is_for_cucim, state),
        environment={"CUCIM_CONFIG_PATH": str(options)},
    )


def _is_for_cucim(state: State, case: Case) -> bool:
    """It reads arrays, of some TIFF files."""
    return (
        isinstance(case, ReadCase)
        and case.slide in _CUCIM_SLIDES
        and case.form != "image"
        and case.state == state
    )


def library_path(python: str) -> str:
    """The file of libopenslide that this package loads there."""
    code = "import openslide; print(openslide.__library_path__)"
    return subprocess.check_output([python, "-I", "-c", code], text=True).strip()
