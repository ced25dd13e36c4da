"""What the subcommands that make pictures share: reading, colours, and saving."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .. import AbstractSlide, open_slide
from .._color import COLOR_HANDLINGS
from .._images import flatten, profile_of, with_profile
from .._properties import background_color
from ..output.encoding import Encoding, Format
from ..output.whole import write_whole
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
        print(f"{image.width} x {image.height} pixels in {path}", file=sys.stderr)

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
    path: str, open: Callable[[str], AbstractSlide] = open_slide
) -> Iterator[AbstractSlide]:
    """An open slide.  What goes wrong in the block is said with the slide's name."""
    with open(path) as slide:
        try:
            yield slide
        except (OSError, ValueError) as error:
            if path in str(error) or getattr(error, "filename", None) is not None:
                raise
            raise ValueError(f"{path}: {error}") from error
        except SyntaxError as error:  # so Pillow calls some damage
            raise ValueError(f"{path}: {error}") from error
