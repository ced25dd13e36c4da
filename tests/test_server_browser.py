"""What openslide serve shows in a browser: OpenSeadragon in headless Chromium.

`make browser` installs what this needs, but for Chromium itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from openslide import OpenSlide
from tests.chromium import launched, require_browser, wait_until
from tests.served import Client, serving
from tests.slides import write

require_browser()

#: One slide of each format, as short to write as any.
SHOWN = (
    *("aperio-scanscope", "dicom-gt450", "generic-asap", "huron", "leica-mixed"),
    *("mirax", "ndpi-2048", "philips-1-1", "sakura", "trestle", "ventana-padded"),
    *("vms", "zeiss-raw"),
)

LOADED = "viewer.world.getItemAt(0).getFullyLoaded()"
READY = "document.body.dataset.ready === 'true'"

OUTLINE = {
    "type": "Feature",
    "geometry": {
        "type": "Polygon",
        "coordinates": [[[0, 0], [400, 0], [400, 300], [0, 300], [0, 0]]],
    },
    "properties": {"name": "the first", "classification": {"name": "Tumor"}},
}


#: One that is sound, one of no place, which GeoJSON allows, and four that are broken.
MALFORMED = [
    OUTLINE,
    {"type": "Feature", "geometry": None, "properties": None},
    {"type": "Feature", "properties": {}},
    {"type": "Feature", "geometry": {"type": "Circle", "coordinates": [1, 2]}},
    {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[["a", 1]]]}},
    None,
]


class Page:
    """A page, and what went wrong in it."""

    def __init__(self, page: Any, client: Client) -> None:
        self.page = page
        self.failures: list[str] = []
        self.tiles: list[str] = []
        self._client = client
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.failures.append(str(error)))
        page.on("response", self._count)

    def _note(self, message: Any) -> None:
        if message.type == "error":
            self.failures.append(message.text)

    def _count(self, response: Any) -> None:
        if "_layers/" in response.url or "_files/" in response.url:
            self.tiles.append(response.url)
        if response.status >= 400:
            self.failures.append(f"{response.status} {response.url}")

    def go(self, path: str) -> None:
        self.page.goto("about:blank")
        self.page.goto(f"http://localhost:{self._client.port}/{path}")

    def open(self, slide: str, more: str = "") -> None:
        """Show a slide, and wait until it is drawn."""
        self.go(f"view?slide={slide}{more}")
        wait_until(self.page, READY)
        wait_until(self.page, LOADED)

    def text(self, selector: str) -> str:
        text: str = self.page.inner_text(selector)
        return text

    def pixels(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """What the screen shows of the slide, without what lies over it."""
        shot = self.page.screenshot(
            clip={"x": 100, "y": 200, "width": 400, "height": 300}
        )
        with Image.open(BytesIO(shot)) as image:
            return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def served(folder: Path) -> dict[str, str]:
    """Addresses by the names of slides."""
    paths = {name: write(name, folder).path for name in SHOWN}
    sound = paths["aperio-scanscope"]
    sound.with_suffix(".geojson").write_text(json.dumps(OUTLINE))
    paths["huron"].with_suffix(".geojson").write_text(json.dumps(MALFORMED))
    (folder / "cut.svs").write_bytes(sound.read_bytes()[:5000])
    return {name: path.relative_to(folder).as_posix() for name, path in paths.items()}


@pytest.fixture(scope="module")
def slide(folder: Path, served: dict[str, str]) -> Iterator[OpenSlide]:
    with OpenSlide(folder / served["aperio-scanscope"]) as slide:
        yield slide


@pytest.fixture(scope="module")
def client(folder: Path, served: dict[str, str]) -> Iterator[Client]:
    with serving(folder, labels=True) as client:
        yield client


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as browser:
        yield browser


@pytest.fixture
def page(browser: Any, client: Client) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 900, "height": 700})
    page = Page(context.new_page(), client)
    yield page
    context.close()


def test_the_index_lists_the_slides_of_every_format(page: Page) -> None:
    page.go("")
    wait_until(page.page, "document.body.dataset.complete === 'true'")
    links = page.page.eval_on_selector_all(
        "#slides a", "links => links.map((link) => link.getAttribute('href'))"
    )
    assert len(links) == len(SHOWN)
    assert page.text("#count") == f"{len(SHOWN)} slides"
    wait_until(
        page.page,
        "[...document.images].slice(0, 4).every((i) => i.complete && i.naturalWidth)",
    )
    page.page.fill("#search", "aperio SCAN")
    assert page.page.locator("#slides li:visible").count() == 1
    assert page.text("#count") == f"1 of {len(SHOWN)} slides"
    page.page.click("#slides li:visible a")
    wait_until(page.page, READY)
    assert page.failures == []


@pytest.mark.parametrize("name", ["dicom-gt450", "mirax", "zeiss-raw"])
def test_a_slide_is_shown(page: Page, served: dict[str, str], name: str) -> None:
    page.open(quote(served[name], safe=""))
    assert page.tiles
    assert page.failures == []


def test_zooming_asks_for_another_level(page: Page) -> None:
    page.open("aperio-scanscope.svs")
    before = set(page.tiles)
    assert before
    page.page.keyboard.press("+")
    page.page.evaluate(
        "viewer.viewport.zoomTo(8 * viewer.viewport.getZoom(), null, true)"
    )
    wait_until(page.page, LOADED)
    layers = {url.split("_layers/")[1].split("/")[0] for url in page.tiles}
    assert "0" in layers
    assert page.failures == []


def test_the_scale_bar_is_right(page: Page, slide: OpenSlide) -> None:
    page.open("aperio-scanscope.svs", "#x=200&y=150&zoom=2")
    assert slide.mpp is not None
    microns_by_pixel = slide.mpp[0] / 2
    microns = float(page.page.get_attribute("#scale-bar", "data-microns"))
    width = page.page.evaluate(
        "document.querySelector('#scale-bar span').getBoundingClientRect().width"
    )
    assert width == pytest.approx(microns / microns_by_pixel, rel=0.01)
    assert page.text("#scale-bar") == f"{microns:g} \u00b5m"


def test_magnifications(page: Page, slide: OpenSlide) -> None:
    page.open("aperio-scanscope.svs")
    power = float(slide.properties["openslide.objective-power"])
    page.page.click(f"#magnifications button:text-is('{power:g}\u00d7')")
    zoom = "viewer.viewport.viewportToImageZoom(viewer.viewport.getZoom(true))"
    wait_until(page.page, f"Math.abs({zoom} - 1) < 0.001")
    page.page.click("#magnifications button:text-is('5\u00d7')")
    wait_until(page.page, f"Math.abs({zoom} - {5 / power}) < 0.001")


def test_the_panel(page: Page, slide: OpenSlide) -> None:
    page.open("aperio-scanscope.svs")
    assert not page.page.is_visible("#panel")
    page.page.keyboard.press("p")
    assert page.page.is_visible("#panel")
    text = page.text("#panel")
    assert f"{slide.dimensions[0]:,} \u00d7 {slide.dimensions[1]:,} pixels" in text
    assert slide.properties["openslide.vendor"] in text
    pictures = page.page.eval_on_selector_all(
        "#associated img", "all => all.map((i) => i.alt)"
    )
    assert set(pictures) == set(slide.associated_images)
    page.page.keyboard.press("p")
    assert not page.page.is_visible("#panel")
    assert page.failures == []


def test_a_broken_slide_says_why(page: Page) -> None:
    page.go("view?slide=cut.svs")
    page.page.wait_for_selector("#message:visible")
    assert "cut.svs" in page.text("#message")
    page.go("view?slide=nothing.svs")
    page.page.wait_for_selector("#message:visible")
    assert "no such slide" in page.text("#message")


def test_the_keyboard(page: Page) -> None:
    page.open("aperio-scanscope.svs")
    zoom = "viewer.viewport.getZoom()"
    start = page.page.evaluate(zoom)
    page.page.keyboard.press("+")
    wait_until(page.page, f"{zoom} > {start}")
    x = page.page.evaluate("viewer.viewport.getCenter().x")
    page.page.keyboard.press("ArrowRight")
    wait_until(page.page, f"viewer.viewport.getCenter().x > {x}")
    page.page.keyboard.press("0")
    wait_until(page.page, f"Math.abs({zoom} - viewer.viewport.getHomeZoom()) < 0.001")
    page.page.keyboard.press("r")
    wait_until(page.page, "viewer.viewport.getRotation() === 90")
    # Every tool can be had without a mouse.
    page.page.focus("#measure")
    page.page.keyboard.press("Enter")
    assert page.page.get_attribute("#measure", "aria-pressed") == "true"
    page.page.keyboard.press("Escape")
    assert page.page.get_attribute("#measure", "aria-pressed") == "false"


def test_a_distance(page: Page, slide: OpenSlide) -> None:
    page.open("aperio-scanscope.svs", "#x=200&y=150&zoom=2")
    page.page.keyboard.press("m")
    page.page.mouse.click(300, 300)
    page.page.mouse.move(400, 350)
    page.page.mouse.click(500, 300)
    assert slide.mpp is not None
    expected = 200 / 2 * slide.mpp[0]
    assert page.text("#status").endswith("\u00b5m")
    assert float(page.text("#status").split()[0]) == pytest.approx(expected, rel=0.02)


def test_a_distance_without_a_mouse(page: Page, slide: OpenSlide) -> None:
    page.open("aperio-scanscope.svs", "#x=200&y=150&zoom=2")
    page.page.keyboard.press("m")
    begin = set_point(page)
    page.page.keyboard.press("ArrowRight")
    wait_until(page.page, f"{MIDDLE} > {begin} + 10")
    end = set_point(page)
    fixed = page.text("#status")
    assert slide.mpp is not None
    assert fixed.endswith("\u00b5m")
    expected = (end - begin) * slide.mpp[0]
    assert float(fixed.split()[0]) == pytest.approx(expected, rel=0.02)
    page.page.keyboard.press("ArrowRight")
    wait_until(page.page, f"{MIDDLE} > {end} + 10")
    assert page.text("#status") == fixed


MIDDLE = "viewer.viewport.viewportToImageCoordinates(viewer.viewport.getCenter(true)).x"


def set_point(page: Page) -> float:
    """Press Enter, and say what is in the middle then: the view may be moving."""
    x: float = page.page.evaluate(
        f"""() => {{
            const x = {MIDDLE};
            const press = new KeyboardEvent("keydown", {{ key: "Enter", bubbles: true }});
            document.activeElement.dispatchEvent(press);
            return x;
        }}"""
    )
    return x


def test_malformed_annotations_cost_only_themselves(
    page: Page, served: dict[str, str]
) -> None:
    page.open(served["huron"])
    wait_until(page.page, "viewer.element.dataset.outlines === '1'")
    assert page.text("#status") == "4 annotations are malformed, and not shown"
    assert page.failures == []


def test_annotations(page: Page) -> None:
    page.open("aperio-scanscope.svs", "#x=200&y=150&zoom=1")
    wait_until(page.page, "viewer.element.dataset.outlines === '1'")
    shown = page.pixels()
    page.page.mouse.click(450, 400)
    wait_until(page.page, "document.getElementById('status').textContent !== ''")
    assert page.text("#status") == "Tumor: the first"
    page.page.keyboard.press("o")
    wait_until(page.page, "document.getElementById('outlines').ariaPressed === 'false'")
    assert np.abs(page.pixels().astype(int) - shown).mean() > 1
    page.page.keyboard.press("o")
    page.page.keyboard.press("p")
    page.page.click("#classes input")
    assert "Tumor (1)" in page.text("#classes")


def test_a_view_is_shared_by_its_address(page: Page) -> None:
    page.open("aperio-scanscope.svs", "#x=210&y=140&zoom=1.5")
    center = page.page.evaluate(
        "(() => { const c = viewer.viewport.viewportToImageCoordinates("
        "viewer.viewport.getCenter()); return [c.x, c.y]; })()"
    )
    assert center == pytest.approx([210, 140], abs=1)
    page.page.keyboard.press("ArrowRight")
    wait_until(page.page, "!location.hash.includes('x=210')")
    address = page.page.evaluate("location.href")
    assert "y=140" in address
    assert "turn" not in address
    page.page.keyboard.press("r")
    wait_until(page.page, "location.hash.includes('turn=90')")
    page.page.goto("about:blank")
    page.page.goto(f"{address}&turn=270")
    wait_until(page.page, READY)
    assert page.page.evaluate("viewer.viewport.getRotation(true)") == 270


def test_the_list_keeps_the_focus_while_it_grows(
    browser: Any, folder: Path, served: dict[str, str]
) -> None:
    with serving(folder) as client:
        context = browser.new_context()
        page = Page(context.new_page(), client)
        page.go("")
        wait_until(page.page, "document.querySelectorAll('#slides a').length > 1")
        page.page.focus("#slides li:last-child a")
        wait_until(page.page, "document.body.dataset.complete === 'true'")
        focused = "document.activeElement.closest('#slides li:last-child') !== null"
        assert page.page.evaluate(focused)
        context.close()


def test_stored_tiles_look_as_others_do(page: Page) -> None:
    shown = {}
    for tiles in ("layers", "deepzoom"):
        page.open("aperio-scanscope.svs", f"&tiles={tiles}#x=200&y=150&zoom=1")
        page.page.wait_for_timeout(600)  # tiles are blended in
        wait_until(page.page, LOADED)
        shown[tiles] = page.pixels().astype(int)
    assert np.abs(shown["layers"] - shown["deepzoom"]).mean() < 3
    assert shown["layers"].std() > 10


def test_a_phone(browser: Any, client: Client) -> None:
    context = browser.new_context(
        viewport={"width": 380, "height": 720}, has_touch=True, is_mobile=True
    )
    page = Page(context.new_page(), client)
    page.open("aperio-scanscope.svs")
    for button in page.page.locator("header button:visible").all():
        box = button.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 380
    page.page.tap("#show-panel")
    assert page.page.locator("#panel").bounding_box()["width"] == 380
    page.go("")
    wait_until(page.page, "document.body.dataset.complete === 'true'")
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 380
    context.close()


def test_a_token_comes_with_the_address(
    browser: Any, folder: Path, client: Client
) -> None:
    with serving(folder / "aperio-scanscope.svs", token="t&k n") as client:
        context = browser.new_context()
        page = Page(context.new_page(), client)
        page.open("aperio-scanscope.svs", "&token=t%26k+n")
        assert "token" not in page.page.url
        assert page.tiles
        assert page.failures == []
        context.close()


def test_a_base_path(browser: Any, folder: Path, client: Client) -> None:
    with serving(folder, base_path="/deep/slides") as client:
        context = browser.new_context()
        page = Page(context.new_page(), client)
        page.go("deep/slides/")
        page.page.click("#slides a >> nth=0")
        wait_until(page.page, READY)
        wait_until(page.page, LOADED)
        assert page.failures == []
        context.close()


def test_where_openseadragon_is_missing(browser: Any, client: Client) -> None:
    context = browser.new_context()
    context.route("**/openseadragon.min.js", lambda route: route.fulfill(status=404))
    page = Page(context.new_page(), client)
    page.go("view?slide=aperio-scanscope.svs")
    page.page.wait_for_selector("#message:visible")
    assert "make viewer" in page.text("#message")
    context.close()
