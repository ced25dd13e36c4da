"""DICOM: a file per level and associated image, joined by their series.

The elements are those of the VL Whole Slide Microscopy Image information object
(PS3.3, A.32.8), encoded as explicit VR little endian.
"""

import shutil
import struct
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Literal, TypedDict, Unpack

from .codecs import JpegHeader, Subsampling, jpeg, jpeg2000
from .content import (
    MPP,
    OBJECTIVE_POWER,
    RgbImage,
    icc_profile,
    label,
    macro,
    reference,
    size_of,
    small_reference,
    thumbnail,
)
from .facts import Patch, SlideFacts
from .pyramid import (
    TileSize,
    cut,
    grid_dimensions,
    level_dimensions,
    pyramid,
    tile_boxes,
    tile_dimensions,
)

Encoding = Literal["jpeg", "jpeg-rgb", "j2k", "j2k-lossless", "rgb"]

#: Which table says where the frames are; without one, their items are counted.
OffsetTable = Literal["basic", "extended", "none"]

_BARCODE = "SYNTHETIC-0005"
_SOP_CLASS = "1.2.840.10008.5.1.4.1.1.77.1.6"  # VL Whole Slide Microscopy Image
_TRANSFER_SYNTAX_ROOT = "1.2.840.10008.1.2"
_UNDEFINED_LENGTH = 0xFFFFFFFF

_Present = str | bytes | float | list["_DataSet"]
#: None for an element that is left out after all.
_Value = _Present | None
_DataSet = Mapping[str, _Value]

#: Tag and value representation by keyword (PS3.6).
_DICTIONARY: dict[str, tuple[int, str]] = {
    "FileMetaInformationGroupLength": (0x00020000, "UL"),
    "FileMetaInformationVersion": (0x00020001, "OB"),
    "MediaStorageSOPClassUID": (0x00020002, "UI"),
    "MediaStorageSOPInstanceUID": (0x00020003, "UI"),
    "TransferSyntaxUID": (0x00020010, "UI"),
    "ImplementationClassUID": (0x00020012, "UI"),
    "ImageType": (0x00080008, "CS"),
    "SOPClassUID": (0x00080016, "UI"),
    "SOPInstanceUID": (0x00080018, "UI"),
    "StudyDate": (0x00080020, "DA"),
    "StudyTime": (0x00080030, "TM"),
    "Modality": (0x00080060, "CS"),
    "Manufacturer": (0x00080070, "LO"),
    "PatientName": (0x00100010, "PN"),
    "PatientID": (0x00100020, "LO"),
    "SliceThickness": (0x00180050, "DS"),
    "StudyInstanceUID": (0x0020000D, "UI"),
    "SeriesInstanceUID": (0x0020000E, "UI"),
    "SeriesNumber": (0x00200011, "IS"),
    "InstanceNumber": (0x00200013, "IS"),
    "FrameOfReferenceUID": (0x00200052, "UI"),
    "SOPInstanceUIDOfConcatenationSource": (0x00200242, "UI"),
    "ConcatenationUID": (0x00209161, "UI"),
    "InConcatenationNumber": (0x00209162, "US"),
    "InConcatenationTotalNumber": (0x00209163, "US"),
    "ConcatenationFrameOffsetNumber": (0x00209228, "UL"),
    "DimensionOrganizationType": (0x00209311, "CS"),
    "SamplesPerPixel": (0x00280002, "US"),
    "PhotometricInterpretation": (0x00280004, "CS"),
    "PlanarConfiguration": (0x00280006, "US"),
    "NumberOfFrames": (0x00280008, "IS"),
    "Rows": (0x00280010, "US"),
    "Columns": (0x00280011, "US"),
    "PixelSpacing": (0x00280030, "DS"),
    "BitsAllocated": (0x00280100, "US"),
    "BitsStored": (0x00280101, "US"),
    "HighBit": (0x00280102, "US"),
    "PixelRepresentation": (0x00280103, "US"),
    "ICCProfile": (0x00282000, "OB"),
    "PixelMeasuresSequence": (0x00289110, "SQ"),
    "ContainerIdentifier": (0x00400512, "LO"),
    "ImagedVolumeWidth": (0x00480001, "FL"),
    "ImagedVolumeHeight": (0x00480002, "FL"),
    "TotalPixelMatrixColumns": (0x00480006, "UL"),
    "TotalPixelMatrixRows": (0x00480007, "UL"),
    "SpecimenLabelInImage": (0x00480010, "CS"),
    "OpticalPathSequence": (0x00480105, "SQ"),
    "OpticalPathIdentifier": (0x00480106, "SH"),
    "ObjectiveLensPower": (0x00480112, "DS"),
    "PlanePositionSlideSequence": (0x0048021A, "SQ"),
    "ColumnPositionInTotalImagePixelMatrix": (0x0048021E, "SL"),
    "RowPositionInTotalImagePixelMatrix": (0x0048021F, "SL"),
    "NumberOfOpticalPaths": (0x00480302, "UL"),
    "TotalPixelMatrixFocalPlanes": (0x00480303, "UL"),
    "BarcodeValue": (0x22000005, "LT"),
    "SharedFunctionalGroupsSequence": (0x52009229, "SQ"),
    "PerFrameFunctionalGroupsSequence": (0x52009230, "SQ"),
    "ExtendedOffsetTable": (0x7FE00001, "OV"),
    "ExtendedOffsetTableLengths": (0x7FE00002, "OV"),
    "PixelData": (0x7FE00010, "OB"),
}
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD

