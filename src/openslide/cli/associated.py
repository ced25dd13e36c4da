"""openslide associated: the pictures that come with a slide, such as its label."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .. import AbstractSlide, _color
from ..output.whole import file_name
from . import _pictures
from ._console import print_result

if TYPE_CHECKING:
    from PIL.Image import Image

    from ._types import Subcommands


def add_parser(subcommands: Subcommands) -> None:
    parser = subcommands.add_parser(
        "associated",
        help="list or save the pictures that come with a slide",
        description=f"{__doc__}  Without -o, it lists their names and sizes in pixels.",
    )
    _pictures.add_slide(parser)
    parser.add_argument("name", nargs="?", metavar="NAME", help="the picture to save")
    parser.add_argument(
        "--all", action="store_true", help="save every picture, as a PNG file"
    )
    output = f"{_pictures.suffixes()}; with --all, a folder"
    _pictures.add_output(parser, output, required=False)
    parser.set_defaults(run=run, usage_error=parser.error)


def run(options: argparse.Namespace) -> int:
    if options.all and options.name is not None:
        options.usage_error("give NAME or --all, not both")
    chosen = options.all or options.name is not None
    if chosen != (options.output is not None):
        options.usage_error("to save pictures, give NAME or --all, and -o")
    if options.all:
        return _save_all(options)
    return _save_one(options) if chosen else _list(options)


def _list(options: argparse.Namespace) -> int:
    with _pictures.opened(options.slide) as slide:
        lines = [
            f"{name}: {image.width} x {image.height}"
            for name, image in slide.associated_images.items()
        ]
    if lines:
        print_result("\n".join(lines))
    return 0


def _save_one(options: argparse.Namespace) -> int:
    target = _pictures.Target.of(options.output, options)
    with _pictures.opened(options.slide) as slide:
        image = target.suited(_read(slide, options.name), slide)
        image = _handled(image, options.name, options)
    target.save(image)
    return 0


def _save_all(options: argparse.Namespace) -> int:
    """Write files {slide}_{name}.png: all, or none where one cannot be read."""
    with _pictures.opened(options.slide) as slide:
        images = {
            name: _handled(image, name, options)
            for name, image in slide.associated_images.items()
        }
    stem = Path(options.slide).stem
    for name, image in images.items():
        path = options.output / f"{stem}_{file_name(name)}.png"
        _pictures.Target.of(path, options).save(image)
    return 0


def _read(slide: AbstractSlide, name: str) -> Image:
    images = slide.associated_images
    if name not in images:
        names = ", ".join(map(repr, images)) or "none"
        raise ValueError(f"there is no associated image {name!r}; there are: {names}")
    return images[name]


def _handled(image: Image, name: str, options: argparse.Namespace) -> Image:
    return _color.handled(image, options.color, f"{name!r} of {options.slide}")
