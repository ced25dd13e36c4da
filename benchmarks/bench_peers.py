"""This package beside other libraries: python -m benchmarks.bench_peers.

Each library is a process in an environment of its own, `make bench-peers` makes them; one
that cannot be installed here is left out, which is said.  They take turns task by task;
figures are medians of the time over rounds, as a multiple of ours: 2 is half as fast as
this package.  `pixels` tells how far each library's are from those of libopenslide.

    --slide PATH     your own slide instead of those that are written
    --only PATTERN   tasks or slides whose name has it
    --markdown PATH  the tables, for the documentation
    --plot PATH      the same as a picture (SVG)
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from .machine import machine_facts
from .slides import NAMES, SlideStore

OURS, REFERENCE = "ours", "openslide-python"

_READER = Path(__file__).with_name("peer_reader.py")

#: What there is to read, of the slides that are written.
SLIDES = ("scanscope", "gt450", "offgrid", "blank", "j2k", "dicom", "mirax", "ndpi")

#: So many regions are a sample.
_REGIONS = 24


@dataclass(frozen=True)
class Task:
    """Something to do with a slide.

    Attributes:
        side: of a region, in pixels of the level.
        level: which one; -1 the second.
        offset: pixels of the level between the regions and the tile grid.
        cold: whether the regions are new ones, so that hardly any is in a cache;
            else they were read just before.
        threads: how many read.
        out: what side a region is made of, resampled; 0: none.
        regions: how many.
    """

    name: str
    side: int = 256
    level: int = 0
    offset: int = 0
    cold: bool = True
    threads: int = 1
    out: int = 0
    regions: int = _REGIONS


TASKS = (
    Task("256, on tiles, cold"),
    Task("256, on tiles, hot", cold=False),
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
    """The process of a library."""

    def __init__(self, name: str, python: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [python, "-I", _READER, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

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


@dataclass
class Row:
    """A task on a slide, and what each library took.

    Attributes:
        samples: seconds by library, one for each round.
        errors: why others have none.
    """

    slide: str
    task: str
    samples: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def ratio(self, name: str) -> float | None:
        """The median, over rounds, of a library's time by ours."""
        ours, theirs = self.samples.get(OURS), self.samples.get(name)
        if not ours or not theirs or name in self.errors:
            return None
        return median(t / o for t, o in zip(theirs, ours, strict=False))


