"""Slides in notebooks: a picture, and the viewer."""

from __future__ import annotations

import re
import shutil
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from openslide import ImageSlide, OpenSlide
from openslide.server import show
from tests.served import Client
from tests.slides import SlideFacts


def test_a_slide_shows_itself(slide: OpenSlide) -> None:
    picture = slide._repr_png_()
    assert picture is not None
    with Image.open(BytesIO(picture)) as image:
        assert image.format == "PNG"
        assert max(image.size) == 512
        expected = np.asarray(slide.get_thumbnail((512, 512)), int)
        assert np.abs(np.asarray(image) - expected).mean() < 20
    slide.close()
    assert slide._repr_png_() is None  # its repr() says what it was


def test_a_picture_shows_itself() -> None:
    with ImageSlide(Image.new("RGB", (20, 10), "red")) as slide:
        picture = slide._repr_png_()
    assert picture is not None
    with Image.open(BytesIO(picture)) as image:
        assert image.size == (20, 10)


def test_the_viewer(slide: OpenSlide, facts: SlideFacts, tmp_path: Path) -> None:
    first = show(slide, height=300)
    frame = re.search(r'<iframe src="([^"]+)"', first._repr_html_())
    assert frame is not None
    assert frame[1] == first.address
    assert repr(first) == f"<viewer at {first.address}>"
    assert 'height="300"' in first._repr_html_()
    parts = urlsplit(first.address)
    assert parts.port is not None
    client = Client(parts.port)
    page = client.get(f"{parts.path}?{parts.query}"[1:])
    assert page.status == 200
    assert "x-frame-options" not in page.headers
    assert "frame-ancestors *" in page.headers["content-security-policy"]
    # Another of the same name is shown by the same server.
    shutil.copy(facts.path, tmp_path)
    second = show(tmp_path / facts.path.name)
    assert urlsplit(second.address).port == parts.port
    assert second.address != first.address
    base = parts.path.rpartition("/")[0][1:]
    for shown in (first, second, show(slide)):
        name = urlsplit(shown.address).query.partition("=")[2]
        assert client.get(f"{base}/api/slides/{name}").json["state"] == "ready"
    # Without the secret there is nothing.
    assert client.get("").status == 404
    assert client.get(f"{facts.path.name}.dzi").status == 404


def test_the_viewer_behind_a_proxy(facts: SlideFacts) -> None:
    shown = show(facts.path, proxy="/user/me/proxy/")
    parts = urlsplit(shown.address)
    assert f'src="/user/me/proxy/{parts.port}{parts.path}?' in shown._repr_html_()


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        show(tmp_path / "nothing.svs")
