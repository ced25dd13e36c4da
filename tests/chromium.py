"""Chromium without a window, for the tests of what browsers show.

It comes from the system (Debian: chromium); `make browser` installs the rest.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.conftest import ROOT

#: What `make viewer` brings.
OPENSEADRAGON = ROOT / "src/openslide/server/pages/vendor/openseadragon.min.js"

_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
    "--disable-3d-apis",  # without a GPU, WebGL is slow; canvases are not
]

_PATIENCE = 30  # seconds


def require_browser() -> None:
    """Skip the module that is being imported where something is missing."""
    pytest.importorskip("playwright.sync_api", reason="no Playwright")
    if shutil.which("chromium") is None:
        pytest.skip("no chromium", allow_module_level=True)
    if not OPENSEADRAGON.exists():
        pytest.skip(f"no {OPENSEADRAGON}; run `make viewer`", allow_module_level=True)


@contextmanager
def launched() -> Iterator[Any]:
    """The browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def wait_until(page: Any, expression: str) -> None:
    """Wait until an expression is true; the pages' policy forbids Playwright's own way."""
    deadline = time.monotonic() + _PATIENCE
    while not page.evaluate(expression):
        if time.monotonic() > deadline:
            pytest.fail(f"never true: {expression}")
        page.wait_for_timeout(20)
