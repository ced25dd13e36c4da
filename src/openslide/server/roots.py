"""What is served: folders and slides, and the addresses of what is in them.

An address is the slide's path below what is served, with "/" between its parts.  This
is the one place where an address becomes a path, so no other decides what may be read.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

#: No file system has longer names, and no system longer paths.
_LONGEST_NAME = 255
_LONGEST_ADDRESS = 4096

#: What the server's own addresses begin with.
_TAKEN = frozenset(
    {"api", "iiif", "static", "view", "healthz", "metrics", "openapi.json"}
)


_LEADS_OUT = (
    "it is a link that leads out of the folder; start the server with --follow-links to "
    "serve it"
)


class NotServedError(LookupError):
    """There is no such slide, or it is not served; the message says what users may know."""


class Roots:
    """Folders and slides by the first part of their addresses.

    served:       they.  Of one folder alone, addresses begin below it; of several, or
                  where slides are named as well, with each one's own name.
    follow_links: whether links in folders may lead out of them.

    Raises FileNotFoundError for what is not there.
    """

    def __init__(self, served: Iterable[Path], *, follow_links: bool = False) -> None:
        self._follow_links = follow_links
        paths = [Path(os.path.abspath(path)) for path in served]
        for path in paths:
            os.stat(path)  # raises FileNotFoundError, and says which
        self._only: Path | None = None
        self._named: dict[str, Path] = {}
        if len(paths) == 1 and paths[0].is_dir():
            self._only = paths[0]
        else:
            for path in dict.fromkeys(paths):
                self._named[self._free_name(path)] = path

    def add(self, path: Path) -> str:
        """Serve one more slide; its address.

        Raises FileNotFoundError where it is not there, and ValueError where it can have
        no address.
        """
        os.stat(path)
        if path not in self._named.values():
            self._named = {**self._named, self._free_name(path): path}
        try:
            return self.address(path)
        except NotServedError as error:
            raise ValueError(f"{str(path)!r} cannot be shown: {error}") from None

    def _free_name(self, path: Path) -> str:
        name, number = path.name, 1
        while name in self._named:
            number += 1
            name = f"{path.stem}-{number}{path.suffix}"
        return name

    @property
    def paths(self) -> list[Path]:
        """What is served."""
        return [self._only] if self._only else list(self._named.values())

    def address(self, path: Path) -> str:
        """The address of a slide that was found.

        Raises NotServedError where it has none, with the reason.
        """
        parts = self._parts(path)
        address = "/".join(parts)
        try:
            address.encode()
        except UnicodeEncodeError:
            raise NotServedError("its name is not UTF-8; rename it") from None
        if not all(map(_is_plain, parts)):
            raise NotServedError("its name cannot be an address; rename it")
        if parts[0] in _TAKEN:
            raise NotServedError(
                f"addresses that begin with {parts[0]!r} are the server's own; "
                "rename it"
            )
        if self.path(address) != path:
            raise NotServedError("another one has its address; rename one of them")
        return address

    def name(self, path: Path) -> str:
        """What to call a file that was found, whether it has an address or none."""
        try:
            return "/".join(self._parts(path)).encode("utf-8", "replace").decode()
        except NotServedError:
            return path.name

    def _parts(self, path: Path) -> tuple[str, ...]:
        if self._only is not None and path.is_relative_to(self._only):
            return path.relative_to(self._only).parts
        for name, root in self._named.items():
            if path == root:
                return (name,)
            if path.is_relative_to(root):
                return (name, *path.relative_to(root).parts)
        raise NotServedError("it does not lie in what is served")

    def path(self, address: str) -> Path:
        """The file of an address.

        Raises NotServedError where there is none, or none that may be served.
        """
        if len(address) > _LONGEST_ADDRESS:
            raise NotServedError("no slide has an address of that length")
        parts = address.split("/")
        if not all(map(_is_plain, parts)) or parts[0] in _TAKEN:
            raise NotServedError("there is no such slide")
        root, rest = self._only, parts
        if root is None:
            root, rest = self._named.get(parts[0]), parts[1:]
        if root is None:
            raise NotServedError("there is no such slide")
        path = root.joinpath(*rest)
        self._require_file(path, root)
        return path

    def _require_file(self, path: Path, root: Path) -> None:
        try:
            is_file = stat.S_ISREG(os.stat(path).st_mode)
            leads_out = self._leads_out(path, root)
        except (OSError, ValueError):
            is_file = False
        if not is_file:
            raise NotServedError("there is no such slide")
        if leads_out:
            raise NotServedError(_LEADS_OUT)

    def _leads_out(self, path: Path, root: Path) -> bool:
        if path == root or self._follow_links:
            return False
        return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))

    def refusal(self, path: Path) -> str | None:
        """Why a file or folder below what is served may not be looked into, or None."""
        return _LEADS_OUT if self._leads_out(path, self._root_of(path)) else None

    def beside(self, path: Path, name: str) -> Path | None:
        """A file in the folder of a slide, None where it may not be served or is none."""
        found = path.with_name(name)
        if not _is_plain(name):
            return None
        try:
            self._require_file(found, self._root_of(path))
        except NotServedError:
            return None
        return found

    def _root_of(self, path: Path) -> Path:
        root = next(root for root in self.paths if path.is_relative_to(root))
        return root.parent if root == path else root


def _is_plain(part: str) -> bool:
    """Whether a part of an address can only name what lies in its folder."""
    if part.startswith(".") or not part or len(part) > _LONGEST_NAME:
        return False
    if _CONTROL.search(part):  # routes do not match them, nor do all clients send them
        return False
    if os.name == "nt" and part.endswith((".", " ")):  # Windows drops these
        return False
    return not any(c in part for c in _SEPARATORS)


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

#: What has a meaning in paths of some system, alternate streams of Windows included.
_SEPARATORS = "\0/\\:" if os.name == "nt" else "\0/"
