"""What a set of tiles knows of its slides: found out once, kept small.

A slide is opened once to see which tiles it has; from then on its tiles are counted, and
placed, without it.  All of that is a few arrays, whatever the number of slides, which
are pickled at once and shared by forked processes.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from . import _arrays, _open
from ._errors import OpenSlideError
from ._properties import PROPERTY_NAME_QUICKHASH1
from ._threads import in_threads

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from . import AbstractSlide
    from ._arrays import Color, Mode
    from ._sampling import Resample
    from .annotations import Origin
    from .tiles import TileGrid
    from .tissue import MaskLike

#: How many failures a message has room for.
_TOLD = 5


class GridOptions(TypedDict, total=False):
    """What TileGrid takes by name, but for the mask, which each slide has for itself."""

    overlap: int
    stride: int | None
    level: int | None
    mpp: float | None
    resample: Resample
    slide_mpp: float | tuple[float, float] | None
    bounds: bool
    mask_origin: Origin | None
    mask_classes: Iterable[str | int] | None
    min_tissue: float | None
    mode: Mode
    background: Color | None


class SlideSource(NamedTuple):
    """A slide of a set, and what is known of it beside its file.

    Attributes:
        slide: its path.
        mask: what of it is wanted, as TileGrid takes it; where there is none, all is,
            or tissue with min_tissue.
        slide_mpp: microns per level-0 pixel; None: as the slide says, or the set.
        columns: anything else, such as {"label": "tumor"}.
    """

    slide: str | os.PathLike[str]
    mask: MaskLike | None = None
    slide_mpp: float | tuple[float, float] | None = None
    columns: Mapping[str, str] = {}


class SurveyedSlides(NamedTuple):
    """Slides whose tiles are known.

    Tiles are numbered slide by slide, row by row.

    Attributes:
        paths: absolute.
        columns: what the sources say of each.
        resolutions: microns per level-0 pixel that the sources say of each; or None.
        identities: what tells each from another one in its place.
        size: (width, height) of all tiles in their own pixels.
        options: of all grids.
        starts: number of the first tile of each, and of all tiles, int64 (slides + 1,).
        cells: row * widths + column of each tile, int64 or uint32 (n,).
        widths: columns of each grid, int64 (slides,).
        origins: (x, y) of the tile in column 0 and row 0 of each, float64 (slides, 2).
        scales: (x, y), level-0 pixels by pixel of a tile, float64 (slides, 2).
        mpp: (x, y), microns per level-0 pixel; not-a-number where nobody says.
        stride: (x, y) from tile to tile in their own pixels.
        classes: of all masks.
        shares: of each tile for each class, float32 (n, classes).
        failures: (path, reason) of the slides that were left out.
    """

    paths: tuple[str, ...]
    columns: tuple[dict[str, str], ...]
    resolutions: tuple[float | tuple[float, float] | None, ...]
    identities: tuple[str, ...]
    size: tuple[int, int]
    options: GridOptions
    starts: NDArray[np.int64]
    cells: NDArray[Any]
    widths: NDArray[np.int64]
    origins: NDArray[np.float64]
    scales: NDArray[np.float64]
    mpp: NDArray[np.float64]
    stride: tuple[int, int]
    classes: tuple[str, ...]
    shares: NDArray[np.float32]
    failures: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.cells)

    def slides_of(self, tiles: NDArray[np.int64]) -> NDArray[np.int64]:
        """The number of the slide of each of these tiles."""
        np = _arrays.numpy()
        return np.searchsorted(self.starts, tiles, "right") - 1  # type: ignore[no-any-return]

    def cells_of(
        self, tiles: NDArray[np.int64], slides: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """(column, row) of tiles, which are of these slides, (n, 2)."""
        np = _arrays.numpy()
        cells = self.cells[tiles].astype(np.int64)
        rows, columns = np.divmod(cells, self.widths[slides])
        return np.stack([columns, rows], axis=1)  # type: ignore[no-any-return]

    def boxes_of(
        self, cells: NDArray[np.int64], slides: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """(x, y, width, height) of such tiles in level-0 pixels, (n, 4)."""
        np = _arrays.numpy()
        scales = self.scales[slides]
        corners = self.origins[slides] + cells * self.stride * scales
        return np.hstack([corners, self.size * scales])  # type: ignore[no-any-return]

    def labels_of(self, tiles: NDArray[np.int64]) -> list[str]:
        """The class that covers most of each of these tiles; empty where none does."""
        if not self.classes:
            return [""] * len(tiles)
        np = _arrays.numpy()
        shares = self.shares[tiles]
        numbers = np.where(shares.any(axis=1), shares.argmax(axis=1), -1)
        return [(*self.classes, "")[number] for number in numbers.tolist()]

    def grid(self, number: int, slide: AbstractSlide) -> TileGrid:
        """A grid of this slide, without tiles.

        Raises ValueError where the slide is another one than it was.
        """
        if identity_of(slide) != self.identities[number]:
            raise ValueError(
                f"{self.paths[number]!r} is another slide than when its tiles were "
                "looked for; make the TileSet again"
            )
        options = grid_options(self.options, self.resolutions[number])
        return unmasked(slide, self.size, options)[:0]

    def digest(self) -> bytes:
        """What tells these tiles from others, wherever the slides lie."""
        total = hashlib.sha256()
        names = [os.path.basename(path) for path in self.paths]
        places = (self.starts, self.widths, self.origins, self.scales, self.cells)
        total.update(repr((names, self.identities, self.size, self.stride)).encode())
        for values in places:
            total.update(_arrays.numpy().ascontiguousarray(values))
        return total.digest()


class _Surveyed(NamedTuple):
    """What was found of one slide."""

    identity: str
    size: tuple[int, int]
    cells: NDArray[Any]
    width: int
    origin: tuple[float, float]
    scale: tuple[float, float]
    mpp: tuple[float, float] | None
    stride: tuple[int, int]
    classes: tuple[str, ...]
    shares: NDArray[np.float32]


def survey(
    sources: list[SlideSource],
    size: int | tuple[int, int],
    options: GridOptions,
    *,
    skips: bool,
    workers: int | None,
) -> SurveyedSlides:
    """Look at all slides, several at once.

    skips: whether slides of which nothing can be had are left out, with a warning.

    Raises ValueError that names them otherwise, and where no slide is left.
    """
    found = in_threads(lambda one: _survey_one(one, size, options), sources, workers)
    failures = tuple(
        (os.fspath(source.slide), str(result))
        for source, result in zip(sources, found, strict=True)
        if isinstance(result, Exception)
    )
    _tell(failures, len(sources), skips)
    good = [
        (source, result)
        for source, result in zip(sources, found, strict=True)
        if isinstance(result, _Surveyed)
    ]
    return _put_together(good, options, failures)


def grid_options(
    options: GridOptions, slide_mpp: float | tuple[float, float] | None
) -> GridOptions:
    """The options of one slide's grid."""
    return options if slide_mpp is None else {**options, "slide_mpp": slide_mpp}


