"""Read a slide by way of a package that requires openslide-python: dependent.py SLIDE.

Runs in an environment that has this package and its companion.
"""

import sys
from importlib.metadata import version

import large_image_source_openslide

import openslide

assert version("openslide-python").endswith("+native"), version("openslide-python")
assert openslide.__version__ == version("openslide-native"), openslide.__file__
source = large_image_source_openslide.open(sys.argv[1])
with openslide.OpenSlide(sys.argv[1]) as slide:
    assert (source.sizeX, source.sizeY) == slide.dimensions
    assert slide.direct_levels, "none is read directly"
tile, _ = source.getRegion(
    region={"left": 0, "top": 0, "width": 256, "height": 256}, format="numpy"
)
assert tile.shape[:2] == (256, 256), tile.shape
print("large_image reads by", openslide.__file__)
