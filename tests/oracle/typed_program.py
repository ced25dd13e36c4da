"""A program as it is written for openslide-python, with all of its types.

It names nothing that openslide-python lacks, so type checkers must find nothing wrong
with either package.
"""

from __future__ import annotations

from collections.abc import Mapping
from ctypes import c_uint32

from PIL import Image
from PIL.ImageCms import ImageCmsProfile

import openslide
from openslide import (
    PROPERTY_NAME_MPP_X,
    PROPERTY_NAME_VENDOR,
    AbstractSlide,
    ImageSlide,
    OpenSlide,
    OpenSlideCache,
    OpenSlideError,
    OpenSlideUnsupportedFormatError,
    OpenSlideVersionError,
    lowlevel,
    open_slide,
)
from openslide.deepzoom import DeepZoomGenerator
from openslide.lowlevel import Filename


class Library:
    """Slides by their handles, as lowlevel has them."""

    def __init__(self, filename: Filename) -> None:
        self.handle: lowlevel._OpenSlide = lowlevel.open(filename)
        self.cache: lowlevel._OpenSlideCache | None = None

    def share(self, capacity: int) -> None:
        if lowlevel.cache_create.available and lowlevel.cache_release.available:
            self.cache = lowlevel.cache_create(capacity)
            lowlevel.set_cache(self.handle, self.cache)

    def levels(self) -> list[tuple[tuple[int, int], float]]:
        count: int = lowlevel.get_level_count(self.handle)
        best: int = lowlevel.get_best_level_for_downsample(self.handle, 1.5)
        assert 0 <= best < count
        return [
            (
                lowlevel.get_level_dimensions(self.handle, level),
                lowlevel.get_level_downsample(self.handle, level),
            )
            for level in range(count)
        ]

    def properties(self) -> dict[str, str | None]:
        names: list[str] = lowlevel.get_property_names(self.handle)
        return {name: lowlevel.get_property_value(self.handle, name) for name in names}

    def images(self) -> dict[str, Image.Image]:
        names: list[str] = lowlevel.get_associated_image_names(self.handle)
        images = {
            name: lowlevel.read_associated_image(self.handle, name) for name in names
        }
        for name, image in images.items():
            size: tuple[int, int] = lowlevel.get_associated_image_dimensions(
                self.handle, name
            )
            assert size == image.size
        return images

    def profiles(self) -> list[bytes | None]:
        if not lowlevel.read_icc_profile.available:
            return []
        size: int = lowlevel.get_icc_profile_size(self.handle)
        profiles = [lowlevel.read_icc_profile(self.handle)]
        assert size == len(profiles[0] or b"")
        for name in lowlevel.get_associated_image_names(self.handle):
            size = lowlevel.get_associated_image_icc_profile_size(self.handle, name)
            profiles.append(
                lowlevel.read_associated_image_icc_profile(self.handle, name)
            )
            assert size == len(profiles[-1] or b"")
        return profiles

    def pixels(self) -> tuple[Image.Image, Image.Image]:
        image: Image.Image = lowlevel.read_region(self.handle, 0, 0, 0, 8, 4)
        words = (c_uint32 * 32)()
        lowlevel._read_region(self.handle, words, 0, 0, 0, 8, 4)
        return image, lowlevel._load_image(words, (8, 4))

    def close(self) -> None:
        error: str | None = lowlevel.get_error(self.handle)
        assert error is None
        lowlevel.close(self.handle)


def describe(slide: AbstractSlide) -> str:
    levels: int = slide.level_count
    width, height = slide.dimensions
    sizes: tuple[tuple[int, int], ...] = slide.level_dimensions
    downsamples: tuple[float, ...] = slide.level_downsamples
    properties: Mapping[str, str] = slide.properties
    images: Mapping[str, Image.Image] = slide.associated_images
    profile: ImageCmsProfile | None = slide.color_profile
    best: int = slide.get_best_level_for_downsample(2.0)
    region: Image.Image = slide.read_region((0, 0), best, (8, 8))
    thumbnail: Image.Image = slide.get_thumbnail((16, 16))
    assert levels == len(sizes) == len(downsamples)
    assert region.size == (8, 8)
    return (
        f"{width} x {height}, {properties.get(PROPERTY_NAME_MPP_X)}, {len(images)}, "
        f"{profile is None}, {thumbnail.size}"
    )


def tiles(slide: OpenSlide | ImageSlide) -> str:
    generator = DeepZoomGenerator(slide, tile_size=62, overlap=1, limit_bounds=True)
    count: int = generator.tile_count
    last: int = generator.level_count - 1
    columns, rows = generator.level_tiles[last]
    sizes: tuple[tuple[int, int], ...] = generator.level_dimensions
    tile: Image.Image = generator.get_tile(last, (columns - 1, rows - 1))
    size: tuple[int, int] = generator.get_tile_dimensions(last, (columns - 1, rows - 1))
    (x, y), level, (width, height) = generator.get_tile_coordinates(last, (0, 0))
    xml: str = generator.get_dzi("jpeg")
    assert tile.size == size
    return f"{count}, {sizes[last]}, {(x, y, level, width, height)}, {len(xml)}"


def vendor(filename: Filename) -> str | None:
    try:
        with OpenSlide(filename) as slide:
            slide.set_cache(OpenSlideCache(1 << 20))
            return slide.properties[PROPERTY_NAME_VENDOR]
    except OpenSlideVersionError as error:
        return error.minimum_version
    except (OpenSlideUnsupportedFormatError, OpenSlideError) as error:
        return str(error)


def report(path: str) -> list[str]:
    """What it learns of a slide, by every way that there is."""
    formats: list[str | None] = [
        lowlevel.detect_vendor(path),
        OpenSlide.detect_format(path),
        ImageSlide.detect_format(path),
    ]
    version: str = openslide.__library_version__
    assert version == lowlevel.get_version()
    with open_slide(path) as slide:
        found = [repr(formats[:2]), repr(vendor(path)), describe(slide), tiles(slide)]
    library = Library(path)
    library.share(1 << 20)
    image, again = library.pixels()
    assert image.tobytes() == again.tobytes()
    found += [repr(library.levels()), repr(library.properties())]
    found += [repr(sorted(library.images())), repr(library.profiles())]
    library.close()
    return [*found, describe(ImageSlide(Image.new("RGB", (40, 30))))]
