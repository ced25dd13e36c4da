"""Answers of HTTP: pictures, JSON, and what is wrong."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from hashlib import blake2b
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from .readers import Answer
from .service import Wanted

#: Tells that some of a picture is background for want of sound data.
DAMAGED = "OpenSlide-Damaged"

#: Tells that a tile was copied from the slide as it is.
NATIVE = "OpenSlide-Native"

#: What is asked for with its version never changes, the rest may within a minute.
_FOR_EVER = "private, max-age=31536000, immutable"
_FOR_A_WHILE = "private, max-age=60"

#: Seconds after which somebody may ask again who was told to come back.
_LATER = "1"

#: Shorter texts are sent as they are, in bytes, for they fit into a packet or two.
_WORTH_COMPRESSING = 4096
_EFFORT = 5

_DIGEST_BYTES = 12

_Result = TypeVar("_Result")

_ABSOLUTE = re.compile(r"(?<!\w)(?:[A-Za-z]:)?[/\\](?:[^\s'\":;,/\\]*[/\\])*")

_STATUSES: Mapping[str, tuple[int, str]] = {
    "absent": (404, "there is no such slide"),
    "no picture": (404, ""),
    "refused": (400, ""),
    "unopenable": (422, "the slide cannot be opened: "),
    "crashed": (422, "the slide cannot be shown: "),
    "late": (504, "the slide cannot be shown now: "),
    "fault": (500, "an error that nobody expected: "),
    "stopped": (503, ""),
}


class ProblemError(Exception):
    """What is wrong, for who asked.

    status:  of HTTP.
    detail:  in words, without anything of the file system.
    headers: of the answer.
    """

    def __init__(
        self, status: int, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}

    def response(self) -> Response:
        """As JSON, after RFC 9457."""
        title = HTTPStatus(self.status).phrase
        told = {"status": self.status, "title": title, "detail": self.detail}
        headers = {"Cache-Control": "no-store", **self.headers}
        return json_response(told, self.status, headers, "application/problem+json")


def busy() -> ProblemError:
    """Too much is waiting."""
    return ProblemError(
        503, "too many pictures are asked for; try again", {"Retry-After": _LATER}
    )


def json_response(
    content: Any,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    media_type: str = "application/json",
) -> Response:
    return Response(_as_json(content), status, headers, media_type)


def _as_json(content: Any) -> bytes:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


class Document:
    """What is read as text: known by its ETag, and compressed where that pays."""

    def __init__(self, body: bytes, media_type: str) -> None:
        self.body = body
        self.media_type = media_type

    @classmethod
    def of_json(cls, content: Any, media_type: str = "application/json") -> Document:
        """Of what JSON can hold."""
        return cls(_as_json(content), media_type)

    @cached_property
    def etag(self) -> str:
        """A weak one, for the bytes may be compressed."""
        return f'W/"{blake2b(self.body, digest_size=_DIGEST_BYTES).hexdigest()}"'

    @cached_property
    def compressed(self) -> bytes:
        return gzip.compress(self.body, _EFFORT, mtime=0)


async def document(
    request: Request, content: Document, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer to a request for a text; who keeps it asks whether it has changed."""
    told = {"Cache-Control": "no-cache", **(headers or {})}
    told["Vary"] = ", ".join(filter(None, (told.get("Vary"), "Accept-Encoding")))
    is_long = len(content.body) >= _WORTH_COMPRESSING
    # Both take a moment for what is large, and nobody else is to wait for it.
    told["ETag"] = await _aside(is_long, lambda: content.etag)
    if knows(request, told["ETag"]):
        return Response(status_code=304, headers=told)
    body = content.body
    if is_long and _takes_gzip(request):
        body = await _aside(True, lambda: content.compressed)
        told["Content-Encoding"] = "gzip"
    return Response(body, headers=told, media_type=content.media_type)


async def _aside(is_long: bool, work: Callable[[], _Result]) -> _Result:
    return await asyncio.to_thread(work) if is_long else work()


def _takes_gzip(request: Request) -> bool:
    for coding in _listed(request, "accept-encoding"):
        name, _, weight = coding.lower().replace(" ", "").partition(";q=")
        if name in ("gzip", "*"):
            return weight.strip("0.") != "" or not weight
    return False


def knows(request: Request, etag: str) -> bool:
    """Whether who asks has what an ETag stands for already."""
    tags = {tag.removeprefix("W/") for tag in _listed(request, "if-none-match")}
    return "*" in tags or etag.removeprefix("W/") in tags


def _listed(request: Request, name: str) -> Iterator[str]:
    """What a header lists, in one line or several."""
    for line in request.headers.getlist(name):
        yield from filter(None, map(str.strip, line.split(",")))


def failure(answer: Answer, path: Path) -> ProblemError:
    """What to say where there is no picture."""
    status, words = _STATUSES[str(answer.failure)]
    headers = {"Retry-After": _LATER} if status == 503 else {}
    if answer.failure == "absent":
        return ProblemError(status, words)
    return ProblemError(status, words + without_paths(answer.message, path), headers)


def without_paths(message: str, path: Path) -> str:
    """What a message says, without the folders that it names."""
    for folder in {str(path.parent), os.path.realpath(path.parent)}:
        if len(folder) > 1:
            message = message.replace(folder + os.sep, "").replace(folder, "its folder")
    return _ABSOLUTE.sub("", message)


def not_modified(request: Request, wanted: Wanted) -> Response | None:
    """The answer to who has the picture already."""
    if "if-none-match" not in request.headers or not knows(request, wanted.etag):
        return None
    return Response(status_code=304, headers=_caching(request, wanted))


def picture(request: Request, wanted: Wanted, answer: Answer) -> Response:
    """A picture, or its failure raised.

    Raises ProblemError.
    """
    if answer.failure is not None:
        raise failure(answer, wanted.slide.path)
    if answer.is_damaged:
        headers = {DAMAGED: "1", "Cache-Control": "no-store"}
    else:
        headers = _caching(request, wanted)
    if answer.is_native:
        headers[NATIVE] = "1"
    return Response(answer.body, headers=headers, media_type=answer.media_type)


def _caching(request: Request, wanted: Wanted) -> dict[str, str]:
    is_fixed = request.query_params.get("v") == wanted.slide.version
    return {
        "ETag": wanted.etag,
        "Cache-Control": _FOR_EVER if is_fixed else _FOR_A_WHILE,
    }
