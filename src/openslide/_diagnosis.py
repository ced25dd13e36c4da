"""What a file is that libopenslide refuses: the one owner of these reasons.

Errors of opening tell them, and so do the commands and the search for slides.  Each says
what the file is and what to do about it.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, TypeAlias

from . import _openslide, _tiff
from ._tiff import Tag

#: "slide":   a slide that is broken, or of a kind that OpenSlide does not read.  What
#:            Pillow may find inside is never the whole of it.
#: "picture": a picture, which Pillow may read.
#: "other":   neither, as far as can be seen.
#: "nothing": no file, or none that may be read.
Kind: TypeAlias = Literal["slide", "picture", "other", "nothing"]


class Diagnosis(NamedTuple):
    """What a file is, and why OpenSlide does not read it."""

    kind: Kind
    reason: str


# What files start with whose contents people pass instead of their name.
_CONTENTS = (*_tiff.SIGNATURES, b"\x89PNG", b"\xff\xd8\xff")
_LONGEST_PATH = 4096
_LONGEST_KEY_FILE = 1 << 20

_SPECIAL_FILES = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}

# So much of a file is looked at to tell what it is; TAR has its mark at 257.
_BEGINNING = 4096
_DICOM_PREAMBLE = 128
#: What DICOM calls pictures of slides.
WHOLE_SLIDE_STORAGE = b"1.2.840.10008.5.1.4.1.1.77.1.6"

#: Suffixes of what OpenSlide reads, where they are no picture's as well.
_SLIDE_SUFFIXES = frozenset(
    {
        *(".svs", ".ndpi", ".vms", ".vmu", ".scn", ".mrxs", ".svslide"),
        *(".bif", ".czi", ".dcm"),
    }
)
_TIFF_SUFFIXES = frozenset({".tif", ".tiff", ".btf", ".tf8"})

_PICTURE_SUFFIXES = frozenset(
    {
        *(".png", ".jpg", ".jpeg", ".jp2", ".j2k", ".webp", ".bmp", ".gif"),
        *(".pbm", ".pgm", ".pnm", ".ppm", ".avif"),
    }
)

#: Slides that OpenSlide does not read, by suffix.
_FOREIGN_SLIDES = {
    ".isyntax": "a Philips iSyntax slide",
    ".i2syntax": "a Philips iSyntax slide",
    ".vsi": "an Olympus VSI slide",
    ".ets": "the pixels of an Olympus VSI slide",
    ".lif": "a Leica LIF file",
    ".zvi": "a Zeiss ZVI file",
    ".nd2": "a Nikon ND2 file",
    ".oir": "an Olympus OIR file",
    ".kfb": "a KFBIO slide",
    ".sdpc": "an SQRAY slide",
    ".dyqx": "an SQRAY slide",
    ".tmap": "a UNIC slide",
    ".mds": "a Motic slide",
    ".mdsx": "a Motic slide",
    ".afi": "Aperio's list of the slides of several channels",
}

# Names of downloads that go on, or were broken off.
_UNFINISHED = frozenset({".part", ".partial", ".crdownload", ".download", ".filepart"})

_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
)

# By their first bytes: what it is called, and what gets the slide out of it.
_PACKED = (
    (b"\x1f\x8b", "is compressed with gzip", "expand it first: gunzip {name}"),
    (b"BZh", "is compressed with bzip2", "expand it first: bunzip2 {name}"),
    (b"\xfd7zXZ\0", "is compressed with xz", "expand it first: unxz {name}"),
    (b"\x28\xb5\x2f\xfd", "is compressed with Zstandard", "expand it: unzstd {name}"),
    (b"PK\x03\x04", "is a ZIP archive", "unpack it first: unzip {name}"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive", "unpack it first: 7z x {name}"),
    (b"Rar!\x1a\x07", "is a RAR archive", "unpack it first: unrar x {name}"),
)
_TAR_MARK = (257, b"ustar")

_GIT_LFS = b"version https://git-lfs.github.com/spec/"
_GIT_ANNEX = re.compile(rb"(/|\.\./)*(\.git/)?annex/objects/")

_AGAIN = "copy or download it again"
_CONVERT = (
    "convert it: vips tiffsave {name} {stem}-tiled.tif --tile --pyramid --bigtiff "
    "--compression jpeg --Q 90"
)
_EXPORT = (
    "export it as a pyramidal TIFF or as DICOM with the vendor's software, or with "
    "Bio-Formats' bfconvert"
)


def special_file(path: str | bytes | os.PathLike[str]) -> str | None:
    """What a file is that is neither a regular file nor a directory, or None.

    Opening a FIFO waits for a writer, so this is found out without opening it.
    """
    if not isinstance(path, str | bytes | os.PathLike):
        return None  # os.stat() would take an integer for a file descriptor
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except (OSError, ValueError):
        return None
    return _SPECIAL_FILES.get(kind)


def is_called_slide(path: Path) -> bool:
    """Whether its name is a slide's, also of one that is packed or not all there."""
    known = _SLIDE_SUFFIXES | _TIFF_SUFFIXES | _FOREIGN_SLIDES.keys()
    return not known.isdisjoint(suffix.lower() for suffix in path.suffixes[-2:])


