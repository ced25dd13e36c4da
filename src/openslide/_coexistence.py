"""Living beside openslide-python, which installs a package of the same name.

Whichever was installed last overwrote files of the other.  What both have is
ours when this code runs; what only openslide-python has may lie between ours.
"""

from __future__ import annotations

import os
import sys
import warnings
from importlib.machinery import EXTENSION_SUFFIXES

_PACKAGE = os.path.dirname(os.path.abspath(__file__))

MEND = (
    "pip uninstall -y openslide-python && "
    "pip install --force-reinstall --no-deps openslide-native"
)


def foreign_file() -> str | None:
    """openslide-python's extension module, if it lies in this package.

    Python prefers it to our module openslide._convert.
    """
    names = (f"_convert{suffix}" for suffix in EXTENSION_SUFFIXES)
    paths = (os.path.join(_PACKAGE, name) for name in names)
    return next((path for path in paths if os.path.exists(path)), None)


def is_replaced() -> bool:
    """Whether the package that was imported is openslide-python's.

    Ours tells which libopenslide it has loaded.
    """
    return not hasattr(sys.modules[__package__], "__library_path__")


def warn_of_foreign_files() -> None:
    """Say in one line that openslide-python is installed too, and the remedy."""
    path = foreign_file()
    if path is not None:
        warnings.warn(
            f"openslide-python has left {path} inside openslide-native; to mend: {MEND}",
            stacklevel=3,
        )
