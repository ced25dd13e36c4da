"""Manifests: CSV files with a line for each slide, and what is to be told of it.

    slide        the file, relative to the folder of the manifest, or to the working folder
    mask         what is tissue in it, likewise
    slide_mpp    microns per level-0 pixel, in the place of what the slide says

All but the first are optional.  Other columns, such as label and split, go into every
output as they are.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from .facts import RESERVED
from .names import FoundSlide, cleaned, name_slides

_SLIDE, _MASK, _MPP = "slide", "mask", "slide_mpp"


class ManifestRow(NamedTuple):
    """What a manifest says of a slide.

    Attributes:
        slide: its path, absolute.
        mask: of a file, absolute; None where none is named.
        slide_mpp: microns per level-0 pixel; None where there are none.
        columns: all others, by name.
    """

    slide: Path
    mask: Path | None
    slide_mpp: float | None
    columns: dict[str, str]


class Manifest:
    """A manifest that was read.

    Attributes:
        rows: by slide, in order.
    """

    def __init__(self, rows: Mapping[Path, ManifestRow]) -> None:
        self.rows = dict(rows)

    @property
    def with_masks(self) -> set[Path]:
        """The slides for which a mask is named."""
        return {path for path, row in self.rows.items() if row.mask is not None}

    def slides(self, out: Path | None) -> list[FoundSlide]:
        """All slides, with the names that they have in an output."""
        return name_slides({path: cleaned(path.stem) for path in self.rows}, out)


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """Read a manifest.

    Raises OSError where it cannot be read, and ValueError that names the line where it
    makes no sense.
    """
    rows: dict[Path, ManifestRow] = {}
    with open(path, newline="", encoding="utf-8-sig") as file:
        try:
            reader = csv.DictReader(file, strict=True)
            columns = _checked(list(reader.fieldnames or ()))
            for found in reader:
                row = _row(Path(path).parent, columns, found)
                if row.slide in rows:
                    raise ValueError(f"{row.slide} is named a second time")
                rows[row.slide] = row
        except (ValueError, csv.Error) as error:
            line = f", line {reader.line_num}" if reader.line_num > 1 else ""
            raise ValueError(f"{os.fspath(path)}{line}: {error}") from error
    if not rows:
        raise ValueError(f"{os.fspath(path)}: it names no slides")
    return Manifest(rows)


def _checked(columns: list[str]) -> list[str]:
    """The columns that go into the output.  Raises ValueError where they cannot."""
    if _SLIDE not in columns:
        names = ", ".join(columns) or "none"
        raise ValueError(f'there is no column "{_SLIDE}"; the first line has {names}')
    if len(set(columns)) < len(columns) or "" in columns:
        raise ValueError("each column needs a name of its own")
    free = [name for name in columns if name not in (_SLIDE, _MASK, _MPP)]
    taken = sorted(RESERVED.intersection(free))
    if taken:
        raise ValueError(
            f"the output has a {taken[0]!r} of its own; give the column another name"
        )
    return free


def _row(
    folder: Path, columns: list[str], found: Mapping[str | None, str | None]
) -> ManifestRow:
    if None in found or None in found.values():
        raise ValueError("it has more or fewer values than the first line")
    values = {str(name): (value or "").strip() for name, value in found.items()}
    if not values[_SLIDE]:
        raise ValueError("it names no slide")
    mask = values.get(_MASK)
    mpp = values.get(_MPP)
    return ManifestRow(
        _place(folder, values[_SLIDE]),
        _place(folder, mask) if mask else None,
        _positive(mpp) if mpp else None,
        {name: values[name] for name in columns},
    )


def _place(folder: Path, name: str) -> Path:
    """A file beside the manifest, or else in the working folder."""
    beside = (folder / name).absolute()
    here = Path(name).absolute()
    return here if here.exists() and not beside.exists() else beside


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ValueError(f"{_MPP} is {text!r}, no positive number")
    return number
