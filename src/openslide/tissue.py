"""Where tissue is on a slide, or what else of it is wanted.

A mask is found on a small picture of the slide, or taken from the user: an array,
an image, or polygons as QuPath exports them.  Masks combine: `tissue & ~artefacts`.
"""

from __future__ import annotations

import functools
import operator
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from . import _arrays, _scanlines
from .annotations import UNCLASSIFIED as _UNCLASSIFIED
from .annotations import Annotations as _Annotations
from .annotations import _stated_dimensions
from .annotations import origin_offset as _origin_offset

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray
    from PIL.Image import Image

    from . import AbstractSlide
    from ._scanlines import Area
    from .annotations import Annotations, Origin

__all__ = ["MaskLike", "TissueMask"]

#: What TissueMask.of() takes.
MaskLike: TypeAlias = (
    "TissueMask | Annotations | ArrayLike | Image | str | os.PathLike[str]"
)

#: The longer side of the grid of a mask that has no grid of its own.
_GRID_SIDE = 2048

#: Pictures of more values than this show no classes, but shades.
_MOST_CLASSES = 64

#: The class of what is wanted in masks without classes, when they become polygons.
_TISSUE = "Tissue"

#: Where a saved grid says what it covers.
_PNG_DIMENSIONS = "openslide dimensions"

_POLYGON_SUFFIXES = (".json", ".geojson")


