"""Servers to test, and what they answer."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from openslide.server import Settings
from openslide.server.running import Background

_PATIENCE = 100  # seconds, of busy machines


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """A picture as uint8 (height, width, 3)."""
        with Image.open(BytesIO(self.body)) as image:
            return np.asarray(image.convert("RGB"))


class Client:
    """Asks a server at a port of this machine, a connection for each request."""

    def __init__(self, port: int) -> None:
        self.port = port

    @classmethod
    def of(cls, server: Background) -> Client:
        found = re.search(r":(\d+)/", server.address)
        assert found is not None
        return cls(int(found[1]))

    def get(
        self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> Answer:
        """The answer; the path goes out as it is, without "/" in front."""
        connection = HTTPConnection("localhost", self.port, timeout=_PATIENCE)
        try:
            connection.putrequest(
                method, "/" + path, skip_host="Host" in (headers or {})
            )
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, told, response.read())
        finally:
            connection.close()


@contextmanager
def serving(*served: Path, **settings: Any) -> Iterator[Client]:
    """A client of a server in this process."""
    settings = {"processes": 1, "threads": 2, **settings}
    with Background(Settings(served=served, port=0, **settings)) as server:
        yield Client.of(server)


def children(pid: int) -> list[int]:
    """The processes that a process has begun, where the system tells."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in threads for child in path.read_text().split()]


class Usage(NamedTuple):
    """What processes take of the machine."""

    megabytes: float
    descriptors: int


class Command:
    """`openslide serve` as a process; a context manager that ends it."""

    def __init__(self, *arguments: str | Path) -> None:
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "openslide", "serve", "--port", "0", *arguments],
            stderr=subprocess.PIPE,
            text=True,
        )
        self.address = self._read_address()
        found = re.search(r":(\d+)/", self.address)
        assert found is not None
        self.client = Client(int(found[1]))

    def _read_address(self) -> str:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.lines.append(line)
            found = re.search(r"serving at (\S+)", line)
            if found is not None:
                return found[1]
        raise AssertionError("".join(self.lines))

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def children(self) -> list[int]:
        """The processes that it has begun, where the system tells."""
        return children(self._process.pid)

    def usage(self) -> Usage:
        """What the server and its processes take, where the system tells."""
        pids = [self._process.pid, *self.children()]
        pages = sum(
            int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids
        )
        descriptors = sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)
        return Usage(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, descriptors)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Its exit status after a signal."""
        if self._process.poll() is None:
            os.kill(self._process.pid, number)
        stderr = self._process.stderr
        if stderr is not None and not stderr.closed:
            self.lines.extend(stderr)
            stderr.close()
        return self._process.wait(_PATIENCE)
