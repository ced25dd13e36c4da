"""Wheels that bundle libraries: their notices, and what is found where they lack."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import openslide

pytest.importorskip("lief")
pytest.importorskip("wheel")

ROOT = Path(__file__).parents[1]
INFO = "openslide_native-1.0.dist-info"
METADATA = """Metadata-Version: 2.4
Name: openslide-native
Version: 1.0
License-File: COPYING.LESSER

License-File: is no header here.
"""
WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-abi3-any\n"
#: Which authors each notice must name.
NOTICES = {
    "libjpeg-turbo": "Independent JPEG Group, D. R. Commander",
    "libdeflate": "Eric Biggers",
}


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel with the module of this environment, which has both libraries."""
    libraries = openslide._openslide.tile_libraries()
    if openslide._openslide.jpeg_version() is None or not libraries:
        pytest.skip("built without a library")
    unpacked = tmp_path / "unpacked"
    (unpacked / INFO / "licenses").mkdir(parents=True)
    (unpacked / INFO / "licenses" / "COPYING.LESSER").write_text("ours")
    (unpacked / INFO / "METADATA").write_text(METADATA)
    (unpacked / INFO / "WHEEL").write_text(WHEEL)
    (unpacked / "openslide").mkdir()
    shutil.copy(openslide._openslide.__file__, unpacked / "openslide")
    status, said = run("-m", "wheel", "pack", "--dest-dir", tmp_path, unpacked)
    assert status == 0, said
    [wheel] = tmp_path.glob("*.whl")
    return wheel


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """Where pkg-config says that both libraries are, with their notices."""
    versions = {
        "libjpeg": openslide._openslide.jpeg_version(),
        "libdeflate": "".join(openslide._openslide.tile_libraries()),
    }
    prefix = tmp_path / "prefix"
    for package, version in versions.items():
        number = (version or "").partition(" ")[2]
        text = f"prefix={prefix}\nName: {package}\nDescription:\nVersion: {number}\n"
        file = prefix / "lib" / "pkgconfig" / f"{package}.pc"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for library, authors in NOTICES.items():
        folder = prefix / "share" / "licenses" / library
        folder.mkdir(parents=True)
        (folder / "LICENSE").write_text(f"Copyright {authors}")
    return prefix


def run(*command: str | Path, prefix: Path | None = None) -> tuple[int, str]:
    """The exit status of a Python program, and all that it says."""
    environment = {"PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"} if prefix else {}
    result = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return result.returncode, result.stdout


def audit(wheel: Path) -> tuple[int, str]:
    return run("-m", "wheels.audit", "--complete", wheel)


def add_notices(wheel: Path, prefix: Path) -> tuple[int, str]:
    return run(ROOT / "wheels" / "notices.py", wheel.parent, prefix=prefix)


def test_lacking_notices_are_named(wheel: Path) -> None:
    status, said = audit(wheel)
    assert status == 1
    for library in NOTICES:
        assert f"{wheel.name}: bundles {library}, and lacks its notice" in said


def test_notices_are_added_once(wheel: Path, prefix: Path) -> None:
    for _ in range(2):
        status, said = add_notices(wheel, prefix)
        assert status == 0, said
    status, said = audit(wheel)
    assert status == 0, said
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(f"{INFO}/METADATA").decode()
        record = archive.read(f"{INFO}/RECORD").decode()
        assert archive.read(f"{INFO}/licenses/COPYING.LESSER") == b"ours"
    assert len(names) == len(set(names))
    added = [f"License-File: {library}/LICENSE\n" for library in NOTICES]
    declared = "License-File: COPYING.LESSER\n"
    assert metadata == METADATA.replace(declared, declared + "".join(added))
    for library in NOTICES:
        assert f"{INFO}/licenses/{library}/LICENSE,sha256=" in record


@pytest.mark.parametrize("library", NOTICES)
def test_a_notice_of_somebody_else_is_not_taken(
    library: str, wheel: Path, prefix: Path
) -> None:
    notice = prefix / "share" / "licenses" / library / "LICENSE"
    notice.write_text("Copyright Somebody Else")
    before = wheel.read_bytes()
    status, said = add_notices(wheel, prefix)
    assert status == 1
    assert f"put its licence into {notice.parent}" in said
    assert wheel.read_bytes() == before


def test_the_notice_of_another_version_is_not_taken(wheel: Path, prefix: Path) -> None:
    package = prefix / "lib" / "pkgconfig" / "libdeflate.pc"
    package.write_text("Name: libdeflate\nDescription:\nVersion: 0.1\n")
    status, said = add_notices(wheel, prefix)
    assert status == 1
    assert "but pkg-config knows 0.1" in said


def test_a_library_that_is_not_known_is_named(wheel: Path, prefix: Path) -> None:
    add_notices(wheel, prefix)
    stray = "openslide_native.libs/libstray-0123abcd.so.1"
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("openslide_native.libs/libjpeg-0123abcd.so.62", "")
        archive.writestr(stray, "")
    status, said = audit(wheel)
    assert status == 1
    assert f"bundles {stray}, whose licence" in said
    assert "libjpeg-0123abcd" not in said


def test_what_is_exported_is_named(tmp_path: Path) -> None:
    """A module of somebody else, with another entry."""
    path = tmp_path / "openslide_native-1.0-cp311-abi3-any.whl"
    from PIL import _imaging

    with zipfile.ZipFile(path, "w") as archive:
        archive.write(_imaging.__file__, "openslide/_openslide.abi3.so")
    status, said = audit(path)
    assert status == 1
    assert "the module does not export PyInit__openslide" in said
    assert re.search("the module exports .*PyInit__imaging.* beside", said)
    assert "is built without libdeflate" in said
