"""open_slide(): whatever kind of slide a file is."""

from __future__ import annotations

from ._errors import OpenSlideUnsupportedFormatError
from ._files import Filename
from ._image_slide import ImageSlide
from ._slide import OpenSlide


def open_slide(filename: Filename) -> OpenSlide | ImageSlide:
    """Open a file as an OpenSlide, or as an ImageSlide where it is not a slide.

    Raises what Pillow raises where it is neither.
    """
    try:
        return OpenSlide(filename)
    except OpenSlideUnsupportedFormatError:
        return ImageSlide(filename)
