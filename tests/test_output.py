"""How results get to a disk: whole or not at all, by one run at a time."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from openslide import ImageSlide
from openslide.cli import main
from openslide.export import FoundSlide, TileOptions, export_tiles
from openslide.output.encoding import Encoding, Format
from openslide.output.lock import BusyError
from openslide.output.whole import whole_file
from openslide.trees import TreeOptions, TreeSummary, write_tree
from tests.disks import files_of_at_most, needs_limits, on_small_disk
from tests.exports import contents, cut, work_folder, write_tissue
from tests.slides import SlideFacts, write_generic

ROOT = Path(__file__).parents[1]
NAME = "tissue"

Arguments: TypeAlias = tuple["str | Path", ...]


@pytest.fixture(scope="module")
def tissue(tmp_path_factory: pytest.TempPathFactory) -> SlideFacts:
    return write_tissue(tmp_path_factory.mktemp("slides"))


def run(*arguments: str | Path) -> int:
    return main([*map(str, arguments)])


REGION = ("--location", "0", "0", "--size", "300", "300")

#: Commands that write a single picture, and the options of each.
PICTURES: list[tuple[str, tuple[str, ...]]] = [("region", REGION), ("thumbnail", ())]


class Reports:
    """A report that does something at the first tiles."""

    def __init__(self, action: Callable[[], object] = lambda: None) -> None:
        self._action: Callable[[], object] | None = action

    def expect(self, tiles: int, *, done: int = 0) -> None:
        pass

    def advance(self, tiles: int) -> None:
        action, self._action = self._action, None
        if action is not None:
            action()

    def tell(self, line: str) -> None:
        pass

    def finish(self, what: str) -> None:
        pass


# Somebody else's folders


@pytest.mark.parametrize("resume", [[], ["--resume"]])
@pytest.mark.parametrize("to", ["images", "webdataset", "zarr"])
def test_hidden_folders_of_the_user(
    tissue: SlideFacts, tmp_path: Path, to: str, resume: list[str]
) -> None:
    """`openslide tiles ssh.svs -o ~` leaves ~/.ssh alone."""
    if to == "zarr":
        pytest.importorskip("zarr")
    out = tmp_path / "home"
    mine = {f".{NAME}/id": b"key", f".{NAME}/journal": b"dear diary\n"}
    for name, content in mine.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(content)
    for _ in range(2):
        options = ("--size=256", f"--to={to}", *resume)
        assert cut(out, tissue.path, *options, workers=2) == 0
        assert mine.items() <= contents(out).items()
        assert [name for name in os.listdir(out) if name[0] == "."] == [f".{NAME}"]
        resume = ["--resume"]


@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_hidden_folders_beside_a_tree(
    tissue: SlideFacts, tmp_path: Path, resume: list[str]
) -> None:
    mine = {f".{NAME}{end}/tile.part": b"mine" for end in ("", ".begun", ".part")}
    for name, content in mine.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(content)
    assert run("dzi", tissue.path, "-o", tmp_path / NAME, *resume) == 0
    assert mine.items() <= contents(tmp_path).items()


@pytest.mark.parametrize("has_aside", [False, True])
@pytest.mark.parametrize("command", ["tiles", "dzi"])
def test_a_folder_without_a_marker(
    tissue: SlideFacts,
    tmp_path: Path,
    command: str,
    has_aside: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is not ours, even where it is called so, and whatever is in it."""
    folder = work_folder(tmp_path / "out" / NAME)
    folder.mkdir(parents=True)
    (folder / "mine").write_text("mine")
    if has_aside:
        (folder / "aside").mkdir()
        (folder / "aside" / "mine.part").write_text("mine")
    before = contents(tmp_path / "out")
    out = folder.parent if command == "tiles" else folder.parent / NAME
    for resume in ([], ["--resume"]):
        assert run(command, tissue.path, "-o", out, *resume) == 1
        assert f"{folder} is there already" in capsys.readouterr().err
        assert contents(tmp_path / "out") == before
    (folder / "openslide-work").write_text("no marker")
    assert run(command, tissue.path, "-o", out) == 1
    assert set(contents(tmp_path / "out")) > set(before)