_STRUCT_CODES = {"US": "H", "UL": "I", "SL": "i", "FL": "f"}
_LONG_REPRESENTATIONS = ("OB", "OV", "SQ")  # their length has 32 bits


@dataclass(frozen=True)
class _Codec:
    transfer_syntax: str
    photometric: str
    encode: Callable[[RgbImage], bytes]
    encapsulated: bool = True


@dataclass(frozen=True)
class DicomDialect:
    """How one scanner or program writes its slides.

    Attributes:
        encoding: of the frames.
        quality: of JPEG.
        subsampling: of JPEG with YCbCr samples.
        header: of JPEG.
        component_ids: of JPEG, where they are not those of libjpeg.
        photometric: what the frames are said to be, where they are something else.
        tile: size of a frame.
        factors: by which the levels are smaller than the first.
        organization: of the frames; None where the file says nothing.
        has_positions: whether each frame says where it is.  Sparse ones must, and
            in a level with holes all are sparse.
        frame_order: of the frames in the file; those that have no positions lie row
            by row.
        offset_table: see `OffsetTable`.
        fragments: how many each frame is cut into.
        undefined_lengths: whether sequences and their items end with delimiters.
        frames_per_file: of a level, if it is a concatenation of several files.
        copies: which levels have an exact copy beside them.
        elements: of all levels, by keyword, in the place of others.
    """

    encoding: Encoding = "jpeg"
    quality: int = 85
    subsampling: Subsampling = "4:2:2"
    header: JpegHeader = "usual"
    component_ids: bytes = b""
    photometric: str = ""
    tile: TileSize = 256
    factors: Sequence[int] = (1, 4, 16)
    organization: str | None = "TILED_FULL"
    has_positions: bool = False
    frame_order: Literal["rows", "rows from the bottom"] = "rows"
    offset_table: OffsetTable = "basic"
    fragments: int = 1
    undefined_lengths: bool = False
    frames_per_file: int = 0
    copies: Collection[int] = ()
    elements: _DataSet = field(default_factory=dict)

    def codec(self) -> "_Codec":
        jpeg_of_tile = partial(
            jpeg,
            quality=self.quality,
            subsampling=self.subsampling,
            rgb=self.encoding == "jpeg-rgb",
            header=self.header,
            component_ids=self.component_ids,
        )
        match self.encoding:
            case "jpeg":
                codec = _Codec("4.50", "YBR_FULL_422", jpeg_of_tile)
            case "jpeg-rgb":
                codec = _Codec("4.50", "RGB", jpeg_of_tile)
            case "j2k":
                codec = _Codec("4.91", "YBR_ICT", jpeg2000)
            case "j2k-lossless":
                codec = _Codec("4.90", "YBR_RCT", partial(jpeg2000, lossless=True))
            case "rgb":
                codec = _Codec("1", "RGB", lambda tile: tile.tobytes(), False)
        return replace(codec, photometric=self.photometric or codec.photometric)


class DicomChanges(TypedDict, total=False):
    """What tests vary of a dialect."""

    encoding: Encoding
    tile: TileSize
    factors: Sequence[int]
    quality: int
    subsampling: Subsampling
    offset_table: OffsetTable
    fragments: int
    undefined_lengths: bool


