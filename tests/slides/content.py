"""What the slides show: synthetic tissue, placards and a colour profile.

Everything is deterministic, so two runs write the same pixels.
"""

import struct
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageDraw, ImageFilter

#: Height x width x 3, uint8.
RgbImage = npt.NDArray[np.uint8]
_Plane = npt.NDArray[np.float32]

#: Microns per pixel and objective power that every slide claims.
MPP = 0.5
OBJECTIVE_POWER = 20

REFERENCE_WIDTH, REFERENCE_HEIGHT = 2048, 1536

# Optical density of each stain in red, green and blue, after Ruifrok and
# Johnston, "Quantification of histochemical staining by color deconvolution".
_HAEMATOXYLIN = (0.65, 0.70, 0.29)
_EOSIN = (0.07, 0.99, 0.11)

_BACKGROUND = 243  # a bright field is never quite white
_NUCLEUS_SPACING = 22  # pixels; 11 microns at MPP


@cache
def reference() -> RgbImage:
    """The tissue that slides show unless told otherwise, read-only."""
    image = tissue(REFERENCE_WIDTH, REFERENCE_HEIGHT)
    image.flags.writeable = False
    return image


def small_reference() -> RgbImage:
    """The top left 1024 x 768 of `reference`, for slow or bulky encodings."""
    return reference()[:768, :1024]


def variant() -> RgbImage:
    """A part of `reference` for slides that vary others: sides that no tile divides."""
    return reference()[300:1000, 500:1600]


def whole_tiles(tile: int) -> RgbImage:
    """Three by two of them, which some scanners store alone."""
    return reference()[: 2 * tile, : 3 * tile]


