"""libopenslide's functions, one by one, under the names of openslide-python.

Most programs want the classes of the package instead.  Each function has an
attribute `available`: whether the loaded libopenslide has it; calling one that is
not available raises OpenSlideVersionError.  Slides are what open() returns.
"""

from __future__ import annotations

# What is imported here has an underscore, or is a type: a function of this module
# that anybody finds without one has `available`.
from collections.abc import Callable
from functools import wraps as _wraps
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeAlias, TypeVar
from typing import cast as _cast

from . import _arguments, _convert, _files, _images, _library, _openslide
from ._errors import (
    OpenSlideError,
    OpenSlideUnsupportedFormatError,
    OpenSlideVersionError,
)
from ._files import Filename

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "Filename",
    "OpenSlideError",
    "OpenSlideUnsupportedFormatError",
    "OpenSlideVersionError",
    "_convert",
    "cache_create",
    "cache_release",
    "close",
    "detect_vendor",
    "get_associated_image_dimensions",
    "get_associated_image_icc_profile_size",
    "get_associated_image_names",
    "get_best_level_for_downsample",
    "get_error",
    "get_icc_profile_size",
    "get_level_count",
    "get_level_dimensions",
    "get_level_downsample",
    "get_property_names",
    "get_property_value",
    "get_version",
    "open",
    "read_associated_image",
    "read_associated_image_icc_profile",
    "read_icc_profile",
    "read_region",
    "set_cache",
]

# What open() and cache_create() return, under the names of openslide-python.
_OpenSlide: TypeAlias = _openslide.Slide
_OpenSlideCache: TypeAlias = _openslide.Cache

_P = ParamSpec("_P")
_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


class _Function(Protocol[_P, _T_co]):
    available: bool

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _T_co: ...


def _form_of(
    name: str, since: str | None = None
) -> Callable[[Callable[_P, _T_co]], _Function[_P, _T_co]]:
    """Mark a function as the form that openslide_<name> takes in Python.

    since: the OpenSlide release that brought it, if a library may lack it.
    """

    def decorate(function: Callable[_P, _T_co]) -> _Function[_P, _T_co]:
        @_wraps(function)
        def unavailable(*args: _P.args, **kwargs: _P.kwargs) -> _T_co:
            raise OpenSlideVersionError(str(since))

        available = _library.has_function(name)
        marked = _cast(_Function[_P, _T_co], function if available else unavailable)
        marked.available = available
        return marked

    return decorate


def _checked_slide(value: object) -> _OpenSlide:
    if not isinstance(value, _OpenSlide):
        from ._argument_errors import ArgumentValueError

        raise ArgumentValueError(f"Not an OpenSlide reference: {value!r}")
    return value


# Opening and closing


@_form_of("detect_vendor")
def detect_vendor(filename: Filename) -> str | None:
    """The vendor of the slide, or None."""
    return _files.vendor_of(filename)


@_form_of("open")
def open(filename: Filename) -> _OpenSlide:
    """Open a slide; raises what OpenSlide(filename) raises."""
    return _files.open_handle(filename)


@_form_of("close")
def close(slide: _OpenSlide) -> None:
    """Close a slide."""
    _checked_slide(slide).close()


@_form_of("get_error")
def get_error(slide: _OpenSlide) -> str | None:
    """The error that a slide has latched, or None."""
    return _checked_slide(slide).error()


@_form_of("get_version")
def get_version() -> str:
    """The version of libopenslide."""
    return _library.__library_version__


# Levels


def _integer(value: Any, name: str) -> int:
    from operator import index

    try:
        return int(index(value))  # of any size, whatever type it had
    except TypeError:
        from ._argument_errors import ArgumentTypeError

        raise ArgumentTypeError(f"{name} must be an integer, not {value!r}") from None


def _level(levels: tuple[_T, ...], level: int, missing: _T) -> _T:
    number = _integer(level, "level")
    return levels[number] if 0 <= number < len(levels) else missing


@_form_of("get_level_count")
def get_level_count(slide: _OpenSlide) -> int:
    """The number of levels."""
    return len(_checked_slide(slide).level_dimensions)


@_form_of("get_level_dimensions")
def get_level_dimensions(slide: _OpenSlide, level: int) -> tuple[int, int]:
    """(width, height) in pixels of the level; (-1, -1) where there is no such level."""
    return _level(_checked_slide(slide).level_dimensions, level, (-1, -1))


@_form_of("get_level_downsample")
def get_level_downsample(slide: _OpenSlide, level: int) -> float:
    """The downsample of a level; -1.0 where there is no such level."""
    return _level(_checked_slide(slide).level_downsamples, level, -1.0)


@_form_of("get_best_level_for_downsample")
def get_best_level_for_downsample(slide: _OpenSlide, downsample: float) -> int:
    """The level with the greatest downsample that does not exceed the given one."""
    return _checked_slide(slide).best_level_for_downsample(downsample)