PLAIN = DicomDialect()


@dataclass(frozen=True)
class _Series:
    """What the files of a slide have in common."""

    folder: Path
    uid: str
    dialect: DicomDialect
    codec: _Codec


def write_dicom(
    folder: Path,
    *,
    name: str = "dicom",
    dialect: DicomDialect = PLAIN,
    image: RgbImage | None = None,
    missing: Collection[int] = (),
    elements: Mapping[str, _Value] | None = None,
    **changes: Unpack[DicomChanges],
) -> SlideFacts:
    """Write the folder `name`, whose level-0.dcm is the file to open.

    `missing` tiles of level 0 are holes.  `elements`, by keyword, take the place of
    those of level 0.
    """
    dialect = replace(dialect, **changes)
    if image is None:
        is_jpeg = dialect.encoding.startswith("jpeg")
        image = reference() if is_jpeg else small_reference()
    slide_folder = folder / name
    slide_folder.mkdir(parents=True, exist_ok=True)
    # Files of an earlier slide with more levels would join this one's series.
    for stale in slide_folder.glob("*.dcm"):
        stale.unlink()
    # Slides of one series are taken for one slide, so the name decides.
    uid = f"2.25.2.{zlib.crc32(name.encode())}"
    series = _Series(slide_folder, uid, dialect, dialect.codec())
    for level, (factor, shrunk) in enumerate(pyramid(image, dialect.factors)):
        absent = () if level else missing
        others = {} if level or elements is None else elements
        _write_level(series, level, shrunk, factor, missing=absent, elements=others)
        if level in dialect.copies:
            original = slide_folder / f"level-{level}.dcm"
            shutil.copy(original, slide_folder / f"level-{level} (1).dcm")
    associated = {"label": label(), "macro": macro(), "thumbnail": thumbnail(image)}
    flavors = ("LABEL", "OVERVIEW", "THUMBNAIL")
    for number, (flavor, picture) in enumerate(
        zip(flavors, associated.values(), strict=True), start=len(dialect.factors)
    ):
        _write_associated(series, number, flavor, picture)
    return SlideFacts(
        path=slide_folder / "level-0.dcm",
        vendor="dicom",
        level_dimensions=level_dimensions(image, dialect.factors),
        # What is said to be something else does not show what it is.
        patches=() if dialect.photometric else (Patch((0, 0), image),),
        associated={key: size_of(picture) for key, picture in associated.items()},
        has_icc=True,
        associated_with_icc=frozenset(associated),
        barcode=_BARCODE,
        holes=tile_boxes(image, dialect.tile, missing),
        lossless=dialect.encoding in ("j2k-lossless", "rgb"),
    )


def _write_level(
    series: _Series,
    level: int,
    image: RgbImage,
    factor: int,
    *,
    missing: Collection[int],
    elements: _DataSet,
) -> None:
    dialect = series.dialect
    tile_width, tile_height = tile_dimensions(dialect.tile)
    columns, _ = grid_dimensions(*size_of(image), dialect.tile)
    frames = []
    positions = []
    for index, part in enumerate(cut(image, dialect.tile)):
        if index not in missing:
            frames.append(series.codec.encode(part))
            row, column = divmod(index, columns)
            positions.append((column * tile_width + 1, row * tile_height + 1))
    if dialect.frame_order == "rows from the bottom":
        order = sorted(range(len(frames)), key=lambda i: (-positions[i][1], i))
        frames = [frames[i] for i in order]
        positions = [positions[i] for i in order]
    derivation = "ORIGINAL" if factor == 1 else "DERIVED"
    resampling = "NONE" if factor == 1 else "RESAMPLED"
    data_set: _DataSet = {
        **_image_elements(series, level, image, (tile_width, tile_height), factor),
        "ImageType": f"{derivation}\\PRIMARY\\VOLUME\\{resampling}",
        "DimensionOrganizationType": "TILED_SPARSE"
        if missing
        else dialect.organization,
        **dialect.elements,
    }
    step = dialect.frames_per_file or len(frames)
    starts = range(0, len(frames), step)
    for number, start in enumerate(starts):
        part_of_level = slice(start, start + step)
        has_positions = dialect.has_positions or missing
        groups = [frame_position(*p) for p in positions[part_of_level]]
        _write_file(
            series,
            f"level-{level}{f'.{number}' if number else ''}.dcm",
            {
                **data_set,
                "NumberOfFrames": str(len(frames[part_of_level])),
                "PerFrameFunctionalGroupsSequence": groups if has_positions else None,
                **(
                    _concatenation(series, level, number, starts)
                    if len(starts) > 1
                    else {}
                ),
                **elements,
            },
            frames[part_of_level],
        )


