"""openslide tiles by batch jobs: equal shares, copies on a local disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openslide import OpenSlide
from openslide.export import FoundSlide, Share
from openslide.export.staging import stage_slide
from openslide.output.work import WorkFolder
from tests.exports import contents, cut, write_tissue
from tests.slides import SlideFacts, write


@pytest.fixture(scope="module")
def tissue(tmp_path_factory: pytest.TempPathFactory) -> SlideFacts:
    return write_tissue(tmp_path_factory.mktemp("slides"))


def test_all_parts_together_are_one_run(
    tissue: SlideFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slides = tmp_path / "slides"
    slides.mkdir()
    for name in ("a.tif", "b.tif", "c.tif", "a.svs"):
        os.link(tissue.path, slides / name)
    assert cut(tmp_path / "one", slides, "--size=128") == 0
    expected = contents(tmp_path / "one")
    done: list[int] = []
    told: list[str] = []
    capsys.readouterr()
    for part in ("3/3", "1/3", "2/3"):
        assert cut(tmp_path / "many", slides, "--size=128", f"--part={part}") == 0
        told.append(capsys.readouterr().err.splitlines()[0])
        done.append(len(list((tmp_path / "many").glob("*.json"))))
    assert done == [1, 3, 4]
    assert told[0] == "share 3 of 3: 1 of 4 slides, 25% of their bytes"
    assert told[1].startswith("share 1 of 3: 2 of 4 slides, 50% of their bytes; shares")
    assert contents(tmp_path / "many") == expected


def test_parts_that_have_no_slides(
    tissue: SlideFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cut(tmp_path, tissue.path, "--part=2/2") == 0
    told = capsys.readouterr().err
    assert f"0 tiles of 0 slides in {tmp_path}" in told
    assert "share 2 of 2: none of 1 slide, 0% of their bytes; shares are not" in told
    for part in ("0/2", "3/2", "1", "x/y", "1/0"):
        with pytest.raises(SystemExit):
            cut(tmp_path, tissue.path, f"--part={part}")
    assert "part, such as 1/4" in capsys.readouterr().err


@settings(max_examples=25)
@given(st.lists(st.integers(0, 1000), max_size=12), st.integers(1, 9))
def test_shares_are_whole_and_even(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], of: int
) -> None:
    folder = tmp_path_factory.mktemp("files")
    slides = []
    for number, size in enumerate(sizes):
        path = folder / f"{number}.svs"
        path.write_bytes(bytes(size))
        slides.append(FoundSlide(path, str(number)))
    every = [Share(number, of).among(slides) for number in range(1, of + 1)]
    shares = [shared.slides for shared in every]
    assert sum(shared.weight for shared in every) == pytest.approx(
        1.0 if slides else 0.0
    )
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
    assert [len(Share(number, 2).among(slides).slides) for number in (1, 2)] == [2, 1]


# Copies on a local disk


@pytest.mark.parametrize(
    "name", ["generic", "mirax", "dicom-jpeg", "vms", "trestle", "vmu"]
)
def test_all_files_of_a_slide_are_copied(name: str, tmp_path: Path) -> None:
    path = write(name, tmp_path / "far").path
    shutil.copy(write("generic", tmp_path).path, path.parent / "another.tif")
    copy = stage_slide(path, tmp_path / "near").path
    assert copy is not None
    assert not (tmp_path / "near" / "another.tif").exists()
    with OpenSlide(path) as far, OpenSlide(copy) as near:
        assert dict(near.properties) == dict(far.properties)
        assert set(near.associated_images) == set(far.associated_images)
        regions = [s.read_region((0, 0), 1, (300, 300)) for s in (far, near)]
        assert regions[0] == regions[1]


def test_tiles_of_copies_are_the_same(tissue: SlideFacts, tmp_path: Path) -> None:
    slides, stage = tmp_path / "slides", tmp_path / "local" / "disk"
    slides.mkdir()
    for name in ("a.tif", "b.tif", "c.tif"):
        os.link(tissue.path, slides / name)
    assert cut(tmp_path / "one", slides, "--size=64", workers=2) == 0
    # What a killed run has left, and what is somebody else's.
    left = WorkFolder(stage / "stage-0123")
    left.take()
    (left.path / "a.tif").write_bytes(b"old")
    left.release()
    (stage / "mine").write_text("mine")
    opened: list[str | Path] = ["--stage", stage, "--size=64"]
    assert cut(tmp_path / "two", slides, *opened, workers=2) == 0
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    assert contents(stage) == {"mine": b"mine"}
    assert cut(tmp_path / "two", slides, *opened, "--resume") == 0
    (tmp_path / "two" / "b" / "b_0_0.jpg").unlink()
    assert cut(tmp_path / "two", slides, *opened, "--resume") == 0
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def test_what_cannot_be_copied_is_read_where_it_is(
    tissue: SlideFacts, tmp_path: Path
) -> None:
    limited = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))\n"
        "from openslide.cli import main\n"
        "if __name__ == '__main__':\n"
        "    sys.exit(main(sys.argv[1:]))\n"
    )
    script = tmp_path / "limited.py"
    script.write_text(limited)
    out, disk = tmp_path / "out", tmp_path / "disk"
    arguments = map(str, [tissue.path, "-o", out, "--stage", disk, "--size=128"])
    done = subprocess.run(
        [sys.executable, str(script), "tiles", *arguments],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert f"{tissue.path}: it is read where it is, for it cannot be" in done.stderr
    assert "12 tiles of 1 slide" in done.stderr
    assert list(disk.iterdir()) == []


def test_failures_name_the_slide_and_not_its_copy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "text.svs"
    path.write_text("no slide")
    assert cut(tmp_path / "out", path, "--stage", tmp_path / "disk") == 1
    told = capsys.readouterr().err
    assert f"openslide: {path}: " in told
    assert "disk" not in told