# Properties


@_form_of("get_property_names")
def get_property_names(slide: _OpenSlide) -> list[str]:
    """The names of all properties."""
    return list(_checked_slide(slide).properties)


@_form_of("get_property_value")
def get_property_value(slide: _OpenSlide, name: str | bytes) -> str | None:
    """The value of a property, or None."""
    return _checked_slide(slide).properties.get(_arguments.utf8_text(name))


# Pixels


@_form_of("read_region")
def read_region(slide: _OpenSlide, x: int, y: int, level: int, w: int, h: int) -> Image:
    """An RGBA image of a region; x and y are level-0 pixels, w and h level pixels."""
    return _images.from_rgba(
        _checked_slide(slide).read_region((x, y), level, (w, h)), (w, h)
    )


@_form_of("get_associated_image_names")
def get_associated_image_names(slide: _OpenSlide) -> list[str]:
    """The names of all associated images."""
    return list(_checked_slide(slide).associated_image_names)


@_form_of("get_associated_image_dimensions")
def get_associated_image_dimensions(
    slide: _OpenSlide, name: str | bytes
) -> tuple[int, int]:
    """(width, height) in pixels; (-1, -1) where there is no such image."""
    return _checked_slide(slide).associated_image_dimensions(_arguments.utf8_text(name))


@_form_of("read_associated_image")
def read_associated_image(slide: _OpenSlide, name: str | bytes) -> Image:
    """An RGBA image; raises ArgumentValueError where there is none of that name."""
    return _images.from_rgba(
        *_checked_slide(slide).read_associated_image(_arguments.utf8_text(name))
    )


# ICC profiles


@_form_of("get_icc_profile_size", since="4.0.0")
def get_icc_profile_size(slide: _OpenSlide) -> int:
    """Bytes of the slide's ICC profile; 0 where it has none."""
    return len(_checked_slide(slide).icc_profile() or b"")


@_form_of("read_icc_profile", since="4.0.0")
def read_icc_profile(slide: _OpenSlide) -> bytes | None:
    """The slide's ICC profile, or None."""
    return _checked_slide(slide).icc_profile()


def _check_associated_image(slide: _OpenSlide, name: str) -> None:
    names = slide.associated_image_names
    if name not in names:
        from ._argument_errors import ArgumentValueError

        raise ArgumentValueError(
            f"there is no associated image {name!r}; there are {names!r}"
        )


@_form_of("get_associated_image_icc_profile_size", since="4.0.0")
def get_associated_image_icc_profile_size(slide: _OpenSlide, name: str | bytes) -> int:
    """Bytes of an associated image's ICC profile; 0 for none, -1 for no such image."""
    text = _arguments.utf8_text(name)
    if text not in _checked_slide(slide).associated_image_names:
        return -1
    return len(slide.associated_image_icc_profile(text) or b"")


@_form_of("read_associated_image_icc_profile", since="4.0.0")
def read_associated_image_icc_profile(
    slide: _OpenSlide, name: str | bytes
) -> bytes | None:
    """An associated image's ICC profile, or None.

    Raises ArgumentValueError where there is no such image.
    """
    text = _arguments.utf8_text(name)
    _check_associated_image(_checked_slide(slide), text)
    return slide.associated_image_icc_profile(text)


# The tile cache


def _checked_cache(value: object) -> _OpenSlideCache:
    if not isinstance(value, _OpenSlideCache):
        from ._argument_errors import ArgumentValueError

        raise ArgumentValueError(f"Not an OpenSlide cache reference: {value!r}")
    return value


@_form_of("cache_create", since="4.0.0")
def cache_create(capacity: int) -> _OpenSlideCache:
    """A tile cache of a capacity in bytes."""
    return _OpenSlideCache(capacity)


@_form_of("set_cache", since="4.0.0")
def set_cache(slide: _OpenSlide, cache: _OpenSlideCache) -> None:
    """Give a slide another tile cache."""
    _checked_slide(slide).set_cache(_checked_cache(cache))


@_form_of("cache_release", since="4.0.0")
def cache_release(cache: _OpenSlideCache) -> None:
    """Give a cache up; slides that use it keep it."""
    _checked_cache(cache).release()


# The forms that fill what the caller provides, for programs that bring a buffer.
# Only the first of them cannot check that buffer.


