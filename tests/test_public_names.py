"""What the public modules export: names of their own, with types, and nothing stray."""

from __future__ import annotations

import collections.abc
import importlib
import inspect
import pathlib
import sys
import types
import typing
from collections.abc import Iterator, Mapping

import pytest

from openslide import lowlevel
from tests.oracle import typed_program
from tests.slides import SlideFacts
from tests.type_check import complaints

PROGRAM = pathlib.Path(typed_program.__file__)

PUBLIC = [
    "openslide",
    "openslide.annotations",
    "openslide._convert",  # public in openslide-python, for all its underscore
    "openslide.deepzoom",
    "openslide.export",
    "openslide.lowlevel",
    "openslide.server",
    "openslide.tiles",
    "openslide.tissue",
    "openslide.trees",
]

#: Where a module may have any name from: types, and words about them.
VOCABULARY = (collections, collections.abc, pathlib, types, typing)


@pytest.fixture(params=PUBLIC)
def module(request: pytest.FixtureRequest) -> types.ModuleType:
    return importlib.import_module(request.param)


def test_what_is_exported_is_there(module: types.ModuleType) -> None:
    assert len(set(module.__all__)) == len(module.__all__) > 0
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_nothing_else_is_there(module: types.ModuleType) -> None:
    assert list(strays(module)) == []


def strays(module: types.ModuleType) -> Iterator[str]:
    """Names that look public, but are neither exported nor the standard library's."""
    for name, value in vars(module).items():
        if name.startswith("_") or name in module.__all__ or name == "annotations":
            continue
        if isinstance(value, types.ModuleType):
            is_part = value.__name__ == f"{module.__name__}.{name}"
            if is_part or value.__name__ in sys.stdlib_module_names:
                continue
        if not any(getattr(source, name, None) is value for source in VOCABULARY):
            yield name


def test_functions_say_whether_they_are_available() -> None:
    """Programs look for functions of libopenslide so."""
    functions = {
        name: value
        for name, value in inspect.getmembers(lowlevel, inspect.isroutine)
        if not name.startswith("_")
    }
    assert functions.keys() < set(lowlevel.__all__)
    for function in functions.values():
        assert isinstance(getattr(function, "available", None), bool)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Where mypy keeps what it has learned."""
    return tmp_path_factory.mktemp("types")


def test_a_program_typed_for_openslide_python(folder: pathlib.Path) -> None:
    assert complaints(pathlib.Path(sys.executable), PROGRAM, folder) == ""


def test_types_that_are_wrong(folder: pathlib.Path) -> None:
    wrong = folder / "wrong.py"
    wrong.write_text("import openslide\n\nopenslide.OpenSlide(5).dimensions[2]\n")
    said = complaints(pathlib.Path(sys.executable), wrong, folder)
    assert 'incompatible type "int"' in said
    assert "index out of range" in said


@pytest.mark.requires_openslide("4.0.0")
def test_the_program_runs(slides: Mapping[str, SlideFacts]) -> None:
    report = typed_program.report(str(slides["aperio-jpeg"].path))
    assert report[:2] == ["['aperio', 'aperio']", "'aperio'"]
