"""Which levels of the slides are read directly, and why the others are not."""

from collections.abc import Mapping

#: What `OpenSlide.indirect_levels` says.
OTHER_CODEC = "the tiles are compressed in another way"
NOT_RGB = "the pixels are not RGB or YCbCr of 8 bits"
OTHER_VENDOR = "slides of this vendor are not grids of JPEG tiles"

#: The reason of every level that is not direct, or one for all levels.
Indirect = str | Mapping[int, str]

#: Slides all of whose levels are direct.
ALL_DIRECT = (
    *("aperio-jpeg", "aperio-rgb", "aperio-scanscope", "aperio-hole"),
    *("aperio-hole-above", "aperio-hole-on-top", "aperio-at2", "aperio-gt450"),
    *("aperio-imagescope", "generic", "generic-sparse", "generic-vips"),
    *("generic-asap", "generic-tifffile", "trestle", "ventana-tif"),
    *("ventana-padded", "leica", "leica-mixed", "philips", "philips-1-0"),
    *("philips-1-1", "huron", "argos", "dicom-jpeg", "dicom-sparse"),
    *("dicom-gt450", "dicom-gt450-early", "dicom-pixelmed", "dicom-pixelmed-rgb"),
    *("dicom-3dhistech", "dicom-orthanc", "dicom-bfconvert"),
    *("dicom-wsi2dcm-sparse", "dicom-wsi2dcm-batch", "dicom-full-positions"),
    *("dicom-copies", "dicom-uncounted", "dicom-rgb", "ventana-bif"),
    *("mirax", "mirax-png", "mirax-bmp"),
    *("generic-raw", "generic-deflate", "generic-vips-raw"),
    *("generic-vips-deflate", "generic-tifffile-deflate"),
    *("vms", "vmu"),
)

#: NDPI slides; all of their levels are direct where libjpeg-turbo is used.
NDPI = ("ndpi", "ndpi-2048", "ndpi-1792", "ndpi-3968")
#: Their levels that are made of larger ones, and what is said of these elsewhere.
NDPI_REDUCED = (1, 3, 5, 6, 7)
NEEDS_LIBJPEG = "it is made of a larger level, which takes libjpeg-turbo"

#: By slide; each slide of `WRITERS` is here once.
INDIRECT: dict[str, Indirect] = {
    **{name: {} for name in (*ALL_DIRECT, *NDPI)},
    "aperio-33003": OTHER_CODEC,
    "aperio-33005": OTHER_CODEC,
    "generic-lzw": OTHER_CODEC,
    # Nothing in its frames tells damage, which releases of libzstd read in other ways.
    "generic-zstd": OTHER_CODEC,
    "generic-vips-zstd": OTHER_CODEC,
    "generic-gdal": {2: NOT_RGB, 4: NOT_RGB},  # masks
    "sakura": OTHER_VENDOR,
    "zeiss-raw": OTHER_VENDOR,
    "zeiss-zstd0": OTHER_VENDOR,
    "zeiss-zstd1": OTHER_VENDOR,
    "zeiss-bgr48": OTHER_VENDOR,
    "dicom-j2k": OTHER_CODEC,
    "dicom-j2k-lossless": OTHER_CODEC,
}


#: Slides of which nothing is kept, though levels are indirect.
NOT_KEPT = (*NDPI, "real hamamatsu", "vms")

#: What else is indirect where direct reads do without libjpeg-turbo.
INDIRECT_WITHOUT_LIBJPEG: dict[str, Indirect] = {
    **dict.fromkeys(NDPI, dict.fromkeys(NDPI_REDUCED, NEEDS_LIBJPEG)),
    "vms": dict.fromkeys((1, 3, 4, 5), NEEDS_LIBJPEG),
    "real hamamatsu": dict.fromkeys((4, 5, 6), NEEDS_LIBJPEG),
}


def reasons(indirect: Indirect, level_count: int) -> dict[int, str]:
    """The reason of each level that is not direct."""
    if isinstance(indirect, str):
        return dict.fromkeys(range(level_count), indirect)
    return dict(indirect)
