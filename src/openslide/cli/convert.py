"""openslide convert: a slide as a pyramidal TIFF, or as OME-Zarr.

OUT.tiff: tiles of JPEG are copied as the slide stores them, without loss and without decoding them;
what is stored otherwise is encoded, and told.  libopenslide, vips, QuPath and tifffile
open the file.  It has the resolution and the ICC profile of the slide, and all of its
properties as JSON in the description.

OUT.zarr: a sharded OME-Zarr 0.5 store, without loss, to be gone on with after a kill.  It
is several times as large as the slide.

OUT.json, with --virtual: a Zarr store that refers to the tiles of the slide's own file, in
the form of kerchunk, for levels whose tiles are JPEG and stand by themselves.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
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

_TIFF, _ZARR, _REFERENCES = (".tif", ".tiff"), (".zarr",), (".json",)

#: What does not go with an output, by its suffix.
_OF_TIFF = ("require_native", "verify", "associated", "tile_size", "quality")
_TILE_UNIT = 16  # of TIFF
_TILE_SIDE, _QUALITY = 256, 85


def add_parser(subcommands: Subcommands) -> None:
    parser = subcommands.add_parser(
        "convert", help="write a slide as TIFF or OME-Zarr", description=__doc__
    )
    parser.add_argument("slide", metavar="SLIDE")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", type=Path)
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
        metavar="PIXELS",
        help=f"side of tiles that are encoded (default: {_TILE_SIDE})",
    )
    parser.add_argument(
        "--quality",
        type=percent,
        metavar="1-100",
        help=f"of tiles that are encoded (default: {_QUALITY})",
    )
    parser.add_argument(
        "--chunks",
        type=positive,
        metavar="PIXELS",
        help="of OME-Zarr: side of a chunk (default: that of the slide's tiles)",
    )
    parser.add_argument(
        "--virtual",
        action="store_true",
        help="refer to the tiles of the slide's file, and copy nothing",
    )
    parser.add_argument(
        "--workers",
        type=positive,
        metavar="N",
        help="threads that encode (default: one for each CPU)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="of OME-Zarr: go on with what an earlier run has left",
    )
    parser.set_defaults(run=run, usage_error=parser.error)


def run(options: argparse.Namespace) -> int:
    out = Path(os.path.abspath(options.output))
    suffix = out.suffix.lower()
    if suffix not in _TIFF + _ZARR + _REFERENCES:
        options.usage_error(
            f"there is no format for {str(options.output)!r}; its suffix should be one "
            f"of {', '.join(_TIFF + _ZARR + _REFERENCES)}"
        )
    if options.virtual != (suffix in _REFERENCES):
        options.usage_error(
            "--virtual writes a file called OUT.json, and nothing else does"
        )
    if suffix in _TIFF:
        _refuse(options, suffix, ("chunks", "resume"))
        return _to_tiff(options, out)
    _refuse(options, suffix, _OF_TIFF)
    if suffix in _ZARR:
        return _to_zarr(options, out)
    _refuse(options, suffix, ("chunks", "resume", "workers"))
    return _to_references(options, out)


def _refuse(options: argparse.Namespace, suffix: str, names: Sequence[str]) -> None:
    """End the program where an option has no meaning for an output."""
    for name in names:
        if getattr(options, name):
            told = name.replace("_", "-")
            options.usage_error(f"--{told} does not go with an output of {suffix}")


def _to_zarr(options: argparse.Namespace, out: Path) -> int:
    from ..array.store import write_store

    with (
        _pictures.opened(options.slide, on_error="reopen") as slide,
        Progress() as progress,
    ):
        done = write_store(
            slide,
            options.slide,
            out,
            chunks=options.chunks,
            threads=options.workers or get_num_threads(),
            resume=options.resume,
            report=progress,
        )
    if done.damaged:
        where, fate = "(level, column, row)", "shown as background"
        say(told_of(options.slide, told_damage(done.damaged, where, fate)))
    say(f"{counted(done.chunks, 'chunk')} in {out}")
    return 0


def _to_references(options: argparse.Namespace, out: Path) -> int:
    from ..array.references import write_references

    with _pictures.opened(options.slide) as slide:
        done = write_references(slide, options.slide, out)
    for number, reason in done.left_out.items():
        say(told_of(options.slide, f"level {number} is left out: {reason}"))
    levels = ", ".join(map(str, done.levels))
    say(f"{out}: {counted(done.tiles, 'tile')} of level {levels}")
    return 0


def _to_tiff(options: argparse.Namespace, out: Path) -> int:
    from ..convert import TiffOptions, write_tiff

    side = options.tile_size or _TILE_SIDE
    if side % _TILE_UNIT:
        options.usage_error(
            f"--tile-size must be a multiple of {_TILE_UNIT}, which TIFF asks for, not "
            f"{side}"
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
                side,
                options.quality or _QUALITY,
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
