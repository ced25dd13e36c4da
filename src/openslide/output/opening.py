"""Opening a slide for work that goes on after damage."""

from __future__ import annotations

import os

from .._abstract_slide import AbstractSlide
from .._errors import OpenSlideUnsupportedFormatError
from .._image_slide import ImageSlide
from .._slide import OpenSlide


def open_enduring(path: str | os.PathLike[str]) -> AbstractSlide:
    """Any kind of slide; one of which more can be read after a damaged tile.

    Raises what opening it raises, Pillow's error where it is no slide at all.
    """
    try:
        return OpenSlide(path, on_error="reopen")
    except OpenSlideUnsupportedFormatError:
        return ImageSlide(path)
