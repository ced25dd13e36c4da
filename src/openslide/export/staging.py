"""Copies of slides on a local disk, made ahead of reading and removed after it.

Slides on storage far away are read in thousands of small pieces there, and copied in one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from .. import _openslide
from .._diagnosis import is_companion, key_file_companions
from ..output.lock import BusyError
from ..output.work import WorkFolder


@contextmanager
def staging_folder(folder: Path | None) -> Iterator[Path | None]:
    """A folder for copies in a folder, of this run alone; None where none is wanted.

    It is removed at the end, and so is what runs have left that were killed.
    """
    if folder is None:
        yield None
        return
    for left in sorted(folder.glob(".stage-*.openslide-work")):
        name = left.name.removeprefix(".").removesuffix(".openslide-work")
        with suppress(BusyError, FileExistsError):  # of a run that is at work
            _remove(WorkFolder(folder / name))
    own = WorkFolder(folder / f"stage-{os.urandom(6).hex()}")
    own.take()
    try:
        yield own.path
    finally:
        own.remove()


def _remove(left: WorkFolder) -> None:
    left.take()
    left.remove()


class Staged(NamedTuple):
    """What became of copying a slide.

    Attributes:
        path: of the copy; None where there is none.
        reason: why not.
    """

    path: Path | None
    reason: str = ""


def stage_slide(path: Path, folder: Path) -> Staged:
    """Copy all files of a slide into a folder, under their own names."""
    home = path.parent
    try:
        for file in files_of(path):
            place = folder / file.relative_to(home)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
    except (OSError, ValueError) as error:  # no space, or files elsewhere
        unstage(folder)
        return Staged(None, str(error))
    return Staged(folder / path.name)


def unstage(folder: Path) -> None:
    """Remove a copy; what cannot be removed goes with the folder of the run."""
    shutil.rmtree(folder, ignore_errors=True)


def files_of(path: Path) -> list[Path]:
    """A slide's own file, and those beside it that it consists of."""
    files = [path]
    suffix = path.suffix.lower()
    if suffix == ".mrxs":
        files += sorted(f for f in path.with_suffix("").rglob("*") if f.is_file())
    elif suffix in (".vms", ".vmu"):
        files += filter(Path.is_file, key_file_companions(path))
    elif (identity := _series(path)) is not None:
        files += sorted(
            file
            for file in path.parent.iterdir()
            if file != path and file.is_file() and _series(file) == identity
        )
    else:
        files += sorted(
            file
            for file in path.parent.iterdir()
            if is_companion(file) and file.stem.casefold() == path.stem.casefold()
        )
    return files


def _series(path: Path) -> bytes | None:
    identity = _openslide.dicom_identity(os.fsencode(path))
    return None if identity is None else identity[1]
