"""What is said of files that libopenslide refuses, wherever they are opened."""

from __future__ import annotations

import gzip
import io
import re
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st
from PIL import Image

from openslide import (
    ImageSlide,
    OpenSlide,
    OpenSlideUnsupportedFormatError,
    _tiff,
    open_slide,
)
from openslide.cli import main
from openslide.tiles import TileGrid
from tests.slides import SlideFacts, reference, write_aperio, write_mirax

LFS = b"""version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 184320123
"""
S3_ERROR = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>'
)


def tar(contents: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("slide.svs")
        member.size = len(contents)
        archive.addfile(member, io.BytesIO(contents))
    return file.getvalue()


def zipped(contents: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("slide.svs", contents)
    return file.getvalue()


def jpeg(width: int = 64, height: int = 64) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, "JPEG")
    return file.getvalue()


#: Contents, and what is said of them whatever the file is called.
CONTENTS = {
    "empty": (b"", "the file is empty"),
    "zeros": (bytes(9000), "it begins with zeros, so it is not complete"),
    "git-lfs": (LFS, r"a Git LFS pointer .*: git lfs pull --include \"slide\.\w+\""),
    "git-annex": (b"/annex/objects/MD5E-s1--0.svs\n", "git annex get slide"),
    "web page": (b"\n<!DOCTYPE html><title>403 Forbidden</title>", "it is a web page"),
    "server": (S3_ERROR, "a server's error message in XML"),
    "gzip": (gzip.compress(b"slide"), r"compressed with gzip; .*: gunzip slide\.\w+"),
    "zip": (zipped(b"slide"), "a ZIP archive; unpack it first: unzip slide"),
    "tar": (tar(b"slide"), "a TAR archive; unpack it first: tar xf slide"),
    "text": (b"Not found\n", "text that begins 'Not found'"),
    "header": (b"II*\0\x08\0\0\0", "it is cut off: its first directory lies at byte 8"),
    "half a header": (b"II*\0\x08", "it is cut off: its header lies at byte 4"),
    "circle": (
        struct.pack("<2sHIHHHIII", b"II", 42, 8, 1, 256, 3, 1, 5, 8),
        "a damaged TIFF: its directories lead in a circle",
    ),
    "picture": (jpeg(), "it is a JPEG picture, not the slide that its name tells of"),
}


def refusals(path: Path, capsys: pytest.CaptureFixture[str]) -> set[str]:
    """What is said by all that do not open a file."""
    said = set()
    for open in (OpenSlide, lambda path: TileGrid(path, 64)):
        with pytest.raises(OpenSlideUnsupportedFormatError) as raised:
            open(path)
        assert str(raised.value).count(str(path)) == 1
        assert raised.value.reason is not None
        said.add(raised.value.reason)
    output = path.parent / "out.png"
    for command in (
        ["info"],
        ["associated"],
        ["thumbnail", "-o", output],
        ["region", "-o", output, "--location", "0", "0", "--size", "8", "8"],
        ["dzi", "-o", path.parent / "tree"],
    ):
        name, *options = map(str, command)
        assert main([name, str(path), *options]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        start = f"openslide: {path}: "
        assert line.startswith(start)
        said.add(line.removeprefix(start))
    assert not output.exists()
    return said


@pytest.mark.parametrize("suffix", [".svs", ".scn"])
@pytest.mark.parametrize("what", CONTENTS)
def test_contents_that_are_no_slide(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str, suffix: str
) -> None:
    contents, reason = CONTENTS[what]
    path = tmp_path / f"slide{suffix}"
    path.write_bytes(contents)
    (said,) = refusals(path, capsys)
    assert re.search(reason, said)


@pytest.mark.parametrize("suffix", [".isyntax", ".vsi"])
def test_slides_that_openslide_does_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    """Though Pillow finds a picture inside."""
    path = tmp_path / f"slide{suffix}"
    path.write_bytes(jpeg())
    (said,) = refusals(path, capsys)
    assert "which OpenSlide does not read; export it" in said


def test_a_download_that_goes_on(
    tmp_path: Path, slides: Mapping[str, SlideFacts], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "slide.svs.part"
    path.write_bytes(slides["aperio-jpeg"].path.read_bytes()[:1000])
    (said,) = refusals(path, capsys)
    assert "its name ends in .part" in said


# TIFF files


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
@pytest.mark.parametrize(
    "name", ["aperio-jpeg", "generic", "generic-sparse", "ndpi", "leica", "philips"]
)
def test_slides_that_are_cut_off(
    tmp_path: Path,
    slides: Mapping[str, SlideFacts],
    capsys: pytest.CaptureFixture[str],
    name: str,
    share: float,
) -> None:
    """However much of them there is: nothing else is told, and no picture is shown."""
    source = slides[name].path
    path = tmp_path / source.name
    path.write_bytes(source.read_bytes()[: int(share * source.stat().st_size)])
    if OpenSlide.detect_format(path) is None:
        (said,) = refusals(path, capsys)
        assert said.startswith("it is cut off: ")
        assert f"the file has {path.stat().st_size} bytes" in said


def test_the_first_page_of_a_slide_is_no_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """open_slide() shows it, as upstream's does; nothing else takes it for the slide."""
    path = tmp_path / "slide.tif"
    pages = [Image.new("RGB", (side, side), "red") for side in (64, 512)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    with open_slide(path) as slide:
        assert isinstance(slide, ImageSlide)
        assert slide.dimensions == (64, 64)
    (said,) = refusals(path, capsys)
    assert "vips tiffsave slide.tif[page=1] slide-tiled.tif --tile" in said


def test_one_of_several_channels_is_no_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "slide.tif"
    pages = [Image.new("L", (64, 48), shade) for shade in (1, 2, 3)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    (said,) = refusals(path, capsys)
    assert "3 pictures of 64 x 48 pixels" in said


def tiff(order: str, *entries: tuple[int, int], tail: bytes = b"") -> bytes:
    """A file of one directory of LONGs, or for 0x10000 + tag SHORTs, and what follows."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    content = b"".join(
        struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in entries
    )
    head = mark + struct.pack(f"{order}IH", 8, len(entries))
    return head + content + bytes(4) + tail


GREY = ((256, 64), (257, 64), (258, 8), (259, 1), (262, 1), (277, 1))


def stripped(order: str, *more: tuple[int, int]) -> bytes:
    entries = sorted([*GREY, (273, 200), (278, 64), (279, 4096), *more])
    return tiff(order, *entries).ljust(200, b"\0") + bytes(4096)


def tiled(order: str, *more: tuple[int, int]) -> bytes:
    entries = (*GREY, (322, 64), (323, 64), (324, 200), (325, 4096), *more)
    return tiff(order, *entries).ljust(200, b"\0") + bytes(4096)


def test_a_tiff_in_strips_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "slide.tif"
    path.write_bytes(stripped("<"))
    with pytest.raises(OpenSlideUnsupportedFormatError) as raised:
        OpenSlide(path)
    assert "in strips, not in tiles" in str(raised.value)
    assert "vips tiffsave slide.tif slide-tiled.tif --tile" in str(raised.value)
    assert main(["info", str(path)]) == 0
    assert len(TileGrid(path, 64)) == 1


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (stripped("<", (330, 8)), r"in SubIFDs, .*tiffsave slide.tif\[subifd=0\]"),
        (stripped("<", (254, 1)), "begins with a small picture"),
        (stripped("<")[:3000], "it is cut off: its pixels end at byte 4296"),
        (tiff("<"), "a damaged TIFF: its first directory has 0 entries"),
    ],
)
def test_other_tiffs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], contents: bytes, reason: str
) -> None:
    path = tmp_path / "slide.tif"
    path.write_bytes(contents)
    (said,) = refusals(path, capsys)
    assert re.search(reason, said)


def test_levels_in_subifds_are_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "slide.tif"
    for subifds in ((), ((330, 8),)):
        path.write_bytes(tiled("<", *subifds))
        assert main(["info", str(path)]) == 0
        output = capsys.readouterr().out
        said = "1 more in SubIFDs, which OpenSlide does not read; convert it: vips"
        assert (said in output) == bool(subifds)


def test_big_endian_tiffs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "slide.tif"
    path.write_bytes(tiled("<"))
    assert OpenSlide.detect_format(path) == "generic-tiff"
    path.write_bytes(tiled(">"))
    if OpenSlide.detect_format(path) is not None:
        pytest.skip("this libopenslide reads them")
    (said,) = refusals(path, capsys)
    assert "a big-endian TIFF" in said
    assert "tiffcp -L slide.tif slide-little.tif" in said


@hypothesis.settings(
    max_examples=60,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(
    start=st.sampled_from([b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"", b"\x89PNG"]),
    rest=st.binary(max_size=200),
    suffix=st.sampled_from([".svs", ".tif", ".ndpi", ".png", ".mrxs", ".vms", ""]),
)
def test_whatever_a_file_holds_there_is_a_reason(
    tmp_path: Path, start: bytes, rest: bytes, suffix: str
) -> None:
    path = tmp_path / f"slide{suffix}"
    path.write_bytes(start + rest)
    with pytest.raises(OpenSlideUnsupportedFormatError) as raised:
        OpenSlide(path)
    assert raised.value.reason
    assert "\n" not in raised.value.reason


# Slides of several files


def test_mirax_without_its_folder_is_no_thumbnail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_mirax(tmp_path).path
    path.write_bytes(jpeg())  # as scanners have it
    assert OpenSlide.detect_format(path) == "mirax"
    (tmp_path / "mirax").rename(tmp_path / "elsewhere")
    (said,) = refusals(path, capsys)
    assert "is missing; keep all files of the slide together" in said


def test_a_slide_that_is_known_and_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_mirax(tmp_path).path
    path.write_bytes(jpeg())
    (tmp_path / "mirax" / "Slidedat.ini").write_text("[GENERAL]\n")
    with pytest.raises(Exception, match=r"GENERAL|SLIDE") as raised:
        OpenSlide(path)
    with pytest.raises(type(raised.value)):
        TileGrid(path, 64)
    assert main(["thumbnail", str(path), "-o", str(tmp_path / "t.png")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.count(str(path)) == 1


def test_reasons_of_libopenslide_have_the_path_once(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However the path was given, and wherever it stands in the reason."""
    (tmp_path / "deep").mkdir()
    path = tmp_path / "deep" / "slide.czi"
    path.write_bytes(b"ZISRAWFILE" + bytes(100))  # which is cut off
    monkeypatch.chdir(tmp_path)
    for given in (str(path), "deep/slide.czi"):
        assert main(["info", given]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"openslide: {given}: ")
        assert line.count("deep") == given.count("deep")


# Pictures


def test_pictures_that_are_too_large(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    recwarn: pytest.WarningsRecorder,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)
    path = tmp_path / "visium.png"
    path.write_bytes(jpeg(60, 60))
    assert main(["info", str(path)]) == 0  # of which Pillow warns
    assert capsys.readouterr().err == ""
    path.write_bytes(jpeg(100, 100))
    with pytest.raises(OpenSlideUnsupportedFormatError):
        TileGrid(path, 64)
    assert main(["info", str(path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "a picture of more than 6000 pixels" in line
    assert "vips tiffsave visium.png visium-tiled.tif --tile" in line
    assert not recwarn.list


@pytest.mark.parametrize(
    "damage", [lambda data: data[:40], lambda data: data.replace(b"IHDR", b"JUNK")]
)
def test_pictures_that_pillow_cannot_read(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[bytes], bytes],
) -> None:
    path = tmp_path / "picture.png"
    Image.new("RGB", (64, 64)).save(path)
    path.write_bytes(damage(path.read_bytes()))
    assert main(["thumbnail", str(path), "-o", str(tmp_path / "t.png")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"openslide: {path}: ")
    assert "Traceback" not in line


def test_a_small_slide_is_itself(tmp_path: Path) -> None:
    path = write_aperio(tmp_path, image=reference()[:64, :64], factors=(1,)).path
    with TileGrid(path, 64) as grid:
        assert isinstance(grid.slide, OpenSlide)


def test_a_file_that_is_cut_while_it_is_looked_at(
    slides: Mapping[str, SlideFacts],
) -> None:
    file = io.BytesIO(slides["aperio-scanscope"].path.read_bytes())
    tiff = _tiff.TiffFile(file, wide=False)
    file.truncate(12)  # as where somebody writes it anew
    with pytest.raises(_tiff.CutOffError):
        list(tiff.directories())