class TissueMask:
    """Which parts of a slide are wanted: a grid of booleans over all of it, or polygons.

    wanted:     (rows, columns); what is not zero is wanted.
    dimensions: (width, height) of the slide that the grid covers, level-0 pixels.

    `a & b`, `a | b` and `~a` are masks too, as exact as what they are made of.

    Raises ValueError where `wanted` is empty or not two-dimensional.
    """

    def __init__(self, wanted: ArrayLike, dimensions: tuple[int, int]) -> None:
        array = _two_dimensional(wanted)
        self.dimensions = dimensions
        self._grid: NDArray[np.bool_] | None = array != 0
        self._annotations: Annotations | None = None
        self._layers: dict[str, Area] = {}
        self._dark: float | None = None

    @classmethod
    def _of_area(cls, area: Area, layers: dict[str, Area]) -> TissueMask:
        mask = cls.__new__(cls)
        mask.dimensions = area.dimensions
        mask._grid = None
        mask._annotations = None
        mask._layers = layers
        mask._dark = None
        mask.__dict__["_area"] = area
        return mask

    @functools.cached_property
    def _area(self) -> Area:
        return _scanlines.GridArea(self.array, self.dimensions)

    @functools.cached_property
    def array(self) -> NDArray[np.bool_]:
        """The grid, (rows, columns).

        Polygons, and masks that are combined of different ones, have one of 2048
        pixels on the longer side, at most a pixel for each of the slide; what the
        middle of a pixel lies in is in it.
        """
        if self._grid is not None:
            return self._grid
        shrink = max(1.0, max(self.dimensions) / _GRID_SIDE)
        width, height = (max(1, round(side / shrink)) for side in self.dimensions)
        return _scanlines.painted(self._area, (width, height))

    @functools.cached_property
    def _sums(self) -> NDArray[np.int64]:
        """Sums of everything above and to the left of a corner."""
        np = _arrays.numpy()
        rows, columns = self.array.shape
        kind = np.int32 if rows * columns < 1 << 31 else np.int64
        sums = np.zeros((rows + 1, columns + 1), kind)
        self.array.cumsum(0, dtype=kind).cumsum(1, out=sums[1:, 1:])
        return sums  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        rows, columns = self.array.shape
        return (
            f"<{type(self).__name__} {columns} x {rows} over {self.dimensions}, "
            f"{self.array.mean():.0%} wanted>"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {key: self.__dict__[key] for key in self.__dict__ if key != "_sums"}

    # Where it comes from

    @classmethod
    def detect(
        cls,
        slide: AbstractSlide,
        *,
        saturation: int | None = None,
        smallest_piece: int = 64,
        smallest_hole: int = 64,
        side: int = 2048,
    ) -> TissueMask:
        """The mask of what is stained: more saturated than the bright field.

        saturation:     what is more, of 255, is tissue; by default Otsu's threshold
                        (IEEE Trans. SMC 9(1), 1979) for this slide, from 12 to 40.
        smallest_piece: smaller ones are removed, in pixels of the picture.
        smallest_hole:  smaller ones are filled.
        side:           the longer side of the picture that is looked at, in pixels.

        This is for bright field alone.  What is dark is no tissue: black where nothing
        was scanned, noise included, and the field of fluorescence, of which only bright
        colours are found.  Ink, blood and coloured dirt are as good as tissue here, and
        fat, or a stain hardly paler than glass, is not found: lower `saturation` for
        pale stains, or give a mask.

        Needs SciPy: ImportError says how to get it.  Raises ValueError for thresholds
        below 0, or a saturation above 255.
        """
        from ._detection import Thresholds, stained

        if saturation is not None and not 0 <= saturation <= 255:
            raise ValueError(f"saturation must be from 0 to 255, not {saturation!r}")
        if min(smallest_piece, smallest_hole) < 0 or side < 1:
            raise ValueError(
                "smallest_piece and smallest_hole must not be negative, and side must "
                f"be positive, not {smallest_piece!r}, {smallest_hole!r}, {side!r}"
            )
        thresholds = Thresholds(saturation, smallest_piece, smallest_hole, side)
        grid, dark = stained(slide, thresholds)
        mask = cls(grid, slide.dimensions)
        mask._dark = dark
        return mask

    @classmethod
    def from_annotations(cls, annotations: Annotations) -> TissueMask:
        """The mask of polygons: all but those of QuPath's class "Ignore*", which take
        away from the others.

        Their classes are the mask's too, unless no polygon has any.

        Raises ValueError where no polygon is wanted.
        """
        wanted, unwanted = annotations.wanted, annotations.unwanted
        if not len(wanted):
            raise ValueError(
                f"no polygon is wanted: all are of {', '.join(unwanted.classes)}"
            )
        area = wanted.area()
        layers = {name: area for name in wanted.classes if name != _UNCLASSIFIED}
        if len(wanted.classes) > 1:
            layers = {name: wanted.only([name]).area() for name in wanted.classes}
        if len(unwanted):
            spared = unwanted.area()
            area = _scanlines.CombinedArea(area, spared, _without)
            layers = {
                name: _scanlines.CombinedArea(layer, spared, _without)
                for name, layer in layers.items()
            }
        mask = cls._of_area(area, layers)
        mask._annotations = annotations
        return mask

    @classmethod
    def from_geojson(
        cls,
        path: str | os.PathLike[str],
        slide: AbstractSlide | tuple[int, int],
        *,
        origin: Origin | None = None,
        classes: Iterable[str] | None = None,
    ) -> TissueMask:
        """The mask of the polygons of a GeoJSON file, see Annotations.read().

        classes: those that are wanted; by default all but QuPath's "Ignore*", which is
                 taken away from what is wanted in any case.

        Raises what Annotations.read() raises, and ValueError where there is no polygon
        of the classes.
        """
        annotations = _Annotations.read(path, slide, origin)
        try:
            if classes is not None:
                annotations = annotations.only(classes, keep_unwanted=True)
            return cls.from_annotations(annotations)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)!r}: {error}") from None

    @classmethod
    def of(
        cls,
        mask: MaskLike,
        slide: AbstractSlide | tuple[int, int],
        *,
        origin: Origin | None = None,
        classes: Iterable[str | int] | None = None,
        threshold: float | None = None,
    ) -> TissueMask:
        """A mask from whatever describes one: a mask, an array, an image or a file.

        slide:     what it is of, or its (width, height) in level-0 pixels.
        origin:    of polygons, see Annotations.read().  Of arrays and images, what they
                   cover: all of the slide, by default, or its "bounds".
        classes:   those that are wanted: classes of polygons, values of an array or
                   image.
        threshold: of arrays and images, what is less is not wanted.

        A file is GeoJSON where its name ends in .json or .geojson, else an image of any
        size.  Of images and arrays, what is more than 0 is wanted, by default; labels
        are in any one channel, and what is transparent is not wanted.  Of images of more
        than 4096 x 4096 pixels, and of their reduced levels where they have such, not
        every pixel is looked at.

        Raises ValueError where a mask was made for other dimensions or has other
        proportions than what it shall cover, where there is nothing of the classes, and
        for a JPEG file without a threshold, for JPEG does not keep labels.
        """
        dimensions = slide if isinstance(slide, tuple) else slide.dimensions
        if isinstance(mask, TissueMask):
            _require_dimensions(mask.dimensions, dimensions)
            return mask
        chosen = None if classes is None else [str(name) for name in classes]
        if isinstance(mask, _Annotations):
            _require_dimensions(mask.dimensions, dimensions)
            if chosen is not None:
                mask = mask.only(chosen, keep_unwanted=True)
            return cls.from_annotations(mask)
        is_path = isinstance(mask, (str, os.PathLike))
        if is_path and Path(cast("str", mask)).suffix.lower() in _POLYGON_SUFFIXES:
            path = cast("str", mask)
            if threshold is not None:
                raise ValueError(
                    f"{os.fspath(path)!r} has polygons, of which there is no threshold: "
                    f"{threshold!r}"
                )
            return cls.from_geojson(path, slide, origin=origin, classes=chosen)
        area = (0, 0, *dimensions)
        if origin == "bounds" and not isinstance(slide, tuple):
            area = slide.bounds
        elif origin is not None and not isinstance(slide, tuple):
            _origin_offset(slide, origin)  # raises for another word
        try:
            values = _values(mask, area, threshold)
            return cls._of_values(values, area, dimensions, chosen, threshold)
        except ValueError as error:
            if not is_path or os.fspath(cast("str", mask)) in str(error):
                raise
            raise ValueError(f"{os.fspath(cast('str', mask))!r}: {error}") from None

    @classmethod
    def _of_values(
        cls,
        values: NDArray[Any],
        area: tuple[int, int, int, int],
        dimensions: tuple[int, int],
        classes: list[str] | None,
        threshold: float | None,
    ) -> TissueMask:
        np = _arrays.numpy()
        values = _placed(values, area, dimensions)
        wanted = values > 0 if threshold is None else values >= threshold
        labels: list[int] = []
        if values.dtype.kind in "iu" and threshold is None:
            labels = np.unique(values[wanted]).tolist()
        if classes is not None:
            numbers = [label for label in labels if str(label) in classes]
            if not numbers:
                raise ValueError(
                    f"no pixel has a value of {', '.join(classes)}; there are "
                    f"{', '.join(map(str, labels[:_MOST_CLASSES])) or 'no labels'}"
                )
            wanted = np.isin(values, numbers)
            labels = numbers
        mask = cls(wanted, dimensions)
        if classes is not None or 1 < len(labels) <= _MOST_CLASSES:
            mask._layers = {
                str(label): _scanlines.GridArea(values == label, dimensions)
                for label in labels
            }
        return mask

    # What it says

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that it tells apart: of polygons, or labels of an image.

        An image of one label, or of more than 64, has none.
        """
        return tuple(self._layers)

    @property
    def dark(self) -> float | None:
        """How much of the slide is dark, 0 to 1, where tissue was looked for.

        Of fluorescence it is most, and what was found there is none.
        """
        return self._dark

    @property
    def annotations(self) -> Annotations | None:
        """The polygons that it was made of; None for other masks."""
        return self._annotations

    def fractions(
        self, boxes: NDArray[np.float64], lines: int | None = None
    ) -> NDArray[np.float64]:
        """How much of each box is wanted, 0 to 1 in nine digits, float64 (n,).

        boxes: (n, 4), each (x, y, width, height) in level-0 pixels.  What lies
               outside of the slide is not wanted.
        lines: how finely polygons are looked at, in lines for each box, from 64 to
               1024; by default one for each level-0 pixel.  Along lines, and of grids,
               the share is exact.
        """
        np = _arrays.numpy()
        if self._grid is None:
            return _scanlines.shares(self._area, boxes, lines)
        rows, columns = self.array.shape
        scale = np.array((columns, rows)) / self.dimensions
        # To a millionth of a pixel: boxes end where pixels do, but for rounding.
        start = np.round(boxes[:, :2] * scale, 6)
        end = np.round((boxes[:, :2] + boxes[:, 2:]) * scale, 6)
        wanted = (
            self._sum_before(end)
            - self._sum_before(np.stack([start[:, 0], end[:, 1]], axis=1))
            - self._sum_before(np.stack([end[:, 0], start[:, 1]], axis=1))
            + self._sum_before(start)
        )
        area = (end - start).prod(axis=1)
        share = np.divide(wanted, area, out=np.zeros(len(boxes)), where=area > 0)
        return np.clip(np.round(share, 9), 0, 1)  # type: ignore[no-any-return]

    def _sum_before(self, corners: NDArray[np.float64]) -> NDArray[np.float64]:
        """How many pixels are wanted above and to the left, of some the part."""
        np = _arrays.numpy()
        rows, columns = self.array.shape
        x, y = np.clip(corners, 0, (columns, rows)).T
        column = np.minimum(x.astype(np.int64), columns - 1)
        row = np.minimum(y.astype(np.int64), rows - 1)
        right, down = x - column, y - row
        sums = self._sums
        upper = sums[row, column] * (1 - right) + sums[row, column + 1] * right
        lower = sums[row + 1, column] * (1 - right) + sums[row + 1, column + 1] * right
        return upper * (1 - down) + lower * down  # type: ignore[no-any-return]

    def class_shares(
        self, boxes: NDArray[np.float64], lines: int | None = None
    ) -> NDArray[np.float64]:
        """How much of each box each class covers, float64 (n, classes).

        The rest is as for fractions().  Classes may lie over each other.
        """
        np = _arrays.numpy()
        result = np.zeros((len(boxes), len(self._layers)))
        for number, layer in enumerate(self._layers.values()):
            result[:, number] = _scanlines.shares(layer, boxes, lines)
        return result  # type: ignore[no-any-return]

    # Masks of masks

    def __and__(self, other: TissueMask) -> TissueMask:
        return self._combined(other, operator.and_)

    def __or__(self, other: TissueMask) -> TissueMask:
        return self._combined(other, operator.or_)

    def __invert__(self) -> TissueMask:
        if self._grid is not None:
            return TissueMask(~self._grid, self.dimensions)
        area = _scanlines.CombinedArea(
            _scanlines.WholeArea(self.dimensions), self._area, _without
        )
        return TissueMask._of_area(area, {})

    def _combined(
        self, other: TissueMask, rule: Callable[[Any, Any], Any]
    ) -> TissueMask:
        if not isinstance(other, TissueMask):
            return NotImplemented
        _require_dimensions(other.dimensions, self.dimensions)
        layers = {**other._layers, **self._layers}
        if (
            self._grid is not None
            and other._grid is not None
            and self._grid.shape == other._grid.shape
        ):
            mask = TissueMask(rule(self._grid, other._grid), self.dimensions)
            mask._layers = layers
            return mask
        return TissueMask._of_area(
            _scanlines.CombinedArea(self._area, other._area, rule), layers
        )

    # On a disk

    def geojson(
        self, offset: tuple[float, float] = (0, 0), origin: Origin = "slide"
    ) -> bytes:
        """The mask as polygons for QuPath: GeoJSON, UTF-8.

        offset: where coordinates shall count from, see annotations.origin_offset().
        origin: the same in a word, to be said in the file.

        Polygons are written as they were read; of others, the outlines of the pixels of
        `array`, by class where there are classes.
        """
        annotations = self._annotations
        if annotations is None:
            annotations = _Annotations(self._outlines(), self.dimensions)
        return annotations.geojson(offset, origin)

    def _outlines(self) -> Iterable[tuple[str, list[Any]]]:
        from ._outlines import outlines

        np = _arrays.numpy()
        rows, columns = self.array.shape
        scale = np.array(self.dimensions) / (columns, rows)
        layers: dict[str, Any] = {_TISSUE: self.array}
        if self._layers and self._grid is not None:
            layers = {
                name: _scanlines.painted(layer, (columns, rows)) & self.array
                for name, layer in self._layers.items()
            }
        for name, grid in layers.items():
            for rings in outlines(grid):
                yield name, [np.vstack([ring, ring[:1]]) * scale for ring in rings]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a small file that load() reads, whole or not at all.

        path: ends in .png, for `array` (a bit for each pixel, compressed; without the
              classes), or in .geojson or .json, for polygons, as geojson() gives them.

        Raises ValueError for other names, and OSError that names the file.
        """
        from .output.whole import write_whole

        suffix = Path(path).suffix.lower()
        if suffix in _POLYGON_SUFFIXES:
            write_whole(path, self.geojson())
        elif suffix == ".png":
            write_whole(path, self._png())
        else:
            raise ValueError(
                f"{os.fspath(path)!r} must end in .png, .geojson or .json to be a mask"
            )

    def _png(self) -> bytes:
        from io import BytesIO

        from PIL import Image, PngImagePlugin

        text = PngImagePlugin.PngInfo()
        text.add_text(_PNG_DIMENSIONS, "{} {}".format(*self.dimensions))
        file = BytesIO()
        Image.fromarray(self.array).save(file, "PNG", pnginfo=text)
        return file.getvalue()

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TissueMask:
        """A mask that save() wrote.

        Raises OSError where it cannot be read, and ValueError where something else is.
        """
        if Path(path).suffix.lower() in _POLYGON_SUFFIXES:
            return cls.from_geojson(path, _stated_dimensions(path))
        from PIL import Image

        with Image.open(path) as image:
            stated = str(image.info.get(_PNG_DIMENSIONS, "")).split()
            try:
                width, height = map(int, stated)
            except ValueError:
                raise ValueError(
                    f"{os.fspath(path)!r} was not written by TissueMask.save(); "
                    "TissueMask.of(path, slide) takes any image"
                ) from None
            return cls(_arrays.numpy().asarray(image), (width, height))


