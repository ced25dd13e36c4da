"""Polygons that people or programs drew on a slide, as GeoJSON keeps them.

    with openslide.OpenSlide("slide.svs") as slide:
        drawn = Annotations.read("slide.geojson", slide)
        tumor = drawn.only(["Tumor"])

Where coordinates count from is a choice, the *origin*.  QuPath shows of a slide only its
bounds, where it has any, and counts from their corner: "bounds".  It counts from the
corner of the slide, "slide", where it was told --no-crop or does not read by OpenSlide;
so do most programs other than QuPath.  Files that this package writes say which it is.
"""

from __future__ import annotations

import array
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

from . import _arrays, _scanlines

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from . import AbstractSlide
    from ._scanlines import Area

__all__ = ["Annotations", "Origin", "UNCLASSIFIED", "origin_offset", "stated_origin"]

#: Where coordinates count from: the corner of slide.bounds, or of the slide.
Origin: TypeAlias = Literal["bounds", "slide"]

#: The class of polygons that name none.
UNCLASSIFIED = "Unclassified"

# What QuPath calls a class of what shall not count.
_IGNORED = "Ignore*"

# The member of a file of ours that tells where it counts from.
_MEMBER = "openslide"


def origin_offset(slide: AbstractSlide, origin: Origin = "bounds") -> tuple[int, int]:
    """What to add to coordinates to have level-0 pixels of the slide, (x, y).

    Raises ValueError for another origin than "bounds" and "slide".
    """
    _check_origin(origin)
    return slide.bounds[:2] if origin == "bounds" else (0, 0)


def _check_origin(origin: str) -> None:
    if origin not in get_args(Origin):
        raise ValueError(f'origin must be "bounds" or "slide", not {origin!r}')


