"""openslide serve beside upstream's way: python -m benchmarks.bench_server.

Flask's server with openslide-python (flask_server.py) and ours, with the same cache, on
the same slide, are asked by the same client (wrk) for the same tiles, in turns.  A fresh
server each time, but for what is hot.  Ratios are medians over rounds.  On a machine that
others use as well, those of CPU time say more: of all processes of a server, per tile.

decoded: Deep Zoom tiles, as a viewer asks for them: screens here and there, of all levels
         that have more than a few tiles.  What a screen has in common with another is
         asked for twice.
native:  the same screens of the slide's own levels; Flask, which has none, is asked for
         Deep Zoom tiles of the levels that are the same.
hot:     a few screens that were asked for before, by one client after another.
crowd:   200 clients at once.
first:   from the start of the command to the first tile in a browser.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.request import urlopen

import openslide
from openslide.deepzoom import DeepZoomGenerator

from .machine import load
from .slides import SlideStore

#: What is to be reached.
LEAST_DECODED, LEAST_NATIVE = 3.0, 10.0
MOST_FIRST = 1.5  # seconds

_SCREEN = (6, 4)  # tiles
_CLIENTS = 16
_CROWD = 200
_HOT = 200
_PATIENCE = 20.0  # seconds that a server may take to start
_SCRIPT = Path(__file__).with_name("tiles.lua")
_TICKS = os.sysconf("SC_CLK_TCK")

_Tile = tuple[int, int, int]  # level, column, row


class Run(NamedTuple):
    """What came of some requests."""

    rate: float  # answers per second
    cpu: float  # milliseconds of the server for an answer
    median: float  # milliseconds
    slowest: float  # of a hundred, milliseconds
    failures: int
    is_repeated: bool  # whether tiles were asked for again, for there were no more


class Server:
    """A server that runs."""

    def __init__(self, command: Sequence[str | Path], port: int, probe: str) -> None:
        self.port = port
        self.start = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while not _answers(f"http://127.0.0.1:{port}/{probe}"):
            if time.perf_counter() - self.start > _PATIENCE:
                raise SystemExit(f"{command[0]} does not answer")
            time.sleep(0.02)

    def cpu(self) -> float:
        """Seconds of all its processes."""
        return sum(map(_cpu_of, _family(self._process.pid)))

    def ask(self, paths: Sequence[str], clients: int, seconds: int) -> Run:
        """Ask for paths, one after the other, by so many clients."""
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("\n".join(paths))
            file.flush()
            before = self.cpu()
            output = subprocess.check_output(
                [
                    *("wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--latency"),
                    *("--timeout", "30s"),
                    *("-s", str(_SCRIPT), f"http://127.0.0.1:{self.port}"),
                ],
                env={**os.environ, "TILES": file.name},
                text=True,
            )
            used = self.cpu() - before
        found = re.search(r"^RESULT (.*)$", output, re.MULTILINE)
        assert found is not None, output
        answers, micros, failures, middle, late, count = map(int, found[1].split())
        return Run(
            rate=answers / (micros / 1e6),
            cpu=1e3 * used / max(1, answers),
            median=middle / 1e3,
            slowest=late / 1e3,
            failures=failures,
            is_repeated=answers > count,
        )

    def stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait()


def _answers(address: str) -> bool:
    try:
        with urlopen(address) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _family(pid: int) -> Iterator[int]:
    yield pid
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            yield from _family(int(child))


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class Contest:
    """Both servers on one slide."""

    def __init__(self, slide: Path, flask: str, cache: int, seconds: int) -> None:
        self.slide = slide
        self._flask = flask
        self._cache = cache
        self.seconds = seconds
        with openslide.OpenSlide(slide) as opened:
            generator = DeepZoomGenerator(opened)
            self._grids = generator.level_tiles
            self._downsamples = [round(d) for d in opened.level_downsamples]
        self._top = len(self._grids) - 1

    @contextmanager
    def ours(self) -> Iterator[Server]:
        port = _free_port()
        command: list[str | Path] = [
            *(sys.executable, "-I", "-m", "openslide", "serve", self.slide.parent),
            *("--port", str(port), "--cache", str(self._cache)),
        ]
        yield from self._running(command, port)

    @contextmanager
    def theirs(self) -> Iterator[Server]:
        port = _free_port()
        script = Path(__file__).with_name("flask_server.py")
        command: list[str | Path] = [
            *(self._flask, "-I", script, self.slide.parent),
            *(str(port), str(self._cache)),
        ]
        yield from self._running(command, port)

    def _running(self, command: Sequence[str | Path], port: int) -> Iterator[Server]:
        server = Server(command, port, f"{self.slide.name}.dzi")
        try:
            yield server
        finally:
            server.stop()

    def screens(self, levels: Sequence[int], count: int, seed: int) -> list[_Tile]:
        """Tiles of screens at places of levels, as many as wanted."""
        rng = random.Random(seed)
        tiles: list[_Tile] = []
        while len(tiles) < count:
            level = rng.choice(levels)
            columns, rows = self._grids[level]
            left = rng.randrange(max(1, columns - _SCREEN[0]))
            top = rng.randrange(max(1, rows - _SCREEN[1]))
            tiles += [
                (level, column, row)
                for row in range(top, min(rows - 1, top + _SCREEN[1]))
                for column in range(left, min(columns - 1, left + _SCREEN[0]))
            ]
        return tiles[:count]

    @property
    def shown_levels(self) -> list[int]:
        """Deep Zoom levels with more than a few screens."""
        return [
            level
            for level, (columns, rows) in enumerate(self._grids)
            if columns > 2 * _SCREEN[0] and rows > 2 * _SCREEN[1]
        ]

    @property
    def stored_levels(self) -> list[int]:
        """Those of them that the slide has."""
        stored = {self._top - d.bit_length() + 1 for d in self._downsamples}
        return [level for level in self.shown_levels if level in stored]

    def deep_zoom(self, tiles: Sequence[_Tile]) -> list[str]:
        return [
            f"/{self.slide.name}_files/{level}/{column}_{row}.jpeg"
            for level, column, row in tiles
        ]

    def layers(self, tiles: Sequence[_Tile]) -> list[str]:
        """The tiles of the slide's own levels at these places of its grids."""
        return [
            f"/{self.slide.name}_layers/"
            f"{self._downsamples.index(1 << (self._top - level))}/{column}_{row}.jpeg"
            for level, column, row in tiles
        ]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


