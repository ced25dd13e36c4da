"""Tiles as a slide stores them: JPEG streams to copy, which nobody has to decode.

    tiles = slide.native_tiles(0)
    for column, row in ...:
        stream = tiles.encoded(column, row)  # bytes of a JPEG file, or None

Slides store most levels as plain grids of JPEG tiles.  A stored tile is no file of its
own: tables that all tiles share stand elsewhere, and so does word of whether samples are
RGB.  Here both are put in.  The entropy-coded bytes, which are the picture, stay those
of the slide, so nothing is lost, and a decoder like libjpeg-turbo gives the pixels of
read_region().
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from math import ceil, floor
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, TypeAlias, overload

from ._arrays import is_array_of_pairs, is_second, one_level, pair
from ._errors import OpenSlideError
from ._openslide import interchange_jpeg

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._slide import OpenSlide

    #: Pairs (column, row).
    Positions: TypeAlias = Iterable[tuple[int, int]] | NDArray[Any]

__all__ = ["ByteRange", "NativeTiles", "NotNativeError", "complete_jpeg"]


class NotNativeError(OpenSlideError):
    """A level, or a tile, cannot be had as it is stored.

    Reading it may be possible all the same, by read_region(): libopenslide makes some
    tiles of others.  Where it is not, that raises.

    reason: why, in words.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (str(self), self.reason)


class ByteRange(NamedTuple):
    """The bytes of a file that hold a tile.

    Attributes:
        path: the file's, absolute; of DICOM slides it is that of the level.
        offset: where they begin.
        length: how many they are.
        is_complete: whether they are a JPEG stream by themselves, the one that
            NativeTiles.encoded() returns; else complete_jpeg() makes it of them.
    """

    path: str
    offset: int
    length: int
    is_complete: bool


def complete_jpeg(
    stored: bytes | bytearray | memoryview,
    *,
    tables: bytes | None,
    size: tuple[int, int],
    rgb: bool,
) -> bytes:
    """The JPEG stream of a stored tile; what NativeTiles does, for who reads elsewhere.

    stored: the bytes of a ByteRange.
    tables: NativeTiles.tables.
    size:   NativeTiles.tile_size, (width, height) in pixels.
    rgb:    whether NativeTiles.color_space is "RGB".

    Raises ValueError where that is no JPEG tile of this size.  Entropy-coded bytes are
    not looked into.
    """
    return interchange_jpeg(stored, tables, size, rgb)


