"""What `make bench-peers` found, for people: python -m benchmarks.peers_report RESULTS.

    RESULTS          what benchmarks.bench_peers has written, JSON
    --page PATH      a page of the documentation, Markdown
    --plot PATH      its picture, SVG

Figures are the time of another library by ours, the median over rounds: 2 is half as fast
as this package, and what is below 1 is where it loses.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

OURS, REFERENCE = "ours", "openslide-python"

#: What kinds of tasks there are, and what they have in common.
KINDS = {
    "cold": "regions, cold",
    "hot": "regions, hot",
    "large": "large regions, batches",
    "whole": "import, open, thumbnail, Deep Zoom",
}


@dataclass
class Row:
    """A task on a slide, and what each library took.

    Attributes:
        kind: one of KINDS.
        samples: seconds by library, one for each round.
        errors: why others have none.
    """

    slide: str
    task: str
    kind: str
    samples: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def ratio(self, name: str) -> float | None:
        """The median, over rounds, of a library's time by ours."""
        ours, theirs = self.samples.get(OURS), self.samples.get(name)
        if not ours or not theirs or name in self.errors:
            return None
        return median(t / o for t, o in zip(theirs, ours, strict=False))


class Difference(NamedTuple):
    """How far the pixels of a library are from libopenslide's, of 0 to 255."""

    most: int
    average: float

    def __str__(self) -> str:
        if self.most == 0:
            return "equal"
        return f"up to {self.most}, {self.average:.2f} on average"


@dataclass
class Findings:
    """All of a run.

    Attributes:
        facts: about the machine.
        versions: of each library.
        rows: what took how long.
        pixels: by slide and library; None where it reads no pixels of it.
        memory: the most bytes that each process ever had.
    """

    facts: dict[str, Any]
    versions: dict[str, str]
    rows: list[Row] = field(default_factory=list)
    pixels: dict[str, dict[str, Difference | None]] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)

    @property
    def others(self) -> list[str]:
        return [name for name in self.versions if name != OURS]

    @property
    def slides(self) -> list[str]:
        return list(self.pixels)

    def is_exact(self, slide: str, name: str) -> bool:
        """Whether a library gives libopenslide's pixels of a slide."""
        difference = self.pixels.get(slide, {}).get(name)
        return difference is not None and difference.most == 0

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Findings:
        found = json.loads(path.read_text())
        found["rows"] = [Row(**row) for row in found["rows"]]
        found["pixels"] = {
            slide: {n: Difference(*d) if d else None for n, d in by_library.items()}
            for slide, by_library in found["pixels"].items()
        }
        return cls(**found)


def page(found: Findings, picture: str) -> Iterator[str]:
    """Lines of Markdown.

    picture: where the plot is, from the page.
    """
    yield "# Beside other libraries"
    yield ""
    yield "`make bench-peers` writes this page. Each library is a process in an environment"
    yield "of its own; they take turns, task by task and in random order. Figures are the"
    yield "time of a library by this package's, the median over rounds: 2 is half as fast as"
    yield "this package, and **below 1 this package loses**. `-`: the library cannot do it."
    yield "Regions are RGB arrays, 24 of them where it does not say how many, in one call where"
    yield "the library has one for several. *Cold*: new ones, the file in the page cache; *hot*:"
    yield "read just before."
    yield ""
    yield "- " + ", ".join(f"{name} {text}" for name, text in found.versions.items())
    facts = found.facts
    yield f"- {facts['usable_cpus']} CPUs, {facts['cpu']}; {facts['time'][:10]}"
    yield ""
    yield f"![Times of other libraries by this package's, task by task]({picture})"
    yield ""
    yield from _pixels(found)
    yield from _losses(found)
    yield from _memory(found)
    for slide in dict.fromkeys(row.slide for row in found.rows):
        yield f"## {slide}"
        yield ""
        yield from _rows([r for r in found.rows if r.slide == slide], found.others)
        yield ""


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    for number, cells in enumerate([head, *rows]):
        yield "| " + " | ".join(cells) + " |"
        if number == 0:
            yield "|---" * len(head) + "|"


def _pixels(found: Findings) -> Iterator[str]:
    yield "## Whose pixels they are"
    yield ""
    yield "How far, of 0 to 255, the pixels of each library are from libopenslide's, on the"
    yield "first two levels, off the grid of tiles. A library that gives others does not do"
    yield "the same work."
    yield ""
    names = [OURS, *found.others]
    rows = (
        [slide, *(str(by_library.get(name) or "-") for name in names)]
        for slide, by_library in found.pixels.items()
    )
    yield from _table(["slide", *names], rows)
    yield ""


