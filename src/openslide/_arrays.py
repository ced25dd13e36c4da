"""What the array methods of slides take and give: regions, backgrounds, memory.

NumPy is imported where an array is asked for, not with the package.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import index
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    NamedTuple,
    TypeAlias,
    TypeGuard,
    cast,
)

from ._extras import missing
from ._properties import background_color
from ._threads import thread_count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ._abstract_slide import AbstractSlide

Mode: TypeAlias = Literal["RGB", "RGBA"]
Coordinates: TypeAlias = Literal["level0", "level"]
ErrorPolicy: TypeAlias = Literal["raise", "mask"]
Color: TypeAlias = str | tuple[int, int, int]
Locations: TypeAlias = "Sequence[tuple[int, int]] | NDArray[np.integer[Any]]"
Integers: TypeAlias = "NDArray[np.int64]"
Levels: TypeAlias = "int | Sequence[int] | NDArray[np.integer[Any]]"
#: Pictures of one size, each an array (height, width, channels).
Pictures: TypeAlias = "NDArray[np.uint8] | Sequence[NDArray[np.uint8]] | memoryview"
Points: TypeAlias = "Sequence[tuple[float, float]] | NDArray[Any]"

#: What the extension module can count to.
_FARTHEST = 1 << 63


class Request(NamedTuple):
    """A region to read, checked."""

    location: tuple[int, int]
    level: int
    background: tuple[int, int, int]
    in_level_pixels: bool


class Requests(NamedTuple):
    """Many regions to read, checked."""

    locations: Integers  # (n, 2)
    levels: Integers  # (n,)
    background: tuple[int, int, int]
    in_level_pixels: bool
    is_masked: bool
    workers: int  # 0: as many as there may be


def request(
    slide: AbstractSlide,
    location: tuple[int, int],
    level: int,
    background: Color | None,
    coordinates: Coordinates,
) -> Request:
    """What read_array() is asked for; raises what it does for wrong arguments."""
    return Request(
        pair(location, "location"),
        one_level(level, slide.level_count),
        rgb(background, slide.properties),
        is_second("coordinates", coordinates, ("level0", "level")),
    )


def requests(
    slide: AbstractSlide,
    locations: Locations,
    level: Levels,
    background: Color | None,
    coordinates: Coordinates,
    errors: ErrorPolicy,
    workers: int | None,
) -> Requests:
    """What read_batch() is asked for; raises what it does for wrong arguments."""
    is_masked, threads = policy(errors, workers)
    positions = pairs(locations)
    return Requests(
        positions,
        levels(level, len(positions), slide.level_count),
        rgb(background, slide.properties),
        is_second("coordinates", coordinates, ("level0", "level")),
        is_masked,
        threads,
    )


def policy(errors: ErrorPolicy, workers: int | None) -> tuple[bool, int]:
    """Whether what cannot be read is masked, and how many threads there may be.

    0 threads are as many as there may be.
    """
    is_masked = is_second("errors", errors, ("raise", "mask"))
    return is_masked, 0 if workers is None else thread_count(workers, "workers")


def numpy() -> Any:
    """NumPy, or ImportError that says how to get it."""
    try:
        import numpy
    except ImportError:
        raise missing("arrays need NumPy", "array") from None
    return numpy


def truths(states: bytearray) -> NDArray[np.bool_]:
    """Which states are 1, those of regions that were read."""
    return numpy().frombuffer(states, "uint8") == 1  # type: ignore[no-any-return]


def is_second(name: str, value: str, allowed: tuple[str, str]) -> bool:
    """Which of two values an option has; ValueError where it is another one."""
    if value not in allowed:
        raise ValueError(
            f"{name} must be {allowed[0]!r} or {allowed[1]!r}, not {value!r}"
        )
    return value == allowed[1]


def channels(mode: str) -> int:
    """Bytes of a pixel: 3 for "RGB", 4 for "RGBA"."""
    return 4 if is_second("mode", mode, ("RGB", "RGBA")) else 3


def rgb(
    background: Color | None, properties: Mapping[str, str]
) -> tuple[int, int, int]:
    """A background as (red, green, blue); None means the slide's own, else white.

    Raises ArgumentTypeError for other numbers than integers, such as shares of 1, and
    ValueError for what is no colour.
    """
    if background is None:
        background = background_color(properties)
    if isinstance(background, str):
        return named_rgb(background)
    try:
        values = tuple(index(value) for value in background)
    except TypeError:
        raise _type_error(
            "background must be three integers from 0 to 255, or a colour's name, "
            f"not {background!r}"
        ) from None
    if len(values) != 3 or not all(0 <= value <= 255 for value in values):
        raise ValueError(
            "background must be three integers from 0 to 255, or a colour's name, "
            f"not {background!r}"
        )
    return values


def packed(color: tuple[int, int, int]) -> int:
    """0xRRGGBB, as the extension module takes it."""
    red, green, blue = color
    return red << 16 | green << 8 | blue


@lru_cache
def named_rgb(name: str) -> tuple[int, int, int]:
    """A colour that Pillow can name; ValueError for what is none."""
    from PIL import ImageColor

    red, green, blue = ImageColor.getrgb(name)[:3]
    return red, green, blue


def pair(value: Any, name: str) -> tuple[int, int]:
    """A pair of integers; TypeError or ValueError says what `name` should be."""
    try:
        first, second = value
        return index(first), index(second)
    except (TypeError, ValueError):
        raise _type_error(f"{name} must be a pair of integers, not {value!r}") from None


def points(values: Any) -> list[tuple[float, float]]:
    """Positions, pairs of numbers, whatever held them.

    Raises ArgumentTypeError for what is none, ArgumentOverflowError beyond 64 bits,
    and ValueError for not-a-number.
    """
    try:
        items = list(values)
    except TypeError:
        raise _type_error(f"locations must be pairs, not {values!r}") from None
    return [_point(item) for item in items]


def _point(value: Any) -> tuple[float, float]:
    try:
        x, y = value
        point = _number(x), _number(y)
    except (TypeError, ValueError):
        raise _type_error(
            f"a location must be a pair of numbers, not {value!r}"
        ) from None
    except OverflowError:
        point = math.inf, math.inf
    if any(abs(place) >= _FARTHEST for place in point):
        raise too_far(value)
    if any(math.isnan(place) for place in point):
        raise ValueError(f"a location must be a pair of numbers, not {value!r}")
    return point


def _number(value: Any) -> float:
    """A number; text is none, though it may tell one."""
    if isinstance(value, (str, bytes, bytearray)):
        raise TypeError(value)
    return float(value)


def positive_number(value: Any, name: str) -> float:
    """A number that is positive and finite.

    Raises ArgumentTypeError for what is none, and ValueError for others.
    """
    try:
        number = _number(value)
    except (TypeError, ValueError):
        raise _type_error(f"{name} must be a number, not {value!r}") from None
    except OverflowError:
        number = math.inf
    if not 0 < number < math.inf:
        raise ValueError(f"{name} must be positive, not {value!r}")
    return number


def too_far(location: Any) -> Exception:
    """What is raised for a location that the extension module cannot count to."""
    return _overflow_error(f"a location must fit 64 bits, but is {location!r}")


def _type_error(message: str) -> Exception:
    from ._argument_errors import ArgumentTypeError

    return ArgumentTypeError(message)


def _overflow_error(message: str) -> Exception:
    from ._argument_errors import ArgumentOverflowError

    return ArgumentOverflowError(message)


def sides(size: Any) -> tuple[int, int]:
    """(width, height), not negative."""
    width, height = pair(size, "size")
    if width < 0 or height < 0:
        raise ValueError(f"size must not be negative, but is {size!r}")
    return width, height


def integers(values: Any, name: str) -> Integers:
    """An int64 array of integers, whatever held them.

    Raises ArgumentTypeError for other numbers, which would have to be rounded, and
    ArgumentOverflowError beyond 64 bits.
    """
    np = numpy()
    array = np.asarray(values)
    if array.dtype.kind != "i" and array.size > 0:
        array = _narrowed(array, values, name)
    return cast(Integers, np.asarray(array, np.int64, order="C"))


def _narrowed(array: NDArray[Any], values: Any, name: str) -> NDArray[Any]:
    """What NumPy did not make signed integers of, but which may be such."""
    np = numpy()
    largest = np.iinfo(np.int64).max
    if array.dtype.kind == "u" and array.max() <= largest:
        return array
    # NumPy makes floats of large integers, so these are looked at one by one.
    exact = np.asarray(values, object)
    try:
        numbers = [] if array.dtype.kind == "b" else [index(v) for v in exact.flat]
    except TypeError:
        numbers = []
    if not numbers:
        raise _type_error(f"{name} must be integers, not {values!r}")
    for number in numbers:
        if not -largest - 1 <= number <= largest:
            raise _overflow_error(f"{name} must fit 64 bits, but is {number}")
    return cast(Integers, np.array(numbers, np.int64).reshape(exact.shape))


def is_array_of_pairs(values: Any) -> TypeGuard[NDArray[np.signedinteger[Any]]]:
    """Whether it is an array (n, 2) of signed integers, for which NumPy is there."""
    np = sys.modules.get("numpy")
    if np is None or not isinstance(values, np.ndarray):
        return False
    return bool(values.dtype.kind == "i" and values.shape[1:] == (2,))


def pairs(values: Locations) -> Integers:
    """An int64 array (n, 2) of positions."""
    array = integers(values, "locations")
    if array.size == 0:
        return array.reshape(0, 2)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(
            f"locations must be pairs (x, y), not an array of shape {array.shape}"
        )
    return array


def levels(values: Levels, count: int, level_count: int) -> Integers:
    """An int64 array of `count` levels, from one or as many.

    Raises ValueError where they are of another number, or one is not below
    level_count.
    """
    np = numpy()
    array = integers(values, "level")
    if array.ndim == 0:
        array = np.full(count, array, np.int64)
    if array.shape != (count,):
        raise ValueError(
            f"level must be one, or one for each of {count} locations; "
            f"its shape is {array.shape}"
        )
    if count > 0:
        check_level(int(array.min()), level_count)
        check_level(int(array.max()), level_count)
    return array


def check_level(level: int, level_count: int) -> None:
    """Raise ValueError where the level does not exist."""
    if not 0 <= level < level_count:
        raise ValueError(f"there is no level {level}; there are 0 to {level_count - 1}")


def one_level(value: Any, level_count: int) -> int:
    """The level as an integer.

    Raises ArgumentTypeError where it is none, and ValueError where there is no
    such level.
    """
    try:
        level = index(value)
    except TypeError:
        raise _type_error(f"level must be an integer, not {value!r}") from None
    check_level(level, level_count)
    return level


def destination(out: Any, shape: tuple[int, ...]) -> tuple[Any, NDArray[np.uint8]]:
    """Memory for pixels: what to return, and the same memory as an array of `shape`.

    out: None for a new array, else what the caller provides: uint8, of this shape
    or one-dimensional of exactly its bytes, with contiguous pixels in each row.

    Raises TypeError for what is no memory, and ValueError, before anything is
    written, for memory that is read-only, of another size, or overlaps itself.
    """
    np = numpy()
    if out is None:
        out = np.empty(shape, np.uint8)
        return out, out
    try:
        pixels = np.asarray(memoryview(out))
    except TypeError:
        raise TypeError(
            f"out must be an array or another writable buffer, not {out!r}"
        ) from None
    size = math.prod(shape)
    if pixels.dtype != np.uint8:
        raise ValueError(f"out must hold uint8, not {pixels.dtype}")
    if not pixels.flags.writeable:
        raise ValueError("out is read-only")
    if pixels.shape == (size,) and pixels.flags.c_contiguous:
        return out, pixels.reshape(shape)
    if pixels.shape != shape:
        raise ValueError(
            f"out must have shape {shape}, or one dimension of {size} contiguous "
            f"bytes, but has shape {pixels.shape}"
        )
    _check_strides(pixels)
    return out, pixels


def _check_strides(pixels: NDArray[np.uint8]) -> None:
    """Pixels of a row must be contiguous, and nothing may lie in two places."""
    if pixels.size == 0:
        return
    *outer, width, depth = zip(pixels.shape, pixels.strides, strict=True)
    if depth[1] != 1 or (width[0] > 1 and width[1] != depth[0]):
        raise ValueError("the last two axes of out must be contiguous")
    extent = width[0] * depth[0]  # bytes from the first to the last of a row
    for length, stride in sorted(outer, key=lambda axis: abs(axis[1])):
        if length > 1:
            if abs(stride) < extent:
                raise ValueError("elements of out overlap one another")
            extent += abs(stride) * (length - 1)
