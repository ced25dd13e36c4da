"""Every block of code in the README and in docs/ runs as it stands.

Blocks of a page run one after the other in a folder with some slides: `python` in one
interpreter, `sh` by bash. What is for other machines or programs is marked as something
else, such as `text`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.slides import SlideFacts

markdown_it = pytest.importorskip("markdown_it")

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUNNER = ROOT / "tests" / "isolated" / "run_page.py"

#: Shown elsewhere: these crash.
NOT_RUN = {"docs/known-crashes.md"}

LANGUAGES = ("python", "sh")


def blocks_of(page: Path) -> list[tuple[str, int, str]]:
    """Language, line and text of the blocks that are run."""
    tokens = markdown_it.MarkdownIt().parse(page.read_text())
    fences = [token for token in tokens if token.type == "fence"]
    return [
        (token.info.split()[0], token.map[0] + 1, token.content)
        for token in fences
        if token.info.split()[:1] and token.info.split()[0] in LANGUAGES
    ]


@pytest.fixture
def home(slides: Mapping[str, SlideFacts], tmp_path: Path) -> Path:
    """A folder with what the pages speak of."""
    shutil.copy(slides["aperio-jpeg"].path, tmp_path / "slide.svs")
    folder = tmp_path / "slides"
    folder.mkdir()
    for number, name in enumerate(["aperio-gt450", "aperio-scanscope"]):
        shutil.copy(slides[name].path, folder / f"case-{number + 1}.svs")
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page(page: Path, home: Path) -> None:
    name = str(page.relative_to(ROOT))
    blocks = blocks_of(page)
    if name in NOT_RUN or not blocks:
        pytest.skip("nothing of it is run")
    tools = str(Path(sys.executable).parent)
    child = subprocess.run(
        [sys.executable, RUNNER, name],
        input=json.dumps(blocks),
        cwd=home,
        env=os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert child.returncode == 0, child.stdout + child.stderr
