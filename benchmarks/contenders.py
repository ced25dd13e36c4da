"""The programs that are compared, each in a process of its own.

A process lives as long as the run, so that contenders can take turns without
starting anew each time.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

OURS = "ours"
RAW = "raw C"
PEER = "openslide-python"

Clock = Literal["wall", "cpu"]

_WORKER = Path(__file__).with_name("worker.py")


class Contender:
    """A process that answers requests; worker.py describes them.

    Attributes:
        name: `OURS`, `RAW` or `PEER`.
        python: its interpreter; None for a program in C.
        versions: of what it uses, by name.
    """

    def __init__(
        self, name: str, command: Sequence[str | Path], python: str | None = None
    ) -> None:
        self.name = name
        self.python = python
        self._slide_path = ""
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
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
    return Contender(name, [python, "-I", _WORKER, name, clock], python)


def raw_contender(program: Path, python: str, clock: Clock) -> Contender:
    """The raw C call, into the very library that an interpreter's package uses."""
    return Contender(RAW, [program, library_path(python), clock])


def library_path(python: str) -> str:
    """The file of libopenslide that this package loads there."""
    code = "import openslide; print(openslide.__library_path__)"
    return subprocess.check_output([python, "-I", "-c", code], text=True).strip()
