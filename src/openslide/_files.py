"""From a file name to libopenslide's handle, with a reason where there is none."""

from __future__ import annotations

import os
from typing import Any, TypeAlias

from ._arguments import absolute_path, path_bytes
from ._diagnosis import diagnose
from ._errors import OpenSlideUnsupportedFormatError
from ._missing import tell_what_is_missing
from ._openslide import Slide, detect_vendor

Filename: TypeAlias = str | bytes | os.PathLike[Any]


def open_handle(
    filename: Filename, may_reopen: bool = False, direct: bool = True
) -> Slide:
    """Open a slide.

    may_reopen: whether a failure ends with the call that met it.
    direct:     whether to read without libopenslide where that gives the same bytes;
                OPENSLIDE_DIRECT=0 overrules it.

    Raises OpenSlideUnsupportedFormatError where libopenslide says it is none,
    OpenSlideError where it says the slide is damaged, ArgumentTypeError where
    filename is no path.
    """
    path = absolute_path(path_bytes(filename))
    try:
        slide = Slide(path, may_reopen, direct and _may_be_direct())
    except OpenSlideUnsupportedFormatError:
        error = refusal(filename)
    else:
        tell_what_is_missing()
        return slide
    raise error


def refusal(filename: Filename) -> OpenSlideUnsupportedFormatError:
    """What to raise of a file that libopenslide has refused, or must not be asked."""
    return unsupported(filename, diagnose(path_bytes(filename)).reason)


def unsupported(filename: Filename, reason: str) -> OpenSlideUnsupportedFormatError:
    """The error of a file that cannot be opened for a reason."""
    error = OpenSlideUnsupportedFormatError(
        f"Unsupported or missing image file: {_shown(filename)}: {reason}"
    )
    error.reason = reason
    return error


def _may_be_direct() -> bool:
    return os.environ.get("OPENSLIDE_DIRECT", "1") != "0"


def vendor_of(filename: Filename) -> str | None:
    """The vendor of a slide, or None where libopenslide does not know it."""
    return detect_vendor(path_bytes(filename))


def file_state(path: str | os.PathLike[str]) -> tuple[int, ...]:
    """What changes when a file does, or when another one takes its place.

    Raises OSError where there is none.
    """
    status = os.stat(path)
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev


def _shown(filename: Filename) -> str:
    name = repr(os.fspath(filename))
    return name if len(name) <= 300 else f"{name[:100]}... ({len(name)} characters)"
