"""Every block of code in the README and in docs/ runs as it stands.

Blocks of a page run one after the other in a folder with some slides, annotations of them
and a manifest: `python` in one interpreter, `sh` by bash. What is for other machines or
programs is marked as something else, such as `text`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.slides import SlideFacts

markdown_it = pytest.importorskip("markdown_it")

pytestmark = [
    pytest.mark.requires_openslide("4.0.1"),
    pytest.mark.requires_direct_reads,
]

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUNNER = ROOT / "tests" / "isolated" / "run_page.py"

#: Shown elsewhere: these crash, and those want a GPU (tests/test_gpu_page.py).
NOT_RUN = {"docs/known-crashes.md", "docs/gpu-decoding.md"}

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


def _box(left: int, top: int, right: int, bottom: int, name: str) -> dict[str, Any]:
    """What QuPath writes of a rectangle with a class."""
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [corners]},
        "properties": {"objectType": "annotation", "classification": {"name": name}},
    }


def _annotate(path: Path, width: int, height: int) -> None:
    """Annotations of a slide of this size: tumour on the left, stroma on the right."""
    middle, right, bottom = width // 2, width - 64, height - 64
    features = [
        _box(64, 64, middle, bottom, "Tumor"),
        _box(middle, 64, right, bottom, "Stroma"),
        _box(128, 128, 192, 192, "Ignore*"),
    ]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


@pytest.fixture
def home(slides: Mapping[str, SlideFacts], tmp_path: Path) -> Path:
    """A folder with what the pages speak of."""
    facts = slides["aperio-jpeg"]
    shutil.copy(facts.path, tmp_path / "slide.svs")
    _annotate(tmp_path / "slide.geojson", *facts.level_dimensions[0])
    folder = tmp_path / "slides"
    folder.mkdir()
    for number, name in enumerate(["aperio-gt450", "aperio-scanscope"], 1):
        facts = slides[name]
        shutil.copy(facts.path, folder / f"case-{number}.svs")
        drawn = tmp_path / "annotations" / f"case-{number}.geojson"
        _annotate(drawn, *facts.level_dimensions[0])
    (tmp_path / "slides.csv").write_text(
        "slide,mask,label,split\n"
        "slides/case-1.svs,annotations/case-1.geojson,positive,train\n"
        "slides/case-2.svs,annotations/case-2.geojson,negative,test\n"
    )
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
