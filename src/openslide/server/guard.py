"""Who may ask what, and what browsers are told to keep to."""

from __future__ import annotations

import ipaddress
import re
import secrets
import socket
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .answers import ProblemError

#: What cannot hold anything of the slides, and must be had before a token is shown: an
#: address, and what others begin with.  No slide has such an address, see roots.
_OPEN = "/healthz"
_OPEN_FOLDER = "/static/"

#: What cookies begin with.  Browsers keep those of all ports of a machine together, so each
#: token has one of its own.
_COOKIE = "openslide-token-"

#: Longer addresses are nobody's.
_LONGEST_PATH = 16_384

_METHODS = ("GET", "HEAD")

#: Of view.html, which keeps OpenSeadragon from adding another: the hash of nothing.
_EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"

#: A name, or a numeric address of IPv6, and a port.
_HOST_HEADER = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*))(?::[0-9]*)?")

#: Host headers of which is known whether they name this server.
_HEADERS_KEPT = 64


class Hosts:
    """The names that the server answers to.

    A page elsewhere could make a name of its own lead to this machine (DNS rebinding),
    and so read what is meant for those who sit at it.  It cannot do so with numeric
    addresses, which are answered to therefore.
    """

    def __init__(self, host: str, names: Iterable[str]) -> None:
        self._names = {name.casefold() for name in (host, *names, "localhost")}
        if not is_loopback(host):
            self._names.update({socket.gethostname().casefold()})
            self._names.update({socket.getfqdn().casefold()})

        self._knows = lru_cache(_HEADERS_KEPT)(self._is_known)

    def knows(self, header: str) -> bool:
        """Whether a Host header names this server."""
        return self._knows(header)

    def _is_known(self, header: str) -> bool:
        name = _without_port(header).casefold().rstrip(".")
        return bool(name) and (name in self._names or _is_numeric(name))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _without_port(header: str) -> str:
    found = _HOST_HEADER.fullmatch(header)
    return "" if found is None else found[1] or found[2]


def _is_numeric(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """Lets through the requests that may be made, and seals the answers.

    app:       what answers.
    hosts:     the names that the server answers to.
    token:     what must be shown, in the header "Authorization: Bearer TOKEN", or in the
               address as token=TOKEN; a browser then gets it as a cookie.
    origins:   of pages elsewhere that may use pictures; "*": all.
    ancestors: of pages elsewhere that may show pages in a frame.
    base_path: what addresses begin with.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Hosts,
        *,
        token: str | None = None,
        origins: Iterable[str] = (),
        ancestors: Iterable[str] = (),
        base_path: str = "",
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._token = token
        digest = blake2b((token or "").encode(), digest_size=6)
        self._cookie_name = _COOKIE + digest.hexdigest()
        self._origins = frozenset(origins)
        self._base_path = base_path
        policy = {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": f"'self' {_EMPTY_STYLE}",
            "img-src": "'self' blob: data:",
            "connect-src": "'self'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": " ".join(ancestors) or "'none'",
        }
        self._sealing = {
            "Content-Security-Policy": "; ".join(f"{k} {v}" for k, v in policy.items()),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": (
                "cross-origin" if self._origins else "same-origin"
            ),
            "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        }
        if not ancestors:
            self._sealing["X-Frame-Options"] = "DENY"
            self._sealing["Cross-Origin-Opener-Policy"] = "same-origin"
        self._raw_sealing = [
            (name.lower().encode(), value.encode())
            for name, value in self._sealing.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        allowed = self._allowed_origin(headers)

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"].extend(self._raw_sealing)
                if self._origins:
                    raw = MutableHeaders(raw=message["headers"])
                    raw.add_vary_header("Origin")
                    if allowed:
                        raw["Access-Control-Allow-Origin"] = allowed
                        raw["Access-Control-Expose-Headers"] = "*"
            await send(message)

        if allowed and scope["method"] == "OPTIONS":
            await _preflight()(scope, receive, sealed)
            return
        try:
            self._require(scope, headers)
            welcome = self._welcome(scope, headers)
        except ProblemError as problem:
            await problem.response()(scope, receive, sealed)
            return
        if welcome is not None:
            await welcome(scope, receive, sealed)
            return
        await self._app(scope, receive, sealed)

    def _require(self, scope: Scope, headers: Headers) -> None:
        """Raise ProblemError for what may not be asked at all."""
        if scope["method"] not in _METHODS:
            allow = {"Allow": ", ".join(_METHODS)}
            raise ProblemError(405, "slides are only read here", allow)
        if len(scope["path"]) > _LONGEST_PATH:
            raise ProblemError(414, "the address is too long")
        hosts = headers.getlist("host")  # of two, a proxy might take the other
        if len(hosts) != 1 or not self._hosts.knows(hosts[0]):
            raise ProblemError(
                421,
                "this server does not go by that name; --allow-host NAME lets it",
            )

    def _allowed_origin(self, headers: Headers) -> str | None:
        origin = headers.get("origin")
        if "*" in self._origins:
            return "*"
        return origin if origin in self._origins else None

    def _welcome(self, scope: Scope, headers: Headers) -> RedirectResponse | None:
        """Nothing where a request shows the token.

        Where a page is asked for with the token in its address, the answer is a cookie
        and the way to the same page without it.  Raises ProblemError where there is none.
        """
        if self._token is None or self._is_open(scope["path"]):
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        shown = [value for name, value in query if name == "token"]
        if shown:
            self._compare(shown[-1])
            if "text/html" not in headers.get("accept", ""):
                return None
            rest = urlencode([pair for pair in query if pair[0] != "token"])
            path = quote(scope["path"]) + (f"?{rest}" if rest else "")
            answer = RedirectResponse("/" + path.lstrip("/"), status_code=303)
            answer.set_cookie(
                *(self._cookie_name, quote(self._token, safe="")),
                path=self._base_path or "/",
                httponly=True,
                samesite="strict",
                secure=scope["scheme"] == "https",
            )
            return answer
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            self._compare(given.strip())
        else:
            self._compare(_cookie(headers, self._cookie_name))
        return None

    def _is_open(self, path: str) -> bool:
        below = path.removeprefix(self._base_path)
        return below == _OPEN or below.startswith(_OPEN_FOLDER)

    def _compare(self, shown: str) -> None:
        token = self._token or ""
        is_equal = any(
            secrets.compare_digest(shown.encode(), known.encode())
            for known in (token, quote(token, safe=""))
        )
        if not is_equal:
            raise ProblemError(
                401,
                "show the token that the server was started with: open the address "
                "that it printed, or send Authorization: Bearer TOKEN",
                {"WWW-Authenticate": "Bearer"},
            )


def _preflight() -> Response:
    """What browsers ask before pages elsewhere may send a token."""
    headers = {
        "Access-Control-Allow-Methods": ", ".join(_METHODS),
        "Access-Control-Allow-Headers": "Authorization",
        "Access-Control-Max-Age": "600",
    }
    return Response(status_code=204, headers=headers)


def _cookie(headers: Headers, name: str) -> str:
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(headers.get("cookie", ""))
    except CookieError:
        return ""
    found = cookies.get(name)
    return found.value if found is not None else ""
