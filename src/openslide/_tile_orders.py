"""The orders in which the tiles of a set come, without a list of them.

An order takes positions, counted from 0, and tells which tile of what it orders is there.
Shuffled orders are computed tile by tile, so that a hundred million tiles take no memory;
they depend on their seed alone, not on the machine or the release of NumPy.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol, TypeAlias

from . import _arrays

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Hashes: TypeAlias = "NDArray[np.uint64]"

#: Of a Feistel network: enough that neighbours have nothing in common.
_ROUNDS = 8


class Order(Protocol):
    """Which tiles come, and when."""

    def __len__(self) -> int: ...

    def __call__(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The tiles at these positions."""
        ...

    def digest(self) -> bytes:
        """What tells the order from others."""
        ...


class Part:
    """Some tiles in their order: a range of them."""

    def __init__(self, numbers: range) -> None:
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __call__(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        return self._numbers.start + self._numbers.step * positions

    def digest(self) -> bytes:
        return repr(self._numbers).encode()


class Chosen:
    """Tiles that somebody has listed."""

    def __init__(self, numbers: NDArray[np.int64]) -> None:
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __call__(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        return self._numbers[positions]

    def digest(self) -> bytes:
        return hashlib.sha256(self._numbers.astype("<i8").tobytes()).digest()


class Shuffle:
    """All of `length` tiles, mixed.

    A Feistel network permutes the numbers below a power of four; one that it leads beyond
    the last tile is led on until it comes back.
    """

    def __init__(self, length: int, seed: object) -> None:
        self._length = length
        self._seed = repr(seed)
        self._half = max(1, (max(length - 1, 0).bit_length() + 1) // 2)  # bits
        self._keys = [
            int.from_bytes(hashlib.sha256(f"{i} {self._seed}".encode()).digest()[:8])
            for i in range(_ROUNDS)
        ]

    def __len__(self) -> int:
        return self._length

    def __call__(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        np = _arrays.numpy()
        numbers = self._permuted(np.asarray(positions, np.uint64))
        beyond = np.flatnonzero(numbers >= self._length)
        while len(beyond):
            numbers[beyond] = self._permuted(numbers[beyond])
            beyond = beyond[numbers[beyond] >= self._length]
        return numbers.astype(np.int64)

    def _permuted(self, numbers: Hashes) -> Hashes:
        np = _arrays.numpy()
        half, mask = np.uint64(self._half), np.uint64((1 << self._half) - 1)
        left, right = numbers >> half, numbers & mask
        for key in self._keys:
            left, right = right, left ^ (_mixed(right ^ np.uint64(key)) & mask)
        permuted: Hashes = (left << half) | right
        return permuted

    def digest(self) -> bytes:
        return f"{self._length} {self._seed}".encode()


class ShuffleBySlides:
    """All tiles, mixed among those of a few slides at a time, which are chosen by chance.

    starts:  where the tiles of each slide begin, and behind the last one, (slides + 1,).
    at_once: how many slides are mixed.
    """

    def __init__(self, starts: NDArray[np.int64], seed: object, at_once: int) -> None:
        np = _arrays.numpy()
        slides = Shuffle(len(starts) - 1, seed)(np.arange(len(starts) - 1))
        self._seed, self._at_once = seed, at_once
        self._first = starts[slides]  # tile of each slide, as they come
        self._ends = np.cumsum(np.diff(starts)[slides])
        lasts = np.arange(at_once - 1, len(slides) + at_once - 1, at_once)
        self._group_ends = self._ends[np.minimum(lasts, len(slides) - 1)]

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __call__(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        np = _arrays.numpy()
        groups = np.searchsorted(self._group_ends, positions, "right")
        mixed = np.empty_like(positions)
        for group in np.unique(groups).tolist():
            first = int(self._group_ends[group - 1]) if group else 0
            length = int(self._group_ends[group]) - first
            of_group = groups == group
            shuffle = Shuffle(length, (self._seed, group))
            mixed[of_group] = first + shuffle(positions[of_group] - first)
        slides = np.searchsorted(self._ends, mixed, "right")
        before = np.concatenate([[0], self._ends])[slides]
        return self._first[slides] + mixed - before  # type: ignore[no-any-return]

    def digest(self) -> bytes:
        return f"{len(self)} {self._seed!r} {self._at_once}".encode()


class Chain:
    """Orders of orders: the last one is of what those before it give.

    length: of what the first one orders.
    """

    def __init__(self, length: int, orders: tuple[Order, ...] = ()) -> None:
        self._length = length
        self.orders = orders

    def __len__(self) -> int:
        return len(self.orders[-1]) if self.orders else self._length

    def then(self, order: Order) -> Chain:
        return Chain(self._length, (*self.orders, order))

    def tiles(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The tiles at these positions, which are all within."""
        for order in reversed(self.orders):
            positions = order(positions)
        return positions

    def digest(self) -> bytes:
        parts = [f"{type(o).__name__} ".encode() + o.digest() for o in self.orders]
        return hashlib.sha256(b"\n".join([b"%d" % self._length, *parts])).digest()


def _mixed(numbers: Hashes) -> Hashes:
    """Each number by itself, its bits spread over all others."""
    np = _arrays.numpy()
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * np.uint64(factor)
    return numbers ^ (numbers >> np.uint64(31))  # type: ignore[no-any-return]
