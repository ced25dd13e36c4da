"""The pictures of the documentation but the viewer's: python -m tests.pictures OUT.

Each shows what a page of it speaks of, made by the package itself of tests.biopsy.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import openslide
from openslide.annotations import Annotations
from openslide.cli import main as command
from openslide.tiles import TileGrid
from openslide.tissue import TissueMask
from tests.biopsy import write_biopsy

_SIDE = 640
_COLORS = 56  # enough for two stains, and a third of the bytes

_OUTLINES = {"Tumor": (200, 20, 40), "Stroma": (0, 120, 60)}
_TISSUE = (0, 110, 200)


def make(out: Path) -> None:
    """Write the pictures, PNG files."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = write_biopsy(folder)
        with openslide.OpenSlide(path) as slide:
            _save(_tissue(slide), out / "tissue.png")
            _save(_annotated(slide, path.with_suffix(".geojson")), out / "classes.png")
        options = ["--size=224", "--mpp=0.5", "--min-tissue=0.25", "--to=webdataset"]
        status = command(["tiles", str(path), f"--output={folder / 'tiles'}", *options])
        if status:
            raise SystemExit(status)
        for kind in ("overlay", "sheet"):
            with Image.open(folder / "tiles" / f"biopsy-{kind}.jpg") as image:
                _save(image.convert("RGB"), out / f"tiles-{kind}.png")


def _save(image: Image.Image, path: Path) -> None:
    image.thumbnail((_SIDE, _SIDE))
    few = image.quantize(_COLORS, kmeans=2, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    print(f"{path}: {path.stat().st_size:,} bytes")


def _tissue(slide: openslide.OpenSlide) -> Image.Image:
    """The slide, with tissue outlined as it was found and all else pale."""
    picture = slide.get_thumbnail((_SIDE, _SIDE)).convert("RGB")
    mask = TissueMask.detect(slide)
    wanted = Image.fromarray(mask.array).resize(picture.size)
    pale = Image.blend(picture, Image.new("RGB", picture.size, "white"), 0.7)
    picture = Image.composite(picture, pale, wanted)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mask.geojson"
        mask.save(path)
        for _, rings in Annotations.read(path, slide):
            _draw(picture, rings, slide.dimensions[0], _TISSUE)
    return picture


def _annotated(slide: openslide.OpenSlide, path: Path) -> Image.Image:
    """The slide, with what was drawn on it and each tile in the colour of its class."""
    picture = slide.get_thumbnail((_SIDE, _SIDE)).convert("RGB")
    shrink = picture.width / slide.dimensions[0]
    draw = ImageDraw.Draw(picture, "RGBA")
    grid = TileGrid(slide, 224, mpp=0.5, mask=path, min_tissue=0.5)
    for label, (x, y, width, height) in zip(
        grid.labels, (grid.boxes * shrink).tolist(), strict=True
    ):
        box = (x + 1, y + 1, x + width - 1, y + height - 1)
        draw.rectangle(box, outline=_OUTLINES[label], fill=(*_OUTLINES[label], 60))
    for name, rings in Annotations.read(path, slide):
        _draw(picture, rings, slide.dimensions[0], _OUTLINES[name])
    return picture


def _draw(
    picture: Image.Image,
    rings: Iterable[NDArray[np.float64]],
    slide_width: int,
    color: tuple[int, int, int],
) -> None:
    draw = ImageDraw.Draw(picture)
    for ring in rings:
        points = (ring * (picture.width / slide_width)).ravel().tolist()
        draw.line(points, fill=color, width=2)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
