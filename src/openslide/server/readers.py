"""The processes that read slides, as the server sees them.

A slide is always read by the same process, so that its decoded tiles are cached once.
What has to wait, waits here: so it can be forgotten when nobody wants it any more, and
refused when there is too much of it.

When a process dies, another takes its place.  What the dead one was at is done again by
a *careful* process, one picture at a time: a slide of which that dies too, and again, is
not read before it has changed, or some minutes have passed.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import zlib
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from .frames import Frame, FrameParser
from .process import ReaderProcess
from .settings import ReaderSettings

#: How many requests are with a process beyond those it works on, so that its threads
#: need not wait for the server.
_AHEAD = 2

#: A slide is not read any more for a while, in seconds, when so many careful processes
#: have died of it.
_MOST_DEATHS = 2
_BANISHMENT = 600.0

#: A process that dies sooner than this after its start, in seconds, and again and
#: again, cannot work here at all.
_EARLY = 5.0
_MOST_EARLY_DEATHS = 5


class Answer(NamedTuple):
    """What a process answered: of a picture its file, else why there is none.

    Attributes:
        failure: "absent": there is no such file.  "unopenable": the slide is damaged, or
                 none.  "no picture": the slide has no such tile.  "refused": the
                 arguments are wrong, or too large.  "crashed": the slide ended the
                 process that read it.  "late": it took too long.  "fault": an error
                 that nobody expected.  "stopped": the server ends.
        message: what is wrong, in words that may hold paths.
    """

    body: bytes = b""
    media_type: str = ""
    is_damaged: bool = False
    is_native: bool = False
    failure: str | None = None
    message: str = ""


class BusyError(Exception):
    """More waits to be read than may."""


class Job:
    """A picture that is asked for.

    Attributes:
        answer: set when it is there.
        wanted: by how many; what nobody wants is not begun.
        begun:  whether a process has it.
        deaths: how many careful processes died of it.
    """

    __slots__ = (
        "answer",
        "arguments",
        "begun",
        "deadline",
        "deaths",
        "path",
        "version",
        "wanted",
        "what",
    )

    def __init__(
        self, path: str, version: str, what: str, arguments: dict[str, Any]
    ) -> None:
        self.path = path
        self.version = version
        self.what = what
        self.arguments = arguments
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.wanted = 1
        self.begun = False
        self.deadline = 0.0
        self.deaths = 0

    def request(self, number: int) -> Frame:
        return Frame(
            {
                "id": number,
                "path": self.path,
                "version": self.version,
                "what": self.what,
                "arguments": self.arguments,
            }
        )

    def finish(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)


class Readers:
    """Processes that read slides.

    count:    how many.
    settings: for each.
    queue:    how many jobs may wait.
    patience: seconds that a job may take once it was begun.
    """

    def __init__(
        self, count: int, settings: ReaderSettings, queue: int, patience: float
    ) -> None:
        self._settings = settings
        self._most_waiting = queue
        self._patience = patience
        self._lines = [_Line(settings, self._lost) for _ in range(count)]
        # One thread, and one request: it is then known what it died of.
        careful = settings._replace(threads=1, open_slides=1, cache=0)
        self._careful = _Line(careful, self._lost_again, ahead=0)
        # Versions of slides that end processes, and until when they are not read.
        self._deadly: dict[str, tuple[str, float]] = {}
        self._watch: asyncio.Task[None] | None = None
        self.deaths = 0

    async def start(self) -> None:
        """Begin the processes; they are ready soon."""
        await asyncio.gather(*(line.start() for line in self._lines))
        self._watch = asyncio.create_task(self._watch_time())

    async def stop(self) -> None:
        """Let the processes end; jobs that are not done fail."""
        if self._watch is not None:
            self._watch.cancel()
        await asyncio.gather(*(line.stop() for line in [*self._lines, self._careful]))

    @property
    def waiting(self) -> int:
        """How many jobs no process has yet."""
        return sum(len(line.queue) for line in self._lines)

    @property
    def working(self) -> int:
        """How many jobs processes have."""
        return sum(len(line.jobs) for line in [*self._lines, self._careful])

    @property
    def open_slides(self) -> int:
        """How many slides the processes hold open."""
        return sum(line.open_slides for line in self._lines)

    @property
    def alive(self) -> bool:
        """Whether all processes are there."""
        return all(line.is_open for line in self._lines)

    def submit(self, job: Job) -> None:
        """Have a job done, now or when there is time.

        Raises BusyError where too many wait.
        """
        if self._is_deadly(job):
            job.finish(_CRASHED)
            return
        if self.waiting >= self._most_waiting:
            raise BusyError
        self._line(job).add(job)

    def forget(self, job: Job) -> None:
        """Do not begin a job."""
        job.answer.cancel()
        with suppress(ValueError):  # the careful one has it
            self._line(job).queue.remove(job)

    def _line(self, job: Job) -> _Line:
        return self._lines[zlib.crc32(os.fsencode(job.path)) % len(self._lines)]

    def _lost(self, jobs: list[Job]) -> None:
        """A process died that had some jobs: one of them will be why."""
        self.deaths += 1
        for job in jobs:
            self._careful.add(job)

    def _lost_again(self, jobs: list[Job]) -> None:
        """The careful process died: of its job, or before it could begin that."""
        self.deaths += 1
        until = asyncio.get_running_loop().time() + _BANISHMENT
        for job in jobs:
            job.deaths += 1
            if job.deaths < _MOST_DEATHS:
                self._careful.add(job)
                continue
            self._deadly[job.path] = (job.version, until)
            job.finish(_CRASHED)
        for job in filter(self._is_deadly, list(self._careful.queue)):
            self._careful.queue.remove(job)
            job.finish(_CRASHED)

    def _is_deadly(self, job: Job) -> bool:
        version, until = self._deadly.get(job.path, ("", 0.0))
        return version == job.version and asyncio.get_running_loop().time() < until

    async def _watch_time(self) -> None:
        """End processes that are at one job for too long."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(1.0, self._patience / 4))
            for line in [*self._lines, self._careful]:
                late = [
                    job
                    for job in line.jobs.values()
                    if loop.time() - job.deadline > self._patience
                ]
                for job in late:
                    job.finish(_LATE)
                if late:
                    line.kill()


