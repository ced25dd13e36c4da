"""What scanners and programs write, as far as it is known from their files.

One entry each.  The formats' own modules say what is common to all of a vendor's.
"""

from dataclasses import replace

from .content import icc_profile
from .dialect import Dialect, Picture
from .dicom import DicomDialect
from .tiff import ResolutionUnit, Tag, Tags, Twice

# Aperio

_DEPTH: Tags = {Tag.IMAGE_DEPTH: 1}
# Even where the JPEG is RGB, and so has none.
_SUBSAMPLED: Tags = {Tag.YCBCR_SUBSAMPLING: (2, 2)}
_SCANSCOPE_STRIPS = Picture(
    encoding="rgb",
    quality=80,
    shared_tables=True,
    component_ids=b"\0\1\2",
    header="none",
    rows_per_strip=16,
    tags={**_SUBSAMPLED, **_DEPTH},
)

SCANSCOPE = Dialect(
    encoding="rgb",
    quality=70,
    shared_tables=True,
    component_ids=b"\0\1\2",
    tile=240,
    short_sizes=True,
    software="Aperio Image Library v11.2.1 ",
    tags={**_SUBSAMPLED, **_DEPTH},
    pictures={
        "thumbnail": _SCANSCOPE_STRIPS,
        "label": Picture("lzw-2", rows_per_strip=7, tags=_DEPTH),
        "macro": replace(_SCANSCOPE_STRIPS, quality=60),
    },
)

AT2 = replace(
    SCANSCOPE,
    software="Aperio Image Library v12.0.15 ",
    order="columns",
    icc=True,
    icc_bytes=1_687_824,
)

GT450 = Dialect(
    header="jfif",
    tile=256,
    short_sizes=True,
    order="rows from the bottom",
    software="Aperio Leica Biosystems GT450 v1.0.0 ",
    icc=True,
    icc_levels=4,
    tags={Tag.YCBCR_SUBSAMPLING: None, **_DEPTH},
    pictures={
        "thumbnail": Picture(
            tags={Tag.YCBCR_SUBSAMPLING: None, Tag.ICC_PROFILE: icc_profile()}
        ),
        "label": Picture("lzw-2", tags={Tag.IMAGE_DESCRIPTION: None, **_DEPTH}),
        "macro": Picture(
            tags={
                Tag.YCBCR_SUBSAMPLING: None,
                Tag.IMAGE_DESCRIPTION: None,
                **_DEPTH,
            }
        ),
    },
)

IMAGESCOPE = Dialect(
    quality=70,
    shared_tables=True,
    header="none",
    tile=256,
    factors=(1, 4, 16, 32),
    short_sizes=True,
    software="Aperio Image Library v11.1.9 ",
    tags=_DEPTH,
    pictures={
        "thumbnail": Picture(shared_tables=True, rows_per_strip=16, tags=_DEPTH),
        "label": Picture("lzw-2", rows_per_strip=7),
        "macro": Picture(shared_tables=True, rows_per_strip=16, tags=_DEPTH),
    },
)

APERIO_J2K = Dialect(
    encoding="33005",
    tile=256,
    short_sizes=True,
    icc=True,
    software="Aperio Image Library v11.0.37 ",
    tags=_DEPTH,
    pictures={
        "thumbnail": Picture(shared_tables=True, rows_per_strip=16, tags=_DEPTH),
        "label": Picture("lzw-2", rows_per_strip=7, tags=_DEPTH),
        "macro": Picture(shared_tables=True, rows_per_strip=16, tags=_DEPTH),
    },
)

# Philips

_NO_SCALE: Tags = {
    Tag.X_RESOLUTION: 1,
    Tag.Y_RESOLUTION: 1,
    Tag.RESOLUTION_UNIT: ResolutionUnit.INCH,
}
_PHILIPS_LEVELS = (1, 2, 4, 8, 16, 32, 64, 128)
_PHILIPS_DEPTHS: Tags = {
    Tag.IMAGE_DEPTH: len(_PHILIPS_LEVELS),
    Tag.TILE_DEPTH: len(_PHILIPS_LEVELS),
}

PHILIPS_1_0 = Dialect(
    shared_tables=True,
    tile=512,
    factors=_PHILIPS_LEVELS,
    big=True,
    short_sizes=True,
    software="Philips DP v1.0",
    tags=_NO_SCALE,
    pictures={"macro": Picture(tags=_NO_SCALE)},
)

PHILIPS_1_1 = replace(
    PHILIPS_1_0,
    software="Philips DP v1.1",
    tags={**_NO_SCALE, **_PHILIPS_DEPTHS},
    pictures={"macro": Picture(tags={**_NO_SCALE, **_PHILIPS_DEPTHS})},
)

# Programs that convert slides to TIFF

_UNSIGNED: Tags = {Tag.SAMPLE_FORMAT: (1, 1, 1)}
_FULL_RANGE: Tags = {Tag.REFERENCE_BLACK_WHITE: (0, 255, 128, 255, 128, 255)}
_UPRIGHT: Tags = {Tag.ORIENTATION: 1}

