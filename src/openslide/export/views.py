"""The pixels of tiles, and of what lies around them, as they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._color import to_srgb

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..tiles import TileGrid
    from .plan import Job


def read_views(
    job: Job, grid: TileGrid
) -> tuple[list[NDArray[np.uint8]], NDArray[np.bool_]]:
    """Tiles and what is around them, and which of them could be read in all views.

    Raises ValueError where the slide has no such resolution, or no profile that can be
    used.
    """
    pixels, good = grid.read_masked()
    views = [pixels]
    for mpp in job.options.context:
        pixels, also_good = grid.around(mpp).read_masked()
        views.append(pixels)
        good &= also_good
    if job.options.color == "srgb":
        views = [to_srgb(pixels, grid.slide) for pixels in views]
    return views, good
