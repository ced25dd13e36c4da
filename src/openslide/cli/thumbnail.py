"""openslide thumbnail: a small picture of a whole slide."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .. import _color
from . import _pictures
from ._types import positive

if TYPE_CHECKING:
    from ._types import Subcommands


def add_parser(subcommands: Subcommands) -> None:
    parser = subcommands.add_parser(
        "thumbnail", help="save a small picture of a slide", description=__doc__
    )
    _pictures.add_slide(parser)
    parser.add_argument(
        "--size",
        type=_limits,
        default=(1024, 1024),
        metavar="N|WxH",
        help="the longer side, or the greatest width and height, in pixels; the "
        "aspect ratio is kept (default: 1024)",
    )
    _pictures.add_output(parser, _pictures.suffixes())
    parser.set_defaults(run=run)


def _limits(text: str) -> tuple[int, int]:
    """(width, height) of "N" or "WxH"; argparse reports the ValueError of others."""
    width, x, height = text.partition("x")
    return positive(width), positive(height if x else width)


_limits.__name__ = "size"  # what argparse calls it in errors


def run(options: argparse.Namespace) -> int:
    target = _pictures.Target.of(options.output, options)
    with _pictures.opened(options.slide) as slide:
        thumbnail = slide.get_thumbnail(options.size)
        name = f"the thumbnail of {options.slide}"
        thumbnail = _color.handled(thumbnail, options.color, name)
    target.save(thumbnail)
    return 0