class Results:
    """Runs of both, by case."""

    def __init__(self) -> None:
        self._runs: dict[str, list[tuple[Run, Run]]] = {}

    def add(self, case: str, ours: Run, theirs: Run) -> None:
        self._runs.setdefault(case, []).append((ours, theirs))

    def ratio(self, case: str, of: Callable[[Run, Run], float]) -> float:
        return median(of(ours, theirs) for ours, theirs in self._runs[case])

    def report(self) -> None:
        for case, runs in self._runs.items():
            for name, index in (("ours", 0), ("Flask", 1)):
                rate, cpu, middle, slowest, failures, repeated = (
                    median(values)
                    for values in zip(*(pair[index] for pair in runs), strict=True)
                )
                print(
                    f"{case:8} {name:6} {rate:7.0f} tiles/s, CPU {cpu:6.3f} ms a tile, "
                    f"median {middle:8.2f} ms, p99 {slowest:8.2f} ms, "
                    f"{failures:.0f} failures{', repeated' if repeated else ''}"
                )
            rate = self.ratio(case, lambda ours, theirs: ours.rate / theirs.rate)
            cpu = self.ratio(case, lambda ours, theirs: theirs.cpu / ours.cpu)
            print(f"{case:8} ours/Flask: tiles/s {rate:.2f}, CPU saved {cpu:.2f} times")


