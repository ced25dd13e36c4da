"""Slides as folders of a Zarr store, by way of fsspec: slide:///data/slide.svs.

The files of these folders are made when they are asked for: documents from what the
slide tells, chunks of images from its pixels, uncompressed.
"""

from __future__ import annotations

import asyncio
import errno
import json
import math
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._extras import missing, zarr
from . import ngff
from .pyramid import Sides, SlideFile, centres, pyramid_of, read_block, shared_slide

if TYPE_CHECKING:
    from zarr import Group

try:
    from fsspec.asyn import AsyncFileSystem
except ImportError:
    raise missing("Zarr views of slides need fsspec", "zarr") from None

#: Slides whose documents are kept.
_TREES = 64
_PROTOCOL = "slide"

#: What Zarr calls the files of metadata, and the folders of chunks.
_DOCUMENT = "zarr.json"
_CHUNKS = "c"


def open_group(path: str | os.PathLike[str], chunks: Sides) -> Group:
    """What openslide.array.open_zarr() gives."""
    name = os.path.abspath(path)
    # So that errors are those of opening a slide.
    slide_tree(SlideFile.of(name), chunks)
    files = SlideFileSystem(chunks, asynchronous=True)
    store = zarr().storage.FsspecStore(files, read_only=True, path=name)
    return zarr().open_group(store, mode="r", zarr_format=3)  # type: ignore[no-any-return]


class SlideTree:
    """The files of one slide's store.

    Attributes:
        path: of the slide.
        documents: the files but the chunks, by name.
    """

    def __init__(self, file: SlideFile, chunks: Sides) -> None:
        slide = shared_slide(file)
        pyramid = pyramid_of(slide, chunks)
        attributes = ngff.attributes(slide, pyramid, Path(file.path).name)
        store = zarr().storage.MemoryStore()
        ngff.create_group(store, attributes, pyramid, lambda _: ngff.interleaved())
        self.path = file.path
        self._file = file
        self.documents = _consolidated(ngff.files_of(store))
        self._levels = {str(level.number): level for level in pyramid.levels}

    def read(self, name: str) -> bytes:
        """The contents of a file.  Raises FileNotFoundError, and what reading raises."""
        if name in self.documents:
            return self.documents[name]
        parts = self._known(name)
        if self._children(parts) is not None:
            raise IsADirectoryError(
                errno.EISDIR, "it is a folder", f"{self.path}/{name}"
            )
        level, variable = self._levels[parts[0]], parts[1]
        if variable != ngff.IMAGE:
            return centres(level, variable).tobytes()
        (width, height), (row, column) = level.chunk, map(int, parts[-2:])
        position = column * width, row * height
        return read_block(self._file, level.number, position, level.chunk).tobytes()

    def size(self, name: str) -> int | None:
        """Bytes of a file, None of a folder.  Raises FileNotFoundError."""
        if name in self.documents:
            return len(self.documents[name])
        parts = self._known(name)
        if self._children(parts) is not None:
            return None
        level, variable = self._levels[parts[0]], parts[1]
        if variable == ngff.IMAGE:
            return math.prod(level.chunk) * 3
        return level.along(variable)[0] * 8

    def names(self, folder: str) -> list[str]:
        """What is in a folder.  Raises FileNotFoundError."""
        children = self._children(self._known(folder))
        if children is None:
            raise NotADirectoryError(
                errno.ENOTDIR, "it is no folder", f"{self.path}/{folder}"
            )
        return [str(child) for child in children]

    def _known(self, name: str) -> list[str]:
        """The parts of a name.  Raises FileNotFoundError where there is no such file."""
        parts = [part for part in name.split("/") if part]
        for depth, part in enumerate(parts):
            children = self._children(parts[:depth])
            if children is None or not _is_among(part, children):
                raise FileNotFoundError(
                    errno.ENOENT, "not in the Zarr view", f"{self.path}/{name}"
                )
        return parts

    def _children(self, parts: list[str]) -> Sequence[str] | range | None:
        """What is in a folder: names or numbers.  None of a file."""
        if parts[-1:] == [_DOCUMENT]:
            return None
        if len(parts) == 0:
            return [_DOCUMENT, *self._levels]
        if len(parts) == 1:
            return [_DOCUMENT, ngff.IMAGE, *ngff.SPACE]
        if len(parts) == 2:
            return [_DOCUMENT, _CHUNKS]
        columns, rows = self._levels[parts[0]].chunk_counts
        counts = (1, rows, columns) if parts[1] == ngff.IMAGE else (1,)
        indices = len(parts) - 3
        return range(counts[indices]) if indices < len(counts) else None