def test_a_link_in_place_of_the_folder(tissue: SlideFacts, tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    work_folder(out / NAME).symlink_to(elsewhere)
    assert cut(out, tissue.path, "--size=256") == 1
    assert list(elsewhere.iterdir()) == []


def test_an_empty_folder_is_welcome(tissue: SlideFacts, tmp_path: Path) -> None:
    """One is left by a kill in the first moment or the last."""
    work_folder(tmp_path / NAME).mkdir()
    assert cut(tmp_path, tissue.path, "--size=256") == 0
    assert not work_folder(tmp_path / NAME).exists()


@pytest.mark.parametrize("marker", [b"", b"This folder is"])
def test_a_marker_that_was_cut_off(
    tissue: SlideFacts, tmp_path: Path, marker: bytes
) -> None:
    folder = work_folder(tmp_path / NAME)
    folder.mkdir()
    (folder / "openslide-work").write_bytes(marker)
    (folder / "aside").mkdir()
    (folder / "aside" / "left.part").write_bytes(b"half")
    assert cut(tmp_path, tissue.path, "--size=256") == 0
    assert not folder.exists()


def test_later_shards_of_somebody_else(
    tissue: SlideFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / f"{NAME}-000002.tar"
    mine.write_text("mine")
    options = ("--to=webdataset", "--size=64", "--shard-size=20")
    assert cut(tmp_path, tissue.path, *options) == 1
    assert f"{mine} is there already" in capsys.readouterr().err
    assert contents(tmp_path) == {mine.name: b"mine"}


def test_associated_images_of_somebody_else(tmp_path: Path) -> None:
    class Labelled(ImageSlide):
        associated_images = {"label": Image.new("RGBA", (9, 9))}  # noqa: RUF012

    mine = tmp_path / "tree_associated" / "label.jpeg"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(FileExistsError, match="is there already"):
        tree(tmp_path / "tree", slide=Labelled(Image.new("RGB", (50, 50))))
    assert contents(tmp_path) == {"tree_associated/label.jpeg": b"mine"}


# Full disks


def is_whole(path: Path) -> bool:
    with Image.open(path) as image:
        image.load()  # raises where it is cut off
    return True


@needs_limits
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize(("command", "options"), PICTURES)
@pytest.mark.parametrize("size", [0, 1000, 4096])
def test_pictures_at_a_limit(
    tissue: SlideFacts,
    tmp_path: Path,
    command: str,
    options: tuple[str, ...],
    suffix: str,
    size: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / f"picture{suffix}"
    arguments: Arguments = (command, tissue.path, "-o", output, *options)
    with files_of_at_most(size):
        assert run(*arguments) == 1
    assert f"cannot save {output}: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert run(*arguments) == 0
    before = output.read_bytes()
    with files_of_at_most(size):
        assert run(*arguments) == 1
    assert contents(tmp_path) == {output.name: before}  # the old one is there still
    assert is_whole(output)


@needs_limits
def test_associated_images_at_a_limit(
    facts: SlideFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with files_of_at_most(100):
        assert run("associated", facts.path, "--all", "-o", tmp_path / "out") == 1
    assert "File too large" in capsys.readouterr().err
    assert contents(tmp_path) == {}


@needs_limits
@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("method", ["shrink", "exact"])
def test_a_tree_at_a_limit(
    tissue: SlideFacts,
    tmp_path: Path,
    format: str,
    method: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ("--tile-size=100", f"--format={format}", f"--method={method}")
    assert run("dzi", tissue.path, "-o", tmp_path / "whole" / "tree", *options) == 0
    expected = contents(tmp_path / "whole")
    sizes = sorted(map(len, expected.values()))
    out = tmp_path / "parts" / "tree"
    with files_of_at_most(sizes[len(sizes) * 3 // 4]):
        assert run("dzi", tissue.path, "-o", out, *options) == 1
    assert "File too large" in capsys.readouterr().err
    left = {
        name: file
        for name, file in contents(tmp_path / "parts").items()
        if not name.startswith(".")
    }
    assert left.items() <= expected.items()
    assert run("dzi", tissue.path, "-o", out, *options, "--resume") == 0
    assert contents(tmp_path / "parts") == expected


@needs_limits
@pytest.mark.parametrize("to", ["images", "webdataset", "zarr"])
def test_an_export_at_a_limit(
    tissue: SlideFacts, tmp_path: Path, to: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if to == "zarr":
        pytest.importorskip("zarr")
    options = ("--size=64", "--shard-size=20", "--format=png", f"--to={to}")
    assert cut(tmp_path / "whole", tissue.path, *options) == 0
    expected = contents(tmp_path / "whole")
    out = tmp_path / "parts"
    with files_of_at_most(8000):
        assert cut(out, tissue.path, *options) == 1
    told = capsys.readouterr().err
    assert "File too large" in told
    assert "Traceback" not in told
    left = {n: f for n, f in contents(out).items() if not n.startswith(".")}
    assert left.items() <= expected.items()
    assert cut(out, tissue.path, *options, "--resume") == 0
    assert contents(out) == expected


@needs_limits
def test_a_journal_at_a_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It costs the slide whose journal it is, and no other."""
    (tmp_path / "in").mkdir()
    for name, side in (("large", 72), ("small", 9)):
        pixels = np.full((side, side, 3), 200, np.uint8)
        write_generic(tmp_path / "in", name=name, image=pixels, factors=(1,))
    options = ("--size=3", "--shard-size=1")  # a line for each tile
    out = tmp_path / "parts"
    with files_of_at_most(21000):
        assert cut(out, tmp_path / "in", *options) == 1
    told = capsys.readouterr().err.splitlines()
    failures = [line for line in told if line.startswith("openslide: ")]
    assert len(failures) == 1
    assert "large.tif: " in failures[0]
    assert f"File too large: '{work_folder(out / 'large') / 'journal'}'" in failures[0]
    assert told[-1] == f"9 tiles of 1 slide in {out}"
    assert cut(out, tmp_path / "in", *options, "--resume") == 0
    assert len(list((out / "large").iterdir())) == 24 * 24
    assert not work_folder(out / "large").exists()


@pytest.mark.parametrize(
    ("command", "options", "output", "kilobytes"),
    [
        ("region", REGION, "picture.jpg", 4),
        ("thumbnail", (), "picture.png", 48),
        ("dzi", ("--format", "png"), "tree", 4),
        ("dzi", ("--format", "png"), "tree", 96),
        ("tiles", ("--format", "png"), "", 4),
        ("tiles", ("--to", "webdataset", "--format", "png"), "", 96),
    ],
)
def test_a_full_disk(
    tissue: SlideFacts,
    tmp_path: Path,
    command: str,
    options: tuple[str, ...],
    output: str,
    kilobytes: int,
) -> None:
    disk = tmp_path / "disk"
    arguments: Arguments = (command, tissue.path, "-o", disk / output, *options)
    done = on_small_disk(disk, kilobytes, *arguments)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    left = {n: f for n, f in contents(disk).items() if not n.startswith(".")}
    whole = tmp_path / "whole"
    assert run(command, tissue.path, "-o", whole / output, *options) == 0
    expected = contents(whole)
    assert left.items() <= expected.items()
    if command in ("dzi", "tiles"):
        assert run(*arguments, "--resume") == 0
        assert contents(disk) == expected


# Two runs


def tree(
    out: Path,
    report: Reports | None = None,
    slide: ImageSlide | None = None,
    **options: Any,
) -> TreeSummary:
    if slide is None:
        pixels = np.arange(120 * 90 * 3, dtype=np.uint8).reshape(90, 120, 3)
        slide = ImageSlide(Image.fromarray(pixels))
    return write_tree(
        slide,
        out,
        TreeOptions(tile_size=20, **options),
        threads=2,
        resume=True,
        report=report or Reports(),
    )


def test_a_second_run_of_a_tree(tmp_path: Path) -> None:
    """Also in the same process: it is refused, and breaks nothing."""
    refused = []

    def again() -> None:
        with pytest.raises(BusyError, match="another run is at work"):
            tree(tmp_path / "tree")
        refused.append(True)

    tree(tmp_path / "tree", Reports(again))
    assert refused
    tree(tmp_path / "once" / "tree")
    found = {n: f for n, f in contents(tmp_path).items() if not n.startswith("once/")}
    assert found == contents(tmp_path / "once")
    tree(tmp_path / "tree")  # complete, and free


def test_a_second_run_of_an_export(tissue: SlideFacts, tmp_path: Path) -> None:
    slides = [FoundSlide(tissue.path, NAME)]
    options = TileOptions(size=32, shard_size=20)
    reasons: list[str] = []

    def again() -> None:
        summary = export_tiles(
            slides, tmp_path, options, workers=1, resume=True, report=Reports()
        )
        reasons.extend(failure.reason for failure in summary.failures)

    report = Reports(again)
    first = export_tiles(
        slides, tmp_path, options, workers=1, resume=True, report=report
    )
    assert [reason.partition(" in ")[0] for reason in reasons] == [
        "another run is at work"
    ]
    assert (first.slides, first.tiles, first.failures) == (1, 192, [])


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "openslide", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    "command",
    [
        ("dzi", "--tile-size=16"),
        ("tiles", "--size=32", "--shard-size=32", "--to=webdataset"),
    ],
)
def test_runs_at_the_same_time(
    tissue: SlideFacts, tmp_path: Path, command: tuple[str, ...]
) -> None:
    name, *options = command
    output = NAME if name == "dzi" else ""
    slides: list[str | Path] = [tissue.path]
    if name == "tiles":  # they share the work
        other = tmp_path / "other.tif"
        os.link(tissue.path, other)
        slides.append(other)
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert run(name, *slides, "-o", whole / output, *options) == 0
    arguments: list[str | Path] = [name, *slides, "-o", out / output, *options]
    arguments.append("--resume")
    processes = [start(*arguments) for _ in range(2)]
    ends = [process.communicate(timeout=100)[1] for process in processes]
    statuses = [process.returncode for process in processes]
    assert 0 in statuses
    for status, told in zip(statuses, ends, strict=True):
        assert status == 0 or "another run is at work" in told, told
        assert "Traceback" not in told
    assert contents(out) == contents(whole)


def test_a_killed_run_holds_nothing(tissue: SlideFacts, tmp_path: Path) -> None:
    out = tmp_path / NAME
    process = start("dzi", tissue.path, "-o", out, "--tile-size=16", "--format=png")
    while not work_folder(out).exists() and process.poll() is None:
        pass
    process.kill()
    process.communicate()
    options = ("--tile-size=16", "--format=png", "--resume")
    assert run("dzi", tissue.path, "-o", out, *options) == 0


def test_no_warning_of_locks(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree(tmp_path / "tree")


# Names


def test_names_as_long_as_can_be(tissue: SlideFacts, tmp_path: Path) -> None:
    picture = tmp_path / f"{'p' * 251}.png"
    assert run("thumbnail", tissue.path, "-o", picture) == 0
    assert is_whole(picture)
    for number in range(2):  # told apart by their last letter
        out = tmp_path / f"{'t' * 248}{number}"
        assert run("dzi", tissue.path, "-o", out) == 0
        assert len(f"{out.name}_files") == 255
    long = tmp_path / f"{'ö' * 125}.tif"
    os.link(tissue.path, long)
    assert cut(tmp_path / "out", long, "--size=256") == 0
    assert not any(name.startswith(".") for name in os.listdir(tmp_path))


def test_an_emptied_tile_is_made_again(tmp_path: Path) -> None:
    """So a power failure leaves files that were not settled."""

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tree(tmp_path / "parts" / "tree", Reports(stop))
    emptied = next((tmp_path / "parts" / "tree_files").rglob("*.jpeg"))
    emptied.write_bytes(b"")
    tree(tmp_path / "parts" / "tree")
    tree(tmp_path / "whole" / "tree")
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


@pytest.mark.parametrize("copied", [False, True])
def test_a_large_file_that_is_settled_while_it_is_written(
    copied: bool, tmp_path: Path
) -> None:
    pieces = [bytes([i]) * 700_000 for i in range(8)]
    path = tmp_path / "new" / "file"
    with whole_file(path, settled=True, copied=copied) as file:
        for piece in pieces:
            file.write(piece)
        file.write_at(1, b"there")
        assert not path.exists()
        assert file.size == 8 * 700_000
        file.write(b"".join(pieces))  # from where no block of a disk begins
    assert path.read_bytes() == b"\0there" + b"".join(pieces)[6:] + b"".join(pieces)


@needs_limits
@pytest.mark.parametrize("most", [3_000_000, 1 << 22])
def test_a_large_file_at_a_limit(most: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    with (
        files_of_at_most(most),
        pytest.raises(OSError, match=r"File too large: .*/file'"),
        whole_file(path, settled=True, copied=True) as file,
    ):
        file.write(bytes(5_000_000))
    assert list(tmp_path.iterdir()) == []


@hypothesis.settings(max_examples=30)
@hypothesis.given(
    sizes=st.lists(st.sampled_from([0, 1, 4095, 1 << 20, 1 << 21]), max_size=6)
)
def test_pieces_of_a_copied_file(sizes: list[int]) -> None:
    pieces = [bytes([i + 1]) * size for i, size in enumerate(sizes)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        with whole_file(path, copied=True) as file:
            for piece in pieces:
                file.write(piece)
        assert path.read_bytes() == b"".join(pieces)


# Pixels to bytes


@hypothesis.settings(max_examples=60)
@hypothesis.given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    quality=st.integers(1, 100),
    profile=st.sampled_from(
        [None, b"", b"p", b"q" * 65519, b"r" * 65520, b"s" * 200000]
    ),
    mode=st.sampled_from(["RGB", "RGBX"]),
    format=st.sampled_from(["jpeg", "png", "webp", "tiff"]),
    comment=st.sampled_from([None, b"a comment"]),
)
def test_files_are_those_of_pillow(
    width: int,
    height: int,
    quality: int,
    profile: bytes | None,
    mode: str,
    format: Format,
    comment: bytes | None,
) -> None:
    rng = np.random.default_rng(width * 100 + height)
    image = Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))
    if comment is not None:
        image.info["comment"] = comment
    options: dict[str, Any] = {"icc_profile": profile}
    if format in ("jpeg", "webp"):
        options["quality"] = quality
    if format == "tiff":
        options["compression"] = "tiff_lzw"
    expected = BytesIO()
    image.save(expected, format, **options)
    given = image if mode == "RGB" else image.convert("RGBX")
    given.info = dict(image.info)
    assert Encoding(format, quality).encode(given, profile) == expected.getvalue()


@pytest.mark.parametrize("quality", ["101", "500"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize(("command", "options"), PICTURES)
def test_no_such_quality(
    tissue: SlideFacts,
    tmp_path: Path,
    command: str,
    options: tuple[str, ...],
    suffix: str,
    quality: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / f"picture{suffix}"
    arguments: Arguments = (
        *(command, tissue.path, "-o", output),
        *(*options, "--quality", quality),
    )
    assert run(*arguments) == 1
    message = f"quality must be from 1 to 100, not {quality}"
    assert message in capsys.readouterr().err
    assert not output.exists()


def test_no_such_quality_of_tiles(tissue: SlideFacts, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="quality must be from 1 to 100, not 500"):
        export_tiles(
            [FoundSlide(tissue.path, NAME)],
            tmp_path / "out",
            TileOptions(quality=500),
            workers=1,
            resume=False,
            report=Reports(),
        )
    assert not (tmp_path / "out").exists()
