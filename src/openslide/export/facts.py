"""What is told of slides and tiles beside the pixels, alike in every output."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any

from ..output.identity import slide_facts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..tiles import TileGrid
    from .plan import Job


def facts_of(job: Job, grid: TileGrid) -> dict[str, Any]:
    """What is the same for all tiles of a slide, as JSON has it.

    Nothing of it depends on where files lie, unless that is asked for.  Lengths are in
    level-0 pixels:

        slide, path      the name of its file, and where that is if asked for
        vendor, quickhash, slide_mpp, objective_power, dimensions, bounds
                         what the slide says of itself
        origin           where the tile of column 0 and row 0 begins
        level            that tiles are cut from, and its `downsample`
        scale            by pixel of a tile
        mpp              microns per pixel of a tile
        size, stride     of tiles, in their own pixels
        exact            whether they are stored pixels
        classes          of the mask, if it has any
        context          microns per pixel of further tiles around each, if any
        color            "srgb" where pixels were converted

    and what the manifest says of it.
    """
    slide = grid.slide
    return {
        "slide": job.path.name,
        **({"path": str(job.path)} if job.options.paths else {}),
        **slide_facts(slide),
        "slide_mpp": grid.slide_mpp and list(grid.slide_mpp),  # perhaps another one
        "origin": list(grid.origin),
        "level": grid.level,
        "downsample": slide.level_downsamples[grid.level],
        "scale": list(grid.scale),
        "mpp": grid.mpp and list(grid.mpp),
        "size": list(grid.size),
        "stride": list(grid.stride),
        "exact": grid.exact,
        **({"classes": list(grid.classes)} if grid.classes else {}),
        **({"context": list(job.options.context)} if job.options.context else {}),
        **({"color": "srgb"} if job.options.color == "srgb" else {}),
        **job.columns,
    }


#: Of the share that a class has of a tile.
_SHARE_DIGITS = 4


def tiles_of(grid: TileGrid) -> Iterator[dict[str, Any]]:
    """What is told of each tile, as JSON has it.

    cell             column and row in the grid
    location         the level-0 pixel that it begins at, the nearest
    position         where it begins in pixels of the level
    box              x, y, width and height in level-0 pixels
    microns          the same in microns; None where the slide does not say
    class            that covers most of it, and the `shares` of all, if there are classes
    """
    has_microns = grid.slide_mpp is not None
    names = grid.classes
    for cell, location, position, box, microns, label, shares in zip(
        grid.cells.tolist(),
        grid.locations.tolist(),
        grid.positions.tolist(),
        grid.boxes.tolist(),
        grid.micron_boxes.tolist(),
        grid.labels,
        grid.class_shares.tolist(),
        strict=True,
    ):
        tile = {
            "cell": cell,
            "location": location,
            "position": position,
            "box": box,
            "microns": microns if has_microns else None,
        }
        if names:
            rounded = (round(share, _SHARE_DIGITS) for share in shares)
            tile |= {"class": label, "shares": dict(zip(names, rounded, strict=True))}
        yield tile


def json_of_tiles(grid: TileGrid) -> Iterator[str]:
    """The same, as json.dumps() spells it, in less time: many numbers by one call."""
    if grid.classes:
        yield from map(json.dumps, tiles_of(grid))
        return
    columns = [grid.cells, grid.locations, grid.positions, grid.boxes]
    cells, locations, positions, boxes = map(_spelled_rows, columns)
    microns: Iterable[str] = repeat("null")
    if grid.slide_mpp is not None:
        microns = (f"[{numbers}]" for numbers in _spelled_rows(grid.micron_boxes))
    for cell, location, position, box, extent in zip(
        cells, locations, positions, boxes, microns, strict=False
    ):
        yield (
            f'{{"cell": [{cell}], "location": [{location}], "position": [{position}], '
            f'"box": [{box}], "microns": {extent}}}'
        )


def _spelled_rows(numbers: NDArray[Any]) -> list[str]:
    """What JSON has between the brackets of each row."""
    return json.dumps(numbers.tolist())[2:-2].split("], [") if len(numbers) else []


#: What columns of tables hold of a tile.
_COLUMNS = {
    "column": ("cell", 0),
    "row": ("cell", 1),
    "x": ("box", 0),
    "y": ("box", 1),
    "width": ("box", 2),
    "height": ("box", 3),
    "level_x": ("position", 0),
    "level_y": ("position", 1),
    "micron_x": ("microns", 0),
    "micron_y": ("microns", 1),
    "micron_width": ("microns", 2),
    "micron_height": ("microns", 3),
}

#: What the columns of a manifest may not be called, for something else is.
RESERVED = frozenset(
    [
        "slide",
        "path",
        "vendor",
        "quickhash",
        "slide_mpp",
        "objective_power",
        "dimensions",
        "bounds",
        "origin",
        "level",
        "downsample",
        "scale",
        "mpp",
        "size",
        "stride",
        "exact",
        "classes",
        "context",
        "color",
        "cell",
        "location",
        "position",
        "box",
        "microns",
        "class",
        "shares",
        "file",
        "image",
        "bytes",
        "sha256",
        "options",
        "choice_of_tiles",
        "holes",
        "software",
        "files",
        "tiles",
        "damaged",
        "encoded",
        "reason",
    ]
) | frozenset(_COLUMNS)


def columns_of(grid: TileGrid) -> list[str]:
    """What tables hold of each tile."""
    classes = [f"share_{name}" for name in grid.classes]
    return [*_COLUMNS, *(["class", *classes] if classes else [])]


def row_of(tile: dict[str, Any]) -> dict[str, Any]:
    """The same of one, by these columns; None where it is unknown."""
    row = {
        column: None if tile[key] is None else tile[key][i]
        for column, (key, i) in _COLUMNS.items()
    }
    if "class" in tile:
        row["class"] = tile["class"]
        row |= {f"share_{name}": share for name, share in tile["shares"].items()}
    return row


def table(job: Job, grid: TileGrid, files: Sequence[str]) -> bytes:
    """A CSV file of tiles.

    files: of each tile of the grid; empty for one that has none, and is left out.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["file", "slide", *columns_of(grid), *job.columns])
    for file, tile in zip(files, tiles_of(grid), strict=True):
        if file:
            values = map(_spelled, row_of(tile).values())
            writer.writerow([file, job.path.name, *values, *job.columns.values()])
    return buffer.getvalue().encode()


def _spelled(value: float | str | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return str(int(value)) if value == int(value) else repr(value)
