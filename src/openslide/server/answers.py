"""Answers of HTTP: pictures, JSON, and what is wrong."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

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
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    body = text.encode("utf-8", "replace")
    return Response(body, status, headers, media_type)


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
    known = request.headers.get("if-none-match")
    if known is None:
        return None
    etag = wanted.etag
    tags = (tag.strip().removeprefix("W/") for tag in known.split(","))
    if not any(tag == etag for tag in tags):
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
