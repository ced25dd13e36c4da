"""Slides from real scanners and programs, which are too large for the repository.

They lie in a folder beside the repository, or in the one that the environment
variable OPENSLIDE_TEST_REAL_SLIDES names.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from tests.slides.direct import NOT_RGB, OTHER_CODEC, Indirect
from tests.slides.pyramid import Box

FOLDER_VARIABLE = "OPENSLIDE_TEST_REAL_SLIDES"
_BESIDE_REPOSITORY = Path("shared", "slides", "real")
_REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True)
class RealSlide:
    """What is known of a slide.

    Attributes:
        file: its name in the folder.
        vendor: the name that `detect_format` returns.
        since: the first release of OpenSlide that reads it.
        level_dimensions: width and height of each level, in level pixels.
        indirect: the reason of each level that is not direct, or one for all.
        unreadable: levels that libopenslide refuses to read, wholly or in part.
        area: a box (x, y, width, height) of level 0 without holes, if not all of it.
        is_blank: whether it shows nothing.
    """

    file: str
    vendor: str
    since: str
    level_dimensions: tuple[tuple[int, int], ...]
    indirect: Indirect = field(default_factory=dict)
    unreadable: Collection[int] = ()
    area: Box | None = None
    is_blank: bool = False


# Of a GeoTIFF with masks, whose overviews libopenslide takes for levels.
_GDAL_SIZES = tuple((512 >> i, 512 >> i) for i in range(6) for _ in ("image", "mask"))
_GDAL_MASKS = range(2, 13, 2)

REAL_SLIDES = {
    "aperio": RealSlide("CMU-1-Small-Region.svs", "aperio", "3.4.1", ((2220, 2967),)),
    # Fluorescence, in tiles as wide as the slide.
    "hamamatsu": RealSlide(
        "test3-DAPI-2-387.ndpi",
        "hamamatsu",
        "3.4.1",
        tuple((3968 >> level, 4864 >> level) for level in range(7)),
    ),
    # The data of the two lowest levels are left out.
    "mirax": RealSlide(
        "mirax/Mirax2-Fluorescence-2.mrxs",
        "mirax",
        "4.0.1",
        tuple((72448 >> level, 152080 >> level) for level in range(10)),
        unreadable=(0, 1),
        area=(9500, 103_000, 9600, 6900),
    ),
    "dicom-raw": RealSlide("sm_image.dcm", "dicom", "4.0.0", ((50, 50),)),
    "dicom-jpeg": RealSlide("camelyon-jpeg.dcm", "dicom", "4.0.0", ((1152, 700),)),
    "dicom-no-organization": RealSlide(
        "no-organization.dcm", "dicom", "4.0.1", ((154, 290),), is_blank=True
    ),
    # Some frames are smaller than the file says.
    "dicom-cropped": RealSlide(
        "tma-multiframe.dcm", "dicom", "4.0.1", ((3175, 2281),), unreadable=(0,)
    ),
    "generic-zstd": RealSlide(
        "yb10kx5k.zstd.tiff",
        "generic-tiff",
        "4.0.1",  # earlier: where libtiff is built with zstd
        tuple((10000 >> level, 5000 >> level) for level in range(5)),
        OTHER_CODEC,
    ),
    "generic-vips": RealSlide(
        "vips-CMU-0-small.tiff",
        "generic-tiff",
        "4.0.1",
        ((718, 514), (359, 257), (179, 128)),
    ),
    "generic-asap": RealSlide(
        "asap-example.tif",
        "generic-tiff",
        "4.0.1",
        ((1472, 690), (736, 345), (368, 172)),
    ),
    "generic-gdal": RealSlide(
        "gdal-cogeo.tif",
        "generic-tiff",
        "4.0.1",
        ((1024, 1024), *_GDAL_SIZES),
        dict.fromkeys(_GDAL_MASKS, NOT_RGB),
        unreadable=_GDAL_MASKS,
    ),
}


def folder() -> Path:
    """Where the slides are, if they are there at all."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen) if chosen else _REPOSITORY.parent / _BESIDE_REPOSITORY
