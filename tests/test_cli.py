"""The command `openslide`."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import openslide
from openslide import OpenSlide
from openslide.cli import main
from openslide.cli._indirect import REASONS, explained
from openslide.cli._progress import Progress
from tests.slides import SlideFacts, reference, write_generic

TISSUE = reference()[950:1020, 800:900]  # 100 x 70 pixels


@pytest.fixture
def facts(tmp_path: Path) -> SlideFacts:
    return write_generic(
        tmp_path, image=TISSUE, encoding="lzw", tile=64, factors=(1, 2)
    )


def fails(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """What a command that fails says on standard error."""
    assert main([str(argument) for argument in arguments]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    message = output.err.splitlines()[-1]
    assert message.startswith("openslide: ")
    assert "Traceback" not in output.err
    return message


# openslide info


def test_info(
    slides: Mapping[str, SlideFacts], capsys: pytest.CaptureFixture[str]
) -> None:
    facts = slides["leica"]
    assert main(["info", str(facts.path)]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    lines = output.out.splitlines()
    assert lines[0] == str(facts.path)
    words = [line.split() for line in lines]
    assert ["vendor", "leica"] in words
    assert ["dimensions", "2560", "x", "1920", "pixels"] in words
    assert ["mpp", "0.5", "x", "0.5", "microns", "per", "pixel"] in words
    assert ["0", "2560", "x", "1920,", "downsample", "1"] in words
    assert ["2", "160", "x", "120,", "downsample", "16"] in words
    assert ["macro:", "640", "x", "480"] in words
    assert ["ICC", "profile", "none"] in words
    with OpenSlide(facts.path) as slide:
        for name, value in slide.properties.items():
            assert f"    {name}: {value!r}" in lines


@pytest.mark.requires_openslide("4.0.0")
def test_info_about_a_profile(
    facts: SlideFacts, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", str(facts.path)]) == 0
    with OpenSlide(facts.path) as slide:
        profile = slide.read_region((0, 0), 0, (1, 1)).info["icc_profile"]
    assert f"ICC profile {len(profile)} bytes" in capsys.readouterr().out


@pytest.mark.requires_direct_reads
def test_info_about_direct_levels(
    slides: Mapping[str, SlideFacts], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", str(slides["aperio-jpeg"].path)]) == 0
    assert capsys.readouterr().out.count("read directly") == 3
    assert main(["info", str(slides["aperio-33005"].path)]) == 0
    output = capsys.readouterr().out
    assert output.count("read by libopenslide and kept: the tiles are compressed") == 3
    assert "directly" not in output


def test_info_about_direct_reads_that_are_off(
    slides: Mapping[str, SlideFacts],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OPENSLIDE_DIRECT", "0")
    assert main(["info", str(slides["aperio-jpeg"].path)]) == 0
    said = "direct reads are turned off; unset OPENSLIDE_DIRECT to turn them on"
    assert capsys.readouterr().out.count(f"read by libopenslide: {said}\n") == 3


def test_what_can_be_done_is_said_of_every_reason() -> None:
    """The C code has the reasons as texts, each with words between quotes."""
    folder = Path(__file__).parents[1] / "ext" / "direct"
    if not folder.exists():
        pytest.skip("there are no sources beside the tests")
    # Those of native tiles are not reasons why levels are not direct.
    files = sorted(set(folder.glob("*.c")) - {folder / "native_tiles.c"})
    code = "\n".join(path.read_text() for path in files)
    code = re.sub(r"/\*.*?\*/", "", code, flags=re.DOTALL)
    code = re.sub(r'"\s+"', "", code)  # texts on several lines
    found = set(re.findall(r'"([a-z]+ [a-zA-Z0-9 ,;-]+)"', code))
    assert found == REASONS
    for reason in found:
        explanation = explained(reason)
        assert explanation.startswith(f"{reason}; ")
        assert "\n" not in explanation


def test_a_reason_that_nobody_has_heard_of() -> None:
    assert explained("the moon is full").startswith("the moon is full; please report")


def test_info_about_an_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "image.png"
    Image.new("RGB", (7, 5)).save(path)
    assert main(["info", str(path)]) == 0
    output = capsys.readouterr().out
    assert "none; read as an image" in output
    assert "7 x 5 pixels" in output
    assert "unknown" in output


def test_info_about_the_software(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    output = capsys.readouterr().out
    assert openslide.__version__ in output
    assert str(Path(openslide.__file__).parent) in output
    library = f"libopenslide {openslide.__library_version__}"
    assert f"{library} at {openslide.__library_path__}" in output
    assert openslide._openslide.conversion_kernel() in output
    decoders = openslide._openslide.jpeg_decoders()
    assert all(decoder in output for decoder in decoders or ("off: built without",))
    assert "conflict" not in output


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("3", "threads     3, as OPENSLIDE_NUM_THREADS says"),
        ("1e3", "OPENSLIDE_NUM_THREADS is ignored: '1e3' is no positive integer"),
    ],
)
def test_info_about_threads(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    setting: str,
    said: str,
) -> None:
    monkeypatch.setenv("OPENSLIDE_NUM_THREADS", setting)
    assert main(["info"]) == 0
    assert said in capsys.readouterr().out


def test_info_about_a_conflict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = "/somewhere/openslide/_convert.abi3.so"
    monkeypatch.setattr("openslide._coexistence.foreign_file", lambda: foreign)
    assert main(["info"]) == 0
    output = capsys.readouterr().out
    assert f"conflict    {foreign}" in output
    assert "pip uninstall -y openslide-python" in output


@pytest.mark.requires_openslide("4.0.0")
def test_info_as_json(
    slides: Mapping[str, SlideFacts], capsys: pytest.CaptureFixture[str]
) -> None:
    path = slides["aperio-jpeg"].path
    assert main(["info", "--json", str(path)]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    told = json.loads(output.out)
    with OpenSlide(path) as slide:
        assert told["slide"] == str(path)
        assert told["bytes"] == path.stat().st_size
        assert told["vendor"] == "aperio"
        assert told["dimensions"] == list(slide.dimensions)
        assert told["mpp"] == list(slide.mpp or ())
        objective = slide.properties[openslide.PROPERTY_NAME_OBJECTIVE_POWER]
        assert told["objective_power"] == float(objective)
        assert told["bounds"] == list(slide.bounds)
        assert told["properties"] == dict(slide.properties)
        assert told["associated_images"] == {
            name: list(image.size) for name, image in slide.associated_images.items()
        }
        for level, found in enumerate(told["levels"]):
            assert found["dimensions"] == list(slide.level_dimensions[level])
            assert found["downsample"] == slide.level_downsamples[level]
            assert found["direct"] == (level in slide.direct_levels)
            assert found["reason"] == slide.indirect_levels.get(level)
            assert found["kept"] == (level in slide.kept_levels)
        assert len(told["levels"]) == slide.level_count
    decoders = list(openslide._openslide.jpeg_decoders())
    assert told["software"]["decoders"] == decoders
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"software": told["software"]}


def test_info_about_several_slides(
    facts: SlideFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut.svs"
    cut.write_bytes(b"II*\0\x08\0\0\0")
    paths = [str(cut), str(facts.path)]
    assert main(["info", *paths]) == 1
    output = capsys.readouterr()
    assert output.err.startswith(f"openslide: {cut}: it is cut off: ")
    assert f"{facts.path}\n" in output.out
    assert output.out.count("software\n") == 1
    for arguments in (paths, [str(tmp_path)], [f"{tmp_path}/*"]):
        assert main(["info", "--json", *arguments]) == 1
        lines = list(map(json.loads, capsys.readouterr().out.splitlines()))
        assert {line["slide"] for line in lines if "vendor" in line} == {paths[1]}
        assert len(lines) == 2
        for line in lines:
            if "vendor" not in line:
                assert line["slide"] == paths[0]
                assert line["error"].startswith("it is cut off: ")


def run_module(*arguments: str | Path, **options: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-u", "-m", "openslide", *map(str, arguments)]
    return subprocess.Popen(command, **options)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_what_an_encoding_has_not_is_escaped(
    tmp_path: Path, facts: SlideFacts, encoding: str
) -> None:
    path = tmp_path / "\u5207\u7247.tif"
    shutil.copy(facts.path, path)
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for arguments in (("info", path), ("info", "--json", path)):
        with run_module(*arguments, env=environment, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            output = child.stdout.read().decode(encoding)
            assert child.wait(60) == 0
        is_shown = encoding == "utf-8" and "--json" not in arguments
        assert ("\u5207" if is_shown else "\\u5207\\u7247") in output


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_pipes_that_are_closed(tmp_path: Path, facts: SlideFacts) -> None:
    def closed() -> int:
        reader, writer = os.pipe()
        os.close(reader)
        return writer

    with run_module(
        "info", facts.path, stdout=closed(), stderr=subprocess.PIPE
    ) as child:
        assert child.stderr is not None
        assert child.stderr.read() == b""
        assert child.wait(60) == 128 + 13  # as if the signal had ended it
    # What is said beside the result may be lost, the result may not.
    target = tmp_path / "thumbnail.png"
    arguments = ("thumbnail", facts.path, "-o", target)
    with run_module(*arguments, stderr=closed()) as child:
        assert child.wait(60) == 0
    assert target.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_ended_by_a_signal(
    tmp_path: Path, facts: SlideFacts, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)

    class Ending(Progress):
        def advance(self, tiles: int) -> None:
            super().advance(tiles)
            signal.raise_signal(signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("openslide.cli.dzi.Progress", Ending)
        out = str(tmp_path / "tree")
        assert main(["dzi", str(facts.path), "-o", out]) == 128 + signal.SIGTERM
    said = capsys.readouterr().err
    assert "ended by SIGTERM; the same command with --resume goes on" in said
    assert signal.getsignal(signal.SIGTERM) is before
    assert main(["dzi", str(facts.path), "-o", out, "--resume"]) == 0


def test_what_nobody_expects_is_no_traceback(
    facts: SlideFacts,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the moon is full")

    monkeypatch.setattr("openslide.cli.thumbnail._color.handled", fail)
    message = fails(capsys, "thumbnail", facts.path, "-o", facts.path.parent / "t.png")
    assert message == "openslide: RuntimeError: the moon is full"


def test_info_about_what_is_no_slide(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no slide")
    assert str(path) in fails(capsys, "info", path)
    assert "missing.svs" in fails(capsys, "info", "missing.svs")


# The command line


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == (
        f"openslide-native {openslide.__version__}, "
        f"libopenslide {openslide.__library_version__}\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], ["info", "thumbnail", "region", "tiles", "--version"]),
        (["info", "--help"], ["SLIDE"]),
        (["thumbnail", "--help"], ["SLIDE", "--output", "--size", "--color"]),
        (["region", "--help"], ["--location", "--level", "--mpp", "within 2 %"]),
        (["associated", "--help"], ["SLIDE", "NAME", "--all"]),
        (
            ["tiles", "--help"],
            ["SLIDE", "--output", "--size", "--mpp", "--to", "--quality", "--resume"],
        ),
    ],
)
def test_help(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    output = capsys.readouterr().out
    assert [word for word in words if word not in output] == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["sausage"],
        ["info", "--yaml"],
        ["tiles", "a.svs"],
        ["tiles", "-o", "out"],
        ["tiles", "a.svs", "-o", "out", "--size", "0"],
        ["tiles", "a.svs", "-o", "out", "--size", "big"],
        ["tiles", "a.svs", "-o", "out", "--quality", "-5"],
        ["tiles", "a.svs", "-o", "out", "--format", "tiff"],
        ["tiles", "a.svs", "-o", "out", "--level", "top"],
        ["tiles", "a.svs", "-o", "out", "--level", "0", "--mpp", "0.5"],
        ["tiles", "a.svs", "-o", "out", "--overlap", "-1"],
        ["tiles", "a.svs", "-o", "out", "--mpp", "0"],
        ["tiles", "a.svs", "-o", "out", "--slide-mpp", "inf"],
        ["tiles", "a.svs", "-o", "out", "--min-tissue", "1.5"],
        ["tiles", "a.svs", "-o", "out", "--quality", "101"],
        ["tiles", "a.svs", "-o", "out", "--to", "floppy"],
    ],
)
def test_usage_errors(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: openslide" in capsys.readouterr().err


def test_as_a_module(facts: SlideFacts) -> None:
    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "openslide", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    good = run("info", facts.path)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith(f"{facts.path}\n")
    bad = run("info", "missing.svs")
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith("openslide: ")
    assert run().returncode == 2


def test_the_installed_command() -> None:
    (script,) = metadata.entry_points(group="console_scripts", name="openslide")
    assert script.value == "openslide._command:main"
