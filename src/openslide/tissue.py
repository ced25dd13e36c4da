"""Where tissue is on a slide.

A mask is found on a small picture of the slide, or taken from the user: an array,
an image, or polygons as QuPath exports them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from . import _arrays

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray
    from PIL.Image import Image

    from . import AbstractSlide

__all__ = ["MaskLike", "TissueMask"]

#: What TissueMask.of() takes.
MaskLike: TypeAlias = "TissueMask | ArrayLike | Image | str | os.PathLike[str]"

#: The longer side of the picture that tissue is looked for in, in pixels.
_PICTURE_SIDE = 2048

# Otsu's threshold divides any picture in two.  Paper-white noise is below the lower
# limit, and on a slide that is all tissue the threshold must not divide that.
_LEAST_SATURATION, _MOST_SATURATION = 12, 40  # of 255

# Smaller specks, and holes, are dust and tears.  Pixels of a 2048 x 2048 picture.
_SMALLEST_PIECE, _SMALLEST_HOLE = 64, 64


class TissueMask:
    """Which parts of a slide are wanted: a grid of booleans over all of it.

    wanted:     (rows, columns); what is not zero is wanted.
    dimensions: (width, height) of the slide that the grid covers, level-0 pixels.

    Raises ValueError where `wanted` is empty or not two-dimensional.
    """

    #: The grid, (rows, columns).
    array: NDArray[np.bool_]

    def __init__(self, wanted: ArrayLike, dimensions: tuple[int, int]) -> None:
        np = _arrays.numpy()
        array = np.asarray(wanted)
        if array.ndim != 2 or array.size == 0:
            raise ValueError(
                f"a mask has two dimensions and some pixels, not shape {array.shape}"
            )
        self.array = array != 0
        self.dimensions = dimensions
        # Sums of everything above and to the left of a corner.
        self._sums = np.zeros((array.shape[0] + 1, array.shape[1] + 1), np.int64)
        self.array.cumsum(0).cumsum(1, out=self._sums[1:, 1:])

    def __repr__(self) -> str:
        rows, columns = self.array.shape
        return (
            f"<{type(self).__name__} {columns} x {rows} over {self.dimensions}, "
            f"{self.array.mean():.0%} wanted>"
        )

    @classmethod
    def detect(cls, slide: AbstractSlide) -> TissueMask:
        """The mask of what is stained: more saturated than the bright field.

        The threshold is Otsu's (IEEE Trans. SMC 9(1), 1979) on the saturation of a
        thumbnail; specks and holes below about 64 of its pixels are removed.

        Needs SciPy: ImportError says how to get it.
        """
        np = _arrays.numpy()
        picture = slide.get_thumbnail((_PICTURE_SIDE, _PICTURE_SIDE))
        saturation = np.asarray(picture.convert("HSV"))[..., 1]
        threshold = min(max(_otsu(saturation), _LEAST_SATURATION), _MOST_SATURATION)
        return cls(_without_specks(saturation > threshold), slide.dimensions)

    @classmethod
    def from_geojson(
        cls, path: str | os.PathLike[str], dimensions: tuple[int, int]
    ) -> TissueMask:
        """The mask of the polygons of a GeoJSON file, in level-0 pixels.

        Polygon and MultiPolygon geometries are taken, in features, collections of
        them or bare, as QuPath exports annotations; others are ignored.

        Raises ValueError for a file that holds no polygon.
        """
        from PIL import Image, ImageDraw

        shrink = max(1.0, max(dimensions) / _PICTURE_SIDE)
        sides = [max(1, round(side / shrink)) for side in dimensions]
        mask = Image.new("1", (sides[0], sides[1]))
        draw = ImageDraw.Draw(mask)
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        polygons = list(_polygons(document))
        if not polygons:
            raise ValueError(f"{os.fspath(path)!r} holds no polygon")
        for outline, *holes in polygons:
            # Each by itself: a hole lets nothing of another polygon vanish.
            shape = Image.new("1", mask.size)
            pen = ImageDraw.Draw(shape)
            pen.polygon([(x / shrink, y / shrink) for x, y, *_ in outline], fill=1)
            for hole in holes:
                pen.polygon([(x / shrink, y / shrink) for x, y, *_ in hole], fill=0)
            draw.bitmap((0, 0), shape, fill=1)
        return cls(_arrays.numpy().asarray(mask), dimensions)

    @classmethod
    def of(cls, mask: MaskLike, dimensions: tuple[int, int]) -> TissueMask:
        """A mask from whatever describes one: a mask, an array, an image or a file.

        A file is GeoJSON where its name ends in .json or .geojson, else an image.
        Of images, what is not black is wanted.

        Raises ValueError where a mask was made for other dimensions.
        """
        if isinstance(mask, TissueMask):
            if mask.dimensions != dimensions:
                raise ValueError(
                    f"the mask covers {mask.dimensions} pixels, the slide has "
                    f"{dimensions}"
                )
            return mask
        from PIL import Image

        if isinstance(mask, (str, os.PathLike)):
            if Path(mask).suffix.lower() in (".json", ".geojson"):
                return cls.from_geojson(mask, dimensions)
            with Image.open(mask) as image:
                return cls(_arrays.numpy().asarray(image.convert("L")), dimensions)
        if isinstance(mask, Image.Image):
            return cls(_arrays.numpy().asarray(mask.convert("L")), dimensions)
        return cls(cast("ArrayLike", mask), dimensions)

    def fractions(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """How much of each box is wanted, 0 to 1.

        boxes: (n, 4), each (x, y, width, height) in level-0 pixels.  What lies
               outside of the slide is not wanted.
        """
        np = _arrays.numpy()
        rows, columns = self.array.shape
        scale = np.array((columns, rows)) / self.dimensions
        start = np.floor(boxes[:, :2] * scale).astype(np.int64)
        end = np.ceil((boxes[:, :2] + boxes[:, 2:]) * scale).astype(np.int64)
        end = np.maximum(end, start + 1)
        area = (end - start).prod(axis=1)
        (left, top), (right, bottom) = (
            np.clip(corner, 0, (columns, rows)).T for corner in (start, end)
        )
        wanted = (
            self._sums[bottom, right]
            - self._sums[top, right]
            - self._sums[bottom, left]
            + self._sums[top, left]
        )
        return wanted / area  # type: ignore[no-any-return]


def _otsu(values: NDArray[np.uint8]) -> int:
    """The value that divides uint8 values into the two most different classes."""
    np = _arrays.numpy()
    counts = np.bincount(values.ravel(), minlength=256).astype(float)
    below = counts.cumsum()
    sums = (counts * np.arange(256)).cumsum()
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = sums / below - (sums[-1] - sums) / above
        between = below * above * distance**2
    return int(np.nan_to_num(between).argmax())


def _without_specks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without specks and holes."""
    mask = _without_small(mask, _SMALLEST_PIECE)
    return ~_without_small(~mask, _SMALLEST_HOLE)


