"""Sakura (.svslide): an SQLite database with a grey JPEG per tile and colour.

DataManagerSQLiteConfigXPO names the table of tiles; three other tables hold the
scan's properties and the associated images.
"""

import sqlite3
import struct
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from .codecs import jpeg
from .content import (
    MPP,
    OBJECTIVE_POWER,
    RgbImage,
    label,
    macro,
    reference,
    size_of,
    thumbnail,
)
from .facts import Patch, SlideFacts
from .pyramid import cut, grid_dimensions, level_dimensions, pyramid

_TILE_TABLE = "SVGigaPixelImage_0001"
_MAGIC = b"SVGigaPixelImage"
_FOCAL_PLANE = 0

_SCHEMA = f"""
CREATE TABLE DataManagerSQLiteConfigXPO (OID INTEGER PRIMARY KEY, TableName);
CREATE TABLE "{_TILE_TABLE}" (id TEXT PRIMARY KEY, data BLOB, size INTEGER);
CREATE TABLE SVSlideDataXPO (
    OID INTEGER PRIMARY KEY, SlideId, Date, Description, Creator, DiagnosisCode,
    Keywords, m_labelScan INTEGER, m_overviewScan INTEGER);
CREATE TABLE SVHRScanDataXPO (
    OID INTEGER PRIMARY KEY, ParentSlide INTEGER, ScanId, Date, Name, Description,
    ResolutionMmPerPix REAL, NominalLensMagnification REAL, FocussingMethod,
    ThumbnailImage BLOB);
CREATE TABLE SVScannedImageDataXPO (OID INTEGER PRIMARY KEY, Image BLOB);
"""


def write_sakura(
    folder: Path,
    *,
    name: str = "sakura",
    image: RgbImage | None = None,
    tile: int = 256,
    factors: Sequence[int] = (1, 4, 16),
    quality: int = 90,
) -> SlideFacts:
    """Write `name`.svslide; `factors` are powers of two."""
    if image is None:
        image = reference()
    path = folder / f"{name}.svslide"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(_SCHEMA)
        _insert_scan(database, image)
        database.executemany(
            f'INSERT INTO "{_TILE_TABLE}" VALUES (?, ?, ?)',
            (
                (key, blob, len(blob))
                for key, blob in _tile_rows(image, tile, factors, quality)
            ),
        )
    return SlideFacts(
        path=path,
        vendor="sakura",
        level_dimensions=level_dimensions(image, factors),
        patches=(Patch((0, 0), image),),
        associated={
            "label": size_of(label()),
            "macro": size_of(macro()),
            "thumbnail": size_of(thumbnail(image)),
        },
    )


def _insert_scan(database: sqlite3.Connection, image: RgbImage) -> None:
    label_id, macro_id = 1, 2
    slide = ("S-1", "2020-01-02", "synthetic", "", "", "", label_id, macro_id)
    scan = ("SC-1", "2020-01-02", "scan", "", MPP / 1000, OBJECTIVE_POWER, "auto")
    database.execute(
        "INSERT INTO DataManagerSQLiteConfigXPO VALUES (1, ?)", (_TILE_TABLE,)
    )
    database.execute(
        "INSERT INTO SVSlideDataXPO VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)", slide
    )
    database.execute(
        "INSERT INTO SVHRScanDataXPO VALUES (1, 1, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*scan, jpeg(thumbnail(image))),
    )
    database.executemany(
        "INSERT INTO SVScannedImageDataXPO VALUES (?, ?)",
        [(label_id, jpeg(label())), (macro_id, jpeg(macro()))],
    )


def _tile_rows(
    image: RgbImage, tile: int, factors: Sequence[int], quality: int
) -> Iterator[tuple[str, bytes]]:
    """Keys and blobs: T;x|y;downsample;colour;focal plane, x and y in level 0."""
    yield "++MagicBytes", _MAGIC
    yield "++VersionBytes", b"1.0.0.0"
    yield "Header", _header(image, tile)
    for factor, shrunk in pyramid(image, factors):
        columns, _ = grid_dimensions(*size_of(shrunk), tile)
        for index, part in enumerate(cut(shrunk, tile)):
            x = index % columns * tile * factor
            y = index // columns * tile * factor
            for colour in range(3):
                key = f"T;{x}|{y};{factor};{colour};{_FOCAL_PLANE}"
                yield key, jpeg(part[..., colour], quality=quality)


def _header(image: RgbImage, tile: int) -> bytes:
    """Tile size, width, height, an unknown number, focal planes, and the rest."""
    return struct.pack("<8I", tile, *size_of(image), 8, 1, 0, 0, 0)
