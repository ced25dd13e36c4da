"""Opening whatever kind of slide a file is."""

from __future__ import annotations

from typing import Literal

from ._arguments import path_bytes
from ._diagnosis import diagnose
from ._errors import OpenSlideUnsupportedFormatError
from ._files import Filename
from ._image_slide import ImageSlide, Picture
from ._slide import OpenSlide


def open_slide(filename: Filename) -> OpenSlide | ImageSlide:
    """Open a file as an OpenSlide, or as an ImageSlide where it is not a slide.

    Raises what Pillow raises where it is neither.
    """
    try:
        return OpenSlide(filename)
    except OpenSlideUnsupportedFormatError:
        return ImageSlide(filename)


def open_slide_or_picture(
    filename: Filename, *, on_error: Literal["raise", "reopen"] = "raise"
) -> OpenSlide | ImageSlide:
    """Open a slide, or what is nothing but a picture; never a picture inside a slide.

    open_slide() takes whatever Pillow finds in a file that libopenslide refuses: the
    first page of a slide that is cut off, or the thumbnail that a MIRAX slide has in the
    place of its pixels where its folder is missing.  This one raises the reason instead.

    on_error: as for OpenSlide.

    Raises OpenSlideUnsupportedFormatError with the reason, or what OpenSlide() raises.
    """
    try:
        return OpenSlide(filename, on_error=on_error)
    except OpenSlideUnsupportedFormatError:
        if diagnose(path_bytes(filename)).kind in ("slide", "nothing"):
            raise
    return Picture(filename)
