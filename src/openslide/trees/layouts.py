"""What the files of a tree are called, and the file that describes it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from ..deepzoom import DeepZoomGenerator

#: A tile: level, column, row.
Address: TypeAlias = tuple[int, int, int]

#: Suffixes by the names that Pillow has for formats.
SUFFIXES = {"jpeg": "jpeg", "png": "png", "webp": "webp"}
_IIIF_SUFFIXES = {"jpeg": "jpg", "png": "png", "webp": "webp"}


#: Pixels whose sides differ by less are square for the service of physical dimensions,
#: which has one number.  OUT.json has both sides of others.
_SQUARE = 0.01

_PHYSICAL = "http://iiif.io/api/annex/services/physdim"


class Layout(Protocol):
    """Where the parts of a tree are.  The levels are those of `tiles`.

    Attributes:
        tiles: the geometry.
        folder: what holds the tiles.
        description: the file that viewers open; it is written last.
    """

    tiles: DeepZoomGenerator
    folder: Path
    description: Path

    def path(self, level: int, column: int, row: int) -> str:
        """The file of a tile."""

    def describe(self) -> str:
        """The text of the description."""


class DeepZoomLayout:
    """OUT.dzi and OUT_files/{level}/{column}_{row}.{format}."""

    def __init__(self, out: Path, tiles: DeepZoomGenerator, format: str) -> None:
        self.tiles = tiles
        self.folder = out.with_name(f"{out.name}_files")
        self.description = out.with_name(f"{out.name}.dzi")
        self._suffix = SUFFIXES[format]

    def path(self, level: int, column: int, row: int) -> str:
        return f"{self.folder}/{level}/{column}_{row}.{self._suffix}"

    def describe(self) -> str:
        return self.tiles.get_dzi(self._suffix)


class IiifLayout:
    """OUT/info.json and OUT/{region}/{size}/0/default.{format}.

    These are the requests that a client makes to a IIIF Image API 3.0 server of
    compliance level 0, https://iiif.io/api/image/3.0/, so any web server will do.
    The generator must have no overlap.

    identifier: the address that the folder has on the web, absolute or relative to
                the page that shows it.
    mpp:        (x, y) microns per pixel of the finest level, if they are known.
    """

    def __init__(
        self,
        out: Path,
        tiles: DeepZoomGenerator,
        format: str,
        identifier: str,
        mpp: tuple[float, float] | None,
    ) -> None:
        self.tiles = tiles
        self.folder = out
        self.description = out / "info.json"
        self._suffix = _IIIF_SUFFIXES[format]
        self._identifier = identifier
        self._mpp = mpp

    def path(self, level: int, column: int, row: int) -> str:
        region = self._region(level, column, row)
        width, height = self.tiles.get_tile_dimensions(level, (column, row))
        size = f"{width},{height}"
        if (width, height) == self.tiles.level_dimensions[-1]:
            size = "max"
        return f"{self.folder}/{region}/{size}/0/default.{self._suffix}"

    def _region(self, level: int, column: int, row: int) -> str:
        if self.tiles.level_tiles[level] == (1, 1):
            return "full"
        side = self.tiles.tile_size * self._factor(level)
        width, height = self.tiles.level_dimensions[-1]
        x, y = column * side, row * side
        return f"{x},{y},{min(side, width - x)},{min(side, height - y)}"

    def describe(self) -> str:
        width, height = self.tiles.level_dimensions[-1]
        side = self.tiles.tile_size
        levels = range(self.tiles.level_count)
        # All factors, also of levels of a single tile: OpenSeadragon takes `sizes` for
        # the levels where there are as many of them as factors.
        factors = sorted(map(self._factor, levels))
        description: dict[str, Any] = {
            "@context": "http://iiif.io/api/image/3/context.json",
            "id": self._identifier,
            "type": "ImageService3",
            "protocol": "http://iiif.io/api/image",
            "profile": "level0",
            "width": width,
            "height": height,
            "sizes": [
                {"width": w, "height": h}
                for (w, h), tiles in zip(
                    self.tiles.level_dimensions, self.tiles.level_tiles, strict=True
                )
                if tiles == (1, 1)
            ],
            "tiles": [{"width": side, "height": side, "scaleFactors": factors}],
        }
        if self._suffix != "jpg":
            description |= {
                "preferredFormats": [self._suffix],
                "extraFormats": [self._suffix],
            }
        if self._mpp is not None and math.isclose(*self._mpp, rel_tol=_SQUARE):
            description["service"] = [_physical_dimensions(sum(self._mpp) / 2)]
        return json.dumps(description, indent=1) + "\n"

    def _factor(self, level: int) -> int:
        return 1 << (self.tiles.level_count - 1 - level)


def _physical_dimensions(mpp: float) -> dict[str, Any]:
    """The IIIF service that tells how large pixels are, in millimetres."""
    return {
        "@context": f"{_PHYSICAL}/1/context.json",
        "profile": _PHYSICAL,
        "physicalScale": mpp / 1000,
        "physicalUnits": "mm",
    }
