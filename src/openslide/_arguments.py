"""Arguments as libopenslide takes them."""

from __future__ import annotations

import os
import sys
from typing import Any


def path_bytes(filename: str | bytes | os.PathLike[Any]) -> bytes:
    """The path as libopenslide takes it: UTF-8 on Windows, else the file system's bytes.

    Raises ArgumentTypeError where filename is no path, and ArgumentValueError where
    no file can be called so.
    """
    try:
        path = os.fspath(filename)
    except TypeError as error:
        from ._argument_errors import ArgumentTypeError

        raise ArgumentTypeError(f"{error}: {filename!r}") from None
    if isinstance(path, bytes):
        return path
    try:
        return path.encode() if sys.platform == "win32" else os.fsencode(path)
    except UnicodeEncodeError as error:
        from ._argument_errors import ArgumentValueError

        raise ArgumentValueError(f"{error}: {filename!r}") from None


def utf8_text(name: str | bytes) -> str:
    """The name of a property or an associated image.

    Raises ArgumentTypeError for what is neither str nor bytes, and
    ArgumentValueError for a str that has no UTF-8 form.
    """
    if isinstance(name, bytes):
        return name.decode(errors="replace")
    if not isinstance(name, str):
        from ._argument_errors import ArgumentTypeError

        raise ArgumentTypeError(f"Incorrect type: a name must be str, not {name!r}")
    if not name.isascii():
        try:
            name.encode()
        except UnicodeEncodeError as error:
            from ._argument_errors import ArgumentValueError

            raise ArgumentValueError(f"{error}: {name!r}") from None
    return name


def absolute_path(path: bytes) -> bytes:
    """The path from the root, so that it means the same file after a chdir().

    Nothing else changes: what looks superfluous may lead through a link.
    """
    try:
        return os.path.join(os.getcwdb(), path) if path else path
    except FileNotFoundError:  # the working directory was deleted
        return path
