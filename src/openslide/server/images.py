"""Addresses of pictures: Deep Zoom, layers, regions, thumbnails, associated images."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import answers, readers
from .answers import ProblemError
from .numbers import number
from .readers import BusyError
from .roots import NotServedError
from .service import Service, Slide, Wanted

_Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

#: By the suffix of an address.
_FORMATS: Mapping[str, str] = {
    "jpeg": "jpeg",
    "jpg": "jpeg",
    "png": "png",
    "webp": "webp",
}

#: A region has no more pixels than this, nor a side that is longer.
MOST_REGION_PIXELS = 1 << 24
LONGEST_REGION = 8192

LONGEST_THUMBNAIL = 2048
LONGEST_ASSOCIATED = 4096
_USUAL_THUMBNAIL = 512

_DZI = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Image TileSize="{tile_size}" Overlap="{overlap}" Format="{format}" '
    'xmlns="http://schemas.microsoft.com/deepzoom/2008">'
    '<Size Width="{width}" Height="{height}"/></Image>\n'
)


def format_of(suffix: str) -> str:
    """The format of a suffix.

    Raises ProblemError for what no picture is served as.
    """
    format = _FORMATS.get(suffix)
    if format is None:
        raise ProblemError(404, f"pictures are served as {', '.join(_FORMATS)}")
    return format


class Pictures:
    """Answers requests for pictures out of a service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def slide(self, request: Request) -> Slide:
        """The slide of an address.

        Raises ProblemError.
        """
        try:
            return await self._service.slide(request.path_params["slide"])
        except NotServedError as error:
            raise ProblemError(404, str(error)) from None

    async def answer(
        self, request: Request, slide: Slide, what: str, **arguments: Any
    ) -> Response:
        """The answer to a request for a picture.

        Raises ProblemError.
        """
        wanted = Wanted(slide, what, tuple(arguments.items()))
        response = answers.not_modified(request, wanted)
        if response is not None:
            return response
        return answers.picture(request, wanted, await self.read(request, wanted))

    async def read(self, request: Request, wanted: Wanted) -> readers.Answer:
        """What a process answers.

        Raises ProblemError where there is no time, and GoneError.
        """

        async def until_gone() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass

        try:
            return await self._service.picture(wanted, until_gone)
        except BusyError:
            raise answers.busy() from None

    async def described(self, request: Request, slide: Slide) -> dict[str, Any]:
        """What the slide is, see description.

        Raises ProblemError.
        """
        answer = await self.read(request, Wanted(slide, "description", ()))
        if answer.failure is not None:
            raise answers.failure(answer, slide.path)
        told: dict[str, Any] = json.loads(answer.body)
        return told


def routes(pictures: Pictures, tile_size: int, overlap: int) -> list[Route]:
    """The addresses of pictures."""

    def tiles(what: str, number: str) -> _Endpoint:
        """Tiles of a grid, which is numbered by a part of the address."""

        async def tile(request: Request) -> Response:
            place = request.path_params
            return await pictures.answer(
                request,
                await pictures.slide(request),
                what,
                **{number: place[number]},
                column=place["column"],
                row=place["row"],
                format=format_of(place["format"]),
            )

        tile.__name__ = what  # as it is counted and logged
        return tile

    async def dzi(request: Request) -> Response:
        slide = await pictures.slide(request)
        wanted = Wanted(slide, "dzi", ())
        response = answers.not_modified(request, wanted)
        if response is not None:
            return response
        told = await pictures.described(request, slide)
        text = _DZI.format(
            tile_size=tile_size,
            overlap=overlap,
            format="jpeg",
            width=told["width"],
            height=told["height"],
        )
        answer = readers.Answer(text.encode(), "application/xml")
        return answers.picture(request, wanted, answer)

    async def thumbnail(request: Request) -> Response:
        format = format_of(request.path_params["format"])
        size = number(
            request.query_params,
            "size",
            default=_USUAL_THUMBNAIL,
            least=1,
            most=LONGEST_THUMBNAIL,
        )
        slide = await pictures.slide(request)
        return await pictures.answer(
            request, slide, "thumbnail", size=size, format=format
        )

    async def associated(request: Request) -> Response:
        format = format_of(request.path_params["format"])
        longest = number(
            request.query_params,
            "size",
            default=LONGEST_ASSOCIATED,
            least=1,
            most=LONGEST_ASSOCIATED,
        )
        return await pictures.answer(
            request,
            await pictures.slide(request),
            "associated_image",
            name=request.path_params["name"],
            longest=longest,
            format=format,
        )

    async def region(request: Request) -> Response:
        query = request.query_params
        width, height = (
            number(query, side, least=1, most=LONGEST_REGION)
            for side in ("width", "height")
        )
        if width * height > MOST_REGION_PIXELS:
            raise ProblemError(
                400,
                f"a region may have {MOST_REGION_PIXELS} pixels, and this one has "
                f"{width * height}; ask for it in parts, or from a coarser level",
            )
        limit = 999_999_999
        return await pictures.answer(
            request,
            await pictures.slide(request),
            "region",
            x=number(query, "x", default=0, least=-limit),
            y=number(query, "y", default=0, least=-limit),
            width=width,
            height=height,
            level=number(query, "level", default=0, most=999),
            format=format_of(query.get("format", "jpeg")),
        )

    tile = "{column:number}_{row:number}.{format}"
    return [
        Route(
            "/{slide:path}_layers/{layer:number}/" + tile, tiles("layer_tile", "layer")
        ),
        Route(
            "/{slide:path}_files/{level:number}/" + tile,
            tiles("deep_zoom_tile", "level"),
        ),
        Route("/{slide:path}.dzi", dzi),
        Route("/{slide:path}/associated/{name}.{format}", associated),
        Route("/{slide:path}/thumbnail.{format}", thumbnail),
        Route("/{slide:path}/region", region),
    ]
