"""openslide info: what a slide is, and what reads it."""

from __future__ import annotations

import argparse
import glob
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import (
    PROPERTY_NAME_MPP_X,
    PROPERTY_NAME_MPP_Y,
    PROPERTY_NAME_OBJECTIVE_POWER,
    AbstractSlide,
    OpenSlide,
    OpenSlideError,
    __library_path__,
    __library_version__,
    __version__,
    _coexistence,
    _openslide,
    _threads,
)
from .._diagnosis import unread_levels
from .._library import versions
from .._open import open_slide_or_picture
from .._properties import background_color
from ..output.telling import reason_of, told_of, without_path
from ._console import print_result, say
from ._indirect import explained

if TYPE_CHECKING:
    from ._types import Subcommands

NO_DECODER = "off: built without libjpeg-turbo, which OPENSLIDE_DECODER asks for"


def add_parser(subcommands: Subcommands) -> None:
    parser = subcommands.add_parser(
        "info", help="print what is known about slides", description=__doc__
    )
    parser.add_argument(
        "slides", nargs="*", metavar="SLIDE", help="a file, a folder, or a pattern"
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print a line of JSON for each slide, with all its facts or the error",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    is_good = True
    paths = list(options.slides)
    if any(map(_stands_for_others, paths)):
        paths, left_out = _found(paths)
        for path, reason in left_out.items():
            is_good = False
            _tell_failure(path, reason, options.json)
    for path in paths:
        try:
            text = _json(path) if options.json else "\n".join(_slide_lines(path))
        except (OpenSlideError, OSError, ValueError) as error:
            is_good = False
            _tell_failure(path, without_path(path, reason_of(error)), options.json)
        else:
            print_result(text if options.json else f"{text}\n")
    if options.json and not options.slides:
        print_result(json.dumps({"software": _software()}))
    elif not options.json and (is_good or len(paths) > 1):
        print_result("\n".join(_software_lines()))
    return 0 if is_good else 1


def _stands_for_others(argument: str) -> bool:
    """Whether it is a folder or a pattern."""
    return os.path.isdir(argument) or (
        glob.has_magic(argument) and not os.path.lexists(argument)
    )


def _found(arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    """The slides that arguments stand for, and why others are left out."""
    from ..export import LeftOut, find_slides

    left_out: dict[str, str] = {}

    def note(found: LeftOut) -> None:
        if found.is_failure:
            left_out[str(found.path)] = found.reason

    slides = find_slides(arguments, tell=note)
    if not slides and not left_out:
        raise FileNotFoundError(f"there are no slides in {' '.join(arguments)}")
    return [str(slide.path) for slide in slides], left_out


def _tell_failure(path: str, reason: str, as_json: bool) -> None:
    say(f"openslide: {told_of(path, reason)}")
    if as_json:
        print_result(json.dumps({"slide": path, "error": reason}))


def _json(path: str) -> str:
    """All that is known of a slide, as one line."""
    with open_slide_or_picture(path) as slide:
        indirect = slide.indirect_levels if isinstance(slide, OpenSlide) else {}
        kept = slide.kept_levels if isinstance(slide, OpenSlide) else ()
        objective = slide.properties.get(PROPERTY_NAME_OBJECTIVE_POWER)
        facts = {
            "slide": path,
            "bytes": os.stat(path).st_size,
            "vendor": OpenSlide.detect_format(path),
            "dimensions": slide.dimensions,
            "mpp": slide.mpp,
            "objective_power": None if objective is None else _number(objective),
            "bounds": slide.bounds,
            "background": background_color(slide.properties),
            "levels": [
                {
                    "dimensions": size,
                    "downsample": downsample,
                    "direct": isinstance(slide, OpenSlide) and level not in indirect,
                    "kept": level in kept,
                    "reason": indirect.get(level),
                }
                for level, (size, downsample) in enumerate(
                    zip(slide.level_dimensions, slide.level_downsamples, strict=True)
                )
            ],
            "unread_levels": unread_levels(Path(path)),
            "associated_images": _associated_images(slide),
            "icc_profile_bytes": len(slide._profile) if slide._profile else None,
            "properties": dict(slide.properties),
            "software": _software(),
        }
    return json.dumps(facts)


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _associated_images(slide: AbstractSlide) -> dict[str, tuple[int, int]]:
    """(width, height) of each by its name; none is read, for it may be damaged."""
    if not isinstance(slide, OpenSlide):
        return {}
    names = slide._osr.associated_image_names
    return {name: slide._osr.associated_image_dimensions(name) for name in names}


def _slide_lines(path: str) -> list[str]:
    with open_slide_or_picture(path) as slide:
        return list(_lines_of(path, slide))


def _lines_of(path: str, slide: AbstractSlide) -> Iterator[str]:
    vendor = OpenSlide.detect_format(path) or "none; read as an image"
    width, height = slide.dimensions
    yield path
    yield f"  vendor      {vendor}"
    yield f"  dimensions  {width} x {height} pixels"
    yield f"  mpp         {_resolution(slide)}"
    yield "  levels"
    yield from _level_lines(slide)
    if (unread := unread_levels(Path(path))) is not None:
        yield f"    {unread}"
    yield "  associated images"
    for name, (width, height) in _associated_images(slide).items():
        yield f"    {name}: {width} x {height}"
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


def _software() -> dict[str, Any]:
    """What reads the slides."""
    return {
        **versions(),
        "library": __library_path__,
        "decoders": _openslide.jpeg_decoders(),
        "tile_libraries": _openslide.tile_libraries(),
        "conversion": _openslide.conversion_kernel(),
        "threads": _threads.get_num_threads(),
    }


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
