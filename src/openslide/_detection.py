"""Finding what is stained on a bright field."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from . import _arrays
from ._extras import missing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from . import AbstractSlide

# Otsu's threshold divides any picture in two.  Paper-white noise is below the lower
# limit, and on a slide that is all tissue the threshold must not divide that.
_LEAST_SATURATION, _MOST_SATURATION = 12, 40  # of 255

# Light that comes through any stain is brighter, of 255: what is darker was not scanned,
# or is ink.  Noise makes single pixels brighter, so the mean around each is looked at.
_DARKEST = 50
_NOISE_RADIUS = 2

# The saturation of what is nearly grey is noise where it is dark: so far apart must the
# brightest and the darkest colour of a pixel be, of 255.
_LEAST_CHROMA = 12


class Thresholds(NamedTuple):
    """What takes a pixel of a picture of the slide for tissue.

    Attributes:
        saturation: of tissue is more, 0 to 255; None: found for each slide.
        smallest_piece: pixels of tissue that hang together and are fewer are dust.
        smallest_hole: and such of glass are a part of the tissue around them.
        side: the longer side of the picture.
    """

    saturation: int | None = None
    smallest_piece: int = 64
    smallest_hole: int = 64
    side: int = 2048


def stained(
    slide: AbstractSlide, thresholds: Thresholds
) -> tuple[NDArray[np.bool_], float]:
    """Which pixels of a picture of the slide show tissue, (rows, columns).

    And how much of it is dark, 0 to 1.
    """
    np = _arrays.numpy()
    picture = slide.get_thumbnail((thresholds.side, thresholds.side))
    is_dark = _dark(picture)
    saturation = np.asarray(picture.convert("HSV"))[..., 1]
    threshold = thresholds.saturation
    if threshold is None:
        threshold = _otsu(saturation[~is_dark])
        threshold = min(max(threshold, _LEAST_SATURATION), _MOST_SATURATION)
    colors = np.asarray(picture)
    chroma = colors.max(axis=2) - colors.min(axis=2)
    is_stained = (saturation > threshold) & ~is_dark
    is_stained &= chroma >= min(threshold, _LEAST_CHROMA)
    pieces = _without_small(is_stained, thresholds.smallest_piece)
    filled = ~_without_small(~pieces, thresholds.smallest_hole)
    return filled, float(is_dark.mean())


def _dark(picture: Image) -> NDArray[np.bool_]:
    """Where no light came through."""
    from PIL import ImageFilter

    np = _arrays.numpy()
    smooth = picture.filter(ImageFilter.BoxBlur(_NOISE_RADIUS))
    return np.asarray(smooth).max(axis=2) < _DARKEST  # type: ignore[no-any-return]


def _otsu(values: NDArray[np.uint8]) -> int:
    """The value that divides uint8 values into the two most different classes."""
    np = _arrays.numpy()
    counts = np.bincount(values.ravel(), minlength=256).astype(float)
    below = counts.cumsum()
    sums = (counts * np.arange(256)).cumsum()
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = sums / below - (sums[-1] - sums) / above
        between = below * above * distance**2
    return int(np.nan_to_num(between).argmax())


def _without_small(mask: NDArray[np.bool_], smallest: int) -> NDArray[np.bool_]:
    try:
        from scipy import ndimage
    except ImportError:
        raise missing("finding tissue needs SciPy", "tiles") from None
    np = _arrays.numpy()
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    is_kept = sizes >= smallest
    is_kept[0] = False
    return is_kept[labels]  # type: ignore[no-any-return]
