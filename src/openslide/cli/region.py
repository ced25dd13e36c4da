"""openslide region: a part of a slide, at a level or at a physical resolution."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .. import AbstractSlide, _color
from .._arrays import named_rgb, one_level
from .._properties import background_color
from .._sampling import FILTERS
from . import _pictures
from ._types import positive

if TYPE_CHECKING:
    from PIL.Image import Image

    from ._types import Subcommands


def add_parser(subcommands: Subcommands) -> None:
    parser = subcommands.add_parser(
        "region", help="save a part of a slide", description=__doc__
    )
    _pictures.add_slide(parser)
    parser.add_argument(
        "--location",
        type=int,
        nargs=2,
        required=True,
        metavar=("X", "Y"),
        help="the top left corner, in level-0 pixels; may be negative",
    )
    parser.add_argument(
        "--size",
        type=positive,
        nargs=2,
        required=True,
        metavar=("W", "H"),
        help="width and height of the picture, in its own pixels",
    )
    _add_resolution(parser)
    _add_background(parser)
    _pictures.add_output(parser, _pictures.suffixes())
    parser.set_defaults(run=run, usage_error=parser.error)


def _add_resolution(parser: argparse.ArgumentParser) -> None:
    resolution = parser.add_mutually_exclusive_group()
    resolution.add_argument("--level", type=int, help="level to read (default: 0)")
    resolution.add_argument(
        "--mpp",
        type=float,
        help="microns per pixel of the picture, which is resampled from the best "
        "level that is not coarser; a level within 2 %% is taken as it is",
    )
    parser.add_argument(
        "--resample",
        choices=tuple(FILTERS),
        help="how, see Pillow's filters (default: bicubic)",
    )
    parser.add_argument(
        "--slide-mpp",
        type=float,
        metavar="MPP",
        help="microns per level-0 pixel, for slides that do not say or say it wrongly",
    )


def _add_background(parser: argparse.ArgumentParser) -> None:
    background = parser.add_mutually_exclusive_group()
    background.add_argument(
        "--background",
        type=_color_name,
        metavar="COLOR",
        help="what shows where the slide is transparent, such as black or #f3f3f3 "
        "(default: the slide's own, else white)",
    )
    background.add_argument(
        "--alpha",
        action="store_true",
        help="keep transparency, which JPEG files do not have",
    )


def _color_name(text: str) -> str:
    try:
        named_rgb(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def run(options: argparse.Namespace) -> int:
    for name in ("slide_mpp", "resample"):
        if getattr(options, name) is not None and options.mpp is None:
            options.usage_error(f"--{name.replace('_', '-')} goes with --mpp")
    target = _pictures.Target.of(options.output, options)
    with _pictures.opened(options.slide) as slide:
        region = target.suited(_read_picture(slide, options), slide)
        region = _color.handled(region, options.color, f"a region of {options.slide}")
    target.save(region)
    return 0


def _read_picture(slide: AbstractSlide, options: argparse.Namespace) -> Image:
    """The region, RGB over a background or RGBA, with the slide's profile."""
    location, size = tuple(options.location), tuple(options.size)
    if options.mpp is not None:
        return slide.read_image_at(
            location,
            options.mpp,
            size,
            resample=options.resample or "bicubic",
            mode="RGBA" if options.alpha else "RGB",
            background=options.background,
            slide_mpp=options.slide_mpp,
        )
    level = one_level(options.level or 0, slide.level_count)
    if options.alpha:
        return slide.read_region(location, level, size)
    background = options.background or background_color(slide.properties)
    return slide._read_flat(location, level, size, background)
