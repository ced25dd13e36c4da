"""openslide convert: a slide as one pyramidal TIFF.

Tiles of JPEG are copied as the slide stores them, without loss and without decoding them;
what is stored otherwise is encoded, and told.  libopenslide, vips, QuPath and tifffile
open the file.  It has the resolution and the ICC profile of the slide, and all of its
properties as JSON in the description.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from .. import get_num_threads
from ..output.telling import counted, told_damage, told_of
from . import _pictures
from ._console import say
from ._progress import Progress
from ._types import percent, positive

if TYPE_CHECKING:
    from ..convert import Converted
    from ._types import Subcommands

_SUFFIXES = (".tif", ".tiff")
_TILE_UNIT = 16  # of TIFF


def add_parser(subcommands: Subcommands) -> None:
    parser = subcommands.add_parser(
        "convert", help="write a slide as a pyramidal TIFF", description=__doc__
    )
    parser.add_argument("slide", metavar="SLIDE")
    parser.add_argument("-o", "--output", required=True, metavar="OUT.tiff", type=Path)
    parser.add_argument(
        "--require-native",
        action="store_true",
        help="refuse slides of which a tile would have to be encoded",
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="decode tiles before they are copied, so that damaged ones are found",
    )
    parser.add_argument(
        "--associated",
        action="store_true",
        help="take the associated images along; labels may show names of patients",
    )
    parser.add_argument(
        "--tile-size",
        type=positive,
        default=256,
        metavar="PIXELS",
        help="side of tiles that are encoded (default: %(default)s)",
    )
    parser.add_argument(
        "--quality",
        type=percent,
        default=85,
        metavar="1-100",
        help="of tiles that are encoded (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=positive,
        metavar="N",
        help="threads that encode (default: one for each CPU)",
    )
    parser.set_defaults(run=run, usage_error=parser.error)


def run(options: argparse.Namespace) -> int:
    from ..convert import TiffOptions, write_tiff

    out = Path(os.path.abspath(options.output))
    if out.suffix.lower() not in _SUFFIXES:
        options.usage_error(
            f"there is no format for {str(options.output)!r}; its suffix should be one "
            f"of {', '.join(_SUFFIXES)}"
        )
    if options.tile_size % _TILE_UNIT:
        options.usage_error(
            f"--tile-size must be a multiple of {_TILE_UNIT}, which TIFF asks for, not "
            f"{options.tile_size}"
        )
    with (
        _pictures.opened(options.slide, on_error="reopen") as slide,
        Progress() as progress,
    ):
        done = write_tiff(
            slide,
            options.slide,
            out,
            TiffOptions(
                options.tile_size,
                options.quality,
                options.require_native,
                options.verify,
                options.associated,
            ),
            threads=options.workers or get_num_threads(),
            report=progress,
        )
    _tell(options.slide, done, out)
    return 0


def _tell(slide: str, done: Converted, out: Path) -> None:
    for number, level in enumerate(done.levels):
        width, height = level.dimensions
        told = [f"{counted(level.copied, 'tile')} copied"]
        if level.encoded:
            told.append(f"{level.encoded} encoded ({level.reason})")
        if level.holes:
            told.append(f"{counted(level.holes, 'hole')} filled with background")
        say(f"level {number}, {width} x {height} pixels: {', '.join(told)}")
        if level.damaged:
            told_tiles = told_damage(
                level.damaged, "(column, row)", "shown as background"
            )
            say(told_of(slide, f"level {number}: {told_tiles}"))
    for name in done.damaged_images:
        say(f"the associated image {name!r} is damaged and was left out")
    say(f"{out}: {out.stat().st_size} bytes")