def _concatenation(
    series: _Series, level: int, number: int, starts: Sequence[int]
) -> _DataSet:
    """PS3.3, C.7.6.16: one of several files that are a level together."""
    whole = f"{series.uid}.{level + 1}"
    return {
        "SOPInstanceUID": f"{whole}.{number + 1}",
        "SOPInstanceUIDOfConcatenationSource": whole,
        "ConcatenationUID": f"{whole}.0",
        "InConcatenationNumber": number + 1,
        "InConcatenationTotalNumber": len(starts),
        "ConcatenationFrameOffsetNumber": starts[number],
    }


def _write_associated(
    series: _Series, number: int, flavor: str, image: RgbImage
) -> None:
    data_set: _DataSet = {
        **_image_elements(series, number, image, size_of(image), 1),
        "ImageType": f"ORIGINAL\\PRIMARY\\{flavor}\\NONE",
        "NumberOfFrames": "1",
        "DimensionOrganizationType": "TILED_FULL",
    }
    frame = series.codec.encode(image)
    _write_file(series, f"{flavor.lower()}.dcm", data_set, [frame])


def _image_elements(
    series: _Series, number: int, image: RgbImage, frame: tuple[int, int], factor: int
) -> _DataSet:
    """The elements that levels and associated images share."""
    width, height = size_of(image)
    columns, rows = frame
    millimetres = MPP * factor / 1000
    measures: _DataSet = {
        "SliceThickness": "0.001",
        "PixelSpacing": f"{millimetres:.6f}\\{millimetres:.6f}",
    }
    optical_path: _DataSet = {
        "ICCProfile": icc_profile(),
        "OpticalPathIdentifier": "1",
        "ObjectiveLensPower": str(OBJECTIVE_POWER),
    }
    return {
        "SOPClassUID": _SOP_CLASS,
        "SOPInstanceUID": f"{series.uid}.{number + 1}",
        "StudyDate": "20200102",
        "StudyTime": "030405",
        "Modality": "SM",
        "Manufacturer": "synthetic",
        "PatientName": "Nobody",
        "PatientID": "P1",
        "StudyInstanceUID": "2.25.1",
        "SeriesInstanceUID": series.uid,
        "SeriesNumber": "1",
        "InstanceNumber": str(number + 1),
        "FrameOfReferenceUID": "2.25.3",
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": series.codec.photometric,
        "PlanarConfiguration": 0,
        "Rows": rows,
        "Columns": columns,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
        "ContainerIdentifier": "SLIDE-1",
        "ImagedVolumeWidth": width * millimetres,
        "ImagedVolumeHeight": height * millimetres,
        "TotalPixelMatrixColumns": width,
        "TotalPixelMatrixRows": height,
        "SpecimenLabelInImage": "NO",
        "OpticalPathSequence": [optical_path],
        "NumberOfOpticalPaths": 1,
        "TotalPixelMatrixFocalPlanes": 1,
        "BarcodeValue": _BARCODE,
        "SharedFunctionalGroupsSequence": [{"PixelMeasuresSequence": [measures]}],
    }


def frame_position(x: int, y: int) -> _DataSet:
    """Where a sparse frame lies; the first pixel is 1."""
    position: _DataSet = {
        "ColumnPositionInTotalImagePixelMatrix": x,
        "RowPositionInTotalImagePixelMatrix": y,
    }
    return {"PlanePositionSlideSequence": [position]}