def _without_small(mask: NDArray[np.bool_], smallest: int) -> NDArray[np.bool_]:
    try:
        from scipy import ndimage
    except ImportError:
        raise ImportError(
            "finding tissue needs SciPy; install it with "
            "`pip install openslide-native[tiles]`"
        ) from None
    np = _arrays.numpy()
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    is_kept = sizes >= smallest
    is_kept[0] = False
    return is_kept[labels]  # type: ignore[no-any-return]


def _polygons(document: Any) -> Iterator[list[Any]]:
    """All polygons of a GeoJSON object, each a list of rings."""
    match document:
        case {"type": "FeatureCollection", "features": [*features]}:
            yield from _polygons_of(features)
        case {"type": "GeometryCollection", "geometries": [*geometries]}:
            yield from _polygons_of(geometries)
        case {"type": "Feature", "geometry": geometry}:
            yield from _polygons(geometry)
        case {"type": "Polygon", "coordinates": [*rings]} if rings:
            yield rings
        case {"type": "MultiPolygon", "coordinates": [*polygons]}:
            yield from (rings for rings in polygons if rings)
        case [*items]:  # QuPath exports bare lists, too
            yield from _polygons_of(items)


def _polygons_of(items: Iterable[Any]) -> Iterator[list[Any]]:
    for item in items:
        yield from _polygons(item)