class Annotations:
    """Polygons on a slide, each of a class: level-0 pixels, from the slide's corner.

    Attributes:
        dimensions: (width, height) of the slide, level-0 pixels.
        offset: (x, y), where the coordinates of the file counted from.
        ignored: how many geometries the file has that are no polygons, by their type.
    """

    dimensions: tuple[int, int]
    offset: tuple[float, float]
    ignored: dict[str, int]

    def __init__(
        self,
        polygons: Iterable[tuple[str | None, Iterable[Any]]],
        dimensions: tuple[int, int],
    ) -> None:
        """Annotations of (class, rings) each: a ring is (n, 2), the first the outline."""
        builder = _Builder()
        parts = [
            _Part(name or UNCLASSIFIED, *builder.add_polygons([_lists(rings)]))
            for name, rings in polygons
        ]
        self._take(builder, parts, dimensions, (0, 0))

    def _take(
        self,
        builder: _Builder,
        parts: list[_Part],
        dimensions: tuple[int, int],
        offset: tuple[float, float],
    ) -> None:
        np = _arrays.numpy()
        self.dimensions, self.offset = dimensions, offset
        self.ignored = builder.ignored
        names = dict.fromkeys(part.name for part in parts)
        numbers = {name: number for number, name in enumerate(names)}
        self._names = list(names)
        self._set(*builder.arrays(), parts, numbers)
        self._points += np.array(offset, float)

    def _set(
        self,
        points: NDArray[np.float64],
        ring_ends: NDArray[np.int64],
        polygon_ends: NDArray[np.int64],
        parts: list[_Part],
        numbers: dict[str, int],
    ) -> None:
        np = _arrays.numpy()
        classes = np.full(len(polygon_ends), -1, np.int32)
        for name, start, end in parts:
            classes[start:end] = numbers[name]
        self._points, self._ring_ends = points, ring_ends
        self._polygon_ends, self._classes = polygon_ends, classes
        if (classes < 0).any():  # such as nuclei, which lie in their cells
            self._keep(classes >= 0)

    def _keep(self, is_kept: NDArray[np.bool_]) -> None:
        """Forget the other polygons."""
        np = _arrays.numpy()
        rings = np.diff(self._polygon_ends, prepend=0)
        points = np.diff(self._ring_ends, prepend=0)
        is_ring_kept = np.repeat(is_kept, rings)
        self._points = self._points[np.repeat(is_ring_kept, points)]
        self._ring_ends = points[is_ring_kept].cumsum()
        self._polygon_ends = rings[is_kept].cumsum()
        self._classes = self._classes[is_kept]

    @classmethod
    def read(
        cls,
        path: str | os.PathLike[str],
        slide: AbstractSlide | tuple[int, int],
        origin: Origin | None = None,
    ) -> Annotations:
        """The polygons of a GeoJSON file.

        slide:  what they were drawn on, or its (width, height), which has no bounds.
        origin: what coordinates count from: "bounds", as in QuPath, or "slide"; by
                default what the file says, as those of this package do, else "bounds".

        Polygon and MultiPolygon geometries are taken, in features, collections of
        them, lists or bare.  Their class is QuPath's: properties.classification.

        Raises OSError where the file cannot be read, and ValueError where it is no
        GeoJSON, holds no polygon, or none that lies on the slide.
        """
        if origin is not None:
            _check_origin(origin)
        dimensions = slide if isinstance(slide, tuple) else slide.dimensions
        name = repr(os.fspath(path))
        builder = _Builder()
        try:
            document = json.loads(
                Path(path).read_text(encoding="utf-8-sig"),
                object_hook=builder.understand,
            )
        except RecursionError:
            raise ValueError(f"{name} is no GeoJSON: it is nested too deeply") from None
        except (ValueError, TypeError, OverflowError) as error:
            raise ValueError(f"{name} is no GeoJSON: {error}") from None
        parts = list(_reached(document))
        if not parts:
            raise ValueError(f"{name} holds no polygon{_told(builder.ignored)}")
        offset: tuple[float, float] = (0, 0)
        stated = stated_origin(document)
        if not isinstance(slide, tuple):
            offset = origin_offset(slide, origin or stated or "bounds")
        annotations = cls.__new__(cls)
        try:
            annotations._take(builder, parts, dimensions, offset)
            annotations._require_on_slide()
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        return annotations

    def _require_on_slide(self) -> None:
        np = _arrays.numpy()
        if not np.isfinite(self._points).all():
            raise ValueError("a coordinate is no finite number")
        low, high = self._points.min(axis=0), self._points.max(axis=0)
        if (high <= 0).any() or (low >= self.dimensions).any():
            raise ValueError(
                f"no polygon lies on the slide: they reach from {_pair(low)} to "
                f"{_pair(high)}, and it has {self.dimensions} pixels; is the file of "
                "this slide, in level-0 pixels, and is the origin right?"
            )

    def __len__(self) -> int:
        return len(self._classes)

    def __repr__(self) -> str:
        classes = ", ".join(self.classes)
        return f"<{type(self).__name__}: {len(self)} polygons of {classes}>"

    def __iter__(self) -> Iterator[tuple[str, list[NDArray[np.float64]]]]:
        """(class, rings) of each polygon; a ring is float64 (n, 2) and ends as it begins."""
        start = ring = 0
        for number, ring_end in zip(
            self._classes.tolist(), self._polygon_ends.tolist(), strict=True
        ):
            rings = []
            for end in self._ring_ends[ring:ring_end].tolist():
                rings.append(self._points[start:end])
                start = end
            ring = ring_end
            yield self._names[number], rings

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that polygons have, in the order in which the file has them."""
        present = set(self._classes.tolist())
        return tuple(
            name for number, name in enumerate(self._names) if number in present
        )

    def only(
        self, classes: Iterable[str], *, keep_unwanted: bool = False
    ) -> Annotations:
        """The polygons of some classes.

        keep_unwanted: whether to have those that are unwanted too.

        Raises ValueError where there is no polygon of any of the classes.
        """
        wanted = set(classes)
        if not wanted & set(self.classes):
            raise ValueError(
                f"there is no polygon of class {_listed(wanted)}; there are "
                f"{_listed(self.classes)}"
            )
        return self._chosen(
            lambda name: name in wanted or (keep_unwanted and _is_ignored(name))
        )

    @property
    def unwanted(self) -> Annotations:
        """Those of QuPath's class "Ignore*", and of what is derived from it."""
        return self._chosen(_is_ignored)

    @property
    def wanted(self) -> Annotations:
        """The others."""
        return self._chosen(lambda name: not _is_ignored(name))

    def _chosen(self, is_chosen: Callable[[str], bool]) -> Annotations:
        np = _arrays.numpy()
        chosen = Annotations.__new__(Annotations)
        chosen.__dict__.update(self.__dict__)
        flags = np.array([is_chosen(name) for name in self._names], bool)
        chosen._keep(flags[self._classes])
        return chosen

    def area(self) -> Area:
        """What lies in any of the polygons.

        A hole of one spares what lies in it of the others.
        """
        np = _arrays.numpy()
        is_end = np.zeros(len(self._points), bool)
        is_end[self._ring_ends - 1] = True
        ends = np.concatenate([[0], self._ring_ends])[self._polygon_ends]
        polygons = np.repeat(np.arange(len(self)), np.diff(ends, prepend=0))
        return _scanlines.PolygonsArea(self._points, is_end, polygons, self.dimensions)

    def geojson(self, offset: tuple[float, float], origin: Origin) -> bytes:
        """A file of them, as QuPath reads it: UTF-8, coordinates to 1/100 pixel.

        offset: where coordinates shall count from, see origin_offset().
        origin: the same in a word, to be said in the file.
        """
        heads = {name: _feature_head(name) for name in self._names}
        rounded = Annotations.__new__(Annotations)
        rounded.__dict__.update(self.__dict__)
        rounded._points = (self._points - offset).round(2)
        features = []
        for name, rings in rounded:
            coordinates = [ring.tolist() for ring in rings]
            features.append(f"{heads[name]}{json.dumps(coordinates)}}}}}")
        member = {
            "origin": origin,
            "offset": list(offset),
            "dimensions": list(self.dimensions),
        }
        head = f'{{"type": "FeatureCollection", "{_MEMBER}": {json.dumps(member)}'
        lines = ",\n".join(features)
        return f'{head}, "features": [\n{lines}\n]}}\n'.encode()


