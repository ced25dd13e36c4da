"""What is done of one slide, so that work can go on after any end.

The journal of its work folder has what was asked for, and a line for each part that is
complete; the same is in OUT/{slide}.json at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ..output.identity import file_identity
from ..output.journal import understood
from ..output.undertaking import Undertaking
from .masks import mask_path
from .plan import Job, Part, overview_path
from .survey import Check, Survey
from .tile_output import Noted, output_for


class PartResult(NamedTuple):
    """What became of a part.

    Attributes:
        tiles: how many tiles it has, damaged ones included.
        damaged: (column, row) of those that could not be read.
        encoded: of native ones, (column, row) of those that could not be copied.
        reason: why the first of these could not.
        damage_reason: why the first of the damaged ones could not be read.
    """

    tiles: int
    damaged: list[tuple[int, int]]
    encoded: list[tuple[int, int]]
    reason: str
    damage_reason: str

    @property
    def is_lost(self) -> bool:
        """Whether there are tiles, and none of them could be read."""
        return 0 < self.tiles == len(self.damaged)


#: What a summary has more than the header of the journal.
_RESULTS = ("files", *PartResult._fields)


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
        self._unnoted: list[dict[str, Any]] = []
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
            self._require_same(options, self.job.options.told())

    def take(self, resume: bool) -> dict[str, Any] | None:
        """Keep other runs out; returns the summary of a slide that was complete.

        Raises BusyError where another run is at work on it, ValueError where it was
        made of another slide, and what check() raises.
        """
        summary = self._undertaking.take(resume)
        if summary is not None:
            with understood(self._undertaking.summary):
                _part_result(summary)
                dict(summary["files"])
            self._require_same(summary, self._what())
        return summary

    def accept(self, summary: dict[str, Any], found: Check) -> PartResult | None:
        """What became of a slide that was complete, if it still is.

        If not, it can be gone on with.  Raises ValueError where it was made of another
        slide, and what take() raises.
        """
        self._require_same(summary, found.identity)
        if found.lost is None:
            return _part_result(summary)
        header = {
            name: value for name, value in summary.items() if name not in _RESULTS
        }
        results = {name: summary[name] for name in _RESULTS}
        self._undertaking.reopen([header, {"was_complete": results}])
        return None

    def noted(self) -> Noted | None:
        """What earlier runs have noted; None where nothing was begun."""
        with understood(self._undertaking.journal.path):
            lines = self._undertaking.journal.read()
            return self._noted(lines) if lines else None

    def begin(self, found: Survey, parts: list[Part]) -> None:
        """Begin, or take up what is begun.

        parts: all that it has.

        Raises ValueError where the work was begun on other tiles, FileExistsError
        where somebody else's file is in the place of a part.
        """
        self._header = self._what() | found.facts
        journal = self._undertaking.journal
        lines = journal.take_up()
        if lines:
            with understood(journal.path):
                header = dict(lines[0])
                noted = self._noted(lines)
            self._require_same(header, self._header)
        else:
            noted = Noted(set(), set(), set(), "", "", {})
            for part in parts:
                path = output_for(self.job.options.to).part_target(
                    self.job, part.number
                )
                if path is not None:
                    self._undertaking.require_free(path)
            journal.add(self._header)
        self.parts = {
            part.number: _noted_result(part, noted)
            for part in parts
            if part.number in found.present
        }

    def add(self, number: int, result: PartResult) -> None:
        """A part is complete, which settled what it wrote; note() notes that."""
        self._unnoted.append({"part": number, **result._asdict()})
        self.parts[number] = result

    def note(self) -> None:
        """Note the parts that were added; a kill before that loses them."""
        if self._unnoted:
            self._undertaking.journal.add(*self._unnoted)
            self._unnoted = []

    @property
    def tiles(self) -> int:
        """How many tiles are done with."""
        return sum(part.tiles for part in self.parts.values())

    @property
    def damaged(self) -> list[tuple[int, int]]:
        """(column, row) of all tiles that could not be read."""
        return self.result.damaged

    @property
    def result(self) -> PartResult:
        """All parts that are complete, as one."""
        parts = [part for _, part in sorted(self.parts.items())]
        return PartResult(
            self.tiles,
            [cell for part in parts for cell in part.damaged],
            [cell for part in parts for cell in part.encoded],
            next((part.reason for part in parts if part.reason), ""),
            next((part.damage_reason for part in parts if part.damage_reason), ""),
        )

    def finish(self, files: dict[str, int]) -> PartResult:
        """Put the summary in the place of the work folder.

        files: what was written, and how many bytes each has.
        """
        summary = self._header | {"files": files} | self.result._asdict()
        self._undertaking.finish(summary)
        self._unnoted = []
        return self.result

    def abandon(self) -> None:
        """Remove all that was written of a slide that turned out to be lost."""
        output = output_for(self.job.options.to)
        written = (output.part_target(self.job, number) for number in self.parts)
        self._undertaking.abandon([*filter(None, written), *_outputs(self.job)])
        self._unnoted = []

    def release(self) -> None:
        """Let other runs work on it."""
        with suppress(OSError):  # what is not noted is done once more
            self.note()
        self._undertaking.release()

    def _what(self) -> dict[str, Any]:
        """What is known before the slide is opened."""
        return {
            **file_identity(self.job.path),
            "options": self.job.options.told(),
            **self.job.columns,
        }

    @staticmethod
    def _noted(lines: list[Any]) -> Noted:
        numbers: set[int] | None = set()
        results: dict[int, PartResult] = {}  # -1: of the slide when it was complete
        files: dict[str, int] = {}
        for line in map(dict, lines[1:]):
            if "was_complete" in line:
                numbers = None
                results[-1] = _part_result(line["was_complete"])
                files = dict(line["was_complete"]["files"])
            else:
                number = int(line["part"])
                results[number] = _part_result(line)
                if numbers is not None:
                    numbers.add(number)
        return Noted(
            numbers,
            {cell for result in results.values() for cell in result.damaged},
            {cell for result in results.values() for cell in result.encoded},
            next((result.reason for result in results.values() if result.reason), ""),
            next(
                (
                    why
                    for _, result in sorted(results.items())
                    if (why := result.damage_reason)
                ),
                "",
            ),
            files,
        )

    def _require_same(self, found: dict[str, Any], wanted: dict[str, Any]) -> None:
        self._undertaking.require_same(_spelled(found), _spelled(wanted))


def _outputs(job: Job) -> Iterable[Path]:
    targets = output_for(job.options.to).targets(job)
    pictures = overview_path(job, "overlay"), overview_path(job, "sheet")
    return [*targets, *pictures, mask_path(job)]


def _spelled(options: dict[str, Any]) -> dict[str, Any]:
    """With the names that the command has for them."""
    return {name.replace("_", "-"): value for name, value in options.items()}


def _part_result(found: dict[str, Any]) -> PartResult:
    return PartResult(
        int(found["tiles"]),
        list(map(_pair, found["damaged"])),
        list(map(_pair, found["encoded"])),
        str(found["reason"]),
        str(found["damage_reason"]),
    )


def _noted_result(part: Part, noted: Noted) -> PartResult:
    """What became of a part by what earlier runs have noted."""
    damaged = [cell for cell in part.cells if cell in noted.damaged]
    encoded = [cell for cell in part.cells if cell in noted.encoded]
    return PartResult(
        len(part.cells),
        damaged,
        encoded,
        noted.reason if encoded else "",
        noted.damage_reason if damaged else "",
    )


def _pair(cell: Sequence[int]) -> tuple[int, int]:
    column, row = cell
    return column, row
