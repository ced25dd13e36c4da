"""Writing a tree: which files, in which order, and going on after a kill."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from .._color import ColorHandling, handled
from .._errors import OpenSlideError
from .._image_slide import ImageSlide
from .._images import flatten, profile_of, with_profile
from .._properties import background_color
from .._slide import OpenSlide
from ..deepzoom import DeepZoomGenerator
from ..output.encoding import Encoding
from ..output.identity import slide_facts, slide_identity
from ..output.telling import Report, all_damaged, reason_of, without_path
from ..output.whole import file_name, write_whole
from .exact import write_exact
from .layouts import SUFFIXES, Address, DeepZoomLayout, IiifLayout, Layout
from .shrink import write_shrunk
from .source import Box, Source
from .state import TreeState
from .writer import TileWriter

if TYPE_CHECKING:
    from PIL.Image import Image

    from .._abstract_slide import AbstractSlide

_Convert: TypeAlias = "Callable[[Image], Image]"


class TreeOptions(NamedTuple):
    """What a tree shall be.

    Attributes:
        layout: "dzi" for Deep Zoom, "iiif3" for static files of IIIF Image API 3.0.
        tile_size: side of a tile without overlap, in pixels.
        overlap: pixels that neighbours have in common, at most tile_size; 0 for IIIF.
        format: "jpeg", "png" or "webp".
        quality: from 1 to 100, of JPEG and WebP.
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
    color: ColorHandling = "ignore"
    method: Literal["shrink", "exact"] = "shrink"
    identifier: str | None = None


