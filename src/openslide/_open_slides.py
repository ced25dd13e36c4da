"""The slides that a process holds open.

Opening one takes as long as many tiles, and each has files open: so the last that were
used stay, and no more of them than are allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Generic, Protocol, TypeVar

from ._threads import in_threads


class Closable(Protocol):
    """A slide, or something that holds one open."""

    def close(self) -> None: ...


Slide = TypeVar("Slide", bound=Closable)


class OpenSlides(Generic[Slide]):
    """Slides by path and version, opened when they are wanted.

    open:  opens the slide of a path.
    limit: how many are kept that nobody uses.

    A slide is closed when it has not been used for the longest time, or when it was
    asked for in another version; and never while somebody uses it.
    """

    def __init__(self, open: Callable[[str], Slide], limit: int) -> None:
        self._open = open
        self._limit = limit
        self._lock = Lock()
        self._held: dict[str, _Held[Slide]] = {}  # the last used one comes last

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, path: str) -> bool:
        """Whether the slide of a path is open."""
        held = self._held.get(path)
        return held is not None and held.is_open

    @contextmanager
    def borrow(self, path: str, version: str) -> Iterator[Slide]:
        """The slide of a path, while the block lasts.

        Raises what opening it raises.
        """
        with self.borrow_all([path], version, 1) as (slide,):
            yield slide

    @contextmanager
    def borrow_all(
        self, paths: Sequence[str], version: str, workers: int | None
    ) -> Iterator[list[Slide]]:
        """The slides of different paths; those that are not open are, several at once.

        workers: by so many threads at most; by default as many as there may be.
        """
        all_held = [self._hold(path, version) for path in paths]
        try:
            closed = [held for held in all_held if not held.is_open]
            in_threads(lambda held: held.slide(self._open), closed, workers)
            yield [held.slide(self._open) for held in all_held]
        finally:
            for held in all_held:
                self._give_back(held)

    def close(self) -> None:
        """Close the slides that nobody uses."""
        with self._lock:
            idle = [held for held in self._held.values() if not held.users]
            self._held.clear()
        for held in idle:
            held.close()

    def _hold(self, path: str, version: str) -> _Held[Slide]:
        with self._lock:
            held = self._held.pop(path, None)
            stale = None
            if held is not None and held.version != version:
                stale, held = held, None
            if held is None:
                held = _Held(path, version)
            held.users += 1
            self._held[path] = held
            is_unused = stale is not None and not stale.users
        if stale is not None and is_unused:
            stale.close()
        return held

    def _give_back(self, held: _Held[Slide]) -> None:
        with self._lock:
            held.users -= 1
            closing = []
            is_current = self._held.get(held.path) is held
            if not held.users and not (is_current and held.is_open):
                closing.append(held)
                if is_current:
                    del self._held[held.path]
            idle = [other for other in self._held.values() if not other.users]
            for other in idle[: max(0, len(self._held) - self._limit)]:
                del self._held[other.path]
                closing.append(other)
        for other in closing:
            other.close()


class _Held(Generic[Slide]):
    def __init__(self, path: str, version: str) -> None:
        self.path = path
        self.version = version
        self.users = 0  # guarded by the lock of all slides
        self._lock = Lock()  # the slide is opened by one thread, others wait
        self._slide: Slide | None = None

    @property
    def is_open(self) -> bool:
        return self._slide is not None

    def slide(self, open: Callable[[str], Slide]) -> Slide:
        with self._lock:
            if self._slide is None:
                self._slide = open(self.path)
            return self._slide

    def close(self) -> None:
        if self._slide is not None:
            with suppress(ValueError):  # closed by somebody else
                self._slide.close()
