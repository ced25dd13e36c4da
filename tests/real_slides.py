"""Slides from real scanners, which are too large to keep in the repository.

They lie in a folder beside the repository, or in the one that the environment
variable OPENSLIDE_TEST_REAL_SLIDES names.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

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
    """

    file: str
    vendor: str
    since: str
    level_dimensions: tuple[tuple[int, int], ...]


REAL_SLIDES = {
    "aperio": RealSlide("CMU-1-Small-Region.svs", "aperio", "3.4.1", ((2220, 2967),)),
    # Fluorescence without restart markers: each level is one huge tile.
    "hamamatsu": RealSlide(
        "test3-DAPI-2-387.ndpi",
        "hamamatsu",
        "3.4.1",
        tuple((3968 >> level, 4864 >> level) for level in range(7)),
    ),
    "dicom-raw": RealSlide("sm_image.dcm", "dicom", "4.0.0", ((50, 50),)),
    "dicom-jpeg": RealSlide("camelyon-jpeg.dcm", "dicom", "4.0.0", ((1152, 700),)),
    "generic-zstd": RealSlide(
        "yb10kx5k.zstd.tiff",
        "generic-tiff",
        "4.0.1",  # earlier: where libtiff is built with zstd
        tuple((10000 >> level, 5000 >> level) for level in range(5)),
    ),
}


def folder() -> Path:
    """Where the slides are, if they are there at all."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen) if chosen else _REPOSITORY.parent / _BESIDE_REPOSITORY
