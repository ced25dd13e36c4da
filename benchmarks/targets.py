"""What this package sets out to reach, as ratios that hold on any machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .contenders import CUCIM, OURS, PEER, PEER_TWICE, RAW
from .measure import IMPORT_CASE
from .results import Ratio, Result

# Formats that libopenslide decodes, so that each cold read is its own.
_PLAIN = "(j2k|czi)/level-0/(256|512|1024)"

# The large slide, and one tile of it.
_LARGE, _TILE = "(scanscope|gt450)", "(240|256)"

# What is read, the greatest share of the raw C call's time, and the case.
_DIRECT = (
    ("MIRAX, cold", 0.6, "mirax/level-0/.*/cold/image"),
    ("MIRAX, hot", 0.3, "mirax/level-0/256/aligned/hot/image"),
    ("MIRAX above level 0, cold", 0.25, "mirax/level-2/256/.*/cold/image"),
    ("MIRAX above level 0, hot", 0.03, "mirax/level-2/256/.*/hot/image"),
    ("BIF, scan", 0.10, "bif/level-0/256/.*/scan/image"),
    ("BIF, hot", 0.03, "bif/level-0/256/.*/hot/image"),
    ("without compression, cold", 0.06, "(raw|dicom-raw)/level-0/256/.*/cold/image"),
    ("deflate, cold", 0.55, "deflate/level-0/256/.*/cold/image"),
    ("kept, hot", 0.04, "(j2k|czi)/level-0/256/.*/hot/image"),
    ("kept, scan", 1.02, "j2k/level-0/256/.*/scan/image"),
    ("NDPI, cold", 0.45, "ndpi/level-0/256/.*/cold/image"),
    ("NDPI, scan", 0.60, "ndpi/level-0/256/.*/scan/image"),
    ("read_region, cold", 0.13, f"{_LARGE}/level-0/{_TILE}/aligned/cold/image"),
    ("read_region, hot", 0.05, f"{_LARGE}/level-0/{_TILE}/aligned/hot/image"),
    ("read_array, hot, out=", 0.03, f"{_LARGE}/level-0/{_TILE}/aligned/hot/out"),
    ("read_region, scan", 0.30, f"{_LARGE}/level-0/{_TILE}/across/scan/image"),
    ("read_region, all cores", 0.075, f"{_LARGE}/level-0/4096/aligned/cold/image"),
    ("read_region, off the grid, cold", 0.30, "offgrid/level-1/256/across/cold/image"),
    ("read_region, off the grid, hot", 0.10, "offgrid/level-1/256/across/hot/image"),
)


@dataclass(frozen=True)
class Verdict:
    """One target with what was measured.

    Attributes:
        target: what is compared, in words.
        limit: the ratio hoped for.
        is_upper: whether the limit is the highest ratio, not the lowest.
        ratios: by case.
    """

    target: str
    limit: float
    is_upper: bool
    ratios: Mapping[str, Ratio]

    def is_met(self, case: str) -> bool:
        ratio = self.ratios[case].usual
        return ratio <= self.limit if self.is_upper else ratio >= self.limit


def verdicts(results: Mapping[str, Result]) -> list[Verdict]:
    """All targets for which something was measured."""
    all_verdicts = (
        *_plain_verdicts(results),
        *_direct_verdicts(results),
        Verdict(
            "import: time of openslide-python's",
            0.75,
            True,
            _ratios(results, IMPORT_CASE, OURS, PEER),
        ),
        Verdict(
            "peak of memory: openslide-python's",
            1.0,
            True,
            _ratios(results, "memory/(regions|thumbnail)", OURS, PEER),
        ),
    )
    return [verdict for verdict in all_verdicts if verdict.ratios]


def _plain_verdicts(results: Mapping[str, Result]) -> Iterator[Verdict]:
    """Where libopenslide decodes, and of threads."""
    yield Verdict(
        "read_region: time of the raw C call",
        1.02,
        True,
        _of_raw(results, rf"{_PLAIN}/.*/cold/image"),
    )
    yield Verdict(
        "read_array: time of the raw C call",
        1.03,
        True,
        _of_raw(results, rf"{_PLAIN}/.*/cold/array"),
    )
    yield Verdict(
        "read_batch: throughput of 2 workers by that of 1",
        1.9,
        False,
        dict(_scaling(results)),
    )
    yield Verdict(
        "read_batch, 2 workers: throughput by openslide-python's loop",
        2.2,
        False,
        _over_peer(results, r"(scanscope|gt450|mirax|czi)/.*/batch-2"),
    )
    yield Verdict(
        "read_batch, 2 workers, JPEG 2000: the same",
        1.9,
        False,
        _over_peer(results, r"j2k/.*/batch-2"),
    )


def _direct_verdicts(results: Mapping[str, Result]) -> Iterator[Verdict]:
    """Where this package decodes."""
    for slide, times in (("mirax", 3), ("ndpi", 2.5)):
        yield Verdict(
            f"read_batch, 2 workers, {slide}: throughput by two processes' of "
            "openslide-python",
            times,
            False,
            _ratios(results, f"{slide}/level-0/256/.*/cold/batch-2", PEER_TWICE, OURS),
        )
    yield Verdict(
        "DICOM, frames that have places: time of those that lie in order",
        1.05,
        True,
        dict(_sparse_by_dense(results)),
    )
    for what, limit, case in _DIRECT:
        ratios = _of_raw(results, case)
        yield Verdict(f"{what}: time of the raw C call", limit, True, ratios)
    yield Verdict(
        "read_array, cold: time of cucim",
        0.65,
        True,
        _ratios(results, f"{_LARGE}/level-0/{_TILE}/aligned/cold/array", OURS, CUCIM),
    )
    yield Verdict(
        "read_batch, 2 workers: throughput by cucim's with 2",
        1.0,
        False,
        _ratios(results, rf"{_LARGE}/.*/batch-2", CUCIM, OURS),
    )
    yield Verdict(
        "get_thumbnail: speed by openslide-python's",
        2.5,
        False,
        _over_peer(results, rf"{_LARGE}/thumbnail/.*"),
    )


def _ratios(
    results: Mapping[str, Result], pattern: str, contender: str, other: str
) -> dict[str, Ratio]:
    ratios = {
        case: result.ratio(contender, other)
        for case, result in results.items()
        if re.fullmatch(pattern, case)
    }
    return {case: ratio for case, ratio in ratios.items() if ratio is not None}


def _of_raw(results: Mapping[str, Result], pattern: str) -> dict[str, Ratio]:
    return _ratios(results, pattern, OURS, RAW)


def _over_peer(results: Mapping[str, Result], pattern: str) -> dict[str, Ratio]:
    return _ratios(results, pattern, PEER, OURS)


def _scaling(results: Mapping[str, Result]) -> Iterator[tuple[str, Ratio]]:
    for case, alone in results.items():
        if case.endswith("/batch-1"):
            name = case.removesuffix("1") + "2"
            ratio = (
                alone.ratio(OURS, OURS, of=results[name]) if name in results else None
            )
            if ratio is not None:
                yield name, ratio


def _sparse_by_dense(results: Mapping[str, Result]) -> Iterator[tuple[str, Ratio]]:
    for case, sparse in results.items():
        dense = results.get(case.replace("dicom-sparse/", "dicom/"))
        if re.fullmatch("dicom-sparse/.*/cold/image", case) and dense is not None:
            ratio = sparse.ratio(OURS, OURS, of=dense)
            if ratio is not None:
                yield case, ratio
