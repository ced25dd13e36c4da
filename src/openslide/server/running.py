"""Running the server until it is told to end."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from types import FrameType
from urllib.parse import urlencode

import uvicorn

from .._closing import ClosedByWith
from . import pages
from .access_log import AccessLog
from .app import create_app
from .connections import Connection
from .guard import is_loopback
from .roots import Roots
from .settings import Settings

#: Connections beyond these are answered by 503.
_MOST_CONNECTIONS = 2000

#: How many more may wait to be accepted.
_BACKLOG = 2048

#: Seconds that a connection may be idle, or a request may take to come, and that answers
#: may take when the server ends.
_KEEP_ALIVE = 30
_FAREWELL = 10


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises OSError that says what is wrong, such as that the port is taken.
    """
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise OSError(f"cannot listen at {host!r}: {error.strerror}") from None
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise OSError(
            f"cannot listen at {host} port {port}: {error.strerror}"
        ) from None
    listening.set_inheritable(False)
    return listening


def address_of(listening: socket.socket, settings: Settings) -> str:
    """Where a browser finds the server, with the token if there is one."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    elif is_loopback(host):
        host = "localhost" if host == "127.0.0.1" else f"[{host}]"
    elif ":" in host:
        host = f"[{host}]"
    query = f"?{urlencode({'token': settings.token})}" if settings.token else ""
    return f"http://{host}:{port}{settings.base_path}/{query}"


def make_server(
    settings: Settings, log: AccessLog | None = None, roots: Roots | None = None
) -> uvicorn.Server:
    """A server that can be run, see create_app(); it serves the sockets that it is given."""
    config = uvicorn.Config(
        create_app(settings, log, roots),
        http=Connection,
        log_level="error",  # of what strangers send, the access log tells
        ws="none",
        access_log=False,
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_FAREWELL,
        proxy_headers=True,
        forwarded_allow_ips=list(settings.proxies),
        lifespan="on",
    )
    return uvicorn.Server(config)


def run(
    settings: Settings,
    access_log: str | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until a signal ends it; requests that have begun are answered.

    access_log: a file, "-" for standard error, None for no log.
    tell:       is told the address, and what is missing.

    Raises FileNotFoundError for what is not there, OSError where it cannot listen.
    """
    _raise_descriptors()
    with listen(settings.host, settings.port) as listening:
        log = AccessLog(access_log) if access_log else None
        server = make_server(settings, log)
        if not pages.has_viewer():
            tell(
                "OpenSeadragon is missing, so slides are not shown: run `make viewer` "
                "in the checkout, and then install the package again"
            )
        _end_by_signals(server)
        tell(f"serving at {address_of(listening, settings)}")
        server.run(sockets=[listening])


def _end_by_signals(server: uvicorn.Server) -> None:
    """Let Ctrl-C and SIGTERM be the usual end, not a failure.

    While it runs the server has handlers of its own; it then sends these the signal.
    """

    def end(number: int, frame: FrameType | None) -> None:
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)


class Background(ClosedByWith):
    """A server in a thread of this process; a context manager that ends it.

    roots: what is served, by default what the settings say.

    Attributes:
        address: where a browser finds it.

    Raises what run() raises.
    """

    def __init__(self, settings: Settings, roots: Roots | None = None) -> None:
        self._listening = listen(settings.host, settings.port)
        self._server = make_server(settings, roots=roots)
        self.address = address_of(self._listening, settings)
        self._thread = Thread(
            target=self._server.run,
            kwargs={"sockets": [self._listening]},
            name="openslide serve",
            daemon=True,
        )
        self._thread.start()

    def close(self) -> None:
        """End the server, when the requests that have begun are answered."""
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()


def _raise_descriptors() -> None:
    """Let the process have as many files open as it may: each client takes one."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
