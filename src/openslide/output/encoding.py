"""Pixels to the bytes of a file, in memory: JPEG, PNG, WebP or TIFF.

Equal pixels give equal bytes, those that Pillow would write.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .._openslide import encode_jpeg, jpeg_version

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

#: As Pillow calls them too.
Format: TypeAlias = Literal["jpeg", "png", "webp", "tiff"]

#: The longest side in pixels, for formats that have one.  Pillow's errors do not say.
LONGEST_SIDES: dict[str, int] = {"jpeg": 65500, "webp": 16383}

_LOSSY = ("jpeg", "webp")

# How a JPEG file holds a profile: ICC.1, annex B.4.
_APP2 = b"\xff\xe2"
_ICC = b"ICC_PROFILE\0"
_LONGEST_PIECE = 65533 - len(_ICC) - 2


class Encoding:
    """How pictures become files.

    quality: from 1 to 100, of JPEG and WebP.

    Raises ValueError for another quality.
    """

    def __init__(self, format: Format, quality: int = 75) -> None:
        if not 1 <= quality <= 100:
            raise ValueError(f"quality must be from 1 to 100, not {quality!r}")
        self.format = format
        self.quality = quality

    def require_room(self, size: tuple[int, int]) -> None:
        """Raise ValueError where a file cannot have so many pixels on a side."""
        limit = LONGEST_SIDES.get(self.format, max(size))
        if max(size) > limit:
            raise ValueError(
                f"{size[0]} x {size[1]} pixels, and {self.format.upper()} files have "
                f"{limit} at most on a side"
            )

    def encode(self, image: Image, profile: bytes | None = None) -> bytes:
        """The file of a picture: RGB, RGBX, or but for JPEG RGBA.

        profile: an ICC profile to put in; that of the image itself does not count.

        Raises what Pillow raises where it cannot.
        """
        if self._is_ours and image.mode in ("RGB", "RGBX") and _is_plain(image):
            # Python's lock is only held while pixels are copied.
            pixels = memoryview(image.tobytes("raw", "RGB"))
            shape = (image.height, image.width, 3)
            file = encode_jpeg(pixels.cast("B", shape), self.quality)
            return _with_profile(file, profile)
        if image.mode == "RGBX":
            image = image.convert("RGB")
        return self._by_pillow(image, profile)

    def encode_pixels(self, pixels: NDArray[np.uint8]) -> bytes:
        """The file of uint8 (height, width, 3), RGB."""
        return self.encode_bytes(pixels.data)

    def encode_bytes(self, pixels: memoryview) -> bytes:
        """The file of bytes (height, width, 3), RGB."""
        if self._is_ours:
            return encode_jpeg(pixels, self.quality)
        from PIL import Image

        height, width, _ = pixels.shape or ()
        image = Image.frombytes("RGB", (width, height), pixels.tobytes())
        return self._by_pillow(image, None)

    @property
    def _is_ours(self) -> bool:
        # The same bytes as Pillow's, in two thirds of the time.
        return self.format == "jpeg" and jpeg_version() is not None

    def _by_pillow(self, image: Image, profile: bytes | None) -> bytes:
        # Where there is no profile, Pillow must not find one elsewhere.
        options: dict[str, Any] = {"icc_profile": profile}
        if self.format in _LOSSY:
            options["quality"] = self.quality
        if self.format == "tiff":
            options["compression"] = "tiff_lzw"  # what every reader knows
        buffer = BytesIO()
        image.save(buffer, self.format, **options)
        return buffer.getvalue()


def _is_plain(image: Image) -> bool:
    """Whether Pillow would put nothing but pixels into a JPEG file."""
    return bool(image.width and image.height and not image.info.get("comment"))


def _with_profile(file: bytes, profile: bytes | None) -> bytes:
    """A JPEG file with a profile after its first segment, where Pillow has it."""
    if not profile:
        return file
    pieces = [
        profile[start : start + _LONGEST_PIECE]
        for start in range(0, len(profile), _LONGEST_PIECE)
    ]
    segments = b"".join(
        _APP2
        + (2 + len(_ICC) + 2 + len(piece)).to_bytes(2, "big")
        + _ICC
        + bytes((number, len(pieces)))
        + piece
        for number, piece in enumerate(pieces, 1)
    )
    end = 4 + int.from_bytes(file[4:6], "big")  # of the JFIF segment
    return file[:end] + segments + file[end:]