_CRASHED = Answer(failure="crashed", message="reading it crashes libopenslide")
_LATE = Answer(failure="late", message="reading it takes too long")
_NO_PROCESS = Answer(
    failure="fault", message="no process that reads slides can be started"
)
_STOPPED = Answer(failure="stopped", message="the server ends")


class _Line:
    """One process after the other, with the jobs that wait for it.

    lost: is told of the jobs that a process had when it died.
    """

    def __init__(
        self,
        settings: ReaderSettings,
        lost: Callable[[list[Job]], None],
        ahead: int = _AHEAD,
    ) -> None:
        self.queue: deque[Job] = deque()
        self.jobs: dict[int, Job] = {}
        self.open_slides = 0
        self._settings = settings
        self._lost = lost
        self._room = settings.threads + ahead
        self._process: ReaderProcess | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._last_number = 0
        self._is_stopping = False
        self._starting: asyncio.Task[None] | None = None
        self._began = 0.0
        self._early_deaths = 0

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    async def start(self) -> None:
        """Begin a process."""
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        self._process = await asyncio.to_thread(ReaderProcess, self._settings)
        ours = self._process.connection
        ours.setblocking(False)
        connect: Any = loop.create_connection
        if ours.family == getattr(socket, "AF_UNIX", None):
            connect = loop.create_unix_connection
        self._transport, _ = await connect(lambda: _Connection(self), sock=ours)
        self.begin()

    async def stop(self) -> None:
        self._is_stopping = True
        if self._starting is not None:
            self._starting.cancel()
        if self._transport is not None:
            self._transport.close()
        for job in [*self.queue, *self.jobs.values()]:
            job.finish(_STOPPED)
        self.queue.clear()
        if self._process is not None:
            await asyncio.to_thread(self._process.end)

    def kill(self) -> None:
        """End the process at once; another will take its place."""
        if self._process is not None:
            self._process.kill()

    def add(self, job: Job) -> None:
        self.queue.append(job)
        if (
            self._process is None and self._starting is None
        ):  # the careful one, at first
            self._starting = asyncio.create_task(self._start_anew())
        self.begin()

    def begin(self) -> None:
        """Give the process what it has room for."""
        if self._transport is None:
            return
        now = asyncio.get_running_loop().time()
        while self.queue and len(self.jobs) < self._room:
            job = self.queue.popleft()
            if job.wanted <= 0 or job.answer.done():
                job.answer.cancel()
                continue
            self._last_number += 1
            job.begun = True
            job.deadline = now
            self.jobs[self._last_number] = job
            self._transport.write(job.request(self._last_number).pack())

    def received(self, frame: Frame) -> None:
        head = frame.head
        self.open_slides = head["open_slides"]
        job = self.jobs.pop(head["id"])
        job.finish(
            Answer(
                body=frame.body,
                media_type=head.get("media_type", ""),
                is_damaged=head.get("damaged", False),
                is_native=head.get("native", False),
                failure=head.get("failure"),
                message=head.get("message", ""),
            )
        )
        self.begin()

    def connection_lost(self) -> None:
        self._transport = None
        jobs = [job for job in self.jobs.values() if not job.answer.done()]
        self.jobs.clear()
        self.open_slides = 0
        if self._is_stopping:
            for job in jobs:
                job.finish(_STOPPED)
            return
        loop = asyncio.get_running_loop()
        is_early = not jobs and loop.time() - self._began < _EARLY
        self._early_deaths = self._early_deaths + 1 if is_early else 0
        self._lost(jobs)
        self._starting = loop.create_task(self._start_anew())

    async def _start_anew(self) -> None:
        if self._process is not None:
            ending = await asyncio.to_thread(self._process.end)
            print(
                f"openslide serve: a process that reads slides ended with {ending}; "
                "another takes its place",
                file=sys.stderr,
            )
        if self._early_deaths >= _MOST_EARLY_DEATHS:
            self._give_up()
            await asyncio.sleep(_EARLY)
        await self.start()

    def _give_up(self) -> None:
        """Let nobody wait for processes that cannot be started."""
        while self.queue:
            self.queue.popleft().finish(_NO_PROCESS)


class _Connection(asyncio.Protocol):
    """What comes from a process."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        self._parser = FrameParser()

    def data_received(self, data: bytes) -> None:
        for frame in self._parser.feed(data):
            self._line.received(frame)

    def connection_lost(self, exc: Exception | None) -> None:
        self._line.connection_lost()
