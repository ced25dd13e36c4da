"""openslide info: what a slide is, and what reads it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .. import (
    PROPERTY_NAME_MPP_X,
    PROPERTY_NAME_MPP_Y,
    AbstractSlide,
    OpenSlide,
    __library_path__,
    __library_version__,
    __version__,
    _coexistence,
    _openslide,
    _threads,
    open_slide,
)
from ._indirect import explained

if TYPE_CHECKING:
    from ._types import Subcommands

NO_DECODER = "off: built without libjpeg-turbo, which OPENSLIDE_DECODER asks for"


def add_parser(subcommands: Subcommands) -> None:
    parser = subcommands.add_parser(
        "info", help="print what is known about a slide", description=__doc__
    )
    parser.add_argument("slide", nargs="?", metavar="SLIDE")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    sections = list(_software_lines())
    if options.slide is not None:
        with open_slide(options.slide) as slide:
            sections = [*_slide_lines(options.slide, slide), "", *sections]
    print("\n".join(sections))
    return 0


def _slide_lines(path: str, slide: AbstractSlide) -> Iterator[str]:
    vendor = OpenSlide.detect_format(path) or "none; read as an image"
    width, height = slide.dimensions
    yield path
    yield f"  vendor      {vendor}"
    yield f"  dimensions  {width} x {height} pixels"
    yield f"  mpp         {_resolution(slide)}"
    yield "  levels"
    yield from _level_lines(slide)
    yield "  associated images"
    for name, image in slide.associated_images.items():
        yield f"    {name}: {image.width} x {image.height}"
    profile = slide._profile
    yield f"  ICC profile {f'{len(profile)} bytes' if profile else 'none'}"
    yield "  properties"
    for name, value in slide.properties.items():
        yield f"    {name}: {value!r}"


def _level_lines(slide: AbstractSlide) -> Iterator[str]:
    indirect = slide.indirect_levels if isinstance(slide, OpenSlide) else {}
    for level, (size, downsample) in enumerate(
        zip(slide.level_dimensions, slide.level_downsamples, strict=True)
    ):
        yield f"    {level:<2} {size[0]} x {size[1]}, downsample {downsample:g}"
        if not isinstance(slide, OpenSlide):
            continue
        if level in indirect:
            how = " and kept" if level in slide.kept_levels else ""
            yield f"       read by libopenslide{how}: {explained(indirect[level])}"
        else:
            yield "       read directly"


def _resolution(slide: AbstractSlide) -> str:
    names = (PROPERTY_NAME_MPP_X, PROPERTY_NAME_MPP_Y)
    values = [slide.properties.get(name) for name in names]
    if None in values:
        return "unknown"
    return f"{values[0]} x {values[1]} microns per pixel"


def _software_lines() -> Iterator[str]:
    yield "software"
    yield f"  package     {__version__} at {Path(__file__).parent.parent}"
    yield f"  installed   by {_owner()}"
    yield f"  library     libopenslide {__library_version__} at {__library_path__}"
    yield f"  conversion  {_openslide.conversion_kernel()}"
    decoders = ", then ".join(_openslide.jpeg_decoders())
    yield f"  threads     {_threads.described()}"
    yield f"  direct      {decoders or NO_DECODER}"
    libraries = ", ".join(_openslide.tile_libraries())
    yield f"  beside      {libraries or 'no library for tiles that are not JPEG'}"
    if (foreign := _coexistence.foreign_file()) is not None:
        yield f"  conflict    {foreign} is openslide-python's; to mend:"
        yield f"              {_coexistence.MEND}"


def _owner() -> str:
    """The distributions that say the imported package is theirs."""
    from importlib import metadata  # it takes longer than all the rest

    owners = metadata.packages_distributions().get("openslide", [])
    described = [f"{name} {metadata.version(name)}" for name in sorted(set(owners))]
    return " and ".join(described) or "no distribution"