@cache
def broad(width: int) -> RgbImage:
    """1024 rows of `reference`, again and again until they are so long."""
    rows = reference()[256:1280]
    repeated = np.tile(rows, (1, -(-width // REFERENCE_WIDTH), 1))[:, :width]
    image = np.ascontiguousarray(repeated)
    image.flags.writeable = False
    return image


def tissue(width: int, height: int, seed: int = 1) -> RgbImage:
    """Pink stroma with dark nuclei on a bright, slightly noisy background."""
    rng = np.random.default_rng(seed)
    shape = _smooth_noise(rng, width, height, max(8, width // 5))
    shape += 0.35 * _smooth_noise(rng, width, height, max(8, width // 24))
    mask = np.clip((shape - np.float32(0.62)) * 12, 0, 1)
    eosin = 0.15 + 0.45 * _smooth_noise(rng, width, height, 40)
    eosin += 0.25 * _smooth_noise(rng, width, height, 9)
    eosin *= mask
    haematoxylin = _nuclei(rng, width, height) * mask
    grain = 1.3 * rng.standard_normal((height, width), np.float32)

    image = np.empty((height, width, 3), np.uint8)
    for channel, (dark, pink) in enumerate(zip(_HAEMATOXYLIN, _EOSIN, strict=True)):
        density = np.float32(dark) * haematoxylin + np.float32(pink) * eosin
        image[..., channel] = np.clip(_BACKGROUND * np.exp(-density) + grain, 0, 255)
    return image


def _smooth_noise(
    rng: np.random.Generator, width: int, height: int, cell: int
) -> _Plane:
    """Noise between about 0 and 1 whose features are `cell` pixels wide."""
    columns, rows = width // cell + 3, height // cell + 3
    grid = Image.fromarray(rng.random((rows, columns), np.float32))
    # One cell is cut off all around: interpolation is one-sided there.
    box = (1, 1, 1 + width / cell, 1 + height / cell)
    return np.array(grid.resize((width, height), Image.Resampling.BICUBIC, box))


def _nuclei(rng: np.random.Generator, width: int, height: int) -> _Plane:
    """Stain of soft-edged ellipses, one in each cell of a jittered grid."""
    canvas = Image.new("L", (width, height))
    draw = ImageDraw.Draw(canvas)
    for top in range(0, height, _NUCLEUS_SPACING):
        for left in range(0, width, _NUCLEUS_SPACING):
            dx, dy, size, stretch, stain = rng.random(5)
            x, y = left + _NUCLEUS_SPACING * dx, top + _NUCLEUS_SPACING * dy
            half_height = 2.5 + 4 * size
            half_width = half_height * (0.8 + 0.6 * stretch)
            box = (x - half_width, y - half_height, x + half_width, y + half_height)
            draw.ellipse(box, fill=int(140 + 115 * stain))
    soft = canvas.filter(ImageFilter.GaussianBlur(1.2))
    return np.asarray(soft, np.float32) * np.float32(1.6 / 255)


def shrink(image: RgbImage, factor: int) -> RgbImage:
    """Area average; sizes that `factor` does not divide are rounded down.

    The result still covers the whole image, as a scanner's pyramid does, so its
    true downsample is then slightly more than `factor`.
    """
    if factor == 1:
        return image
    height, width = (max(1, length // factor) for length in image.shape[:2])
    return np.asarray(as_pillow(image).resize((width, height), Image.Resampling.BOX))


def thumbnail(image: RgbImage) -> RgbImage:
    """The associated image that shows the whole slide, a quarter as wide."""
    return shrink(image, 4)


@cache
def label() -> RgbImage:
    """The associated image of the slide's paper label."""
    return _placard(280, 260, "SYNTHETIC LABEL", (250, 250, 210))


@cache
def macro() -> RgbImage:
    """The associated image of the whole glass slide."""
    return _placard(640, 220, "SYNTHETIC MACRO", (225, 235, 250))


def _placard(
    width: int, height: int, text: str, background: tuple[int, int, int]
) -> RgbImage:
    canvas = Image.new("RGB", (width, height), background)
    ImageDraw.Draw(canvas).text((12, height // 2 - 6), text, fill=(0, 0, 0))
    return np.asarray(canvas)


@cache
def icc_profile(length: int = 0) -> bytes:
    """An sRGB profile that is the same whenever it is made.

    Of at least `length` bytes, for those of scanners are large.
    """
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    data = bytearray(profile.tobytes())
    # ICC.1, 7.2.1: bytes 24 to 35 are the time of creation.
    data[24:36] = struct.pack(">6H", 2020, 1, 1, 0, 0, 0)
    return _lengthened(bytes(data), length - len(data)) if length else bytes(data)


def _lengthened(profile: bytes, more: int) -> bytes:
    """A profile with `more` bytes, a multiple of 4, in a tag of nobody's."""
    # ICC.1, 7.3: the number of tags, and of each signature, offset and length.
    (count,) = struct.unpack_from(">I", profile, 128)
    table = bytearray(struct.pack(">I", count + 1))
    for entry in range(132, 132 + 12 * count, 12):
        tag, offset, length = struct.unpack_from(">4sII", profile, entry)
        table += struct.pack(">4sII", tag, offset + 12, length)
    total = len(profile) + more
    table += struct.pack(">4sII", b"none", len(profile) + 12, more - 12)
    header = struct.pack(">I", total) + profile[4:128]
    data = b"data" + bytes(more - 16)
    return header + table + profile[132 + 12 * count :] + data


def swapped_profile() -> bytes:
    """sRGB with the primaries red and blue exchanged."""
    profile = icc_profile()
    tags_end = 128 + 4 + 12 * int.from_bytes(profile[128:132], "big")  # ICC.1, 7.3
    tags = profile[:tags_end]
    for old, new in ((b"rXYZ", b"????"), (b"bXYZ", b"rXYZ"), (b"????", b"bXYZ")):
        assert tags.count(old) == 1
        tags = tags.replace(old, new)
    return tags + profile[tags_end:]


def as_pillow(image: npt.NDArray[np.uint8]) -> Image.Image:
    """A Pillow image of an array that need not be contiguous."""
    return Image.fromarray(np.ascontiguousarray(image))


def size_of(image: npt.NDArray[np.uint8]) -> tuple[int, int]:
    """Width and height."""
    return image.shape[1], image.shape[0]
