"""The examples of docs/gpu-decoding.md, on CPUs."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openslide import OpenSlide
from tests.conftest import Slides

PAGE = Path(__file__).parents[1] / "docs" / "gpu-decoding.md"

pytestmark = [
    pytest.mark.requires_openslide("4.0.1"),
    pytest.mark.requires_direct_reads,
    pytest.mark.skipif(not PAGE.exists(), reason="there is no page beside the tests"),
]


def examples() -> list[str]:
    """Reading, Pillow, torchvision, nvImageCodec."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall("```python\n(.*?)```", text, re.DOTALL)
    assert len(found) == 4
    return found


@pytest.fixture(params=["aperio-scanscope", "aperio-gt450", "philips-1-0"])
def names(
    request: pytest.FixtureRequest, slides: Slides, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """What there is after the first example."""
    path = slides[request.param].path
    monkeypatch.chdir(path.parent)
    found: dict[str, Any] = {}
    exec(examples()[0].replace("slide.svs", path.name), found)
    return found


def shown(names: dict[str, Any]) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    """The tiles as the slide is read, RGBA."""
    slide: OpenSlide = names["slide"]
    tiles = names["tiles"]
    regions = (
        np.asarray(slide.read_region(tiles.location(*p), 0, tiles.tile_size))
        for p in names["positions"]
    )
    return [region for region in regions if region.any()]


def check(names: dict[str, Any], decoded: list[Any]) -> None:
    expected = shown(names)
    assert len(decoded) == len(expected) > 0
    for ours, theirs in zip(decoded, expected, strict=True):
        there = theirs[..., 3] == 255
        np.testing.assert_array_equal(ours[there], theirs[there][:, :3])


def test_pillow(names: dict[str, Any]) -> None:
    exec(examples()[1], names)
    check(names, names["on_cpu"])


def test_torchvision(names: dict[str, Any]) -> None:
    for module in ("torch", "torchvision"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    exec(examples()[2].replace('"cuda"', '"cpu"'), names)
    check(names, [tile.numpy().transpose(1, 2, 0) for tile in names["decoded"]])


def test_all_are_python() -> None:
    for code in examples():
        compile(code, str(PAGE), "exec")
