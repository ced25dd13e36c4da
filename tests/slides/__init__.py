"""Whole-slide images for tests: one small, format-true slide per vendor.

    python -m tests.slides OUT                 all of them
    python -m tests.slides OUT --only leica    one

    facts = write_aperio(folder, tile=208, subsampling="4:4:4", missing=(3,))

Every writer takes a folder, writes `NAME.<extension>` and companions that are
called `NAME` too, and returns the `SlideFacts` that a test may expect.  Keyword
parameters vary the slide; `WRITERS` has one entry per slide worth having.

To add a scanner, or a program that converts slides, describe it in `writers` and
enter a slide of its in `WRITERS`, and what is read directly of it in `direct`.  To add
a vendor, write a module with a function that takes the folder, the name, an image and
a dialect, and returns `SlideFacts`.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from . import writers
from .aperio import write_aperio
from .argos import write_argos
from .content import broad, reference, variant, whole_tiles
from .dialect import Dialect
from .dicom import DicomDialect, write_dicom
from .facts import Patch, SlideFacts
from .generic import write_generic
from .hamamatsu import write_ndpi, write_vms, write_vmu
from .huron import write_huron
from .leica import Area, write_leica
from .mirax import write_mirax
from .philips import write_philips
from .sakura import write_sakura
from .trestle import write_trestle
from .ventana import write_ventana_bif, write_ventana_tif
from .zeiss import Compression as ZeissCompression
from .zeiss import write_zeiss

__all__ = [
    "FORMATS",
    "VARIANTS",
    "WRITERS",
    "Patch",
    "SlideFacts",
    "ZeissCompression",
    "reference",
    "write",
    "write_aperio",
    "write_argos",
    "write_dicom",
    "write_generic",
    "write_huron",
    "write_leica",
    "write_mirax",
    "write_ndpi",
    "write_philips",
    "write_sakura",
    "write_trestle",
    "write_ventana_bif",
    "write_ventana_tif",
    "write_vms",
    "write_vmu",
    "write_zeiss",
]

_FORMATS: dict[str, Callable[..., SlideFacts]] = {
    "aperio-jpeg": write_aperio,
    "aperio-rgb": partial(write_aperio, encoding="rgb"),
    "aperio-33003": partial(write_aperio, dialect=writers.APERIO_J2K, encoding="33003"),
    "aperio-33005": partial(write_aperio, dialect=writers.APERIO_J2K),
    "generic": write_generic,
    "generic-lzw": partial(write_generic, encoding="lzw"),
    "generic-raw": partial(write_generic, encoding="raw"),
    "generic-deflate": partial(write_generic, encoding="deflate"),
    "generic-zstd": partial(write_generic, encoding="zstd"),
    "generic-sparse": partial(write_generic, big=True, missing=(9, 10)),
    "trestle": write_trestle,
    "ventana-bif": write_ventana_bif,
    "ventana-tif": write_ventana_tif,
    "leica": write_leica,
    "philips": write_philips,
    "huron": write_huron,
    "argos": write_argos,
    "ndpi": write_ndpi,
    "vms": write_vms,
    "vmu": write_vmu,
    "mirax": write_mirax,
    "mirax-png": partial(write_mirax, image_format="PNG"),
    "mirax-bmp": partial(write_mirax, image_format="BMP24"),
    "sakura": write_sakura,
    "zeiss-raw": partial(write_zeiss, compression=ZeissCompression.RAW),
    "zeiss-zstd0": partial(write_zeiss, compression=ZeissCompression.ZSTD_0),
    "zeiss-zstd1": partial(write_zeiss, compression=ZeissCompression.ZSTD_1),
    "zeiss-bgr48": partial(write_zeiss, bits=16),
    "dicom-jpeg": write_dicom,
    "dicom-j2k": partial(write_dicom, encoding="j2k"),
    "dicom-j2k-lossless": partial(write_dicom, encoding="j2k-lossless"),
    "dicom-rgb": partial(write_dicom, encoding="rgb"),
    "dicom-sparse": partial(write_dicom, missing=(3, 20)),
}


def _aperio(dialect: Dialect, **options: Any) -> Callable[..., SlideFacts]:
    return partial(write_aperio, dialect=dialect, image=variant(), **options)


def _generic(dialect: Dialect, **options: Any) -> Callable[..., SlideFacts]:
    return partial(write_generic, dialect=dialect, image=variant(), **options)


def _dicom(dialect: DicomDialect, **options: Any) -> Callable[..., SlideFacts]:
    return partial(write_dicom, dialect=dialect, image=variant(), **options)


def _ndpi(tile: int, *, columns: int, **options: Any) -> Callable[..., SlideFacts]:
    """As scanners write them: tiles are `tile` x 8."""
    return partial(
        write_ndpi,
        image=broad(tile * columns),
        subsampling="4:4:4",
        restart_interval=tile // 8,
        **options,
    )


#: Smaller slides: the same formats, as scanners and programs write them.
_VARIANTS: dict[str, Callable[..., SlideFacts]] = {
    "aperio-scanscope": _aperio(writers.SCANSCOPE),
    # Tiles at the ends of rows without a byte.
    "aperio-hole": _aperio(writers.SCANSCOPE, missing=(4, 9)),
    "aperio-hole-above": _aperio(
        writers.SCANSCOPE, factors=(1, 2, 4), missing_above=(2,)
    ),
    "aperio-hole-on-top": _aperio(
        writers.SCANSCOPE, factors=(1, 2, 4), missing=(9,), missing_on_top=(1,)
    ),
    "aperio-at2": _aperio(writers.AT2),
    "aperio-gt450": _aperio(writers.GT450),
    "aperio-imagescope": _aperio(writers.IMAGESCOPE),
    "philips-1-0": partial(
        write_philips, dialect=writers.PHILIPS_1_0, image=whole_tiles(512), missing=(1,)
    ),
    "philips-1-1": partial(
        write_philips, dialect=writers.PHILIPS_1_1, image=whole_tiles(512), missing=(1,)
    ),
    "generic-vips": _generic(writers.VIPS),
    "generic-vips-raw": _generic(writers.VIPS_RAW, missing=(3,)),
    "generic-vips-deflate": _generic(writers.VIPS_DEFLATE, missing=(3,)),
    "generic-vips-zstd": _generic(writers.VIPS_ZSTD, missing=(3,)),
    "generic-tifffile-deflate": _generic(writers.TIFFFILE_DEFLATE),
    "generic-asap": _generic(writers.ASAP),
    "generic-tifffile": _generic(writers.TIFFFILE),
    "generic-gdal": _generic(writers.GDAL_COG, masks=True),
    "ventana-padded": partial(
        write_ventana_tif, dialect=writers.VENTANA_TIFF, image=variant(), padded=True
    ),
    "leica-mixed": partial(
        write_leica,
        dialect=writers.LEICA_SCN400,
        image=variant(),
        areas=(
            Area((0, 0, 800, 608), (160, 128)),
            Area((0, 0, 608, 512), (500, 200), illumination="fluorescence", channels=3),
        ),
    ),
    "ndpi-2048": _ndpi(2048, columns=2, high_starts=True),
    "ndpi-1792": _ndpi(1792, columns=2, restarts_everywhere=True),
    "ndpi-3968": _ndpi(3968, columns=1, high_starts=True),
    "dicom-gt450": _dicom(writers.GT450_DICOM),
    "dicom-gt450-early": _dicom(writers.GT450_EARLY_DICOM),
    "dicom-pixelmed": _dicom(writers.PIXELMED),
    "dicom-pixelmed-rgb": _dicom(writers.PIXELMED_RGB),
    "dicom-3dhistech": _dicom(writers.HISTECH_DICOM),
    "dicom-orthanc": _dicom(writers.ORTHANC),
    "dicom-bfconvert": _dicom(writers.BFCONVERT_DICOM),
    "dicom-wsi2dcm-sparse": _dicom(writers.WSI2DCM_SPARSE, missing=(1, 7, 12)),
    "dicom-wsi2dcm-batch": _dicom(writers.WSI2DCM_BATCH),
    "dicom-full-positions": _dicom(writers.FULL_WITH_POSITIONS),
    "dicom-copies": _dicom(writers.WITH_COPIES),
    "dicom-uncounted": _dicom(writers.UNCOUNTED_DICOM),
}

#: Writers by slide name: a slide of each of `FORMATS`, then `VARIANTS` of them.
WRITERS: dict[str, Callable[[Path], SlideFacts]] = {
    name: partial(writer, name=name) for name, writer in (_FORMATS | _VARIANTS).items()
}
FORMATS, VARIANTS = tuple(_FORMATS), tuple(_VARIANTS)


def write(name: str, folder: Path) -> SlideFacts:
    """Write the slide called `name` into `folder`, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    return WRITERS[name](folder)
