"""The tests' end of the oracle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_REPOSITORY = Path(__file__).parents[2]
_WORKER = f"{__package__}.worker"
_SCRIPTS = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"

PYTHON_VARIABLE = "OPENSLIDE_ORACLE_PYTHON"


class OracleUnavailableError(Exception):
    """There is no environment with openslide-python, or not a comparable one."""


def find_python() -> Path:
    """The interpreter that has openslide-python."""
    chosen = os.environ.get(PYTHON_VARIABLE)
    python = Path(chosen) if chosen else _REPOSITORY / ".venv-oracle" / _SCRIPTS
    if not python.exists():
        raise OracleUnavailableError(
            f"no {python}; make an environment with openslide-python there, or "
            f"name its interpreter in {PYTHON_VARIABLE}"
        )
    return python


class Oracle:
    """openslide-python in a process of its own, started anew if it dies."""

    def __init__(self, python: Path) -> None:
        self._python = python
        self._process = self._start()
        self.versions: dict[str, str] = self.receive()

    def _start(self) -> subprocess.Popen[str]:
        # Whatever points Python or libopenslide's loader at this package.
        foreign = ("PYTHON", "OPENSLIDE_")
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(foreign)
        }
        return subprocess.Popen(
            [self._python, "-m", _WORKER],
            cwd=_REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            encoding="utf-8",
        )

    def send(self, lines: Sequence[str], names: Mapping[str, str]) -> None:
        """Have lines run; receive() waits for what they gave."""
        if self._process.poll() is not None:
            self.close()
            self._process = self._start()
            self.receive()
        assert self._process.stdin is not None
        request = json.dumps({"lines": lines, "names": names})
        self._process.stdin.write(request + "\n")
        self._process.stdin.flush()

    def receive(self) -> Any:
        """The answer to the oldest request that has none yet."""
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        if not answer:
            status = self._process.wait()
            raise RuntimeError(f"the oracle has died with status {status}")
        return json.loads(answer)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()
