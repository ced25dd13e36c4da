"""Find libopenslide and load it, once and now.

The library is loaded when this module is imported and never later, so that
`with os.add_dll_directory(folder): import openslide` works on Windows.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator

from . import _openslide
from ._arguments import path_bytes
from ._openslide import has_function as has_function
from ._version import __version__

# Names by which the platform's own loader finds libopenslide, newest first.
_NAMES = {
    "darwin": ("libopenslide.1.dylib", "libopenslide.0.dylib"),
    "win32": ("libopenslide-1.dll", "libopenslide-0.dll"),
}
_OTHER_NAMES = ("libopenslide.so.1", "libopenslide.so.0")


def _wheel_library(name: str) -> str | None:
    """The library that the openslide-bin package brings, without importing it.

    Importing it would load the library through ctypes.
    """
    spec = importlib.util.find_spec("openslide_bin")
    if spec is None or not spec.submodule_search_locations:
        return None
    return os.path.abspath(os.path.join(spec.submodule_search_locations[0], name))


def _candidates() -> Iterator[str]:
    """What to try, in order: absolute paths, then names for the loader.

    OPENSLIDE_LIBRARY is the user's decision, so nothing else is tried after it.
    openslide-bin comes before the bare names, because another package may have
    loaded an older libopenslide of the system under one of these already.
    """
    chosen = os.environ.get("OPENSLIDE_LIBRARY")
    if chosen:
        yield os.path.abspath(chosen) if os.path.dirname(chosen) else chosen
        return
    names = _NAMES.get(sys.platform, _OTHER_NAMES)
    bundled = _wheel_library(names[0])
    if bundled is not None:
        yield bundled
    yield from names


def _decode(path: bytes) -> str:
    return path.decode() if sys.platform == "win32" else os.fsdecode(path)


def _load() -> tuple[str, str]:
    """Load libopenslide and return the path of its file and its version.

    Raises ModuleNotFoundError that lists every path tried with the loader's own
    reason for each.
    """
    failures = []
    for candidate in _candidates():
        try:
            _openslide.load(path_bytes(candidate))
        except OSError as error:
            failures.append(f"  {candidate}: {error}")
        else:
            return _decode(_openslide.library_path()), _openslide.library_version()
    raise ModuleNotFoundError(
        "Couldn't locate OpenSlide shared library. These were tried:\n"
        + "\n".join(failures)
        + "\nInstall it with `pip install openslide-bin`, or with your system's "
        "package manager, or name its file in the environment variable "
        "OPENSLIDE_LIBRARY.",
        name=__package__,
    )


__library_path__, __library_version__ = _load()


def versions() -> dict[str, str]:
    """Of this package and of libopenslide, as what is written tells them."""
    return {"openslide-native": __version__, "libopenslide": __library_version__}
