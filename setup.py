"""The extension module; everything else about the build is in pyproject.toml."""

import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup

EXT = Path("ext")

# Free-threaded builds have no stable ABI, so each needs a wheel of its own.
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
OLDEST_PYTHON = (3, 11)


def sources() -> list[str]:
    """All files of ext/sources.txt."""
    lines = (EXT / "sources.txt").read_text().splitlines()
    entries = (line.split() for line in lines if line and not line.startswith("#"))
    return [str(EXT / name) for _, name in entries]


def compile_args() -> list[str]:
    if sys.platform == "win32":
        return ["/std:c11", "/experimental:c11atomics"]
    # Fused products and sums of floats would round differently, see direct/paint.h.
    exact = "-ffp-contract=off"
    return ["-std=c11", exact, "-fvisibility=hidden", "-Wall", "-Wextra"]


def limited_api() -> list[tuple[str, str]]:
    major, minor = OLDEST_PYTHON
    return [("Py_LIMITED_API", f"0x{major:02x}{minor:02x}0000")]


extension = Extension(
    "openslide._openslide",
    sources=sources(),
    include_dirs=[str(EXT)],
    depends=[str(path) for path in EXT.rglob("*.h")],
    define_macros=[] if FREE_THREADED else limited_api(),
    extra_compile_args=compile_args(),
    py_limited_api=not FREE_THREADED,
)

abi_tag = "cp{}{}".format(*OLDEST_PYTHON)
setup(
    ext_modules=[extension],
    options={} if FREE_THREADED else {"bdist_wheel": {"py_limited_api": abi_tag}},
)
