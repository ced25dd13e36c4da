"""Zeiss (.czi): segments, of which subblocks hold the tiles.

A subblock says where it lies; tiles overlap, and coordinates may be negative.
Subblocks of upper levels, "pyramid" ones, store fewer pixels than they cover.
Attachments are label, macro and thumbnail, the first two as CZI files.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Literal

import numpy as np

from .codecs import jpeg, zstd
from .content import (
    MPP,
    OBJECTIVE_POWER,
    RgbImage,
    label,
    macro,
    size_of,
    small_reference,
    thumbnail,
)
from .facts import Patch, SlideFacts
from .markup import Node, node, to_xml
from .pyramid import level_dimensions, pyramid

_BARCODE = "SYNTHETIC-0004"
_ORIGIN = (-4096, 512)

_SEGMENT_HEADER = "<16sqq"
_SEGMENT_ALIGNMENT = 32
_FILE_HEADER = "<qqiiii16s16siqqiq"
_FILE_HEADER_SIZE = 512
_SUBBLOCK_HEADER_SIZE = 256
_DIRECTORY_ENTRY = "<2siqiibb4xi"
_DIMENSION_ENTRY = "<4siifi"
_ATTACHMENT_ENTRY = "<2s10xqi16s8s80s"
_GUID = bytes(range(16))


class Compression(IntEnum):
    RAW = 0
    ZSTD_0 = 5
    ZSTD_1 = 6  # zstd behind a header, which may announce split bytes


class _PixelType(IntEnum):
    BGR24 = 3
    BGR48 = 4


@dataclass(frozen=True)
class _Subblock:
    """Pixels, and the corner of what they cover, in level-0 pixels."""

    x: int
    y: int
    factor: int
    scene: int
    order: int
    image: RgbImage


@dataclass(frozen=True)
class _Attachment:
    name: str
    content_type: str
    data: bytes


def write_zeiss(
    folder: Path,
    *,
    name: str = "zeiss",
    compression: Compression = Compression.ZSTD_1,
    bits: Literal[8, 16] = 8,
    image: RgbImage | None = None,
    tile: int = 256,
    overlap: int = 32,
    factors: Sequence[int] = (1, 2, 4),
) -> SlideFacts:
    """Write `name`.czi: two scenes cut from `image`, nothing elsewhere."""
    if image is None:
        image = small_reference()
    scenes = _scenes(image)
    subblocks: list[_Subblock] = []
    for number, scene in enumerate(scenes):
        subblocks += _tiles(scene, number, tile, overlap, len(subblocks))
        subblocks += _pyramid_subblocks(scene, number, factors)
    attachments = (
        _Attachment("Thumbnail", "JPG", jpeg(thumbnail(image))),
        _Attachment("Label", "CZI", _picture(label())),
        _Attachment("SlidePreview", "CZI", _picture(macro())),
    )
    czi = _CziFile(compression, bits)
    metadata = to_xml(_metadata(image, len(scenes), bits)).encode()
    path = folder / f"{name}.czi"
    path.write_bytes(czi.build(subblocks, metadata, attachments))
    width, _ = size_of(image)
    scene_left, scene_top = scenes[1].at
    return SlideFacts(
        path=path,
        vendor="zeiss",
        level_dimensions=level_dimensions(image, factors),
        patches=scenes,
        associated={
            "label": size_of(label()),
            "macro": size_of(macro()),
            "thumbnail": size_of(thumbnail(image)),
        },
        barcode=_BARCODE,
        holes=((scene_left, 0, width - scene_left, scene_top),),
        lossless=True,
    )


def _scenes(image: RgbImage) -> tuple[Patch, Patch]:
    """Left and right half, the right one lower by a third."""
    width, height = size_of(image)
    half, third = width // 2, height // 3
    left = (0, 0, half, height - third)
    right = (half, third, width - half, height - third)
    return Patch.crop(image, left, (0, 0)), Patch.crop(image, right, (half, third))


def _tiles(
    scene: Patch, number: int, tile: int, overlap: int, first_order: int
) -> Iterator[_Subblock]:
    """Tiles that reach into their right and lower neighbours."""
    width, height = size_of(scene.content)
    x, y = scene.at[0] + _ORIGIN[0], scene.at[1] + _ORIGIN[1]
    order = first_order
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            bottom, right = top + tile + overlap, left + tile + overlap
            part = scene.content[top:bottom, left:right]
            yield _Subblock(x + left, y + top, 1, number, order, part)
            order += 1


def _pyramid_subblocks(
    scene: Patch, number: int, factors: Sequence[int]
) -> Iterator[_Subblock]:
    """The whole scene, once per level above the first."""
    x, y = scene.at[0] + _ORIGIN[0], scene.at[1] + _ORIGIN[1]
    for factor, shrunk in pyramid(scene.content, factors):
        if factor > 1:
            yield _Subblock(x, y, factor, number, 0, shrunk)


def _picture(image: RgbImage) -> bytes:
    """A CZI with a single subblock, as attachments are."""
    return _CziFile(Compression.RAW, 8).build([_Subblock(0, 0, 1, 0, 0, image)])


class _CziFile:
    """Builds a file in memory: its header comes first but is known last."""

    def __init__(self, compression: Compression, bits: Literal[8, 16]) -> None:
        self._compression = compression
        self._bits = bits
        header_size = struct.calcsize(_SEGMENT_HEADER) + _FILE_HEADER_SIZE
        self._data = bytearray(header_size)

    def build(
        self,
        subblocks: Sequence[_Subblock],
        metadata: bytes = b"",
        attachments: Sequence[_Attachment] = (),
    ) -> bytes:
        entries = [self._add_subblock(subblock) for subblock in subblocks]
        directory_head = struct.pack("<i124x", len(entries))
        directory = self._add(b"ZISRAWDIRECTORY", directory_head + b"".join(entries))
        metadata_at = 0
        if metadata:
            head = struct.pack("<ii248x", len(metadata), 0)
            metadata_at = self._add(b"ZISRAWMETADATA", head + metadata)
        attachments_at = 0
        if attachments:
            rows = [self._add_attachment(attachment) for attachment in attachments]
            head = struct.pack("<i252x", len(rows))
            attachments_at = self._add(b"ZISRAWATTDIR", head + b"".join(rows))
        self._write_header(directory, metadata_at, attachments_at)
        return bytes(self._data)

    def _add(self, kind: bytes, body: bytes) -> int:
        """Append a segment and return its offset.

        The space used is exactly that of the body: OpenSlide checks it.
        """
        offset = len(self._data)
        self._data += struct.pack(_SEGMENT_HEADER, kind, len(body), len(body)) + body
        self._data += bytes(-len(self._data) % _SEGMENT_ALIGNMENT)
        return offset

    def _write_header(self, directory: int, metadata: int, attachments: int) -> None:
        major, minor, reserved, file_part, update_pending = 1, 0, 0, 0, 0
        size = _FILE_HEADER_SIZE
        fields = (
            *(major, minor, reserved, reserved, _GUID, _GUID, file_part),
            *(directory, metadata, update_pending, attachments),
        )
        header = b"ZISRAWFILE".ljust(16, b"\0")
        header += struct.pack(_FILE_HEADER, size, size, *fields)
        self._data[: len(header)] = header

    def _add_subblock(self, subblock: _Subblock) -> bytes:
        """Append a subblock and return its directory entry."""
        entry = self._directory_entry(subblock)
        pixels = self._encode(subblock.image)
        head = struct.pack("<iiq", 0, 0, len(pixels)) + entry
        self._add(b"ZISRAWSUBBLOCK", head.ljust(_SUBBLOCK_HEADER_SIZE, b"\0") + pixels)
        return entry

    def _directory_entry(self, subblock: _Subblock) -> bytes:
        width, height = size_of(subblock.image)
        factor = subblock.factor
        dimensions = [  # name, start, size, stored size
            (b"X", subblock.x, width * factor, width),
            (b"Y", subblock.y, height * factor, height),
            (b"C", 0, 1, 1),
            (b"S", subblock.scene, 1, 1),
        ]
        is_pyramid = factor > 1
        if not is_pyramid:
            dimensions.append((b"M", subblock.order, 1, 1))
        entry = struct.pack(
            _DIRECTORY_ENTRY,
            b"DV",
            _PixelType.BGR24 if self._bits == 8 else _PixelType.BGR48,
            len(self._data),
            0,
            self._compression,
            2 if is_pyramid else 0,
            0,
            len(dimensions),
        )
        for axis, start, size, stored in dimensions:
            entry += struct.pack(_DIMENSION_ENTRY, axis, start, size, 0.0, stored)
        return entry

    def _encode(self, image: RgbImage) -> bytes:
        bgr = image[..., ::-1]
        # 257 spreads 0 to 255 over 0 to 65535.
        samples = bgr.astype("<u2") * np.uint16(257) if self._bits == 16 else bgr
        data = samples.tobytes()
        if self._compression == Compression.RAW:
            return data
        if self._compression == Compression.ZSTD_0:
            return zstd(data)
        if self._bits == 8:
            return bytes((3, 1, 0)) + zstd(data)
        # All low bytes, then all high bytes: the flag in the header says so.
        return bytes((3, 1, 1)) + zstd(data[0::2] + data[1::2])

    def _add_attachment(self, attachment: _Attachment) -> bytes:
        """Append an attachment and return its directory entry."""
        entry = struct.pack(
            _ATTACHMENT_ENTRY,
            b"A1",
            len(self._data),
            0,
            _GUID,
            attachment.content_type.encode(),
            attachment.name.encode(),
        )
        head = struct.pack("<i12x", len(attachment.data)) + entry + bytes(112)
        self._add(b"ZISRAWATTACH", head + attachment.data)
        return entry


def _metadata(image: RgbImage, scenes: int, bits: Literal[8, 16]) -> Node:
    width, height = size_of(image)
    objective = "Objective:1"
    metres = f"{MPP}E-06"
    return node(
        "ImageDocument",
        node(
            "Metadata",
            node(
                "Information",
                node(
                    "Image",
                    node("SizeX", width),
                    node("SizeY", height),
                    node("SizeC", 1),
                    node("SizeS", scenes),
                    node("PixelType", "Bgr24" if bits == 8 else "Bgr48"),
                    node("ObjectiveSettings", node("ObjectiveRef", Id=objective)),
                ),
                _nested(
                    ("Instrument", "Objectives"),
                    node(
                        "Objective",
                        node("NominalMagnification", OBJECTIVE_POWER),
                        Id=objective,
                    ),
                ),
            ),
            _nested(
                ("Scaling", "Items"),
                node("Distance", node("Value", metres), Id="X"),
                node("Distance", node("Value", metres), Id="Y"),
            ),
            _nested(
                ("AttachmentInfos", "AttachmentInfo", "Label", "Barcodes", "Barcode"),
                node("Content", _BARCODE),
            ),
        ),
    )


def _nested(tags: Sequence[str], *content: Node) -> Node:
    """Content within the last of several elements, each in the one before."""
    outermost, *inner = tags
    if inner:
        return node(outermost, _nested(inner, *content))
    return node(outermost, *content)
