"""The classes that the tiles of a grid are of."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

from . import _arrays

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TileClasses(NamedTuple):
    """How much of each tile of a grid the classes of a mask cover.

    Attributes:
        names: of the classes.
        cells: (column, row) of the tiles, int64 (n, 2), sorted by row and column.
        shares: 0 to 1, float32 (n, classes).
    """

    names: tuple[str, ...]
    cells: NDArray[np.int64]
    shares: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        names: tuple[str, ...],
        cells: NDArray[np.int64],
        shares: NDArray[np.float32],
    ) -> TileClasses:
        """Of tiles in any order."""
        order = _arrays.numpy().lexsort(cells.T)
        return cls(names, cells[order], shares[order])

    def encoded(self) -> bytes:
        """All of it, to be decoded again."""
        file = io.BytesIO()
        names = _arrays.numpy().array(self.names, "U")
        _arrays.numpy().savez(file, names=names, cells=self.cells, shares=self.shares)
        return file.getvalue()

    @classmethod
    def decoded(cls, data: bytes) -> TileClasses:
        """What encoded() gave."""
        with _arrays.numpy().load(io.BytesIO(data)) as found:
            names = tuple(map(str, found["names"]))
            return cls(names, found["cells"], found["shares"])

    def shares_of(self, cells: NDArray[np.int64]) -> NDArray[np.float32]:
        """The shares of some of the tiles."""
        np = _arrays.numpy()
        stride = 1 + max(int(self.cells[:, 0].max(initial=0)), 0)
        known, asked = (column_row @ (1, stride) for column_row in (self.cells, cells))
        return self.shares[np.searchsorted(known, asked)]  # type: ignore[no-any-return]

    def labels_of(self, cells: NDArray[np.int64]) -> list[str]:
        """The class that covers most of each of some tiles; empty where none does."""
        np = _arrays.numpy()
        shares = self.shares_of(cells)
        none = len(self.names)
        numbers = np.where(shares.any(axis=1), shares.argmax(axis=1), none)
        return [(*self.names, "")[number] for number in numbers.tolist()]
