"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_aside(path: Path, folder: Path | None = None) -> Iterator[Path]:
    """A path to write to, whose file takes the place of `path` when all went well.

    folder: where it is until then, on the same file system; by default beside `path`,
            hidden.

    The name holds the number of the process: one that was left behind by a killed
    program may still be at work.
    """
    name = f"{path.name}.{os.getpid()}.part"
    aside = path.with_name(f".{name}") if folder is None else folder / name
    try:
        yield aside
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
