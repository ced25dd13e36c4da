"""Which levels of the slides are read directly, and why the others are not."""

from collections.abc import Mapping

#: What `OpenSlide.indirect_levels` says.
NOT_JPEG = "the tiles are not JPEG"
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
    *("dicom-copies", "dicom-uncounted", "mirax", "ventana-bif"),
)

#: By slide; each slide of `WRITERS` is here once.
INDIRECT: dict[str, Indirect] = {
    **{name: {} for name in ALL_DIRECT},
    "aperio-33003": NOT_JPEG,
    "aperio-33005": NOT_JPEG,
    "generic-lzw": NOT_JPEG,
    "generic-gdal": {2: NOT_JPEG, 4: NOT_JPEG},  # masks
    "ndpi": OTHER_VENDOR,
    "vms": OTHER_VENDOR,
    "vmu": OTHER_VENDOR,
    "mirax-png": NOT_JPEG,
    "mirax-bmp": NOT_JPEG,
    "sakura": OTHER_VENDOR,
    "zeiss-raw": OTHER_VENDOR,
    "zeiss-zstd0": OTHER_VENDOR,
    "zeiss-zstd1": OTHER_VENDOR,
    "zeiss-bgr48": OTHER_VENDOR,
    "dicom-j2k": NOT_JPEG,
    "dicom-j2k-lossless": NOT_JPEG,
    "dicom-rgb": NOT_JPEG,
}


def reasons(indirect: Indirect, level_count: int) -> dict[int, str]:
    """The reason of each level that is not direct."""
    if isinstance(indirect, str):
        return dict.fromkeys(range(level_count), indirect)
    return dict(indirect)
