"""Run cases in a process that may die, and find out which one killed it."""

from __future__ import annotations

import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from .cases import Case, Damage, Template
from .examine import Answer, OnError, Request
from .known import known_crash

_REPOSITORY = Path(__file__).parents[2]
_GIGABYTE = 2**30
# AddressSanitizer reserves terabytes.
_IS_SANITIZED = "asan" in os.environ.get("LD_PRELOAD", "")
ADDRESS_SPACE = 0 if _IS_SANITIZED else 4 * _GIGABYTE
#: When a case hangs.  Damaged tile sizes make some take seconds of processor time.
SECONDS = 40.0
_SECONDS_WITH_MORE_MEMORY = 15.0

#: How reading can go: as the worker says, or for all that it raised later, or if
#: it succeeds where there is more memory.
Outcome = Literal[
    "unsupported", "refused", "read", "read with errors", "memory", "wrong"
]

#: What GLib prints before it ends the process for want of memory.
_NO_MEMORY = re.compile(r"failed to allocate \d+ bytes")


class WorkerError(Exception):
    """The worker has died, or had to be ended; `log` is what it printed."""

    def __init__(self, ending: str, log: str, *, hung: bool = False) -> None:
        super().__init__(f"{ending}\n{log}")
        self.ending = ending
        self.hung = hung
        self.log = log


class Worker:
    """A process that reads slides, started when it is needed."""

    def __init__(
        self,
        *,
        address_space: int = ADDRESS_SPACE,
        seconds: float = SECONDS,
    ) -> None:
        self._address_space = address_space
        self.seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by __exit__)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()
        self._log.close()

    def _start(self) -> subprocess.Popen[bytes]:
        command = (sys.executable, "-X", "faulthandler")
        module = f"{__package__}.worker"
        return subprocess.Popen(
            [*command, "-m", module, str(self._address_space)],
            cwd=_REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )

    def ask(self, request: Request) -> Answer:
        """The answer to a request; WorkerError where there is none."""
        if self._process is None:
            self._process = self._start()
        self._log.seek(0)
        self._log.truncate()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # then there is no answer either
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        line = self._answer_line(self._process)
        answer: Answer = json.loads(line)
        return answer

    def _answer_line(self, process: subprocess.Popen[bytes]) -> bytes:
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            hangs = not selector.select(self.seconds)
        if hangs:
            process.send_signal(signal.SIGABRT)  # has Python print where it is
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            self._end()
            ending = f"hung for {self.seconds:g} s"
            raise WorkerError(ending, self._read_log(), hung=True)
        line = process.stdout.readline()
        if not line:
            status = process.wait()
            self._end()
            ending = signal.Signals(-status).name if status < 0 else f"exit {status}"
            raise WorkerError(f"died: {ending}", self._read_log())
        return line

    def _read_log(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-6000:]

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.close()
        with suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Failure:
    """Reading ended neither in a result nor in an exception that fits."""

    name: str
    case: Case | None
    damage: Damage
    ending: str
    log: str
    alone: bool  # whether a fresh process fails as well
    known: str | None  # the heading in docs/known-crashes.md

    def __str__(self) -> str:
        lines = [f"{self.case or self.name}: {self.ending}", self.damage.description]
        if self.case is not None:
            lines.append(self.case.command)
        if not self.alone:
            lines.append("not in a fresh process: an earlier case has done the harm")
        if self.known is not None:
            lines.append(f"known: {self.known}")
        return "\n".join([*lines, self.log])


class Campaign:
    """Runs cases, with damaged copies in a folder of its own."""

    def __init__(
        self,
        worker: Worker,
        folder: Path,
        make: Callable[[str], Template],
        *,
        keep: Path | None = None,
    ) -> None:
        """`make` gives the slide of a name; `keep` is where those that fail are copied."""
        self._worker = worker
        self._folder = folder
        self._make = make
        self._keep = keep
        self._templates: dict[str, Template] = {}

    def template(self, name: str) -> Template:
        """The undamaged slide of a name, made when it is first wanted."""
        if name not in self._templates:
            self._templates[name] = self._make(name)
        return self._templates[name]

    def run(self, case: Case) -> Outcome | Failure:
        """How a case goes."""
        random = case.random("request")
        return self.read(
            case.name,
            self.template(case.name).draw(case),
            on_error=random.choice(("raise", "reopen", "reopen")),
            large=random.random() < 0.2,
            trusting=random.random() < 0.8,
            case=case,
        )

    def read(
        self,
        name: str,
        damage: Damage,
        *,
        on_error: OnError = "reopen",
        large: bool = True,
        trusting: bool = True,
        case: Case | None = None,
    ) -> Outcome | Failure:
        """How reading a damaged slide goes."""
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="case-") as folder:
            path = self.template(name).copy(Path(folder), damage)
            request: Request = {
                "path": str(path),
                "on_error": on_error,
                "large": large,
                "trusting": trusting,
            }
            outcome = self._outcome(name, damage, request, case)
            if isinstance(outcome, Failure) and self._keep is not None:
                kept = f"{name}-{case.seed}-{case.number}" if case else name
                shutil.copytree(
                    folder, self._keep / kept, symlinks=True, dirs_exist_ok=True
                )
        return outcome

    def _outcome(
        self, name: str, damage: Damage, request: Request, case: Case | None
    ) -> Outcome | Failure:
        try:
            answer = self._worker.ask(request)
        except WorkerError as error:
            again = self._again(request, error)
            if again is None:
                return "memory"
            known = known_crash(name, damage, again.log)
            alone = again is not error
            return Failure(name, case, damage, again.ending, again.log, alone, known)
        if answer["outcome"] == "wrong":
            ending = "a wrong result or exception"
            return Failure(name, case, damage, ending, answer["detail"], True, None)
        if answer["outcome"] == "read" and answer["errors"]:
            return "read with errors"
        return answer["outcome"]

    def _again(self, request: Request, error: WorkerError) -> WorkerError | None:
        """What a fresh process dies of, with more memory if that was short.

        None if the memory was all it needed; the first error if it does not die,
        or takes long to fill the memory.
        """
        match = _NO_MEMORY.search(error.log)
        if match is None:
            space, seconds = ADDRESS_SPACE, self._worker.seconds
        else:
            space, seconds = 2 * ADDRESS_SPACE, _SECONDS_WITH_MORE_MEMORY
        with Worker(address_space=space, seconds=seconds) as worker:
            try:
                worker.ask(request)
            except WorkerError as again:
                return error if match and again.hung else again
        return None if match else error


def cases(names: Sequence[str], seed: int, first: int) -> Iterator[Case]:
    """Cases without end, of all slides in turn."""
    number = first
    while True:
        for name in names:
            yield Case(name, seed, number)
        number += 1
