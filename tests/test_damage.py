"""Damaged slides end in an exception or in a result, never in a crash or a hang.

What may die is done in another process.  Crashes of libopenslide itself are those
of docs/known-crashes.md.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from PIL.Image import Image

from openslide import OpenSlide, OpenSlideError, OpenSlideUnsupportedFormatError
from tests.slides import FORMATS, VARIANTS, WRITERS, SlideFacts, write
from tests.slides.direct import ALL_DIRECT, NDPI

if sys.platform == "win32":
    pytest.skip("Windows has neither limits nor FIFOs", allow_module_level=True)

from tests.conftest import Slides, uses_libjpeg_turbo
from tests.damage.campaign import (
    SECONDS,
    Campaign,
    Failure,
    Outcome,
    Worker,
    WorkerError,
    cases,
)
from tests.damage.cases import Damage, Obstacle, Template, obstructed
from tests.damage.examine import Request, examine
from tests.damage.fields import Integer, integers
from tests.damage.known import DOCUMENT, KNOWN, KnownCrash, known_crash
from tests.damage.meddle import ACTIONS

# Older releases refuse some of the slides, and have crashes of their own.
pytestmark = pytest.mark.requires_openslide("4.0.1")

SEED = 20_240_229
CASES_PER_SLIDE, CASES_PER_VARIANT = 2, 1
REPOSITORY = Path(__file__).parent.parent
#: What some crashes of libopenslide fill first.  Python itself reserves a gigabyte
#: where it has no GIL.
LITTLE_MEMORY = 2**31 if sysconfig.get_config_var("Py_GIL_DISABLED") else 2**30

TIFF_SLIDES = (
    *("aperio-jpeg", "aperio-rgb", "aperio-33003", "aperio-33005", "generic"),
    *("generic-lzw", "generic-sparse", "trestle", "ventana-bif", "ventana-tif"),
    *("leica", "philips", "huron", "argos", "ndpi"),
)
SLIDES_OF_SEVERAL_FILES = ("trestle", "vms", "vmu", "mirax", "dicom-jpeg")


@pytest.fixture(scope="module")
def campaign(
    slides: Slides, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Campaign]:
    with Worker() as worker:
        make = partial(template_of, slides)
        yield Campaign(worker, tmp_path_factory.mktemp("damage"), make)


def template_of(slides: Slides, name: str) -> Template:
    return Template(slides.folder(name), slides[name].path)


def must_end(outcomes: Iterable[Outcome | Failure]) -> None:
    """Fail unless all are results; skip if some are known crashes of libopenslide."""
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    unknown = [failure for failure in failures if failure.known is None]
    if unknown:
        pytest.fail("\n\n".join(map(str, unknown)), pytrace=False)
    for failure in failures:
        pytest.skip(f"{DOCUMENT}: {failure.known}")


def request(path: str | Path) -> Request:
    return {"path": str(path), "on_error": "raise", "large": False, "trusting": True}


# Chance


@pytest.mark.parametrize("name", WRITERS)
def test_random_damage(campaign: Campaign, name: str) -> None:
    count = CASES_PER_VARIANT if name in VARIANTS else CASES_PER_SLIDE
    chosen = islice(cases([name], SEED, 0), count)
    must_end([campaign.run(case) for case in chosen])


@pytest.mark.parametrize("name", [*FORMATS, "generic-gdal"])
def test_no_damage(campaign: Campaign, name: str) -> None:
    """Lest the other tests pass because nothing is ever read."""
    # libopenslide takes masks for levels, and then cannot read them.
    expected = "read with errors" if name == "generic-gdal" else "read"
    assert campaign.read(name, Damage("none", {})) == expected


@pytest.mark.requires_direct_reads
@pytest.mark.parametrize("name", [*ALL_DIRECT, *NDPI])
def test_direct_reads_are_compared(slides: Mapping[str, SlideFacts], name: str) -> None:
    if name in NDPI and not uses_libjpeg_turbo():
        pytest.skip("direct reads of all levels take libjpeg-turbo")
    facts = slides[name]
    answer = examine(request(facts.path))
    assert (answer["outcome"], answer["detail"]) == ("read", "")
    # four regions of each level, and a thumbnail
    assert answer["compared"] == 4 * len(facts.level_dimensions) + 1


@pytest.mark.requires_direct_reads
def test_a_difference_is_noticed(
    slides: Mapping[str, SlideFacts], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = slides["generic"].path
    read = OpenSlide.read_region

    def meddle(slide: OpenSlide, *region: Any) -> Image:
        picture = read(slide, *region)
        if slide.direct_levels:
            picture.putpixel((7, 7), (1, 2, 3, 4))
        return picture

    monkeypatch.setattr(OpenSlide, "read_region", meddle)
    with pytest.raises(AssertionError, match="other pixels"):
        examine(request(path))


@pytest.mark.requires_direct_reads
def test_another_error_is_noticed(
    slides: Mapping[str, SlideFacts], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = slides["generic"].path
    read = OpenSlide.read_region

    def meddle(slide: OpenSlide, *region: Any) -> Image:
        if slide.direct_levels:
            raise OpenSlideError("mine")
        return read(slide, *region)

    monkeypatch.setattr(OpenSlide, "read_region", meddle)
    with pytest.raises(AssertionError, match="another error"):
        examine(request(path))


def test_cases_are_reproducible(campaign: Campaign) -> None:
    template = campaign.template("aperio-jpeg")
    chosen = list(islice(cases(["aperio-jpeg"], SEED, 0), 30))
    damages = [template.draw(case) for case in chosen]
    assert damages == [template.draw(case) for case in chosen]
    assert len({damage.description for damage in damages}) > 25


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        ("os.abort()", "died: SIGABRT"),
        ("os.kill(os.getpid(), signal.SIGBUS)", "died: SIGBUS"),
        ("time.sleep(1000)", "hung for 1 s"),
        ("os._exit(3)", "died: exit 3"),
    ],
)
def test_crashes_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, ending: str
) -> None:
    """A worker that does something else than to answer."""
    (tmp_path / "sitecustomize.py").write_text(f"import os, signal, time\n{code}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with Worker(seconds=1) as worker, pytest.raises(WorkerError) as error:
        worker.ask(request("unread"))
    assert error.value.ending == ending


# What libopenslide is known to die of


def described_crashes() -> dict[str, str]:
    """The sections of the document, and the script in each that shows the crash."""
    text = (REPOSITORY / DOCUMENT).read_text(encoding="utf-8")
    pattern = r"^## (.+?)\n(?:(?!^## ).)*?^```python\n(.*?)^```"
    return dict(re.findall(pattern, text, re.MULTILINE | re.DOTALL))


def test_known_crashes_are_described() -> None:
    assert [crash.heading for crash in KNOWN] == list(described_crashes())


def test_nothing_else_is_excused(slides: Mapping[str, SlideFacts]) -> None:
    death = "Fatal Python error: Segmentation fault\n  File x, line 1 in open_handle\n"
    key_file = b"[Uncompressed Virtual Microscope Specimen]\nBitsPerPixel=36\n"
    other = Damage("", {"vmu/slide.vmu": key_file})
    sound = Damage("", {"vmu/slide.vmu": key_file + b"PixelOrder=RGB\n"})
    assert known_crash("vmu", other, death) == KNOWN[0].heading
    assert known_crash("vmu", other, death.replace("open_handle", "close")) is None
    assert known_crash("vmu", sound, death) is None
    assert known_crash("vms", other, death) is None
    assert (
        known_crash("vmu", other, "GLib-ERROR **: failed to allocate 24 bytes") is None
    )
    sparse = slides["dicom-sparse"].path.read_bytes()
    lost = sparse.replace(b"\x00\x52\x30\x92", b"\x00\x52\x31\x92")
    for content, heading in ((sparse, None), (lost, KNOWN[5].heading)):
        damage = Damage("", {"dicom-sparse/level-0.dcm": content})
        assert known_crash("dicom-sparse", damage, death) == heading


@pytest.mark.parametrize("crash", KNOWN, ids=lambda crash: crash.heading)
def test_known_crashes(tmp_path: Path, crash: KnownCrash) -> None:
    """The script of the document, which passes once libopenslide is mended."""
    limit = f"import resource\nresource.setrlimit(resource.RLIMIT_AS, {(LITTLE_MEMORY,) * 2})\n"
    result = subprocess.run(
        [sys.executable, "-c", limit + described_crashes()[crash.heading], tmp_path],
        cwd=REPOSITORY,
        capture_output=True,
        timeout=2 * SECONDS,
    )
    if result.returncode in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGTRAP):
        pytest.skip(f"{DOCUMENT}: {crash.heading}")
    assert result.returncode == 0, result.stderr


# Missing and strange files


@pytest.mark.parametrize("name", SLIDES_OF_SEVERAL_FILES)
@pytest.mark.parametrize(
    "obstacle", [Obstacle.NOTHING, Obstacle.DIRECTORY, Obstacle.LOOP]
)
def test_companions_that_are_not_there(
    campaign: Campaign, name: str, obstacle: Obstacle
) -> None:
    must_end(
        campaign.read(name, obstructed(companion, obstacle))
        for companion in campaign.template(name).companions
    )


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_file(campaign: Campaign, name: str) -> None:
    main = campaign.template(name).main
    outcome = campaign.read(name, Damage("empty", {main: b""}))
    # The file of a MIRAX slide only leads to its folder.
    assert outcome == ("read" if name.startswith("mirax") else "unsupported")


@pytest.mark.parametrize("name", SLIDES_OF_SEVERAL_FILES)
def test_empty_companions(campaign: Campaign, name: str) -> None:
    must_end(
        campaign.read(name, Damage(f"{companion}: empty", {companion: b""}))
        for companion in campaign.template(name).companions
    )


@pytest.mark.parametrize("name", FORMATS)
def test_a_part_of_a_file(campaign: Campaign, name: str) -> None:
    part = 0.3 if FORMATS.index(name) % 2 else 0.97
    must_end(
        campaign.read(
            name,
            Damage(
                f"{file}: {part:.0%}",
                {file: original.data[: int(part * len(original.data))]},
            ),
            large=False,
        )
        for file, original in campaign.template(name).files.items()
    )


def _open_and_close(fifo: Path) -> None:
    """Write nothing to a FIFO, if somebody waits for that."""
    with suppress(OSError):  # ENXIO: nobody waits
        os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))


@pytest.mark.parametrize("name", SLIDES_OF_SEVERAL_FILES)
def test_a_fifo_as_companion(slides: Slides, tmp_path: Path, name: str) -> None:
    """libopenslide waits until somebody writes to it, and then ends in order.

    docs/known-crashes.md has a section on this.
    """
    template = template_of(slides, name)
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
    "name",
    [
        *("aperio-jpeg", "ndpi", "vms", "vmu", "mirax", "sakura", "zeiss-zstd1"),
        "dicom-jpeg",
    ],
)
def test_changes_while_open(
    slides: Slides, tmp_path: Path, name: str, action: str
) -> None:
    """Pixels stay right or are missing, unless others take their place."""
    path = tmp_path / slides[name].path.relative_to(slides.folder(name))
    shutil.copytree(slides.folder(name), tmp_path, dirs_exist_ok=True)
    other = slides["generic-lzw"].path
    files = [
        file
        for file in sorted(tmp_path.rglob("*"))
        if file.is_file() and file.suffix not in (".vms", ".vmu")
    ]
    result = subprocess.run(
        [sys.executable, "-m", "tests.damage.meddle", path, action, other, *files],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=2 * SECONDS,
    )
    assert (result.returncode, result.stderr) == (0, "")
    allowed = {"same", "OpenSlideError", "OpenSlideUnsupportedFormatError"}
    if action in ("overwrite", "replace"):
        allowed.add("other")
    assert result.stdout.split()
    assert set(result.stdout.split()) <= allowed


# TIFF directories and tiles


def _matching(data: bytes, pattern: str) -> list[Integer]:
    return [found for found in integers(data) if re.search(pattern, found.meaning)]


def _main_file(campaign: Campaign, name: str) -> tuple[str, bytes]:
    template = campaign.template(name)
    return template.main, template.files[template.main].data


def _changed(
    campaign: Campaign, name: str, integer: Integer, value: int
) -> Outcome | Failure:
    """How a slide is read of which one integer is changed."""
    main, data = _main_file(campaign, name)
    damaged = integer.replaced_in(data, value)
    damage = Damage(f"{integer.meaning} -> {value}", {main: damaged})
    return campaign.read(name, damage, large=False)


@pytest.mark.parametrize("name", TIFF_SLIDES)
def test_cyclic_directories(campaign: Campaign, name: str) -> None:
    """Directories that name themselves, the first or the last one as the next."""
    _, data = _main_file(campaign, name)
    first, *others = _matching(data, "(first directory|next)$")
    starts = [pointer.value_in(data) for pointer in (first, *others)]
    assert starts.pop() == 0  # the end of the list
    must_end(
        _changed(campaign, name, pointer, start)
        for number, pointer in enumerate(others)
        for start in {starts[number], starts[0], starts[-1]}
    )


@pytest.mark.parametrize("value", [0, 2**30])
@pytest.mark.parametrize("kind", ["OFFSETS", "BYTE_COUNTS"])
@pytest.mark.parametrize("name", TIFF_SLIDES)
def test_tiles_elsewhere(campaign: Campaign, name: str, kind: str, value: int) -> None:
    """The first tile or strip of each directory: where it is, or how long."""
    main, data = _main_file(campaign, name)
    places = _matching(data, rf"(TILE|STRIP)_{kind}(\[0\])?$")
    assert places
    damaged = data
    for place in places:
        damaged = place.replaced_in(damaged, value)
    must_end(
        [campaign.read(name, Damage(f"{kind} {value}", {main: damaged}), large=False)]
    )


@pytest.mark.parametrize("value", [0, 2**31 - 1, 2**32 - 1])
@pytest.mark.parametrize(
    "tag", ["IMAGE_WIDTH", "IMAGE_LENGTH", "TILE_WIDTH", "TILE_LENGTH"]
)
@pytest.mark.parametrize("name", ["aperio-jpeg", "aperio-33003"])
def test_absurd_tiff_dimensions(
    campaign: Campaign, name: str, tag: str, value: int
) -> None:
    _, data = _main_file(campaign, name)
    must_end(
        _changed(campaign, name, place, value)
        for place in _matching(data, rf"^directory 0: {tag}\[0\]$")
    )


def test_a_tile_past_the_end_spares_the_others(tmp_path: Path) -> None:
    facts = write("generic", tmp_path)
    data = facts.path.read_bytes()
    offset = _matching(data, r"^directory 0: TILE_OFFSETS\[0\]$")[0]
    with OpenSlide(facts.path) as slide:
        expected = slide.read_region((600, 600), 0, (100, 100)).tobytes()
    facts.path.write_bytes(offset.replaced_in(data, len(data) + 1))
    with OpenSlide(facts.path, on_error="reopen") as slide:
        with pytest.raises(OpenSlideError, match="Cannot read raw tile"):
            slide.read_region((0, 0), 0, (100, 100))
        assert slide.read_region((600, 600), 0, (100, 100)).tobytes() == expected


def test_a_tile_without_bytes_is_a_hole(tmp_path: Path) -> None:
    facts = write("generic", tmp_path)
    data = facts.path.read_bytes()
    count = _matching(data, r"^directory 0: TILE_BYTE_COUNTS\[0\]$")[0]
    facts.path.write_bytes(count.replaced_in(data, 0))
    with OpenSlide(facts.path) as slide:
        hole = slide.read_region((0, 0), 0, (100, 100))
        assert not any(hole.tobytes())
        rest = slide.read_region((600, 600), 0, (100, 100))
        assert set(rest.getchannel("A").tobytes()) == {255}