def _feature_head(name: str) -> str:
    properties: dict[str, Any] = {"objectType": "annotation"}
    if name != UNCLASSIFIED:
        properties["classification"] = {"name": name}
    return (
        f'{{"type": "Feature", "properties": {json.dumps(properties)}, '
        '"geometry": {"type": "Polygon", "coordinates": '
    )


def _is_ignored(name: str) -> bool:
    return name.split(":")[0] == _IGNORED


def _lists(rings: Iterable[Any]) -> list[list[list[float]]]:
    return [[[float(x), float(y)] for x, y in ring] for ring in rings]


def _pair(values: NDArray[np.float64]) -> tuple[float, float]:
    x, y = values.tolist()
    return round(x, 1), round(y, 1)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, sorted(names)))


def _told(ignored: dict[str, int]) -> str:
    if not ignored:
        return ""
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(ignored.items()))
    return f", only {kinds}"


class _Part(NamedTuple):
    """Polygons of one class, from a number to before another."""

    name: str
    start: int
    end: int


class _Parts(NamedTuple):
    """What a feature stands for: its own polygons, and those of objects within it."""

    parts: list[_Part]


class _Polygons(NamedTuple):
    """A geometry that was taken apart."""

    start: int
    end: int


class _Builder:
    """Takes polygons out of a document while it is read, so that it stays small.

    Attributes:
        ignored: how many other geometries there are, by their type.
    """

    def __init__(self) -> None:
        self.ignored: dict[str, int] = {}
        self._points = array.array("d")
        self._ring_ends = array.array("q")
        self._polygon_ends = array.array("q")

    def understand(self, found: dict[str, Any]) -> Any:
        """What takes the place of a JSON object, whose members had their turn."""
        kind = found.get("type")
        if kind == "Feature":
            return self._feature(found)
        if kind == "Polygon" and isinstance(found.get("coordinates"), list):
            return self.add_polygons([found["coordinates"]])
        if kind == "MultiPolygon" and isinstance(found.get("coordinates"), list):
            return self.add_polygons(found["coordinates"])
        return found

    def _feature(self, found: dict[str, Any]) -> _Parts:
        properties = found.get("properties")
        if not isinstance(properties, dict):
            properties = {}
        name = _class_name(properties.get("classification"))
        geometry = found.get("geometry")
        parts = [
            _Part(name, start, end)
            for _, start, end in _reached(geometry, UNCLASSIFIED)
        ]
        if isinstance(geometry, dict) and isinstance(geometry.get("type"), str):
            kind = geometry["type"]
            if kind != "GeometryCollection":
                self.ignored[kind] = self.ignored.get(kind, 0) + 1
        parts += _reached(properties.get("childObjects"))
        return _Parts(parts)

    def add_polygons(self, polygons: list[Any]) -> _Polygons:
        """Polygons, each a list of rings; raises ValueError where they are none."""
        start = len(self._polygon_ends)
        for rings in polygons:
            if not rings:
                continue
            for ring in rings:
                self._add_ring(ring)
            self._polygon_ends.append(len(self._ring_ends))
        return _Polygons(start, len(self._polygon_ends))

    def _add_ring(self, ring: list[Any]) -> None:
        points, before = self._points, len(self._points)
        try:
            points.extend(itertools.chain.from_iterable(ring))
            if len(points) - before != 2 * len(ring):  # with heights
                del points[before:]
                points.extend(
                    itertools.chain.from_iterable(point[:2] for point in ring)
                )
            if len(points) - before != 2 * len(ring) or not ring:
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            raise ValueError(
                f"a ring must be a list of [x, y], not {_excerpt(ring)}"
            ) from None
        if ring[0] != ring[-1]:
            points.extend(points[before : before + 2])
        self._ring_ends.append(len(points) // 2)

    def arrays(
        self,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """Points (n, 2), where each ring ends in them, and each polygon in the rings."""
        np = _arrays.numpy()
        points = np.array(self._points, float).reshape(-1, 2)
        return (
            points,
            np.array(self._ring_ends, np.int64),
            np.array(self._polygon_ends, np.int64),
        )


def _excerpt(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _class_name(classification: Any) -> str:
    """The name of QuPath's class; derived ones are written with colons, as in QuPath."""
    match classification:
        case str(name) | {"name": str(name)}:
            return name or UNCLASSIFIED
        case {"names": [*names]}:
            return ": ".join(map(str, names)) or UNCLASSIFIED
    return UNCLASSIFIED


def _reached(document: Any, name: str = UNCLASSIFIED) -> Iterator[_Part]:
    """All polygons of a document that _Builder has understood."""
    match document:
        case _Parts(parts):
            yield from parts
        case _Polygons(start, end):
            if end > start:
                yield _Part(name, start, end)
        case {"type": "FeatureCollection", "features": [*items]}:
            yield from itertools.chain.from_iterable(map(_reached, items))
        case {"type": "GeometryCollection", "geometries": [*items]}:
            yield from itertools.chain.from_iterable(map(_reached, items))
        case [*items]:  # QuPath exports bare lists, too
            yield from itertools.chain.from_iterable(map(_reached, items))


def _stated_dimensions(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(width, height) of the slide that a file of this package says it is of.

    Raises ValueError where the file says none.
    """
    # The member stands before all polygons.
    with Path(path).open(encoding="utf-8") as file:
        head = file.readline()
    try:
        width, height = json.loads(head.rstrip("[\n") + "[]}")[_MEMBER]["dimensions"]
        return int(width), int(height)
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"{os.fspath(path)!r} was not written by TissueMask.save(); "
            "TissueMask.of(path, slide) takes any GeoJSON"
        ) from None


def stated_origin(document: Any) -> Origin | None:
    """Where a file of this package says that it counts from, None for other files.

    document: GeoJSON, as json.loads() gives it.
    """
    match document:
        case {"openslide": {"origin": "bounds" | "slide" as origin}}:
            return origin  # type: ignore[no-any-return]
    return None
