"""Run lines of Python and describe what each gave, in plain JSON.

Both processes import this file, so that a difference between their answers is a
difference between their packages.  It needs the standard library and Pillow
only, and says `openslide` for whichever package the process has.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import pickle
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import CodeType
from typing import Any

from PIL import Image, ImageCms
from PIL import __version__ as pillow_version

import openslide
import openslide.deepzoom
from openslide import lowlevel
from tests.oracle import typed_program
from tests.own_slide import OwnSlide

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

Description = dict[str, Any]


def versions() -> dict[str, str]:
    """What has to be the same on both sides for pixels to be comparable."""
    return {
        "libopenslide": openslide.__library_version__,
        "Pillow": pillow_version,
        "NumPy": "absent" if numpy is None else "present",
    }


def run(lines: Sequence[str], names: Mapping[str, str]) -> list[Description]:
    """Run lines in one namespace, and go on after those that raise.

    names: variables to begin with, such as the path of a slide.

    Each answer tells the value of a line that is an expression, or the exception.
    """
    namespace: dict[str, Any] = {**_TOOLS, **names}
    return [_run_line(line, namespace) for line in lines]


def _run_line(line: str, namespace: dict[str, Any]) -> Description:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            answer = describe(eval(_compile(line), namespace))
        except Exception as error:
            answer = _describe_exception(error)
    if caught:
        answer["warnings"] = sorted({_qualified_name(w.category) for w in caught})
    return answer


def _compile(line: str) -> CodeType:
    try:
        return compile(line, line, "eval")
    except SyntaxError:
        return compile(line, line, "exec")


# Descriptions


def describe(value: object) -> Description:
    """A value's type and contents; of pixels and profiles, the digest."""
    return {"type": _type_name(type(value)), **_contents(value)}


def _contents(value: object) -> Description:
    if isinstance(value, Image.Image):
        return {
            "mode": value.mode,
            "size": list(value.size),
            "pixels": _digest(value.tobytes()),
            "info": {str(key): describe(item) for key, item in value.info.items()},
            "writable": not value.readonly,
        }
    if isinstance(value, ImageCms.ImageCmsProfile):
        return {"profile": _digest(value.tobytes())}
    if isinstance(value, bytes | bytearray):
        return {"bytes": _digest(value)}
    if isinstance(value, Mapping):
        return {"items": [[describe(k), describe(v)] for k, v in value.items()]}
    if isinstance(value, tuple | list):
        return {"items": [describe(item) for item in value]}
    if isinstance(value, type):
        return {"name": _type_name(value)}
    if isinstance(value, BaseException):
        return _describe_exception(value)
    if value is None or isinstance(value, str | bool | int | float):
        return {"value": repr(value)}
    return {}  # an object of the package; the lines ask for its attributes


def _describe_exception(error: BaseException) -> Description:
    return {
        "raised": [_qualified_name(kind) for kind in type(error).__mro__],
        "message": str(error),
    }


def _digest(data: bytes | bytearray) -> str:
    return f"{len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}"


def _qualified_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _type_name(kind: type) -> str:
    """Qualified, but for classes of the package, which may be defined anywhere."""
    own = kind.__module__.partition(".")[0] == "openslide"
    return kind.__qualname__ if own else _qualified_name(kind)


# What lines may use


def picture(mode: str, width: int = 47, height: int = 31) -> Image.Image:
    """A pattern in any of Pillow's modes, alike in all processes."""
    size = (width, height)
    count = width * height
    planes = [bytes(i * step % 251 for i in range(count)) for step in (3, 7, 11, 13)]
    grey, green, blue, alpha = (Image.frombytes("L", size, plane) for plane in planes)
    if mode == "1":
        return grey.point(lambda level: 255 * (level > 99), "1")
    if mode in ("LA", "La", "PA"):
        image = Image.merge("LA", (grey, alpha))
        return image if mode == "LA" else image.convert(mode)
    if mode in ("RGBA", "RGBa"):
        image = Image.merge("RGBA", (grey, green, blue, alpha))
        return image if mode == "RGBA" else image.convert(mode)
    if mode == "LAB":
        return Image.merge("LAB", (grey, green, blue))
    if mode.startswith("I;16"):
        wide = bytes(byte for i in range(count) for byte in (i % 256, i // 256 % 256))
        return Image.frombytes(mode, size, wide)
    source = grey if mode in ("L", "I", "F", "P") else None
    return (source or Image.merge("RGB", (grey, green, blue))).convert(mode)


def with_info(image: Image.Image, **info: Any) -> Image.Image:
    """The image, with entries in its info dictionary."""
    image.info.update(info)
    return image


def srgb() -> bytes:
    """An ICC profile; the time of its making is blanked."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data[24:36] = bytes(12)
    return bytes(data)


def public_names(module: object) -> list[str]:
    """What a module offers of its own: no imports, nothing private."""
    return sorted(
        name
        for name, value in vars(module).items()
        if name.startswith("PROPERTY_NAME_")
        or (
            not name.startswith("_")
            and getattr(value, "__module__", "").partition(".")[0] == "openslide"
        )
    )


def functions_of(module: object) -> list[str]:
    """The functions that stand for one of libopenslide's."""
    return sorted(
        name
        for name, value in vars(module).items()
        if "available" in getattr(value, "__dict__", {})
    )


def public_attributes(kind: type) -> list[str]:
    """The names that a class documents."""
    return sorted(name for name in dir(kind) if not name.startswith("_"))


def parameters(function: Any) -> list[str]:
    """How a function may be called: names and defaults, without annotations."""
    signature = inspect.signature(function)
    return [
        str(parameter.replace(annotation=inspect.Parameter.empty))
        for parameter in signature.parameters.values()
    ]


class Index:
    """An integer by __index__ alone."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


class Painted(OwnSlide):
    """Drawn on demand, at a downsample that is no integer."""

    LEVELS = ((301, 203), (100, 67))
    DOWNSAMPLE = 3.0199

    def read_region(
        self, location: tuple[int, int], level: int, size: tuple[int, int]
    ) -> Image.Image:
        region = picture("RGBA", *size)
        region.putpixel((0, 0), (location[0] % 256, location[1] % 256, level, 200))
        return region


_TOOLS: dict[str, Any] = {
    "openslide": openslide,
    "lowlevel": lowlevel,
    "deepzoom": openslide.deepzoom,
    "OpenSlide": openslide.OpenSlide,
    "ImageSlide": openslide.ImageSlide,
    "OpenSlideCache": openslide.OpenSlideCache,
    "open_slide": openslide.open_slide,
    "DeepZoomGenerator": openslide.deepzoom.DeepZoomGenerator,
    "Image": Image,
    "ImageCms": ImageCms,
    "Path": Path,
    "BytesIO": io.BytesIO,
    "pickle": pickle,
    "functions_of": functions_of,
    "numpy": numpy,
    "Index": Index,
    "Painted": Painted,
    "parameters": parameters,
    "picture": picture,
    "public_attributes": public_attributes,
    "public_names": public_names,
    "report": typed_program.report,
    "srgb": srgb,
    "with_info": with_info,
}
