"""openslide tiles: cut a slide into image files."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .. import AbstractSlide, open_slide
from .._images import flatten
from .._properties import background_color
from ._progress import Progress
from ._types import positive

if TYPE_CHECKING:
    from ._types import Subcommands

_EXTENSIONS = {"jpeg": ".jpg", "png": ".png"}


def add_parser(subcommands: Subcommands) -> None:
    parser = subcommands.add_parser(
        "tiles", help="cut a slide into image files", description=__doc__
    )
    parser.add_argument("slide", metavar="SLIDE")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", type=Path)
    parser.add_argument(
        "--size",
        type=positive,
        default=256,
        metavar="PIXELS",
        help="side of a tile in pixels of the level (default: %(default)s)",
    )
    parser.add_argument(
        "--level", type=int, default=0, help="level to cut (default: %(default)s)"
    )
    parser.add_argument(
        "--format",
        choices=sorted(_EXTENSIONS),
        default="jpeg",
        help="format of the tiles (default: %(default)s)",
    )
    parser.add_argument(
        "--quality",
        type=positive,
        default=80,
        help="JPEG quality (default: %(default)s)",
    )
    parser.set_defaults(run=run)


class _Tile(NamedTuple):
    column: int
    row: int
    location: tuple[int, int]  # level-0 pixels
    size: tuple[int, int]  # pixels of the level


def run(options: argparse.Namespace) -> int:
    with open_slide(options.slide) as slide:
        if not 0 <= options.level < slide.level_count:
            raise ValueError(
                f"there is no level {options.level} in {options.slide}; "
                f"it has 0 to {slide.level_count - 1}"
            )
        tiles = list(_grid(slide, options.level, options.size))
        options.output.mkdir(parents=True, exist_ok=True)
        writer = _Writer(slide, options)
        with ThreadPoolExecutor(os.cpu_count()) as pool, Progress(len(tiles)) as done:
            try:
                for _ in pool.map(writer.write, tiles):
                    done.advance()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    print(f"{len(tiles)} tiles in {options.output}", file=sys.stderr)
    return 0


def _grid(slide: AbstractSlide, level: int, size: int) -> Iterator[_Tile]:
    """Tiles of a level, row by row; those at its right and lower edge may be smaller."""
    width, height = slide.level_dimensions[level]
    downsample = slide.level_downsamples[level]
    for row, y in enumerate(range(0, height, size)):
        for column, x in enumerate(range(0, width, size)):
            yield _Tile(
                column,
                row,
                (round(x * downsample), round(y * downsample)),
                (min(size, width - x), min(size, height - y)),
            )


class _Writer:
    """Reads, flattens and encodes tiles; from several threads at once."""

    def __init__(self, slide: AbstractSlide, options: argparse.Namespace) -> None:
        self._slide = slide
        self._level: int = options.level
        self._folder: Path = options.output
        self._stem = Path(options.slide).stem
        self._format: str = options.format
        self._quality: int = options.quality
        self._background = background_color(slide.properties)

    def write(self, tile: _Tile) -> None:
        """Write a file {slide}_{column}_{row}, whole or not at all."""
        region = self._slide.read_region(tile.location, self._level, tile.size)
        image = flatten(region, self._background)
        name = f"{self._stem}_{tile.column}_{tile.row}{_EXTENSIONS[self._format]}"
        aside = self._folder / f"{name}.part"
        image.save(
            aside,
            self._format,
            quality=self._quality,
            icc_profile=region.info.get("icc_profile"),
        )
        aside.replace(self._folder / name)
