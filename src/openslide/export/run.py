"""Slides in, tiles out: parts go to processes, and what is complete is noted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from .. import OpenSlideError
from .folders import FoundSlide
from .journal import Journal, has_begun, read_summary, remove_leftovers
from .part import PartResult, export_part
from .plan import Job, Part, TileOptions, facts_of, ordered, parts
from .workers import Outcome, Workers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Failure(NamedTuple):
    """A slide that could not be worked off, and why."""

    path: Path
    reason: str


class Summary(NamedTuple):
    """What became of all slides.

    Attributes:
        slides: how many are complete.
        tiles: how many tiles these have, damaged ones included.
        damaged: by slide, (column, row) of the tiles that could not be read.
        failures: the other slides.
    """

    slides: int
    tiles: int
    damaged: dict[Path, list[tuple[int, int]]]
    failures: list[Failure]


class Report(Protocol):
    """Is told how the work goes on."""

    def expect(self, tiles: int) -> None:
        """There are so many tiles more than was known."""

    def advance(self, tiles: int) -> None:
        """So many tiles more are done."""


class _Overview(NamedTuple):
    """The last task of a slide."""

    job: Job
    cells: NDArray[np.int64]


_Task: TypeAlias = "Part | _Overview"


def _work_off(task: _Task) -> PartResult | None:
    """In one of the processes."""
    if isinstance(task, Part):
        return export_part(task)
    from .overview import write_overview

    write_overview(task.job, task.cells)
    return None


class _Progressing:
    """A slide that is being worked off."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.journal = Journal(job)
        with job.options.grid(job.path) as grid:
            self.facts = facts_of(job, grid)
            self.cells = ordered(grid.cells)
            if job.options.to == "zarr" and not self.journal.parts:
                from .zarr_store import begin_store

                begin_store(job, grid.only(self.cells))
        self.waits_for = len(self.journal.parts)
        self.parts = list(parts(job, self.cells))

    def tasks(self) -> Iterator[_Task]:
        """What is left to do, the overview first: the slide's file is read anyway."""
        yield _Overview(self.job, self.cells)
        done = self.journal.parts
        yield from (part for part in self.parts if part.number not in done)

    def finish(self) -> None:
        """All parts are complete."""
        if self.job.options.to == "zarr":
            from .zarr_store import finish_store

            finish_store(self.job, self.journal.damaged)
        self.journal.finish(self.job, self.facts)


class _Export:
    """All slides of a run."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._open: dict[str, _Progressing] = {}  # by name
        self._left: dict[str, int] = {}  # tasks
        self.complete: dict[Path, PartResult] = {}
        self.failures: list[Failure] = []

    def tasks(self, jobs: Iterable[Job]) -> Iterator[_Task]:
        """All tasks, slide by slide; a slide is opened when processes are free."""
        for job in jobs:
            try:
                tasks = self._begin(job)
            except (OpenSlideError, OSError, ValueError) as error:
                self.failures.append(Failure(job.path, str(error)))
                continue
            for task in tasks:
                if job.name not in self._open:
                    break  # it has failed
                yield task

    def _begin(self, job: Job) -> list[_Task]:
        remove_leftovers(job)
        result = read_summary(job)
        if result is not None:  # complete since an earlier run
            self.complete[job.path] = result
            self._report.expect(result.tiles)
            self._report.advance(result.tiles)
            return []
        slide = _Progressing(job)
        tasks = list(slide.tasks())
        self._open[job.name] = slide
        self._left[job.name] = len(tasks)
        self._report.expect(len(slide.cells))
        self._report.advance(sum(part.tiles for part in slide.journal.parts.values()))
        return tasks

    def take(self, outcome: Outcome[_Task, PartResult | None]) -> None:
        """Note what became of a task."""
        task, result, error = outcome
        slide = self._open.get(task.job.name)
        if slide is None:
            return  # another task of it has failed
        if error is not None:
            self._fail(slide, str(error))
            return
        if isinstance(task, Part) and result is not None:
            slide.journal.add(task.number, result)
            self._report.advance(result.tiles)
        self._left[task.job.name] -= 1
        if self._left[task.job.name] == 0:
            self._finish(slide)

    def _finish(self, slide: _Progressing) -> None:
        try:
            slide.finish()
        except OSError as error:
            self._fail(slide, str(error))
            return
        del self._open[slide.job.name]
        result = PartResult(len(slide.cells), slide.journal.damaged)
        self.complete[slide.job.path] = result

    def _fail(self, slide: _Progressing, reason: str) -> None:
        del self._open[slide.job.name]
        self.failures.append(Failure(slide.job.path, reason))


def export_tiles(
    slides: Iterable[FoundSlide],
    out: Path,
    options: TileOptions,
    *,
    workers: int,
    resume: bool,
    report: Report,
) -> Summary:
    """Cut slides into tiles.

    out:     the folder to write to; made where it is missing.
    workers: how many processes read and write.
    resume:  whether to go on with what an earlier run has left.

    A slide that cannot be read ends up in the summary's failures, and the others go
    on; so does one at which a process dies.

    Raises FileExistsError where there are tiles of a slide already, and they shall
    not be gone on with.
    """
    out = out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    jobs = [Job(path, name, out, options) for path, name in slides]
    for job in jobs:
        if not resume and has_begun(job):
            raise FileExistsError(
                f"{out} has tiles of {job.name} already; go on with --resume, or choose "
                "another folder"
            )
    export = _Export(report)
    with Workers[_Task, "PartResult | None"](workers, _work_off) as pool:
        for outcome in pool.run(export.tasks(jobs)):
            export.take(outcome)
    results = export.complete
    return Summary(
        len(results),
        sum(result.tiles for result in results.values()),
        {path: result.damaged for path, result in results.items() if result.damaged},
        export.failures,
    )
