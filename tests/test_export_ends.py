"""openslide tiles when processes are killed, die or run out of space."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from openslide.cli import main
from tests.exports import contents, cut, write_tissue
from tests.slides import SlideFacts, write

ROOT = Path(__file__).parents[1]
SCRIPTS = "tests.isolated."
OPTIONS = ("--size=32", "--shard-size=50", "--workers=1")  # 4 parts of 192 tiles

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no signals to kill with"
)


@pytest.fixture(scope="module")
def tissue(tmp_path_factory: pytest.TempPathFactory) -> SlideFacts:
    return write_tissue(tmp_path_factory.mktemp("slides"))


class Uninterrupted(dict[str, dict[str, bytes]]):
    """By kind of output, what an uninterrupted run writes."""

    def __init__(self, path: Path, folder: Path) -> None:
        super().__init__()
        self._path, self._folder = path, folder

    def __missing__(self, to: str) -> dict[str, bytes]:
        if to == "zarr":
            pytest.importorskip("zarr")
        assert cut(self._folder / to, self._path, *OPTIONS, f"--to={to}") == 0
        self[to] = contents(self._folder / to)
        return self[to]


@pytest.fixture(scope="module")
def uninterrupted(
    tissue: SlideFacts, tmp_path_factory: pytest.TempPathFactory
) -> Uninterrupted:
    return Uninterrupted(tissue.path, tmp_path_factory.mktemp("uninterrupted"))


def start(*arguments: object) -> subprocess.Popen[str]:
    """A fresh Python with a process group of its own, which signals may reach."""
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ends(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Status and standard error of a process that leaves no other behind."""
    _, told = process.communicate(timeout=60)
    for _ in range(100):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return process.returncode, told
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    pytest.fail("a process was left behind")


def whole_files(found: Mapping[str, bytes]) -> dict[str, bytes]:
    """Those outside of workspaces."""
    return {name: data for name, data in found.items() if not name.startswith(".")}


# Kills


@pytest.mark.parametrize(
    ("to", "who", "number"),
    [
        ("images", "program", 1),  # the work folder is made
        ("images", "program", 4),
        ("images", "worker", 200),
        ("images", "group", 301),
        ("webdataset", "program", 6),
        ("webdataset", "parent", 9),
        ("zarr", "program", 9),
        ("zarr", "group", 71),
    ],
)
def test_kills(
    tissue: SlideFacts,
    tmp_path: Path,
    uninterrupted: Uninterrupted,
    to: str,
    who: str,
    number: int,
) -> None:
    expected = uninterrupted[to]
    out = tmp_path / "out"
    arguments = [tissue.path, "-o", out, *OPTIONS, f"--to={to}"]
    script = SCRIPTS + "export_killed"
    status, told = ends(start("-m", script, who, str(number), *arguments))
    if who == "worker":
        assert status == 1
        assert (
            f"{tissue.path}: the process that worked on it ended with SIGKILL" in told
        )
    else:
        assert status == -signal.SIGKILL
    left = whole_files(contents(out))
    assert left.items() <= expected.items()
    assert len(left) < len(expected)
    assert cut(out, tissue.path, *OPTIONS, f"--to={to}", "--resume") == 0
    assert contents(out) == expected
    assert not any(name.startswith(".") for name in os.listdir(out))


@pytest.mark.skipif(sys.platform != "linux", reason="no forks are used here")
@pytest.mark.parametrize(
    ("who", "number", "expected_status"),
    [("program", 6, -signal.SIGKILL), ("worker", 8, 1), ("parent", 5, 0)],
)
def test_kills_of_several_processes(
    tissue: SlideFacts,
    tmp_path: Path,
    uninterrupted: Uninterrupted,
    who: str,
    number: int,
    expected_status: int,
) -> None:
    """They are forks of another one, their parent, which they outlive."""
    out = tmp_path / "out"
    options = (*OPTIONS[:2], "--workers=2", "--to=webdataset")
    script = SCRIPTS + "export_killed"
    arguments = who, str(number), tissue.path, "-o", out, *options
    status, told = ends(start("-m", script, *arguments))
    assert status == expected_status
    assert ("ended with SIGKILL" in told) == (who == "worker")
    assert cut(out, tissue.path, *OPTIONS, "--to=webdataset", "--resume") == 0
    assert contents(out) == uninterrupted["webdataset"]


