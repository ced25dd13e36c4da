"""openslide tiles by batch jobs: equal shares, copies on a local disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openslide.export import FoundSlide, Share
from tests.exports import contents, cut, write_tissue
from tests.slides import SlideFacts, write


@pytest.fixture(scope="module")
def tissue(tmp_path_factory: pytest.TempPathFactory) -> SlideFacts:
    return write_tissue(tmp_path_factory.mktemp("slides"))


def test_all_parts_together_are_one_run(tissue: SlideFacts, tmp_path: Path) -> None:
    slides = tmp_path / "slides"
    slides.mkdir()
    for name in ("a.tif", "b.tif", "c.tif", "a.svs"):
        os.link(tissue.path, slides / name)
    assert cut(tmp_path / "one", slides, "--size=128") == 0
    expected = contents(tmp_path / "one")
    done: list[int] = []
    for part in ("3/3", "1/3", "2/3"):
        assert cut(tmp_path / "many", slides, "--size=128", f"--part={part}") == 0
        done.append(len(list((tmp_path / "many").glob("*.json"))))
    assert done == [1, 3, 4]
    assert contents(tmp_path / "many") == expected


def test_parts_that_have_no_slides(
    tissue: SlideFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cut(tmp_path, tissue.path, "--part=2/2") == 0
    assert f"0 tiles of 0 slides in {tmp_path}" in capsys.readouterr().err
    for part in ("0/2", "3/2", "1", "x/y", "1/0"):
        with pytest.raises(SystemExit):
            cut(tmp_path, tissue.path, f"--part={part}")
    assert "part, such as 1/4" in capsys.readouterr().err


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 1000), max_size=30), st.integers(1, 9))
def test_shares_are_whole_and_even(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], of: int
) -> None:
    folder = tmp_path_factory.mktemp("files")
    slides = []
    for number, size in enumerate(sizes):
        path = folder / f"{number}.svs"
        path.write_bytes(bytes(size))
        slides.append(FoundSlide(path, str(number)))
    shares = [Share(number, of).among(slides) for number in range(1, of + 1)]
    together = [slide for share in shares for slide in share]
    assert sorted(together) == sorted(slides)
    assert all(share == [s for s in slides if s in share] for share in shares)
    bytes_each = [sum(s.path.stat().st_size + 1 for s in share) for share in shares]
    assert max(bytes_each) - min(bytes_each) <= max(sizes, default=0) + 1


def test_the_data_of_mirax_counts(tmp_path: Path) -> None:
    slides = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        path = write("mirax", folder).path
        slides.append(FoundSlide(path, name))
    small = tmp_path / "small.tif"
    small.write_bytes(bytes(3 * slides[0].path.stat().st_size))
    slides.append(FoundSlide(small, "small"))
    assert [len(Share(number, 2).among(slides)) for number in (1, 2)] == [2, 1]
