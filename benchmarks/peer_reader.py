"""Reads slides with one library: python -I peer_reader.py LIBRARY < REQUESTS > ANSWERS.

Stands alone, for it runs in the environments of all of them.  A request and its answer
are a line of JSON each:

    {"do": "open", "path": P}                    -> {"levels": [[width, height], ...]}
    {"do": "read", "level": L, "side": S, "at": [[x, y], ...], "threads": N, "out": S}
                                                 -> {"seconds": of all of them together}
    {"do": "pixels", "level": L, "side": S, "at": [x, y]}
                                                 -> {"pixels": base64, RGB}
    {"do": "thumbnail", "side": S}               -> {"seconds"}
    {"do": "deepzoom", "seed": N, "count": N}    -> {"seconds": for tiles of 254 pixels}
    {"do": "tell"}                               -> {"version", "module": to import}
    {"do": "memory"}                             -> {"bytes": the most there ever were}

`at` is in level-0 pixels.  With "out" the region is made so small, by the library where it
can, else by Pillow.  What a library cannot do is answered by {"error": why}.
"""

from __future__ import annotations

import base64
import importlib.metadata
import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import numpy as np

Pixels = Any
Place = list[int]


class Library:
    """A slide, as programs read it with a library.

    Attributes:
        distribution: what is installed.
        module: what is imported.
        levels: (width, height) of each level.
    """

    distribution: str
    module: str
    levels: Any

    def __init__(self, path: str) -> None:
        raise NotImplementedError

    def read(self, at: Place, level: int, side: int) -> Pixels:
        """RGB as a NumPy array, at a level-0 position."""
        raise NotImplementedError

    def read_all(self, places: list[Place], level: int, side: int, threads: int) -> Any:
        """Many of them, by the library's own means where it has any."""
        if threads == 1:
            return [self.read(at, level, side) for at in places]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda at: self.read(at, level, side), places))

    def read_small(self, at: Place, level: int, side: int, out: int) -> Pixels:
        from PIL import Image

        picture = Image.fromarray(np.asarray(self.read(at, level, side)))
        return np.asarray(picture.resize((out, out), Image.Resampling.BICUBIC))

    def thumbnail(self, side: int) -> object:
        raise NotImplementedError("no thumbnails")

    def deep_zoom(self) -> Any:
        """Its generator of Deep Zoom tiles."""
        raise NotImplementedError("no Deep Zoom")

    def _in_level(self, at: Place, level: int) -> tuple[int, int]:
        scale = self.levels[0][0] / self.levels[level][0]
        return round(at[0] / scale), round(at[1] / scale)


class Ours(Library):
    distribution, module = "openslide-native", "openslide"

    def __init__(self, path: str) -> None:
        import openslide

        openslide.set_num_threads(2)
        self._slide: Any = openslide.OpenSlide(path)
        self.levels = self._slide.level_dimensions

    def read(self, at: Place, level: int, side: int) -> Pixels:
        return self._slide.read_array(at, level, (side, side))

    def read_all(self, places: list[Place], level: int, side: int, threads: int) -> Any:
        return self._slide.read_batch(places, level, (side, side), workers=threads)

    def read_small(self, at: Place, level: int, side: int, out: int) -> Pixels:
        mpp = self._slide.mpp[0] * side / out
        return self._slide.read_at(at, mpp=mpp, size=(out, out))

    def thumbnail(self, side: int) -> object:
        return self._slide.get_thumbnail((side, side))

    def deep_zoom(self) -> Any:
        from openslide.deepzoom import DeepZoomGenerator

        return DeepZoomGenerator(self._slide)


class OpenSlidePython(Library):
    distribution, module = "openslide-python", "openslide"

    def __init__(self, path: str) -> None:
        import openslide

        self._slide: Any = openslide.OpenSlide(path)
        self.levels = self._slide.level_dimensions

    def read(self, at: Place, level: int, side: int) -> Pixels:
        region = self._slide.read_region(tuple(at), level, (side, side))
        return np.asarray(region.convert("RGB"))

    def thumbnail(self, side: int) -> object:
        return self._slide.get_thumbnail((side, side))

    def deep_zoom(self) -> Any:
        from openslide.deepzoom import DeepZoomGenerator

        return DeepZoomGenerator(self._slide)


class TiffSlide(Library):
    distribution, module = "tiffslide", "tiffslide"

    def __init__(self, path: str) -> None:
        import tiffslide

        self._slide: Any = tiffslide.TiffSlide(path)
        self.levels = self._slide.level_dimensions

    def read(self, at: Place, level: int, side: int) -> Pixels:
        return self._slide.read_region(tuple(at), level, (side, side), as_array=True)

    def thumbnail(self, side: int) -> object:
        return self._slide.get_thumbnail((side, side))


class FastSlide(Library):
    distribution, module = "fastslide", "fastslide"

    def __init__(self, path: str) -> None:
        import fastslide

        self._slide: Any = fastslide.FastSlide.from_file_path(path)
        self.levels = self._slide.level_dimensions

    def read(self, at: Place, level: int, side: int) -> Pixels:
        place = self._in_level(at, level)
        return self._slide.read_region(place, level, (side, side)).numpy()