def _address(destination: Any, size: int) -> int:
    """The address behind a ctypes array, pointer or byref(); 0 for None.

    The buffer of a ctypes pointer is the pointer itself, not what it points to,
    so it has to be resolved by ctypes.  An array must have `size` bytes; how much
    lies behind a pointer only the caller knows.
    """
    import ctypes

    from ._argument_errors import ArgumentTypeError, ArgumentValueError

    if destination is None:
        return 0
    if isinstance(destination, ctypes._Pointer | ctypes.c_void_p):
        return ctypes.cast(destination, ctypes.c_void_p).value or 0
    target = getattr(destination, "_obj", destination)
    if not isinstance(target, ctypes.Array | ctypes._SimpleCData):
        raise ArgumentTypeError(
            "expected a ctypes array of c_uint32, or a pointer to c_uint32 such as "
            f"array.ctypes.data_as() makes, not {destination!r}"
        )
    offset = 0
    if target is not destination:
        offset = _offset(destination, target)
    length = ctypes.sizeof(target) - offset if offset >= 0 else 0
    if offset < 0 or length < size:
        begin = f" from byte {offset} on" if offset else ""
        raise ArgumentValueError(
            f"the array must hold {size} bytes{begin}; it has {length}"
        )
    return ctypes.addressof(target) + offset


def _offset(reference: Any, target: Any) -> int:
    """Where a byref(target, offset) points to, in bytes from the target's start."""
    import ctypes

    address: int = ctypes.cast(reference, ctypes.c_void_p).value or 0
    return address - ctypes.addressof(target)


@_form_of("read_region")
def _read_region(
    slide: _OpenSlide, buf: Any, x: int, y: int, level: int, w: int, h: int
) -> None:
    """Premultiplied ARGB words of a region into a ctypes array or pointer.

    The caller answers for w * h words behind a pointer: nobody can check them.
    """
    size = 4 * max(0, _integer(w, "width")) * max(0, _integer(h, "height"))
    address = _address(buf, size)
    _checked_slide(slide).read_region_raw(address, x, y, level, w, h)


def _fill(buf: Any, content: bytes | bytearray) -> None:
    """Copy into a writable buffer that is large enough."""
    import ctypes

    from ._argument_errors import ArgumentTypeError, ArgumentValueError

    try:
        # The buffer of a ctypes pointer would be the pointer itself.
        target: Any = None if isinstance(buf, ctypes._Pointer) else buf
        view = memoryview(target).cast("B")
    except TypeError:
        raise ArgumentTypeError(
            f"expected a ctypes array or another buffer, not {buf!r}"
        ) from None
    if view.readonly or view.nbytes < len(content):
        raise ArgumentValueError(
            f"the buffer must be writable and hold {len(content)} bytes; it has "
            f"{view.nbytes}"
        )
    view[: len(content)] = content


def _store(reference: Any, value: int) -> None:
    """Assign to the integer behind a ctypes byref() or pointer."""
    import ctypes

    from ._argument_errors import ArgumentTypeError

    is_pointer = isinstance(reference, ctypes._Pointer)
    target = getattr(reference, "contents" if is_pointer else "_obj", None)
    if target is None:
        raise ArgumentTypeError(
            f"expected byref(c_int64()) or a pointer to c_int64, not {reference!r}"
        )
    if is_pointer:
        target.value = value
    else:
        address = _address(reference, ctypes.sizeof(ctypes.c_int64))
        ctypes.c_int64.from_address(address).value = value


@_form_of("get_level_dimensions")
def _get_level_dimensions(slide: _OpenSlide, level: int, w: Any, h: Any) -> None:
    """get_level_dimensions() into two references to c_int64."""
    for reference, value in zip(
        (w, h), get_level_dimensions(slide, level), strict=True
    ):
        _store(reference, value)


@_form_of("get_associated_image_dimensions")
def _get_associated_image_dimensions(
    slide: _OpenSlide, name: str | bytes, w: Any, h: Any
) -> None:
    """get_associated_image_dimensions() into two references to c_int64."""
    dimensions = get_associated_image_dimensions(slide, name)
    for reference, value in zip((w, h), dimensions, strict=True):
        _store(reference, value)


@_form_of("read_icc_profile", since="4.0.0")
def _read_icc_profile(slide: _OpenSlide, buf: Any) -> None:
    """The slide's ICC profile into a buffer of at least its size."""
    _fill(buf, _checked_slide(slide).icc_profile() or b"")


@_form_of("read_associated_image_icc_profile", since="4.0.0")
def _read_associated_image_icc_profile(
    slide: _OpenSlide, name: str | bytes, buf: Any
) -> None:
    """An associated image's ICC profile into a buffer of at least its size."""
    _fill(buf, read_associated_image_icc_profile(slide, name) or b"")


@_form_of("read_associated_image")
def _read_associated_image(slide: _OpenSlide, name: str | bytes, buf: Any) -> None:
    """Premultiplied ARGB words of an associated image into a buffer of its size."""
    _fill(
        buf, _checked_slide(slide).read_associated_image_raw(_arguments.utf8_text(name))
    )


def _load_image(buf: Any, size: tuple[int, int]) -> Image:
    """An RGBA image of premultiplied ARGB words, converted in place in their buffer.

    buf:  a writable buffer of 4-byte words, such as a ctypes array.
    size: (width, height) in pixels.
    """
    from PIL import Image

    _convert.argb2rgba(buf)
    return Image.frombuffer("RGBA", size, buf, "raw", "RGBA", 0, 1)
