"""Trees of tiles in a browser: OpenSeadragon in headless Chromium.

`make browser` installs what this needs, but for Chromium itself.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from openslide.cli import main
from tests.chromium import OPENSEADRAGON, launched, require_browser
from tests.conftest import ROOT
from tests.slides import SlideFacts

LOADED = "viewer.world.getItemAt(0).getFullyLoaded()"

require_browser()


class Site:
    """A folder on the web of this machine, and what was asked of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.statuses: dict[str, int] = {}
        self.address = ""

    def add(self, path: str, status: int) -> None:
        self.statuses[path] = status


class Handler(SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, site: Site) -> None:
        self._site = site
        super().__init__(*args, directory=str(site.folder))

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        self._site.add(self.path.lstrip("/"), int(code))

    def log_error(self, format: str, *args: Any) -> None:
        pass

    def handle(self) -> None:
        with suppress(ConnectionError):  # the browser has seen enough
            super().handle()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    shutil.copy(OPENSEADRAGON, tmp_path)
    shutil.copy(ROOT / "tests" / "browser" / "viewer.html", tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, site=site)) as server:
        site.address = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield site
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as browser:
        yield browser


@pytest.mark.parametrize(
    ("name", "description", "options"),
    [
        ("aperio-jpeg", "tree.dzi", []),
        ("aperio-jpeg", "tree/info.json", ["--layout", "iiif3"]),
        ("leica", "tree.dzi", ["--bounds", "--format", "png", "--overlap", "7"]),
        # One level of several tiles, for which sizes are taken by some viewers.
        (
            *("aperio-jpeg", "tree/info.json"),
            ["--layout", "iiif3", "--format", "webp", "--tile-size", "1024"],
        ),
    ],
)
def test_every_tile_is_shown(
    site: Site,
    browser: Any,
    slides: Mapping[str, SlideFacts],
    name: str,
    description: str,
    options: list[str],
) -> None:
    out = site.folder / "tree"
    assert main(["dzi", str(slides[name].path), "-o", str(out), *options]) == 0
    summary = json.loads((site.folder / "tree.json").read_text())
    page = browser.new_page(viewport={"width": 900, "height": 700})
    page.goto(f"{site.address}/viewer.html?{description}")
    page.wait_for_function("report.opened || report.failures.length")
    assert page.evaluate("report.failures") == []
    counts = page.evaluate("levels()")
    assert len(counts) == len(summary["levels"])
    assert sum(columns * rows for _, columns, rows in counts) == summary["tiles"]
    # The single pixel of level 0 is asked for, but not drawn from IIIF trees.
    page.wait_for_function(LOADED)
    with page.expect_response(lambda answer: is_of_level_0(answer.url)):
        page.evaluate("show(0, 0, 0)")
    page.wait_for_function(LOADED)
    for level, columns, rows in counts[1:]:
        for column in range(columns):
            for row in range(rows):
                show(page, [level, column, row])
    assert page.evaluate("report.failures") == []
    tiles = {
        path.relative_to(site.folder).as_posix()
        for folder in ("tree", "tree_files")
        for path in (site.folder / folder).rglob("*.*")
        if path.suffix != ".json"
    }
    assert len(tiles) == summary["tiles"]
    assert {path for path in tiles if site.statuses.get(path) != 200} == set()
    page.close()


def is_of_level_0(address: str) -> bool:
    return "tree_files/0/" in address or "tree/full/1,1/" in address


def show(page: Any, tile: list[int]) -> None:
    """Move to a tile, unless it was seen already, and wait until it is drawn."""
    drawn = "(tile) => report.drawn.has(String(tile))"
    if not page.evaluate(drawn, tile):
        page.evaluate("(tile) => show(...tile)", tile)
        page.wait_for_function(drawn, arg=tile, timeout=20_000)
