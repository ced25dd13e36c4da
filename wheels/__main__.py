"""Make the wheels of this machine and try them: python -m wheels, from the checkout.

    dist/               the source distribution, and the wheels for Linux, repaired
    build/wheels/       what is in between, and the companion that stands for
                        openslide-python, which is never published

Each Python from 3.11 on that is found in PATH, or that pyenv has, gets an environment of
its own, with nothing but the wheel and what the tests need.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
BUILD = ROOT / "build" / "wheels"

#: The drop-in comparison, and what depends on the build.
TESTS = ("test_oracle", "test_formats", "test_slide", "test_encode")
TEST_NEEDS = (
    *("hypothesis", "numpy", "pytest", "pytest-timeout", "pytest-xdist"),
    *("scipy", "zstandard"),
)
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "auto")

#: Requires openslide-python by name, and reads slides with it.
DEPENDENT = "large-image-source-openslide"


class Python(NamedTuple):
    """An interpreter.

    Attributes:
        path: of its program.
        version: such as "3.13.0".
        is_free_threaded: whether it has no GIL, so that the stable ABI is not for it.
    """

    path: str
    version: str
    is_free_threaded: bool

    @property
    def tag(self) -> str:
        return self.version + ("t" if self.is_free_threaded else "")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m wheels")
    parser.add_argument("--oracle", help="a Python that has openslide-python")
    options = parser.parse_args()
    pythons = list(find_pythons())
    say("Pythons: " + ", ".join(python.tag for python in pythons))
    for folder in (DIST, BUILD):
        shutil.rmtree(folder, ignore_errors=True)
    build(pythons)
    companion = build_companion()
    for python in pythons:
        try_wheel(python, options.oracle)
    try_dependent(pythons[0], companion)
    say("all is well; dist/ has " + ", ".join(sorted(p.name for p in DIST.iterdir())))


def say(text: str) -> None:
    print(f"wheels: {text}", flush=True)


def run(*command: str | Path, **environment: str) -> None:
    """Run a program; what it prints is shown where it fails, which ends all."""
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode != 0:
        print(result.stdout)
        sys.exit(f"wheels: failed: {' '.join(map(str, command))}")
    last = result.stdout.strip().splitlines()[-1:]
    say(f"{Path(command[0]).name} {' '.join(map(str, command[1:4]))} ...: {last}")


def tool(name: str) -> str:
    """A program of this environment."""
    return str(Path(sys.executable).parent / name)


def find_pythons() -> Iterator[Python]:
    """One of each minor version, the newest, with and without the GIL."""
    found: dict[tuple[int, int, bool], tuple[tuple[int, ...], Python]] = {}
    for path in _candidates():
        python = _ask(path)
        if python is None:
            continue
        numbers = tuple(map(int, re.findall(r"\d+", python.version)[:3]))
        key = (numbers[0], numbers[1], python.is_free_threaded)
        if numbers >= (3, 11) and (key not in found or found[key][0] < numbers):
            found[key] = (numbers, python)
    for key in sorted(found):
        yield found[key][1]


def _candidates() -> Iterator[Path]:
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    root = os.environ.get("PYENV_ROOT")
    folders += Path(root).glob("versions/*/bin") if root else []
    for folder in folders:
        if "shims" not in folder.parts:  # which say for most versions that they lack
            yield from folder.glob("python3.[0-9]*")


def _ask(path: Path) -> Python | None:
    question = (
        "import json, platform, sysconfig; print(json.dumps([platform.python_version(), "
        "bool(sysconfig.get_config_var('Py_GIL_DISABLED'))]))"
    )
    if not re.fullmatch(r"python3\.\d+t?", path.name):
        return None  # python3.11-config and the like
    answer = subprocess.run([path, "-c", question], capture_output=True, text=True)
    if answer.returncode != 0:
        return None
    version, is_free_threaded = json.loads(answer.stdout)
    return Python(str(path), version, is_free_threaded)


def build(pythons: list[Python]) -> None:
    """The source distribution, and a wheel of it for each ABI."""
    raw = BUILD / "raw"
    run(sys.executable, "-m", "build", "--outdir", raw)
    for python in pythons:
        if python.is_free_threaded:
            venv = make_environment(python, "build", ["build"])
            run(venv, "-m", "build", "--wheel", "--outdir", raw)
    DIST.mkdir()
    for source in raw.glob("*.tar.gz"):
        shutil.copy(source, DIST)
    for wheel in raw.glob("*.whl"):
        run(tool("auditwheel"), "repair", "--wheel-dir", DIST, wheel)
    run(sys.executable, ROOT / "wheels" / "notices.py", DIST)
    run(sys.executable, "-m", "wheels.audit", DIST)
    stable = [str(wheel) for wheel in DIST.glob("*-abi3-*.whl")]
    run(tool("abi3audit"), "--strict", "--report", *stable)
    run(tool("twine"), "check", "--strict", *map(str, DIST.iterdir()))


def build_companion() -> Path:
    """The wheel that stands for openslide-python."""
    outdir = BUILD / "companion"
    run(
        *(sys.executable, "-m", "build", "--wheel", "--outdir", outdir),
        ROOT / "wheels" / "openslide-python",
    )
    [wheel] = outdir.glob("*.whl")
    return wheel


def make_environment(python: Python, name: str, packages: list[str]) -> str:
    """A fresh environment with some packages; returns its Python."""
    venv = BUILD / f"{name}-{python.tag}"
    run(python.path, "-m", "venv", "--clear", venv)
    program = str(venv / "bin" / "python")
    # Only what the index or dist/ has as it is: nothing of the checkout.
    run(program, "-m", "pip", "install", "--quiet", "--find-links", DIST, *packages)
    return program


def our_wheel(python: Python) -> str:
    """The wheel for an interpreter."""
    major, minor, *_ = python.version.split(".")
    pattern = f"-cp{major}{minor}t-" if python.is_free_threaded else "-abi3-"
    [wheel] = (str(w) for w in DIST.glob("openslide_native-*.whl") if pattern in w.name)
    return wheel


def try_wheel(python: Python, oracle: str | None) -> None:
    """Pass the drop-in comparison, and read, in an environment with the wheel alone."""
    say(f"trying Python {python.tag}")
    program = make_environment(python, "try", [our_wheel(python), *TEST_NEEDS])
    run(program, "-m", "openslide", "--version")
    files = [str(ROOT / "tests" / f"{name}.py") for name in TESTS]
    environment = {"OPENSLIDE_ORACLE_PYTHON": oracle} if oracle else {}
    run(program, *PYTEST, *files, **environment)


def try_dependent(python: Python, companion: Path) -> None:
    """Install what requires openslide-python by name, and find this package active."""
    say(f"trying {DEPENDENT} with {companion.name}")
    wheel = our_wheel(python)
    program = make_environment(python, "dependent", [wheel, str(companion), DEPENDENT])
    slides = BUILD / "slides"
    run(sys.executable, "-m", "tests.slides", slides, "--only", "aperio-jpeg")
    [slide] = slides.glob("*.svs")
    run(program, ROOT / "wheels" / "dependent.py", slide)


if __name__ == "__main__":
    main()
