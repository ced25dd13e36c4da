"""The parts of a server, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from . import iiif, images, interface, pages
from .access_log import AccessLog
from .answers import ProblemError
from .catalogue import Catalogue
from .guard import Guard, Hosts
from .images import Pictures
from .metrics import Metrics
from .readers import Readers
from .roots import Roots
from .service import Service
from .settings import Settings
from .watch import Watch


def create_app(
    settings: Settings, log: AccessLog | None = None, roots: Roots | None = None
) -> ASGIApp:
    """The server as an ASGI application; its processes live as long as its lifespan.

    log:   where a line for each answer goes; it is closed with the application.
    roots: what is served, by default what the settings say.

    Raises FileNotFoundError for what is to be served and is not there.
    """
    if roots is None:
        roots = Roots(settings.served, follow_links=settings.follow_links)
    readers = Readers(
        settings.processes, settings.reader, settings.queue, settings.patience
    )
    look = (settings.quality, settings.tile_size, settings.overlap)
    service = Service(roots, readers, settings.picture_cache, look)
    catalogue = Catalogue(roots, service)
    metrics = Metrics(service, lambda: len(catalogue))
    pictures = Pictures(service)

    @asynccontextmanager
    async def lifespan(app: Router) -> AsyncIterator[None]:
        await readers.start()
        try:
            yield
        finally:
            await catalogue.stop()
            await readers.stop()
            if log is not None:
                log.close()

    # The server's own addresses first: they hold no slide, see roots.
    routes: list[BaseRoute] = [
        *images.routes(pictures, settings.tile_size, settings.overlap),
        *interface.routes(pictures, catalogue, service, roots),
        *iiif.routes(pictures, settings.base_path),
        metrics.route(),
        *pages.routes(),
    ]
    if settings.base_path:
        routes = [Mount(settings.base_path, routes=routes)]
    router = Router(routes, redirect_slashes=False, lifespan=lifespan)
    guard = Guard(
        _Problems(router),
        Hosts(settings.host, settings.names),
        token=settings.token,
        origins=settings.origins,
        ancestors=settings.ancestors,
        base_path=settings.base_path,
    )
    return Watch(guard, metrics, log)


class _Problems:
    """Answers what endpoints raise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            scope["app"] = self
            await self._app(scope, receive, send)
        except ProblemError as problem:
            await problem.response()(scope, receive, send)
        except HTTPException as error:
            nothing = ProblemError(
                error.status_code, "there is nothing at this address"
            )
            await nothing.response()(scope, receive, send)