def places(
    size: tuple[int, int], scale: float, task: Task, seed: int
) -> list[list[int]]:
    """Where the regions of a task begin, in level-0 pixels."""
    side = round(task.side * scale)
    columns, rows = (max(1, (length - side) // side - 1) for length in size)
    cells = [(x, y) for y in range(rows) for x in range(columns)]
    chosen = random.Random(seed).choices(cells, k=task.regions)
    offset = round(task.offset * scale)
    return [[x * side + offset, y * side + offset] for x, y in chosen]


def measure(
    peers: Sequence[Peer], name: str, path: str, tasks: Sequence[Task], rounds: int
) -> Iterator[Row]:
    """The rows of a slide."""
    opened = {peer.name: peer.ask(do="open", path=path) for peer in peers}
    refused = {n: a["error"] for n, a in opened.items() if "error" in a}
    levels = opened[OURS]["levels"]
    opening = Row(name, "open", errors=dict(refused))
    for _ in range(rounds):
        for peer in peers:
            answer = peer.ask(do="open", path=path)
            opening.samples.setdefault(peer.name, []).append(answer.get("seconds", 0))
    yield opening
    for task in tasks:
        level = min(task.level, len(levels) - 1)
        scale = levels[0][0] / levels[level][0]
        if min(levels[level]) < 2 * task.side:
            continue
        row = Row(name, task.name, errors=dict(refused))
        for number in range(rounds + 1):  # the first is for getting ready
            request = {
                "do": "read",
                "level": level,
                "side": task.side,
                "at": places(levels[0], scale, task, 100 * tasks.index(task) + number),
                "threads": task.threads,
                "out": task.out,
            }
            for peer in random.sample(peers, len(peers)):
                if peer.name in row.errors:
                    continue
                if not task.cold:
                    peer.ask(**request)
                answer = peer.ask(**request)
                if "error" in answer:
                    row.errors[peer.name] = answer["error"]
                elif number > 0:
                    row.samples.setdefault(peer.name, []).append(answer["seconds"])
        yield row
    row = Row(name, "thumbnail of 1024", errors=dict(refused))
    for _ in range(rounds):
        for peer in peers:
            answer = peer.ask(do="thumbnail", side=1024)
            if "error" in answer:
                row.errors.setdefault(peer.name, answer["error"])
            else:
                row.samples.setdefault(peer.name, []).append(answer["seconds"])
    yield row


def differences(
    peers: Sequence[Peer], levels: Sequence[tuple[int, int]]
) -> dict[str, str]:
    """How far the pixels of each library are from those of libopenslide."""
    reference = next(peer for peer in peers if peer.name == REFERENCE)
    told = {}
    for peer in peers:
        worst, sum_of, count = 0, 0.0, 0
        for level in range(min(2, len(levels))):
            scale = levels[0][0] / levels[level][0]
            task = Task("", side=200, offset=9, regions=6)
            for at in places(tuple(levels[0]), scale, task, 5):  # type: ignore[arg-type]
                answers = [
                    p.ask(do="pixels", level=level, side=200, at=at)
                    for p in (reference, peer)
                ]
                if any("error" in answer for answer in answers):
                    continue
                one, two = (
                    np.frombuffer(base64.b64decode(a["pixels"]), np.uint8)
                    for a in answers
                )
                if one.size != two.size:
                    continue
                apart = np.abs(one.astype(int) - two.astype(int))
                worst, count = max(worst, int(apart.max())), count + apart.size
                sum_of += float(apart.sum())
        if count == 0:
            told[peer.name] = "-"
        elif worst == 0:
            told[peer.name] = "equal"
        else:
            told[peer.name] = f"up to {worst}, {sum_of / count:.2f} on average"
    return told


def table(rows: Sequence[Row], names: Sequence[str]) -> Iterator[str]:
    """The rows as a table of Markdown."""
    yield "| slide | task | ours | " + " | ".join(names) + " |"
    yield "|---" * (3 + len(names)) + "|"
    for row in rows:
        ours = row.samples.get(OURS)
        cells = [row.slide, row.task, f"{median(ours) * 1e3:.2f} ms" if ours else "-"]
        for name in names:
            ratio = row.ratio(name)
            text = "-" if ratio is None else f"{ratio:.2f}"
            cells.append(f"**{text}**" if ratio is not None and ratio < 1 else text)
        yield "| " + " | ".join(cells) + " |"


def plot(rows: Sequence[Row], names: Sequence[str], path: Path) -> None:
    """A bar for each library: the median of its ratios, by slide."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    slides = list(dict.fromkeys(row.slide for row in rows))
    figure, axes = pyplot.subplots(figsize=(10, 4.5), layout="constrained")
    width = 0.8 / max(1, len(names))
    for i, name in enumerate(names):
        heights = []
        for slide in slides:
            ratios = [row.ratio(name) for row in rows if row.slide == slide]
            found = [ratio for ratio in ratios if ratio is not None]
            heights.append(median(found) if found else 0)
        axes.bar(
            [x + i * width for x in range(len(slides))], heights, width, label=name
        )
    axes.axhline(1, color="black", linewidth=1)
    axes.set_yscale("log")
    axes.set_ylabel("time, by this package's (median over tasks)")
    axes.set_xticks([x + 0.4 - width / 2 for x in range(len(slides))], slides)
    axes.legend(ncols=3)
    figure.savefig(path, metadata={"Date": None})


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    peers = [Peer(*pair.split("=", 1)) for pair in options.peer]
    names = [peer.name for peer in peers if peer.name != OURS]
    facts = machine_facts()
    for key, value in facts.items():
        print(f"{key}: {value}")
    slides = {"slide": options.slide} if options.slide else _written(options)
    rows: list[Row] = []
    exactness: dict[str, dict[str, str]] = {}
    pattern = re.compile(options.only)
    for name, path in slides.items():
        tasks = [task for task in TASKS if pattern.search(f"{name}/{task.name}")]
        for row in measure(peers, name, path, tasks, options.rounds):
            rows.append(row)
            for library, error in row.errors.items():
                print(f"{name}, {row.task}: {library} cannot: {error}", file=sys.stderr)
        levels = peers[0].ask(do="open", path=path)["levels"]
        exactness[name] = differences(peers, levels)
    memory = {peer.name: peer.ask(do="memory").get("bytes", 0) for peer in peers}
    for peer in peers:
        peer.close()
    text = "\n".join(_report(rows, names, exactness, memory))
    print(f"\n{text}")
    if options.markdown:
        options.markdown.write_text(text + "\n")
    if options.plot:
        plot(rows, names, options.plot)
    return 0


def _report(
    rows: Sequence[Row],
    names: Sequence[str],
    exactness: Mapping[str, Mapping[str, str]],
    memory: Mapping[str, int],
) -> Iterator[str]:
    yield from table(rows, names)
    yield ""
    yield "| pixels beside libopenslide's | " + " | ".join([OURS, *names]) + " |"
    yield "|---" * (2 + len(names)) + "|"
    for slide, told in exactness.items():
        yield f"| {slide} | " + " | ".join(told[name] for name in [OURS, *names]) + " |"
    yield ""
    sizes = " | ".join(f"{memory[name] >> 20} MB" for name in [OURS, *names])
    yield "| most memory of the process | " + " | ".join([OURS, *names]) + " |"
    yield "|---" * (2 + len(names)) + "|"
    yield f"| all of the above | {sizes} |"


def _written(options: argparse.Namespace) -> dict[str, str]:
    store = SlideStore(options.slides)
    return {
        name: store.slide(name).path
        for name in SLIDES
        if name in NAMES and re.search(options.slide_names, name)
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
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slides", type=Path, default=Path("build/bench-slides"))
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--plot", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
