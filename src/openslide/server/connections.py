"""Connections on which nobody asks for anything: they are closed after a while.

uvicorn closes those that have been answered.  It waits for ever for a first request, or
for the rest of one, so clients that vanish would take up connections until there are none.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    _Protocol = asyncio.Protocol
else:
    _Protocol = AutoHTTPProtocol  # whichever of uvicorn's is installed


class Connection(_Protocol):
    """A connection that is closed where a request does not come, or is never whole.

    It has as many seconds as a connection may be idle that has been answered.
    """

    #: Of uvicorn's protocols.
    timeout_keep_alive: float

    _waiting: asyncio.TimerHandle | None = None
    _transport: asyncio.BaseTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._transport = transport
        _notice_the_lost(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Wait for a request from its first byte on, and no more when it is there."""
        if not self._lacks_request():
            self._stop_waiting()
        elif self._waiting is None:
            loop = asyncio.get_running_loop()
            self._waiting = loop.call_later(self.timeout_keep_alive, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _lacks_request(self) -> bool:
        """Whether no request is whole that was not answered."""
        if not hasattr(self, "cycle"):  # a uvicorn that is made otherwise
            return False
        cycle: Any = self.cycle
        return cycle is None or cycle.response_complete

    def _give_up(self) -> None:
        self._waiting = None
        if self._lacks_request():
            self._transport.close()


def _notice_the_lost(transport: asyncio.BaseTransport) -> None:
    """Have the system find out which clients are gone that do not say so."""
    connection = transport.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
