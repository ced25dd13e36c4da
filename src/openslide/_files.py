"""From a file name to libopenslide's handle, with a reason where there is none."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any, TypeAlias

from ._arguments import absolute_path, path_bytes
from ._errors import OpenSlideUnsupportedFormatError
from ._openslide import Slide, detect_vendor

Filename: TypeAlias = str | bytes | os.PathLike[Any]

# What files start with whose contents people pass instead of their name.
_SIGNATURES = (b"II*\0", b"II+\0", b"MM\0*", b"MM\0+", b"\x89PNG", b"\xff\xd8\xff")
_LONGEST_PATH = 4096
_LONGEST_KEY_FILE = 1 << 20

_SPECIAL_FILES = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


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
        return Slide(path, may_reopen, direct and _may_be_direct())
    except OpenSlideUnsupportedFormatError:
        error = refusal(filename)
    raise error


def refusal(filename: Filename) -> OpenSlideUnsupportedFormatError:
    """What to raise of a file that libopenslide has refused, or must not be asked."""
    reason = _diagnose(path_bytes(filename))
    return OpenSlideUnsupportedFormatError(
        f"Unsupported or missing image file: {_shown(filename)}: {reason}"
    )


def _may_be_direct() -> bool:
    return os.environ.get("OPENSLIDE_DIRECT", "1") != "0"


def vendor_of(filename: Filename) -> str | None:
    """The vendor of a slide, or None where libopenslide does not know it."""
    return detect_vendor(path_bytes(filename))


def _shown(filename: Filename) -> str:
    name = repr(os.fspath(filename))
    return name if len(name) <= 300 else f"{name[:100]}... ({len(name)} characters)"


def special_file(filename: Filename) -> str | None:
    """What a file is that is neither a regular file nor a directory, or None.

    Opening a FIFO waits for a writer, so this is found out without opening it.
    """
    if not isinstance(filename, str | bytes | os.PathLike):
        return None  # os.stat() would take an integer for a file descriptor
    try:
        kind = stat.S_IFMT(os.stat(filename).st_mode)
    except (OSError, ValueError):
        return None
    return _SPECIAL_FILES.get(kind)


def _diagnose(path: bytes) -> str:
    """Why a file was refused."""
    if b"\0" in path:  # where a C string would end
        if path.startswith(_SIGNATURES) or len(path) > _LONGEST_PATH:
            return "these are the contents of a file; pass its name instead"
        return "a file name cannot contain a null character"
    special = special_file(path)
    if special is not None:
        return f"it is {special}, not a regular file"
    name = os.fsdecode(path)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", name):
        return "it is a URL; download the slide and open the local file"
    if len(path) > _LONGEST_PATH or path.startswith(_SIGNATURES):
        return "these are the contents of a file; pass its name instead"
    if not os.path.exists(path):
        return _missing(name)
    if os.path.isdir(path):
        return "it is a directory; open the slide file itself"
    if not os.access(path, os.R_OK):
        return "no permission to read it"
    if os.path.getsize(path) == 0:
        return "the file is empty"
    companion = _missing_companion(Path(name))
    if companion is not None:
        return f"its companion {str(companion)!r} is missing"
    return "it is not in a format that OpenSlide reads"


def _missing(name: str) -> str:
    if not name:
        return "the file name is empty"
    if os.path.islink(name):
        return f"it is a link to {os.readlink(name)!r}, which does not exist"
    if not os.path.isabs(name):
        return f"no such file in {_working_directory()}"
    return "no such file"


def _working_directory() -> str:
    try:
        return repr(os.getcwd())
    except FileNotFoundError:
        return "the working directory, which was deleted"


def _missing_companion(slide: Path) -> Path | None:
    """A file that the slide consists of beside its main one, if it is missing.

    Sources: OpenSlide's pages on the MIRAX and the Hamamatsu format.
    """
    suffix = slide.suffix.lower()
    if suffix == ".mrxs":
        needed = [slide.with_suffix("") / "Slidedat.ini"]
    elif suffix in (".vms", ".vmu"):
        keys = r"(?:ImageFile|MapFile|OptimisationFile)[^=\n]*"
        with slide.open(encoding="utf-8", errors="replace") as file:
            text = file.read(_LONGEST_KEY_FILE)
        names = re.findall(rf"^{keys}=(.+?)\s*$", text, re.MULTILINE)
        needed = [slide.parent / name for name in names]
    else:
        needed = []
    return next((file for file in needed if not os.path.exists(file)), None)
