"""This package beside other libraries: python -m benchmarks.bench_peers.

Each library is a process in an environment of its own, `make bench-peers` makes them; one
that cannot be installed here is left out, which is said.  They take turns task by task.
Every sample is written as JSON, of which benchmarks.peers_report makes tables and a plot.

    --slide PATH     your own slide instead of those that are written
    --only PATTERN   tasks or slides whose name has it
    --minutes N      how long it may take, about: tasks that take long have fewer rounds
    --page PATH      the report as a page of the documentation, Markdown
    --plot PATH      its picture, SVG
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import openslide

from .machine import load, machine_facts
from .peers_report import OURS, REFERENCE, Difference, Findings, Row, page, write
from .slides import SlideStore

#: What peer_reader.py is asked for.
Request: TypeAlias = dict[str, Any]

_READER = Path(__file__).with_name("peer_reader.py")

#: What there is to read, of the slides that are written.
SLIDES = ("scanscope", "gt450", "offgrid", "blank", "j2k", "dicom", "mirax", "ndpi")

#: So many regions are a sample.
_REGIONS = 24

#: A library that needs more seconds to get ready is not asked again.
_PATIENCE = 2

#: A side, of a tile of the slide.
TILE = 0


@dataclass(frozen=True)
class Task:
    """Something to do with a slide.

    Attributes:
        side: of a region, in pixels of the level; TILE: as a tile of it.
        level: which one; -1 the second.
        offset: pixels of the level between the regions and the tile grid.
        cold: whether the regions are new ones, so that hardly any is in a cache;
            else they were read just before.
        threads: how many read.
        out: what side a region is made of, resampled; 0: none.
        regions: how many.
        kind: a key of peers_report.KINDS.
    """

    name: str
    side: int = 256
    level: int = 0
    offset: int = 0
    cold: bool = True
    threads: int = 1
    out: int = 0
    regions: int = _REGIONS

    @property
    def kind(self) -> str:
        if self.side > 1024 or self.regions > _REGIONS:
            return "large"
        return "cold" if self.cold else "hot"


TASKS = (
    Task("a tile, cold", side=TILE),
    Task("a tile, hot", side=TILE, cold=False),
    Task("256, off tiles, cold", offset=9),
    Task("256, off tiles, hot", offset=9, cold=False),
    Task("224, shuffled", side=224, offset=3),
    Task("299, shuffled", side=299, offset=5),
    Task("512, shuffled", side=512, offset=7),
    Task("256, second level, hot", level=1, offset=9, cold=False),
    Task("448 to 224 (half the resolution)", side=448, offset=3, out=224),
    Task("4096, cold", side=4096, regions=1),
    Task("batch of 64, 1 thread", regions=64),
    Task("batch of 64, 2 threads", regions=64, threads=2),
)


class Peer:
    """The process of a library.

    Attributes:
        version: of what is installed.
        module: what is imported.
    """

    def __init__(self, name: str, python: str) -> None:
        self.name = name
        self._python = python
        self._process = subprocess.Popen(
            [python, "-I", _READER, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        told = self.ask(do="tell")
        if "error" in told:
            raise SystemExit(f"bench-peers: {name} cannot be used: {told['error']}")
        self.version: str = told["version"]
        self.module: str = told["module"]

    def run(self, code: str) -> float:
        """How long a process takes that runs some code, in seconds."""
        start = perf_counter()
        subprocess.run([self._python, "-I", "-c", code], check=True)
        return perf_counter() - start

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer; {"error": ...} where there is none."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        except (OSError, ValueError):
            return {"error": "the process ended"}
        return answer

    def close(self) -> None:
        self._process.communicate()


class Turns:
    """How many rounds a task may have, so that all of them end in time.

    Each task has an equal share of the time that is left.  It has one round beside the
    one for getting ready whatever they take.
    """

    def __init__(self, seconds: float, tasks: int, rounds: int) -> None:
        self._end = perf_counter() + seconds
        self._tasks = tasks
        self._rounds = rounds

    def rounds(self, start: float) -> Iterator[int]:
        """The numbers of the rounds of the next task, which began then to get ready."""
        share = max(0, self._end - start) / max(1, self._tasks)
        self._tasks -= 1
        for number in range(1, self._rounds + 1):
            yield number
            spent = perf_counter() - start
            if spent + spent / (number + 1) > share:
                return


def places(size: Sequence[int], scale: float, task: Task, seed: int) -> list[list[int]]:
    """Where the regions of a task begin, in level-0 pixels."""
    side = round(task.side * scale)
    columns, rows = (max(1, (length - side) // side - 1) for length in size)
    cells = [(x, y) for y in range(rows) for x in range(columns)]
    chosen = random.Random(seed).choices(cells, k=task.regions)
    offset = round(task.offset * scale)
    return [[x * side + offset, y * side + offset] for x, y in chosen]


def measure(
    peers: Sequence[Peer], name: str, path: str, tasks: Sequence[Task], turns: Turns
) -> Iterator[Row]:
    """The rows of a slide."""
    opened = {peer.name: peer.ask(do="open", path=path) for peer in peers}
    refused = {n: a["error"] for n, a in opened.items() if "error" in a}
    levels = opened[OURS]["levels"]
    tile = tile_side(path)

    def taken(task: str, kind: str, request: Callable[[int], Request]) -> Row:
        """What each of them takes; request(round) tells what to ask for."""
        row = Row(name, task, kind, errors=dict(refused))
        start = perf_counter()
        ask_all(peers, row, request(0))  # for getting ready
        first, row.samples = row.samples, {}
        asked = [p for p in peers if max(first.get(p.name, [0])) < _PATIENCE]
        for number in turns.rounds(start):
            ask_all(asked, row, request(number))
        return Row(name, task, kind, first | row.samples, row.errors)

    yield taken("open", "whole", lambda _: {"do": "open", "path": path})
    for index, task in enumerate(tasks):
        task = replace(task, side=task.side or tile)
        level = min(task.level, len(levels) - 1)
        if min(levels[level]) < 2 * task.side:
            continue
        reading = partial(reads, task, level, levels, 100 * index)
        yield taken(task.name, task.kind, reading)
    yield taken(
        f"{_REGIONS} Deep Zoom tiles",
        "whole",
        lambda number: {"do": "deepzoom", "seed": number, "count": _REGIONS},
    )
    yield taken(
        "thumbnail of 1024", "whole", lambda _: {"do": "thumbnail", "side": 1024}
    )


def tile_side(path: str) -> int:
    """Of the tiles of level 0, where they are square; else 256."""
    with openslide.OpenSlide(path) as slide:
        names = (f"openslide.level[0].tile-{side}" for side in ("width", "height"))
        sides = {int(slide.properties.get(name, 256)) for name in names}
    return sides.pop() if len(sides) == 1 else 256


def reads(
    task: Task, level: int, levels: Sequence[tuple[int, int]], seed: int, number: int
) -> Request:
    """What is asked for in a round of a task."""
    scale = levels[0][0] / levels[level][0]
    return {
        "do": "read",
        "level": level,
        "side": task.side,
        "at": places(levels[0], scale, task, seed + number),
        "threads": task.threads,
        "out": task.out,
        "twice": not task.cold,
    }


def ask_all(peers: Sequence[Peer], row: Row, request: Request) -> None:
    """Ask for the same of each that can, in random order."""
    is_twice = request.pop("twice", False)
    for peer in random.sample(peers, len(peers)):
        if peer.name in row.errors:
            continue
        if is_twice:
            peer.ask(**request)
        answer = peer.ask(**request)
        if "error" in answer:
            row.errors[peer.name] = answer["error"]
        else:
            row.samples.setdefault(peer.name, []).append(answer["seconds"])


def imports(peers: Sequence[Peer], rounds: int) -> Row:
    """How long each takes to be imported, net of an interpreter that imports nothing."""
    row = Row("no slide", "import", "whole")
    for _ in range(rounds):
        for peer in random.sample(peers, len(peers)):
            seconds = peer.run(f"import {peer.module}") - peer.run("")
            row.samples.setdefault(peer.name, []).append(max(seconds, 1e-4))
    return row


def differences(
    peers: Sequence[Peer], levels: Sequence[tuple[int, int]]
) -> dict[str, Difference | None]:
    """How far the pixels of each library are from those of libopenslide."""
    reference = next(peer for peer in peers if peer.name == REFERENCE)
    found: dict[str, Difference | None] = {}
    regions = []
    for level in range(min(2, len(levels))):
        task = Task("", side=200, offset=9, regions=6)
        scale = levels[0][0] / levels[level][0]
        regions += [(level, at) for at in places(levels[0], scale, task, 5)]
    wanted = [_pixels(reference, level, at) for level, at in regions]
    for peer in peers:
        apart = [
            np.abs(one.astype(int) - two.astype(int))
            for one, (level, at) in zip(wanted, regions, strict=True)
            if (two := _pixels(peer, level, at)).size == one.size > 0
        ]
        found[peer.name] = (
            Difference(int(np.max(apart)), float(np.mean(apart))) if apart else None
        )
    return found


def _pixels(peer: Peer, level: int, at: Sequence[int]) -> NDArray[np.uint8]:
    """What it reads; nothing where it cannot."""
    answer = peer.ask(do="pixels", level=level, side=200, at=at)
    return np.frombuffer(base64.b64decode(answer.get("pixels", "")), np.uint8)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    peers = [Peer(*pair.split("=", 1)) for pair in options.peer]
    found = Findings(machine_facts(), {peer.name: peer.version for peer in peers})
    for key, value in found.facts.items():
        print(f"{key}: {value}")
    slides = {"slide": options.slide} if options.slide else _written(options)
    pattern = re.compile(options.only)
    tasks = {
        name: [task for task in TASKS if pattern.search(f"{name}/{task.name}")]
        for name in slides
    }
    count = sum(len(of_slide) + 3 for of_slide in tasks.values())
    turns = Turns(60 * options.minutes, count, options.rounds)
    found.rows.append(imports(peers, options.rounds))
    for name, path in slides.items():
        print(f"{name} ...", flush=True)
        for row in measure(peers, name, path, tasks[name], turns):
            found.rows.append(row)
            for library, error in row.errors.items():
                print(f"{name}, {row.task}: {library} cannot: {error}", file=sys.stderr)
        levels = peers[0].ask(do="open", path=path)["levels"]
        found.pixels[name] = differences(peers, levels)
        found.memory = {
            peer.name: peer.ask(do="memory").get("bytes", 0) for peer in peers
        }
        found.save(options.json)  # as far as it has come
    for peer in peers:
        peer.close()
    print("\n".join(page(found, "peers.svg")))
    write(found, options.page, options.plot)
    print(f"load: {load()}; {options.json} has every sample")
    return 0


def _written(options: argparse.Namespace) -> dict[str, str]:
    store = SlideStore(options.slides)
    return {
        name: store.slide(name).path
        for name in SLIDES
        if re.search(options.slide_names, name)
    }


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_peers", description=__doc__.partition("\n")[0]
    )
    parser.add_argument(
        "--peer", action="append", required=True, metavar="LIBRARY=PYTHON"
    )
    parser.add_argument("--slide", metavar="PATH", help="a slide of yours")
    parser.add_argument("--slide-names", default="", help="written slides, a pattern")
    parser.add_argument("--only", default="", help="a pattern of SLIDE/TASK")
    parser.add_argument("--rounds", type=int, default=7, help="at most, of each task")
    parser.add_argument(
        "--minutes", type=float, default=10, help="for all, about; one round at least"
    )
    parser.add_argument("--slides", type=Path, default=Path("build/bench-slides"))
    parser.add_argument("--json", type=Path, default=Path("build/bench-peers.json"))
    parser.add_argument("--page", type=Path)
    parser.add_argument("--plot", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
