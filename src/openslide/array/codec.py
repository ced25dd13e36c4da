"""Tiles of slides as chunks of Zarr arrays: the codec `openslide.jpeg`.

zarr-python finds it by this package's entry point, so where a virtual store is read this
package must be installed.  Chunks are read only.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from PIL import Image
from zarr.abc.codec import ArrayBytesCodec

from ..native import NativeTiles, complete_jpeg

if TYPE_CHECKING:
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer, NDBuffer
    from zarr.core.common import JSON

NAME = "openslide.jpeg"


@dataclass(frozen=True)
class StoredJpeg(ArrayBytesCodec):
    """From the bytes of a stored JPEG tile to uint8 (height, width, 3), RGB.

    Attributes:
        tables: a JPEG stream of the tables that tiles share, or None.
        size: (width, height) of a tile.
        rgb: whether samples are RGB, not YCbCr.
    """

    is_fixed_size = False

    tables: bytes | None
    size: tuple[int, int]
    rgb: bool

    @classmethod
    def of(cls, tiles: NativeTiles) -> Self:
        """The codec for the tiles of a level."""
        return cls(tiles.tables, tiles.tile_size, tiles.color_space == "RGB")

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        """Raises ValueError for what to_dict() has not given."""
        configuration: Any = data.get("configuration")
        try:
            tables, rgb = configuration["tables"], configuration["rgb"]
            width, height = configuration["size"]
            decoded = None if tables is None else b64decode(tables, validate=True)
            return cls(decoded, (int(width), int(height)), bool(rgb))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"this is no configuration of the codec {NAME}: {configuration!r}"
            ) from error

    def to_dict(self) -> dict[str, JSON]:
        tables = None if self.tables is None else b64encode(self.tables).decode()
        return {
            "name": NAME,
            "configuration": {
                "tables": tables,
                "size": list(self.size),
                "rgb": self.rgb,
            },
        }

    async def _decode_single(
        self, chunk_bytes: Buffer, chunk_spec: ArraySpec
    ) -> NDBuffer:
        pixels = await asyncio.to_thread(self.decode_tile, chunk_bytes.to_bytes())
        return chunk_spec.prototype.nd_buffer.from_ndarray_like(pixels)

    def decode_tile(self, stored: bytes) -> Any:
        """The pixels of a stored tile.  Raises ValueError or OSError for damaged ones."""
        stream = complete_jpeg(stored, tables=self.tables, size=self.size, rgb=self.rgb)
        with Image.open(BytesIO(stream), formats=["JPEG"]) as image:
            return np.asarray(image)

    async def _encode_single(
        self, chunk_array: NDBuffer, chunk_spec: ArraySpec
    ) -> Buffer | None:
        raise NotImplementedError(
            "tiles of slides are read only; copy the array into a store of its own, "
            "as `openslide convert` does without --virtual"
        )

    def compute_encoded_size(
        self, input_byte_length: int, chunk_spec: ArraySpec
    ) -> int:
        raise NotImplementedError  # it is another for each tile