def unmasked(
    slide: AbstractSlide, size: tuple[int, int], options: GridOptions
) -> TileGrid:
    """All tiles of a slide, wanted or not."""
    from .tiles import TileGrid

    everything: GridOptions = {**options, "min_tissue": None}
    return TileGrid(slide, size, **everything)


def identity_of(slide: AbstractSlide) -> str:
    """What tells a slide from another one in its place."""
    quickhash = slide.properties.get(PROPERTY_NAME_QUICKHASH1)
    return f"{quickhash} {slide.level_dimensions}"


def _survey_one(
    source: SlideSource, size: int | tuple[int, int], options: GridOptions
) -> _Surveyed | Exception:
    """What is found of a slide, or what is wrong with it."""
    from .tiles import TileGrid

    np = _arrays.numpy()
    try:
        with _open.open_slide_or_picture(source.slide) as slide:
            grid = TileGrid(
                slide,
                size,
                mask=source.mask,
                **grid_options(options, source.slide_mpp),
            )
            columns, rows = grid.shape
            kind = np.uint32 if columns * rows < 1 << 32 else np.int64
            return _Surveyed(
                identity_of(slide),
                grid.size,
                (grid.cells @ (1, columns)).astype(kind),
                columns,
                grid.origin,
                grid.scale,
                grid.slide_mpp,
                grid.stride,
                grid.classes,
                grid.class_shares,
            )
    except (OpenSlideError, OSError, ValueError) as error:
        return error


def _tell(failures: tuple[tuple[str, str], ...], total: int, skips: bool) -> None:
    if not failures:
        return
    told = [f"{path}: {reason}" for path, reason in failures[:_TOLD]]
    if len(failures) > _TOLD:
        told.append(f"and {len(failures) - _TOLD} more")
    reasons = "; ".join(told)
    if not skips:
        raise ValueError(
            f"{len(failures)} of {total} slides cannot be cut into tiles: {reasons}; "
            'on_error="skip" leaves them out'
        )
    if len(failures) == total:
        raise ValueError(f"none of {total} slides can be cut into tiles: {reasons}")
    warnings.warn(
        f"{len(failures)} of {total} slides are left out: {reasons}", stacklevel=4
    )


def _put_together(
    good: list[tuple[SlideSource, _Surveyed]],
    options: GridOptions,
    failures: tuple[tuple[str, str], ...],
) -> SurveyedSlides:
    np = _arrays.numpy()
    found = [result for _, result in good]
    unknown = (np.nan, np.nan)
    starts = np.cumsum([0, *(len(one.cells) for one in found)], dtype=np.int64)
    classes = tuple(dict.fromkeys(name for one in found for name in one.classes))
    shares = np.zeros((int(starts[-1]), len(classes)), np.float32)
    for start, one in zip(starts.tolist(), found, strict=False):
        places = [classes.index(name) for name in one.classes]
        shares[start : start + len(one.cells), places] = one.shares
    return SurveyedSlides(
        paths=tuple(os.fspath(source.slide) for source, _ in good),
        columns=tuple(dict(source.columns) for source, _ in good),
        resolutions=tuple(source.slide_mpp for source, _ in good),
        identities=tuple(one.identity for one in found),
        size=found[0].size,
        options=options,
        starts=starts,
        cells=np.concatenate([one.cells for one in found]),
        widths=np.array([one.width for one in found], np.int64),
        origins=np.array([one.origin for one in found], np.float64),
        scales=np.array([one.scale for one in found], np.float64),
        mpp=np.array([one.mpp or unknown for one in found], np.float64),
        stride=found[0].stride,
        classes=classes,
        shares=shares,
        failures=failures,
    )
