"""What the subcommands that make pictures share: reading, colours, and saving."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from .. import AbstractSlide, OpenSlideError
from .._color import COLOR_HANDLINGS
from .._images import flatten, profile_of, with_profile
from .._open import open_slide_or_picture
from .._properties import background_color
from ..output.encoding import Encoding, Format
from ..output.telling import reason_of, told_of
from ..output.whole import write_whole
from ._console import say
from ._types import positive

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS: dict[str, Format] = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".webp": "webp",
}


class Target(NamedTuple):
    """A file to write, and how."""

    path: Path
    encoding: Encoding

    @classmethod
    def of(cls, path: Path, options: argparse.Namespace) -> Target:
        """A file that is to be written from options.slide.

        Raises ValueError where its suffix names no format, where it is the slide, or
        where there is no such quality.
        """
        format = _FORMATS.get(path.suffix.lower())
        if format is None:
            raise ValueError(
                f"there is no format for {str(path)!r}; "
                f"its suffix should be one of {', '.join(_FORMATS)}"
            )
        if path.exists() and path.samefile(options.slide):
            raise ValueError(f"{str(path)!r} is the slide itself")
        return cls(path, Encoding(format, options.quality))

    def save(self, image: Image) -> None:
        """Write the file, whole or not at all; make its folder.

        An ICC profile of the image goes along.  Raises OSError that names the file.
        """
        path = self.path
        try:
            self.encoding.require_room(image.size)
            write_whole(path, self.encoding.encode(image, profile_of(image)))
        except (OSError, ValueError) as error:
            raise OSError(f"cannot save {path}: {error}") from error
        say(f"{image.width} x {image.height} pixels in {path}")

    def suited(self, image: Image, slide: AbstractSlide) -> Image:
        """The image itself, or over the slide's background for a file without alpha."""
        if self.encoding.format != "jpeg" or image.mode == "RGB":
            return image
        opaque = flatten(image, background_color(slide.properties))
        return with_profile(opaque, profile_of(image))


def add_slide(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("slide", metavar="SLIDE")


def add_output(
    parser: argparse.ArgumentParser, what: str, *, required: bool = True
) -> None:
    """Declare how a picture is saved: output, color and quality."""
    parser.add_argument(
        "-o", "--output", required=required, metavar="FILE", type=Path, help=what
    )
    parser.add_argument(
        "--color",
        choices=COLOR_HANDLINGS,
        default="embed",
        help="what becomes of the ICC profile: saved with the picture, used to "
        "convert it to sRGB, or ignored (default: %(default)s)",
    )
    parser.add_argument(
        "--quality",
        type=positive,
        default=80,
        metavar="1-100",
        help="quality of JPEG and WebP files (default: %(default)s)",
    )


def suffixes() -> str:
    return f"a picture, its format by its suffix: {', '.join(_FORMATS)}"


@contextmanager
def opened(
    path: str, *, on_error: Literal["raise", "reopen"] = "raise"
) -> Iterator[AbstractSlide]:
    """An open slide.  What goes wrong with it is said with its path."""
    try:
        with open_slide_or_picture(path, on_error=on_error) as slide:
            yield slide
    except (OpenSlideError, OSError, ValueError, OverflowError, MemoryError) as error:
        if getattr(error, "filename", None) is not None:  # another file
            raise
        raise OpenSlideError(told_of(path, reason_of(error))) from error