class NativeTiles:
    """The tiles of a level, as they are stored; see OpenSlide.native_tiles().

    All tiles have the same size.  Those at the right and lower edges reach beyond
    `dimensions`: what is there is padding, whatever the writer of the slide put (mostly
    repeated pixels, black or white), and read_region() shows transparency instead.
    Pixels of the level that a decoded tile has are those of read_region(), if the
    decoder gives what libjpeg-turbo gives; Pillow's does.

    Any number of threads may use one.  It is pickled as its slide and its level.

    Attributes:
        level: which one.
        tile_size: (width, height) of each tile, in pixels of the level.
        shape: (columns, rows) of the grid.
        origin: (x, y) of its top left corner, in pixels of the level: (0, 0), but for
            slides whose scan does not begin at the corner (Leica).
        dimensions: (width, height) from there of what the tiles show, in pixels of the
            level: those of the level, but for such slides.
        color_space: what the samples of the JPEG streams are, "RGB" or "YCbCr".
        tables: a JPEG stream of the tables that tiles share, for complete_jpeg(), or
            None.
    """

    def __init__(self, slide: OpenSlide, level: int) -> None:
        self._slide = slide
        self.level = one_level(level, slide.level_count)
        found = slide._osr.native_grid(self.level)
        if isinstance(found, str):
            raise self._level_error(found)
        self.tile_size, self.shape, self.origin, self.dimensions = found[:4]
        self._is_snapped, is_rgb, self.tables = found[4:]
        self.color_space: Literal["RGB", "YCbCr"] = "RGB" if is_rgb else "YCbCr"
        self._downsample = slide.level_downsamples[self.level]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of level {self.level} of {self._slide!r}>"

    def __reduce__(self) -> tuple[type[Self], tuple[OpenSlide, int]]:
        return type(self), (self._slide, self.level)

    def location(self, column: int, row: int) -> tuple[int, int]:
        """(x, y) of a tile's top left corner in level-0 pixels, for read_region().

        Where the downsample of the level is no integer, the corner may lie between
        level-0 pixels.  This is the nearest one then, from which libopenslide
        interpolates; read_array(..., coordinates="level") has the pixels as stored.
        """
        self._check(column, row)
        x, y = (
            (start + index * side) * self._downsample
            for start, index, side in zip(
                self.origin, (column, row), self.tile_size, strict=True
            )
        )
        if self._is_snapped:  # to the pixel before
            return ceil(x), ceil(y)
        return floor(x + 0.5), floor(y + 0.5)

    def encoded(self, column: int, row: int, *, verify: bool = False) -> bytes | None:
        """The JPEG stream of a tile; None where the slide has a hole.

        verify: decode the tile, to see that it is not damaged, for a hundred times the
                time.  Without that only its outline is looked at: markers, size, end.

        Raises NotNativeError where the tile is not there, or not like the others: it is
        an OpenSlideError, and reading the tile raises as well, or gives pixels that
        libopenslide makes of other tiles.  ValueError outside of the grid.
        """
        [stream] = self.encoded_batch([(column, row)], verify=verify)
        return stream

    @overload
    def encoded_batch(
        self,
        positions: Positions,
        *,
        errors: Literal["raise"] = "raise",
        verify: bool = False,
    ) -> list[bytes | None]: ...

    @overload
    def encoded_batch(
        self,
        positions: Positions,
        *,
        errors: Literal["return"],
        verify: bool = False,
    ) -> list[bytes | NotNativeError | None]: ...

    def encoded_batch(
        self,
        positions: Positions,
        *,
        errors: Literal["raise", "return"] = "raise",
        verify: bool = False,
    ) -> Any:
        """The JPEG streams of many tiles, as encoded() returns them.

        positions: pairs (column, row), or an array (n, 2).
        errors:    "raise" for the first tile that cannot be had, or "return": then the
                   NotNativeError stands in its place.
        verify:    as for encoded().

        They are read in the order of the file, neighbours at once, and returned in
        yours.
        """
        keeps_errors = is_second("errors", errors, ("raise", "return"))
        packed = self._packed(positions)
        found = self._slide._osr.native_tiles(self.level, packed, verify)
        return self._checked(found, packed, keeps_errors)

    def byte_range(self, column: int, row: int) -> ByteRange | None:
        """Where a tile lies in its file; None where the slide has a hole.

        Raises what encoded() raises.
        """
        [found] = self.byte_ranges([(column, row)])
        return found

    @overload
    def byte_ranges(
        self, positions: Positions, *, errors: Literal["raise"] = "raise"
    ) -> list[ByteRange | None]: ...

    @overload
    def byte_ranges(
        self, positions: Positions, *, errors: Literal["return"]
    ) -> list[ByteRange | NotNativeError | None]: ...

    def byte_ranges(
        self, positions: Positions, *, errors: Literal["raise", "return"] = "raise"
    ) -> Any:
        """The same of many tiles; arguments as for encoded_batch()."""
        keeps_errors = is_second("errors", errors, ("raise", "return"))
        packed = self._packed(positions)
        found = self._slide._osr.native_places(self.level, packed)
        return [
            ByteRange(*place) if isinstance(place, tuple) else place
            for place in self._checked(found, packed, keeps_errors)
        ]

    def holes(self, positions: Positions) -> list[bool]:
        """Which of many tiles are holes, without reading any; positions as above.

        Raises NotNativeError where the level turned out to have no native tiles.
        """
        packed = self._packed(positions)
        found = self._slide._osr.native_holes(self.level, packed)
        if isinstance(found, str):
            raise self._level_error(found)
        return [flag == 1 for flag in found]

    def _packed(self, positions: Positions) -> array[int]:
        """Columns and rows, one after another."""
        packed = array("q")
        if is_array_of_pairs(positions):
            is_inside = ((positions >= 0) & (positions < self.shape)).all(axis=1)
            if not is_inside.all():
                self._check(*positions[is_inside.argmin()].tolist())
            packed.frombytes(positions.astype("int64").tobytes())
            return packed
        for position in positions:
            column, row = pair(position, "position")
            self._check(column, row)
            packed.append(column)
            packed.append(row)
        return packed

    def _checked(
        self, found: list[Any] | str, packed: array[int], keeps_errors: bool
    ) -> list[Any]:
        """What was found of some tiles, with errors raised or in place of reasons."""
        if isinstance(found, str):
            raise self._level_error(found)
        for i, item in enumerate(found):
            if isinstance(item, str):
                error = self._tile_error(packed[2 * i], packed[2 * i + 1], item)
                if not keeps_errors:
                    raise error
                found[i] = error
        return found

    def _check(self, column: int, row: int) -> None:
        columns, rows = self.shape
        if not (0 <= column < columns and 0 <= row < rows):
            raise ValueError(
                f"there is no tile ({column}, {row}); level {self.level} has "
                f"{columns} columns and {rows} rows"
            )

    def _level_error(self, reason: str) -> NotNativeError:
        return NotNativeError(
            f"level {self.level} of {self._slide!r} has no native tiles: {reason}",
            reason,
        )

    def _tile_error(self, column: int, row: int, reason: str) -> NotNativeError:
        return NotNativeError(
            f"tile ({column}, {row}) of level {self.level} of {self._slide!r} cannot "
            f"be had as it is stored: {reason}",
            reason,
        )
