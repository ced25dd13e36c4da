"""Which version of a slide it is: what changes when its files do."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from .._files import file_state

_DIGEST_BYTES = 9


def version_of(path: Path, made_by: Hashable = None) -> str:
    """A few letters that stand for the state of a slide's file, and of what is with it.

    made_by: what else pictures of the slide depend on.

    Raises FileNotFoundError where the slide is gone.
    """
    states: list[Hashable] = [made_by, file_state(path)]
    folder = path.parent if _is_of_series(path) else path.with_suffix("")
    with suppress(OSError):  # there is none
        states.append(file_state(folder))
    return blake2b(repr(states).encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _is_of_series(path: Path) -> bool:
    """Whether files beside it may be of the same slide, as those of DICOM are."""
    return path.suffix.lower() in ("", ".dcm")
