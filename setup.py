"""The extension module; everything else about the build is in pyproject.toml."""

import os
import sys
import sysconfig
import tempfile
from pathlib import Path

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


class BuildWithJpeg(build_ext):
    """Tiles are encoded with libjpeg-turbo, and those decoded that our own decoder
    leaves; where it is missing, all else is built."""

    def build_extensions(self) -> None:
        try:
            version = self.add_jpeg(extension)
        except LookupError as reason:
            print(f"libjpeg-turbo: off, {reason}", flush=True)
        else:
            print(f"libjpeg-turbo: on ({version})", flush=True)
        super().build_extensions()

    def add_jpeg(self, extension: Extension) -> str:
        """Link libjpeg-turbo, and return its version; LookupError if there is none."""
        if os.environ.get("OPENSLIDE_WITHOUT_JPEG", "0") not in ("", "0"):
            raise LookupError("as OPENSLIDE_WITHOUT_JPEG says")
        try:
            import pkgconfig

            found = pkgconfig.parse("libjpeg")
            version: str = pkgconfig.modversion("libjpeg")
        except ImportError:
            raise LookupError("the Python package pkgconfig is missing") from None
        except OSError:
            raise LookupError("pkg-config is missing") from None
        except pkgconfig.PackageNotFoundError:
            raise LookupError("pkg-config knows no libjpeg") from None
        if not self.compiles(NEEDS_TURBO, found["include_dirs"]):
            raise LookupError("libjpeg is not libjpeg-turbo, or lacks its headers")
        for setting, values in found.items():
            getattr(extension, setting).extend(values)
        extension.define_macros.append(("HAVE_LIBJPEG_TURBO", None))
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
    depends=[str(path) for path in EXT.rglob("*.h")],
    define_macros=[] if FREE_THREADED else limited_api(),
    extra_compile_args=compile_args(),
    py_limited_api=not FREE_THREADED,
)

abi_tag = "cp{}{}".format(*OLDEST_PYTHON)
setup(
    ext_modules=[extension],
    cmdclass={"build_ext": BuildWithJpeg},
    options={} if FREE_THREADED else {"bdist_wheel": {"py_limited_api": abi_tag}},
)
