"""Look over wheels that are to be published: python -m wheels.audit [--complete] dist

- Of each library that a wheel bundles its notice is there, and METADATA names it.
- It bundles nothing else.
- Its module exports what Python wants of it alone: another symbol, such as one of a
  library that is linked in, could take the place of that of another module.
- With --complete, it bundles all libraries that it can.

Needs the package lief.
"""

from __future__ import annotations

import argparse
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import lief

from .notices import LIBRARIES, Library, bundled, lacking, module_of, wheels_in

ENTRY = "PyInit__openslide"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m wheels.audit")
    parser.add_argument("wheels", nargs="+", help="wheels, or folders of wheels")
    parser.add_argument(
        "--complete", action="store_true", help="each must bundle all libraries"
    )
    options = parser.parse_args()
    faults = 0
    for path in wheels_in(options.wheels):
        for fault in audit(path, is_complete=options.complete):
            print(f"audit: {path.name}: {fault}", file=sys.stderr)
            faults += 1
    if faults:
        sys.exit(f"audit: {faults} fault(s)")


def audit(path: Path, *, is_complete: bool) -> Iterator[str]:
    """What is wrong with a wheel; prints which libraries it has."""
    with zipfile.ZipFile(path) as wheel:
        try:
            module = module_of(wheel)
        except LookupError as error:
            yield str(error)
            return
        versions = bundled(wheel)
        for library in versions:
            yield from notice_faults(wheel, library)
        yield from stray_files(wheel, list(versions))
        yield from stray_symbols(wheel.read(module))
    if is_complete:
        for library in LIBRARIES:
            if library not in versions:
                yield f"is built without {library.name}"
    has = (f"{library.name} {version}" for library, version in versions.items())
    print(f"audit: {path.name}: bundles {', '.join(has) or 'nothing'}")


def notice_faults(wheel: zipfile.ZipFile, library: Library) -> Iterator[str]:
    """What lacks of the notice of a library that is bundled."""
    pattern = re.compile(rf"[^/]+\.dist-info/licenses/({library.name}/[^/]+)")
    found = {m[1]: m[0] for name in wheel.namelist() if (m := pattern.fullmatch(name))}
    if not found:
        yield f"bundles {library.name}, and lacks its notice"
        return
    authors = lacking(library, (wheel.read(name) for name in found.values()))
    if authors:
        yield f"the notice of {library.name} does not name {' and '.join(authors)}"
    [metadata] = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    lines = wheel.read(metadata).decode().splitlines()
    for name in found:
        if f"License-File: {name}" not in lines:
            yield f"METADATA does not name the notice {name}"


def stray_files(wheel: zipfile.ZipFile, libraries: list[Library]) -> Iterator[str]:
    """What auditwheel, delocate and delvewheel brought beside the libraries."""
    stems = tuple(library.stem for library in libraries)
    for path in map(PurePosixPath, wheel.namelist()):
        is_library = re.search(r"\.(so|dylib|dll)(\.|$)", path.name)
        is_brought = re.search(r"\.(libs|dylibs)$", path.parent.name)
        is_known = path.name.removeprefix("lib").startswith(stems)
        if is_library and is_brought and not is_known:
            yield f"bundles {path}, whose licence wheels/notices.py does not know"


def stray_symbols(module: bytes) -> Iterator[str]:
    """What is exported beside the entry."""
    names = set(exports(module))
    if ENTRY not in names:
        yield f"the module does not export {ENTRY}"
    names.discard(ENTRY)
    if names:
        yield f"the module exports {', '.join(sorted(names))} beside {ENTRY}"


def exports(module: bytes) -> Iterator[str]:
    """The names that a module exports, as they are called in C."""
    binary = lief.parse(module)
    if isinstance(binary, lief.PE.Binary):
        table = binary.get_export()
        if table is not None:
            yield from (str(entry.name) for entry in table.entries)
    elif isinstance(binary, lief.ELF.Binary):
        yield from (str(symbol.name) for symbol in binary.exported_symbols)
    elif isinstance(binary, lief.MachO.Binary):
        for symbol in binary.exported_symbols:
            yield str(symbol.name).removeprefix("_")


if __name__ == "__main__":
    main()
