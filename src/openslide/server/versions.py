"""Which version of a slide it is: what changes when its files do."""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

_DIGEST_BYTES = 9


def version_of(path: Path) -> str:
    """A few letters that stand for the state of a slide's file, and of what is with it.

    Raises FileNotFoundError where the slide is gone.
    """
    states = [_state(path)]
    folder = path.parent if _is_of_series(path) else path.with_suffix("")
    with suppress(OSError):  # there is none
        states.append(_state(folder))
    return blake2b(repr(states).encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _state(path: Path) -> tuple[int, ...]:
    state = os.stat(path)
    return state.st_mtime_ns, state.st_size, state.st_ino, state.st_dev


def _is_of_series(path: Path) -> bool:
    """Whether files beside it may be of the same slide, as those of DICOM are."""
    return path.suffix.lower() in ("", ".dcm")
