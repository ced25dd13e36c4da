"""Read whole-slide images: a native, faster `import openslide`.

The documented interface is that of openslide-python 1.4.7,
https://openslide.org/api/python/.
"""

from __future__ import annotations

from ._coexistence import warn_of_foreign_files as _warn_of_foreign_files

_warn_of_foreign_files()  # before one of them is imported

from . import _convert as _convert
from . import lowlevel as lowlevel
from ._abstract_slide import AbstractSlide
from ._cache import OpenSlideCache
from ._errors import (
    OpenSlideError,
    OpenSlideUnsupportedFormatError,
    OpenSlideVersionError,
)
from ._image_slide import ImageSlide
from ._library import __library_path__, __library_version__
from ._maps import _AssociatedImageMap as _AssociatedImageMap
from ._maps import _OpenSlideMap as _OpenSlideMap
from ._maps import _PropertyMap as _PropertyMap
from ._open import open_slide
from ._properties import (
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
from ._slide import OpenSlide
from ._threads import get_num_threads, set_num_threads
from ._version import __version__

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
    "get_num_threads",
    "lowlevel",
    "open_slide",
    "set_num_threads",
]

# Programs, pickles and people know the classes by the name of this package.
for _object in (AbstractSlide, ImageSlide, OpenSlide, OpenSlideCache, open_slide):
    _object.__module__ = __name__
for _map in (_AssociatedImageMap, _OpenSlideMap, _PropertyMap):
    _map.__module__ = __name__
del _map, _object
