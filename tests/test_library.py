"""Which libopenslide is loaded, and what an import brings along.

Each test needs a process that has not imported openslide yet.
"""

from __future__ import annotations

import ctypes.util
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import openslide
from tests.slides import SlideFacts

OLD_LIBRARY = "libopenslide.so.0"
PACKAGE = Path(openslide.__file__).parent
# Imports modules of the package in argv[1] one by one, without its __init__.py.
PACKAGE_IN_OUR_PLACE = (
    "import json, os, sys, types\n"
    "package = types.ModuleType('openslide')\n"
    "package.__path__ = [sys.argv[1]]\n"
    "sys.modules['openslide'] = package\n"
)


def run(
    script: str,
    *arguments: str | Path,
    library: str | Path | None = None,
    cwd: Path | None = None,
) -> Any:
    """What a script prints as JSON, or the last line of its traceback and more."""
    environment = dict(os.environ)
    environment.pop("OPENSLIDE_LIBRARY", None)
    if library is not None:
        environment["OPENSLIDE_LIBRARY"] = str(library)
    child = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert child.returncode in (0, 1), child.stderr  # else it crashed
    return json.loads(child.stdout) if child.returncode == 0 else child.stderr


DESCRIBE = (
    "import json, openslide\n"
    "print(json.dumps([openslide.__library_path__, openslide.__library_version__]))"
)


def test_the_path_and_the_version() -> None:
    assert os.path.isabs(openslide.__library_path__)
    assert os.path.isfile(openslide.__library_path__)
    assert openslide.__library_version__ == openslide.lowlevel.get_version()
    assert openslide.__library_version__[0].isdigit()


def test_openslide_bin_comes_first() -> None:
    spec = importlib.util.find_spec("openslide_bin")
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip("openslide-bin is not installed")
    path, version = run(DESCRIBE)
    assert Path(path).parent == Path(spec.submodule_search_locations[0])
    assert int(version.split(".")[0]) >= 4
    assert run(DESCRIBE, library="") == [path, version]


def test_a_library_of_ones_choice() -> None:
    chosen = openslide.__library_path__
    assert run(DESCRIBE, library=chosen)[0] == chosen


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
def test_a_relative_path(tmp_path: Path) -> None:
    (tmp_path / "mine.so").symlink_to(openslide.__library_path__)
    path, _ = run(DESCRIBE, library="./mine.so", cwd=tmp_path)
    assert os.path.isabs(path)
    assert os.path.samefile(path, openslide.__library_path__)


def test_a_library_that_does_not_exist(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere" / "libopenslide.so.1"
    message = run(DESCRIBE, library=missing)
    assert "ModuleNotFoundError: Couldn't locate OpenSlide shared library" in message
    reason = message.split(f"  {missing}: ")[1].splitlines()[0]
    assert len(reason) > 10
    assert "pip install openslide-bin" in message
    assert "OPENSLIDE_LIBRARY" in message


def test_a_file_that_is_no_library(tmp_path: Path) -> None:
    text = tmp_path / "libopenslide.so.1"
    text.write_text("no library")
    message = run(DESCRIBE, library=text)
    assert f"  {text}: " in message
    assert "ModuleNotFoundError" in message


def test_a_library_that_is_not_libopenslide() -> None:
    other = ctypes.util.find_library("m")
    if other is None:
        pytest.skip("there is no libm to load")
    message = run(DESCRIBE, library=other)
    assert f"  {other}: it has no function openslide_" in message
    assert "so it is not libopenslide" in message


def test_all_that_was_tried_is_listed() -> None:
    """With a loader that finds nothing, though the system may have a library."""
    script = PACKAGE_IN_OUR_PLACE + (
        "from openslide import _openslide\n"
        "tried = []\n"
        "def load(path):\n"
        "    tried.append(os.fsdecode(path))\n"
        "    raise OSError(f'reason {len(tried)}')\n"
        "_openslide.load = load\n"
        "try:\n"
        "    import openslide._library\n"
        "except ModuleNotFoundError as error:\n"
        "    print(json.dumps([str(error), tried]))\n"
    )
    message, tried = run(script, PACKAGE)
    assert len(tried) >= 2
    for number, path in enumerate(tried, 1):
        assert f"  {path}: reason {number}\n" in message
    spec = importlib.util.find_spec("openslide_bin")
    assert os.path.isabs(tried[0]) is (spec is not None)
    assert not any(os.path.isabs(path) for path in tried[1:])
    if sys.platform == "linux":
        assert tried[-2:] == ["libopenslide.so.1", OLD_LIBRARY]


# Debian's libopenslide


@pytest.fixture
def old_library() -> str:
    try:
        ctypes.CDLL(OLD_LIBRARY)
    except OSError:
        pytest.skip(f"there is no {OLD_LIBRARY}")
    return OLD_LIBRARY


def test_a_bare_name_is_told_as_a_path(old_library: str) -> None:
    path, version = run(DESCRIBE, library=old_library)
    assert os.path.isabs(path)
    assert os.path.isfile(path)
    assert version.startswith("3.")


def test_what_an_old_library_can_do(
    old_library: str, slides: Mapping[str, SlideFacts]
) -> None:
    facts = slides["aperio-jpeg"]
    script = (
        "import json, sys, openslide\n"
        "slide = openslide.OpenSlide(sys.argv[1])\n"
        "region = slide.read_region((0, 0), 0, (8, 8))\n"
        "thumbnail = slide.associated_images['thumbnail']\n"
        "print(json.dumps({\n"
        "    'dimensions': slide.dimensions,\n"
        "    'vendor': openslide.OpenSlide.detect_format(sys.argv[1]),\n"
        "    'pixel': region.getpixel((0, 0)),\n"
        "    'thumbnail': thumbnail.size,\n"
        "    'profiles': [i.info.get('icc_profile') for i in (region, thumbnail)],\n"
        "    'color': slide.color_profile,\n"
        "}))"
    )
    result = run(script, facts.path, library=old_library)
    assert result["dimensions"] == list(facts.level_dimensions[0])
    assert result["vendor"] == "aperio"
    assert result["pixel"][3] == 255
    assert result["thumbnail"] == list(facts.associated["thumbnail"])
    assert result["profiles"] == [None, None]
    assert result["color"] is None


since_openslide_4 = pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("cache_create", "1000"),
        ("set_cache", "osr, None"),
        ("cache_release", "None"),
        ("get_icc_profile_size", "osr"),
        ("read_icc_profile", "osr"),
        ("_read_icc_profile", "osr, bytearray(9999)"),
        ("get_associated_image_icc_profile_size", "osr, 'thumbnail'"),
        ("read_associated_image_icc_profile", "osr, 'thumbnail'"),
        ("_read_associated_image_icc_profile", "osr, 'thumbnail', bytearray(9999)"),
    ],
)