def _losses(found: Findings) -> Iterator[str]:
    yield "## Where this package loses"
    yield ""
    lost = [
        (ratio, row, name)
        for row in found.rows
        for name in found.others
        if (ratio := row.ratio(name)) is not None and ratio < 1
    ]
    if not lost:
        yield "Nowhere in this run."
    rows = (
        [
            *(row.slide, row.task, name, f"**{ratio:.2f}**"),
            str(found.pixels.get(row.slide, {}).get(name) or "-"),
        ]
        for ratio, row, name in sorted(lost, key=lambda loss: loss[0])
    )
    if lost:
        head = ["slide", "task", "to", "its time by ours", "libopenslide's pixels"]
        yield from _table(head, rows)
    yield ""


def _memory(found: Findings) -> Iterator[str]:
    if found.memory:
        names = [OURS, *found.others]
        sizes = [f"{found.memory[name] >> 20} MB" for name in names]
        yield "## Memory"
        yield ""
        yield "The most that each process had, after all of this."
        yield ""
        yield from _table(names, iter([sizes]))
        yield ""


def _rows(rows: Sequence[Row], names: Sequence[str]) -> Iterator[str]:
    yield from _table(["task", "ours", *names], (_cells(row, names) for row in rows))


def _cells(row: Row, names: Sequence[str]) -> list[str]:
    ours = row.samples.get(OURS)
    cells = [row.task, f"{median(ours) * 1e3:.2f} ms" if ours else "-"]
    for name in names:
        ratio = row.ratio(name)
        text = "-" if ratio is None else f"{ratio:.2f}"
        cells.append(f"**{text}**" if ratio is not None and ratio < 1 else text)
    return cells


def plot(found: Findings, path: Path) -> None:
    """A dot for each task on each slide, by library and kind of task.

    It is hollow where the library's pixels of the slide are not libopenslide's.
    """
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "peers"  # the same file for the same figures
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(
        1, len(KINDS), figsize=(11, 0.45 * len(found.others) + 1.6), sharey=True
    )
    for panel, (kind, title) in zip(panels, KINDS.items(), strict=True):
        for height, name in enumerate(found.others):
            _strip(panel, found, kind, name, height)
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter("{x:g}")
        panel.axvline(1, color="black", linewidth=1)
        panel.axvspan(panel.get_xlim()[0], 1, color="#f6d5d5", zorder=0)
        panel.set_title(title, fontsize=9)
        panel.grid(axis="x", color="#dddddd", linewidth=0.5)
        panel.tick_params(labelsize=8)
    panels[0].set_yticks(range(len(found.others)), found.others)
    panels[0].invert_yaxis()
    figure.supxlabel(
        "time by this package's, a dot for each task and slide, a line for their median. "
        "On red the library is faster. Hollow: its pixels are not libopenslide's.",
        fontsize=8,
    )
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def _strip(panel: Any, found: Findings, kind: str, name: str, height: int) -> None:
    """The dots of one library in one panel."""
    ratios = [
        (ratio, found.is_exact(row.slide, name) or row.slide not in found.pixels)
        for row in found.rows
        if row.kind == kind and (ratio := row.ratio(name)) is not None
    ]
    for is_exact, face in ((True, "#1f5fa8"), (False, "none")):
        dots = [ratio for ratio, exact in ratios if exact is is_exact]
        panel.scatter(
            *(dots, [height] * len(dots)),
            s=18,
            facecolors=face,
            edgecolors="#1f5fa8",
            linewidths=0.8,
            alpha=0.8,
        )
    if ratios:
        middle = median(ratio for ratio, _ in ratios)
        panel.plot([middle] * 2, [height - 0.3, height + 0.3], color="black")


def write(found: Findings, to_page: Path | None, to_plot: Path | None) -> None:
    """Write what is wanted of the report."""
    if to_plot:
        plot(found, to_plot)
    if to_page:
        picture = to_plot.relative_to(to_page.parent).as_posix() if to_plot else ""
        to_page.write_text("\n".join(page(found, picture)).rstrip() + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers_report")
    parser.add_argument("results", type=Path)
    parser.add_argument("--page", type=Path, required=True)
    parser.add_argument("--plot", type=Path, required=True)
    options = parser.parse_args()
    write(Findings.load(options.results), options.page, options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
