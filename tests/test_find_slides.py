"""Which slides there are in folders, and what they are called."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from openslide._diagnosis import diagnose
from openslide.export import LeftOut, find_slides
from tests.conftest import Slides
from tests.slides import WRITERS, SlideFacts, write


@pytest.fixture
def svs(slides: Mapping[str, SlideFacts]) -> Path:
    return slides["aperio-jpeg"].path


def names(*arguments: str | Path, without: Path | None = None) -> list[str]:
    return [slide.name for slide in find_slides(arguments, without=without)]


@pytest.mark.requires_openslide("4.0.1")  # the first that reads them all
def test_one_entry_for_each_slide_of_every_format(
    slides: Slides, tmp_path: Path
) -> None:
    folder = tmp_path / "slides"
    folder.mkdir()
    for name in WRITERS:
        assert slides[name].path.exists()
        for entry in slides.folder(name).iterdir():
            (folder / entry.name).symlink_to(entry)
    found = {slide.name: slide.path for slide in find_slides([folder])}
    renamed = {"vms": "vms_slide", "vmu": "vmu_slide"}
    assert set(found) == {renamed.get(name, name) for name in WRITERS}
    assert found["trestle"].suffix == ".tif"
    assert found["mirax"].suffix == ".mrxs"
    assert all(path.is_absolute() for path in found.values())


def test_files_of_a_series_are_one_slide(slides: Mapping[str, SlideFacts]) -> None:
    folder = slides["dicom-jpeg"].path.parent
    files = sorted(folder.glob("*.dcm"))
    assert len(files) > 1
    assert names(*files) == ["dicom-jpeg"]  # as a shell expands a pattern
    assert names(f"{folder}/*.dcm") == ["dicom-jpeg"]
    assert names(folder) == ["dicom-jpeg"]
    assert names(files[0]) == [files[0].stem]


@pytest.mark.requires_openslide("4.0.0")
def test_two_series_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    for name in ("a", "b"):
        path = write("dicom-jpeg" if name == "a" else "dicom-sparse", tmp_path).path
        for file in path.parent.glob("*.dcm"):
            folder.mkdir(exist_ok=True)
            shutil.copy(file, folder / f"{name}-{file.name}")
    found = names(folder)
    assert len(set(found)) == 2
    assert all(re.fullmatch("scans-[0-9a-f]{8}", name) for name in found)


def test_names_are_safe_and_distinct(svs: Path, tmp_path: Path) -> None:
    files = {
        "plain.svs": "plain",
        "with.dots.svs": "with_dots",
        "with space.svs": "with_space",
        "sub/folder/deep.svs": "sub_folder_deep",
        "größe-Ü.svs": "größe-Ü",
    }
    for file in files:
        path = tmp_path / "a" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(svs, path)
    found = {slide.path: slide.name for slide in find_slides([tmp_path / "a"])}
    assert found == {tmp_path / "a" / file: name for file, name in files.items()}


@pytest.mark.parametrize(
    "files",
    [
        ("a/x.svs", "b/x.svs"),
        ("a/x.svs", "b/X.svs"),
        ("a/x y.svs", "a/x_y.svs"),
        ("a/sub/x.svs", "b/sub_x.svs"),
    ],
)
def test_slides_of_one_name(svs: Path, tmp_path: Path, files: tuple[str, ...]) -> None:
    for file in files:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(svs, path)
    folders = dict.fromkeys(tmp_path / file.split("/")[0] for file in files)
    found = find_slides(folders)
    assert len({slide.name.casefold() for slide in found}) == 2
    for slide in found:
        assert re.fullmatch(r"(?i)(sub_)?x(_y)?-[0-9a-f]{8}", slide.name)
    assert find_slides(folders) == found


def test_long_names_are_cut(svs: Path, tmp_path: Path) -> None:
    folder = tmp_path / ("f" * 150) / ("g" * 150)
    folder.mkdir(parents=True)
    os.link(svs, folder / "slide.svs")
    (name,) = names(tmp_path)
    assert re.fullmatch("f*_g*_slide-[0-9a-f]{8}", name)
    assert len(name) < 200


def test_what_is_no_slide_is_left_out_of_folders(svs: Path, tmp_path: Path) -> None:
    os.link(svs, tmp_path / "slide.svs")
    os.link(svs, tmp_path / ".hidden.svs")
    for folder in ("out", ".trash"):
        (tmp_path / folder).mkdir()
        os.link(svs, tmp_path / folder / "old.svs")
    (tmp_path / "notes.txt").write_text("no slide")
    Image.new("RGB", (9, 9)).save(tmp_path / "picture.jpg")
    (tmp_path / "broken.svs").symlink_to(tmp_path / "missing.svs")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "fifo.svs")
    assert names(tmp_path, without=tmp_path / "out") == ["slide"]
    assert names(f"{tmp_path}/*.*") == ["slide"]
    assert names(f"{tmp_path}/**", without=tmp_path / "out") == ["slide"]
    assert names(tmp_path / "picture.jpg") == ["picture"]  # a file is what it is


def test_links_to_folders_are_followed_once(svs: Path, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    os.link(svs, tmp_path / "far" / "slide.svs")
    near = tmp_path / "near"
    near.mkdir()
    (near / "link").symlink_to(tmp_path / "far")
    (near / "another").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "back").symlink_to(near)
    assert names(near) == ["another_slide"]


def test_each_slide_once(svs: Path, tmp_path: Path) -> None:
    os.link(svs, tmp_path / "slide.svs")
    again = f"{tmp_path}/../{tmp_path.name}/slide.svs"
    assert names(tmp_path / "slide.svs", tmp_path, again) == ["slide"]


@pytest.mark.parametrize("argument", ["missing.svs", "missing/*.svs"])
def test_what_stands_for_nothing(tmp_path: Path, argument: str) -> None:
    with pytest.raises(FileNotFoundError, match=re.escape(argument)):
        find_slides([tmp_path / argument])


def test_a_file_that_crashes_the_look_is_kept(svs: Path, tmp_path: Path) -> None:
    """Whoever opens it will say what is wrong; see docs/known-crashes.md."""
    path = write("sakura", tmp_path).path
    with closing(sqlite3.connect(path)) as database, database:
        (table,) = database.execute(
            "SELECT TableName FROM DataManagerSQLiteConfigXPO"
        ).fetchone()
        null = f"UPDATE {table} SET data = NULL WHERE id = '++MagicBytes'"
        assert database.execute(null).rowcount == 1
    os.link(svs, tmp_path / "sound.svs")
    assert names(tmp_path) == ["sakura", "sound"]


# Odd places


@pytest.fixture
def around(svs: Path, tmp_path: Path) -> Path:
    """A folder with a slide, and an output folder with another."""
    for path in ("in/new.svs", "in/out/old.svs"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        os.link(svs, tmp_path / path)
    (tmp_path / "link").symlink_to(tmp_path / "in" / "out")
    (tmp_path / "in" / "sub").mkdir()
    (tmp_path / "in" / "deep").symlink_to(tmp_path / "in" / "out")
    return tmp_path


@pytest.mark.parametrize(
    ("argument", "without"),
    [
        ("in/sub/../**/*.svs", "in/out"),
        ("in/**/*.svs", "in/sub/../out"),
        ("in/sub/../*", "link"),
        ("l*/../**/*.svs", "in/deep"),
        ("in", "in/sub/../out"),
        ("**", "in/out"),
    ],
)
def test_no_way_leads_into_the_output(
    around: Path, argument: str, without: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(around)
    found = find_slides([argument], without=Path(without))
    assert [slide.path for slide in found] == [around / "in" / "new.svs"]


def test_a_folder_of_the_output_that_is_given(around: Path) -> None:
    out = around / "in" / "out"
    assert names(out, without=out) == ["old"]
    assert names(out / "old.svs", without=out) == ["old"]


def test_what_leads_out_of_a_link(around: Path, svs: Path) -> None:
    """It is where the system finds it, not where the text of the path says."""
    (found,) = find_slides([around / "link" / ".." / "new.svs"])
    assert found.path == around / "in" / "new.svs"


def test_a_link_that_may_not_be_followed(svs: Path, tmp_path: Path) -> None:
    os.link(svs, tmp_path / "slide.svs")
    (tmp_path / "loop.svs").symlink_to("loop.svs")
    (tmp_path / "long.svs").symlink_to("x" * 300)
    told: list[LeftOut] = []
    found = find_slides([tmp_path], tell=told.append)
    assert [slide.name for slide in found] == ["slide"]
    assert [(each.path.name, each.is_failure) for each in told] == [
        *(("long.svs", True), ("loop.svs", True))
    ]


# What is left out


def left_out(*arguments: str | Path, pictures: bool | None = None) -> list[LeftOut]:
    told: list[LeftOut] = []
    find_slides(arguments, pictures=pictures, tell=told.append)
    return told


def test_what_looks_like_a_slide_is_missed(svs: Path, tmp_path: Path) -> None:
    os.link(svs, tmp_path / "good.svs")
    broken = {
        "cut.svs": svs.read_bytes()[:1000],
        "empty.ndpi": b"",
        "page.tif": b"<html>403</html>",
        "packed.svs.gz": gzip.compress(b"slide"),
        "slide.isyntax": b"\x01\x02",
    }
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "moved.scn").symlink_to(tmp_path / "missing.scn")
    (tmp_path / "notes.txt").write_text("no slide")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "missing.txt")
    told = left_out(tmp_path)
    missed = {each.path.name for each in told if each.is_failure}
    assert missed == {*broken, "moved.scn"}
    assert {each.kind for each in told if each.is_failure} == {"slide"}
    others = {each.path.name: each for each in told if not each.is_failure}
    assert others.keys() == {"notes.txt", "gone.txt"}
    for each in told:
        if each.path.name in broken:
            assert each.reason == diagnose(os.fsencode(each.path)).reason
    # Of files that were named, all are missed.
    assert all(each.is_failure for each in left_out(*tmp_path.iterdir()))


def test_pictures_beside_slides(svs: Path, tmp_path: Path) -> None:
    for name in ("a.png", "b.jpg", "flat.tif"):
        Image.new("RGB", (64, 64)).save(tmp_path / name)
    assert names(tmp_path) == ["a", "b", "flat"]
    assert find_slides([tmp_path], pictures=False) == []
    os.link(svs, tmp_path / "slide.svs")
    assert names(tmp_path) == ["slide"]
    told = left_out(tmp_path)
    assert {each.kind for each in told} == {"picture"}
    # TIFF files may be slides that somebody meant to convert.
    assert [each.path.name for each in told if each.is_failure] == ["flat.tif"]
    every = find_slides([tmp_path], pictures=True)
    assert [slide.name for slide in every] == ["a", "b", "flat", "slide"]
    (tmp_path / "slide.svs").unlink()
    (tmp_path / "cut.svs").write_bytes(svs.read_bytes()[:1000])
    assert names(tmp_path) == []  # they are a broken slide's, perhaps


def test_pictures_that_are_lost_are_missed(tmp_path: Path) -> None:
    """Where pictures are what is to be cut, none is left out in silence."""
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    (tmp_path / "b.png").touch()
    (tmp_path / "c.png").symlink_to("missing.png")
    assert names(tmp_path) == ["a", "b", "c"]  # who opens them will say what is wrong


@pytest.mark.requires_openslide("4.0.1")
def test_folders_patterns_and_shells_find_the_same(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    folder = tmp_path / "slides"
    for name in ("aperio-jpeg", "dicom-jpeg", "vms", "mirax", "trestle"):
        shutil.copytree(slides[name].path.parent, folder, dirs_exist_ok=True)
    Image.new("RGB", (64, 64)).save(folder / "label.png")
    (folder / "cut.svs").write_bytes(b"II*\0\x08\0\0\0")
    (folder / "gone.svs").symlink_to("missing.svs")
    (folder / "again.svs").symlink_to("aperio-jpeg.svs")
    (folder / "notes.txt").write_text("no slide")
    out = folder / "out"
    out.mkdir()
    Image.new("RGB", (64, 64)).save(out / "tile.png")
    ways: list[list[str | Path]] = [
        [folder],
        [f"{folder}/*"],
        list(folder.glob("*")),
        [f"{folder}/**"],
    ]
    found, missed = [], []
    for arguments in ways:
        told: list[LeftOut] = []
        slides_of_way = find_slides(arguments, without=out, tell=told.append)
        found.append({slide.path for slide in slides_of_way})
        missed.append({each.path for each in told if each.kind != "other"})
    assert {path.suffix for path in found[0]} == {
        *(".svs", ".dcm", ".vms", ".mrxs", ".tif")
    }
    assert len(found[0]) == 5
    assert all(each == found[0] for each in found[1:])
    assert {path.name for path in missed[0]} == {"cut.svs", "gone.svs", "label.png"}
    assert all(each == missed[0] for each in missed[1:])


def test_a_link_to_a_slide_is_that_slide(svs: Path, tmp_path: Path) -> None:
    os.link(svs, tmp_path / "slide.svs")
    for name in ("a.svs", "z.svs"):
        (tmp_path / name).symlink_to("slide.svs")
    assert names(tmp_path) == ["slide"]
    assert names(tmp_path / "a.svs", tmp_path / "z.svs") == ["a"]


def test_dicom_that_is_no_slide(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    folder = tmp_path / "scans"
    shutil.copytree(slides["dicom-jpeg"].path.parent, folder)
    data = next(folder.glob("*.dcm")).read_bytes()
    whole_slide, other = (
        b"1.2.840.10008.5.1.4.1.1.77.1.6",
        b"1.2.840.10008.5.1.4.1.1.66.4\0\0",
    )
    assert len(other) == len(whole_slide)
    (folder / "segments.dcm").write_bytes(data.replace(whole_slide, other))
    assert names(folder) == ["scans"]
    (told,) = left_out(folder)
    assert (told.path.name, told.kind, told.is_failure) == (
        "segments.dcm",
        "other",
        False,
    )
    assert "its class is 1.2.840.10008.5.1.4.1.1.66.4" in told.reason


def test_a_pattern_that_matches_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file matches"):
        find_slides([f"{tmp_path}/*.svs"])
    with pytest.raises(FileNotFoundError, match="it is a URL; download the slide"):
        find_slides(["s3://bucket/slide.svs"])
