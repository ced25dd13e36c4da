"""What openslide-python leaves behind in our package is reported."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import openslide


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of our package that can be imported."""
    copy = tmp_path / "openslide"
    shutil.copytree(
        Path(openslide.__file__).parent,
        copy,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return copy


def run(package: Path, script: str, *options: str) -> subprocess.CompletedProcess[str]:
    # First in the path, before an installation in editable mode too.
    start = f"import sys; sys.path.insert(0, {str(package.parent)!r})\n"
    return subprocess.run(
        [sys.executable, *options, "-c", start + script],
        env=os.environ | {"PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        timeout=60,
    )


# The foreign module here is none that Python could load, so importing it fails;
# what is reported is reported before.
IMPORT = (
    "import json, warnings\n"
    "with warnings.catch_warnings(record=True) as caught:\n"
    "    warnings.simplefilter('always')\n"
    "    try:\n"
    "        import openslide\n"
    "        file = openslide.__file__\n"
    "    except ImportError as error:\n"
    "        file = error.path\n"
    "print(json.dumps([file, [[str(w.message), w.filename] for w in caught]]))"
)


def imported(package: Path) -> tuple[Path, list[tuple[str, str]]]:
    """The file that was imported last, and the warnings with the files they blame."""
    child = run(package, IMPORT)
    assert (child.returncode, child.stderr) == (0, "")
    file, warnings = json.loads(child.stdout)
    return Path(file), warnings


def test_nothing_to_report(package: Path) -> None:
    assert imported(package) == (package / "__init__.py", [])


@pytest.mark.parametrize("suffix", EXTENSION_SUFFIXES)
def test_a_foreign_extension_module(package: Path, suffix: str) -> None:
    foreign = package / f"_convert{suffix}"
    foreign.write_bytes(b"no library")
    file, ((message, blamed),) = imported(package)
    assert file == foreign, "Python prefers it to our module of that name"
    assert "\n" not in message
    assert str(foreign) in message
    assert "pip uninstall -y openslide-python && " in message
    assert "pip install --force-reinstall --no-deps openslide-native" in message
    assert blamed == "<string>", "the program that imports the package"


def test_the_report_is_one_line(package: Path) -> None:
    foreign = package / f"_convert{EXTENSION_SUFFIXES[-1]}"
    foreign.write_bytes(b"no library")
    child = run(package, "try: import openslide\nexcept ImportError: pass")
    lines = [line for line in child.stderr.splitlines() if str(foreign) in line]
    assert len(lines) == 1
    assert lines[0].endswith("--no-deps openslide-native")
    assert child.returncode == 0


#: What openslide-python puts in the place of ours, as far as it matters here.
THEIR_PACKAGE = "__version__ = '1.4.7'\nclass OpenSlideError(Exception): pass\n"


@pytest.mark.parametrize(
    "start",
    ["from openslide._command import main; raise SystemExit(main())",
     "import runpy; runpy.run_module('openslide', run_name='__main__')"],
)  # fmt: skip
def test_the_command_in_a_package_that_was_replaced(package: Path, start: str) -> None:
    (package / "__init__.py").write_text(THEIR_PACKAGE)
    (package / "_version.py").write_text("__version__ = '1.4.7'\n")
    child = run(package, start)
    assert child.returncode == 1
    [line] = child.stderr.splitlines()
    assert "openslide-python was installed over openslide-native" in line
    assert "pip install --force-reinstall --no-deps openslide-native" in line


def test_the_command(package: Path) -> None:
    start = "import sys; sys.argv[1:] = ['--version']\n"
    child = run(package, f"{start}from openslide._command import main; main()")
    assert child.stdout.startswith("openslide-native ")
    assert child.returncode == 0
