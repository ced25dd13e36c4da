"""A tile cache that slides can share."""

from __future__ import annotations

from ._openslide import Cache


class OpenSlideCache:
    """A cache of decoded tiles, for one slide or shared by several.

    capacity: bytes of decoded pixels to keep; 0 keeps nothing.  A slide that is
    given none has a cache of its own, of 32 MB.

    Raises ArgumentTypeError, ArgumentValueError or ArgumentOverflowError for a
    capacity that is no number of bytes, and OpenSlideVersionError before
    OpenSlide 4.0.0.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._openslide_cache = Cache(capacity)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._capacity!r})"