def _consolidated(documents: dict[str, bytes]) -> dict[str, bytes]:
    """The same with a copy of all in the group's, as Zarr puts it there.

    Programs that look for it open the store with one request, and xarray warns where
    there is none.
    """
    parsed = {name: json.loads(text) for name, text in documents.items()}
    group = parsed.pop(_DOCUMENT)
    nodes = {name.removesuffix(f"/{_DOCUMENT}"): node for name, node in parsed.items()}
    group["consolidated_metadata"] = {
        "kind": "inline",
        "must_understand": False,
        "metadata": nodes,
    }
    return documents | {_DOCUMENT: json.dumps(group).encode()}


def _is_among(name: str, children: Sequence[str] | range) -> bool:
    if isinstance(children, range):
        is_number = name.isdecimal() and str(int(name)) == name
        return is_number and int(name) in children
    return name in children


@lru_cache(_TREES)
def slide_tree(file: SlideFile, chunks: Sides) -> SlideTree:
    """The tree of a slide.  Raises what opening it raises."""
    return SlideTree(file, chunks)


class SlideFileSystem(AsyncFileSystem):  # type: ignore[misc]
    """Read-only folders, one for each slide, at the slide's own path.

    chunks: as for openslide.array.open_zarr().
    """

    protocol = _PROTOCOL

    def __init__(self, chunks: Sides = None, **options: Any) -> None:
        super().__init__(chunks=chunks, **options)
        self._chunks = chunks

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        text = os.fspath(path).removeprefix(f"{_PROTOCOL}://")
        return text.rstrip("/") or "/"

    async def _cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: Any
    ) -> bytes:
        def read() -> bytes:
            tree, name = self._find_slide(path)
            return tree.read(name)[start:end]

        return await asyncio.to_thread(read)

    async def _info(self, path: str, **_: Any) -> dict[str, Any]:
        def describe() -> dict[str, Any]:
            tree, name = self._find_slide(path)
            return _entry(self._strip_protocol(path), tree.size(name))

        return await asyncio.to_thread(describe)

    async def _ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        def entries() -> list[dict[str, Any]]:
            tree, name = self._find_slide(path)
            folder = self._strip_protocol(path)
            return [
                _entry(f"{folder}/{child}", tree.size(f"{name}/{child}".strip("/")))
                for child in tree.names(name)
            ]

        found = await asyncio.to_thread(entries)
        return found if detail else [entry["name"] for entry in found]

    def _find_slide(self, path: str) -> tuple[SlideTree, str]:
        """The slide on a path, and what follows it.

        Raises FileNotFoundError where no part of the path is a file.
        """
        start = self._strip_protocol(path)
        rest: list[str] = []
        while start and not os.path.isfile(start):
            parent, name = os.path.split(start)
            if parent == start:
                raise FileNotFoundError(errno.ENOENT, "there is no slide", path)
            start, rest = parent, [name, *rest]
        return slide_tree(SlideFile.of(start), self._chunks), "/".join(rest)


def _entry(name: str, size: int | None) -> dict[str, Any]:
    kind = "directory" if size is None else "file"
    return {"name": name, "size": size or 0, "type": kind}
