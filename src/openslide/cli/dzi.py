"""openslide dzi: a slide as a tree of tiles for viewers on the web.

Writes OUT.dzi and OUT_files, which OpenSeadragon and others open, or with --layout
iiif3 the folder OUT, static files of the IIIF Image API.  Beside it: the associated
images (OUT_associated) and a summary (OUT.json).
"""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .. import (
    AbstractSlide,
    OpenSlide,
    OpenSlideCache,
    OpenSlideVersionError,
    get_num_threads,
)
from ..output.telling import told_damage, told_of
from . import _pictures
from ._console import say
from ._progress import Progress
from ._types import positive

if TYPE_CHECKING:
    from ..trees import TreeOptions, TreeSummary
    from ._types import Subcommands


def add_parser(subcommands: Subcommands) -> None:
    parser = subcommands.add_parser(
        "dzi", help="write a Deep Zoom tree", description=__doc__
    )
    parser.add_argument("slide", metavar="SLIDE")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", type=Path)
    parser.add_argument(
        "--layout",
        choices=("dzi", "iiif3"),
        default="dzi",
        help="default: %(default)s",
    )
    parser.add_argument(
        "--id",
        metavar="URL",
        help="where the tree will be on the web, for iiif3 (default: the folder's name)",
    )
    parser.add_argument(
        "--method",
        choices=("shrink", "exact"),
        default="shrink",
        help="shrink: each level from the one below; exact: every tile as "
        "DeepZoomGenerator gives it (default: %(default)s)",
    )
    parser.add_argument(
        "--tile-size",
        type=positive,
        metavar="PIXELS",
        help="side of a tile without overlap (default: 254, for iiif3 256)",
    )
    parser.add_argument(
        "--overlap",
        type=int,
        metavar="PIXELS",
        help="what neighbours have in common (default: 1; iiif3 has none)",
    )
    parser.add_argument(
        "--format",
        choices=("jpeg", "png", "webp"),
        default="jpeg",
        help="default: %(default)s",
    )
    parser.add_argument(
        "--quality",
        type=positive,
        default=75,
        help="of JPEG and WebP (default: %(default)s)",
    )
    parser.add_argument(
        "--bounds", action="store_true", help="leave out what was not scanned"
    )
    parser.add_argument(
        "--color",
        choices=("embed", "srgb", "ignore"),
        default="ignore",
        help="the ICC profile: save it in every tile, convert pixels to sRGB, or "
        "neither (default: %(default)s)",
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
        help="go on with what an earlier run has left",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from ..trees import write_tree

    out = Path(os.path.abspath(options.output))
    if out.suffix == ".dzi":
        out = out.with_suffix("")
    tree = _tree_options(options)
    with (
        _pictures.opened(options.slide, on_error="reopen") as slide,
        Progress() as progress,
    ):
        if tree.method == "shrink":
            _do_without_cache(slide)
        summary = write_tree(
            slide,
            out,
            tree,
            threads=options.workers or get_num_threads(),
            resume=options.resume,
            report=progress,
        )
    _tell_damage(options.slide, summary)
    say(f"{summary.tiles} tiles; open {summary.description}")
    return 0


def _do_without_cache(slide: AbstractSlide) -> None:
    """Spare the memory where each stored tile is read once, and as a whole."""
    if isinstance(slide, OpenSlide) and 0 in slide.direct_levels:
        with suppress(OpenSlideVersionError):
            slide.set_cache(OpenSlideCache(0))


def _tell_damage(slide: str, summary: TreeSummary) -> None:
    if summary.damaged:
        coordinates, fate = "(level, column, row)", "shown as background"
        damaged = told_damage(summary.damaged, coordinates, fate, summary.reason)
        say(told_of(slide, damaged))
    for name in summary.damaged_images:
        say(f"the associated image {name!r} is damaged and was left out")


def _tree_options(options: argparse.Namespace) -> TreeOptions:
    from ..trees import TreeOptions

    is_dzi = options.layout == "dzi"
    return TreeOptions(
        layout=options.layout,
        tile_size=options.tile_size or (254 if is_dzi else 256),
        overlap=int(is_dzi) if options.overlap is None else options.overlap,
        format=options.format,
        quality=options.quality,
        bounds=options.bounds,
        color=options.color,
        method=options.method,
        identifier=options.id,
    )