class Cucim(Library):
    distribution, module = "cucim-cu12", "cucim"

    def __init__(self, path: str) -> None:
        from cucim import CuImage

        self._slide: Any = CuImage(path)
        self.levels = self._slide.resolutions["level_dimensions"]

    def read(self, at: Place, level: int, side: int) -> Pixels:
        return np.asarray(self._slide.read_region(at, (side, side), level))

    def read_all(self, places: list[Place], level: int, side: int, threads: int) -> Any:
        regions = self._slide.read_region(
            places, (side, side), level, batch_size=4, num_workers=threads
        )
        return [np.asarray(region).copy() for region in regions]


class Vips(Library):
    distribution, module = "pyvips", "pyvips"

    def __init__(self, path: str) -> None:
        import pyvips

        self._pages: Any = []
        page = 0
        while True:
            try:
                image = pyvips.Image.tiffload(path, page=page)
            except pyvips.Error:
                break
            # Pages that are no level have no tiles: a label, a macro picture.
            if page == 0 or image.width < self._pages[-1].width:
                self._pages.append(image)
            page += 1
        if not self._pages:
            raise ValueError("no TIFF that vips can load")
        self.levels = [(page.width, page.height) for page in self._pages]
        self._region: Any = pyvips.Region.new(self._pages[0])
        self._new_region = pyvips.Region.new
        self._level = 0

    def read(self, at: Place, level: int, side: int) -> Pixels:
        region = self._new_region(self._pages[level])
        x, y = self._in_level(at, level)
        data = region.fetch(x, y, side, side)
        return np.frombuffer(data, np.uint8).reshape(side, side, -1)[:, :, :3]


class TiffFile(Library):
    distribution, module = "tifffile", "tifffile"

    def __init__(self, path: str) -> None:
        import tifffile
        import zarr

        file = tifffile.TiffFile(path)
        series = file.series[0]
        self.levels = [(level.shape[1], level.shape[0]) for level in series.levels]
        self._arrays: Any = [
            zarr.open(series.aszarr(level=number), mode="r")
            for number in range(len(series.levels))
        ]

    def read(self, at: Place, level: int, side: int) -> Pixels:
        x, y = self._in_level(at, level)
        return np.asarray(self._arrays[level][y : y + side, x : x + side])


LIBRARIES: dict[str, type[Library]] = {
    "ours": Ours,
    "openslide-python": OpenSlidePython,
    "tiffslide": TiffSlide,
    "fastslide": FastSlide,
    "cucim": Cucim,
    "pyvips": Vips,
    "tifffile": TiffFile,
}


def _read(slide: Library, request: dict[str, Any]) -> dict[str, Any]:
    places, level, side = request["at"], request["level"], request["side"]
    small = request.get("out")
    start = perf_counter()
    if small:
        for at in places:
            slide.read_small(at, level, side, small)
    else:
        slide.read_all(places, level, side, request["threads"])
    return {"seconds": perf_counter() - start}


def _deep_zoom(slide: Library, request: dict[str, Any]) -> dict[str, Any]:
    """Tiles of the level of half the resolution, where most people look."""
    generator = slide.deep_zoom()
    level = generator.level_count - 2
    columns, rows = generator.level_tiles[level]
    chosen = random.Random(request["seed"])
    places = [
        (chosen.randrange(columns), chosen.randrange(rows))
        for _ in range(request["count"])
    ]
    start = perf_counter()
    for place in places:
        generator.get_tile(level, place)
    return {"seconds": perf_counter() - start}


def _memory() -> dict[str, Any]:
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith("VmHWM"))
    return {"bytes": int(line.split()[1]) << 10}


def main() -> None:
    """Answer requests until there are no more."""
    opened = LIBRARIES[sys.argv[1]]
    slide: Library | None = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "open":
                slide = None
                start = perf_counter()
                slide = opened(request["path"])
                answer: dict[str, Any] = {
                    "levels": list(slide.levels),
                    "seconds": perf_counter() - start,
                }
            elif request["do"] == "memory":
                answer = _memory()
            elif request["do"] == "tell":
                version = importlib.metadata.version(opened.distribution)
                answer = {"version": version, "module": opened.module}
            elif slide is None:
                answer = {"error": "no slide is open"}
            elif request["do"] == "read":
                answer = _read(slide, request)
            elif request["do"] == "deepzoom":
                answer = _deep_zoom(slide, request)
            elif request["do"] == "pixels":
                pixels = slide.read(request["at"], request["level"], request["side"])
                data = np.ascontiguousarray(pixels[:, :, :3]).tobytes()
                answer = {"pixels": base64.b64encode(data).decode()}
            elif request["do"] == "thumbnail":
                start = perf_counter()
                slide.thumbnail(request["side"])
                answer = {"seconds": perf_counter() - start}
        except Exception as error:  # whatever a library raises is its answer
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
