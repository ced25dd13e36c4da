"""The command line: python -m benchmarks."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from . import memory, report
from .cases import WRITERS, Case, all_cases
from .contenders import (
    OURS,
    PEER,
    Contender,
    cucim_contenders,
    python_contender,
    raw_contender,
    twice_contender,
)
from .kernels import TABLES, Row, measure_slide_decoders
from .machine import load, machine_facts
from .measure import IMPORT_CASE, measure, measure_imports
from .results import Result, by_case
from .slides import Slide, SlideStore
from .targets import verdicts
from .tools import build

_ROUNDS = 9
_QUICK_ROUNDS = 3
# A peak hardly varies.
_MEMORY_ROUNDS = 3


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Compare this package with the raw C call, openslide-python, cucim.",
    )
    parser.add_argument(
        "--python", default=sys.executable, help="interpreter that has this package"
    )
    parser.add_argument(
        "--peer-python", help="interpreter that has openslide-python; without: no peer"
    )
    parser.add_argument(
        "--cucim-python", help="interpreter that has cucim; without: no cucim"
    )
    parser.add_argument("--only", default="", help="cases in which this pattern occurs")
    parser.add_argument("--quick", action="store_true", help="a few cases and rounds")
    parser.add_argument("--rounds", type=int, help=f"by default {_ROUNDS}")
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu: the processor's time, for busy machines; leaves out several threads",
    )
    parser.add_argument(
        "--tiles-of",
        action="append",
        default=[],
        type=Path,
        metavar="SLIDE",
        help="decoders: the tiles of this slide as well",
    )
    parser.add_argument("--list", action="store_true", help="name the cases, and end")
    for option, default in (
        ("--slides", "build/bench-slides"),
        ("--build", "build/bench"),
        ("--json", "build/bench.json"),
    ):
        parser.add_argument(option, type=Path, default=Path(default), metavar="PATH")
    return parser.parse_args()


def _chosen_cases(arguments: argparse.Namespace) -> list[Case]:
    return [
        case
        for case in all_cases()
        if re.search(arguments.only, case.name)
        and (case.is_quick or not arguments.quick)
        and (case.workers == 1 or arguments.clock == "wall")
    ]


def _progress(text: str) -> None:
    """One line that changes, where somebody looks."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _needed_slides(folder: Path, cases: Sequence[Case]) -> dict[str, Slide]:
    store = SlideStore(folder)
    slides = {}
    for name in dict.fromkeys(case.slide for case in cases):
        _progress(f"slide {name}")
        slides[name] = store.slide(name)
    return slides


def _rounds(arguments: argparse.Namespace) -> int:
    usual = _QUICK_ROUNDS if arguments.quick else _ROUNDS
    return int(arguments.rounds or usual)


def _measure_all(
    arguments: argparse.Namespace,
    cases: Sequence[Case],
    contenders: Sequence[Contender],
) -> list[Result]:
    rounds = _rounds(arguments)
    results = []
    if re.search(arguments.only, IMPORT_CASE):
        in_python = [contender for contender in contenders if contender.python]
        results.append(measure_imports(in_python, rounds, _progress))
    slides = _needed_slides(arguments.slides, cases)
    results += measure(cases, slides, contenders, rounds, _progress)
    _progress("")
    return results


def _kernel_tables(
    arguments: argparse.Namespace, programs: Path
) -> Iterator[tuple[str, Callable[[], tuple[str, Sequence[Row]]]]]:
    """The name of each table, and what measures it."""
    for name, measure_table in TABLES.items():
        yield name, partial(measure_table, programs)
    store = SlideStore(arguments.slides)
    for name in WRITERS:
        yield f"decoders/{name}", partial(_measure_stored, programs, store, name)
    for path in arguments.tiles_of:
        yield f"decoders/{path}", partial(measure_slide_decoders, programs, path)


def _measure_stored(
    programs: Path, store: SlideStore, name: str
) -> tuple[str, Sequence[Row]]:
    return measure_slide_decoders(programs, Path(store.slide(name).path))


def _measure_kernels(
    arguments: argparse.Namespace, programs: Path
) -> dict[str, Sequence[Row]]:
    """The tables of the kernels: printed here, and their rows by name."""
    rows: dict[str, Sequence[Row]] = {}
    for name, measure_table in _kernel_tables(arguments, programs):
        if re.search(arguments.only, name):
            _progress(name)
            text, rows[name] = measure_table()
            print(text)
    return rows


def _measure_memory(arguments: argparse.Namespace) -> list[Result]:
    names = [name for name in memory.cases() if re.search(arguments.only, name)]
    if names and not memory.can_measure():
        print("This system does not tell the peak of a process's memory.")
        return []
    interpreters = {OURS: arguments.python}
    if arguments.peer_python:
        interpreters[PEER] = arguments.peer_python
    rounds = min(_rounds(arguments), _MEMORY_ROUNDS)
    results = []
    for name in names:
        slide = SlideStore(arguments.slides).slide(memory.SLIDE)
        results.append(
            memory.measure_memory(name, slide, interpreters, rounds, _progress)
        )
    _progress("")
    return results


def _contenders(
    arguments: argparse.Namespace, raw_program: Path, stack: contextlib.ExitStack
) -> list[Contender]:
    contenders = [
        stack.enter_context(python_contender(OURS, arguments.python, arguments.clock)),
        stack.enter_context(
            raw_contender(raw_program, arguments.python, arguments.clock)
        ),
    ]
    if arguments.peer_python:
        peer = python_contender(PEER, arguments.peer_python, arguments.clock)
        twice = twice_contender(arguments.peer_python, arguments.clock)
        contenders += [stack.enter_context(peer), stack.enter_context(twice)]
    if arguments.cucim_python:
        contenders += [
            stack.enter_context(contender)
            for contender in cucim_contenders(
                arguments.cucim_python, arguments.clock, arguments.build
            )
        ]
    return contenders


def _print_facts(facts: dict[str, object], versions: dict[str, dict[str, str]]) -> None:
    for name, fact in facts.items():
        print(f"{name}: {fact}")
    for name, found in versions.items():
        print(f"{name}:", ", ".join(f"{k} {v}" for k, v in found.items()))
    libraries = {found.get("libopenslide") for found in versions.values()}
    if len(libraries - {None}) > 1:
        print("The contenders use different releases of libopenslide!")


def main() -> None:
    arguments = _parse_arguments()
    cases = _chosen_cases(arguments)
    if arguments.list:
        print(*(case.name for case in cases), *memory.cases(), sep="\n")
        return
    facts = machine_facts() | {"clock": arguments.clock}
    programs = build(arguments.build)
    kernels = _measure_kernels(arguments, programs)
    with contextlib.ExitStack() as stack:
        contenders = _contenders(arguments, programs / "raw_read", stack)
        versions = {contender.name: contender.versions for contender in contenders}
        results = _measure_all(arguments, cases, contenders)
    peaks = _measure_memory(arguments)
    facts["load_at_the_end"] = load()
    found = verdicts(by_case([*results, *peaks]))
    _print_facts(facts, versions)
    if results:
        print("", *report.table(results), sep="\n")
    if peaks:
        print("", *report.memory_table(peaks), sep="\n")
    print("", *report.target_lines(found), sep="\n")
    everything = report.as_json(facts, versions, kernels, results, peaks, found)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(everything, indent=1) + "\n")
    print(f"\nwritten to {arguments.json}")


if __name__ == "__main__":
    main()
