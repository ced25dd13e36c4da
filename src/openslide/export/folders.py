"""Which slides there are in folders."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from .._errors import OpenSlideError
from .._slide import OpenSlide
from .names import FoundSlide, cleaned, name_slides
from .workers import Workers

#: Files that belong to a slide beside them: the macro pictures of Trestle.
_COMPANION_SUFFIXES = frozenset({".full"})

_SERIES = "dicom.SeriesInstanceUID"
_DICOM_PREAMBLE = 128


class _Candidate(NamedTuple):
    path: Path
    parts: tuple[str, ...]  # of the path: what the file is found by
    given: bool  # named by the user

    @property
    def name(self) -> str:
        *folders, file = self.parts
        return cleaned("_".join([*folders, Path(file).stem]))

    @property
    def folder(self) -> str:
        """The name of a slide that has several files."""
        return cleaned("_".join(self.parts[:-1]) or self.path.parent.name)


def find_slides(
    arguments: Iterable[str | os.PathLike[str]],
    *,
    without: Path | None = None,
    tell: Callable[[OSError], None] = lambda _: None,
) -> list[FoundSlide]:
    """The slides that files, folders and patterns stand for, each once.

    without: a folder not to look into, whatever it is called on the way there.
    tell:    is told of files and folders that may not be looked at, and are left out.

    A file is taken for a slide whatever it is.  Of a folder and what lies below it,
    and of what a pattern matches, those files are that OpenSlide knows.  What only
    belongs to a slide is left out, such as the data folder of a MIRAX slide, and so
    is what begins with a dot.  Files of one DICOM series are one slide.

    Slides are called as their files are, folders below a given one included: the
    slide b/c.svs found in the folder a is b_c.  Slides of several DICOM files are
    called as their folders are.  Where two would have the same name, both get a few
    digits more, which stand for the slide.  Slides of which `without` has tiles keep
    the names that they have there.

    Raises FileNotFoundError for an argument that stands for nothing.
    """
    search = _Search(without, tell)
    candidates: dict[Path, _Candidate] = {}
    for argument in arguments:
        for candidate in search.stand_for(os.fspath(argument)):
            candidates.setdefault(candidate.path, candidate)
    identities = _identities(candidates.values())
    names: dict[Path, str] = {}
    first: dict[str, Path] = {}  # of the files of a slide
    for path, candidate in candidates.items():
        identity = identities.get(path, str(path))
        if identity is None:
            continue
        if first.setdefault(identity, path) == path:
            names[path] = candidate.name
        else:
            names[first[identity]] = candidate.folder
    return name_slides(names, without)


class _Search:
    """What files there are; see find_slides() for the arguments."""

    def __init__(self, without: Path | None, tell: Callable[[OSError], None]) -> None:
        self._without = None if without is None else os.path.realpath(without)
        self._tell = tell

    def stand_for(self, argument: str) -> Iterator[_Candidate]:
        """What an argument stands for."""
        if os.path.exists(argument):
            yield from self._in_place(argument, given=True)
            return
        matches = sorted(filter(os.path.exists, glob.glob(argument, recursive=True)))
        if not matches:
            raise FileNotFoundError(f"there is no slide {argument!r}")
        for match in matches:
            yield from self._in_place(match, given=False)

    def _in_place(self, argument: str, *, given: bool) -> Iterator[_Candidate]:
        path = _absolute(argument)
        if not given and self._is_output(path):
            return
        if path.is_dir():
            yield from self._in_folder(path)
        elif given or self._may_be_slide(path):
            yield _Candidate(path, (path.name,), given)

    def _is_output(self, path: Path) -> bool:
        """Whether it lies in the folder not to look into, or leads there."""
        if self._without is None:
            return False
        places = [os.path.join(os.path.realpath(path.parent), path.name)]
        if path.is_dir():
            places.append(os.path.realpath(path))
        return any(Path(place).is_relative_to(self._without) for place in places)

    def _in_folder(self, folder: Path) -> Iterator[_Candidate]:
        entered = {os.path.realpath(folder)}  # links may lead in circles
        is_given = self._is_output(folder)  # then what is in it is meant
        walk = os.walk(folder, onerror=self._tell, followlinks=True)
        for parent, folders, files in walk:
            data_folders = {Path(file).stem for file in files if file.endswith(".mrxs")}
            paths = {
                os.path.realpath(os.path.join(parent, name)): name
                for name in sorted(set(folders) - data_folders, reverse=True)
                if not name.startswith(".")
            }
            folders[:] = sorted(
                paths[real]
                for real in paths.keys() - entered
                if is_given or not self._is_output(Path(real))
            )
            entered.update(paths)
            for file in sorted(files):
                path = Path(parent, file)
                if self._may_be_slide(path):
                    yield _Candidate(path, path.relative_to(folder).parts, False)

    def _may_be_slide(self, path: Path) -> bool:
        if path.name.startswith(".") or path.suffix.lower() in _COMPANION_SUFFIXES:
            return False
        try:
            # No FIFO, which nobody may ever write to.
            return stat.S_ISREG(os.stat(path).st_mode)
        except FileNotFoundError:  # a link to nothing
            return False
        except OSError as error:
            self._tell(error)
            return False


def _absolute(argument: str) -> Path:
    """A path as it is given, but for "..", which leads out of what a link leads to."""
    if os.pardir not in Path(argument).parts:
        return Path(os.path.abspath(argument))
    parent, name = os.path.split(argument.rstrip(os.sep))
    if name == os.pardir:
        return Path(os.path.realpath(argument))
    return Path(os.path.realpath(parent), name)


def _identities(candidates: Iterable[_Candidate]) -> dict[Path, str | None]:
    """By path what identifies a slide, for all candidates where it takes a look.

    The look is taken in another process, for libopenslide dies of some files.
    """
    looks = (c.path for c in candidates if not c.given or _is_dicom(c.path))
    with Workers(1, _identity) as pool:
        return {
            # One that cannot be told is kept: who opens it will say what is wrong.
            path: str(path) if error else identity
            for path, identity, error in pool.run(lambda: next(looks, None))
        }


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            file.seek(_DICOM_PREAMBLE)
            return file.read(4) == b"DICM"
    except OSError:
        return False


def _identity(path: Path) -> str | None:
    """The series of a DICOM file, the path of another slide, None for no slide."""
    vendor = OpenSlide.detect_format(path)
    if vendor != "dicom":
        return vendor and str(path)
    try:
        with OpenSlide(path) as slide:
            return slide.properties[_SERIES]
    except (OpenSlideError, KeyError):
        return str(path)
