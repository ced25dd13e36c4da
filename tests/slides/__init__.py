"""Whole-slide images for tests: one small, format-true slide per vendor.

    python -m tests.slides OUT                 all of them
    python -m tests.slides OUT --only leica    one

    facts = write_aperio(folder, tile=208, subsampling="4:4:4", missing=(3,))

Every writer takes a folder, writes `NAME.<extension>` and companions that are
called `NAME` too, and returns the `SlideFacts` that a test may expect.  Keyword
parameters vary the slide; `WRITERS` has one entry per slide worth having.

To add a vendor, write a module with a function that takes the folder, the name
and an image, and returns `SlideFacts`; then enter it in `WRITERS`.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from .aperio import write_aperio
from .argos import write_argos
from .content import reference
from .dicom import write_dicom
from .facts import Patch, SlideFacts
from .generic import write_generic
from .hamamatsu import write_ndpi, write_vms, write_vmu
from .huron import write_huron
from .leica import write_leica
from .mirax import write_mirax
from .philips import write_philips
from .sakura import write_sakura
from .trestle import write_trestle
from .ventana import write_ventana_bif, write_ventana_tif
from .zeiss import Compression as ZeissCompression
from .zeiss import write_zeiss

__all__ = [
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

_VARIANTS: dict[str, Callable[..., SlideFacts]] = {
    "aperio-jpeg": write_aperio,
    "aperio-rgb": partial(write_aperio, encoding="rgb"),
    "aperio-33003": partial(write_aperio, encoding="33003"),
    "aperio-33005": partial(write_aperio, encoding="33005"),
    "generic": write_generic,
    "generic-lzw": partial(write_generic, encoding="lzw"),
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

#: Writers by slide name.
WRITERS: dict[str, Callable[[Path], SlideFacts]] = {
    name: partial(writer, name=name) for name, writer in _VARIANTS.items()
}


def write(name: str, folder: Path) -> SlideFacts:
    """Write the slide called `name` into `folder`, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    return WRITERS[name](folder)
