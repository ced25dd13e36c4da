"""Libraries that this build lacks, and what is slower for it: told once a process.

The logger "openslide" tells it, for some projects make errors of warnings.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import NamedTuple

from ._openslide import jpeg_version, tile_libraries

#: How to have a library built in.
INSTALL = (
    "install {} with its headers and then this package anew: "
    "pip install --force-reinstall --no-binary openslide-native openslide-native"
)


class _Library(NamedTuple):
    """A library that the build does without where it finds none.

    Attributes:
        name: its own.
        package: Debian's, with the headers.
        variable: of the environment, says that it is not wanted.
        effect: what is slower without it.
    """

    name: str
    package: str
    variable: str
    effect: str


_JPEG = _Library(
    "libjpeg-turbo",
    "libjpeg62-turbo-dev",
    "OPENSLIDE_WITHOUT_JPEG",
    "OpenSlide reads progressive and other rare JPEG tiles, and levels of NDPI and VMS "
    "that are made of larger ones, and Pillow writes JPEG files, in 1.5 times the time",
)
_LIBDEFLATE = _Library(
    "libdeflate",
    "libdeflate-dev",
    "OPENSLIDE_WITHOUT_LIBDEFLATE",
    "OpenSlide reads deflate tiles, and MIRAX slides with compressed positions or PNG",
)


_untold: list[_Library] = []
if jpeg_version() is None:
    _untold.append(_JPEG)
if not tile_libraries():
    _untold.append(_LIBDEFLATE)


def tell_what_is_missing() -> None:
    """Log what this build lacks, at the first call.

    Whoever begins processes that read slides calls this; they leave_it_untold().
    """
    with suppress(IndexError):  # another thread tells the rest
        while _untold:
            _tell(_untold.pop(0))


def _tell(library: _Library) -> None:
    if os.environ.get(library.variable, "0") not in ("", "0"):
        return
    import logging  # which takes a while

    logging.getLogger(__package__).warning(
        "openslide-native was built without %s. Pixels are the same, but slower: %s. "
        "To mend it, %s (Debian: apt install pkg-config %s). To have this not said, "
        "set %s=1",
        *(library.name, library.effect, INSTALL.format(library.name)),
        *(library.package, library.variable),
    )


def leave_it_untold() -> None:
    """Log nothing in this process: the one that began it has."""
    _untold.clear()
