"""Put the licence notices of the libraries that a wheel bundles into it.

    python wheels/notices.py dist

comes after auditwheel, delocate or delvewheel: a wheel that these have mended holds every
library that its module is built with, linked in or as a file of its own.  The notices are
those of the very library that was built with, found by way of pkg-config, and get to
.dist-info/licenses/LIBRARY.  Needs the package wheel.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Library(NamedTuple):
    """A library that wheels may bundle.

    Attributes:
        name: its own; before its version it stands in the module, too.
        package: what pkg-config calls it.
        stem: how the names of its files begin, but for "lib".
        authors: who is named in its notices.
        places: where these are, seen from the prefix that it is installed to; what the
            first pattern with all authors finds is taken.
    """

    name: str
    package: str
    stem: str
    authors: tuple[str, ...]
    places: tuple[str, ...]


LIBRARIES = (
    Library(
        "libjpeg-turbo",
        "libjpeg",
        "jpeg",
        ("Independent JPEG Group", "D. R. Commander"),
        (
            "share/licenses/libjpeg-turbo/*",  # libraries.sh, Fedora
            "share/libjpeg-turbo/copyright",  # vcpkg
            "share/doc/libjpeg*turbo*-dev/copyright",  # Debian, Ubuntu
            "share/doc/libjpeg-turbo/[LR]*",  # its own installation, Homebrew
        ),
    ),
    Library(
        "libdeflate",
        "libdeflate",
        "deflate",
        ("Eric Biggers",),
        (
            "share/licenses/libdeflate/*",
            "share/libdeflate/copyright",
            "share/doc/libdeflate-dev/copyright",
            "COPYING",  # Homebrew
        ),
    ),
)


def main() -> None:
    for wheel in wheels_in(sys.argv[1:]):
        try:
            added = add_notices(wheel)
        except LookupError as error:
            sys.exit(f"notices: {wheel.name}: {error}")
        print(f"notices: {wheel.name}: {', '.join(added) or 'bundles nothing'}")


def wheels_in(paths: list[str]) -> list[Path]:
    """Wheels, and those in folders; ends the program where there are none."""
    wheels = [
        wheel
        for path in map(Path, paths)
        for wheel in (sorted(path.glob("*.whl")) if path.is_dir() else [path])
    ]
    if not wheels:
        sys.exit(f"there is no wheel in {' '.join(paths) or 'nothing; name some'}")
    return wheels


def module_of(wheel: zipfile.ZipFile) -> str:
    """The name of the extension module; LookupError if there is not one."""
    pattern = re.compile(r"openslide/_openslide\.[^/]*(so|pyd)")
    names = [name for name in wheel.namelist() if pattern.fullmatch(name)]
    if len(names) != 1:
        raise LookupError(f"has {len(names)} modules openslide/_openslide, not one")
    return names[0]


def bundled(wheel: zipfile.ZipFile) -> dict[Library, str]:
    """The libraries that its module is built with, and their versions."""
    module = wheel.read(module_of(wheel))
    versions = {}
    for library in LIBRARIES:
        found = re.search(rb"%b (\d[\d.]*)\0" % library.name.encode(), module)
        if found:
            versions[library] = found[1].decode()
    return versions


def add_notices(path: Path) -> list[str]:
    """Add what lacks, in place; returns the libraries.

    LookupError says why that cannot be; the wheel is as it was then.
    """
    with zipfile.ZipFile(path) as wheel:
        notices = {
            library: list(find_notices(library, version))
            for library, version in bundled(wheel).items()
        }
    if not notices:
        return []
    with tempfile.TemporaryDirectory() as work:
        run_wheel("unpack", "--dest", work, path)
        [folder] = Path(work).iterdir()
        [info] = folder.glob("*.dist-info")
        names = [
            copy(file, info / "licenses", library.name)
            for library, files in notices.items()
            for file in files
        ]
        declare(info / "METADATA", names)
        repacked = Path(work, "repacked")
        repacked.mkdir()
        run_wheel("pack", "--dest-dir", repacked, folder)
        [result] = repacked.iterdir()
        shutil.copy(result, path)
    return [library.name for library in notices]


def run_wheel(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "wheel", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise LookupError(f"{' '.join(command)} says {result.stderr.strip()}")


def copy(file: Path, licenses: Path, library: str) -> str:
    """Copy a notice; returns what METADATA calls it."""
    name = f"{library}/{file.name}"
    (licenses / library).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, licenses / name)
    return name


def declare(metadata: Path, names: list[str]) -> None:
    """Name files of licenses/ in the head of METADATA, each once."""
    head, blank, description = metadata.read_bytes().partition(b"\n\n")
    for name in names:
        line = f"License-File: {name}".encode()
        if line not in head.splitlines():
            head += b"\n" + line
    metadata.write_bytes(head + blank + description)


def find_notices(library: Library, version: str) -> Iterator[Path]:
    """The notices of an installed library; LookupError if there are none."""
    here = pkg_config("--modversion", library)
    if here != version:
        raise LookupError(
            f"was built with {library.name} {version}, but pkg-config knows "
            f"{here}: add its notices where it was built"
        )
    prefix = Path(pkg_config("--variable=prefix", library))
    for place in library.places:
        found = sorted(file for file in prefix.glob(place) if file.is_file())
        files = {file.name: file for file in found}
        if not lacking(library, (file.read_bytes() for file in files.values())):
            yield from files.values()
            return
    raise LookupError(
        f"bundles {library.name}, but {prefix} has no notice of it that names "
        f"{' and '.join(library.authors)} in {', '.join(library.places)}: "
        f"put its licence into {prefix / 'share' / 'licenses' / library.name}"
    )


def lacking(library: Library, notices: Iterator[bytes]) -> list[str]:
    """The authors that notices do not name."""
    text = b"\n".join(notices)
    return [author for author in library.authors if author.encode() not in text]


def pkg_config(option: str, library: Library) -> str:
    program = os.environ.get("PKG_CONFIG", "pkg-config")
    try:
        result = subprocess.run(
            [program, option, library.package], capture_output=True, text=True
        )
    except OSError as error:
        raise LookupError(f"cannot run {program}: {error}") from None
    if result.returncode != 0:
        raise LookupError(
            f"bundles {library.name}, but {program}: {result.stderr.strip()}"
        )
    return result.stdout.strip()


if __name__ == "__main__":
    main()
