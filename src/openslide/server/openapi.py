"""The OpenAPI description of the addresses that programs may use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._version import __version__
from .images import (
    LONGEST_ASSOCIATED,
    LONGEST_REGION,
    LONGEST_THUMBNAIL,
    MOST_REGION_PIXELS,
)

_Schema = dict[str, Any]

_PROBLEM: _Schema = {
    "type": "object",
    "required": ["status", "title", "detail"],
    "properties": {
        "status": {"type": "integer"},
        "title": {"type": "string"},
        "detail": {"type": "string"},
    },
}
_SIDE = {"type": "integer", "minimum": 1}
_NUMBER = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
_MPP = {
    "type": ["array", "null"],
    "items": {"type": "number", "exclusiveMinimum": 0},
    "minItems": 2,
    "maxItems": 2,
}

_ENTRY: _Schema = {
    "type": "object",
    "required": ["id", "state"],
    "properties": {
        "id": {"type": "string", "description": "the slide's address"},
        "state": {
            "enum": ["found", "ready", "failed"],
            "description": "found: not opened yet; failed: it cannot be opened",
        },
        "error": {"type": "string", "description": "why a slide failed"},
        "vendor": {"type": ["string", "null"]},
        "width": {**_SIDE, "description": "of level 0, in pixels"},
        "height": _SIDE,
        "mpp": {**_MPP, "description": "microns per level-0 pixel, (x, y)"},
        "objective_power": {"type": ["number", "null"]},
    },
}
_LIST: _Schema = {
    "type": "object",
    "required": ["slides", "left_out", "complete"],
    "properties": {
        "slides": {"type": "array", "items": {"$ref": "#/components/schemas/Entry"}},
        "left_out": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "kind", "reason", "is_failure"],
                "properties": {
                    "name": {"type": "string"},
                    "kind": {"enum": ["slide", "picture", "other"]},
                    "reason": {"type": "string"},
                    "is_failure": {
                        "type": "boolean",
                        "description": "whether somebody will miss it",
                    },
                },
            },
        },
        "complete": {
            "type": "boolean",
            "description": "whether all slides were found and looked into",
        },
    },
}
_SLIDE: _Schema = {
    "type": "object",
    "required": ["id", "state", "version", "annotations", "links"],
    "properties": {
        **_ENTRY["properties"],
        "version": {"type": "string", "description": "changes when the files do"},
        "bounds": {"type": "object", "description": "what was scanned, level-0 pixels"},
        "background": {"type": "string", "pattern": "^#[0-9a-fA-F]{6}$"},
        "levels": {"type": "array", "items": {"type": "object"}},
        "layers": {
            "type": "array",
            "description": "the grids of tiles of .../{slide}_layers, the finest first",
            "items": {"type": "object"},
        },
        "deep_zoom": {
            "type": "array",
            "description": "[columns, rows] of each Deep Zoom level",
            "items": {"type": "array", "items": {"type": "integer"}},
        },
        "associated_images": {"type": "array", "items": {"type": "object"}},
        "properties": {"type": "object", "additionalProperties": {"type": "string"}},
        "hidden": {
            "type": "array",
            "description": "names of pictures and properties that are not shown",
            "items": {"type": "string"},
        },
        "annotations": {
            "type": "boolean",
            "description": "whether there is a GeoJSON file beside the slide",
        },
        "links": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}

_FORMATS = ["jpeg", "jpg", "png", "webp"]
_PICTURE = {
    f"image/{format}": {"schema": {"type": "string", "format": "binary"}}
    for format in ("jpeg", "png", "webp")
}


def description() -> dict[str, Any]:
    """The whole of it."""
    slide = _in_path("slide", {"type": "string", "minLength": 1}, "path of the slide")
    place = [
        _in_path("column", _NUMBER),
        _in_path("row", _NUMBER),
        _in_path("format", {"enum": _FORMATS}),
    ]
    size = _size("longer side in pixels", LONGEST_THUMBNAIL)
    format = _in_path("format", {"enum": _FORMATS})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "openslide serve",
            "version": __version__,
            "description": (
                "Slides, their tiles and regions.  {slide} is the path of a slide below "
                "what is served; it may have slashes."
            ),
            "license": {"name": "LGPL-2.1-only", "identifier": "LGPL-2.1-only"},
        },
        "paths": {
            "/healthz": _get("Whether slides can be read", _json({"type": "object"})),
            "/metrics": _get(
                "Counts, in the text format of Prometheus",
                {"text/plain": {"schema": {"type": "string"}}},
            ),
            "/api/slides": _get("The list of slides", _json(_reference("List"))),
            "/api/slides/{slide}": _get(
                "A slide", _json(_reference("Slide")), slide, fails=(404,)
            ),
            "/{slide}.dzi": _get(
                "The Deep Zoom description",
                {"application/xml": {"schema": {"type": "string"}}},
                slide,
                fails=(404, 422),
            ),
            "/{slide}_files/{level}/{column}_{row}.{format}": _picture(
                "A Deep Zoom tile", slide, _in_path("level", _NUMBER), *place
            ),
            "/{slide}_layers/{layer}/{column}_{row}.{format}": _picture(
                "A tile of a layer; that of the file where the layer is native",
                slide,
                _in_path("layer", _NUMBER),
                *place,
            ),
            "/{slide}/region": _picture(
                f"A region of {MOST_REGION_PIXELS} pixels at most", slide, *_region()
            ),
            "/{slide}/thumbnail.{format}": _picture(
                "The whole slide, made small", slide, format, size
            ),
            "/{slide}/associated/{name}.{format}": _picture(
                "A picture that comes with the slide",
                slide,
                _in_path("name", {"type": "string", "minLength": 1}),
                format,
                _size("longer side in pixels, at most", LONGEST_ASSOCIATED),
            ),
            "/{slide}/annotations.geojson": _get(
                "The GeoJSON file beside the slide",
                {"application/geo+json": {"schema": {}}},
                slide,
                fails=(404, 422),
            ),
            "/iiif/{slide}/info.json": _get(
                "The description of the IIIF Image API 3.0",
                {
                    **_json({"type": "object"}),
                    "application/ld+json": {"schema": {"type": "object"}},
                },
                slide,
                fails=(404, 422),
            ),
            "/iiif/{slide}/{region}/{size}/{rotation}/{quality}.{format}": _picture(
                "A picture of the IIIF Image API 3.0",
                slide,
                _in_path("region", {"type": "string"}, "full, square, x,y,w,h ..."),
                _in_path("size", {"type": "string"}, "max, w, or ,h ..."),
                _in_path("rotation", {"type": "string"}, "0, 90, 180, 270"),
                _in_path("quality", {"enum": ["default", "color", "gray", "bitonal"]}),
                _in_path("format", {"enum": ["jpg", "png", "webp"]}),
            ),
        },
        "components": {
            "schemas": {
                "Problem": _PROBLEM,
                "Entry": _ENTRY,
                "List": _LIST,
                "Slide": _SLIDE,
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _region() -> list[_Schema]:
    corner = {"type": "integer", "minimum": -999_999_999, "maximum": 999_999_999}
    side = {"type": "integer", "minimum": 1, "maximum": LONGEST_REGION}
    level = {"type": "integer", "minimum": 0, "maximum": 999, "default": 0}
    return [
        _in_query("x", {**corner, "default": 0}, "level-0 pixels"),
        _in_query("y", {**corner, "default": 0}, "level-0 pixels"),
        _in_query("width", side, "pixels of the level", is_required=True),
        _in_query("height", side, "pixels of the level", is_required=True),
        _in_query("level", level),
        _in_query("format", {"enum": _FORMATS, "default": "jpeg"}),
    ]


def _size(words: str, most: int) -> _Schema:
    return _in_query("size", {"type": "integer", "minimum": 1, "maximum": most}, words)


def _in_path(name: str, schema: Mapping[str, Any], words: str = "") -> _Schema:
    return _parameter(name, "path", schema, words, is_required=True)


def _in_query(
    name: str, schema: Mapping[str, Any], words: str = "", *, is_required: bool = False
) -> _Schema:
    return _parameter(name, "query", schema, words, is_required=is_required)


def _parameter(
    name: str, place: str, schema: Mapping[str, Any], words: str, *, is_required: bool
) -> _Schema:
    told = {"name": name, "in": place, "required": is_required, "schema": dict(schema)}
    return {**told, "description": words} if words else told


def _reference(name: str) -> _Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: _Schema) -> _Schema:
    return {"application/json": {"schema": schema}}


def _picture(summary: str, *parameters: _Schema) -> _Schema:
    return _get(summary, _PICTURE, *parameters, fails=(400, 404, 422, 500, 503, 504))


def _get(
    summary: str, content: _Schema, *parameters: _Schema, fails: tuple[int, ...] = ()
) -> _Schema:
    problem = {"application/problem+json": {"schema": _reference("Problem")}}
    responses = {
        "200": {"description": "as asked for", "content": content},
        "304": {"description": "it is the one that was named by If-None-Match"},
        **{
            str(status): {"description": "what is wrong", "content": problem}
            for status in sorted({401, 405, 414, 421, 503, *fails})
        },
    }
    return {
        "get": {
            "summary": summary,
            "parameters": list(parameters),
            "responses": responses,
        }
    }
