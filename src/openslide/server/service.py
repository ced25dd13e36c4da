"""A picture of a slide: from the cache, or read by a process, once for all who want it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from .._version import __version__
from .byte_cache import PictureCache
from .readers import Answer, Job, Readers
from .roots import NotServedError, Roots
from .versions import version_of

#: For how many seconds nobody looks whether the file of a slide has changed.
_TRUST = 1.0

#: How many slides are remembered; others are looked for again when they are wanted.
_MOST_SLIDES = 10_000

#: For how many seconds a slide that could not be opened is not tried again.
_DESPAIR = 5.0

_DIGEST_BYTES = 12


class GoneError(Exception):
    """Who asked for a picture wants it no more."""


class Slide:
    """A slide that is served.

    Attributes:
        address: its path below what is served.
        path:    its file.
        version: of the slide and of the server that makes pictures of it, see versions;
                 it is looked at again when it is a second old.
    """

    __slots__ = ("address", "path", "seen", "version")

    def __init__(self, address: str, path: Path, version: str, seen: float) -> None:
        self.address = address
        self.path = path
        self.version = version
        self.seen = seen


class Wanted(NamedTuple):
    """A picture of a slide: one of pictures.READS, and its arguments."""

    slide: Slide
    what: str
    arguments: tuple[tuple[str, Any], ...]

    @property
    def key(self) -> Hashable:
        return self.slide.path, self.slide.version, self.what, self.arguments

    @property
    def etag(self) -> str:
        """What changes when the picture does."""
        text = repr((self.slide.version, self.what, self.arguments))
        return f'"{blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()}"'


class Service:
    """Slides by their addresses, and pictures of them.

    roots:   what is served.
    readers: who reads.
    cache:   bytes of pictures to keep.
    made_by: what pictures depend on beside their slides.
    """

    def __init__(
        self, roots: Roots, readers: Readers, cache: int, made_by: Hashable
    ) -> None:
        self.readers = readers
        self.cache = PictureCache(cache)
        self.forgotten = 0  # pictures that were not begun, for nobody waited any more
        self._roots = roots
        self._made_by = (__version__, made_by)
        self._slides: dict[str, Slide] = {}
        self._jobs: dict[Hashable, Job] = {}
        self._failed: dict[tuple[Path, str], tuple[float, Answer]] = {}

    async def slide(self, address: str) -> Slide:
        """The slide of an address.

        Raises NotServedError where there is none.
        """
        now = asyncio.get_running_loop().time()
        slide = self._slides.get(address)
        if slide is not None:
            if now - slide.seen < _TRUST:
                return slide
            slide.seen = now  # others need not look as well
        try:
            path, version = await asyncio.to_thread(self._look, address)
        except NotServedError:
            self._slides.pop(address, None)
            raise
        if slide is None or slide.version != version or slide.path != path:
            slide = Slide(address, path, version, now)
            self._slides.pop(address, None)
            self._slides[address] = slide
            while len(self._slides) > _MOST_SLIDES:
                del self._slides[next(iter(self._slides))]
        slide.seen = now
        return slide

    def _look(self, address: str) -> tuple[Path, str]:
        path = self._roots.path(address)
        try:
            return path, version_of(path, self._made_by)
        except OSError:
            raise NotServedError("there is no such slide") from None

    async def picture(
        self,
        wanted: Wanted,
        until_gone: Callable[[], Awaitable[None]] | None = None,
    ) -> Answer:
        """The answer to what is wanted.

        until_gone: returns when who asked does not want it any more; asked where the
                    picture has to wait.

        Raises BusyError where too much waits, and GoneError.
        """
        key = wanted.key
        answer = self.cache.get(key)
        if answer is not None:
            return answer
        failed = self._failure(wanted.slide)
        if failed is not None:
            return failed
        job = self._jobs.get(key)
        if job is None or job.answer.done():
            job = Job(
                str(wanted.slide.path),
                wanted.slide.version,
                wanted.what,
                dict(wanted.arguments),
            )
            self.readers.submit(job)
            self._jobs[key] = job
            job.answer.add_done_callback(lambda _: self._done(key, wanted.slide, job))
        else:
            job.wanted += 1
        if job.begun or until_gone is None:
            return await asyncio.shield(job.answer)
        return await self._wait(job, until_gone)

    def _failure(self, slide: Slide) -> Answer | None:
        """Why the slide could not be opened a moment ago."""
        if not self._failed:
            return None
        now = asyncio.get_running_loop().time()
        for key, (since, _) in list(self._failed.items()):
            if now - since > _DESPAIR:
                del self._failed[key]
        _, answer = self._failed.get((slide.path, slide.version), (now, None))
        return answer

    def _done(self, key: Hashable, slide: Slide, job: Job) -> None:
        if self._jobs.get(key) is job:
            del self._jobs[key]
        if job.answer.cancelled():
            return
        answer = job.answer.result()
        if answer.failure in ("unopenable", "crashed"):
            now = asyncio.get_running_loop().time()
            self._failed[slide.path, slide.version] = (now, answer)
        # Damage may be mended, and what failed may do so no more.
        if answer.failure is None and not answer.is_damaged:
            self.cache.add(key, answer)

    async def _wait(
        self, job: Job, until_gone: Callable[[], Awaitable[None]]
    ) -> Answer:
        """The answer to a job, unless nobody wants it any more before it is begun."""
        gone: asyncio.Future[Any] = asyncio.ensure_future(until_gone())
        try:
            waited: set[asyncio.Future[Any]] = {job.answer, gone}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not gone.done():
                gone.cancel()
            if not job.answer.done():
                self._leave(job)
        if job.answer.done() and not job.answer.cancelled():
            return job.answer.result()
        raise GoneError

    def _leave(self, job: Job) -> None:
        job.wanted -= 1
        if job.wanted <= 0 and not job.begun:
            self.forgotten += 1
            self.readers.forget(job)
