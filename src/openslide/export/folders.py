"""Which slides there are in folders."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from .. import _openslide
from .._diagnosis import (
    WHOLE_SLIDE_STORAGE,
    diagnose,
    is_called_slide,
    is_companion,
    key_file_companions,
    kind_by_name,
    picture_format,
    special_file,
)
from .._errors import OpenSlideError
from .._slide import OpenSlide
from .names import FoundSlide, cleaned, name_slides
from .workers import Workers

_SERIES = "dicom.SeriesInstanceUID"

#: Enough to know a picture by.
_BEGINNING = 16
_DICOM_PREAMBLE = 128


class LeftOut(NamedTuple):
    """What was found and is not worked on.

    Attributes:
        path: of a file, or of a folder that may not be looked into.
        kind: "slide" where it looks like a slide, "picture" or "other".
        reason: why it is left out.
        is_failure: whether somebody will miss it.
    """

    path: Path
    kind: Literal["slide", "picture", "other"]
    reason: str
    is_failure: bool


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
    pictures: bool | None = None,
    tell: Callable[[LeftOut], None] = lambda _: None,
    refusal: Callable[[Path], str | None] = lambda _: None,
) -> list[FoundSlide]:
    """The slides that files, folders and patterns stand for, each once.

    without:  a folder not to look into, whatever it is called on the way there.
    pictures: whether pictures are slides too, such as PNG files and TIFF files without
              tiles; by default where there are no slides, whole or broken.
    tell:     is told at once of what is left out, and why.
    refusal:  is asked of each file and folder below a given one; what it has a reason
              against is left out, and not looked into.

    It makes no difference whether a folder is named, a pattern, or all files that it
    matches.  Left out are files that OpenSlide does not know, pictures and what is no
    slide at all.  Not told of is what only belongs to a slide, such as the data folder of
    a MIRAX slide, and what begins with a dot.  Files of one DICOM series are one slide,
    and so are a file and the links to it.  A single file is taken for a slide whatever
    it is: who opens it will say what is wrong.

    Slides are called as their files are, folders below a given one included: the
    slide b/c.svs found in the folder a is b_c.  Slides of several DICOM files are
    called as their folders are.  Where two would have the same name, both get a few
    digits more, which stand for the slide.  Slides of which `without` has tiles keep
    the names that they have there.

    Raises FileNotFoundError for an argument that stands for nothing.
    """
    search = _Search(without, tell, refusal)
    candidates = search.candidates([os.fspath(a) for a in arguments])
    slides: dict[str, _Candidate] = {}  # by what identifies them
    series: set[str] = set()  # those of several files
    shown: list[_Looked] = []
    is_any_broken = False
    for looked in _looks(candidates):
        candidate, look = looked
        if look.kind == "picture":
            shown.append(looked)
        elif look.identity is None:
            is_any_broken |= look.kind == "slide"
            is_failure = look.kind == "slide" or candidate.given
            tell(LeftOut(candidate.path, look.kind, look.reason, is_failure))
        elif slides.setdefault(look.identity, candidate) is not candidate:
            if look.is_series:
                series.add(look.identity)
                # In whatever order they are named, it is the same file.
                slides[look.identity] = min(candidate, slides[look.identity])
            elif str(candidate.path) == look.identity:
                slides[look.identity] = candidate  # rather than a link to it
    if pictures is None:
        pictures = not slides and not is_any_broken
    for candidate, look in shown:
        if pictures:
            slides.setdefault(os.path.realpath(candidate.path), candidate)
        else:
            is_failure = is_called_slide(candidate.path)
            tell(LeftOut(candidate.path, "picture", look.reason, is_failure))
    names = {
        candidate.path: candidate.folder if identity in series else candidate.name
        for identity, candidate in slides.items()
    }
    in_order = {c.path: names[c.path] for c in candidates if c.path in names}
    return name_slides(in_order, without)


class _Search:
    """What files there are; see find_slides() for the arguments."""

    def __init__(
        self,
        without: Path | None,
        tell: Callable[[LeftOut], None],
        refusal: Callable[[Path], str | None],
    ) -> None:
        self._without = None if without is None else os.path.realpath(without)
        self._tell = tell
        self._refusal = refusal

    def candidates(self, arguments: list[str]) -> list[_Candidate]:
        """All files that may be slides, each once, in order."""
        is_only = len(arguments) == 1
        found: dict[Path, _Candidate] = {}
        for argument in arguments:
            for candidate in self._stand_for(argument, is_only):
                found.setdefault(candidate.path, candidate)
        if len(found) == 1:
            return list(found.values())
        companions = {
            os.path.realpath(companion)
            for path in found
            for companion in _companions(path)
        }
        return [
            candidate
            for path, candidate in found.items()
            if not is_companion(path) and os.path.realpath(path) not in companions
        ]

    def _stand_for(self, argument: str, is_only: bool) -> Iterator[_Candidate]:
        """What an argument stands for; is_only: and no other one does."""
        if os.path.lexists(argument):
            yield from self._in_place(argument, given=True, is_meant=is_only)
            return
        matches = sorted(filter(os.path.lexists, glob.glob(argument, recursive=True)))
        if not matches:
            reason = diagnose(os.fsencode(argument)).reason
            if glob.has_magic(argument):
                reason = "no file matches"
            raise FileNotFoundError(f"{argument}: {reason}")
        for match in matches:
            yield from self._in_place(match, given=False, is_meant=False)

    def _in_place(
        self, argument: str, *, given: bool, is_meant: bool
    ) -> Iterator[_Candidate]:
        path = _absolute(argument)
        if not is_meant and (self._is_output(path) or _is_data_folder(path)):
            return
        if path.is_dir():
            yield from self._in_folder(path)
        elif self._may_be_slide(path, given):
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
        walk = os.walk(folder, onerror=self._tell_of_error, followlinks=True)
        for parent, folders, files in walk:
            paths = {
                os.path.realpath(os.path.join(parent, name)): name
                for name in sorted(folders, reverse=True)
                if self._may_be_entered(Path(parent, name))
            }
            folders[:] = sorted(
                paths[real]
                for real in paths.keys() - entered
                if is_given or not self._is_output(Path(real))
            )
            entered.update(paths)
            for file in sorted(files):
                path = Path(parent, file)
                if self._may_be_slide(path, given=False):
                    yield _Candidate(path, path.relative_to(folder).parts, False)

    def _may_be_slide(self, path: Path, given: bool) -> bool:
        if path.name.startswith(".") and not given:
            return False
        reason = None if given else self._refusal(path)
        # Nobody may ever write to a FIFO.
        what = special_file(path) if reason is None else None
        if what is not None:
            reason = f"it is {what}, not a regular file"
        if reason is None:
            return True
        is_failure = given or is_called_slide(path)
        kind: Literal["slide", "other"] = "slide" if is_called_slide(path) else "other"
        self._tell(LeftOut(path, kind, reason, is_failure))
        return False

    def _may_be_entered(self, folder: Path) -> bool:
        if folder.name.startswith(".") or _is_data_folder(folder):
            return False
        reason = self._refusal(folder)
        if reason is not None:
            self._tell(LeftOut(folder, "other", reason, True))
        return reason is None

    def _tell_of_error(self, error: OSError) -> None:
        self._tell(LeftOut(Path(error.filename), "slide", str(error), True))


def _is_data_folder(path: Path) -> bool:
    """Whether a folder only belongs to a MIRAX slide beside it."""
    return path.with_name(f"{path.name}.mrxs").exists() and path.is_dir()


def _companions(path: Path) -> list[Path]:
    """Files that only belong to a slide."""
    if path.suffix.lower() not in (".vms", ".vmu"):
        return []
    try:
        return key_file_companions(path)
    except OSError:  # which will be told of it
        return []


def _absolute(argument: str) -> Path:
    """A path as it is given, but for "..", which leads out of what a link leads to."""
    if os.pardir not in Path(argument).parts:
        return Path(os.path.abspath(argument))
    parent, name = os.path.split(argument.rstrip(os.sep))
    if name == os.pardir:
        return Path(os.path.realpath(argument))
    return Path(os.path.realpath(parent), name)


class _Look(NamedTuple):
    """What a file is.

    Attributes:
        identity: what all files of a slide have in common, and links to them; None for
                  what is no slide.
        is_series: whether a slide may have several files of its kind.
    """

    kind: Literal["slide", "picture", "other"]
    reason: str = ""
    identity: str | None = None
    is_series: bool = False


_Looked: TypeAlias = tuple[_Candidate, _Look]


def _looks(candidates: list[_Candidate]) -> Iterator[_Looked]:
    """What candidates are, each as soon as it is known.

    What libopenslide must look at is looked at in another process, for it dies of some
    files.
    """
    if len(candidates) == 1 and candidates[0].given:
        yield candidates[0], _slide_at(candidates[0].path)
        return
    by_path = {candidate.path: candidate for candidate in candidates}
    todo = iter(candidates)
    done: list[_Looked] = []

    def next_path() -> Path | None:
        for candidate in todo:
            look = _glance(candidate.path)
            if look is None:
                return candidate.path
            done.append((candidate, look))
        return None

    with Workers(1, _look, has_little=True) as pool:
        for path, look, _ in pool.run(next_path):
            # One that it dies of is kept: who opens it will say what is wrong.
            yield by_path[path], look or _slide_at(path)
            yield from done
            done.clear()
    yield from done


def _glance(path: Path) -> _Look | None:
    """What a file is, where that is seen without libopenslide."""
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
            file.seek(_DICOM_PREAMBLE)
            is_dicom = file.read(4) == b"DICM"
    except OSError:
        return None
    if is_dicom:
        identity = _openslide.dicom_identity(os.fsencode(path))
        if identity is None or identity[0] != WHOLE_SLIDE_STORAGE:
            return None
        return _series(identity[1].decode(errors="replace"))
    if picture_format(beginning) and path.suffix.lower() != ".mrxs":
        return _diagnosed(path)
    return None


def _look(path: Path) -> _Look:
    """What a file is, in a process of its own."""
    vendor = OpenSlide.detect_format(path)
    if vendor is None:
        return _diagnosed(path)
    if vendor == "dicom":
        try:
            with OpenSlide(path) as slide:
                return _series(slide.properties[_SERIES])
        except (OpenSlideError, KeyError):
            pass
    return _slide_at(path)


def _slide_at(path: Path) -> _Look:
    return _Look("slide", identity=os.path.realpath(path))


def _series(identity: str) -> _Look:
    return _Look("slide", identity=f"series {identity}", is_series=True)


def _diagnosed(path: Path) -> _Look:
    """What a file is that libopenslide does not know."""
    kind, reason = diagnose(os.fsencode(path))
    return _Look(kind_by_name(path) if kind == "nothing" else kind, reason)