def _write_file(
    series: _Series, file_name: str, data_set: _DataSet, frames: Sequence[bytes]
) -> None:
    meta_elements: _DataSet = {
        "FileMetaInformationVersion": b"\0\1",
        "MediaStorageSOPClassUID": _SOP_CLASS,
        "MediaStorageSOPInstanceUID": data_set["SOPInstanceUID"],
        "TransferSyntaxUID": f"{_TRANSFER_SYNTAX_ROOT}.{series.codec.transfer_syntax}",
        "ImplementationClassUID": "2.25.4",
    }
    meta = _encode(meta_elements)
    if series.codec.encapsulated:
        tables, pixels = _encapsulated_pixel_data(series, frames)
    else:
        tables, pixels = {}, _encode({"PixelData": b"".join(frames)})
    meta_length = _encode({"FileMetaInformationGroupLength": len(meta)})
    body = _encode({**data_set, **tables}, series.dialect.undefined_lengths)
    preamble = bytes(128) + b"DICM"
    (series.folder / file_name).write_bytes(
        preamble + meta_length + meta + body + pixels
    )


def _encapsulated_pixel_data(
    series: _Series, frames: Sequence[bytes]
) -> tuple[_DataSet, bytes]:
    """PS3.5, A.4: a basic offset table, then each frame as items of fragments.

    With the elements of the extended table, where that is wanted.
    """
    items = [_fragments(frame, series.dialect.fragments) for frame in frames]
    starts = list(accumulate((len(item) for item in items), initial=0))[:-1]
    basic = struct.pack(f"<{len(starts)}I", *starts)
    sizes = [len(frame) for frame in frames]
    extended: _DataSet = {
        "ExtendedOffsetTable": struct.pack(f"<{len(starts)}Q", *starts),
        "ExtendedOffsetTableLengths": struct.pack(f"<{len(sizes)}Q", *sizes),
    }
    tag, _ = _DICTIONARY["PixelData"]
    head = _tag(tag) + struct.pack("<2s2xI", b"OB", _UNDEFINED_LENGTH)
    table = _item(basic if series.dialect.offset_table == "basic" else b"")
    pixels = head + table + b"".join(items) + _delimiter(_SEQUENCE_END)
    return extended if series.dialect.offset_table == "extended" else {}, pixels


def _fragments(frame: bytes, count: int) -> bytes:
    """A frame as `count` items, all but the last of an even length."""
    length = -(-len(frame) // (2 * count)) * 2
    parts = (frame[start : start + length] for start in range(0, len(frame), length))
    return b"".join(map(_item, parts))


def _encode(data_set: _DataSet, undefined_lengths: bool = False) -> bytes:
    """Elements in the order of their tags, which the standard asks for."""
    present = {word: value for word, value in data_set.items() if value is not None}
    keywords = sorted(present, key=_DICTIONARY.__getitem__)
    return b"".join(
        _element(keyword, present[keyword], undefined_lengths) for keyword in keywords
    )


def _element(keyword: str, value: _Present, undefined_lengths: bool) -> bytes:
    tag, representation = _DICTIONARY[keyword]
    if isinstance(value, list):
        return _sequence(tag, value, undefined_lengths)
    if isinstance(value, str):
        # PS3.5, 6.2: text is padded with spaces, identifiers with zeros.
        data = value.encode()
        data += (b"\0" if representation == "UI" else b" ") * (len(data) % 2)
    elif isinstance(value, bytes):
        data = value + bytes(len(value) % 2)
    else:
        data = struct.pack("<" + _STRUCT_CODES[representation], value)
    form = "<2s2xI" if representation in _LONG_REPRESENTATIONS else "<2sH"
    return _tag(tag) + struct.pack(form, representation.encode(), len(data)) + data


def _sequence(tag: int, data_sets: list[_DataSet], undefined_lengths: bool) -> bytes:
    contents = [_encode(data_set, undefined_lengths) for data_set in data_sets]
    if undefined_lengths:
        start = _tag(_ITEM) + struct.pack("<I", _UNDEFINED_LENGTH)
        items = [start + content + _delimiter(_ITEM_END) for content in contents]
        data = b"".join(items) + _delimiter(_SEQUENCE_END)
        length = _UNDEFINED_LENGTH
    else:
        data = b"".join(map(_item, contents))
        length = len(data)
    return _tag(tag) + struct.pack("<2s2xI", b"SQ", length) + data


def _item(data: bytes) -> bytes:
    data += bytes(len(data) % 2)
    return _tag(_ITEM) + struct.pack("<I", len(data)) + data


def _delimiter(tag: int) -> bytes:
    return _tag(tag) + bytes(4)


def _tag(tag: int) -> bytes:
    return struct.pack("<HH", tag >> 16, tag & 0xFFFF)
