"""Slides on the web: `openslide serve`, its parts, and slides in notebooks.

    pip install openslide-native[server]

The way of a request:

    watch, guard     count it and log it; turn away who may not ask
    images, iiif     which picture is wanted, in bounds
    roots            which file an address stands for, and whether it is served
    service          the picture from the cache, or once for all who want it
    readers          which process reads it, and when; what becomes of one that dies
    reader           in that process: open_slides, pictures, output.encoding

`catalogue` and `interface` make the list of slides, `pages` has what a browser shows.
"""

from __future__ import annotations

from .settings import Settings

__all__ = ["Settings"]