def kind_by_name(path: Path) -> Literal["slide", "picture", "other"]:
    """What a file is meant to be, whatever it holds."""
    if is_called_slide(path):
        return "slide"
    return "picture" if path.suffix.lower() in _PICTURE_SUFFIXES else "other"


def is_companion(path: Path) -> bool:
    """Whether a file only belongs to a slide beside it, by its name."""
    return path.suffix.lower() == ".full"  # the macro pictures of Trestle


def picture_format(beginning: bytes) -> str | None:
    """The format of a picture that is no TIFF, by its first bytes."""
    if beginning.startswith(b"RIFF") and beginning[8:12] == b"WEBP":
        return "WebP"
    if beginning.startswith(b"BM") and beginning[6:10] == bytes(4):
        return "BMP"
    if re.match(rb"P[1-6][ \t\r\n]", beginning):
        return "PNM"
    found = (name for mark, name in _PICTURES if beginning.startswith(mark))
    return next(found, None)


def diagnose(path: bytes) -> Diagnosis:
    """Why libopenslide refuses a file, or must not be asked."""
    reason = _why_no_file(path)
    if reason is not None:
        return Diagnosis("nothing", reason)
    name = Path(os.fsdecode(path))
    try:
        with open(path, "rb") as file:
            return _Examination(name, file).result()
    except OSError as error:
        return Diagnosis("nothing", f"it cannot be read: {error.strerror}")


def unread_levels(path: Path) -> str | None:
    """What to say of a slide that has levels where OpenSlide does not look, or None."""
    with path.open("rb") as file:
        if not file.read(4).startswith(_tiff.SIGNATURES):
            return None
        try:
            first = next(_tiff_file(path, file).directories(), None)
        except (_tiff.CutOffError, _tiff.DamagedError):
            return None
    levels = 0 if first is None else first.count(Tag.SUB_DIRECTORIES)
    if levels == 0:
        return None
    reason = f"{levels} more in SubIFDs, which OpenSlide does not read; "
    return _naming(reason + _CONVERT, path)


def _tiff_file(path: Path, file: BinaryIO) -> _tiff.TiffFile:
    return _tiff.TiffFile(file, wide=path.suffix.lower() == ".ndpi")


def _why_no_file(path: bytes) -> str | None:
    if b"\0" in path:  # where a C string would end
        if path.startswith(_CONTENTS) or len(path) > _LONGEST_PATH:
            return "these are the contents of a file; pass its name instead"
        return "a file name cannot contain a null character"
    special = special_file(path)
    if special is not None:
        return f"it is {special}, not a regular file"
    name = os.fsdecode(path)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", name):
        return "it is a URL; download the slide and open the local file"
    if len(path) > _LONGEST_PATH or path.startswith(_CONTENTS):
        return "these are the contents of a file; pass its name instead"
    if not os.path.exists(path):
        return _missing(name)
    if os.path.isdir(path):
        return "it is a directory; open the slide file itself"
    if not os.access(path, os.R_OK):
        return "no permission to read it"
    return None


def _missing(name: str) -> str:
    if not name:
        return "the file name is empty"
    if os.path.islink(name):
        return f"it is a link to {os.readlink(name)!r}, which does not exist"
    if not os.path.isabs(name):
        return f"no such file in {_working_directory()}"
    return "no such file"


def _working_directory() -> str:
    try:
        return repr(os.getcwd())
    except FileNotFoundError:
        return "the working directory, which was deleted"


def too_large(path: bytes) -> str:
    """What to say of a picture that Pillow takes for too large to be decoded."""
    from PIL import Image

    most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
    reason = (
        f"it is a picture of more than {most} pixels that are decoded all at once; "
    )
    return _naming(reason + _CONVERT, Path(os.fsdecode(path)))


def _naming(text: str, path: Path) -> str:
    """A text with the names of files put into its commands."""
    return text.replace("{name}", path.name).replace("{stem}", path.stem)


