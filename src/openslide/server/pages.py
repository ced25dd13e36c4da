"""The pages, their scripts and styles: files of this package."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import answers
from .answers import Document, ProblemError

#: What `make viewer` brings.
OPENSEADRAGON = "vendor/openseadragon.min.js"

_TYPES = {".js": "text/javascript", ".html": "text/html", ".svg": "image/svg+xml"}


def has_viewer() -> bool:
    """Whether OpenSeadragon is in the package."""
    return (resources.files(__package__) / "pages" / OPENSEADRAGON).is_file()


def routes() -> list[Route]:
    """The addresses of pages and their parts."""
    files = _load(resources.files(__package__) / "pages")

    async def index(request: Request) -> Response:
        return await _answer(request, files, "index.html")

    async def view(request: Request) -> Response:
        return await _answer(request, files, "view.html")

    async def part(request: Request) -> Response:
        return await _answer(request, files, request.path_params["name"])

    return [
        Route("/", index),
        Route("/view", view),
        Route("/static/{name:path}", part),
    ]


def _media_type(name: str) -> str:
    suffix = "." + name.rsplit(".", 1)[-1]
    return _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "text/plain"


def _load(folder: Traversable, prefix: str = "") -> Mapping[str, Document]:
    """All files of a folder by their names, so that no name becomes a path later."""
    files: dict[str, Document] = {}
    for found in folder.iterdir():
        name = prefix + found.name
        if found.is_dir():
            files.update(_load(found, name + "/"))
        else:
            files[name] = Document(found.read_bytes(), _media_type(name))
    return files


async def _answer(
    request: Request, files: Mapping[str, Document], name: str
) -> Response:
    file = files.get(name)
    if file is None:
        detail = "there is no such file"
        if name == OPENSEADRAGON:
            detail = "OpenSeadragon is not installed; `make viewer` brings it"
        raise ProblemError(404, detail)
    return await answers.document(request, file)
