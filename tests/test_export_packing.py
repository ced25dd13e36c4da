"""openslide tiles: shards of all slides."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path

import pytest

from openslide.output.journal import Journal
from openslide.output.work import WorkFolder
from tests.exports import contents, cut, write_tissue
from tests.slides import SlideFacts

OPTIONS = ["--to=webdataset", "--size=128", "--shard-size=7"]


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three slides of 12 tiles, one of a name that tar finds long."""
    folder = tmp_path_factory.mktemp("slides")
    tissue: SlideFacts = write_tissue(folder, "b")
    os.link(tissue.path, folder / "a.tif")
    os.link(tissue.path, folder / f"{'ö' * 60}.tif")
    return folder


@pytest.fixture(scope="module")
def once(slides: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where they were cut, and their shards shuffled."""
    out = tmp_path_factory.mktemp("once")
    assert cut(out, slides, *OPTIONS, "--shuffle=5") == 0
    return out


def members(folder: Path, pattern: str) -> list[list[tuple[str, bytes]]]:
    """By shard, the names and contents of its members."""
    found = []
    for path in sorted(folder.glob(pattern)):
        with tarfile.open(path) as tar:
            found.append([(m.name, tar.extractfile(m).read()) for m in tar])  # type: ignore[union-attr]
    return found


def test_shuffled_shards_have_all_samples(once: Path) -> None:
    shards = members(once, "dataset-*.tar")
    assert [len(shard) for shard in shards] == [14, 14, 14, 14, 14, 2]
    together = [member for shard in shards for member in shard]
    single = [m for shard in members(once, "[!d]*.tar") for m in shard]
    assert sorted(together) == sorted(single)
    assert together != single
    for about, image in zip(together[::2], together[1::2], strict=True):
        assert about[0].removesuffix(".json") == image[0].removesuffix(".jpg")
    assert len({name[0] for name, _ in shards[0]}) > 1  # of several slides


def test_shuffles_depend_on_the_seed_alone(
    once: Path, slides: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = ["--part=2/2", "--shuffle=5"]
    assert cut(tmp_path / "parts", slides, *OPTIONS, *part, workers=2) == 0
    assert "no shards of all slides yet: " in capsys.readouterr().err
    assert not list((tmp_path / "parts").glob("dataset*"))
    assert (
        cut(
            tmp_path / "parts", slides, *OPTIONS, "--part=1/2", "--shuffle=5", workers=2
        )
        == 0
    )
    assert contents(tmp_path / "parts") == contents(once)
    shutil.copytree(once, tmp_path / "again")
    again: list[str | Path] = [slides, *OPTIONS, "--resume"]
    inode = (tmp_path / "again" / "dataset-000000.tar").stat().st_ino
    assert cut(tmp_path / "again", *again, "--shuffle=5", workers=2) == 0
    assert (tmp_path / "again" / "dataset-000000.tar").stat().st_ino == inode
    (tmp_path / "again" / "dataset-000003.tar").unlink()
    assert cut(tmp_path / "again", *again, "--shuffle=5", workers=2) == 0
    assert contents(tmp_path / "again") == contents(once)
    assert cut(tmp_path / "again", *again, "--shuffle=6", workers=2) == 0
    other = members(tmp_path / "again", "dataset-*.tar")
    assert [len(shard) for shard in other] == [14, 14, 14, 14, 14, 2]
    assert other != members(once, "dataset-*.tar")


def test_shards_of_limited_size(once: Path, slides: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(once, out)
    sizes = ["--shard-bytes=60k", "--resume"]
    assert cut(out, slides, *OPTIONS[:2], "--shard-size=7", *sizes) == 0
    shards = sorted(out.glob("dataset-*.tar"))
    assert all(path.stat().st_size <= 60000 for path in shards)
    found = [m for shard in members(out, "dataset-*.tar") for m in shard]
    single = [m for shard in members(out, "[!d]*.tar") for m in shard]
    assert found == single  # slide by slide, in order
    assert cut(out, slides, *OPTIONS, "--shard-bytes=1G", "--resume") == 0
    assert len(list(out.glob("dataset-*.tar"))) == 6


def test_shards_of_all_slides_wait_for_all(
    slides: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.svs"
    broken.write_text("no slide")
    out = tmp_path / "out"
    arguments = [str(slides / "a.tif"), str(broken), *OPTIONS, "--shuffle=1"]
    assert cut(out, *arguments) == 1
    told = capsys.readouterr().err
    assert not list(out.glob("dataset*"))
    assert "no shards of all slides yet: 1 slide is not complete, " in told
    with pytest.raises(SystemExit):
        cut(out, slides, "--shuffle=1")
    assert "choose --to webdataset" in capsys.readouterr().err


def test_a_slide_that_is_called_like_the_shards(
    slides: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "dataset.tif"
    os.link(slides / "a.tif", path)
    out = tmp_path / "out"
    assert cut(out, path, *OPTIONS, "--shuffle=1") == 1
    assert "a slide is called 'dataset'" in capsys.readouterr().err
    assert cut(out, path, *OPTIONS, "--resume") == 0


def test_going_on_after_a_kill(once: Path, slides: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(once, out)
    (out / "dataset.json").unlink()
    work = WorkFolder(out / "dataset")
    work.take()
    Journal(work.path / "journal").add({"shards": 9})  # more, before it was killed
    (work.aside / "half").write_text("half")
    work.release()
    shutil.copy(out / "dataset-000000.tar", out / "dataset-000008.tar")
    again: list[str | Path] = [slides, *OPTIONS, "--shuffle=5"]
    assert cut(out, *again, "--resume") == 0
    assert contents(out) == contents(once)
