"""Slides in, tiles out: parts go to processes, and what is complete is noted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from .._errors import OpenSlideError
from ..output.lock import BusyError
from ..output.telling import (
    Report,
    all_damaged,
    counted,
    reason_of,
    told_of,
    without_path,
)
from .cells import Cells
from .manifest import Manifest
from .masks import mask_path, place_mask
from .names import FoundSlide
from .part import export_part
from .plan import OVERVIEWS, Job, Part, Target, TileOptions, overview_path, parts
from .slide_work import PartResult, SlideWork
from .staging import Staged, stage_slide, staging_folder, unstage
from .survey import Check, Survey, check, survey
from .tile_output import Noted, output_for
from .workers import Outcome, Workers, begin_imports

if TYPE_CHECKING:
    from .cluster import ClusterWorkers


class Failure(NamedTuple):
    """A slide that could not be worked off, and why."""

    path: Path
    reason: str


class Summary(NamedTuple):
    """What became of all slides.

    Attributes:
        slides: how many are complete.
        tiles: how many tiles these have, damaged ones included.
        results: what became of each slide.
        holes: how many native tiles each does not have.
        failures: the other slides.
    """

    slides: int
    tiles: int
    results: dict[Path, PartResult]
    holes: dict[Path, int]
    failures: list[Failure]

    @property
    def damaged(self) -> dict[Path, list[tuple[int, int]]]:
        """By slide, (column, row) of the tiles that could not be read."""
        return {
            p: result.damaged for p, result in self.results.items() if result.damaged
        }


class _Check(NamedTuple):
    """The only task of a slide that was complete, if it still is."""

    job: Job
    summary: dict[str, Any]


class _Stage(NamedTuple):
    """Copying a slide to a local disk, where that is wanted, ahead of all else."""

    job: Job
    folder: Path


class _Survey(NamedTuple):
    """The first task of another slide."""

    job: Job
    noted: Noted | None


class _Overview(NamedTuple):
    """The pictures of a slide."""

    job: Job
    cells: Cells


class _Finish(NamedTuple):
    """The last task of a slide."""

    job: Job
    cells: Cells
    damaged: list[tuple[int, int]]


_Task: TypeAlias = "_Check | _Stage | _Survey | _Overview | Part | _Finish"
_Result: TypeAlias = "Check | Staged | Survey | PartResult | dict[str, int] | None"


def _work_off(task: _Task) -> _Result:
    """In one of the processes, so that what libopenslide dies of ends no more."""
    match task:
        case _Check(job, summary):
            return check(job, summary)
        case _Stage(job, folder):
            return stage_slide(job.path, folder)
        case _Survey(job, noted):
            return survey(job, noted)
        case _Overview(job, cells):
            from .overview import write_overview

            write_overview(job, cells)
            return None
        case _Finish():
            return finish_slide(task.job, task.cells, task.damaged)
    return export_part(task)


def finish_slide(
    job: Job, cells: Cells, damaged: list[tuple[int, int]]
) -> dict[str, int]:
    """Write what all parts together have; the files of a slide, and their sizes."""
    place_mask(job)
    files = output_for(job.options.to).finish(job, cells, set(damaged))
    beside = [*(overview_path(job, kind) for kind in OVERVIEWS), mask_path(job)]
    files += filter(Path.exists, beside)
    return {
        path.relative_to(job.out).as_posix(): path.stat().st_size
        for path in sorted(files)
    }


class _Progressing:
    """A slide that is being worked off; this run alone has it.

    Attributes:
        tiles: how many it has, as far as is known.
        cells: which these are.
        at_work: how many processes work on it.
        left: how many tasks are not done.
        is_over: whether it is complete or has failed.
        is_ahead: whether nobody reads it yet.
        is_damage_told: whether a damaged tile of it was told of.
    """

    def __init__(self, work: SlideWork) -> None:
        self.job = work.job
        self.work = work
        self.tiles = 0
        self.cells: Cells | None = None
        self.at_work = 0
        self.is_over = False
        self.is_ahead = True
        self.is_damage_told = False
        self.left = 0

    def divide(self, found: Survey) -> list[_Task]:
        """What is to be done, now that the slide is known."""
        todo = list(parts(self.job, found.cells))
        self.work.begin(found, todo)
        # The overview first: the slide's file is read anyway.
        tasks: list[_Task] = [_Overview(self.job, found.cells)]
        tasks += (part for part in todo if part.number not in self.work.parts)
        self.left = len(tasks)
        self.cells = found.cells
        self.tiles = len(found.cells)
        return tasks

    def require_any(self) -> None:
        """Raise OpenSlideError, and leave nothing behind, where no tile could be read."""
        result = self.work.result
        if result.is_lost:
            self.work.abandon()
            raise OpenSlideError(all_damaged(result.tiles, result.damage_reason))

    def last_task(self) -> _Finish:
        """What is to be done when all other tasks are."""
        assert self.cells is not None
        return _Finish(self.job, self.cells, self.work.damaged)


class _Export:
    """All slides of a run.

    stage:   where copies of slides go, if anywhere.
    readers: how many processes read at most, copying aside; None: all that there are.
    """

    def __init__(
        self,
        slides: Iterable[SlideWork],
        resume: bool,
        report: Report,
        stage: Path | None,
        readers: int | None,
    ) -> None:
        self._stage = stage
        self._readers = readers
        self._reading = 0
        self._resume = resume
        self._report = report
        self._waiting = deque(slides)
        self._busy: deque[SlideWork] = deque()  # others work on them
        self._tasks: deque[_Task] = deque()
        self._open: dict[str, _Progressing] = {}
        self.complete: dict[Path, PartResult] = {}
        self.holes: dict[Path, int] = {}
        self.failures: list[Failure] = []

    def next_task(self) -> _Task | None:
        """What to do next; a slide is opened when there is nothing to do for others.

        One that another run works on is looked at once more when all else is done.
        """
        if self._stage is not None:
            self._begin_ahead()
        while not self._tasks:
            if self._waiting:
                self._begin(self._waiting.popleft(), may_wait=True)
            elif self._busy and not self._open:
                self._begin(self._busy.popleft(), may_wait=False)
            else:
                return None
        if not isinstance(self._tasks[0], _Stage):
            if self._reading == self._readers:
                return None  # the process that is left is for copying
            self._reading += 1
        task = self._tasks.popleft()
        slide = self._open[task.job.name]
        slide.at_work += 1
        slide.is_ahead &= isinstance(task, _Stage)
        return task

    def _begin_ahead(self) -> None:
        """Have the next slide copied while another one is read."""
        if self._waiting and not any(slide.is_ahead for slide in self._open.values()):
            self._begin(self._waiting.popleft(), may_wait=True)

    def _first_task(self, slide: _Progressing) -> _Task:
        """Of a slide that is not complete."""
        if self._stage is not None:
            return _Stage(slide.job, self._stage / slide.job.name)
        return _Survey(slide.job, slide.work.noted())

    def _put_first(self, task: _Task) -> None:
        """Copying goes before all that is to be read."""
        if isinstance(task, _Stage):
            self._tasks.appendleft(task)
        else:
            self._tasks.append(task)

    def _begin(self, work: SlideWork, *, may_wait: bool) -> None:
        job = work.job
        with self._failing(job):
            try:
                summary = work.take(self._resume)
            except BusyError:
                if not may_wait:
                    raise
                self._busy.append(work)
                return
            self._open[job.name] = _Progressing(work)
            if summary is None:
                self._put_first(self._first_task(self._open[job.name]))
            else:
                self._tasks.append(_Check(job, summary))

    def take(self, outcome: Outcome[_Task, _Result]) -> None:
        """Note what became of a task."""
        slide = self._open[outcome.task.job.name]
        slide.at_work -= 1
        self._reading -= not isinstance(outcome.task, _Stage)
        if not slide.is_over:
            with self._failing(slide.job):
                self._note(slide, outcome)
        self._let_go(slide)

    def note(self) -> None:
        """Note what is complete, so that it outlives any end."""
        for slide in list(self._open.values()):
            if not slide.is_over:
                with self._failing(slide.job):
                    slide.work.note()
                self._let_go(slide)

    def _let_go(self, slide: _Progressing) -> None:
        """Let others have a slide with which all is over."""
        if slide.is_over and slide.at_work == 0:
            del self._open[slide.job.name]
            with suppress(OSError):  # it has failed, for a reason that is told
                slide.work.release()
            if slide.job.staged is not None:
                unstage(slide.job.staged.parent)

    def _note(self, slide: _Progressing, outcome: Outcome[_Task, _Result]) -> None:
        task, result, error = outcome
        if error is not None:
            self._fail(slide.job, error)
            return
        match task:
            case _Stage():
                assert isinstance(result, Staged)
                self._take_copy(slide, result)
                return
            case _Check():
                assert isinstance(result, Check)
                self._check(slide, task, result)
                return
            case _Survey():
                assert isinstance(result, Survey)
                self._note_holes(slide.job, result.facts)
                for note in result.notes:
                    self._report.tell(told_of(slide.job.path, note))
                self._tasks.extend(slide.divide(result))
                self._report.expect(slide.tiles, done=slide.work.tiles)
                return
            case Part():
                assert isinstance(result, PartResult)
                slide.work.add(task.number, result)
                self._report.advance(result.tiles)
                self._tell_damage(slide, result)
            case _Finish():
                assert isinstance(result, dict)
                self.complete[slide.job.path] = slide.work.finish(result)
                slide.is_over = True
                tiles = counted(slide.tiles, "tile")
                self._report.finish(f"{slide.job.name}: {tiles}")
        slide.left -= 1
        if slide.left == 0:
            slide.require_any()
            self._tasks.append(slide.last_task())

    def _check(self, slide: _Progressing, task: _Check, found: Check) -> None:
        result = slide.work.accept(task.summary, found)
        if result is None:
            self._put_first(self._first_task(slide))
            return
        self._note_holes(slide.job, task.summary)
        self._report.expect(result.tiles, done=result.tiles)
        self.complete[slide.job.path] = result
        slide.is_over = True

    def _take_copy(self, slide: _Progressing, copy: Staged) -> None:
        slide.job = slide.job._replace(staged=copy.path)
        if copy.path is None:
            what = f"it is read where it is, for it cannot be copied: {copy.reason}"
            self._report.tell(told_of(slide.job.path, what))
        self._tasks.append(_Survey(slide.job, slide.work.noted()))

    def _note_holes(self, job: Job, facts: dict[str, Any]) -> None:
        if facts.get("holes"):
            self.holes[job.path] = facts["holes"]

    def _tell_damage(self, slide: _Progressing, result: PartResult) -> None:
        """Tell of the first damaged tile of a slide at once, for there may be many."""
        if result.damaged and not slide.is_damage_told:
            slide.is_damage_told = True
            column, row = result.damaged[0]
            what = f"tile ({column}, {row}) cannot be read: {result.damage_reason}"
            self._report.tell(told_of(slide.job.path, what))

    @contextmanager
    def _failing(self, job: Job) -> Iterator[None]:
        """What goes wrong with a slide ends that slide, and not the run."""
        try:
            yield
        except (OpenSlideError, OSError, ValueError) as fault:
            self._fail(job, reason_of(fault))

    def _fail(self, job: Job, reason: str) -> None:
        reason = reason.replace(str(job.source), str(job.path))
        self.failures.append(Failure(job.path, without_path(job.path, reason)))
        self._report.tell(f"openslide: {told_of(job.path, reason)}")
        self._tasks = deque(task for task in self._tasks if task.job.name != job.name)
        slide = self._open.get(job.name)
        if slide is not None:
            slide.is_over = True
            if slide.tiles:
                self._report.expect(slide.work.tiles - slide.tiles)

    def close(self) -> None:
        """Let other runs have what is not complete."""
        for slide in self._open.values():
            slide.work.release()


def export_tiles(
    slides: Iterable[FoundSlide],
    out: Path,
    options: TileOptions,
    *,
    masks: Mapping[Path, Path] | None = None,
    manifest: Manifest | None = None,
    stage: Path | None = None,
    workers: int,
    resume: bool,
    report: Report,
    scheduler: str | None = None,
) -> Summary:
    """Cut slides into tiles.

    out:      the folder to write to; made where it is missing.
    masks:    the file of each slide that has a mask of its own, by the slide's path.
    manifest: what is to be told of the slides, and what is tissue in them, in the place
              of other masks.
    stage:    a folder on a local disk for copies of slides, each made while another
              one is read, and removed when it is done.
    workers:  how many processes read and write.
    resume:   whether to go on with what an earlier run has left.
    scheduler: the address of a Dask cluster whose workers do it instead; slides and
              `out` must be where these see them too.

    A slide that cannot be read ends up in the summary's failures, and the others go
    on; so does one at which a process dies.

    Another run may work on the same folder at the same time.  A slide that it is at
    is left to it; if it is still at it when all else is done, that is a failure.

    Raises FileExistsError where there are tiles of a slide already, and they shall
    not be gone on with, or something else in their place, and ValueError where they
    were made with other options; of a cluster, ImportError without Dask and
    cluster.ClusterError where its workers cannot do the work.
    """
    options.encoding()  # raises before anything is there
    out = out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    works = [
        SlideWork(
            _job(slide, out, options.with_mask((masks or {}).get(slide.path)), manifest)
        )
        for slide in slides
    ]
    for work in works:
        work.check(resume)
    with staging_folder(stage) as copies:
        # One process more copies, and that one shall not read.
        readers, processes = (
            (None, workers) if copies is None else (workers, workers + 1)
        )
        export = _Export(works, resume, report, copies, readers)
        try:
            with _pool(works, out, processes, scheduler, report) as pool:
                for outcome in pool.run(export.next_task, export.note):
                    export.take(outcome)
        finally:  # and when no process works on them any more
            export.close()
    results = export.complete
    return Summary(
        len(results),
        sum(result.tiles for result in results.values()),
        results,
        export.holes,
        export.failures,
    )


def _pool(
    works: list[SlideWork],
    out: Path,
    workers: int,
    scheduler: str | None,
    report: Report,
) -> Workers[_Task, _Result] | ClusterWorkers[_Task, _Result]:
    """Who works off tasks: processes of this machine, or a cluster."""
    if scheduler is None:
        targets = {work.job.options.to for work in works}
        return Workers(workers, _work_off, _modules(targets))
    from .cluster import ClusterWorkers

    slides = [work.job.path for work in works]
    return ClusterWorkers(scheduler, _work_off, slides=slides, out=out, report=report)


def begin_workers(to: Target, workers: int) -> None:
    """Have what export_tiles() needs begin its imports, while slides are looked for.

    Arguments are as for that, and TileOptions.  Nothing else depends on it.
    """
    begin_imports(workers, _modules({to}))


def _modules(targets: set[Target]) -> list[str]:
    """What processes will import that _work_off() does not need to be known."""
    outputs = {output_for(to).__module__ for to in targets}
    return ["numpy", f"{__package__}.overview", *outputs]


def _job(
    slide: FoundSlide, out: Path, options: TileOptions, manifest: Manifest | None
) -> Job:
    row = None if manifest is None else manifest.rows.get(slide.path)
    if row is None:
        return Job(slide.path, slide.name, out, options)
    if row.mask is not None:
        options = options._replace(mask=str(row.mask))
    if row.slide_mpp is not None:
        options = options._replace(slide_mpp=row.slide_mpp)
    return Job(slide.path, slide.name, out, options, row.columns)