VIPS = Dialect(
    encoding="rgb",
    quality=90,
    shared_tables="quantisation",
    factors=(1, 2, 4),
    big=True,
    short_sizes=True,
    tags=_UPRIGHT,
    first_tags={Tag.NEW_SUBFILE_TYPE: None, **_UNSIGNED},
)

ASAP = Dialect(
    shared_tables="quantisation",
    tile=512,
    factors=(1, 2, 4),
    big=True,
    short_sizes=True,
    tags={Tag.YCBCR_SUBSAMPLING: None, **_UPRIGHT, **_UNSIGNED, **_FULL_RANGE},
    first_tags={
        Tag.NEW_SUBFILE_TYPE: None,
        Tag.MIN_SAMPLE_VALUE: (0, 0, 0),
        Tag.MAX_SAMPLE_VALUE: (255, 255, 255),
    },
)

TIFFFILE = Dialect(
    header="jfif",
    factors=(1, 2, 4),
    tags={
        Tag.SOFTWARE: "tifffile.py",
        Tag.X_RESOLUTION: 1,
        Tag.Y_RESOLUTION: 1,
        Tag.RESOLUTION_UNIT: ResolutionUnit.NONE,
        **_FULL_RANGE,
    },
    first_tags={
        Tag.IMAGE_DESCRIPTION: Twice("a slide", '{"shape": [900, 1200, 3]}'),
    },
)

#: vips again, which stores differences unless it is told otherwise.
VIPS_DEFLATE = replace(VIPS, encoding="deflate-2", shared_tables=False)
VIPS_ZSTD = replace(VIPS_DEFLATE, encoding="zstd-2")
VIPS_RAW = replace(VIPS_DEFLATE, encoding="raw")

#: tifffile, whose "zlib" has no differences.
TIFFFILE_DEFLATE = replace(TIFFFILE, encoding="deflate", header="usual")

GDAL_COG = Dialect(
    shared_tables="quantisation",
    factors=(1, 2, 4),
    short_sizes=True,
    directories_first=True,
    tags={
        Tag.X_RESOLUTION: None,
        Tag.Y_RESOLUTION: None,
        Tag.RESOLUTION_UNIT: None,
        **_UNSIGNED,
        **_FULL_RANGE,
    },
    first_tags={
        Tag.NEW_SUBFILE_TYPE: None,
        Tag.MODEL_PIXEL_SCALE: (0.5, 0.5, 0.0),
        Tag.MODEL_TIEPOINT: (0.0, 0.0, 0.0, 14_321_853.0, 4_533_021.5, 0.0),
        Tag.GEO_KEY_DIRECTORY: (1, 1, 0, 1, 1024, 0, 1, 1),
        Tag.GEO_ASCII_PARAMS: "WGS 84 / Pseudo-Mercator|WGS 84|",
        Tag.GDAL_METADATA: (
            '<GDALMetadata>\n  <Item name="COLORINTERP" sample="0">Red</Item>\n'
            "</GDALMetadata>\n"
        ),
    },
)

# Ventana's and Leica's own

VENTANA_TIFF = Dialect(
    shared_tables=True,
    factors=(1, 2, 4, 8, 16),
    big=True,
    icc=True,
    short_sizes=True,
)

LEICA_SCN400 = Dialect(shared_tables=True, tile=512, big=True, short_sizes=True)

# DICOM

GT450_DICOM = DicomDialect(
    encoding="jpeg-rgb",
    header="jfif",
    component_ids=b"\1\2\3",
    organization="TILED_SPARSE",
    has_positions=True,
    offset_table="none",
)

GT450_EARLY_DICOM = replace(GT450_DICOM, organization="3D")

PIXELMED = DicomDialect(tile=240, offset_table="none")

PIXELMED_RGB = replace(PIXELMED, encoding="jpeg-rgb", tile=256, offset_table="extended")

#: Concatenations, whose files do not end with a row of tiles.
HISTECH_DICOM = DicomDialect(frames_per_file=7, offset_table="none")

ORTHANC = DicomDialect(organization=None, has_positions=True)

#: YCbCr samples that are said to be RGB, and shown so.
BFCONVERT_DICOM = DicomDialect(
    header="jfif",
    subsampling="4:2:0",
    photometric="RGB",
    organization="TILED_SPARSE",
    has_positions=True,
)

WSI2DCM_SPARSE = DicomDialect(
    encoding="jpeg-rgb",
    organization="TILED_SPARSE",
    has_positions=True,
    frame_order="rows from the bottom",
    offset_table="none",
)

WSI2DCM_BATCH = DicomDialect(
    encoding="jpeg-rgb", frames_per_file=10, offset_table="none"
)

#: Legal, and read by the positions.
FULL_WITH_POSITIONS = DicomDialect(
    has_positions=True, frame_order="rows from the bottom"
)

#: As somebody downloads the same file again.
WITH_COPIES = DicomDialect(copies=(0, 1))

#: Samples of Google's, whose optical paths and focal planes are not counted.
UNCOUNTED_DICOM = DicomDialect(
    elements={"NumberOfOpticalPaths": None, "TotalPixelMatrixFocalPlanes": None}
)
