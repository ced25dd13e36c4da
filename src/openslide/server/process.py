"""The life of one process that reads slides: how it begins, and how it ended.

It is begun by a command of its own, not by multiprocessing, which would run the main
module of the program again, and start one more process to watch over it.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from typing import Any

from .._missing import tell_what_is_missing
from .settings import ReaderSettings

_CODE = "from openslide.server import reader; reader.main()"

#: How long a process may take to be gone that was told to go, in seconds.
_FAREWELL = 2.0


class ReaderProcess:
    """A process, and the end of its connection.

    Attributes:
        connection: closed here, it ends the process.
    """

    def __init__(self, settings: ReaderSettings) -> None:
        tell_what_is_missing()
        self.connection, theirs = socket.socketpair()
        options: dict[str, Any] = {}
        # Ctrl-C is for the server to decide.
        if sys.platform == "win32":
            options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP
        else:
            options["process_group"] = 0
            options["pass_fds"] = [theirs.fileno()]
        code = f"import sys; sys.path[:] = {sys.path!r}; {_CODE}"
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code], stdin=subprocess.PIPE, **options
            )
            assert self._process.stdin is not None
            told = {"settings": settings, "connection": self._shared(theirs)}
            with self._process.stdin as stdin:
                stdin.write(json.dumps(told).encode())

    def _shared(self, connection: socket.socket) -> int | str:
        """What the process makes its connection of, see reader.main()."""
        if sys.platform == "win32":
            return connection.share(self._process.pid).hex()
        return connection.fileno()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def end(self) -> str:
        """Wait until it is gone, and say how it ended."""
        try:
            code = self._process.wait(_FAREWELL)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        return signal.Signals(-code).name if code < 0 else f"status {code}"
