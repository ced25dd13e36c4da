"""Read damaged slides until there were enough, and print what became of them."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path

from tests.slides import WRITERS, write

from .campaign import SECONDS, Campaign, Failure, Worker, cases
from .cases import Template

_COLUMNS = (
    *("unsupported", "refused", "read with errors", "read", "memory"),
    *("known", "failed"),
)


def main() -> int:
    arguments = _arguments()
    tallies: dict[str, Counter[str]] = defaultdict(Counter)
    with (
        suppress(KeyboardInterrupt),
        tempfile.TemporaryDirectory(prefix="damage-") as folder,
        Worker(seconds=arguments.patience) as worker,
    ):
        make = partial(_template, Path(folder, "templates"))
        campaign = Campaign(worker, Path(folder), make, keep=arguments.keep)
        end = time.monotonic() + arguments.seconds
        chosen = cases(arguments.only, arguments.seed, arguments.first)
        for case in islice(chosen, arguments.count):
            if time.monotonic() > end:
                break
            outcome = campaign.run(case)
            if isinstance(outcome, Failure):
                print(outcome, end="\n\n", flush=True)
                outcome_name = "known" if outcome.known else "failed"
            else:
                outcome_name = outcome
            tallies[case.name][outcome_name] += 1
    _print_table(tallies)
    return 1 if any(tally["failed"] for tally in tallies.values()) else 0


def _template(folder: Path, name: str) -> Template:
    return Template(folder / name, write(name, folder / name).path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.damage",
        description=__doc__,
        epilog="Temporary files are written where TMPDIR says.",
    )
    add = parser.add_argument
    add("--seed", type=int, default=1, help="which cases; each seed has others")
    add("--first", type=int, default=0, help="number of the first case of a slide")
    add("--count", type=int, default=None, help="cases of all slides together")
    add("--seconds", type=float, default=float("inf"), help="when to end")
    add(
        "--patience",
        type=float,
        default=SECONDS,
        help="after how long a case hangs (s)",
    )
    add("--keep", type=Path, metavar="FOLDER", help="copy slides that fail into it")
    add("--only", nargs="+", metavar="NAME", choices=WRITERS, default=list(WRITERS))
    arguments = parser.parse_args()
    if arguments.count is None and arguments.seconds == float("inf"):
        arguments.count = 1000
    return arguments


def _print_table(tallies: Mapping[str, Counter[str]]) -> None:
    total = sum(tallies.values(), Counter[str]())
    print(" " * 18, *(f"{column:>16}" for column in ("cases", *_COLUMNS)))
    for name, tally in [*tallies.items(), ("all", total)]:
        counts = [tally.total(), *(tally[column] for column in _COLUMNS)]
        print(f"{name:18}", *(f"{count:16,}" for count in counts))


if __name__ == "__main__":
    sys.exit(main())
