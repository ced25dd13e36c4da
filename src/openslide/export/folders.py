"""Which slides there are in folders."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .. import OpenSlide, OpenSlideError

#: Files that belong to a slide beside them: the macro pictures of Trestle.
_COMPANION_SUFFIXES = frozenset({".full"})

_SERIES = "dicom.SeriesInstanceUID"


class FoundSlide(NamedTuple):
    """A slide to work on.

    Attributes:
        path: absolute.
        name: of letters, digits, "-" and "_"; no other slide found with it has it.
    """

    path: Path
    name: str


def find_slides(arguments: Iterable[str | os.PathLike[str]]) -> list[FoundSlide]:
    """The slides that files, folders and patterns stand for, each once.

    A file is taken for a slide whatever it is.  Of a folder and what lies below it,
    those files are that OpenSlide knows, and one for each DICOM series; what only
    belongs to a slide, such as the data folder of a MIRAX slide, is left out.

    Slides are called as their files are, folders below a given one included: the
    slide b/c.svs found in the folder a is b_c.  Where two would have the same name,
    both get a few digits more, which stand for their folders.

    Raises FileNotFoundError for an argument that stands for nothing.
    """
    paths: dict[Path, str] = {}
    for argument in arguments:
        for path, name in _stand_for(os.fspath(argument)):
            paths.setdefault(path, name)
    return _distinct(paths)


def _stand_for(argument: str) -> Iterator[tuple[Path, str]]:
    given = Path(argument)
    if given.is_dir():
        yield from _in_folder(given.absolute())
    elif given.exists():
        yield given.absolute(), _cleaned(given.stem)
    else:
        matches = sorted(glob.glob(argument, recursive=True))
        if not matches:
            raise FileNotFoundError(f"there is no slide {argument!r}")
        for match in matches:
            yield from _stand_for(match)


def _in_folder(folder: Path) -> Iterator[tuple[Path, str]]:
    series: set[str] = set()
    for parent, folders, files in os.walk(folder):
        data_folders = {Path(file).stem for file in files if file.endswith(".mrxs")}
        folders[:] = sorted(set(folders) - data_folders)
        for file in sorted(files):
            path = Path(parent, file)
            if _is_slide(path, series):
                relative = path.relative_to(folder).with_suffix("")
                yield path, _cleaned("_".join(relative.parts))


def _is_slide(path: Path, series: set[str]) -> bool:
    """Whether OpenSlide knows it, and no file of the same series was there before."""
    if path.name.startswith(".") or path.suffix.lower() in _COMPANION_SUFFIXES:
        return False
    vendor = OpenSlide.detect_format(path)
    if vendor != "dicom":
        return vendor is not None
    try:
        with OpenSlide(path) as slide:
            identifier = slide.properties[_SERIES]
    except (OpenSlideError, KeyError):
        return True  # whoever opens it will say what is wrong
    is_new = identifier not in series
    series.add(identifier)
    return is_new


def _cleaned(name: str) -> str:
    return re.sub(r"[^\w-]+", "_", name) or "slide"


def _distinct(paths: dict[Path, str]) -> list[FoundSlide]:
    # File systems may take upper and lower case for the same.
    count = Counter(name.casefold() for name in paths.values())
    return [
        FoundSlide(path, name if count[name.casefold()] == 1 else _marked(path, name))
        for path, name in paths.items()
    ]


def _marked(path: Path, name: str) -> str:
    return f"{name}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"


def sample_key(name: str, cell: Sequence[int]) -> str:
    """What a tile is called: slide, column and row; no dot, no slash."""
    column, row = cell
    return f"{name}_{column}_{row}"
