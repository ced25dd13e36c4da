"""openslide serve: slides in a browser, and their tiles for other programs.

Listens on this machine alone, unless --host says otherwise; others must then show a
token.  Ends with Ctrl-C, or SIGTERM, when the requests that have begun are answered.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .._extras import missing
from ._types import not_negative, percent, positive

if TYPE_CHECKING:
    from ..server import Settings
    from ._types import Subcommands

#: Where a token may be that is not to be seen in the list of processes.
_TOKEN_VARIABLE = "OPENSLIDE_TOKEN"


def add_parser(subcommands: Subcommands) -> None:
    parser = subcommands.add_parser(
        "serve", help="show slides in a browser", description=__doc__
    )
    parser.add_argument(
        "served", nargs="+", metavar="DIR|SLIDE", type=Path, help="folders and slides"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="where to listen (default: %(default)s)"
    )
    parser.add_argument(
        "--port",
        type=not_negative,
        default=8080,
        help="0 takes one that is free (default: %(default)s)",
    )
    parser.add_argument(
        "--token",
        help=f"what others must show; may be in {_TOKEN_VARIABLE} instead (default: "
        "none on this machine alone, else one that is made up and printed)",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name of this server, as behind a proxy; may be repeated",
    )
    parser.add_argument(
        "--cors",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="pages of https://... that may use this server's pictures, or *; may be "
        "repeated",
    )
    parser.add_argument(
        "--base-path",
        default="",
        metavar="PATH",
        help="what addresses begin with, such as /slides behind a proxy",
    )
    parser.add_argument(
        "--proxy",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="of a proxy on another machine, whose X-Forwarded-For and -Proto are "
        "believed as are those of this one; may be repeated",
    )
    parser.add_argument(
        "--labels",
        action="store_true",
        help="show labels, macro pictures and properties, which can name patients",
    )
    parser.add_argument(
        "--follow-links",
        action="store_true",
        help="serve also what links lead to outside of the folders",
    )
    parser.add_argument(
        "--cache",
        type=not_negative,
        default=256,
        metavar="MB",
        help="pictures and decoded tiles to keep (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=positive,
        metavar="N",
        help="processes that read slides (default: one for each four CPUs)",
    )
    parser.add_argument(
        "--quality",
        type=percent,
        default=75,
        help="of JPEG and WebP (default: %(default)s)",
    )
    parser.add_argument(
        "--access-log",
        metavar="FILE",
        help="a line of JSON for each answer; - for standard error (default: none)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    try:
        from ..server import running
    except ImportError as error:
        raise missing(f"openslide serve needs {error.name}", "server") from None
    running.run(_settings(options), options.access_log, _say)
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    from ..server import Settings
    from ..server.guard import is_loopback

    token = options.token
    if token is None:
        token = os.environ.get(_TOKEN_VARIABLE) or None
    if token is None and not is_loopback(options.host):
        token = secrets.token_urlsafe(16)
    given = {} if options.workers is None else {"processes": options.workers}
    return Settings(
        served=tuple(options.served),
        host=options.host,
        port=options.port,
        token=token,
        names=tuple(options.allow_host),
        origins=tuple(options.cors),
        base_path=options.base_path.rstrip("/"),
        labels=options.labels,
        follow_links=options.follow_links,
        cache=options.cache << 20,
        quality=options.quality,
        proxies=(*Settings.proxies, *options.proxy),
        **given,
    )


def _say(line: str) -> None:
    print(f"openslide serve: {line}", file=sys.stderr, flush=True)
