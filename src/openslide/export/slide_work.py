"""What is done of one slide, so that work can go on after any end.

The journal of its work folder has what was asked for, and a line for each part that is
complete; the same is in OUT/{slide}.json at the end.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ..output.journal import understood
from ..output.undertaking import Undertaking
from .plan import Job, overview_path, shard_path, target


class PartResult(NamedTuple):
    """What became of a part.

    Attributes:
        tiles: how many tiles it has, damaged ones included.
        damaged: (column, row) of those that could not be read.
    """

    tiles: int
    damaged: list[tuple[int, int]]


class SlideWork:
    """The work on one slide, begun or not.

    Attributes:
        job: what it is.
        parts: results of the parts that are complete, by number; known once begun.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.parts: dict[int, PartResult] = {}
        self._header: dict[str, Any] = {}
        self._undertaking = Undertaking(
            job.base,
            lambda: _outputs(job),
            told=f"{job.out} has tiles of {job.name}",
            choice="folder",
        )

    def check(self, resume: bool) -> None:
        """Raise where the work must not be begun, or gone on with.

        FileExistsError where there is something in its place, and ValueError where
        that was made with other options.
        """
        begun = self._undertaking
        path, found = begun.summary, begun.read_summary()
        if found is None:
            path, found = begun.journal.path, begun.read_header()
        options = None
        if found is not None:
            with understood(path):
                options = dict(found["options"])
        begun.admit(resume)
        if options is not None:
            self._require_same(options, self.job.options._asdict())

    def take(self, resume: bool) -> PartResult | None:
        """Keep other runs out; returns what became of a slide that is complete.

        Raises BusyError where another run is at work on it, ValueError where it was
        made of another slide, and what check() raises.
        """
        summary = self._undertaking.take(resume)
        if summary is None:
            return None
        with understood(self._undertaking.summary):
            result = _part_result(summary)
        self._require_same(summary, self._what())
        return result

    def begin(self, facts: dict[str, Any], parts: int) -> None:
        """Begin, or take up what is begun.

        facts: what the slide is found to be now.
        parts: how many it has.

        Raises ValueError where the work was begun on other tiles, FileExistsError
        where somebody else's file is in the place of a part.
        """
        self._header = self._what() | facts
        journal = self._undertaking.journal
        lines = journal.take_up()
        if not lines:
            if self.job.options.to == "webdataset":
                for number in range(parts):
                    self._undertaking.require_free(shard_path(self.job, number))
            lines = [self._header]
            journal.add(self._header)
        with understood(journal.path):
            found, *done = map(dict, lines)
            results = {line["part"]: _part_result(line) for line in done}
        self._require_same(found, self._header)
        self.parts = results

    def add(self, number: int, result: PartResult) -> None:
        """Note that a part is complete, which settled what it wrote."""
        self._undertaking.journal.add({"part": number, **result._asdict()})
        self.parts[number] = result

    @property
    def is_begun(self) -> bool:
        """Whether an earlier run has noted what the slide is."""
        return self._undertaking.read_header() is not None

    @property
    def tiles(self) -> int:
        """How many tiles are done with."""
        return sum(part.tiles for part in self.parts.values())

    @property
    def damaged(self) -> list[tuple[int, int]]:
        """(column, row) of all tiles that could not be read."""
        return [cell for _, part in sorted(self.parts.items()) for cell in part.damaged]

    def finish(self) -> PartResult:
        """Put the summary in the place of the work folder."""
        result = PartResult(self.tiles, self.damaged)
        self._undertaking.finish(self._header | result._asdict())
        return result

    def release(self) -> None:
        """Let other runs work on it."""
        self._undertaking.release()

    def _what(self) -> dict[str, Any]:
        return {
            "slide": str(self.job.path),
            "bytes": os.stat(self.job.path).st_size,
            "options": self.job.options._asdict(),
        }

    def _require_same(self, found: dict[str, Any], wanted: dict[str, Any]) -> None:
        self._undertaking.require_same(_spelled(found), _spelled(wanted))


def _outputs(job: Job) -> Iterable[Path]:
    return target(job), overview_path(job, "overlay"), overview_path(job, "sheet")


def _spelled(options: dict[str, Any]) -> dict[str, Any]:
    """With the names that the command has for them."""
    return {name.replace("_", "-"): value for name, value in options.items()}


def _part_result(found: dict[str, Any]) -> PartResult:
    return PartResult(
        int(found["tiles"]), [(column, row) for column, row in found["damaged"]]
    )
