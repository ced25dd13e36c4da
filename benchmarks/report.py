"""Results for people, as a table, and for programs, as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from .contenders import CUCIM, OURS, PEER, RAW
from .kernels import Row
from .results import Ratio, Result
from .targets import Verdict

_CONTENDERS = (OURS, RAW, PEER, CUCIM)
_RATIOS = ((OURS, RAW), (OURS, PEER), (OURS, CUCIM))
_RATIO_TITLES = ("/raw C", "/python", "/cucim")
_TITLES = (*_CONTENDERS, *_RATIO_TITLES, *(f"{title}*" for title in _RATIO_TITLES))
_WIDTHS = (10, 10, 16, 10, 8, 8, 8, 8, 8, 8)
_MEMORY_WIDTHS = (10, 16, 8)
_NOTHING = "-"


def table(results: Sequence[Result]) -> Iterator[str]:
    """Lines: seconds and ratios, a row per case."""
    width = max(len(result.case) for result in results)
    yield _line("case".ljust(width), _TITLES)
    for result in results:
        yield _line(result.case.ljust(width), tuple(_cells(result)))
    yield "ours / raw C, / openslide-python, / cucim; *: of the fastest samples"


def memory_table(results: Sequence[Result]) -> Iterator[str]:
    """Lines: peaks and their ratio, a row per task."""
    width = max(len(result.case) for result in results)
    yield _line("case".ljust(width), (OURS, PEER, "/python"), _MEMORY_WIDTHS)
    for result in results:
        ratio = result.ratio(OURS, PEER)
        cells = (
            _size(result.usual(OURS)),
            _size(result.usual(PEER)),
            f"{ratio.usual:.3f}" if ratio else _NOTHING,
        )
        yield _line(result.case.ljust(width), cells, _MEMORY_WIDTHS)


def _line(head: str, cells: Sequence[str], widths: Sequence[int] = _WIDTHS) -> str:
    parts = [cell.rjust(n) for cell, n in zip(cells, widths, strict=True)]
    return " ".join([head, *parts])


def _cells(result: Result) -> Iterator[str]:
    for contender in _CONTENDERS:
        yield _duration(result.usual(contender))
    ratios = [result.ratio(a, b) for a, b in _RATIOS]
    for ratio in ratios:
        yield f"{ratio.usual:.3f}" if ratio else _NOTHING
    for ratio in ratios:
        yield f"{ratio.fastest:.3f}" if ratio else _NOTHING


def target_lines(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Lines: each target, how many cases meet it, and those that do not."""
    for verdict in verdicts:
        bound = "at most" if verdict.is_upper else "at least"
        met = [case for case in verdict.ratios if verdict.is_met(case)]
        yield (
            f"{verdict.target}: {bound} {verdict.limit}; "
            f"met by {len(met)} of {len(verdict.ratios)}"
        )
        for case, ratio in verdict.ratios.items():
            mark = " " if case in met else "!"
            yield f"  {mark} {case}: {ratio.usual:.3f} ({ratio.fastest:.3f} fastest)"


def as_json(
    facts: Mapping[str, object],
    versions: Mapping[str, Mapping[str, str]],
    kernels: Mapping[str, Sequence[Row]],
    results: Sequence[Result],
    peaks: Sequence[Result],
    verdicts: Sequence[Verdict],
) -> dict[str, object]:
    """Everything, the samples of every round included."""
    return {
        "machine": facts,
        "versions": versions,
        **{name: [asdict(row) for row in rows] for name, rows in kernels.items()},
        "results": [_result_as_json(result) for result in results],
        "memory": [{"case": peak.case, "bytes": peak.rounds} for peak in peaks],
        "targets": [_verdict_as_json(verdict) for verdict in verdicts],
    }


def _result_as_json(result: Result) -> dict[str, object]:
    return {
        "case": result.case,
        "seconds": {title: result.usual(title) for title in result.rounds},
        "ratios": {f"{a}/{b}": _ratio_as_json(result.ratio(a, b)) for a, b in _RATIOS},
        "rounds": result.rounds,
    }


def _ratio_as_json(ratio: Ratio | None) -> dict[str, float] | None:
    return ratio and ratio._asdict()


def _verdict_as_json(verdict: Verdict) -> dict[str, object]:
    ratios = {case: ratio._asdict() for case, ratio in verdict.ratios.items()}
    return asdict(verdict) | {"ratios": ratios}


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return _NOTHING
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if abs(seconds) >= scale:
            return f"{seconds / scale:.4g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def _size(count: float | None) -> str:
    return _NOTHING if count is None else f"{count / 1e6:.1f} MB"