def call(function: str, arguments: str, path: Path, library: str | None = None) -> Any:
    """Whether a function is available, and the version that it asks for, if any."""
    script = (
        "import json, sys, openslide\n"
        "from openslide import lowlevel\n"
        "osr = lowlevel.open(sys.argv[1])\n"
        f"available = lowlevel.{function}.available\n"
        "wanted = None\n"
        "try:\n"
        f"    lowlevel.{function}({arguments})\n"
        "except openslide.OpenSlideVersionError as error:\n"
        "    wanted = error.minimum_version\n"
        "except Exception:\n"
        "    pass\n"
        "print(json.dumps([available, wanted]))"
    )
    return run(script, path, library=library)


@since_openslide_4
def test_what_an_old_library_lacks(
    old_library: str, slides: Mapping[str, SlideFacts], function: str, arguments: str
) -> None:
    path = slides["aperio-jpeg"].path
    assert call(function, arguments, path, old_library) == [False, "4.0.0"]


@since_openslide_4
def test_what_a_library_of_today_has(
    slides: Mapping[str, SlideFacts], function: str, arguments: str
) -> None:
    _, version = run(DESCRIBE)
    if int(version.split(".")[0]) < 4:
        pytest.skip(f"OpenSlide {version} is what is found first")
    path = slides["aperio-jpeg"].path
    assert call(function, arguments, path) == [True, None]


def test_a_cache_needs_openslide_4(old_library: str) -> None:
    script = (
        "import json, openslide\n"
        "try:\n"
        "    openslide.OpenSlideCache(1000)\n"
        "except openslide.OpenSlideVersionError as error:\n"
        "    print(json.dumps([str(error), openslide.lowlevel.open.available]))\n"
    )
    message, available = run(script, library=old_library)
    assert message == "OpenSlide >= 4.0.0 required"
    assert available


# What is imported


HEAVY = ["ctypes", "numpy", "PIL", "PIL.Image", "PIL.ImageCms", "xml", "argparse"]


def test_what_an_import_brings_along() -> None:
    script = (
        "import json, sys\n"
        "before = set(sys.modules)\n"
        "import openslide\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    imported = run(script)
    assert "openslide._openslide" in imported
    assert [name for name in HEAVY if name in imported] == []


def test_what_reading_metadata_brings_along(slides: Mapping[str, SlideFacts]) -> None:
    script = (
        "import json, sys\n"
        "before = set(sys.modules)\n"
        "import openslide\n"
        "with openslide.OpenSlide(sys.argv[1]) as slide:\n"
        "    slide.dimensions, dict(slide.properties), list(slide.associated_images)\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    imported = run(script, slides["aperio-jpeg"].path)
    assert [name for name in HEAVY if name in imported] == []


# The extension module alone


def test_the_extension_without_the_library(
    slides: Mapping[str, SlideFacts],
) -> None:
    script = PACKAGE_IN_OUR_PLACE + (
        "from openslide import _openslide as ours\n"
        "path = os.fsencode(sys.argv[2])\n"
        "words = memoryview(bytearray(8)).cast('I')\n"
        "results = {}\n"
        "def use(name, function, *arguments):\n"
        "    try:\n"
        "        results[name] = repr(function(*arguments))\n"
        "    except RuntimeError as error:\n"
        "        results[name] = 'RuntimeError: ' + str(error)\n"
        "use('Slide', ours.Slide, path)\n"
        "use('Cache', ours.Cache, 100)\n"
        "use('detect_vendor', ours.detect_vendor, path)\n"
        "use('library_version', ours.library_version)\n"
        "use('library_path', ours.library_path)\n"
        "use('has_function', ours.has_function, 'open')\n"
        "use('argb2rgba', ours.argb2rgba, words)\n"
        "print(json.dumps(results))"
    )
    results = run(script, PACKAGE, slides["aperio-jpeg"].path)
    for name in ("Slide", "Cache", "detect_vendor", "library_version"):
        assert results[name].startswith("RuntimeError: libopenslide is not loaded")
    assert results["library_path"] == "b''"
    assert results["has_function"] == "False"
    assert results["argb2rgba"] == "None"


def test_a_second_load_changes_nothing() -> None:
    script = (
        "import json, openslide\n"
        "from openslide import _openslide\n"
        "_openslide.load(b'/nowhere/libopenslide.so.1')\n"
        "print(json.dumps([_openslide.library_path().decode(),\n"
        "                  _openslide.library_version()]))"
    )
    assert run(script) == run(DESCRIBE)
