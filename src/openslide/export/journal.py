"""What is done of a slide, so that work can go on after any end.

While a slide is worked on there is a folder OUT/.{slide}, its workspace, and therein
a journal: what was asked for, and a line of JSON for each part that is complete.  At
the end OUT/{slide}.json takes its place.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from .._aside import written_aside
from .._journal import add_line, read_lines, require_free, take_up, understood
from .plan import Job, overview_path, target


class PartResult(NamedTuple):
    """What became of a part.

    Attributes:
        tiles: how many tiles it has, damaged ones included.
        damaged: (column, row) of those that could not be read.
    """

    tiles: int
    damaged: list[tuple[int, int]]


class Journal:
    """The journal of one slide, which has its workspace.

    facts: what the slide is found to be now.
    parts: results of the parts that are complete, by number.

    Raises ValueError where the work was begun on other tiles.
    """

    def __init__(self, job: Job, facts: dict[str, Any]) -> None:
        self._job = job
        self._path = _journal_path(job)
        self._header = _header(job) | facts
        lines = take_up(self._path)
        if not lines:
            lines = [self._header]
            add_line(self._path, self._header)
        with understood(self._path):
            found, *done = map(dict, lines)
            self.parts = {line["part"]: _part_result(line) for line in done}
        _check(job, found, self._header)

    def add(self, number: int, result: PartResult) -> None:
        """Note that a part is complete."""
        self.parts[number] = result
        add_line(self._path, {"part": number, **result._asdict()})

    @property
    def tiles(self) -> int:
        """How many tiles are done with."""
        return sum(part.tiles for part in self.parts.values())

    @property
    def damaged(self) -> list[tuple[int, int]]:
        """(column, row) of all tiles that could not be read."""
        return [cell for _, part in sorted(self.parts.items()) for cell in part.damaged]

    def finish(self) -> None:
        """Put the summary in the place of the workspace."""
        found = {"tiles": self.tiles, "damaged": self.damaged}
        with written_aside(summary_path(self._job), self._job.workspace) as aside:
            aside.write_text(json.dumps(self._header | found, indent=1) + "\n")
        remove_workspace(self._job)


def summary_path(job: Job) -> Path:
    return job.out / f"{job.name}.json"


def read_summary(job: Job) -> PartResult | None:
    """What became of a slide that is complete; None for one that is not.

    Raises ValueError where it was made of another slide.
    """
    path = summary_path(job)
    if not path.exists():
        return None
    with understood(path):
        summary = dict(json.loads(path.read_text()))
        result = _part_result(summary)
    _check(job, summary, _header(job))
    return result


def begun_options(job: Job) -> dict[str, Any] | None:
    """The options of an earlier run with a slide, None where there was none.

    Raises ValueError where there is a file of somebody else's in the summary's place.
    """
    path = summary_path(job)
    with understood(path):
        if path.exists():
            return dict(json.loads(path.read_text())["options"])
    path = _journal_path(job)
    with understood(path):
        return next((dict(line["options"]) for line in read_lines(path)), None)


def require_room(job: Job) -> None:
    """Raise FileExistsError where somebody else has what would be written."""
    overlay, sheet = overview_path(job, "overlay"), overview_path(job, "sheet")
    for path in (target(job), overlay, sheet):
        require_free(path, summary_path(job), "folder")


def check_options(job: Job, found: dict[str, Any]) -> None:
    """Raise ValueError where options are not those of an earlier run."""
    _check(job, found, job.options._asdict())


def has_journal(job: Job) -> bool:
    return _journal_path(job).exists()


def remove_workspace(job: Job) -> None:
    """Remove what is only there while a slide is worked on."""
    _journal_path(job).unlink(missing_ok=True)  # first, for the rest is of no use then
    shutil.rmtree(job.workspace, ignore_errors=True)


def remove_leftovers(job: Job) -> None:
    """Remove what processes were writing when they were killed."""
    for path in job.workspace.iterdir():
        if path.is_file() and path != _journal_path(job):
            path.unlink(missing_ok=True)


def _journal_path(job: Job) -> Path:
    return job.workspace / "journal"


def _header(job: Job) -> dict[str, Any]:
    return {
        "slide": str(job.path),
        "bytes": os.stat(job.path).st_size,
        "options": job.options._asdict(),
    }


def _part_result(found: dict[str, Any]) -> PartResult:
    return PartResult(
        int(found["tiles"]), [(column, row) for column, row in found["damaged"]]
    )


def _check(job: Job, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name, value in found.items():
        if name in wanted and wanted[name] != value:
            raise ValueError(
                f"{job.out} has tiles of {job.name} with {name.replace('_', '-')} "
                f"{value!r}, not {wanted[name]!r}; choose another folder"
            )