def _without(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return first & ~second


def _two_dimensional(values: ArrayLike) -> NDArray[Any]:
    array: NDArray[Any] = _arrays.numpy().asarray(values)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"a mask has two dimensions and some pixels, not shape {array.shape}"
        )
    return array


def _require_dimensions(found: tuple[int, int], wanted: tuple[int, int]) -> None:
    if found != wanted:
        raise ValueError(f"the mask covers {found} pixels, the slide has {wanted}")


def _values(
    mask: MaskLike, area: tuple[int, int, int, int], threshold: float | None
) -> NDArray[Any]:
    """The values of an array, image or file, after a look at its proportions."""
    from PIL import Image

    from . import _mask_images

    if isinstance(mask, (str, os.PathLike)):
        picture = _mask_images.open_picture(mask, is_lossy_fine=threshold is not None)
        with picture:
            _require_proportions(picture.size, area)
            return picture.values()
    if isinstance(mask, Image.Image):
        _require_proportions(mask.size, area)
        return _mask_images.values_of(mask)
    array = _two_dimensional(cast("ArrayLike", mask))
    _require_proportions(array.shape[::-1], area)
    return array


def _require_proportions(
    size: tuple[int, ...], area: tuple[int, int, int, int]
) -> None:
    """Raise unless a picture of this size may be the area made small.

    Each side of it may be rounded up or down to whole pixels.
    """
    (width, height), (_, _, full_width, full_height) = size, area
    least = max(full_width / (width + 1), full_height / (height + 1))
    most = min(
        full_width / (width - 1) if width > 1 else float("inf"),
        full_height / (height - 1) if height > 1 else float("inf"),
    )
    if not least < most:
        raise ValueError(
            f"a mask of {width} x {height} pixels has other proportions than "
            f"{full_width} x {full_height} pixels of the slide, which it shall cover; "
            "was it made of this slide, and of all of it? One of the scanned area "
            'alone has the origin "bounds"'
        )


def _placed(
    values: NDArray[Any],
    area: tuple[int, int, int, int],
    dimensions: tuple[int, int],
) -> NDArray[Any]:
    """Values that cover an area of a slide, amid zeros that cover all of it."""
    if area == (0, 0, *dimensions):
        return values
    np = _arrays.numpy()
    rows, columns = values.shape
    x, y, width, height = area
    whole = np.zeros(
        (
            max(1, round(dimensions[1] * rows / height)),
            max(1, round(dimensions[0] * columns / width)),
        ),
        values.dtype,
    )
    left, top = round(x * columns / width), round(y * rows / height)
    target = whole[max(top, 0) : top + rows, max(left, 0) : left + columns]
    source = values[max(-top, 0) :, max(-left, 0) :]
    target[...] = source[: target.shape[0], : target.shape[1]]
    return whole  # type: ignore[no-any-return]
