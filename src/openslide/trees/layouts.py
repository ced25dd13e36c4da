"""What the files of a tree are called, and the file that describes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

from ..deepzoom import DeepZoomGenerator

#: Suffixes by the names that Pillow has for formats.
SUFFIXES = {"jpeg": "jpeg", "png": "png", "webp": "webp"}
_IIIF_SUFFIXES = {"jpeg": "jpg", "png": "png", "webp": "webp"}


class Layout(Protocol):
    """Where the parts of a tree are.  The levels are those of `tiles`."""

    tiles: DeepZoomGenerator

    @property
    def description(self) -> Path:
        """The file that viewers open; it is written last."""

    def path(self, level: int, column: int, row: int) -> Path:
        """The file of a tile."""

    def describe(self) -> str:
        """The text of the description."""


class DeepZoomLayout:
    """OUT.dzi and OUT_files/{level}/{column}_{row}.{format}."""

    def __init__(self, out: Path, tiles: DeepZoomGenerator, format: str) -> None:
        self.tiles = tiles
        self.description = out.with_name(f"{out.name}.dzi")
        self._folder = out.with_name(f"{out.name}_files")
        self._suffix = SUFFIXES[format]

    def path(self, level: int, column: int, row: int) -> Path:
        return self._folder / str(level) / f"{column}_{row}.{self._suffix}"

    def describe(self) -> str:
        return self.tiles.get_dzi(self._suffix)


class IiifLayout:
    """OUT/info.json and OUT/{region}/{size}/0/default.{format}.

    These are the requests that a client makes to a IIIF Image API 3.0 server of
    compliance level 0, https://iiif.io/api/image/3.0/, so any web server will do.
    The generator must have no overlap.

    identifier: the address that the folder has on the web, absolute or relative to
                the page that shows it.
    """

    def __init__(
        self, out: Path, tiles: DeepZoomGenerator, format: str, identifier: str
    ) -> None:
        self.tiles = tiles
        self.description = out / "info.json"
        self._folder = out
        self._suffix = _IIIF_SUFFIXES[format]
        self._identifier = identifier

    def path(self, level: int, column: int, row: int) -> Path:
        side = self.tiles.tile_size
        factor = self._factor(level)
        width, height = self.tiles.level_dimensions[-1]
        x, y = column * side * factor, row * side * factor
        region = (
            f"{x},{y},{min(side * factor, width - x)},{min(side * factor, height - y)}"
        )
        if self.tiles.level_tiles[level] == (1, 1):
            region = "full"
        tile_width, tile_height = self.tiles.get_tile_dimensions(level, (column, row))
        size = f"{tile_width},{tile_height}"
        if region == "full" and factor == 1:
            size = "max"
        return self._folder / region / size / "0" / f"default.{self._suffix}"

    def describe(self) -> str:
        width, height = self.tiles.level_dimensions[-1]
        side = self.tiles.tile_size
        tiled = [
            level
            for level in range(self.tiles.level_count)
            if self.tiles.level_tiles[level] != (1, 1)
        ]
        whole = [
            dimensions
            for level, dimensions in enumerate(self.tiles.level_dimensions)
            if level not in tiled
        ]
        description = {
            "@context": "http://iiif.io/api/image/3/context.json",
            "id": self._identifier,
            "type": "ImageService3",
            "protocol": "http://iiif.io/api/image",
            "profile": "level0",
            "width": width,
            "height": height,
            "sizes": [{"width": w, "height": h} for w, h in whole],
            "tiles": [
                {
                    "width": side,
                    "height": side,
                    "scaleFactors": [self._factor(level) for level in reversed(tiled)]
                    or [1],
                }
            ],
        }
        if self._suffix != "jpg":
            description |= {
                "preferredFormats": [self._suffix],
                "extraFormats": [self._suffix],
            }
        return json.dumps(description, indent=1)

    def _factor(self, level: int) -> int:
        return 1 << (self.tiles.level_count - 1 - level)
