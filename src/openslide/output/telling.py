"""What is said of work: how it goes on, what went wrong, and what was damaged."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Protocol

from .._errors import AdvisedError, OpenSlideError, OpenSlideUnsupportedFormatError

_TILES_SHOWN = 20

#: What says in its message what is wrong.  ImportError: NumPy, where it is needed;
#: OverflowError and MemoryError: more pixels than there can be.
EXPECTED = (
    *(OpenSlideError, OSError, ValueError),
    *(ImportError, OverflowError, MemoryError),
)


class Report(Protocol):
    """Is told how the work goes on."""

    def expect(self, tiles: int, *, done: int = 0) -> None:
        """There are so many tiles more than was known, some done by an earlier run."""

    def advance(self, tiles: int) -> None:
        """So many tiles more are done."""

    def tell(self, line: str) -> None:
        """Something that is to be known at once, such as a failure."""

    def finish(self, what: str) -> None:
        """All tiles of a slide are done."""


def counted(number: int, what: str) -> str:
    """A number of things."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def listed(names: Sequence[object], most: int = _TILES_SHOWN) -> str:
    """The first of some names."""
    more = ", ..." if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more


def told_damage(
    tiles: Sequence[tuple[int, ...]],
    coordinates: str,
    fate: str = "",
    reason: str | None = None,
) -> str:
    """Which tiles are damaged, as told_tiles() has it.

    reason: why the first one could not be read.
    """
    why = f"; the first: {reason}" if reason else ""
    return told_tiles(tiles, "damaged tile", coordinates, fate) + why


def told_tiles(
    tiles: Sequence[tuple[int, ...]], what: str, coordinates: str, fate: str = ""
) -> str:
    """How many tiles there are of some kind, the first of them by name.

    coordinates: what the numbers of a tile are, such as "(column, row)".
    fate:        what became of them.
    """
    they = " ".join(filter(None, (counted(len(tiles), what), fate)))
    return f"{they}, {coordinates} {listed(tiles)}"


def all_damaged(tiles: int, reason: str | None) -> str:
    """What to say of a slide of which nothing could be read."""
    what = "its tile cannot" if tiles == 1 else f"none of its {tiles} tiles can"
    return f"{what} be read: {reason or 'the slide is damaged'}"


def reason_of(error: Exception) -> str:
    """What is wrong, for those who use the commands.

    Of errors that nobody expects also what they are.
    """
    text = str(error)
    if isinstance(error, AdvisedError):
        text = error.for_command()
    elif isinstance(error, OpenSlideUnsupportedFormatError):
        text = error.reason or text
    elif not isinstance(error, EXPECTED):
        text = f"{type(error).__name__}: {text}"
    return "; ".join([text or type(error).__name__, *getattr(error, "__notes__", ())])


def told_of(path: str | os.PathLike[str], reason: str) -> str:
    """What is wrong with a slide, with its path once, and first."""
    return f"{os.fspath(path)}: {without_path(path, reason)}"


def without_path(path: str | os.PathLike[str], reason: str) -> str:
    """What is wrong with a slide, for those who know which slide it is."""
    name = os.fspath(path)
    for spelling in (os.path.abspath(name), name):
        for mention in (f" of {spelling!r}", f": {spelling!r}", f" {spelling!r}"):
            reason = reason.replace(mention, "")
        # Other libraries put it in the middle.
        reason = reason.replace(f"{spelling}: ", f"{os.path.basename(name)}: ")
    return reason


def hush_other_libraries() -> None:
    """Keep warnings of other libraries from users of the commands, in this process.

    What they warn of, such as a picture's size or its EXIF, concerns who calls them.
    Python's option -W shows them nevertheless.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    # Without a handler Python would print them.
    pillow = logging.getLogger("PIL")
    if not pillow.handlers:
        pillow.addHandler(logging.NullHandler())
