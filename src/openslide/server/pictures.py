"""What can be asked of a slide: pictures as files, and its description.

These are functions of an open slide and of arguments that the server has bounded; a
process that reads slides calls them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

from .._cache import OpenSlideCache
from .._errors import OpenSlideError, OpenSlideVersionError
from .._images import flatten
from .._slide import OpenSlide
from .._thumbnails import thumbnail_size
from ..deepzoom import DeepZoomGenerator
from ..native import NativeTiles, NotNativeError
from ..output.encoding import Encoding
from .description import describe
from .layers import Layer, first_of_sizes, layers_of, native_tiles
from .privacy import is_private_picture
from .reading import Box, Picture, Reader
from .settings import ReaderSettings

Format: TypeAlias = Literal["jpeg", "png", "webp"]

#: Associated images of more pixels are not read.
_MOST_PIXELS = 1 << 26

#: What shows where they are transparent.
_PAPER = (255, 255, 255)


class NoSuchPictureError(LookupError):
    """The slide has no such tile, or no such associated image."""


class Made(NamedTuple):
    """What was asked for.

    Attributes:
        body:       the bytes of a file.
        media_type: of it.
        is_damaged: whether some of a picture is background for want of sound data.
        is_native:  whether it was copied from the slide as it is.
    """

    body: bytes
    media_type: str
    is_damaged: bool = False
    is_native: bool = False


class ServedSlide(OpenSlide):
    """An open slide, with what is made of it more than once."""

    settings: ReaderSettings

    @classmethod
    def opened(
        cls, path: str, settings: ReaderSettings, cache: OpenSlideCache | None
    ) -> ServedSlide:
        """The slide of a path; raises what opening it raises."""
        slide = cls(path, on_error="reopen")
        slide.settings = settings
        if cache is not None:
            slide.set_cache(cache)
        return slide

    @cached_property
    def deep_zoom(self) -> DeepZoomGenerator:
        return DeepZoomGenerator(self, self.settings.tile_size, self.settings.overlap)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        return layers_of(self)

    @cached_property
    def first_levels(self) -> list[int]:
        """For each level the first one that has its size."""
        return first_of_sizes(self.level_dimensions)

    def box_at(
        self, location: tuple[int, int], level: int, size: tuple[int, int]
    ) -> Box:
        """What begins at a level-0 location, in pixels of a level."""
        x, y = (round(start / self.level_downsamples[level]) for start in location)
        return Box(x, y, *size)

    def level_for(self, downsample: float) -> int:
        """The level to read for a picture that is smaller than level 0 by a factor."""
        return self.first_levels[self.get_best_level_for_downsample(downsample)]

    @cached_property
    def reader(self) -> Reader:
        return Reader(self)

    @cached_property
    def native_levels(self) -> dict[int, NativeTiles | None]:
        return {
            layer.level: native_tiles(self, layer.level)
            for layer in self.layers
            if layer.is_native
        }

    def stored_tile(self, layer: Layer, column: int, row: int) -> Made:
        """A tile of a layer as the file has it.

        Raises NotNativeError where that is not there, or not like the others.
        """
        tiles = self.native_levels[layer.level]
        stream = None if tiles is None else tiles.encoded(column, row)
        if stream is None:  # a hole
            return self.encoded(self.reader.blank(layer.tile_size), "jpeg")
        return Made(stream, "image/jpeg", is_native=True)

    def encoded(self, picture: Picture, format: Format) -> Made:
        """The file of a picture."""
        encoding = Encoding(format, self.settings.quality)
        file = encoding.encode_bytes(picture.pixels)
        return Made(file, f"image/{format}", picture.is_damaged)


def shared_cache(capacity: int) -> OpenSlideCache | None:
    """One cache for all slides, None where libopenslide is too old for that."""
    try:
        return OpenSlideCache(capacity)
    except OpenSlideVersionError:
        return None


def description(slide: ServedSlide) -> Made:
    """The description of a slide, and of its Deep Zoom levels."""
    told = describe(slide, slide.layers, labels=slide.settings.labels)
    told["deep_zoom"] = [list(grid) for grid in slide.deep_zoom.level_tiles]
    return Made(json.dumps(told).encode(), "application/json")


def deep_zoom_tile(
    slide: ServedSlide, level: int, column: int, row: int, format: Format
) -> Made:
    """A tile as DeepZoomGenerator gives it."""
    generator, address = slide.deep_zoom, (column, row)
    try:
        location, slide_level, size = generator.get_tile_coordinates(level, address)
    except ValueError as error:
        raise NoSuchPictureError(str(error)) from None
    slide_level = slide.first_levels[slide_level]
    box = slide.box_at(location, slide_level, size)
    shown = thumbnail_size(size, generator.get_tile_dimensions(level, address))
    picture = slide.reader.read_resized(slide_level, box, shown, location)
    return slide.encoded(picture, format)


def layer_tile(
    slide: ServedSlide, layer: int, column: int, row: int, format: Format
) -> Made:
    """A tile of a layer, see layers: that of the file where there is one."""
    if layer >= len(slide.layers):
        raise NoSuchPictureError(f"there is no layer {layer}")
    wanted = slide.layers[layer]
    if column >= wanted.grid[0] or row >= wanted.grid[1]:
        raise NoSuchPictureError(
            f"there is no tile ({column}, {row}); layer {layer} has "
            f"{wanted.grid[0]} x {wanted.grid[1]}"
        )
    if wanted.is_native and format == "jpeg":
        with suppress(NotNativeError):  # it is read below, as well as it can be
            return slide.stored_tile(wanted, column, row)
    x, y = column * wanted.tile_size[0], row * wanted.tile_size[1]
    width = min(wanted.tile_size[0], wanted.size[0] - x)
    height = min(wanted.tile_size[1], wanted.size[1] - y)
    box = _stored_box(slide, wanted, Box(x, y, width, height))
    picture = slide.reader.read_resized(wanted.level, box, (width, height))
    return slide.encoded(picture, format)


def _stored_box(slide: ServedSlide, layer: Layer, box: Box) -> Box:
    """What a box of a layer shows, in pixels of the slide's level."""
    limits = slide.level_dimensions[layer.level]
    x, y = box.x * layer.shrink, box.y * layer.shrink
    width = min(box.width * layer.shrink, limits[0] - x)
    height = min(box.height * layer.shrink, limits[1] - y)
    return Box(x, y, width, height)


