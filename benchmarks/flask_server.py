"""A server of Deep Zoom tiles as openslide-python's multiserver example has it.

    python flask_server.py FOLDER PORT CACHE_MB

Flask's own server with a thread for each request, one tile cache for all slides, ten
slides held open, tiles of 254 pixels that overlap by one, JPEG of quality 75.  It is run
by an environment that has openslide-python and Flask.
"""

import sys
from collections import OrderedDict
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

from flask import Flask, Response, abort  # type: ignore[import-not-found]

from openslide import OpenSlide, OpenSlideCache
from openslide.deepzoom import DeepZoomGenerator

MOST_SLIDES = 10


class Slides:
    """The slides that were asked for last."""

    def __init__(self, folder: Path, cache: int) -> None:
        self._folder = folder.resolve()
        self._cache = OpenSlideCache(cache)
        self._lock = Lock()
        self._open: OrderedDict[Path, DeepZoomGenerator] = OrderedDict()

    def get(self, name: str) -> DeepZoomGenerator:
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder) or not path.is_file():
            abort(404)
        with self._lock:
            if path in self._open:
                self._open.move_to_end(path)
                return self._open[path]
        slide = OpenSlide(path)
        slide.set_cache(self._cache)
        tiles = DeepZoomGenerator(slide, tile_size=254, overlap=1, limit_bounds=True)
        with self._lock:
            self._open[path] = tiles
            while len(self._open) > MOST_SLIDES:
                self._open.popitem(last=False)
        return tiles


def main() -> None:
    folder, port, cache = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    slides = Slides(folder, cache << 20)
    app = Flask(__name__)

    @app.route("/<path:name>.dzi")  # type: ignore[untyped-decorator]
    def description(name: str) -> Any:
        return Response(slides.get(name).get_dzi("jpeg"), mimetype="application/xml")

    @app.route("/<path:name>_files/<int:level>/<int:column>_<int:row>.jpeg")  # type: ignore[untyped-decorator]
    def tile(name: str, level: int, column: int, row: int) -> Any:
        try:
            image = slides.get(name).get_tile(level, (column, row))
        except ValueError:
            abort(404)
        buffer = BytesIO()
        image.save(buffer, "jpeg", quality=75, icc_profile=None)
        return Response(buffer.getvalue(), mimetype="image/jpeg")

    app.run(host="127.0.0.1", port=port, threaded=True)


if __name__ == "__main__":
    main()
