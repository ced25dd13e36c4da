"""Pixels into Pillow.

Pillow is imported by the first picture, not with the package.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image

# Where Pillow keeps an ICC profile; images without one lack the key.
_ICC_PROFILE = "icc_profile"


@cache
def _frombuffer() -> Callable[..., Image]:
    """Pillow's: importing it anew for each picture would take a tenth as long as it does."""
    from PIL import Image

    return Image.frombuffer


def from_rgba(
    pixels: bytes | bytearray,
    size: tuple[int, int],
    mode: Literal["RGBA", "RGBX"] = "RGBA",
) -> Image:
    """An image that takes over a private buffer of RGBA bytes.

    The buffer is not copied, so it must be writable and nobody else's: colour
    transforms in place write straight into it.
    """
    if not pixels:  # Pillow has no buffer for an image without pixels
        from PIL import Image

        return Image.new(mode, size)
    return _frombuffer()(mode, size, pixels, "raw", mode, 0, 1)


def from_opaque_rgba(pixels: bytearray | memoryview, size: tuple[int, int]) -> Image:
    """An RGB image of RGBA bytes whose alpha is 255 throughout."""
    from PIL import Image

    if not pixels:
        return Image.new("RGB", size)
    return Image.frombytes("RGB", size, pixels, "raw", "RGBX")


def blank(mode: Literal["RGB", "RGBA"], size: tuple[int, int]) -> Image:
    """An image of zeros."""
    from PIL import Image

    return Image.new(mode, size)


def pixel_memory(
    size: tuple[int, int], mode: Literal["RGB", "RGBA"]
) -> tuple[bytearray, memoryview]:
    """Memory for the pixels of an image, and the same as one of (1, height, width, 3 or 4).

    Raises MemoryError where there is not enough.
    """
    width, height = size
    shape = (1, height, width, len(mode))
    try:
        memory = bytearray(width * height * len(mode))
    except (MemoryError, OverflowError):
        raise MemoryError(
            f"no memory for a region of {width} x {height} pixels"
        ) from None
    return memory, memoryview(memory).cast("B", shape)


def from_memory(
    pixels: bytearray, size: tuple[int, int], mode: Literal["RGB", "RGBA"]
) -> Image:
    """An image of such memory, which nobody else uses any more."""
    from PIL import Image

    if mode == "RGBA":
        return from_rgba(pixels, size)
    return Image.frombytes(mode, size, pixels)


def with_profile(image: Image, profile: bytes | None) -> Image:
    """The image itself, with an ICC profile where there is one."""
    if profile is not None:
        image.info[_ICC_PROFILE] = profile
    return image


def profile_of(image: Image) -> bytes | None:
    """The ICC profile of an image, if it has one."""
    profile: bytes | None = image.info.get(_ICC_PROFILE)
    return profile


def without_profile(image: Image) -> Image:
    """The image itself, deprived of its ICC profile."""
    image.info.pop(_ICC_PROFILE, None)
    return image


def require_eight_bits(image: Image) -> None:
    """Raise ValueError where eight_bits() does."""
    if image.mode in ("I", "F") or image.mode.startswith("I;32"):
        raise ValueError(
            "its pixels have 32 bits, and nobody can say which of them are white; scale "
            "them to 8 bits first"
        )


def eight_bits(image: Image) -> Image:
    """An image of 16-bit pixels in 8 bits, as libtiff and so libopenslide has it.

    Others are returned as they are.  Raises ValueError where pixels have 32 bits: their
    range is unknown.
    """
    require_eight_bits(image)
    if not image.mode.startswith("I;"):
        return image
    return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")


def flatten(image: Image, background: str | tuple[int, int, int]) -> Image:
    """An RGB image: an RGBA one over a background, (r, g, b) or what Pillow can name."""
    from PIL import Image

    result = Image.new("RGB", image.size, background)
    result.paste(image, None, image)
    return result
