"""Damaged slides end in an exception or in a result, never in a crash or a hang.

What may die is done in another process.  Crashes of libopenslide itself are those
of docs/known-crashes.md.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pytest

from openslide import OpenSlide, OpenSlideError, OpenSlideUnsupportedFormatError
from tests.slides import WRITERS, write

if sys.platform == "win32":
    pytest.skip("Windows has neither limits nor FIFOs", allow_module_level=True)

from tests.damage.campaign import SECONDS, Campaign, Tally, Worker, cases
from tests.damage.cases import Damage, Obstacle, Template, obstructed
from tests.damage.fields import Integer, integers
from tests.damage.known import DOCUMENT, KNOWN, KnownCrash
from tests.damage.meddle import ACTIONS

# Older releases refuse some of the slides, and have crashes of their own.
pytestmark = pytest.mark.requires_openslide("4.0.1")

SEED = 20_240_229
CASES_PER_SLIDE = 20
REPOSITORY = Path(__file__).parent.parent

TIFF_SLIDES = (
    *("aperio-jpeg", "aperio-rgb", "aperio-33003", "aperio-33005", "generic"),
    *("generic-lzw", "generic-sparse", "trestle", "ventana-bif", "ventana-tif"),
    *("leica", "philips", "huron", "argos", "ndpi"),
)
SLIDES_OF_SEVERAL_FILES = ("trestle", "vms", "vmu", "mirax", "dicom-jpeg")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    with Worker() as worker:
        yield Campaign(worker, tmp_path_factory.mktemp("damage"))


# Chance


@pytest.mark.parametrize("name", WRITERS)
def test_random_damage(campaign: Campaign, name: str) -> None:
    tally = Tally()
    for case in islice(cases([name], SEED, 0), CASES_PER_SLIDE):
        campaign.run(case, tally)
    if tally.unknown:
        pytest.fail("\n\n".join(map(str, tally.unknown)), pytrace=False)


@pytest.mark.parametrize("name", WRITERS)
def test_no_damage(campaign: Campaign, name: str) -> None:
    """Lest all that precedes has passed because nothing is ever read."""
    answer = campaign.ask(name, Damage("none", {}))
    assert answer == {"outcome": "read", "errors": 0, "detail": ""}


def test_cases_are_reproducible(campaign: Campaign) -> None:
    template = campaign.template("aperio-jpeg")
    chosen = list(islice(cases(["aperio-jpeg"], SEED, 0), 30))
    damages = [template.draw(case) for case in chosen]
    assert damages == [template.draw(case) for case in chosen]
    assert len({damage.description for damage in damages}) > 25


# What libopenslide is known to die of


@pytest.mark.parametrize("crash", KNOWN, ids=lambda crash: crash.heading)
def test_a_known_crash_is_described(crash: KnownCrash) -> None:
    text = (REPOSITORY / DOCUMENT).read_text(encoding="utf-8")
    assert f"## {crash.heading}\n" in text


# Missing and strange files


@pytest.mark.parametrize("name", SLIDES_OF_SEVERAL_FILES)
@pytest.mark.parametrize(
    "obstacle", [Obstacle.NOTHING, Obstacle.DIRECTORY, Obstacle.LOOP]
)
def test_companions_that_are_not_there(
    campaign: Campaign, name: str, obstacle: Obstacle
) -> None:
    for companion in campaign.template(name).companions:
        answer = campaign.ask(name, obstructed(companion, obstacle))
        assert answer["outcome"] != "wrong", (companion, answer["detail"])


@pytest.mark.parametrize("name", WRITERS)
def test_empty_files(campaign: Campaign, name: str) -> None:
    template = campaign.template(name)
    for file in template.files:
        answer = campaign.ask(name, Damage(f"{file}: empty", {file: b""}))
        assert answer["outcome"] != "wrong", (file, answer["detail"])
        if file == template.main:
            assert answer["outcome"] == "unsupported"


@pytest.mark.parametrize("name", WRITERS)
def test_half_a_file(campaign: Campaign, name: str) -> None:
    template = campaign.template(name)
    for file, original in template.files.items():
        half = original.data[: len(original.data) // 2]
        answer = campaign.ask(name, Damage(f"{file}: half", {file: half}))
        assert answer["outcome"] != "wrong", (file, answer["detail"])


def _open_and_close(fifo: Path) -> None:
    """Write nothing to a FIFO, if somebody waits for that."""
    with suppress(OSError):  # ENXIO: nobody waits
        os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))


@pytest.mark.parametrize("name", SLIDES_OF_SEVERAL_FILES)
def test_a_fifo_as_companion(tmp_path: Path, name: str) -> None:
    """libopenslide waits until somebody writes to it, and then ends in order.

    docs/known-crashes.md has a section on this.
    """
    template = Template(name, tmp_path / "template")
    script = (
        "import sys, openslide\n"
        "try:\n"
        "    with openslide.OpenSlide(sys.argv[1]) as slide:\n"
        "        for level in range(slide.level_count):\n"
        "            slide.read_region((0, 0), level, (2000, 2000))\n"
        "        dict(slide.associated_images)\n"
        "except openslide.OpenSlideError:\n"
        "    pass\n"
    )
    for number, companion in enumerate(template.companions):
        folder = tmp_path / str(number)
        path = template.copy(folder, obstructed(companion, Obstacle.FIFO))
        child = subprocess.Popen([sys.executable, "-c", script, path])
        deadline = time.monotonic() + SECONDS
        while child.poll() is None and time.monotonic() < deadline:
            _open_and_close(folder / companion)
            time.sleep(0.01)
        child.kill()
        assert child.wait() == 0, companion


@pytest.mark.parametrize(
    "suffix", [".svs", ".mrxs", ".vms", ".dcm", ".czi", ".svslide"]
)
def test_what_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    os.mkfifo(f"fifo{suffix}")
    os.mkdir(f"directory{suffix}")
    Path(f"empty{suffix}").touch()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"socket{suffix}")
        for kind in ("fifo", "directory", "empty", "socket"):
            assert OpenSlide.detect_format(kind + suffix) is None
            with pytest.raises(OpenSlideUnsupportedFormatError):
                OpenSlide(kind + suffix)


# Changes while a slide is open


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    "name", ["aperio-jpeg", "ndpi", "vms", "vmu", "mirax", "sakura", "zeiss-zstd1"]
)
def test_changes_while_open(tmp_path: Path, name: str, action: str) -> None:
    """Pixels are right or missing, but where contents were replaced by others."""
    path = write(name, tmp_path / "slide").path
    other = write("generic-lzw", tmp_path / "other").path
    arguments: list[str | Path] = [path, action, other]
    if (folder := path.with_suffix("")).is_dir():
        arguments.append(folder)
    elif path.parent.name == name:
        arguments.append(path.parent)
    result = _run_module("meddle", *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    levels = result.stdout.split()
    assert levels
    allowed = {"same", "OpenSlideError", "OpenSlideUnsupportedFormatError"}
    if action in ("overwrite", "replace"):
        allowed |= {"other"}
    assert set(levels) <= allowed


def test_a_dicom_level_deleted_while_open(tmp_path: Path) -> None:
    path = write("dicom-jpeg", tmp_path).path
    result = _run_module("meddle", path, "truncate", path, path.parent)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.split()


def _run_module(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"tests.damage.{name}", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=5 * SECONDS,
    )


# TIFF directories and tiles


def _matching(data: bytes, pattern: str) -> list[Integer]:
    return [found for found in integers(data) if re.search(pattern, found.meaning)]


@pytest.mark.parametrize("name", TIFF_SLIDES)
def test_cyclic_directories(campaign: Campaign, name: str) -> None:
    """Whatever any directory names as the next one."""
    main = campaign.template(name).main
    data = campaign.template(name).files[main].data
    pointers = _matching(data, "(first directory|next)$")
    starts = {pointer.value_in(data) for pointer in pointers} - {0}
    assert len(starts) == len(pointers) - 1
    for pointer in pointers[1:]:
        for start in {min(starts), max(starts), pointers[0].value_in(data)}:
            cyclic = pointer.replaced_in(data, start)
            damage = Damage(f"{pointer.meaning} -> {start}", {main: cyclic})
            answer = campaign.ask(name, damage)
            assert answer["outcome"] != "wrong", (damage.description, answer)


@pytest.mark.parametrize("value", [0, 1, 2**31, 2**32 - 1])
@pytest.mark.parametrize("name", TIFF_SLIDES)
def test_tiles_elsewhere(campaign: Campaign, name: str, value: int) -> None:
    """Offsets and lengths of the first tile or strip of each directory."""
    main = campaign.template(name).main
    data = campaign.template(name).files[main].data
    places = _matching(data, r"(TILE|STRIP)_(OFFSETS|BYTE_COUNTS)(\[0\])?$")
    assert places
    for kind in ("OFFSETS", "BYTE_COUNTS"):
        damaged = data
        for place in places:
            if kind in place.meaning:
                damaged = place.replaced_in(damaged, value)
        answer = campaign.ask(name, Damage(f"{kind} -> {value}", {main: damaged}))
        assert answer["outcome"] != "wrong", answer["detail"]


@pytest.mark.parametrize("value", [0, 1, 2**16 - 1, 2**31 - 1, 2**32 - 1])
@pytest.mark.parametrize(
    "tag", ["IMAGE_WIDTH", "IMAGE_LENGTH", "TILE_WIDTH", "TILE_LENGTH"]
)
@pytest.mark.parametrize("name", ["aperio-jpeg", "aperio-33003", "generic-lzw", "ndpi"])
def test_absurd_tiff_dimensions(
    campaign: Campaign, name: str, tag: str, value: int
) -> None:
    main = campaign.template(name).main
    data = campaign.template(name).files[main].data
    for place in _matching(data, rf"{tag}\[0\]$"):
        damaged = place.replaced_in(data, value)
        description = f"{place.meaning} -> {value}"
        answer = campaign.ask(name, Damage(description, {main: damaged}))
        assert answer["outcome"] != "wrong", (description, answer["detail"])


def test_a_tile_past_the_end_spares_the_others(tmp_path: Path) -> None:
    facts = write("generic", tmp_path)
    data = facts.path.read_bytes()
    offset = _matching(data, r"^directory 0: TILE_OFFSETS\[0\]$")[0]
    with OpenSlide(facts.path) as slide:
        expected = slide.read_region((600, 600), 0, (100, 100)).tobytes()
    facts.path.write_bytes(offset.replaced_in(data, len(data) + 1))
    with OpenSlide(facts.path, on_error="reopen") as slide:
        with pytest.raises(OpenSlideError, match="tile|TIFF|read"):
            slide.read_region((0, 0), 0, (100, 100))
        assert slide.read_region((600, 600), 0, (100, 100)).tobytes() == expected


def test_a_tile_without_bytes_is_a_hole(tmp_path: Path) -> None:
    facts = write("generic", tmp_path)
    data = facts.path.read_bytes()
    count = _matching(data, r"^directory 0: TILE_BYTE_COUNTS\[0\]$")[0]
    facts.path.write_bytes(count.replaced_in(data, 0))
    with OpenSlide(facts.path) as slide:
        hole = slide.read_region((0, 0), 0, (100, 100))
        assert hole.getextrema() == ((0, 0),) * 4
        rest = slide.read_region((600, 600), 0, (100, 100))
        assert rest.getextrema()[3] == (255, 255)
