"""Pictures to look at: which tiles were chosen, and what some of them show."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw
from PIL.Image import Resampling

from .._abstract_slide import AbstractSlide
from .._errors import OpenSlideError
from .._resampling import resize
from .._thumbnails import thumbnail_size
from ..output.encoding import Encoding
from ..output.whole import write_whole
from .plan import Job, Overview, grid_of, overview_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..tiles import TileGrid
    from .cells import Cells

_OVERLAY_SIDE = 1536
_MOST_PIXELS = 1 << 26  # of the level that the slide is shown from
_OUTLINE = (0, 128, 0)

_ENCODING = Encoding("jpeg", 85)

_SHEET_TILES = 64
_SHEET_TILE_SIDE = 128
_SHEET_GAP = 4
_LARGE = 4  # times as long a side as in the sheet


def write_overview(job: Job, cells: Cells) -> None:
    """Write OUT/{slide}-overlay.jpg and, where there are tiles, OUT/{slide}-sheet.jpg."""
    grid = grid_of(job, cells)
    _save(job, "overlay", _overlay(grid))
    if len(cells) > 0:
        _save(job, "sheet", _sheet(grid))


def _save(job: Job, kind: Overview, image: Image.Image) -> None:
    path = overview_path(job, kind)
    write_whole(path, _ENCODING.encode(image), job.folder.aside, settled=True)


def _overlay(grid: TileGrid) -> Image.Image:
    """The slide, with the tiles outlined."""
    image = _picture(grid.slide)
    shrink = image.width / grid.slide.dimensions[0]
    draw = ImageDraw.Draw(image)
    for x, y, width, height in (grid.boxes * shrink).tolist():
        draw.rectangle((x, y, x + width, y + height), outline=_OUTLINE)
    return image


def _picture(slide: AbstractSlide) -> Image.Image:
    """The slide, or only its shape where pixels are damaged or too many to read."""
    shrink = max(*slide.dimensions, _OVERLAY_SIDE) / _OVERLAY_SIDE
    level = slide.get_best_level_for_downsample(shrink)
    if math.prod(slide.level_dimensions[level]) <= _MOST_PIXELS:
        with suppress(OpenSlideError):
            return slide.get_thumbnail((_OVERLAY_SIDE, _OVERLAY_SIDE))
    width, height = (max(1, round(side / shrink)) for side in slide.dimensions)
    return Image.new("RGB", (width, height), "white")


def _sheet(grid: TileGrid) -> Image.Image:
    """Some of the tiles, evenly spaced."""
    chosen = grid[:: math.ceil(len(grid) / _SHEET_TILES)]
    columns = math.ceil(math.sqrt(len(chosen)))
    rows = math.ceil(len(chosen) / columns)
    pitch = _SHEET_TILE_SIDE + _SHEET_GAP
    sheet = Image.new("RGB", (columns * pitch, rows * pitch), "white")
    for i in range(len(chosen)):  # one after another, for tiles may be large
        pixels, _ = chosen[i : i + 1].read_masked()
        image = _small(pixels[0])
        sheet.paste(image, (i % columns * pitch, i // columns * pitch))
    return sheet


def _small(pixels: NDArray[np.uint8]) -> Image.Image:
    """What Image.thumbnail() makes of a tile, which reduces large ones at first."""
    height, width, _ = pixels.shape
    limit = _SHEET_TILE_SIDE, _SHEET_TILE_SIDE
    size = thumbnail_size((width, height), limit)
    if width < _LARGE * size[0] and height < _LARGE * size[1]:
        return Image.fromarray(resize(pixels, size, Resampling.HAMMING))
    image = Image.fromarray(pixels)
    image.thumbnail(limit, Resampling.HAMMING)
    return image
