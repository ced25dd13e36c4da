"""Addresses of what programs read: the list of slides, each slide, annotations, health."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .._version import __version__
from ..annotations import Origin, stated_origin
from . import answers
from .answers import Document, ProblemError
from .catalogue import Catalogue
from .images import Pictures
from .openapi import description as openapi_description
from .roots import Roots
from .service import Service

#: What to add to coordinates of annotations to have level-0 pixels: x,y.
OFFSET = "OpenSlide-Offset"

#: A larger file of annotations would stall the browser that shows it, in bytes.
_MOST_ANNOTATIONS = 64 << 20


def routes(
    pictures: Pictures, catalogue: Catalogue, service: Service, roots: Roots
) -> list[Route]:
    """The addresses of JSON."""

    async def slides(request: Request) -> Response:
        catalogue.refresh()
        return await _json(request, catalogue.as_json())

    async def slide(request: Request) -> Response:
        served = await pictures.slide(request)
        told: dict[str, Any] = {"id": served.address, "version": served.version}
        try:
            told |= {"state": "ready", **await pictures.described(request, served)}
        except ProblemError as problem:
            if problem.status != 422:
                raise
            told |= {"state": "failed", "error": problem.detail}
        found = await asyncio.to_thread(_annotations_beside, roots, served.path)
        told["annotations"] = found is not None
        told["links"] = _links(served.address)
        return await _json(request, told)

    async def annotations(request: Request) -> Response:
        served = await pictures.slide(request)
        told = await pictures.described(request, served)
        body, origin = await asyncio.to_thread(_read_annotations, roots, served.path)
        corner = (told["bounds"]["x"], told["bounds"]["y"])
        x, y = corner if origin == "bounds" else (0, 0)
        content = Document(body, "application/geo+json")
        return await answers.document(request, content, {OFFSET: f"{x},{y}"})

    async def openapi(request: Request) -> Response:
        return await _json(request, openapi_description())

    async def health(request: Request) -> Response:
        is_well = service.readers.alive
        told = {
            "status": "ok"
            if is_well
            else "a process that reads slides is being started",
            "version": __version__,
            "waiting": service.readers.waiting,
        }
        headers = {} if is_well else {"Retry-After": "1"}
        return answers.json_response(told, 200 if is_well else 503, headers)

    return [
        Route("/healthz", health),
        Route("/openapi.json", openapi),
        Route("/api/slides", slides),
        Route("/api/slides/{slide:path}", slide),
        Route("/{slide:path}/annotations.geojson", annotations),
    ]


async def _json(request: Request, content: Any) -> Response:
    return await answers.document(request, Document.of_json(content))


def _links(address: str) -> dict[str, str]:
    """Addresses of a slide, below the server's own."""
    path, whole = quote(address), quote(address, safe="")
    return {
        "viewer": f"view?slide={whole}",
        "deep_zoom": f"{path}.dzi",
        "iiif": f"iiif/{whole}/info.json",
        "thumbnail": f"{path}/thumbnail.jpeg",
        "region": f"{path}/region",
        "layers": f"{path}_layers/",
        "annotations": f"{path}/annotations.geojson",
    }


def _annotations_beside(roots: Roots, path: Path) -> Path | None:
    """SLIDE.svs.geojson or SLIDE.geojson, where it is there."""
    for name in (f"{path.name}.geojson", f"{path.stem}.geojson"):
        found = roots.beside(path, name)
        if found is not None:
            return found
    return None


def _refuse(constant: str) -> None:
    """NaN and infinities, which Python knows, and no browser."""
    raise ValueError(constant)


def _read_annotations(roots: Roots, path: Path) -> tuple[bytes, Origin]:
    """The file beside the slide, and where its coordinates count from."""
    found = _annotations_beside(roots, path)
    if found is None:
        raise ProblemError(404, "there is no GeoJSON file beside the slide")
    try:
        with found.open("rb") as file:
            body = file.read(_MOST_ANNOTATIONS + 1)
    except OSError as error:
        raise ProblemError(
            404, f"the annotations cannot be read: {error.strerror}"
        ) from None
    if len(body) > _MOST_ANNOTATIONS:
        raise ProblemError(
            422, f"the annotations have more than {_MOST_ANNOTATIONS >> 20} MB"
        )
    try:
        content = json.loads(body, parse_constant=_refuse)
        return body, stated_origin(content) or "bounds"
    except (ValueError, RecursionError):
        raise ProblemError(422, "the annotations are no JSON") from None
