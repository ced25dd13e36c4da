"""What becomes of a picture's colours: its ICC profile kept, applied or dropped."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from ._arrays import numpy
from ._images import profile_of, with_profile, without_profile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageCms import ImageCmsTransform

    from ._abstract_slide import AbstractSlide

#: "embed":  the profile goes with the picture, whose pixels stay as they are.
#: "srgb":   pixels become sRGB, which is what pictures without a profile are taken
#:           for; so the result carries none, and small tiles stay small.
#: "ignore": neither.
ColorHandling: TypeAlias = Literal["embed", "srgb", "ignore"]

COLOR_HANDLINGS: tuple[ColorHandling, ...] = get_args(ColorHandling)

# A process converts the pictures of few slides at a time.  Each transform may hold
# a table of some hundred kilobytes.
_TRANSFORMS_KEPT = 16

# Where the header of a profile says what pixels it is for (ICC.1, 7.2.8).
# Pillow's attribute xcolor_space raises UnicodeDecodeError where that is damaged.
_COLOR_SPACE = slice(16, 20)


def handled(image: Image, handling: ColorHandling, name: str) -> Image:
    """A picture whose colours are handled in one of three ways.

    image:    RGB or RGBA, taken over: it may be changed in place.  Alpha stays.
    handling: see ColorHandling.  Without a profile there is nothing to do.
    name:     what to call the picture in errors.

    Raises ValueError where pixels are to be converted by a profile that is damaged
    or not for RGB.
    """
    if handling not in COLOR_HANDLINGS:
        choices = ", ".join(map(repr, COLOR_HANDLINGS))
        raise ValueError(f"color must be one of {choices}, not {handling!r}")
    if handling == "srgb":
        _make_srgb(image, name)
    return image if handling == "embed" else without_profile(image)


def to_srgb(pixels: NDArray[np.uint8], slide: AbstractSlide) -> NDArray[np.uint8]:
    """Pixels of a slide, uint8 (n, height, width, 3), as sRGB by its ICC profile.

    Without a profile there is nothing to do.  Raises what handled() raises.
    """
    if slide._profile is None:
        return pixels
    from PIL import Image

    if not pixels.size:  # the profile may be of no use nevertheless
        handled(
            with_profile(Image.new("RGB", (1, 1)), slide._profile), "srgb", repr(slide)
        )
        return pixels
    n, height, width, _ = pixels.shape
    image = Image.fromarray(pixels.reshape(n * height, width, 3))
    image = handled(with_profile(image, slide._profile), "srgb", repr(slide))
    return numpy().asarray(image).reshape(pixels.shape)  # type: ignore[no-any-return]


def _make_srgb(image: Image, name: str) -> None:
    """Make the pixels of an image sRGB, in place."""
    profile = profile_of(image)
    if profile is None:
        return
    try:
        transform = _transform(profile, image.mode)
    except ValueError as error:
        raise ValueError(f"cannot convert {name} to sRGB: {error}") from error
    transform.apply_in_place(image)


@lru_cache(_TRANSFORMS_KEPT)
def _transform(profile: bytes, mode: str) -> ImageCmsTransform:
    """What converts pixels to sRGB; it may serve many threads at once.

    The intent is relative colorimetric: colours that sRGB can show are shown as
    measured, and white is white, so that slides of two scanners can be compared.
    The perceptual intent would bend all colours to each vendor's taste.  Profiles
    without tables for intents, and with perceptual ones alone, give the same either
    way.
    """
    from PIL import ImageCms

    try:
        source = ImageCms.getOpenProfile(BytesIO(profile))
        space = profile[_COLOR_SPACE].decode("ascii", "replace").rstrip()
        if space != "RGB":
            raise ValueError(f"its ICC profile is for {space!r} pixels, not for RGB")
        return ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            mode,
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
    except ImageCms.PyCMSError as error:
        raise ValueError(f"its ICC profile cannot be used: {error}") from error