def measure(contest: Contest, rounds: int) -> Results:
    results = Results()
    for number in range(rounds):
        decoded = contest.screens(contest.shown_levels, 12_000, number)
        stored = contest.screens(contest.stored_levels, 30_000, number)
        hot = contest.deep_zoom(decoded[:_HOT])
        cases: dict[str, tuple[list[str], list[str]]] = {
            "decoded": (contest.deep_zoom(decoded),) * 2,
            "native": (contest.layers(stored), contest.deep_zoom(stored)),
        }
        for case, paths in cases.items():
            runs = []
            for serve, asked in zip((contest.ours, contest.theirs), paths, strict=True):
                with serve() as server:
                    runs.append(server.ask(asked, _CLIENTS, contest.seconds))
            results.add(case, *runs)
        with contest.ours() as ours, contest.theirs() as theirs:
            for server in (ours, theirs):
                server.ask(hot, 2, -(-contest.seconds // 2))
            results.add(
                "hot",
                *(s.ask(hot, 1, -(-contest.seconds // 2)) for s in (ours, theirs)),
            )
            crowd = contest.deep_zoom(decoded[_HOT:])
            results.add(
                "crowd",
                *(s.ask(crowd, _CROWD, contest.seconds) for s in (ours, theirs)),
            )
    return results


def first_tiles(contest: Contest, rounds: int) -> list[float]:
    """Seconds from the start of the command to the first tile in a browser."""
    from tests.chromium import launched

    times = []
    with launched() as browser:
        for _ in range(rounds):
            page: Any = browser.new_page()
            start = time.perf_counter()
            with contest.ours() as server:
                page.goto(
                    f"http://localhost:{server.port}/view?slide={contest.slide.name}"
                )
                drawn = "window.viewer?.world?.getItemAt(0)?.lastDrawn?.length > 0"
                while not page.evaluate(drawn):
                    page.wait_for_timeout(5)
                times.append(time.perf_counter() - start)
            page.close()
    return times


def judge(results: Results, first: Sequence[float]) -> bool:
    """Say what was reached; whether all was."""
    hot = results.ratio("hot", lambda ours, theirs: ours.slowest / theirs.median)
    crowd = results.ratio("crowd", lambda ours, theirs: ours.failures)
    verdicts = [
        _verdict(
            "decoded tiles/s, ours by Flask's",
            results.ratio("decoded", lambda ours, theirs: ours.rate / theirs.rate),
            least=LEAST_DECODED,
        ),
        _verdict(
            "native tiles/s, ours by Flask's",
            results.ratio("native", lambda ours, theirs: ours.rate / theirs.rate),
            least=LEAST_NATIVE,
        ),
        _verdict("hot: our p99 by Flask's median", hot, most=1.0),
        _verdict(f"failures of {_CROWD} clients", crowd, most=0),
    ]
    if first:
        verdicts.append(
            _verdict("seconds to the first tile", median(first), most=MOST_FIRST)
        )
    return all(verdicts)


def _verdict(
    what: str, value: float, *, least: float = 0.0, most: float = float("inf")
) -> bool:
    is_met = least <= value <= most
    bound = f"at least {least:g}" if least else f"at most {most:g}"
    print(f"{what}: {value:.2f}, {bound}: {'met' if is_met else 'missed'}")
    return is_met


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--flask-python", required=True, help="with openslide-python and Flask"
    )
    parser.add_argument("--slide", type=Path, help="by default one is made")
    parser.add_argument("--slides", type=Path, default=Path("build/bench-slides"))
    parser.add_argument("--cache", type=int, default=128, metavar="MB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of each run")
    parser.add_argument("--no-browser", action="store_true")
    options = parser.parse_args()
    slide = options.slide or Path(SlideStore(options.slides).slide("scanscope").path)
    contest = Contest(slide, options.flask_python, options.cache, options.seconds)
    print(f"{slide.name}, cache {options.cache} MB, load {load()}")
    results = measure(contest, options.rounds)
    first = [] if options.no_browser else first_tiles(contest, options.rounds)
    results.report()
    for seconds in first:
        print(f"first    {seconds:.2f} s")
    is_reached = judge(results, first)
    print(f"load {load()}")
    sys.exit(not is_reached)


if __name__ == "__main__":
    main()
