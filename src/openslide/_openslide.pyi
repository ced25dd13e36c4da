# The extension module; see ext/_openslide_module.c.
from collections.abc import Callable
from typing import SupportsFloat, SupportsIndex, TypeAlias, final

from _typeshed import ReadableBuffer, WriteableBuffer

_NativeGrid: TypeAlias = tuple[
    tuple[int, int],
    tuple[int, int],
    tuple[int, int],
    tuple[int, int],
    bool,
    bool,
    bytes | None,
]

@final
class Slide:
    def __new__(
        cls, path: bytes, may_reopen: bool = False, direct: bool = True, /
    ) -> Slide: ...
    def __reduce__(
        self, /
    ) -> tuple[Callable[..., Slide], tuple[bytes, bool, bool], Cache | None]: ...
    def __setstate__(self, cache: Cache | None, /) -> None: ...
    @property
    def path(self) -> bytes: ...
    @property
    def closed(self) -> bool: ...
    @property
    def level_dimensions(self) -> tuple[tuple[int, int], ...]: ...
    @property
    def level_downsamples(self) -> tuple[float, ...]: ...
    @property
    def divisible_levels(self) -> tuple[bool, ...]: ...
    @property
    def associated_image_names(self) -> tuple[str, ...]: ...
    @property
    def properties(self) -> dict[str, str]: ...
    def close(self, /) -> None: ...
    def error(self, /) -> str | None: ...
    def direct_refusals(self, /) -> tuple[str | None, ...]: ...
    def trust_direct_reads(self, /) -> None: ...
    def best_level_for_downsample(self, downsample: SupportsFloat, /) -> int: ...
    def associated_image_dimensions(self, name: str, /) -> tuple[int, int]: ...
    def icc_profile(self, /) -> bytes | None: ...
    def associated_image_icc_profile(self, name: str, /) -> bytes | None: ...
    def set_cache(self, cache: Cache, /) -> None: ...
    def read_region(
        self, location: tuple[int, int], level: SupportsIndex, size: tuple[int, int], /
    ) -> bytearray: ...
    def read_opaque_region(
        self,
        location: tuple[int, int],
        level: SupportsIndex,
        size: tuple[int, int],
        background: SupportsIndex,
        /,
    ) -> bytearray: ...
    def read_into(
        self,
        pixels: object,  # a buffer
        location: tuple[int, int],
        level: SupportsIndex,
        background: SupportsIndex,
        in_level_pixels: object,
        /,
    ) -> None: ...
    def read_all_into(
        self,
        pixels: object,  # these three are buffers
        locations: object,
        levels: object,
        background: SupportsIndex,
        in_level_pixels: object,
        is_masked: object,
        workers: SupportsIndex,
        /,
    ) -> bytearray: ...
    def read_resampled_into(
        self,
        pixels: object,  # these three are buffers
        starts: object,
        corners: object,
        level: SupportsIndex,
        source_size: tuple[int, int],
        box_size: tuple[float, float],
        filter: SupportsIndex,
        longer_first: object,
        background: SupportsIndex,
        is_masked: object,
        workers: SupportsIndex,
        /,
    ) -> bytearray: ...
    def native_grid(self, level: SupportsIndex, /) -> _NativeGrid | str: ...
    def native_tiles(
        self,
        level: SupportsIndex,
        positions: ReadableBuffer,
        verifies: object,
        /,
    ) -> list[bytes | str | None] | str: ...
    def native_places(
        self,
        level: SupportsIndex,
        positions: ReadableBuffer,
        verifies: object,
        /,
    ) -> list[tuple[str, int, int, bool] | str | None] | str: ...
    def read_region_raw(
        self,
        address: int,
        x: SupportsIndex,
        y: SupportsIndex,
        level: SupportsIndex,
        width: SupportsIndex,
        height: SupportsIndex,
        /,
    ) -> None: ...
    def read_associated_image(
        self, name: str, /
    ) -> tuple[bytearray, tuple[int, int]]: ...
    def read_associated_image_raw(self, name: str, /) -> bytearray: ...

@final
class Cache:
    def __new__(cls, capacity: SupportsIndex, /) -> Cache: ...
    def __reduce__(self, /) -> tuple[type[Cache], tuple[int]]: ...
    def release(self, /) -> None: ...

def load(path: bytes, /) -> None: ...
def library_path() -> bytes: ...
def library_version() -> str: ...
def has_function(name: str, /) -> bool: ...
def detect_vendor(path: bytes, /) -> str | None: ...
def argb2rgba(buffer: WriteableBuffer, /) -> None: ...
def conversion_kernel() -> str: ...
def instruction_sets() -> tuple[str, ...]: ...
def jpeg_decoders() -> tuple[str, ...]: ...
def tile_libraries() -> tuple[str, ...]: ...
def jpeg_version() -> str | None: ...
def interchange_jpeg(
    stored: ReadableBuffer,
    tables: bytes | None,
    size: tuple[int, int],
    is_rgb: object,
    /,
) -> bytes: ...
def encode_jpeg(pixels: ReadableBuffer, quality: SupportsIndex, /) -> bytes: ...
def resample(
    source: object,  # these two are buffers
    target: object,
    box: tuple[float, float, float, float],
    filter: SupportsIndex,
    longer_first: object,
    /,
) -> None: ...
def halve(source: object, target: object, /) -> None: ...  # buffers
