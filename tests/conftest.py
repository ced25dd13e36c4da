"""Slides to test with, and what may be asked of the libopenslide at hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import hypothesis
import pytest

import openslide
from openslide import OpenSlide
from tests import real_slides as real
from tests.shared_slides import SharedSlides
from tests.slides import VARIANTS, WRITERS, SlideFacts, write

ROOT = Path(__file__).parents[1]

#: The variable that leaves a library out of a build, and says of one that this is known.
SWITCHES = {
    "libjpeg-turbo": "OPENSLIDE_WITHOUT_JPEG",
    "libdeflate": "OPENSLIDE_WITHOUT_LIBDEFLATE",
}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "requires_openslide(version): skip where libopenslide is older, "
        'such as requires_openslide("4.0.0")',
    )
    config.addinivalue_line(
        "markers", "requires_libjpeg_turbo: skip where it is built without"
    )
    config.addinivalue_line(
        "markers", "requires_direct_reads: skip where libopenslide reads everything"
    )
    # On a busy machine any case may take long; what hangs ends by pytest's timeout.
    hypothesis.settings.register_profile("untimed", deadline=None)
    hypothesis.settings.load_profile("untimed")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # So shells begin what runs in the background, and programs inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Programs are expected to say nothing else than what the tests are about.
    for switch in SWITCHES.values():
        os.environ.setdefault(switch, "1")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("requires_openslide"):
        skip_before_openslide(*marker.args)
    if item.get_closest_marker("requires_libjpeg_turbo"):
        skip_without_libjpeg_turbo()
    if item.get_closest_marker("requires_direct_reads"):
        skip_without_direct_reads()


def skip_without_libjpeg_turbo() -> None:
    """Skip the test that is running where the extension module was built without."""
    if openslide._openslide.jpeg_version() is None:
        pytest.skip("built without libjpeg-turbo")


def uses_libjpeg_turbo() -> bool:
    """Whether direct reads decode with it what the own decoder leaves."""
    decoders = openslide._openslide.jpeg_decoders()
    return any(name.startswith("libjpeg-turbo") for name in decoders)


def skip_without_direct_reads() -> None:
    """Skip the test that is running where direct reads are off."""
    if not openslide._openslide.jpeg_decoders():
        pytest.skip("OPENSLIDE_DECODER=libjpeg, and it is built without")
    if os.environ.get("OPENSLIDE_DIRECT") == "0":
        pytest.skip("OPENSLIDE_DIRECT=0 turns direct reads off")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("-")[0].split("."))


def skip_before_openslide(version: str) -> None:
    """Skip the test that is running where libopenslide is older."""
    loaded = openslide.__library_version__
    if _numbers(loaded) < _numbers(version):
        pytest.skip(f"needs OpenSlide {version}, and {loaded} is loaded")


#: The first release that reads a slide of tests.slides as it is meant, where that
#: is later than 3.4.1.  Earlier ones refuse it, or take it for a generic TIFF.
SLIDES_SINCE = {
    "generic-sparse": "4.0.1",
    "huron": "4.0.1",
    "argos": "4.0.1",
    "trestle": "4.0.1",  # earlier: larger levels than the file says
    "zeiss-raw": "4.0.1",
    "zeiss-zstd0": "4.0.1",
    "zeiss-zstd1": "4.0.1",
    "zeiss-bgr48": "4.0.1",
    "dicom-jpeg": "4.0.0",
    "dicom-j2k": "4.0.1",
    "dicom-j2k-lossless": "4.0.1",
    "dicom-rgb": "4.0.0",
    "dicom-sparse": "4.0.0",
    **dict.fromkeys(VARIANTS, "4.0.1"),
}


class Slides(Mapping[str, SlideFacts]):
    """The slides of tests.slides by name, each written when it is first wanted.

    Each has a folder of its own, and is not to be changed.  Wanting one that the loaded
    libopenslide cannot read skips the test.
    """

    def __init__(self, shared: Path, own: Path) -> None:
        """`shared` is what other processes that pass tests have too."""
        self._shared = SharedSlides(shared)
        self._own = own
        self._written: dict[str, tuple[Path, SlideFacts]] = {}

    def folder(self, name: str) -> Path:
        """Where the files of a slide are, and no others."""
        return self._get(name)[0]

    def __getitem__(self, name: str) -> SlideFacts:
        return self._get(name)[1]

    def _get(self, name: str) -> tuple[Path, SlideFacts]:
        skip_before_openslide(SLIDES_SINCE.get(name, "3.4.1"))
        if name not in self._written:
            self._written[name] = self._shared.get(name) or (
                self._own / name,
                write(name, self._own / name),
            )
        return self._written[name]

    def __iter__(self) -> Iterator[str]:
        return iter(WRITERS)

    def __len__(self) -> int:
        return len(WRITERS)


class RealSlides(Mapping[str, Path]):
    """The files of tests.real_slides by name.

    Wanting one that is absent, or that the loaded libopenslide cannot read, skips
    the test.
    """

    def __getitem__(self, name: str) -> Path:
        slide = real.REAL_SLIDES[name]
        skip_before_openslide(slide.since)
        path = real.folder() / slide.file
        if not path.exists():
            pytest.skip(f"no {path}; {real.FOLDER_VARIABLE} may name the folder")
        return path

    def __iter__(self) -> Iterator[str]:
        return iter(real.REAL_SLIDES)

    def __len__(self) -> int:
        return len(real.REAL_SLIDES)


@pytest.fixture(scope="session")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Slides:
    """Slides of every format, with what to expect of them."""
    own = tmp_path_factory.mktemp("slides")
    has_company = "PYTEST_XDIST_WORKER" in os.environ
    together = tmp_path_factory.getbasetemp().parent / "slides" if has_company else own
    return Slides(together / "shared", own)


@pytest.fixture
def facts(slides: Slides) -> SlideFacts:
    """One slide, for tests that say nothing of the format."""
    return slides["aperio-jpeg"]


@pytest.fixture
def slide(facts: SlideFacts) -> Iterator[OpenSlide]:
    """The same one open; tests may close it."""
    slide = OpenSlide(facts.path)
    yield slide
    if not slide._osr.closed:
        slide.close()


@pytest.fixture(scope="session")
def real_slides() -> RealSlides:
    """Files from real scanners."""
    return RealSlides()


def _run_isolated(script: str, *arguments: str | Path) -> str:
    command = [
        *(sys.executable, "-X", "faulthandler", "-W", "error"),
        # Some fork with threads running, of which Python 3.12 and later warn.
        *("-W", "ignore:This process:DeprecationWarning"),
        *("-m", f"tests.isolated.{script}", *arguments),
    ]
    child = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=110
    )
    if child.returncode != 0 or child.stderr:
        output = f"{child.stdout}{child.stderr}"
        pytest.fail(f"exit code {child.returncode}\n{output}", pytrace=False)
    return child.stdout.strip()


@pytest.fixture(scope="session")
def run_isolated() -> Callable[..., str]:
    """What runs a script of tests.isolated in a fresh process: run(script, *arguments).

    Returns what the script prints; its complaints fail the test.
    """
    return _run_isolated


@pytest.fixture(params=["", "hello", "[1, 2]", "3", "null", "{} {}", "\xff"])
def foreign(request: pytest.FixtureRequest) -> bytes:
    """A line of text that is no note of a program's work."""
    text: str = request.param
    return text.encode("latin-1") + b"\n"
