"""Sees every request from outside: counts it, logs it, and answers what went wrong."""

from __future__ import annotations

import sys
import time
import traceback
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .access_log import AccessLog
from .answers import ProblemError
from .metrics import Metrics
from .service import GoneError

#: Of nginx: who asked has gone.  Nobody sees it but the log.
_GONE = 499


class Watch:
    """The outermost part of the server.

    app:     what answers.
    metrics: counts.
    log:     where a line for each answer goes, None for nowhere.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, log: AccessLog | None) -> None:
        self._app = app
        self._metrics = metrics
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status, size = 0, 0

        async def seen(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            elif scope["method"] != "HEAD":  # the body of which is not sent
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, seen)
        except GoneError:
            status = status or _GONE
        except Exception:
            traceback.print_exc(file=sys.stderr)
            if not status:
                problem = ProblemError(
                    500, "an error that nobody expected; see the log"
                )
                await problem.response()(scope, receive, seen)
        finally:
            self._note(scope, status, size, time.perf_counter() - start)

    def _note(self, scope: Scope, status: int, size: int, seconds: float) -> None:
        kind = getattr(scope.get("endpoint"), "__name__", "none")
        self._metrics.count(kind, status, size, seconds)
        if self._log is None:
            return
        client: Any = scope.get("client") or ("",)
        self._log.note(
            {
                "client": client[0],
                "method": scope["method"],
                "path": scope["path"],
                "kind": kind,
                "status": status,
                "bytes": size,
                "ms": round(1000 * seconds, 2),
            }
        )
