"""Write what the fuzzers start from: small slides, tiles as fuzz_jpeg.c and fuzz_codec.c
want them, descriptions of Leica slides, indexes of MIRAX slides and documents of Ventana's.

A folder each in FOLDER is made, by the name of the fuzzer.
"""

import argparse
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path

from PIL import Image

from tests.slides.codecs import SUBSAMPLING_FACTORS, Pixels, bmp, jpeg, jpeg_tables, png
from tests.slides.content import RgbImage, reference, size_of
from tests.slides.dicom import OffsetTable, write_dicom
from tests.slides.hamamatsu import write_ndpi, write_vmu
from tests.slides.leica import write_leica
from tests.slides.mirax import write_mirax
from tests.slides.tiff import ByteOrder, Tag, TagDict, TiffWriter, jpeg_codec
from tests.slides.ventana import write_ventana_bif

BYTE_ORDERS: tuple[ByteOrder, ...] = ("<", ">")
OFFSET_TABLES: tuple[OffsetTable, ...] = ("basic", "extended", "none")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    write_tiffs(folder / "tiff")
    write_ndpis(folder / "ndpi")
    write_ngrs(folder / "ngr")
    write_dicoms(folder / "dicom")
    for name in ("jpeg", "interchange"):
        write_tiles(folder / name)
    write_samples(folder / "codec")
    write_descriptions(folder / "leica")
    write_indexes(folder / "mirax")
    write_stitchings(folder / "ventana")


def write_tiffs(folder: Path) -> None:
    """Two levels and a thumbnail, in all four kinds of TIFF."""
    folder.mkdir(parents=True, exist_ok=True)
    image = reference()[:48, :64]
    for big, byteorder in product((False, True), BYTE_ORDERS):
        name = f"{'big' if big else 'classic'}-{'le' if byteorder == '<' else 'be'}"
        with TiffWriter(folder / name, big=big, byteorder=byteorder) as tiff:
            description: TagDict = {Tag.IMAGE_DESCRIPTION: "a slide"}
            tiff.tiled(image, 16, jpeg_codec(shared_tables=True), description)
            tiff.stripped(image[::2, ::2], jpeg_codec())
            tiff.tiled(image[::2, ::2], 16, jpeg_codec(), {Tag.NEW_SUBFILE_TYPE: 1})


def write_ndpis(folder: Path) -> None:
    """Two levels, with either number of tables of restart intervals."""
    folder.mkdir(parents=True, exist_ok=True)
    for high_starts in (False, True):
        path = write_ndpi(
            folder,
            image=reference()[:48, :64],
            factors=(1, 2),
            restart_interval=2,
            high_starts=high_starts,
        ).path
        path.rename(folder / f"{'two' if high_starts else 'one'}")


def write_ngrs(folder: Path) -> None:
    """The two files of a slide."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        image = reference()[:20, :64]
        path = write_vmu(Path(scratch), image=image, column_width=32).path
        for file in path.parent.glob("*.ngr"):
            (folder / file.stem).write_bytes(file.read_bytes())


def write_dicoms(folder: Path) -> None:
    """A level with each table of frames, and with lengths of either kind."""
    folder.mkdir(parents=True, exist_ok=True)
    image = reference()[:40, :56]
    with tempfile.TemporaryDirectory() as scratch:
        for table, undefined in product(OFFSET_TABLES, (False, True)):
            facts = write_dicom(
                Path(scratch),
                image=image,
                tile=16,
                factors=(1,),
                offset_table=table,
                undefined_lengths=undefined,
            )
            name = f"{table}-{'undefined' if undefined else 'defined'}"
            (folder / name).write_bytes(facts.path.read_bytes())


def write_tiles(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(tiles(reference()[:40, :56])):
        (folder / f"{number:02}").write_bytes(seed)


def write_samples(folder: Path) -> None:
    """Without compression; deflated: with codes of its own, fixed ones and stored; PNG, BMP."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = reference()[:8, :16]
    samples, head = pixels.tobytes(), bytes(side - 1 for side in size_of(pixels))
    (folder / "plain").write_bytes(b"\0" + head + samples)
    for name, level, strategy in (
        ("codes", 9, zlib.Z_DEFAULT_STRATEGY),
        ("fixed", 9, zlib.Z_FIXED),
        ("stored", 0, zlib.Z_DEFAULT_STRATEGY),
    ):
        encoder = zlib.compressobj(level, strategy=strategy)
        stream = encoder.compress(samples) + encoder.flush()
        (folder / name).write_bytes(b"\1" + head + stream)
        (folder / f"{name}-differences").write_bytes(b"\x81" + head + stream)
    (folder / "png").write_bytes(b"\2" + head + png(pixels))
    (folder / "bmp").write_bytes(b"\3" + head + bmp(pixels))


def write_descriptions(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for planes in (1, 2):
        path = write_leica(folder, planes=planes, image=reference()[:96, :128]).path
        with Image.open(path) as slide:
            text = slide.tag_v2[Tag.IMAGE_DESCRIPTION]  # type: ignore[attr-defined]
        path.unlink()
        (folder / f"{planes}").write_text(text, encoding="utf-8")


def write_stitchings(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for jitter in (0, 3):
        path = write_ventana_bif(
            folder, image=reference()[:96, :96], tile=32, jitter=jitter, factors=(1,)
        ).path
        content = path.read_bytes()
        path.unlink()
        start, end = b"<?xml", b"</EncodeInfo>"
        document = content[content.rindex(start) : content.rindex(end) + len(end)]
        (folder / f"{jitter}").write_bytes(document)


def tiles(image: RgbImage) -> Iterator[bytes]:
    """All kinds of sequential JPEG, and one that is not decoded."""
    tables = jpeg_tables()
    for subsampling, restarts in product(SUBSAMPLING_FACTORS, (0, 2)):
        encode = partial(
            jpeg, image, subsampling=subsampling, restart_interval=restarts
        )
        yield tile(image, encode())
        yield tile(image, encode(stream="abbreviated"), tables)
    yield tile(image, jpeg(image, rgb=True), rgb=True)
    yield tile(image, jpeg(image[:, :, 0]))


def tile(
    image: Pixels, stream: bytes, tables: bytes = b"", *, rgb: bool = False
) -> bytes:
    width, height = size_of(image)
    head = bytes([rgb, width - 1, height - 1])
    return head + len(tables).to_bytes(2) + tables + stream


def write_indexes(folder: Path) -> None:
    """Of a page a level, and of several."""
    folder.mkdir(parents=True, exist_ok=True)
    image = reference()[:150, :150]
    with tempfile.TemporaryDirectory() as scratch:
        for page in (None, 3):
            write_mirax(
                Path(scratch), image=image, tile=32, overlap=8, levels=3, page=page
            )
            index = Path(scratch, "mirax", "Index.dat").read_bytes()
            (folder / f"page-{page}").write_bytes(index)
            shutil.rmtree(Path(scratch, "mirax"))


if __name__ == "__main__":
    main()