def test_ctrl_c(
    tissue: SlideFacts, tmp_path: Path, uninterrupted: Uninterrupted
) -> None:
    expected = uninterrupted["images"]
    out = tmp_path / "out"
    process = start("-m", "openslide", "tiles", tissue.path, "-o", out, *OPTIONS)
    while not (out / "tissue").exists() and process.poll() is None:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    status, told = ends(process)
    assert status == 130
    assert "Traceback" not in told
    assert whole_files(contents(out)).items() <= expected.items()
    assert cut(out, tissue.path, *OPTIONS, "--resume") == 0
    assert contents(out) == expected


def test_leftovers_are_those_of_the_slide(tissue: SlideFacts, tmp_path: Path) -> None:
    """Files that are being written for one slide are not in the way of another."""
    folder = tmp_path / "slides"
    folder.mkdir()
    for name in ("a", "aa", "a-000000", "a_0_0", "a-sheet"):
        os.link(tissue.path, folder / f"{name}.tif")
    out = tmp_path / "out"
    assert cut(out, folder, *OPTIONS, "--to=webdataset", workers=2) == 0
    assert len(list(out.glob("*.tar"))) == 5 * 4
    assert not any(name.startswith(".") for name in os.listdir(out))


# Slides that are fatal


def fatal_slide(folder: Path) -> Path:
    """One that libopenslide crashes at; see docs/known-crashes.md."""
    path = write("vmu", folder).path
    path.write_bytes(path.read_bytes().replace(b"BitsPerPixel=36", b"BitsPerPixel=24"))
    return path


def test_a_slide_that_crashes_processes(
    tissue: SlideFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fatal = fatal_slide(tmp_path / "slides")
    os.link(tissue.path, tmp_path / "slides" / "z.tif")
    out = tmp_path / "out"
    assert cut(out, tissue.path, tmp_path / "slides", *OPTIONS) == 1
    told = capsys.readouterr().err.splitlines()
    failures = [line for line in told if line.startswith("openslide: ")]
    assert len(failures) == 1
    assert failures[0].startswith(f"openslide: {fatal}: ")
    assert told[-1] == f"{2 * 192} tiles of 2 slides in {out}"


def test_a_slide_that_is_deleted_meanwhile(
    tissue: SlideFacts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "gone.tif"
    os.link(tissue.path, path)
    import openslide.export as export

    find = export.find_slides

    def find_and_delete(*arguments: object, **options: object) -> object:
        found = find(*arguments, **options)  # type: ignore[arg-type]
        path.unlink()
        return found

    monkeypatch.setattr(export, "find_slides", find_and_delete)
    assert cut(tmp_path / "out", path, tissue.path, *OPTIONS) == 1
    told = capsys.readouterr().err.splitlines()
    assert any(line.startswith("openslide: ") and str(path) in line for line in told)
    assert told[-1].startswith("192 tiles of 1 slide")


# Space


def test_no_space(
    tissue: SlideFacts, tmp_path: Path, uninterrupted: Uninterrupted
) -> None:
    """A limit of the size of files is met as a full disk is."""
    out = tmp_path / "out"
    limited = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000))\n"
        "from openslide.cli import main\n"
        "if __name__ == '__main__':\n"
        "    sys.exit(main(sys.argv[1:]))\n"
    )
    script = tmp_path / "limited.py"
    script.write_text(limited)
    arguments = ["tiles", tissue.path, "-o", out, *OPTIONS, "--to=webdataset"]
    status, told = ends(start(script, *arguments))
    assert status == 1
    assert "File too large" in told
    assert "Traceback" not in told
    expected = uninterrupted["webdataset"]
    assert whole_files(contents(out)).items() <= expected.items()
    assert main([*map(str, arguments), "--resume"]) == 0
    assert contents(out) == expected


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_folder_that_must_not_be_written(
    tissue: SlideFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o500)
    try:
        assert cut(tmp_path / "out", tissue.path) == 1
    finally:
        tmp_path.chmod(0o700)
    assert str(tmp_path / "out") in capsys.readouterr().err
