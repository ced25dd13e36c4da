"""The list of slides: found in the background, and looked into one after the other.

No address needs it; it is what the index shows.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..export.folders import LeftOut, find_slides
from . import answers
from .readers import Answer, BusyError
from .roots import NotServedError, Roots
from .service import Service, Wanted

#: A list that is older, in seconds, is made anew when somebody asks for it.
_FRESH = 15.0

#: So many slides are looked into at once, so that one that takes long does not stop all.
_AT_ONCE = 2

#: What of a description is in the list.
_LISTED = ("vendor", "width", "height", "mpp", "objective_power")


class Catalogue:
    """The slides below what is served, as they were found last.

    roots:   what is served.
    service: describes slides.
    """

    def __init__(self, roots: Roots, service: Service) -> None:
        self._roots = roots
        self._service = service
        self._slides: dict[str, dict[str, Any]] = {}  # by address
        self._versions: dict[str, str] = {}  # of the slides that were described
        self._left_out: list[dict[str, Any]] = []
        self._found_at = -_FRESH
        self._task: asyncio.Task[None] | None = None

    def refresh(self) -> None:
        """Find slides anew in the background, where the last time is a while ago."""
        loop = asyncio.get_running_loop()
        is_running = self._task is not None and not self._task.done()
        if not is_running and loop.time() - self._found_at >= _FRESH:
            self._task = loop.create_task(self._find())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def __len__(self) -> int:
        return len(self._slides)

    def as_json(self) -> dict[str, Any]:
        """The list, and whether it is still growing."""
        slides = sorted(self._slides.values(), key=lambda slide: str(slide["id"]))
        return {
            "slides": slides,
            "left_out": self._left_out,
            "complete": self._task is None or self._task.done(),
        }

    async def _find(self) -> None:
        try:
            await self._find_and_describe()
        except Exception:  # the next look may do better, and this one is told of
            traceback.print_exc(file=sys.stderr)
        self._found_at = asyncio.get_running_loop().time()

    async def _find_and_describe(self) -> None:
        paths, left_out = await asyncio.to_thread(self._search)
        told = [self._told(*left) for left in left_out]
        addresses = []
        for path in paths:
            try:
                addresses.append(await asyncio.to_thread(self._roots.address, path))
            except NotServedError as error:
                told.append(self._told(path, "slide", str(error), True))
        self._left_out = told
        self._keep(addresses)
        todo = iter(addresses)

        async def describe_some() -> None:
            for address in todo:
                await self._describe(address)

        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(describe_some())

    def _search(self) -> tuple[list[Path], list[LeftOut]]:
        left_out: list[LeftOut] = []
        found = find_slides(
            self._roots.paths,
            pictures=False,
            tell=left_out.append,
            refusal=self._roots.refusal,
        )
        return [slide.path for slide in found], left_out

    def _told(
        self, path: Path, kind: str, reason: str, is_failure: bool
    ) -> dict[str, Any]:
        """What was left out, by its path below what is served."""
        return {
            "name": self._roots.name(path),
            "kind": kind,
            "reason": answers.without_paths(reason, path),
            "is_failure": is_failure,
        }

    def _keep(self, addresses: Iterable[str]) -> None:
        """Forget the slides that are gone, and list those that are new."""
        before = self._slides
        self._slides = {
            address: before.get(address, {"id": address, "state": "found"})
            for address in addresses
        }
        self._versions = {
            address: version
            for address, version in self._versions.items()
            if address in self._slides
        }

    async def _describe(self, address: str) -> None:
        try:
            slide = await self._service.slide(address)
            if self._versions.get(address) == slide.version:
                return
            answer = await self._service.picture(Wanted(slide, "description", ()))
        except NotServedError:
            self._slides.pop(address, None)
            return
        except BusyError:
            return  # the next time
        if answer.failure == "absent":
            self._slides.pop(address, None)
            return
        self._slides[address] = entry(address, answer, slide.path)
        if answer.failure is None:  # what failed may do so no more
            self._versions[address] = slide.version


def entry(address: str, answer: Answer, path: Path) -> dict[str, Any]:
    """What the list says of a slide that was described, or could not be."""
    if answer.failure is not None:
        reason = answers.failure(answer, path).detail
        return {"id": address, "state": "failed", "error": reason}
    told = json.loads(answer.body)
    listed = {name: told[name] for name in _LISTED}
    return {"id": address, "state": "ready", **listed}