class _Examination:
    """A look at one file, that begins with what is seen most easily."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._suffix = path.suffix.lower()
        self._size = file.seek(0, os.SEEK_END)
        file.seek(0)
        self._beginning = file.read(_BEGINNING)

    def result(self) -> Diagnosis:
        reason = (
            self._unfinished()
            or self._stand_in()
            or self._packed()
            or self._lacks_companion()
            or self._foreign()
        )
        if reason is not None:
            return Diagnosis(kind_by_name(self._path), reason)
        if self._beginning.startswith(_tiff.SIGNATURES):
            return self._of_tiff()
        picture = picture_format(self._beginning)
        if picture is not None:
            return self._of_picture(picture)
        if self._beginning[_DICOM_PREAMBLE:][:4] == b"DICM":
            return self._of_dicom()
        kind = kind_by_name(self._path)
        if kind != "slide":
            return Diagnosis(kind, "it is not in a format that OpenSlide reads")
        return Diagnosis(kind, self._of_something())

    # What is told of any file

    def _unfinished(self) -> str | None:
        if self._size == 0:
            return f"the file is empty; {_AGAIN}"
        if self._suffix in _UNFINISHED:
            return f"its name ends in {self._suffix}, so its download is not complete"
        if not any(self._beginning):
            return f"it begins with zeros, so it is not complete; {_AGAIN}"
        return None

    def _stand_in(self) -> str | None:
        if self._beginning.startswith(_GIT_LFS):
            return (
                "it is a Git LFS pointer in the place of the slide; get the slide: "
                f'git lfs pull --include "{self._path.name}"'
            )
        if _GIT_ANNEX.match(self._beginning):
            return (
                "it is a git-annex pointer in the place of the slide; get the slide: "
                f"git annex get {self._path.name}"
            )
        start = self._beginning.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
            return f"it is a web page, such as a server's error message; {_AGAIN}"
        if start.startswith(b"<?xml") and b"<error>" in start:
            return f"it is a server's error message in XML; {_AGAIN}"
        return None

    def _packed(self) -> str | None:
        offset, mark = _TAR_MARK
        if self._beginning[offset:].startswith(mark):
            return self._naming("it is a TAR archive; unpack it first: tar xf {name}")
        for mark, what, how in _PACKED:
            if self._beginning.startswith(mark):
                return self._naming(f"it {what}; {how}")
        return None

    def _lacks_companion(self) -> str | None:
        companion = _missing_companion(self._path)
        if companion is None:
            return None
        return (
            f"its companion {str(companion)!r} is missing; keep all files of the slide "
            "together"
        )

    def _foreign(self) -> str | None:
        kind = _FOREIGN_SLIDES.get(self._suffix)
        return kind and f"it is {kind}, which OpenSlide does not read; {_EXPORT}"

    # What is told of the formats

    def _of_tiff(self) -> Diagnosis:
        tiff = _tiff_file(self._path, self._file)
        directories: list[_tiff.Directory] = []
        try:
            directories += tiff.directories()
            ends = [directory.end() for directory in directories]
            images = [_Image(directory) for directory in directories]
        except _tiff.CutOffError as error:
            return Diagnosis(
                "slide",
                f"it is cut off: its {error}, and the file has {self._size} bytes; "
                f"{_AGAIN}",
            )
        except _tiff.DamagedError as error:
            return Diagnosis("slide", f"it is a damaged TIFF: {error}; {_AGAIN}")
        if not images:
            return Diagnosis("slide", f"it is a TIFF without an image; {_AGAIN}")
        if max(ends) > self._size:
            return Diagnosis(
                "slide",
                f"it is cut off: its pixels end at byte {max(ends)}, and the file has "
                f"{self._size} bytes; {_AGAIN}",
            )
        return self._of_whole_tiff(images, tiff.order == ">")

    def _of_whole_tiff(self, images: list[_Image], is_big_endian: bool) -> Diagnosis:
        first = images[0]
        largest = max(images, key=lambda image: image.pixels)
        if first.has_more_inside and not first.is_tiled:
            reason = (
                "it is a TIFF whose pixels are in SubIFDs, which OpenSlide does not "
                "read; convert it: vips tiffsave {name}[subifd=0] {stem}-tiled.tif "
                "--tile --pyramid --bigtiff --compression jpeg --Q 90"
            )
            return Diagnosis("slide", self._naming(reason))
        if first.pixels < largest.pixels or first.is_reduced:
            page = images.index(largest)
            reason = (
                f"it is a TIFF that begins with a small picture and has the large one "
                f"as page {page}, which OpenSlide does not read; convert it: "
                f"vips tiffsave {{name}}[page={page}] {{stem}}-tiled.tif --tile "
                "--pyramid --bigtiff --compression jpeg --Q 90"
            )
            return Diagnosis("slide", self._naming(reason))
        planes = sum(image.size == first.size for image in images)
        if planes > 1:
            reason = (
                f"it is a TIFF of {planes} pictures of {first.size[0]} x "
                f"{first.size[1]} pixels, such as channels or planes; choose one: "
                "vips tiffsave {name}[page=0] {stem}-tiled.tif --tile --pyramid"
            )
            return Diagnosis("slide", self._naming(reason))
        if not first.is_tiled:
            reason = (
                "it is a TIFF in strips, not in tiles, which OpenSlide does not read; "
            )
            return Diagnosis("picture", self._naming(reason + _CONVERT))
        if is_big_endian:
            reason = (
                "it is a big-endian TIFF, which OpenSlide does not read; turn its bytes "
                "round: tiffcp -L {name} {stem}-little.tif"
            )
            return Diagnosis("slide", self._naming(reason))
        reason = (
            f"it is a tiled TIFF that OpenSlide does not read, {first.description}; "
        )
        return Diagnosis("picture", self._naming(reason + _CONVERT))

    def _of_picture(self, format: str) -> Diagnosis:
        if self._suffix in _SLIDE_SUFFIXES:
            reason = (
                f"it is a {format} picture, not the slide that its name tells of; "
                f"{_AGAIN}, or give it the suffix of a picture"
            )
            return Diagnosis("slide", reason)
        return Diagnosis("picture", f"it is a {format} picture, not a slide")

    def _of_dicom(self) -> Diagnosis:
        identity = _openslide.dicom_identity(os.fsencode(self._path))
        if identity is not None and identity[0] != WHOLE_SLIDE_STORAGE:
            storage = identity[0].decode(errors="replace") or "an unknown kind"
            return Diagnosis(
                "other",
                f"it is DICOM, but no whole-slide image: its class is {storage}",
            )
        return Diagnosis(
            "slide",
            "it is a DICOM file that OpenSlide does not read, or one that is cut off; "
            f"{_AGAIN}",
        )

    def _of_something(self) -> str:
        """What has the name of a slide."""
        line = self._beginning.splitlines()[0][:60]
        if all(32 <= byte < 127 or byte == 9 for byte in line) and len(line) > 3:
            return f"it is text that begins {line.decode('ascii')!r}, not a slide; {_AGAIN}"
        return (
            "it is not in a format that OpenSlide reads, though its name is a slide's; "
            f"{_AGAIN}"
        )

    def _naming(self, text: str) -> str:
        return _naming(text, self._path)


class _Image:
    """What counts of a directory of a TIFF."""

    def __init__(self, directory: _tiff.Directory) -> None:
        self.size = directory.size
        self.pixels = self.size[0] * self.size[1]
        self.is_tiled = directory.is_tiled
        self.is_reduced = bool(directory.number(Tag.SUBFILE_TYPE) & 1)
        self.has_more_inside = Tag.SUB_DIRECTORIES in directory
        bits = directory.numbers(Tag.BITS_PER_SAMPLE) or (1,)
        compression = directory.number(Tag.COMPRESSION, 1)
        self.description = (
            f"of {max(bits)}-bit samples, {len(bits)} for each pixel, by TIFF's "
            f"compression {compression}"
        )


def _missing_companion(slide: Path) -> Path | None:
    """A file that the slide consists of beside its main one, if it is missing.

    Sources: OpenSlide's pages on the MIRAX and the Hamamatsu format.
    """
    suffix = slide.suffix.lower()
    if suffix == ".mrxs":
        needed = [slide.with_suffix("") / "Slidedat.ini"]
    elif suffix in (".vms", ".vmu"):
        needed = key_file_companions(slide)
    else:
        needed = []
    return next((file for file in needed if not os.path.exists(file)), None)


def key_file_companions(slide: Path) -> list[Path]:
    """The files that a VMS or VMU file names: its pixels, map and macro picture."""
    keys = r"(?:ImageFile|MapFile|OptimisationFile|MacroImage)[^=\n]*"
    with slide.open(encoding="utf-8", errors="replace") as file:
        text = file.read(_LONGEST_KEY_FILE)
    names = re.findall(rf"^{keys}=(.+?)\s*$", text, re.MULTILINE)
    return [slide.parent / name for name in names]
