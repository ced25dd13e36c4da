"""Read whole-slide images: a native, faster `import openslide`.

The documented interface is that of openslide-python 1.4.7,
https://openslide.org/api/python/.
"""

from __future__ import annotations

from . import _coexistence, _library
from ._version import __version__

_coexistence.warn_of_foreign_files()
__library_path__, __library_version__ = _library.load()

from . import _convert, lowlevel  # noqa: E402
from ._cache import OpenSlideCache  # noqa: E402
from ._errors import (  # noqa: E402
    OpenSlideError,
    OpenSlideUnsupportedFormatError,
    OpenSlideVersionError,
)
from ._image_slide import ImageSlide  # noqa: E402
from ._maps import _AssociatedImageMap, _OpenSlideMap, _PropertyMap  # noqa: E402
from ._open import open_slide  # noqa: E402
from ._properties import (  # noqa: E402
    PROPERTY_NAME_BACKGROUND_COLOR,
    PROPERTY_NAME_BARCODE,
    PROPERTY_NAME_BOUNDS_HEIGHT,
    PROPERTY_NAME_BOUNDS_WIDTH,
    PROPERTY_NAME_BOUNDS_X,
    PROPERTY_NAME_BOUNDS_Y,
    PROPERTY_NAME_COMMENT,
    PROPERTY_NAME_MPP_X,
    PROPERTY_NAME_MPP_Y,
    PROPERTY_NAME_OBJECTIVE_POWER,
    PROPERTY_NAME_QUICKHASH1,
    PROPERTY_NAME_VENDOR,
)
from ._slide import AbstractSlide, OpenSlide  # noqa: E402

__all__ = [
    "PROPERTY_NAME_BACKGROUND_COLOR",
    "PROPERTY_NAME_BARCODE",
    "PROPERTY_NAME_BOUNDS_HEIGHT",
    "PROPERTY_NAME_BOUNDS_WIDTH",
    "PROPERTY_NAME_BOUNDS_X",
    "PROPERTY_NAME_BOUNDS_Y",
    "PROPERTY_NAME_COMMENT",
    "PROPERTY_NAME_MPP_X",
    "PROPERTY_NAME_MPP_Y",
    "PROPERTY_NAME_OBJECTIVE_POWER",
    "PROPERTY_NAME_QUICKHASH1",
    "PROPERTY_NAME_VENDOR",
    "AbstractSlide",
    "ImageSlide",
    "OpenSlide",
    "OpenSlideCache",
    "OpenSlideError",
    "OpenSlideUnsupportedFormatError",
    "OpenSlideVersionError",
    "__library_path__",
    "__library_version__",
    "__version__",
    "open_slide",
]
