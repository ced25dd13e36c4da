"""What is done of a slide, so that work can go on after any end.

A journal, OUT/.{slide}.journal, begins when a slide does and has a line of JSON for
each part that is complete.  At the end OUT/{slide}.json takes its place.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .part import PartResult, written_aside
from .plan import Job


class Journal:
    """The journal of one slide.

    parts: results of the parts that are complete, by number.

    Raises ValueError where it was begun with other options, or for another slide.
    """

    def __init__(self, job: Job) -> None:
        self._path = _journal_path(job)
        self._header = _header(job)
        self.parts: dict[int, PartResult] = {}
        lines = self._lines()
        if lines:
            _check_header(job, lines[0], self._header)
            for line in lines[1:]:
                damaged = [(column, row) for column, row in line["damaged"]]
                self.parts[line["part"]] = PartResult(line["tiles"], damaged)
        else:
            self._path.write_text(json.dumps(self._header) + "\n")

    def _lines(self) -> list[Any]:
        """All lines but one that was cut off."""
        if not self._path.exists():
            return []
        text = self._path.read_text()
        complete = text[: text.rfind("\n") + 1]
        if complete != text:
            self._path.write_text(complete)
        return [json.loads(line) for line in complete.splitlines()]

    def add(self, number: int, result: PartResult) -> None:
        """Note that a part is complete."""
        self.parts[number] = result
        line = {"part": number, **result._asdict()}
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    @property
    def damaged(self) -> list[tuple[int, int]]:
        """(column, row) of all tiles that could not be read."""
        return [cell for _, part in sorted(self.parts.items()) for cell in part.damaged]

    def finish(self, job: Job, facts: dict[str, Any]) -> None:
        """Put the summary in its place."""
        summary = (
            self._header
            | facts
            | {
                "tiles": sum(part.tiles for part in self.parts.values()),
                "damaged": self.damaged,
            }
        )
        with written_aside(summary_path(job)) as aside:
            aside.write_text(json.dumps(summary, indent=1) + "\n")
        self._path.unlink()


def summary_path(job: Job) -> Path:
    return job.out / f"{job.name}.json"


def read_summary(job: Job) -> PartResult | None:
    """What became of a slide that is complete; None for one that is not.

    Raises ValueError where it was made with other options.
    """
    path = summary_path(job)
    if not path.exists():
        return None
    summary = json.loads(path.read_text())
    _check_header(job, summary, _header(job))
    damaged = [(column, row) for column, row in summary["damaged"]]
    return PartResult(summary["tiles"], damaged)


def has_begun(job: Job) -> bool:
    """Whether there is anything of a slide from an earlier run."""
    return summary_path(job).exists() or _journal_path(job).exists()


def remove_leftovers(job: Job) -> None:
    """Remove what a killed process was writing."""
    for path in job.out.glob(f".{job.name}*.part"):
        if path.is_file():
            path.unlink(missing_ok=True)


def _journal_path(job: Job) -> Path:
    return job.out / f".{job.name}.journal"


def _header(job: Job) -> dict[str, Any]:
    state = os.stat(job.path)
    return {
        "slide": str(job.path),
        "bytes": state.st_size,
        "options": asdict(job.options),
    }


def _check_header(job: Job, found: dict[str, Any], header: dict[str, Any]) -> None:
    wanted = _flat(header)
    for name, value in _flat(found).items():
        if name in wanted and wanted[name] != value:
            raise ValueError(
                f"{job.out} has tiles of {job.name} with {name} {value!r}, not "
                f"{wanted[name]!r}; choose another folder"
            )


def _flat(header: dict[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = header["options"]
    return {"slide": header["slide"], "bytes": header["bytes"]} | options
