"""Slides in, tiles out: parts go to processes, and what is complete is noted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from .._arrays import numpy
from .folders import FoundSlide
from .journal import (
    Journal,
    PartResult,
    begun_options,
    check_options,
    read_summary,
    remove_leftovers,
    remove_workspace,
    require_room,
)
from .part import export_part
from .plan import Job, Part, TileOptions, parts
from .survey import Survey, survey
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

    def expect(self, tiles: int, *, done: int = 0) -> None:
        """There are so many tiles more than was known, some done by an earlier run."""

    def advance(self, tiles: int) -> None:
        """So many tiles more are done."""


class _Survey(NamedTuple):
    """The first task of a slide."""

    job: Job


class _Overview(NamedTuple):
    """The pictures of a slide."""

    job: Job
    cells: NDArray[np.int64]


_Task: TypeAlias = "_Survey | _Overview | Part"
_Result: TypeAlias = "Survey | PartResult | None"


def _work_off(task: _Task) -> _Result:
    """In one of the processes, so that what libopenslide dies of ends no more."""
    match task:
        case _Survey(job):
            return survey(job)
        case _Overview(job, cells):
            from .overview import write_overview

            write_overview(job, cells)
            return None
    return export_part(task)


class _Progressing:
    """A slide that is being worked off."""

    def __init__(self, job: Job, found: Survey) -> None:
        self.job = job
        self.tiles = len(found.cells)
        self.journal = Journal(job, found.facts)
        remove_leftovers(job)
        if job.options.to == "zarr":
            from .zarr_store import remove_incomplete_shards

            remove_incomplete_shards(job, self.journal.parts)
        # The overview first: the slide's file is read anyway.
        self.tasks: list[_Task] = [_Overview(job, found.cells)]
        self.tasks += (
            part
            for part in parts(job, found.cells)
            if part.number not in self.journal.parts
        )
        self.left = len(self.tasks)

    def finish(self) -> PartResult:
        """All tasks are done."""
        if self.job.options.to == "zarr":
            from .zarr_store import finish_store

            finish_store(self.job, self.journal.damaged)
        self.journal.finish()
        return PartResult(self.tiles, self.journal.damaged)


class _Export:
    """All slides of a run."""

    def __init__(self, jobs: Iterable[Job], report: Report) -> None:
        self._report = report
        self._waiting = iter(jobs)
        self._tasks: deque[_Task] = deque()
        self._open: dict[str, _Progressing] = {}  # by name
        self.complete: dict[Path, PartResult] = {}
        self.failures: list[Failure] = []

    def next_task(self) -> _Task | None:
        """What to do next; a slide is opened when there is nothing to do for others."""
        while not self._tasks:
            job = next(self._waiting, None)
            if job is None:
                return None
            self._begin(job)
        return self._tasks.popleft()

    def _begin(self, job: Job) -> None:
        try:
            result = read_summary(job)
        except (OSError, ValueError) as error:
            self.failures.append(Failure(job.path, str(error)))
            return
        if result is None:
            self._tasks.append(_Survey(job))
            return
        remove_workspace(job)  # where the program was killed before it could
        self.complete[job.path] = result
        self._report.expect(result.tiles, done=result.tiles)

    def take(self, outcome: Outcome[_Task, _Result]) -> None:
        """Note what became of a task."""
        task, result, error = outcome
        job = task.job
        if error is not None:
            self._fail(job, error)
        elif isinstance(result, Survey):
            try:
                self._divide(job, result)
            except (OSError, ValueError) as fault:
                self._fail(job, str(fault))
        elif job.name in self._open:  # no other task of it has failed
            self._note(self._open[job.name], task, result)

    def _divide(self, job: Job, found: Survey) -> None:
        slide = _Progressing(job, found)
        self._open[job.name] = slide
        self._tasks.extend(slide.tasks)
        self._report.expect(slide.tiles, done=slide.journal.tiles)

    def _note(
        self, slide: _Progressing, task: _Task, result: PartResult | None
    ) -> None:
        if isinstance(task, Part) and result is not None:
            slide.journal.add(task.number, result)
            self._report.advance(result.tiles)
        slide.left -= 1
        if slide.left > 0:
            return
        try:
            self.complete[slide.job.path] = slide.finish()
            del self._open[slide.job.name]
        except OSError as error:
            self._fail(slide.job, str(error))

    def _fail(self, job: Job, reason: str) -> None:
        slide = self._open.pop(job.name, None)
        if slide is not None:
            self._report.expect(slide.journal.tiles - slide.tiles)
        elif any(failure.path == job.path for failure in self.failures):
            return  # another task of it has failed
        self._tasks = deque(task for task in self._tasks if task.job != job)
        self.failures.append(Failure(job.path, reason))


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
    not be gone on with, or something else in their place, and ValueError where they
    were made with other options.
    """
    out = out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    jobs = [Job(path, name, out, options) for path, name in slides]
    for job in jobs:
        _check_begun(job, resume)
    export = _Export(jobs, report)
    Thread(target=_import_numpy).start()
    with Workers[_Task, _Result](workers, _work_off) as pool:
        for outcome in pool.run(export.next_task):
            export.take(outcome)
    results = export.complete
    return Summary(
        len(results),
        sum(result.tiles for result in results.values()),
        {path: result.damaged for path, result in results.items() if result.damaged},
        export.failures,
    )


def _import_numpy() -> None:
    """Have it ready when the processes answer, while they begin."""
    with suppress(ImportError):  # which they will report
        numpy()


def _check_begun(job: Job, resume: bool) -> None:
    options = begun_options(job)
    if options is None:
        require_room(job)
        return
    if not resume:
        raise FileExistsError(
            f"{job.out} has tiles of {job.name} already; go on with --resume, or choose "
            "another folder"
        )
    check_options(job, options)