def region(
    slide: ServedSlide,
    x: int,
    y: int,
    width: int,
    height: int,
    level: int,
    format: Format,
) -> Made:
    """A region; (x, y) in level-0 pixels, width and height in those of the level."""
    if level >= slide.level_count:
        raise NoSuchPictureError(
            f"there is no level {level}; there are 0 to {slide.level_count - 1}"
        )
    box = slide.box_at((x, y), level, (width, height))
    return slide.encoded(slide.reader.read(level, box, (x, y)), format)


def scaled_region(
    slide: ServedSlide,
    x: int,
    y: int,
    width: int,
    height: int,
    out_width: int,
    out_height: int,
    turn: int,
    is_mirrored: bool,
    quality: str,
    format: Format,
) -> Made:
    """A rectangle of level 0 at any size, turned and coloured as IIIF can ask for."""
    from PIL import Image, ImageOps

    level = slide.level_for(max(1.0, min(width / out_width, height / out_height)))
    downsample = slide.level_downsamples[level]
    limits = slide.level_dimensions[level]
    left, upper = (
        min(math.floor(n / downsample), m - 1)
        for n, m in zip((x, y), limits, strict=True)
    )
    right, lower = (
        min(math.ceil(n / downsample), m)
        for n, m in zip((x + width, y + height), limits, strict=True)
    )
    box = Box(left, upper, max(1, right - left), max(1, lower - upper))
    picture = slide.reader.read_resized(level, box, (out_width, out_height))
    image = picture.as_image()
    if is_mirrored:
        image = ImageOps.mirror(image)
    if turn:
        transposes = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180}
        image = image.transpose(transposes.get(turn, Image.Transpose.ROTATE_90))
    if quality == "gray":
        image = image.convert("L").convert("RGB")
    elif quality == "bitonal":
        image = image.convert("1", dither=Image.Dither.NONE).convert("RGB")
    picture = Picture.of(image, is_damaged=picture.is_damaged)
    return slide.encoded(picture, format)


def thumbnail(slide: ServedSlide, size: int, format: Format) -> Made:
    """The whole slide, `size` pixels on its longer side at most."""
    level = slide.level_for(max(slide.dimensions) / size)
    whole = slide.level_dimensions[level]
    scale = min(1.0, size / max(whole))
    target = (max(1, round(whole[0] * scale)), max(1, round(whole[1] * scale)))
    picture = slide.reader.read_resized(level, Box(0, 0, *whole), target)
    return slide.encoded(picture, format)


def associated_image(
    slide: ServedSlide, name: str, longest: int, format: Format
) -> Made:
    """A picture that comes with the slide, `longest` pixels on its longer side at most."""
    is_hidden = is_private_picture(name) and not slide.settings.labels
    if is_hidden or name not in slide._osr.associated_image_names:
        raise NoSuchPictureError(f"there is no associated image {name!r}")
    width, height = slide._osr.associated_image_dimensions(name)
    if width * height > _MOST_PIXELS:
        raise NoSuchPictureError(f"the associated image {name!r} is too large to show")
    try:
        image = flatten(slide.associated_images[name], _PAPER)
        is_damaged = False
    except OpenSlideError:
        from PIL import Image

        image, is_damaged = Image.new("RGB", (width, height), _PAPER), True
    image.thumbnail((longest, longest))
    return slide.encoded(Picture.of(image, is_damaged=is_damaged), format)


#: What a process that reads slides can be asked for, by name.
READS: Mapping[str, Callable[..., Made]] = {
    function.__name__: function
    for function in (
        *(description, deep_zoom_tile, layer_tile, region, scaled_region),
        *(thumbnail, associated_image),
    )
}
