"""Ordinary images as slides of one level."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from operator import index
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from ._abstract_slide import AbstractSlide
from ._arguments import absolute_path, path_bytes
from ._diagnosis import diagnose, special_file, too_large
from ._errors import OpenSlideError, OpenSlideUnsupportedFormatError
from ._files import Filename, unsupported
from ._images import eight_bits, profile_of, require_eight_bits, with_profile

if TYPE_CHECKING:
    from PIL.Image import Image


class ImageSlide(AbstractSlide):
    """An image that Pillow reads, as a slide with one level and no metadata.

    file: a file name, or an image, which is left open by close().

    read_region(), and what openslide-python makes of it, gives the pixels as Pillow
    converts them, which cuts off what is above 255.  read_array(), read_batch() and
    whatever takes tiles by them scale 16-bit pixels to 8 bits, as libopenslide does, and
    raise ValueError for pixels of 32 bits, which have no range that all agree on.

    Raises what Pillow raises for a file that it cannot open.  After close(),
    every use raises ValueError.
    """

    def __init__(self, file: Filename | Image) -> None:
        from PIL import Image

        self._file_arg = file
        self._close = not isinstance(file, Image.Image)
        self._path: bytes | None = None  # to open it again, where it has one
        if isinstance(file, Image.Image):
            image = file
        else:
            image = _open_image(file)
            if isinstance(file, str | bytes | os.PathLike):
                self._path = absolute_path(path_bytes(file))
        self._profile = profile_of(image)
        self._attach(image)

    def _attach(self, image: Image) -> None:
        self._image: Image | None = image
        # Pillow decodes an image when it is first read, and then in one thread only.
        self._decoding = Lock()
        self._process = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        """What to copy: a file by its absolute path, an image of the caller as it is.

        An image that came from an open file goes by its pixels, for either slide
        may close it.
        """
        image: Image | None = self._opened
        if self._path is not None:
            image = None
        elif self._close:
            image = self._opened.copy()
        state = self.__dict__ | {"_image": image}
        del state["_decoding"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._attach(state["_image"] or _open_image(state["_path"]))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._file_arg!r})"

    @classmethod
    def detect_format(cls, filename: Filename) -> str | None:
        """Pillow's name for the format of a file, such as "PNG", or None."""
        try:
            with _open_image(filename) as image:
                return image.format
        except OSError:
            return None

    @property
    def _opened(self) -> Image:
        if self._image is None:
            raise ValueError(f"Cannot read from a closed slide: {self!r}")
        if self._process != os.getpid():
            # The process that forked this one may be reading the same open file.
            self._attach(_open_image(self._path) if self._path else self._image)
        return self._image

    def close(self) -> None:
        """Close the slide, and the image where this object opened it."""
        if self._close and self._image is not None:
            self._image.close()
        self._image = None

    @property
    def level_count(self) -> Literal[1]:
        """The number of levels: 1."""
        return 1

    @property
    def level_dimensions(self) -> tuple[tuple[int, int]]:
        """((width, height),) of the image, in pixels."""
        return (self._opened.size,)

    @property
    def level_downsamples(self) -> tuple[float]:
        """(1.0,)."""
        return (1.0,)

    @property
    def properties(self) -> Mapping[str, str]:
        """An empty mapping."""
        return {}

    @property
    def associated_images(self) -> Mapping[str, Image]:
        """An empty mapping."""
        return {}

    def get_best_level_for_downsample(self, _downsample: float) -> Literal[0]:
        """The only level: 0."""
        return 0

    def read_region(
        self, location: tuple[int, int], level: int, size: tuple[int, int]
    ) -> Image:
        """An RGBA image of a region, transparent outside of the image.

        location: (x, y) of the top left corner, in pixels; may be negative.
        level:    0; another one raises OpenSlideError.
        size:     (width, height), in pixels; a negative one raises OpenSlideError.
        """
        return self._read(location, level, size, lambda part: part)

    def _read_for_array(
        self, location: tuple[int, int], level: int, size: tuple[int, int]
    ) -> Image:
        if (
            type(self).read_region is not ImageSlide.read_region
            or "read_region" in self.__dict__
        ):  # a program's own
            return super()._read_for_array(location, level, size)
        return self._read(location, level, size, eight_bits)

    def _read(
        self,
        location: tuple[int, int],
        level: int,
        size: tuple[int, int],
        convert: Callable[[Image], Image],
    ) -> Image:
        """A region of pixels that are converted before they become RGBA."""
        from PIL import Image

        image = self._opened
        if level != 0:
            raise OpenSlideError(f"Invalid level: {level!r}; an image has level 0 only")
        if any(side < 0 for side in size):
            raise OpenSlideError(f"Size {size} must be non-negative")
        self._decode(image)
        region = Image.new("RGBA", size, (0, 0, 0, 0))
        (left, right, x), (top, bottom, y) = (
            (max(0, start), min(start + length, limit), max(0, -start))
            for start, length, limit in zip(
                map(index, location), size, image.size, strict=True
            )
        )
        if left < right and top < bottom:
            part = image.crop((left, top, right, bottom))
            region.paste(convert(part), (x, y))
        return with_profile(region, self._profile)

    def _decode(self, image: Image) -> None:
        with self._decoding:
            image.load()

    def _has_pixels_in_strips(self, level: int) -> bool:
        # Others may have a read_region() of their own.
        return type(self) in (ImageSlide, Picture)


class Picture(ImageSlide):
    """An image whose pixels are scaled to 8 bits wherever they are read.

    So it is for all that is not openslide-python's, such as the commands.  What cannot be
    decoded raises OpenSlideError.

    Raises OpenSlideUnsupportedFormatError with the reason where Pillow cannot read the
    image, or where nobody could say what its pixels are in 8 bits.
    """

    def __init__(self, file: Filename) -> None:
        self._failure: str | None = None
        try:
            super().__init__(file)
        except Exception as error:  # of what is damaged Pillow may raise anything
            raise _unreadable(file, error) from error
        try:
            require_eight_bits(self._opened)
        except ValueError as error:
            self.close()
            raise unsupported(file, str(error)) from None

    def read_region(
        self, location: tuple[int, int], level: int, size: tuple[int, int]
    ) -> Image:
        """An RGBA image of a region, transparent outside of the image."""
        return self._read(location, level, size, eight_bits)

    def _decode(self, image: Image) -> None:
        if self._failure is None:
            try:
                super()._decode(image)
            except Exception as error:  # as above
                # Not tried again for each tile: it is decoded as a whole.
                self._failure = str(error) or type(error).__name__
        if self._failure is not None:
            raise OpenSlideError(self._failure)


def _unreadable(file: Filename, error: Exception) -> OpenSlideUnsupportedFormatError:
    """What to raise where Pillow cannot open a file."""
    from PIL import Image, UnidentifiedImageError

    kind, reason = diagnose(path_bytes(file))
    if isinstance(error, Image.DecompressionBombError):
        reason = too_large(path_bytes(file))
    elif kind == "picture":
        reason += ", and Pillow cannot read it"
        if not isinstance(error, UnidentifiedImageError):
            reason += f": {error or type(error).__name__}"
    elif kind == "other":
        reason += ", nor in one that Pillow does"
    return unsupported(file, reason)


def _open_image(filename: Filename) -> Image:
    from PIL import Image, UnidentifiedImageError

    special = special_file(filename)
    if special is not None:  # Pillow would wait for its contents
        raise UnidentifiedImageError(
            f"cannot identify image file {filename!r}: it is {special}"
        )
    return Image.open(filename)