class TreeSummary(NamedTuple):
    """What was written.

    Attributes:
        tiles: how many the tree has.
        damaged: (level, column, row) of those that show background because the slide
                 could not be read there; for "shrink" those of the finest level.
        damaged_images: names of the associated images that could not be read.
        description: the file that viewers open.
        reason: why the first of the damaged tiles could not be read.
    """

    tiles: int
    damaged: list[Address]
    damaged_images: list[str]
    description: Path
    reason: str | None = None


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

    slide:   one that goes on after damage, OpenSlide(path, on_error="reopen"); of
             others all is lost that comes after the first damaged tile.
    out:     OUT.dzi and OUT_files, or for IIIF the folder OUT.  Associated images go to
             OUT_associated, a summary to OUT.json.
    threads: how many of them encode.
    resume:  whether to go on with what an earlier run has left.

    Tiles are written whole or not at all, and the description last.

    Raises FileExistsError where there is something in the tree's place that shall not,
    or cannot, be gone on with, output.lock.BusyError where another run is writing it,
    ValueError where it was begun with other options or these make no sense or the ICC
    profile cannot be used, OSError where files cannot be written, OpenSlideError where
    nothing of the slide can be read; then nothing is left behind.
    """
    _check(options)
    encoding = Encoding(options.format, options.quality)
    layout = _layout(slide, out, options)
    _require_room(layout.tiles, options.overlap, encoding)
    convert = partial(handled, handling=options.color, name="the slide")
    convert(with_profile(_pixel(), slide._profile))  # raises before anything is there
    state = TreeState(
        out,
        _outputs(slide, out, layout),
        _identity(slide) | options._asdict(),
    )
    facts = state.begin(resume, partial(_is_whole, layout, out))
    tiles = layout.tiles.tile_count
    if facts is not None:
        report.expect(tiles)
        report.advance(tiles)
        return _summary(layout, state, facts)
    profile = slide._profile if options.color == "embed" else None
    try:
        report.expect(tiles)
        with TileWriter(state.aside, encoding, profile, threads, report) as writer:
            _write_tiles(slide, layout, options.method, writer, convert, state, report)
            writer.wait(0)
            _require_any(state, layout, options.method)
            writer.settle(layout.folder)
        written, damaged = _write_associated_images(
            slide, out, encoding, options, state.aside
        )
        facts = {
            **slide_facts(slide),
            "mpp": slide.mpp and list(slide.mpp),  # of the finest level
            "offset": layout.tiles.offset,
            "tiles": tiles,
            "levels": layout.tiles.level_dimensions,
            "associated_images": written,
            "damaged_images": damaged,
        }
        description = layout.describe().encode()
        write_whole(layout.description, description, state.aside, settled=True)
        state.finish(facts)
    finally:
        state.release()
    return _summary(layout, state, facts)


def _summary(layout: Layout, state: TreeState, facts: dict[str, Any]) -> TreeSummary:
    return TreeSummary(
        layout.tiles.tile_count,
        sorted(state.damaged),
        facts["damaged_images"],
        layout.description,
        state.reason,
    )


def _outputs(slide: AbstractSlide, out: Path, layout: Layout) -> list[Path]:
    """What will be written, beside the summary."""
    paths = [layout.description, layout.folder]
    return [*paths, _associated_folder(out)] if slide.associated_images else paths


def _associated_folder(out: Path) -> Path:
    return out.with_name(f"{out.name}_associated")


def _check(options: TreeOptions) -> None:
    """Raise ValueError for what makes no sense."""
    if options.tile_size < 1:
        raise ValueError(f"tile_size must be positive, not {options.tile_size!r}")
    most = options.tile_size if options.layout == "dzi" else 0
    if not 0 <= options.overlap <= most:
        raise ValueError(f"overlap must be from 0 to {most}, not {options.overlap!r}")


def _layout(slide: AbstractSlide, out: Path, options: TreeOptions) -> Layout:
    tiles = DeepZoomGenerator(slide, options.tile_size, options.overlap, options.bounds)
    if options.layout == "dzi":
        return DeepZoomLayout(out, tiles, options.format)
    identifier = options.identifier or out.name
    return IiifLayout(out, tiles, options.format, identifier, slide.mpp)


def _require_room(tiles: DeepZoomGenerator, overlap: int, encoding: Encoding) -> None:
    """Raise ValueError where the format has not the sides of a tile."""
    most = tiles.tile_size + 2 * overlap
    width, height = (min(side, most) for side in tiles.level_dimensions[-1])
    encoding.require_room((width, height))


def _identity(slide: AbstractSlide) -> dict[str, Any]:
    """What tells a slide from another one, as far as there is a file."""
    path = _path_of(slide)
    return {} if path is None else slide_identity(slide, os.fsdecode(path))


def _is_whole(layout: Layout, out: Path, facts: dict[str, Any]) -> bool:
    """Whether nothing of a complete tree was removed."""
    images = (_associated_folder(out) / name for name in facts["associated_images"])
    tiles = (
        layout.path(level, column, row)
        for level, (columns, rows) in enumerate(layout.tiles.level_tiles)
        for row in range(rows)
        for column in range(columns)
    )
    return all(map(os.path.isfile, chain([layout.description], images, tiles)))


def _path_of(slide: AbstractSlide) -> bytes | None:
    if isinstance(slide, OpenSlide):
        return slide._osr.path
    return slide._path if isinstance(slide, ImageSlide) else None


def _pixel() -> Image:
    from PIL import Image

    return Image.new("RGB", (1, 1))


def _write_tiles(
    slide: AbstractSlide,
    layout: Layout,
    method: str,
    writer: TileWriter,
    convert: _Convert,
    state: TreeState,
    report: Report,
) -> None:
    path = _path_of(slide)

    def note_tile(tile: Address, error: OpenSlideError) -> None:
        reason = reason_of(error)
        if path is not None:
            reason = without_path(os.fsdecode(path), reason)
        if state.note_damage(tile, reason):
            name = repr(slide) if path is None else os.fsdecode(path)
            report.tell(f"{name}: tile {tile} cannot be read: {reason}")

    if method == "exact":
        write_exact(slide, layout, writer, convert, note_tile)
        return
    tiles = layout.tiles

    def note_damage(box: Box, error: OpenSlideError) -> None:
        for tile in _tiles_of(box, tiles):
            note_tile(tile, error)

    size = tiles.level_dimensions[-1]
    source = Source(slide, tiles.offset, size, convert, note_damage)
    write_shrunk(source.strips, source.tile_height, layout, writer)


def _require_any(state: TreeState, layout: Layout, method: str) -> None:
    """Raise OpenSlideError, and leave nothing behind, where there is only background."""
    columns, rows = layout.tiles.level_tiles[-1]
    read = layout.tiles.tile_count if method == "exact" else columns * rows
    if len(state.damaged) == read:
        state.abandon([layout.folder])
        raise OpenSlideError(all_damaged(read, state.reason))


def _tiles_of(box: Box, tiles: DeepZoomGenerator) -> list[Address]:
    """Tiles of the finest level that show any of a box, overlaps aside."""
    side = tiles.tile_size
    x, y, width, height = box
    return [
        (tiles.level_count - 1, column, row)
        for row in range(y // side, (y + height - 1) // side + 1)
        for column in range(x // side, (x + width - 1) // side + 1)
    ]


def _write_associated_images(
    slide: AbstractSlide,
    out: Path,
    encoding: Encoding,
    options: TreeOptions,
    aside: Path,
) -> tuple[list[str], list[str]]:
    """Write those that can be read: their files, and the names of the others."""
    folder = _associated_folder(out)
    background = background_color(slide.properties)
    written, damaged = [], []
    for name in slide.associated_images:
        try:
            image = slide.associated_images[name]
        except OpenSlideError:
            damaged.append(name)
            continue
        path = folder / f"{file_name(name)}.{SUFFIXES[options.format]}"
        picture = with_profile(flatten(image, background), profile_of(image))
        picture = handled(picture, options.color, f"the associated image {name!r}")
        file = encoding.encode(picture, profile_of(picture))
        write_whole(path, file, aside, settled=True)
        written.append(path.name)
    return written, damaged
