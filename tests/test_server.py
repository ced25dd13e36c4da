"""openslide serve: what it shows of slides, and to whom."""

from __future__ import annotations

import gzip
import json
import math
import os
import re
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

from openslide import OpenSlide, server
from openslide.cli import main
from openslide.deepzoom import DeepZoomGenerator
from openslide.output.encoding import Encoding
from openslide.server import Settings, catalogue, iiif, running
from openslide.server.images import MOST_REGION_PIXELS
from openslide.server.privacy import shown_properties
from tests.served import Answer, Client, Command, children, serving
from tests.slides import SlideFacts, write
from tests.slides.stored import blank, stored_tile
from tests.slides.tiff import TiffWriter, jpeg_codec

TOKEN = "a secret, with & = ?"


class Folder:
    """A folder that is served, and what is in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sound = write("aperio-scanscope", path).path
        (path / "sub folder").mkdir()
        self.nested = write("generic-asap", path / "sub folder").path
        self.nested = self.nested.rename(self.nested.with_name("50% #1.tif"))
        self.damaged = path / "damaged.svs"
        shutil.copy(self.sound, self.damaged)
        blank(self.damaged, stored_tile(self.damaged, 0))
        self.cut = path / "cut.svs"
        self.cut.write_bytes(self.sound.read_bytes()[:5000])
        self.sound.with_suffix(".geojson").write_text(json.dumps(OUTLINES))


OUTLINES = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[20, 20], [150, 20], [150, 120], [20, 20]]],
            },
            "properties": {"name": "one", "classification": {"name": "Tumor"}},
        }
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def client(folder: Folder) -> Iterator[Client]:
    with serving(folder.path) as client:
        yield client


def listed(client: Client) -> dict[str, dict[str, object]]:
    """The whole list of slides, by id."""
    while not (answer := client.get("api/slides").json)["complete"]:
        time.sleep(0.02)
    return {slide["id"]: slide for slide in answer["slides"]}


def address(path: Path) -> str:
    return path.name.replace("%", "%25").replace("#", "%23").replace(" ", "%20")


# Pictures


def test_deep_zoom_tiles_are_those_of_the_generator(
    client: Client, folder: Folder
) -> None:
    name = address(folder.sound)
    with OpenSlide(folder.sound) as slide:
        tiles = DeepZoomGenerator(slide)
        for level, (columns, rows) in enumerate(tiles.level_tiles):
            for place in {(0, 0), (columns - 1, rows - 1)}:
                tile = tiles.get_tile(level, place)
                path = f"{name}_files/{level}/{place[0]}_{place[1]}"
                jpeg = client.get(f"{path}.jpeg")
                assert jpeg.headers["content-type"] == "image/jpeg"
                assert jpeg.body == Encoding("jpeg").encode(tile)
                assert (client.get(f"{path}.png").pixels == np.asarray(tile)).all()


def test_a_slide_of_one_large_level(tmp_path: Path) -> None:
    """It is made small in parts, and the layers that lack are halves of one another."""
    path, size = tmp_path / "large.tif", (4608, 3840)
    codec = jpeg_codec()
    left, right = (
        codec.encode(np.full((256, 256, 3), color, np.uint8)) for color in (60, 200)
    )
    with TiffWriter(path) as tiff:
        tiff.encoded_tiles(size, 256, codec, ([left] * 9 + [right] * 9) * 15)
    with serving(path) as client:
        layers = client.get(f"api/slides/{path.name}").json["layers"]
        assert [layer["width"] for layer in layers] == [4608, 2304, 1152, 576, 288]
        assert [layer["downsample"] for layer in layers] == [1, 2, 4, 8, 16]
        tile = client.get(f"{path.name}_layers/4/0_0.png").pixels
        thumbnail = client.get(f"{path.name}/thumbnail.png?size=288").pixels
    assert (tile.shape, thumbnail.shape) == ((240, 256, 3), (240, 288, 3))
    expected = np.where(np.arange(288) < 144, 60, 200)[:, None]
    assert np.abs(tile.astype(int) - expected[:256]).mean() < 3
    assert np.abs(thumbnail.astype(int) - expected).mean() < 3


def test_deep_zoom_description(client: Client, folder: Folder) -> None:
    answer = client.get(f"{address(folder.sound)}.dzi")
    assert answer.headers["content-type"].startswith("application/xml")
    image = ElementTree.fromstring(answer.body)
    assert (image.get("TileSize"), image.get("Overlap")) == ("254", "1")
    with OpenSlide(folder.sound) as slide:
        sizes = {key: int(text) for key, text in image[0].items()}
        assert sizes == dict(zip(("Width", "Height"), slide.dimensions, strict=True))


@pytest.mark.parametrize(
    "name", ["aperio-scanscope", "aperio-hole", "generic-gdal", "mirax"]
)
def test_layers_put_together_are_the_levels(
    slides: Mapping[str, SlideFacts], tmp_path: Path, name: str
) -> None:
    facts = slides[name]
    with serving(facts.path) as client, OpenSlide(facts.path) as slide:
        told = client.get(f"api/slides/{address(facts.path)}").json
        native = slide.direct_levels if name != "mirax" else ()
        copied = 0
        for number, layer in enumerate(told["layers"]):
            grid = Grid(client, f"{address(facts.path)}_layers/{number}", layer)
            whole, _ = grid.tiles("png")
            size = (layer["width"], layer["height"])
            if number < len(set(facts.level_dimensions)):
                assert size == slide.level_dimensions[layer["level"]]
                expected = slide.read_array(
                    (0, 0), layer["level"], size, coordinates="level"
                )
                assert (whole == expected).all()
                assert layer["native"] == (layer["level"] in native)
            # Stored tiles, decoded as a browser does, have the very pixels.
            stored, is_stored = grid.tiles("jpeg")
            assert (stored == whole)[is_stored].all()
            assert np.abs(stored.astype(int) - whole).mean() < 8
            copied += is_stored.sum()
        assert max(size) <= 512
        assert (copied > 0) == bool(native)


class Grid:
    """The tiles of a layer."""

    def __init__(self, client: Client, path: str, layer: dict[str, int]) -> None:
        self._client = client
        self._path = path
        self._layer = layer

    def tiles(self, format: str) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """All of them put together, and where they were copied from the slide."""
        layer = self._layer
        whole = np.zeros((layer["height"], layer["width"], 3), "uint8")
        copied = np.zeros(whole.shape[:2], bool)
        for column in range(layer["columns"]):
            for row in range(layer["rows"]):
                answer = self._client.get(f"{self._path}/{column}_{row}.{format}")
                assert answer.status == 200
                x, y = column * layer["tile_width"], row * layer["tile_height"]
                shown = np.s_[y : y + layer["tile_height"], x : x + layer["tile_width"]]
                box = whole[shown]
                box[...] = answer.pixels[: box.shape[0], : box.shape[1]]
                copied[shown] = answer.headers.get("openslide-native") == "1"
        return whole, copied


def test_regions_are_those_that_are_read(client: Client, folder: Folder) -> None:
    with OpenSlide(folder.sound) as slide:
        for x, y, level in ((0, 0, 0), (-5, 30, 0), (103, 77, 1)):
            query = f"x={x}&y={y}&width=90&height=70&level={level}&format=png"
            answer = client.get(f"{address(folder.sound)}/region?{query}")
            assert (answer.pixels == slide.read_array((x, y), level, (90, 70))).all()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "width is missing"),
        ("width=0&height=9", "width must be from 1"),
        ("width=9&height=99999", "height must be from 1"),
        ("width=8000&height=8000", "64000000"),
        ("width=nine&height=9", "width must be a whole number"),
        ("width=9&height=9&x=1e3", "x must be a whole number"),
        ("width=9&height=9&x=99999999999999999999", "x must be a whole number"),
    ],
)
def test_regions_are_bounded(
    client: Client, folder: Folder, query: str, words: str
) -> None:
    answer = client.get(f"{address(folder.sound)}/region?{query}")
    assert answer.status == 400
    assert words in answer.json["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "_files/99/0_0.jpeg",
        "_files/3/99_0.jpeg",
        "_files/3/0_0.bmp",
        "_files/3/0_0.jpeg.exe",
        "_files/-1/0_0.jpeg",
        "_files/3/0_" + 5000 * "9" + ".jpeg",
        "_layers/99/0_0.jpeg",
        "_layers/0/99_0.jpeg",
        "/region?width=9&height=9&level=99",
        "/region?width=9&height=9&format=tiff",
        "/associated/nothing.png",
        "/thumbnail.gif",
        "/nothing",
    ],
)
def test_what_there_is_not(client: Client, folder: Folder, path: str) -> None:
    answer = client.get(address(folder.sound) + path)
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == 404


def test_thumbnails(client: Client, folder: Folder) -> None:
    name = address(folder.sound)
    with OpenSlide(folder.sound) as slide:
        width, height = slide.dimensions
        expected = np.asarray(slide.get_thumbnail((100, 100)), int)
    pixels = client.get(f"{name}/thumbnail.png?size=100").pixels
    assert pixels.shape == (round(100 * height / width), 100, 3)
    assert np.abs(pixels - expected).mean() < 3
    assert client.get(f"{name}/thumbnail.jpeg?size=99999").status == 400


def test_iiif(client: Client, folder: Folder) -> None:
    path = f"iiif/{address(folder.sound)}"
    info = client.get(f"{path}/info.json")
    assert info.json["id"] == f"http://localhost:{client.port}/{path}"
    assert info.json["type"] == "ImageService3"
    with OpenSlide(folder.sound) as slide:
        size = slide.dimensions
        assert (info.json["width"], info.json["height"]) == size
        region = client.get(f"{path}/16,32,100,80/max/0/default.png").pixels
        assert (region == slide.read_array((16, 32), 0, (100, 80))).all()
        turned = client.get(f"{path}/16,32,100,80/max/!90/default.png").pixels
        assert (turned == np.rot90(region[:, ::-1], -1)).all()
    for wanted, shape in {
        "full/100,": (round(size[1] * 100 / size[0]), 100),
        "full/,50": (50, round(size[0] * 50 / size[1])),
        "square/40,40": (40, 40),
        "pct:0,0,50,50/max": (round(size[1] / 2), round(size[0] / 2)),
        "full/!60,60": (math.floor(size[1] * 60 / size[0]), 60),
        "0,0,10,10/^20,20": (20, 20),
        "full/pct:10": (math.floor(size[1] / 10), math.floor(size[0] / 10)),
    }.items():
        picture = client.get(f"{path}/{wanted}/0/gray.png")
        assert picture.status == 200, wanted
        assert picture.pixels.shape[:2] == shape
        assert (picture.pixels[..., 0] == picture.pixels[..., 2]).all()
    for wanted in (
        *("full/max/45/default.jpg", "full/max/0/sepia.jpg", "full/max/0/default.tif"),
        *("9,9/max/0/default.jpg", "99999,0,5,5/max/0/default.jpg"),
        *("full/99999999,/0/default.jpg", "full/0,/0/default.jpg"),
        *("full/^99999,/0/default.jpg", "pct:nan,0,1,1/max/0/default.jpg"),
        *(
            "full/pct:0/0/default.jpg",
            "full/pct:1,2/0/default.jpg",
            "full/!,5/0/default.jpg",
        ),
    ):
        assert client.get(f"{path}/{wanted}").status == 400, wanted
    for wanted, canonical in {
        f"0,0,{size[0]},{size[1]}/{size[0]},/0/color.png": "full/max/0/default.png",
        "0,0,9,9/^18,18/!90/gray.jpg": "0,0,9,9/^18,18/!90/gray.jpg",
        "0,0,40,20/pct:50/0/default.jpg": "0,0,40,20/20,10/0/default.jpg",
    }.items():
        link = client.get(f"{path}/{wanted}").headers["link"]
        assert f'<{info.json["id"]}/{canonical}>;rel="canonical"' in link
        assert client.get(f"{path}/{canonical}").status == 200
    redirect = client.get(path)
    assert redirect.status == 303
    assert redirect.headers["location"] == f"/{path}/info.json"


def test_iiif_pictures_that_fit_are_as_large_as_allowed() -> None:
    region = iiif.Box(0, 0, 100_000, 50_000)
    most = iiif.size_of("max", region)
    assert most[0] * most[1] <= MOST_REGION_PIXELS
    assert iiif.size_of("!90000,90000", region) == most
    assert iiif.size_of("^!900000,900000", region) == most
    assert iiif.size_of("!300,200", region) == (300, 150)


# What there is


def test_the_list(client: Client, folder: Folder) -> None:
    found = listed(client)
    assert set(found) >= {
        "aperio-scanscope.svs",
        "sub folder/50% #1.tif",
        "damaged.svs",
    }
    with OpenSlide(folder.sound) as slide:
        told = found["aperio-scanscope.svs"]
        assert told["state"] == "ready"
        assert (told["width"], told["height"]) == slide.dimensions
        assert slide.mpp is not None
        assert told["mpp"] == list(slide.mpp)


def test_what_is_left_out(client: Client, folder: Folder) -> None:
    listed(client)
    left_out = {
        left.pop("name"): left for left in client.get("api/slides").json["left_out"]
    }
    assert left_out["cut.svs"]["kind"] == "slide"
    assert left_out["cut.svs"]["is_failure"]
    assert not left_out["aperio-scanscope.geojson"]["is_failure"]
    assert str(folder.path) not in json.dumps(left_out)


def test_a_slide(client: Client, folder: Folder) -> None:
    told = client.get("api/slides/sub%20folder/50%25%20%231.tif").json
    assert told["state"] == "ready"
    for link in ("deep_zoom", "thumbnail", "iiif"):
        assert client.get(told["links"][link]).status == 200
    assert client.get("api/slides/nothing.svs").status == 404


def test_a_slide_that_cannot_be_opened(client: Client, folder: Folder) -> None:
    told = client.get("api/slides/cut.svs").json
    assert told["state"] == "failed"
    assert "cut.svs" in told["error"]
    answer = client.get("cut.svs_files/0/0_0.jpeg")
    assert answer.status == 422
    assert str(folder.path) not in answer.body.decode() + json.dumps(told)


def test_a_slide_that_comes_changes_and_goes(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    path = tmp_path / "slide.svs"
    with serving(tmp_path) as client:
        assert client.get("slide.svs.dzi").status == 404
        shutil.copy(slides["aperio-scanscope"].path, path)
        first = client.get("slide.svs/thumbnail.jpeg")
        assert first.status == 200
        shutil.copy(slides["aperio-gt450"].path, tmp_path / "other")
        (tmp_path / "other").replace(path)
        second = answer_that_differs(client, "slide.svs/thumbnail.jpeg", first)
        assert second.status == 200
        path.unlink()
        assert (
            answer_that_differs(client, "slide.svs/thumbnail.jpeg", second).status
            == 404
        )


def answer_that_differs(client: Client, path: str, known: Answer) -> Answer:
    """Files are looked at once a second."""
    deadline = time.monotonic() + 60
    while (answer := client.get(path)).body == known.body:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return answer


def test_annotations(client: Client, folder: Folder) -> None:
    answer = client.get("aperio-scanscope.svs/annotations.geojson")
    assert answer.json == OUTLINES
    assert answer.headers["openslide-offset"] == "0,0"
    assert client.get("api/slides/aperio-scanscope.svs").json["annotations"] is True
    assert client.get("damaged.svs/annotations.geojson").status == 404
    assert client.get("api/slides/damaged.svs").json["annotations"] is False


def test_annotations_count_from_the_bounds_unless_they_say(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    path = write("leica", tmp_path).path
    with OpenSlide(path) as slide:
        x, y, _, _ = slide.bounds
        assert (x, y) != (0, 0)
    with serving(path) as client:
        for origin, offset in (("bounds", f"{x},{y}"), ("slide", "0,0")):
            document = {**OUTLINES, "openslide": {"origin": origin}}
            path.with_suffix(".geojson").write_text(json.dumps(document))
            answer = client.get(f"{path.name}/annotations.geojson")
            assert answer.headers["openslide-offset"] == offset
        for no_json in ("{", '{"x": NaN}', "[" * 100_000):
            path.with_suffix(".geojson").write_text(no_json)
            assert client.get(f"{path.name}/annotations.geojson").status == 422


def test_labels_are_shown_where_wanted(slides: Mapping[str, SlideFacts]) -> None:
    facts = slides["aperio-jpeg"]
    name = address(facts.path)
    assert {"label", "macro"} <= facts.associated.keys()
    with serving(facts.path) as client:
        told = client.get(f"api/slides/{name}").json
        shown = {image["name"] for image in told["associated_images"]}
        assert shown == {"thumbnail"}
        assert {"label", "macro"} <= set(told["hidden"])
        assert client.get(f"{name}/associated/label.png").status == 404
        assert client.get(f"{name}/associated/thumbnail.png").status == 200
    with serving(facts.path, labels=True) as client:
        told = client.get(f"api/slides/{name}").json
        shown = {image["name"] for image in told["associated_images"]}
        assert shown == set(facts.associated)
        height, width, _ = client.get(f"{name}/associated/label.png").pixels.shape
        assert (width, height) == facts.associated["label"]


def test_properties_that_name_a_patient_are_hidden(
    slides: Mapping[str, SlideFacts],
) -> None:
    facts = slides["philips"]
    assert facts.barcode is not None
    name = address(facts.path)
    with serving(facts.path) as client:
        told = client.get(f"api/slides/{name}")
        assert "openslide.barcode" in told.json["hidden"]
        assert facts.barcode not in json.dumps(told.json["properties"])
    with serving(facts.path, labels=True) as client:
        properties = client.get(f"api/slides/{name}").json["properties"]
        assert properties["openslide.barcode"] == facts.barcode


@pytest.mark.parametrize(
    "name",
    [
        *("hamamatsu.Reference", "tiff.DocumentName", "tiff.Artist", "aperio.Title"),
        *("dicom.PatientID", "leica.barcode", "mirax.GENERAL.SLIDE_NAME"),
    ],
)
def test_names_of_properties_that_name_a_patient(name: str) -> None:
    properties = {name: "Meier 1234", "openslide.comment": "x Meier 1234 y", "a.b": "c"}
    shown, hidden = shown_properties(properties, labels=False)
    assert shown == {"a.b": "c"}
    assert set(hidden) == {name, "openslide.comment"}


def test_damaged_tiles_are_background(client: Client, folder: Folder) -> None:
    level = len(DeepZoomGenerator(OpenSlide(folder.damaged)).level_tiles) - 1
    answer = client.get(f"damaged.svs_files/{level}/0_0.png")
    assert answer.status == 200
    assert answer.headers["openslide-damaged"] == "1"
    assert answer.headers["cache-control"] == "no-store"
    sound = client.get(f"aperio-scanscope.svs_files/{level}/0_0.png")
    assert "openslide-damaged" not in sound.headers
    # What is sound of it is shown.
    with OpenSlide(folder.sound) as slide:
        side = int(slide.properties["openslide.level[0].tile-width"])
    assert (answer.pixels[side:] == sound.pixels[side:]).all()
    assert (answer.pixels[:side, :side] == 255).all()


# HTTP


def test_what_is_known_is_not_sent_again(client: Client, folder: Folder) -> None:
    for path in (
        *("aperio-scanscope.svs_files/8/0_0.jpeg", "aperio-scanscope.svs.dzi", ""),
        *("static/view.js", "aperio-scanscope.svs/thumbnail.png"),
    ):
        answer = client.get(path)
        again = client.get(path, {"If-None-Match": answer.headers["etag"]})
        assert (again.status, again.body) == (304, b"")
        assert client.get(path, {"If-None-Match": '"other"'}).status == 200


def test_what_has_a_version_is_kept_for_ever(client: Client, folder: Folder) -> None:
    version = client.get("api/slides/aperio-scanscope.svs").json["version"]
    path = "aperio-scanscope.svs_layers/0/0_0.jpeg"
    fixed = client.get(f"{path}?v={version}").headers["cache-control"]
    assert "immutable" in fixed
    assert "immutable" not in client.get(f"{path}?v=old").headers["cache-control"]
    assert "private" in fixed


def test_texts_are_compressed_and_not_sent_again(
    client: Client, folder: Folder
) -> None:
    for path in ("openapi.json", "static/annotations.js"):
        plain = client.get(path)
        packed = client.get(path, {"Accept-Encoding": "br, gzip;q=0.8"})
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body
        assert "Accept-Encoding" in packed.headers["vary"]
        refused = client.get(path, {"Accept-Encoding": "gzip;q=0"})
        assert refused.body == plain.body
    for path in (
        *("api/slides/cut.svs", "openapi.json", "iiif/aperio-scanscope.svs/info.json"),
        *("aperio-scanscope.svs/annotations.geojson", "static/view.js"),
    ):
        etag = client.get(path).headers["etag"].removeprefix("W/")
        for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            assert client.get(path, {"If-None-Match": known}).status == 304, known


def test_other_settings_make_other_pictures(
    slides: Mapping[str, SlideFacts],
) -> None:
    path = slides["aperio-scanscope"].path
    told = []
    for quality in (75, 40):
        with serving(path, quality=quality) as client:
            answer = client.get(f"{path.name}/thumbnail.jpeg")
            version = client.get(f"api/slides/{path.name}").json["version"]
            told.append((answer.headers["etag"], version))
    (first, first_version), (second, second_version) = told
    assert first != second
    assert first_version != second_version  # it keeps addresses for ever


def test_heads(client: Client, folder: Folder) -> None:
    for path in ("aperio-scanscope.svs_files/8/0_0.jpeg", "", "api/slides"):
        whole, head = client.get(path), client.get(path, method="HEAD")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == whole.headers["content-length"]
    before = metric(client, "openslide_sent_bytes_total")
    client.get("aperio-scanscope.svs_files/8/0_0.jpeg", method="HEAD")
    told = client.get("metrics").body.decode()
    after = re.search(r"^openslide_sent_bytes_total (\S+)", told, re.MULTILINE)
    assert after is not None
    assert float(after[1]) - before < len(told) + 10  # that of the metrics themselves


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"]
)
def test_nothing_is_written(client: Client, method: str) -> None:
    assert client.get("api/slides", method=method).status == 405


HOSTILE = [
    "../{name}",
    "..%2f{name}",
    "%2e%2e/{name}",
    "%2e%2e%2f{name}",
    "..%252f{name}",
    "..\\{name}",
    "..%5c{name}",
    "/{name}",
    "%2f{path}",
    "{path}",
    "/{path}",
    "sub/../../{name}",
    ".//..//{name}",
    "%00{name}",
    "inside.svs%00.jpeg",
    ".hidden.svs",
    "file:///{path}",
    "inside.svs/../inside.svs",
    "./inside.svs",
    "inside.svs/",
    "%c0%ae%c0%ae/{name}",
    "link.svs",
    "linked/{name}",
    "a" * 9000,
]


@pytest.mark.parametrize("form", HOSTILE)
def test_no_path_leaves_the_folder(tmp_path: Path, form: str, outside: Outside) -> None:
    path = form.format(name=outside.path.name, path=outside.path)
    for pattern in (
        "{}.dzi",
        "api/slides/{}",
        "{}/thumbnail.jpeg",
        "iiif/{}/info.json",
    ):
        answer = outside.client.get(pattern.format(path))
        assert answer.status in (400, 404, 414), pattern
        assert str(outside.path.parent) not in answer.body.decode()


class Outside:
    """A slide beside the folder that is served."""

    def __init__(self, path: Path, client: Client) -> None:
        self.path = path
        self.client = client


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    parent = tmp_path_factory.mktemp("outside")
    path = write("aperio-scanscope", parent).path
    served = parent / "served"
    served.mkdir()
    shutil.copy(path, served / "inside.svs")
    shutil.copy(path, served / ".hidden.svs")
    (served / "link.svs").symlink_to(path)
    (served / "linked").symlink_to(parent)
    (parent / "list.txt").write_text("names of patients")
    (served / "list.svs").symlink_to(parent / "list.txt")
    (served / "gone.svs").symlink_to(parent / "missing")
    with serving(served) as client:
        assert client.get("inside.svs.dzi").status == 200
        yield Outside(path, client)


def test_links_are_left_out_with_their_reason(outside: Outside) -> None:
    assert set(listed(outside.client)) == {"inside.svs"}
    told = outside.client.get("api/slides").json["left_out"]
    reasons = {left["name"]: left["reason"] for left in told}
    # What lies outside is not even looked at: the reason would quote it.
    assert reasons.keys() == {"link.svs", "linked", "list.svs", "gone.svs"}
    assert all("--follow-links" in reason for reason in reasons.values())


def test_links_are_followed_where_wanted(outside: Outside) -> None:
    with serving(outside.path.parent / "served", follow_links=True) as client:
        assert client.get("link.svs.dzi").status == 200


def test_several_are_served_by_their_names(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    first, second = tmp_path / "one" / "same", tmp_path / "two" / "same"
    for folder in (first, second):
        folder.mkdir(parents=True)
        shutil.copy(slides["aperio-scanscope"].path, folder / "a.svs")
    alone = slides["generic-asap"].path
    with serving(first, second, alone) as client:
        assert set(listed(client)) == {"same/a.svs", "same-2/a.svs", alone.name}
        assert client.get("same-2/a.svs.dzi").status == 200
        # Nothing else of the folder of a slide that was named is served.
        assert client.get(f"{slides['aperio-gt450'].path.name}.dzi").status == 404


def test_foreign_hosts_are_refused(client: Client) -> None:
    for host in (
        "evil.example",
        "evil.example:80",
        "localhost.evil.example",
        "",
        "[::1",
        "localhost:80:80",
        "localhost:evil",
    ):
        assert client.get("api/slides", {"Host": host}).status == 421, host
    for host in ("localhost", f"127.0.0.1:{client.port}", "[::1]:1", "LOCALHOST."):
        assert client.get("api/slides", {"Host": host}).status == 200, host


def test_two_hosts_are_none(client: Client) -> None:
    with socket.create_connection(("localhost", client.port), timeout=60) as connection:
        hosts = b"Host: localhost\r\nHost: evil.example\r\n"
        connection.sendall(b"GET /api/slides HTTP/1.1\r\n" + hosts + b"\r\n")
        assert re.match(rb"HTTP/1.1 4\d\d ", connection.recv(1000))


def test_host_names_may_be_added(folder: Folder) -> None:
    with serving(folder.path, names=("slides.example",)) as client:
        assert client.get("", {"Host": "Slides.example:443"}).status == 200


def test_a_token_is_asked_for(folder: Folder) -> None:
    with serving(folder.path, token=TOKEN) as client:
        path = "aperio-scanscope.svs/thumbnail.jpeg"
        for headers in (
            *({}, {"Authorization": "Bearer wrong"}, {"Cookie": "openslide-token=no"}),
            *({"Authorization": "Basic x"}, {"Cookie": "=;=;;\xff"}),
        ):
            answer = client.get(path, headers)
            assert answer.status == 401
            assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get(path, {"Authorization": f"Bearer {TOKEN}"}).status == 200
        assert client.get("healthz").status == 200
        quoted = "a+secret%2C+with+%26+%3D+%3F"
        assert client.get(f"{path}?token={quoted}").status == 200
        assert client.get(f"{path}?token=wrong").status == 401
        page = client.get(f"view?slide=x&token={quoted}", {"Accept": "text/html"})
        assert page.status == 303
        assert page.headers["location"] == "/view?slide=x"
        assert "HttpOnly" in page.headers["set-cookie"]
        cookie = page.headers["set-cookie"].partition(";")[0]
        assert client.get(path, {"Cookie": cookie}).status == 200
        with serving(folder.path, token="another") as other:
            # At another port; browsers send the cookies of both.
            page = other.get("?token=another", {"Accept": "text/html"})
            both = f"{page.headers['set-cookie'].partition(';')[0]}; {cookie}"
            assert other.get(path, {"Cookie": both}).status == 200
            assert client.get(path, {"Cookie": both}).status == 200


@pytest.mark.parametrize("name", ["healthz", "healthz-old", "static", "view", "api"])
def test_no_name_of_a_slide_gets_around_the_token(
    slides: Mapping[str, SlideFacts], tmp_path: Path, name: str
) -> None:
    sound = slides["aperio-scanscope"].path
    (tmp_path / name).mkdir()
    shutil.copy(sound, tmp_path / name / "in.svs")
    shutil.copy(sound, tmp_path / f"{name}.svs")
    with serving(tmp_path, token=TOKEN) as client:
        for path in (f"{name}/in.svs", f"{name}.svs"):
            for address in (f"{path}.dzi", f"{path}/thumbnail.jpeg"):
                assert client.get(address).status in (401, 404), address


def test_what_is_called_as_the_servers_own_is_left_out(
    slides: Mapping[str, SlideFacts], tmp_path: Path
) -> None:
    sound = slides["aperio-scanscope"].path
    (tmp_path / "api").mkdir()
    for name in ("api/in.svs", "static", "fine.svs", "two\nlines.svs"):
        shutil.copy(sound, tmp_path / name)
    with serving(tmp_path) as client:
        assert listed(client).keys() == {"fine.svs"}
        told = client.get("api/slides").json["left_out"]
        left_out = {left["name"] for left in told}
        assert left_out == {"api/in.svs", "static", "two\nlines.svs"}
        assert client.get("api/in.svs.dzi").status == 404
        assert client.get("static/thumbnail.jpeg").status == 404


def test_pages_elsewhere_use_pictures_where_wanted(
    client: Client, folder: Folder
) -> None:
    origin = {"Origin": "https://viewer.example"}
    answer = client.get("api/slides", origin)
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    with serving(folder.path, origins=("https://viewer.example",)) as open_client:
        allowed = open_client.get("api/slides", origin).headers
        assert allowed["access-control-allow-origin"] == "https://viewer.example"
        assert "Origin" in allowed["vary"]
        preflight = open_client.get("api/slides", origin, "OPTIONS")
        assert preflight.status == 204
        others = open_client.get("api/slides", {"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in others.headers


def test_answers_are_sealed(client: Client, folder: Folder) -> None:
    for path in ("", "view", "api/slides", "nothing", "aperio-scanscope.svs.dzi"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "server" not in headers


def test_a_proxy_says_by_which_scheme_it_was_asked(folder: Folder) -> None:
    path = "iiif/aperio-scanscope.svs/info.json"
    said = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
    for proxies, scheme in ((("127.0.0.1", "::1"), "https"), (("192.0.2.7",), "http")):
        with serving(folder.path, proxies=proxies, token=TOKEN) as client:
            bearer = {"Authorization": f"Bearer {TOKEN}"}
            told = client.get(path, {**said, **bearer}).json
            assert told["id"].startswith(f"{scheme}://localhost:")
            page = {**said, "Accept": "text/html"}
            quoted = "a+secret%2C+with+%26+%3D+%3F"
            cookie = client.get(f"?token={quoted}", page).headers["set-cookie"]
            assert ("Secure" in cookie) == (scheme == "https")


def test_a_base_path(folder: Folder) -> None:
    with serving(folder.path, base_path="/slides") as client:
        assert client.get("slides/aperio-scanscope.svs.dzi").status == 200
        assert client.get("slides/").status == 200
        assert client.get("aperio-scanscope.svs.dzi").status == 404
        info = client.get("slides/iiif/aperio-scanscope.svs/info.json").json
        assert info["id"].endswith("/slides/iiif/aperio-scanscope.svs")


def test_health_and_metrics(client: Client, folder: Folder) -> None:
    assert client.get("healthz").json["status"] == "ok"
    client.get("aperio-scanscope.svs_files/8/0_0.jpeg")
    answer = client.get("metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = answer.body.decode().splitlines()
    counted = r'openslide_requests_total\{kind="deep_zoom_tile",status="200"\} (\S+)'
    assert any(re.match(counted, line) for line in lines)
    assert any(line.startswith("openslide_cache_bytes ") for line in lines)


def test_what_may_be_asked_is_described(client: Client) -> None:
    told = client.get("openapi.json").json
    schemas = told["components"]["schemas"]
    for name in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(told)):
        assert name in schemas
    for path in told["paths"]:
        if "{" not in path:
            assert client.get(path[1:]).status == 200
    assert {"/api/slides", "/{slide}.dzi"} <= told["paths"].keys()


# Running


def test_a_slide_that_crashes_costs_a_process(tmp_path: Path) -> None:
    deadly = write("vmu", tmp_path).path
    text = deadly.read_bytes()
    deadly.write_bytes(text.replace(b"BitsPerPixel=36", b"BitsPerPixel=24"))
    sound = write("aperio-scanscope", tmp_path).path
    name = deadly.relative_to(tmp_path).as_posix()
    with serving(tmp_path) as client, ThreadPoolExecutor(8) as pool:
        tile = f"{sound.name}_files/8/0_0"
        paths = [
            path
            for number in range(12)
            for path in (
                f"{tile}.jpeg?{number}",
                f"{sound.name}/region?width=50&height=50&x={number}",
                f"{name}.dzi?{number}",
            )
        ]
        answers = dict(zip(paths, pool.map(client.get, paths), strict=True))
        statuses = {
            path: answer.status
            for path, answer in answers.items()
            if answer.status != (422 if name in path else 200)
        }
        assert statuses == {}
        told = client.get(f"api/slides/{name}").json
        assert "crashes" in told["error"]
        assert listed(client)[sound.name]["state"] == "ready"


def test_a_process_that_is_killed_is_replaced(folder: Folder) -> None:
    with Command(folder.path) as command:
        client = command.client
        path = "aperio-scanscope.svs/thumbnail.jpeg"
        assert client.get(f"{path}?size=100").status == 200
        for number in range(3):
            for child in command.children():
                if "server import reader" in Path(f"/proc/{child}/cmdline").read_text():
                    os.kill(child, signal.SIGKILL)
            assert client.get(f"{path}?size={200 + number}").status == 200
        assert command.end() == 0
    assert any("ended with SIGKILL" in line for line in command.lines)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP")
def test_a_read_that_does_not_end_is_given_up(folder: Folder) -> None:
    others = set(children(os.getpid()))
    with serving(folder.path, patience=1.0) as client:
        path = "aperio-scanscope.svs/thumbnail.jpeg"
        assert client.get(f"{path}?size=50").status == 200
        stop_readers(others)
        late = client.get(f"{path}?size=51")
        assert late.status == 504
        assert "too long" in late.json["detail"]
        # The process that takes its place may be slow to begin.
        answers = (client.get(f"{path}?size=51").status for _ in range(30))
        assert 200 in answers


def stop_readers(others: set[int]) -> None:
    """Let the processes that read slides stand still, but for those of other servers."""
    for child in set(children(os.getpid())) - others:
        if "server import reader" in Path(f"/proc/{child}/cmdline").read_text():
            os.kill(child, signal.SIGSTOP)


def test_a_slide_that_was_late_is_listed_again(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "_FRESH", 0.0)
    others = set(children(os.getpid()))
    with serving(folder.sound, patience=0.5) as client:
        name = folder.sound.name
        # The process that reads may be slow to begin.
        answers = (client.get(f"{name}/thumbnail.jpeg").status for _ in range(60))
        assert 200 in answers
        stop_readers(others)
        for state in ("failed", "ready"):
            deadline = time.monotonic() + 60
            while not is_listed(client, name, state):
                assert time.monotonic() < deadline, state
                time.sleep(0.02)


def is_listed(client: Client, name: str, state: str) -> bool:
    slides = client.get("api/slides").json["slides"]
    return (name, state) in {(slide["id"], slide["state"]) for slide in slides}


def test_few_slides_are_held_open(tmp_path: Path) -> None:
    sound = write("aperio-scanscope", tmp_path).path
    names = [sound.name]
    for number in range(6):
        names.append(f"{number}.svs")
        shutil.copy(sound, tmp_path / names[-1])
    with serving(tmp_path, open_slides=2) as client, ThreadPoolExecutor(8) as pool:
        paths = [
            f"{name}/region?width=300&height=300&x={x}"
            for x in range(12)
            for name in names
        ]
        assert {answer.status for answer in pool.map(client.get, paths)} == {200}
        assert 1 <= metric(client, "openslide_open_slides") <= 2


def test_connections_without_requests_are_closed(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_KEEP_ALIVE", 0.2)
    whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving(folder.path) as client:
        for sent in (b"", whole[:30], whole, whole + whole[:3]):
            port = ("localhost", client.port)
            with socket.create_connection(port, timeout=60) as connection:
                connection.sendall(sent)
                while connection.recv(10_000):  # the answers, and then the end
                    pass
        # An answer that takes longer than that is waited for.
        large = "aperio-scanscope.svs/region?width=3000&height=3000&format=png"
        assert client.get(large).status == 200


def test_too_much_is_refused(folder: Folder) -> None:
    with serving(folder.path, threads=1, queue=1) as client:
        path = "aperio-scanscope.svs/region?width=2000&height=2000&format=png&x=-{}"
        paths = [path.format(number) for number in range(24)]
        with ThreadPoolExecutor(24) as pool:
            answers = list(pool.map(client.get, paths))
        refused = [answer for answer in answers if answer.status == 503]
        assert refused
        assert all(answer.headers["retry-after"] == "1" for answer in refused)
        assert {answer.status for answer in answers} == {200, 503}


def test_what_nobody_waits_for_is_not_begun(folder: Folder) -> None:
    with serving(folder.path, threads=1) as client:
        path = "aperio-scanscope.svs/region?width=3000&height=3000&format=png&x=-{}"
        gone = []
        for number in range(30):
            connection = socket.create_connection(("localhost", client.port))
            request = f"GET /{path.format(number)} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            connection.sendall(request.encode())
            gone.append(connection)
        while metric(client, "openslide_waiting") < 20:
            time.sleep(0.005)
        for connection in gone:
            connection.close()
        assert client.get("aperio-scanscope.svs/thumbnail.jpeg").status == 200
        assert metric(client, "openslide_forgotten_total") >= 10


def metric(client: Client, name: str) -> float:
    text = client.get("metrics").body.decode()
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found is not None, name
    return float(found[1])


def test_a_signal_ends_it_when_all_is_answered(folder: Folder, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    with Command(folder.path, "--access-log", log) as command:
        path = "aperio-scanscope.svs/region?width=4000&height=4000&format=png"
        with ThreadPoolExecutor(1) as pool:
            large = pool.submit(command.client.get, path)
            while metric(command.client, "openslide_working") < 1:
                time.sleep(0.005)
            assert command.end() == 0
            assert large.result().status == 200
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    region = next(entry for entry in entries if entry["kind"] == "region")
    assert region["status"] == 200
    assert region["path"] == "/aperio-scanscope.svs/region"
    assert {"time", "client", "method", "bytes", "ms"} <= region.keys()


def test_others_are_asked_for_a_token(folder: Folder) -> None:
    with Command(folder.path, "--host", "0.0.0.0") as command:
        assert "token=" in command.address
        assert command.client.get("api/slides").status == 401


def test_an_empty_token_opens_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENSLIDE_TOKEN", "")
    with Command(folder.path, "--host", "0.0.0.0") as command:
        assert "token=" in command.address
        for headers in ({}, {"Authorization": "Bearer "}, {"Cookie": ""}):
            assert command.client.get("api/slides", headers).status == 401


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_costs_lines_of_the_log(folder: Folder) -> None:
    with Command(folder.path, "--access-log", "/dev/full") as command:
        for _ in range(3):
            assert command.client.get("healthz").status == 200
        assert command.end() == 0
    assert "".join(command.lines).count("No space left") == 1


def test_what_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "openslide.server.running", raising=False)
    monkeypatch.delattr(server, "running", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", str(tmp_path)]) == 1
    assert "openslide serve needs uvicorn; install it with" in capsys.readouterr().err


def test_what_cannot_be_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", str(tmp_path / "nothing")]) == 1
    assert "nothing" in capsys.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", str(tmp_path), "--port", str(port)]) == 1
    assert str(port) in capsys.readouterr().err
    assert main(["serve", str(tmp_path), "--host", "nowhere.invalid"]) == 1
    assert "nowhere.invalid" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        {"served": ()},
        {"processes": 0},
        {"cache": -1},
        {"quality": 101},
        {"base_path": "slides"},
        {"base_path": "/{slides}"},
        {"queue": 0},
        {"port": 65536},
        {"token": ""},
        {"origins": ("viewer.example",)},
        {"origins": ("https://viewer.example/",)},
        {"names": ("https://slides.example",)},
        {"names": ("slides.example:8080",)},
    ],
)
def test_settings_that_make_no_sense(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Settings(**{"served": (tmp_path,), **wrong})  # type: ignore[arg-type]
