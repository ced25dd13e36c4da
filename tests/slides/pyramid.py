"""Levels of a slide, and the tiles that they are cut into."""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from .content import RgbImage, shrink, size_of

#: Width and height, or one length for square tiles.
TileSize = int | tuple[int, int]
Box = tuple[int, int, int, int]


def tile_dimensions(tile: TileSize) -> tuple[int, int]:
    """Width and height of a tile."""
    return (tile, tile) if isinstance(tile, int) else tile


def pyramid(image: RgbImage, factors: Sequence[int]) -> list[tuple[int, RgbImage]]:
    """Each factor with the image shrunk by it."""
    return [(factor, shrink(image, factor)) for factor in factors]


def level_dimensions(
    image: RgbImage, factors: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """Sizes of the levels of `pyramid`, without making them."""
    width, height = size_of(image)
    return tuple((max(1, width // f), max(1, height // f)) for f in factors)


def grid_dimensions(width: int, height: int, tile: TileSize) -> tuple[int, int]:
    """Columns and rows of tiles, the partial ones at the edges included."""
    tile_width, tile_height = tile_dimensions(tile)
    return math.ceil(width / tile_width), math.ceil(height / tile_height)


def cut(
    image: RgbImage, tile: TileSize, step: TileSize | None = None
) -> Iterator[RgbImage]:
    """Tiles row by row; those at the edges repeat their last pixels.

    `step` is the distance between tiles, less than `tile` where they overlap.
    """
    tile_width, tile_height = tile_dimensions(tile)
    step_x, step_y = tile_dimensions(tile if step is None else step)
    width, height = size_of(image)
    for y in range(0, max(1, height - (tile_height - step_y)), step_y):
        for x in range(0, max(1, width - (tile_width - step_x)), step_x):
            part = image[y : y + tile_height, x : x + tile_width]
            yield pad(part, tile_width, tile_height)


def pad(image: RgbImage, width: int, height: int) -> RgbImage:
    """The image with its last row and column repeated up to a larger size."""
    if size_of(image) == (width, height):
        return image
    missing_rows, missing_columns = height - image.shape[0], width - image.shape[1]
    return np.pad(image, ((0, missing_rows), (0, missing_columns), (0, 0)), "edge")


def tile_boxes(
    image: RgbImage, tile: TileSize, indices: Iterable[int]
) -> tuple[Box, ...]:
    """Where tiles lie: x, y, width and height, cut off at the image's edges."""
    tile_width, tile_height = tile_dimensions(tile)
    width, height = size_of(image)
    columns, _ = grid_dimensions(width, height, tile)
    boxes = []
    for index in indices:
        x, y = index % columns * tile_width, index // columns * tile_height
        boxes.append((x, y, min(tile_width, width - x), min(tile_height, height - y)))
    return tuple(boxes)
