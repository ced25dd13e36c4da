"""The extension module; everything else about the build is in pyproject.toml."""

import os
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import NamedTuple

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

EXT = Path("ext")

# Free-threaded builds have no stable ABI, so each needs a wheel of its own.
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
OLDEST_PYTHON = (3, 11)


def sources() -> list[str]:
    """All files of ext/sources.txt."""
    lines = (EXT / "sources.txt").read_text().splitlines()
    return [str(EXT / line) for line in lines if line and not line.startswith("#")]


def compile_args() -> list[str]:
    if sys.platform == "win32":
        return ["/std:c11", "/experimental:c11atomics"]
    # Fused products and sums of floats would round differently, see kernels/paint_kernels.h.
    exact = "-ffp-contract=off"
    warnings = ["-Wall", "-Wextra", "-Wstrict-prototypes", "-Wmissing-prototypes"]
    return ["-std=c11", exact, "-fvisibility=hidden", *warnings]


def link_args() -> list[str]:
    """What keeps the symbols of libraries that are linked in to the module."""
    if sys.platform == "win32":
        return []  # where nothing is exported that is not said to be
    if sys.platform == "darwin":
        return ["-Wl,-exported_symbol,_PyInit__openslide"]
    return ["-Wl,--exclude-libs,ALL"]


def limited_api() -> list[tuple[str, str]]:
    major, minor = OLDEST_PYTHON
    return [("Py_LIMITED_API", f"0x{major:02x}{minor:02x}0000")]


# Another libjpeg has not the colour spaces that the pixels of a slide are in.
NEEDS_TURBO = """
#include <stdio.h>
#include <jpeglib.h>
#if !defined(LIBJPEG_TURBO_VERSION) || !defined(JCS_ALPHA_EXTENSIONS)
#error not libjpeg-turbo
#endif
"""


# Any has what is called (since 1.6) that pkg-config knows (since 1.9).
NEEDS_LIBDEFLATE = """
#include <libdeflate.h>
"""


class Library(NamedTuple):
    """A library that tiles are decoded with where it is there.

    Attributes:
        name: its own.
        package: what pkg-config calls it.
        switch: the environment variable that leaves it out.
        macro: for the C code, where it is built in.
        program: compiles where there is what is needed of it.
        lack: what is wrong where that does not compile.
    """

    name: str
    package: str
    switch: str
    macro: str
    program: str
    lack: str


LIBRARIES = (
    Library(
        "libjpeg-turbo",
        "libjpeg",
        "OPENSLIDE_WITHOUT_JPEG",
        "HAVE_LIBJPEG_TURBO",
        NEEDS_TURBO,
        "libjpeg is not libjpeg-turbo, or lacks its headers",
    ),
    Library(
        "libdeflate",
        "libdeflate",
        "OPENSLIDE_WITHOUT_LIBDEFLATE",
        "HAVE_LIBDEFLATE",
        NEEDS_LIBDEFLATE,
        "libdeflate lacks its headers",
    ),
)


class BuildWithLibraries(build_ext):
    """Where a library is missing, all else is built."""

    def build_extensions(self) -> None:
        self.missing: list[str] = []
        for library in LIBRARIES:
            try:
                version = self.add(library, extension)
            except LookupError as reason:
                print(f"{library.name}: off, {reason}", flush=True)
                self.missing.append(library.name)
            else:
                print(f"{library.name}: on ({version})", flush=True)
        super().build_extensions()
        if self.missing:  # last, for whoever looks at the end of what a build says
            print(
                f"openslide-native is built without {' and '.join(self.missing)}: "
                "docs/install.md says what is slower, and what to install",
                flush=True,
            )

    def add(self, library: Library, extension: Extension) -> str:
        """Link a library, and return its version; LookupError if there is none."""
        if os.environ.get(library.switch, "0") not in ("", "0"):
            raise LookupError(f"as {library.switch} says")
        try:
            import pkgconfig

            found = pkgconfig.parse(library.package)
            version: str = pkgconfig.modversion(library.package)
        except ImportError:
            raise LookupError("the Python package pkgconfig is missing") from None
        except OSError:
            raise LookupError("pkg-config is missing") from None
        except pkgconfig.PackageNotFoundError:
            raise LookupError(f"pkg-config knows no {library.package}") from None
        if not self.compiles(library.program, found["include_dirs"]):
            raise LookupError(library.lack)
        for setting, values in found.items():
            getattr(extension, setting).extend(values)
        extension.define_macros.append((library.macro, None))
        return version

    def compiles(self, program: str, include_dirs: list[str]) -> bool:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "program.c")
            source.write_text(program)
            try:
                self.compiler.compile(
                    [str(source)], output_dir=folder, include_dirs=include_dirs
                )
            except CompileError:
                return False
        return True


extension = Extension(
    "openslide._openslide",
    sources=sources(),
    include_dirs=[str(EXT)],
    depends=[str(path) for path in (EXT / "sources.txt", *EXT.rglob("*.h"))],
    define_macros=[] if FREE_THREADED else limited_api(),
    extra_compile_args=compile_args(),
    extra_link_args=link_args(),
    py_limited_api=not FREE_THREADED,
)

abi_tag = "cp{}{}".format(*OLDEST_PYTHON)
setup(
    ext_modules=[extension],
    cmdclass={"build_ext": BuildWithLibraries},
    options={} if FREE_THREADED else {"bdist_wheel": {"py_limited_api": abi_tag}},
)
