"""The viewer of a slide in a page of somebody else, such as a notebook."""

from __future__ import annotations

import html
import os
import secrets
from pathlib import Path
from threading import Lock
from urllib.parse import quote, urlsplit

from .._slide import OpenSlide
from .roots import Roots
from .running import Background
from .settings import Settings

#: Where notebooks are shown: pages of any address, and editors.
_ANCESTORS = ("*", "vscode-webview:", "vscode-file:", "file:")


class Shown:
    """A viewer of a slide; notebooks show it.

    Attributes:
        address: of the page that it is, on this machine.  It has a secret in it, without
                 which nobody else at this machine can see the slide.
    """

    def __init__(self, address: str, frame: str, height: int) -> None:
        self.address = address
        self._frame = frame
        self._height = height

    def __repr__(self) -> str:
        return f"<viewer at {self.address}>"

    def _repr_html_(self) -> str:
        return (
            f'<iframe src="{html.escape(self._frame)}" width="100%" '
            f'height="{self._height}" style="border: 1px solid #ccc" '
            "allowfullscreen></iframe>"
        )


class _Server:
    """The server of this process: begun by the first slide that is shown."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process = 0
        self._roots: Roots | None = None
        self._address = ""

    def address(self, path: Path) -> str:
        """Where the viewer of a slide is."""
        with self._lock:
            if self._roots is None or self._process != os.getpid():
                self._start(path)
            assert self._roots is not None
            slide = self._roots.add(path)
            return f"{self._address}view?slide={quote(slide, safe='')}"

    def _start(self, path: Path) -> None:
        settings = Settings(
            served=(path,),
            port=0,
            base_path=f"/{secrets.token_urlsafe(16)}",
            ancestors=_ANCESTORS,
            labels=True,  # who has the file can see them anyway
        )
        self._roots = Roots(settings.served)
        self._address = Background(settings, roots=self._roots).address
        self._process = os.getpid()


_server = _Server()


def shown(
    slide: OpenSlide | str | os.PathLike[str], height: int, proxy: str | None
) -> Shown:
    """See openslide.server.show()."""
    path = Path(os.fsdecode(slide._osr.path if isinstance(slide, OpenSlide) else slide))
    address = _server.address(Path(os.path.abspath(path)))
    frame = address
    if proxy is not None:
        parts = urlsplit(address)
        frame = f"{proxy.rstrip('/')}/{parts.port}{parts.path}?{parts.query}"
    return Shown(address, frame, height)
