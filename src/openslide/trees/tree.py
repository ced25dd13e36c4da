"""Writing a tree: which files, in which order, and going on after a kill."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .._aside import written_aside
from .._color import ColorHandling, handled
from .._images import profile_of
from .._slide import OpenSlide
from ..deepzoom import DeepZoomGenerator
from .exact import Address, write_exact
from .layouts import SUFFIXES, DeepZoomLayout, IiifLayout, Layout
from .shrink import write_shrunk
from .source import Box, Source
from .writer import Report, TileWriter

if TYPE_CHECKING:
    from .._slide import AbstractSlide


@dataclass(frozen=True)
class TreeOptions:
    """What a tree shall be.

    Attributes:
        layout: "dzi" for Deep Zoom, "iiif3" for static files of IIIF Image API 3.0.
        tile_size, overlap: as for DeepZoomGenerator; IIIF has no overlap.
        format: "jpeg", "png" or "webp"; quality counts for the first and the last.
        bounds: whether to leave out what lies outside of the scanned area.
        color: what becomes of the ICC profile.
        method: "shrink": each level from the one below, which reads the slide once;
                "exact": every tile as DeepZoomGenerator gives it.
        identifier: the address of a IIIF tree on the web; by default the folder's name.
    """

    layout: Literal["dzi", "iiif3"] = "dzi"
    tile_size: int = 254
    overlap: int = 1
    format: Literal["jpeg", "png", "webp"] = "jpeg"
    quality: int = 75
    bounds: bool = False
    color: ColorHandling = "embed"
    method: Literal["shrink", "exact"] = "shrink"
    identifier: str | None = None


class TreeSummary(NamedTuple):
    """What was written.

    Attributes:
        tiles: how many the tree has.
        damaged: (level, column, row) of those that show background because the slide
                 could not be read there; for "shrink" those of the finest level.
        description: the file that viewers open.
    """

    tiles: int
    damaged: list[Address]
    description: Path


def write_tree(
    slide: AbstractSlide,
    out: Path,
    options: TreeOptions,
    *,
    threads: int,
    resume: bool,
    report: Report,
) -> TreeSummary:
    """Write the tree of a slide, and its associated images beside it.

    out: OUT.dzi and OUT_files, or for IIIF the folder OUT.  Associated images go to
         OUT_associated, a summary to OUT.json.
    resume: whether tiles that exist already are left alone.

    Tiles are written whole or not at all, and the description last.

    Raises FileExistsError where there is a tree already that shall not be gone on
    with, ValueError where it was begun with other options or tile_size is not
    positive, OSError where files cannot be written.
    """
    layout = _layout(slide, out, options)
    state = _State(slide, out, options)
    state.begin(resume)
    out.parent.mkdir(parents=True, exist_ok=True)
    report.expect(layout.tiles.tile_count)
    with TileWriter(
        options.format, _save_options(slide, options), threads, report
    ) as writer:
        damaged = _write_tiles(slide, layout, options, writer)
    _write_associated_images(slide, out, options)
    layout.description.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(layout.description) as aside:
        aside.write_text(layout.describe(), encoding="utf-8")
    state.finish(layout, damaged)
    return TreeSummary(layout.tiles.tile_count, damaged, layout.description)


def _layout(slide: AbstractSlide, out: Path, options: TreeOptions) -> Layout:
    overlap = options.overlap if options.layout == "dzi" else 0
    tiles = DeepZoomGenerator(slide, options.tile_size, overlap, options.bounds)
    if options.layout == "dzi":
        return DeepZoomLayout(out, tiles, options.format)
    return IiifLayout(out, tiles, options.format, options.identifier or out.name)


def _write_tiles(
    slide: AbstractSlide, layout: Layout, options: TreeOptions, writer: TileWriter
) -> list[Address]:
    convert = partial(handled, handling=options.color, name=repr(slide))
    if options.method == "exact":
        return write_exact(slide, layout, writer, convert)
    tiles = layout.tiles
    source = Source(slide, tiles.offset, tiles.level_dimensions[-1], convert)
    write_shrunk(source.strips(), layout, writer)
    return _tiles_of(source.damaged, tiles)


def _tiles_of(boxes: Iterable[Box], tiles: DeepZoomGenerator) -> list[Address]:
    """Tiles of the finest level that show any of some boxes, overlaps aside."""
    side = tiles.tile_size
    level = tiles.level_count - 1
    return sorted(
        {
            (level, column, row)
            for x, y, width, height in boxes
            for row in range(y // side, (y + height - 1) // side + 1)
            for column in range(x // side, (x + width - 1) // side + 1)
        }
    )


def _save_options(slide: AbstractSlide, options: TreeOptions) -> dict[str, Any]:
    embeds = options.color == "embed"
    chosen: dict[str, Any] = {"icc_profile": slide._profile if embeds else None}
    if options.format != "png":
        chosen["quality"] = options.quality
    return chosen


def _write_associated_images(
    slide: AbstractSlide, out: Path, options: TreeOptions
) -> None:
    folder = out.with_name(f"{out.name}_associated")
    for name, image in slide.associated_images.items():
        folder.mkdir(parents=True, exist_ok=True)
        cleaned = re.sub(r"[^\w-]+", "_", name)
        path = folder / f"{cleaned}.{SUFFIXES[options.format]}"
        picture = handled(image.convert("RGB"), options.color, f"{name} of {slide!r}")
        with written_aside(path) as aside:
            picture.save(
                aside,
                options.format,
                quality=options.quality,
                icc_profile=profile_of(picture),
            )


class _State:
    """Whether a tree is begun or complete, and with which options.

    OUT.json tells when it is complete, .OUT.begun until then.
    """

    def __init__(self, slide: AbstractSlide, out: Path, options: TreeOptions) -> None:
        self._out = out
        self._summary = out.with_name(f"{out.name}.json")
        self._begun = out.with_name(f".{out.name}.begun")
        self._header: dict[str, Any] = {"options": asdict(options)}
        if isinstance(slide, OpenSlide):
            path = os.fsdecode(slide._osr.path)
            self._header |= {"slide": path, "bytes": os.stat(path).st_size}

    def begin(self, resume: bool) -> None:
        for path in (self._summary, self._begun):
            if not path.exists():
                continue
            if not resume:
                raise FileExistsError(
                    f"{self._out} is a tree already; go on with --resume, or choose "
                    "another name"
                )
            self._check(json.loads(path.read_text(encoding="utf-8")))
        self._begun.parent.mkdir(parents=True, exist_ok=True)
        self._begun.write_text(json.dumps(self._header) + "\n", encoding="utf-8")

    def _check(self, found: dict[str, Any]) -> None:
        for name, value in self._header.items():
            if found.get(name) != value:
                raise ValueError(
                    f"{self._out} was begun with {name} {found.get(name)!r}, not "
                    f"{value!r}; choose another name"
                )

    def finish(self, layout: Layout, damaged: list[Address]) -> None:
        summary = self._header | {
            "tiles": layout.tiles.tile_count,
            "levels": layout.tiles.level_dimensions,
            "damaged": damaged,
        }
        with written_aside(self._summary) as aside:
            aside.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
        self._begun.unlink()
