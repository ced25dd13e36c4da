"""Which tiles: what processes tell one another of them."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._arrays import numpy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TYPE = "q"
_CELL_BYTES = 2 * array(_TYPE).itemsize


@dataclass(frozen=True, slots=True)
class Cells:
    """(column, row) of tiles, in their order.

    The program divides them and hands them on without NumPy, whose import would take
    as long as copying thousands of tiles.

    packed: columns and rows, int64.
    """

    packed: bytes

    @classmethod
    def of(cls, cells: NDArray[np.int64]) -> Cells:
        """Those of an array (n, 2)."""
        return cls(cells.astype("int64").tobytes())

    @property
    def array(self) -> NDArray[np.int64]:
        """The same as an array (n, 2)."""
        cells: NDArray[np.int64] = numpy().frombuffer(self.packed, "int64")
        return cells.reshape(-1, 2)

    def __len__(self) -> int:
        return len(self.packed) // _CELL_BYTES

    def __iter__(self) -> Iterator[tuple[int, int]]:
        numbers = iter(array(_TYPE, self.packed))
        return zip(numbers, numbers, strict=True)

    def part(self, start: int, stop: int) -> Cells:
        """Some of them, by their numbers."""
        return Cells(self.packed[start * _CELL_BYTES : stop * _CELL_BYTES])
