"""The IIIF Image API 3.0, https://iiif.io/api/image/3.0/: level 2 of its features.

Pages elsewhere may only use it where the server is told of them, see Settings.origins.
"""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from . import answers
from .answers import Document, ProblemError
from .images import LONGEST_REGION, MOST_REGION_PIXELS, Pictures
from .service import Slide

_CONTEXT = "http://iiif.io/api/image/3/context.json"
_JSON_LD = f'application/ld+json;profile="{_CONTEXT}"'
_PROFILE = '<http://iiif.io/api/image/3/level2.json>;rel="profile"'
_TILE_SIDE = 512

_FORMATS = {"jpg": "jpeg", "png": "png", "webp": "webp"}
_QUALITIES = ("default", "color", "gray", "bitonal")


class Box(NamedTuple):
    """A rectangle of level 0, in pixels."""

    x: int
    y: int
    width: int
    height: int


def region_of(text: str, width: int, height: int) -> Box:
    """The rectangle that a request names, of a slide of a size.

    Raises ProblemError for what is none, or lies outside.
    """
    if text == "full":
        return Box(0, 0, width, height)
    if text == "square":
        side = min(width, height)
        return Box((width - side) // 2, (height - side) // 2, side, side)
    numbers = _numbers(text.removeprefix("pct:"), is_whole=not text.startswith("pct:"))
    if len(numbers) != 4:
        raise ProblemError(
            400, "the region must be full, square, x,y,w,h or pct:x,y,w,h"
        )
    if text.startswith("pct:"):
        sides = (width, height, width, height)
        numbers = [n * side / 100 for n, side in zip(numbers, sides, strict=True)]
    x, y, w, h = (round(n) for n in numbers)
    box = Box(x, y, min(w, width - x), min(h, height - y))
    if box.width <= 0 or box.height <= 0:
        raise ProblemError(400, "the region is empty, or lies outside of the slide")
    return box


def size_of(text: str, region: Box) -> tuple[int, int]:
    """The size that a request names for a region.

    Raises ProblemError for what is none, or larger than allowed.
    """
    may_grow = text.startswith("^")
    text = text.removeprefix("^")
    width, height = _asked_size(text, region, may_grow=may_grow)
    if width < 1 or height < 1:
        raise ProblemError(400, "the picture would have no pixels")
    if not may_grow and (width > region.width or height > region.height):
        raise ProblemError(
            400, 'pictures are only made larger where size begins with "^"'
        )
    if max(width, height) > LONGEST_REGION or width * height > MOST_REGION_PIXELS:
        raise ProblemError(
            400,
            f"pictures may have {LONGEST_REGION} pixels on a side and "
            f"{MOST_REGION_PIXELS} in all",
        )
    return width, height


def _most(region: Box, *, may_grow: bool) -> float:
    """The largest scale of a region."""
    longest = LONGEST_REGION / max(region.width, region.height)
    most = math.sqrt(MOST_REGION_PIXELS / (region.width * region.height))
    return min(longest, most) if may_grow else min(1.0, longest, most)


def _asked_size(text: str, region: Box, *, may_grow: bool) -> tuple[int, int]:
    if text == "max":
        return _scaled(region, _most(region, may_grow=may_grow))
    if text.startswith("pct:"):
        (percent,) = _numbers(text[4:]) if "," not in text else (0.0,)
        return _scaled(region, percent / 100)
    fitted = re.fullmatch(r"(!?)([0-9]{0,9}),([0-9]{0,9})", text)
    if (
        fitted is None
        or not (fitted[2] or fitted[3])
        or (fitted[1] and not (fitted[2] and fitted[3]))
    ):
        raise ProblemError(400, "the size must be max, w,  ,h  pct:n  w,h or !w,h")
    width, height = (int(side) if side else None for side in fitted.groups()[1:])
    if fitted[1]:
        assert width is not None
        assert height is not None
        most = _most(region, may_grow=may_grow)
        return _scaled(region, min(width / region.width, height / region.height, most))
    if width is None:
        assert height is not None
        return max(1, round(region.width * height / region.height)), height
    if height is None:
        return width, max(1, round(region.height * width / region.width))
    return width, height


def _scaled(region: Box, scale: float) -> tuple[int, int]:
    if not 0 < scale < 1_000_000:
        raise ProblemError(400, "the picture would have no pixels, or too many")
    width, height = (
        max(1, math.floor(side * scale + 1e-6))
        for side in (region.width, region.height)
    )
    return width, height


def _numbers(text: str, *, is_whole: bool = False) -> list[float]:
    digits = r"[0-9]{1,9}" if is_whole else r"[0-9]{1,9}(?:\.[0-9]{1,12})?"
    if re.fullmatch(rf"{digits}(?:,{digits})*", text) is None:
        raise ProblemError(400, "region and size are made of numbers from 0 on")
    return [float(number) for number in text.split(",")]


def routes(pictures: Pictures, base_path: str) -> list[Route]:
    """The addresses of the IIIF Image API."""

    def path_of(slide: Slide) -> str:
        return f"{base_path}/iiif/{quote(slide.address, safe='')}"

    def identifier_of(request: Request, slide: Slide) -> str:
        return f"{request.url.scheme}://{request.url.netloc}{path_of(slide)}"

    async def info(request: Request) -> Response:
        slide = await pictures.slide(request)
        told = await pictures.described(request, slide)
        identifier = identifier_of(request, slide)
        is_json_ld = "application/ld+json" in request.headers.get("accept", "")
        return await answers.document(
            request,
            Document.of_json(
                _info(identifier, told["width"], told["height"]),
                _JSON_LD if is_json_ld else "application/json",
            ),
            {"Link": _PROFILE, "Vary": "Accept, Host"},
        )

    async def base(request: Request) -> Response:
        slide = await pictures.slide(request)
        return RedirectResponse(f"{path_of(slide)}/info.json", status_code=303)

    async def image(request: Request) -> Response:
        place = request.path_params
        format = _FORMATS.get(place["format"])
        if format is None:
            raise ProblemError(400, f"the format must be one of {', '.join(_FORMATS)}")
        if place["quality"] not in _QUALITIES:
            raise ProblemError(
                400, f"the quality must be one of {', '.join(_QUALITIES)}"
            )
        rotation = re.fullmatch(r"(!?)(0|90|180|270)", place["rotation"])
        if rotation is None:
            raise ProblemError(
                400, 'the rotation must be 0, 90, 180 or 270, or after "!"'
            )
        slide = await pictures.slide(request)
        told = await pictures.described(request, slide)
        region = region_of(place["region"], told["width"], told["height"])
        width, height = size_of(place["size"], region)
        response = await pictures.answer(
            request,
            slide,
            "scaled_region",
            **region._asdict(),
            out_width=width,
            out_height=height,
            turn=int(rotation[2]),
            is_mirrored=bool(rotation[1]),
            quality=place["quality"],
            format=format,
        )
        asked = _canonical(region, (told["width"], told["height"]), (width, height))
        quality = "default" if place["quality"] == "color" else place["quality"]
        canonical = f"{asked}/{place['rotation']}/{quality}.{place['format']}"
        response.headers["Link"] = (
            f'{_PROFILE}, <{identifier_of(request, slide)}/{canonical}>;rel="canonical"'
        )
        return response

    picture = "{region}/{size}/{rotation}/{quality}.{format}"
    return [
        Route("/iiif/{slide:path}/info.json", info),
        Route("/iiif/{slide:path}/" + picture, image),
        Route("/iiif/{slide:path}", base),
    ]


def _canonical(region: Box, whole: tuple[int, int], size: tuple[int, int]) -> str:
    """Region and size as the specification would have them asked for."""
    is_full = region == Box(0, 0, *whole)
    asked = "full" if is_full else ",".join(map(str, region))
    if size == _asked_size("max", region, may_grow=False):
        return f"{asked}/max"
    is_larger = size[0] > region.width or size[1] > region.height
    return f"{asked}/{'^' if is_larger else ''}{size[0]},{size[1]}"


def _info(identifier: str, width: int, height: int) -> dict[str, Any]:
    factors = [1]
    while max(width, height) > factors[-1] * _TILE_SIDE:
        factors.append(2 * factors[-1])
    return {
        "@context": _CONTEXT,
        "id": identifier,
        "type": "ImageService3",
        "protocol": "http://iiif.io/api/image",
        "profile": "level2",
        "width": width,
        "height": height,
        "maxWidth": LONGEST_REGION,
        "maxHeight": LONGEST_REGION,
        "maxArea": MOST_REGION_PIXELS,
        "tiles": [{"width": _TILE_SIDE, "height": _TILE_SIDE, "scaleFactors": factors}],
        "preferredFormats": ["jpg"],
        "extraFormats": ["webp"],
        "extraQualities": ["color", "gray", "bitonal"],
        "extraFeatures": [
            *("canonicalLinkHeader", "mirroring", "profileLinkHeader"),
            *("regionSquare", "sizeUpscaling"),
        ],
    }
