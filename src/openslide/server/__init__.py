"""Slides on the web: `openslide serve`, its parts, and slides in notebooks.

    pip install openslide-native[server]

The way of a request:

    connections      wait for it, but not for ever
    watch, guard     count it and log it; turn away who may not ask
    images, iiif     which picture is wanted, in bounds
    roots            which file an address stands for, and whether it is served
    service          the picture from the cache, or once for all who want it
    readers          which process reads it, and when; what becomes of one that dies
    reader           in that process: _open_slides, pictures, output.encoding

`catalogue` and `interface` make the list of slides, `pages` has what a browser shows,
`embedding` what notebooks show.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .settings import Settings

if TYPE_CHECKING:
    from .._slide import OpenSlide
    from .embedding import Shown

__all__ = ["Settings", "show"]


def show(
    slide: OpenSlide | str | os.PathLike[str],
    *,
    height: int = 600,
    proxy: str | None = None,
) -> Shown:
    """The viewer of a slide, for a notebook, which shows it below the cell.

    slide:  open, or the path of its file; it may be closed afterwards.
    height: of the viewer, in pixels of the screen.
    proxy:  where the notebook's server leads to ports of the machine that it runs on, for
            notebooks on another one: with jupyter-server-proxy, "/proxy", or
            "/user/NAME/proxy" on a hub.

    The first call begins a server in this process, which only this machine reaches.

    Raises ImportError where openslide-native[server] is not installed,
    FileNotFoundError where there is no such file, and ValueError for a file that has no
    name which an address could have.
    """
    from .embedding import shown

    return shown(slide, height, proxy)
