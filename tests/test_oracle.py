"""The same Python, run by this package and by openslide-python, gives the same.

A test is a list of lines (see tests.oracle.script).  Values must be equal, down to
the bytes of pixels and profiles.  Where openslide-python raises, this package must
raise what every `except` clause written for openslide-python catches, with a
message that begins with openslide-python's.
"""

from __future__ import annotations

import io
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import openslide
from tests.conftest import RealSlides, Slides
from tests.oracle import cases, script, typed_program
from tests.oracle.client import Oracle, OracleUnavailableError, find_python
from tests.oracle.compare import Compare, RunBoth, differences
from tests.oracle.script import Description
from tests.real_slides import REAL_SLIDES
from tests.slides import FORMATS, WRITERS
from tests.type_check import complaints

READS_PER_SLIDE = 24


# Comparing


def connect() -> Oracle:
    oracle = Oracle(find_python())
    if oracle.versions != script.versions():
        oracle.close()
        raise OracleUnavailableError(
            f"not comparable: openslide-python has {oracle.versions}, "
            f"this process has {script.versions()}"
        )
    return oracle


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    """openslide-python; without it tests are skipped, but in CI they fail.

    Whoever chooses another libopenslide cannot have the same pixels.
    """
    try:
        connected = connect()
    except OracleUnavailableError as reason:
        chosen = os.environ.get("OPENSLIDE_LIBRARY")
        if os.environ.get("CI") == "true" and not chosen:
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    yield connected
    connected.close()


@pytest.fixture
def run_both(oracle: Oracle) -> RunBoth:
    """Each line with our answer and openslide-python's."""

    def run(
        *lines: str, **names: str | Path
    ) -> list[tuple[str, Description, Description]]:
        variables = {name: str(value) for name, value in names.items()}
        oracle.send(lines, variables)
        ours = script.run(lines, variables)
        return list(zip(lines, ours, oracle.receive(), strict=True))

    return run


@pytest.fixture
def alike(run_both: RunBoth) -> Compare:
    """Assert that lines give the same on either side."""

    def compare(*lines: str, **names: str | Path) -> None:
        found = differences(run_both(*lines, **names))
        assert not found, "\n" + "\n".join(found)

    return compare


# Every slide

SLIDES = [*WRITERS, *(f"real {name}" for name in REAL_SLIDES)]

#: Where reads of some regions fail.
FAILING = {
    "generic-gdal",
    *(f"real {name}" for name, slide in REAL_SLIDES.items() if slide.unreadable),
}

#: Those that can be read as a whole: of several errors any may come first.
WHOLE_SLIDES = [
    *WRITERS,
    *(
        f"real {name}"
        for name, slide in REAL_SLIDES.items()
        if 0 not in slide.unreadable
    ),
]


@pytest.fixture(params=SLIDES)
def slide_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(slide_name: str, slides: Slides, real_slides: RealSlides) -> Path:
    real = slide_name.removeprefix("real ")
    return slides[real].path if real == slide_name else real_slides[real]


@pytest.fixture(params=["1", "0"], ids=["direct", "plain"])
def _direct(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether this package reads directly what it can."""
    monkeypatch.setenv("OPENSLIDE_DIRECT", request.param)


with_and_without_direct_reads = pytest.mark.usefixtures("_direct")


def test_metadata(alike: Compare, path: Path) -> None:
    alike(
        "slide = OpenSlide(path)",
        "slide.properties['openslide.vendor']",
        "OpenSlide.detect_format(path)",
        "lowlevel.detect_vendor(path)",
        "slide.level_count",
        "slide.dimensions",
        "slide.level_dimensions",
        "slide.level_downsamples",
        "slide.properties",
        "list(slide.properties)",
        "len(slide.properties)",
        "dict(slide.properties)",
        "repr(slide.properties)",
        "slide.color_profile",
        "list(slide.associated_images)",
        "repr(slide)",
        "type(open_slide(path))",
        path=path,
    )


def test_best_levels(alike: Compare, path: Path) -> None:
    downsamples = [0, 0.5, 1, 1.9, 2, 3.99, 4, 4.01, 7, 8, 15.999, 16, 17, 64, 1000]
    alike(
        "slide = OpenSlide(path)",
        *(f"slide.get_best_level_for_downsample({each})" for each in downsamples),
        "[slide.get_best_level_for_downsample(d) for d in slide.level_downsamples]",
        path=path,
    )


def test_associated_images(alike: Compare, path: Path) -> None:
    """Pixels and colour profiles; which slide object a profile is, is not compared."""
    alike(
        "slide = OpenSlide(path)",
        "images = slide.associated_images",
        "len(images)",
        "dict(images)",
        "[images[name].load()[3, 5] for name in images]",
        path=path,
    )


def random_reads(slide: openslide.OpenSlide, count: int, seed: str) -> list[str]:
    """Calls of read_region: on and off the pixel grid, inside, across and outside."""
    rng = random.Random(seed)
    width, height = slide.dimensions
    reads = []
    for _ in range(count):
        level = rng.choice([*range(slide.level_count), rng.randrange(-1, 9)])
        known = 0 <= level < slide.level_count
        downsample = slide.level_downsamples[level] if known else 1
        longest = rng.choice([1, 7, 64, 200, 500])
        size = [rng.randint(0, longest), rng.randint(0, longest)]
        x = rng.randint(-300, width + 100)
        y = rng.randint(-300, height + 100)
        if rng.random() < 0.5:  # on the level's pixel grid
            x = int(x // downsample * downsample)
            y = int(y // downsample * downsample)
        if rng.random() < 0.1:
            x, y = rng.choice([(-(10**9), y), (x, 10**9), (2**40, -(2**40))])
        reads.append(f"slide.read_region({(x, y)}, {level}, {tuple(size)})")
    return reads


@with_and_without_direct_reads
def test_random_reads(alike: Compare, slide_name: str, path: Path) -> None:
    # The level that is one huge tile is decoded anew by each read.
    count = 4 if path.suffix == ".ndpi" else READS_PER_SLIDE
    with openslide.OpenSlide(path) as slide:
        reads = random_reads(slide, count, seed=path.name)
    opening = "slide = OpenSlide(path)"
    if slide_name in FAILING:  # once one has failed, so do all others
        alike(*(line for read in reads for line in (opening, read)), path=path)
    else:
        alike(opening, *reads, path=path)


@with_and_without_direct_reads
def test_whole_levels(alike: Compare, path: Path) -> None:
    alike(
        "slide = OpenSlide(path)",
        "[slide.read_region((0, 0), level, slide.level_dimensions[level])"
        " for level in range(slide.level_count)"
        " if max(slide.level_dimensions[level]) <= 1024]",
        path=path,
    )


@pytest.mark.parametrize("slide_name", WHOLE_SLIDES, indirect=True)
def test_thumbnails(alike: Compare, path: Path) -> None:
    sizes = [(1, 1), (77, 5), (5, 77), (200, 200)]
    alike(
        "slide = OpenSlide(path)",
        *(f"slide.get_thumbnail({size})" for size in sizes),
        path=path,
    )


DEFAULTS, WITHIN_BOUNDS = "", "tile_size=97, overlap=5, limit_bounds=True"


# What varies a format has the levels and bounds of that.
@pytest.mark.parametrize(
    ("slide_name", "options"),
    [
        *((name, WITHIN_BOUNDS) for name in WHOLE_SLIDES),
        *((name, DEFAULTS) for name in FORMATS),
    ],
    indirect=["slide_name"],
)
def test_deep_zoom(alike: Compare, path: Path, options: str) -> None:
    alike(
        "slide = OpenSlide(path)",
        f"zoom = DeepZoomGenerator(slide, {options})",
        "repr(zoom)",
        *cases.DEEP_ZOOM_FACTS,
        *cases.DEEP_ZOOM_TILES,
        path=path,
    )


# Deep Zoom of any slide


@pytest.fixture
def aperio(slides: Slides) -> Path:
    """A slide with a pyramid, associated images and colour profiles."""
    return slides["aperio-jpeg"].path


@pytest.mark.parametrize("options", cases.DEEP_ZOOM_OPTIONS)
@pytest.mark.parametrize("kind", cases.KINDS_OF_SLIDES)
def test_deep_zoom_options(
    alike: Compare, aperio: Path, kind: str, options: str
) -> None:
    alike(
        f"slide = {kind}",
        f"zoom = DeepZoomGenerator(slide, {options})",
        *cases.DEEP_ZOOM_FACTS,
        *cases.DEEP_ZOOM_TILES,
        path=aperio,
    )


@pytest.mark.parametrize("properties", cases.PROPERTIES)
def test_properties_that_shape_pictures(alike: Compare, properties: str) -> None:
    """Bounds and background colours, sensible or not."""
    alike(
        f"slide = Painted({properties})",
        "slide.get_thumbnail((50, 50))",
        "zoom = DeepZoomGenerator(slide, 30, 1, True)",
        *cases.DEEP_ZOOM_FACTS,
        *cases.DEEP_ZOOM_TILES,
    )


@pytest.mark.parametrize("address", cases.DEEP_ZOOM_ADDRESSES)
def test_deep_zoom_addresses(alike: Compare, aperio: Path, address: str) -> None:
    alike(
        "zoom = DeepZoomGenerator(OpenSlide(path))",
        f"zoom.get_tile({address})",
        f"zoom.get_tile_coordinates({address})",
        f"zoom.get_tile_dimensions({address})",
        path=aperio,
    )


@pytest.mark.parametrize("name", ["None", "5", "''", "'<&\\\"'", "'\\xfc'", "", "b''"])
def test_dzi_of_odd_formats(alike: Compare, name: str) -> None:
    alike(f"DeepZoomGenerator(Painted()).get_dzi({name})")


# Arguments of OpenSlide's methods


@pytest.mark.parametrize("arguments", cases.REGIONS)
def test_arguments_of_read_region(alike: Compare, aperio: Path, arguments: str) -> None:
    """What is wrong in one call harms no later one."""
    alike(
        "slide = OpenSlide(path)",
        f"slide.read_region({arguments})",
        "slide.read_region((300, 400), 1, (9, 8))",
        path=aperio,
    )


@pytest.mark.parametrize("kind", ["OpenSlide(path)", "ImageSlide(picture('L'))"])
@pytest.mark.parametrize("downsample", cases.DOWNSAMPLES)
def test_arguments_of_get_best_level(
    alike: Compare, aperio: Path, kind: str, downsample: str
) -> None:
    alike(
        f"slide = {kind}",
        f"slide.get_best_level_for_downsample({downsample})",
        path=aperio,
    )


@pytest.mark.parametrize("kind", cases.KINDS_OF_SLIDES)
@pytest.mark.parametrize("size", cases.THUMBNAIL_SIZES)
def test_arguments_of_get_thumbnail(
    alike: Compare, aperio: Path, kind: str, size: str
) -> None:
    alike(f"slide = {kind}", f"slide.get_thumbnail({size})", path=aperio)


@pytest.mark.parametrize("capacity", cases.CAPACITIES)
def test_capacities_of_caches(alike: Compare, aperio: Path, capacity: str) -> None:
    alike(
        f"cache = OpenSlideCache({capacity})",
        "repr(cache)",
        "slide = OpenSlide(path)",
        "slide.set_cache(cache)",
        "slide.read_region((3, 4), 0, (300, 300))",
        path=aperio,
    )


@pytest.mark.parametrize("cache", ["None", "5", "'x'", "slide", "OpenSlideCache", ""])
def test_caches_that_are_none(alike: Compare, aperio: Path, cache: str) -> None:
    alike(
        "slide = OpenSlide(path)",
        f"slide.set_cache({cache})",
        f"Painted().set_cache({cache})",
        f"ImageSlide(picture('RGB')).set_cache({cache})",
        "slide.read_region((3, 4), 2, (50, 60))",
        path=aperio,
    )


# Mappings


@pytest.mark.parametrize("key", cases.KEYS)
@pytest.mark.parametrize("mapping", ["properties", "associated_images"])
def test_keys(alike: Compare, aperio: Path, mapping: str, key: str) -> None:
    alike(
        f"mapping = OpenSlide(path).{mapping}",
        f"mapping[{key}]",
        f"mapping.get({key})",
        f"mapping.get({key}, 7)",
        f"{key} in mapping",
        path=aperio,
    )


@pytest.mark.parametrize("mapping", ["properties", "associated_images"])
def test_mappings(alike: Compare, aperio: Path, mapping: str) -> None:
    alike(
        "slide = OpenSlide(path)",
        f"mapping = slide.{mapping}",
        "type(mapping).__name__",
        "[base.__name__ for base in type(mapping).__mro__]",
        "list(mapping)",
        "list(reversed(list(mapping)))",
        "reversed(mapping)",
        "bool(mapping)",
        "list(mapping.values())",
        "list(mapping.items())",
        "mapping.keys() == set(mapping)",
        f"mapping == slide.{mapping}",
        f"mapping is slide.{mapping}",
        "hash(mapping)",
        "mapping['a'] = 'b'",
        "del mapping['a']",
        "mapping | {}",
        "mapping.copy()",
        path=aperio,
    )


# Closed and damaged slides


def test_closed_slide(alike: Compare, aperio: Path) -> None:
    alike(
        "slide = OpenSlide(path)",
        "properties, images = slide.properties, slide.associated_images",
        "zoom = DeepZoomGenerator(slide)",
        "region = slide.read_region((700, 600), 0, (50, 60))",
        "osr = slide._osr",
        "slide.close()",
        *cases.USES,
        *cases.LOW_LEVEL_USES,
        "properties[5]",
        "slide.close()",
        "lowlevel.close(osr)",
        "slide.__exit__(None, None, None)",
        "region",
        path=aperio,
    )


def test_closed_image_slide(alike: Compare) -> None:
    alike(
        "image = picture('RGBA')",
        "slide = ImageSlide(image)",
        "properties, images = slide.properties, slide.associated_images",
        "zoom = DeepZoomGenerator(slide)",
        "slide.close()",
        *(use for use in cases.USES if "repr(" not in use),
        "slide.read_region((0, 0), 1, (5, 5))",
        "slide.read_region((0, 0), 0, (0, 0))",
        "slide.close()",
        "slide.__exit__(None, None, None)",
        "image.getpixel((1, 2))",
    )


def test_context_manager(alike: Compare, aperio: Path) -> None:
    alike(
        "with OpenSlide(path) as slide: inside = slide.level_count",
        "inside",
        "slide.level_count",
        "with open_slide(path) as slide: raise KeyError('x')",
        "slide.level_count",
        "with slide: pass",
        path=aperio,
    )


@pytest.mark.parametrize("name", ["aperio-jpeg", "generic-lzw", "mirax", "zeiss-zstd1"])
def test_error_latches(
    alike: Compare, slides: Slides, tmp_path: Path, name: str
) -> None:
    """A slide with damaged pixels opens; its first failed read is its last."""
    path = damaged(slides[name].path, tmp_path)
    alike(
        "slide = OpenSlide(path)",
        "properties, images = slide.properties, slide.associated_images",
        "zoom = DeepZoomGenerator(slide)",
        "osr = slide._osr",
        # small steps: a long read may be divided, and then its first error varies
        "for y in range(0, slide.dimensions[1], 64):\n"
        "    for x in range(0, slide.dimensions[0], 64):\n"
        "        slide.read_region((x, y), 0, (64, 64))",
        *cases.USES,
        *cases.LOW_LEVEL_USES,
        "slide.close()",
        *cases.USES,
        path=path,
    )


def damaged(slide: Path, folder: Path) -> Path:
    """A copy with zeros where level 0 has its pixels, in the middle of the file."""
    copy = folder / slide.name
    copy.write_bytes(slide.read_bytes())
    pixels = copy
    companions = slide.with_suffix("")
    if companions.is_dir():
        shutil.copytree(companions, copy.with_suffix(""))
        pixels = copy.with_suffix("") / "Data0000.dat"
    content = bytearray(pixels.read_bytes())
    start = len(content) // 4
    content[start : start + 50_000] = bytes(50_000)
    pixels.write_bytes(content)
    return copy


# Files and file names


FILES = [
    *("empty.svs", "text.svs", "half.svs", "without-end.svs", "garbage.tif"),
    *("alone.mrxs", "alone.vms", "sl\N{LATIN SMALL LETTER I WITH DIAERESIS}de.svs"),
    *("missing.svs", "rgb.png", "rgb.tif", "half.png", "rgb.png/inside", ""),
    *("palette.png", "grey.png", "cmyk.tif", "profile.jpg", "palette.gif"),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, slides: Slides) -> Path:
    """A folder with what people pass to open_slide()."""
    folder = tmp_path_factory.mktemp("files")
    slide = slides["aperio-jpeg"].path.read_bytes()
    png = io.BytesIO()
    script.picture("RGB").save(png, "png")
    contents = {
        "empty.svs": b"",
        "text.svs": b"not a slide",
        "half.svs": slide[: len(slide) // 2],
        "without-end.svs": slide[:-300],
        "garbage.tif": b"II*\0" + b"\xff" * 100,
        "alone.mrxs": slides["mirax"].path.read_bytes(),
        "alone.vms": slides["vms"].path.read_bytes(),
        FILES[7]: slide,
        "rgb.png": png.getvalue(),
        "half.png": png.getvalue()[: len(png.getvalue()) // 2],
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    picture = script.picture
    picture("RGB").save(folder / "rgb.tif")
    picture("P").save(folder / "palette.png", transparency=7)
    picture("L").save(folder / "grey.png", transparency=9)
    picture("CMYK").save(folder / "cmyk.tif")
    picture("RGB").save(folder / "profile.jpg", icc_profile=script.srgb())
    picture("P").save(folder / "palette.gif")
    return folder


@pytest.mark.parametrize("name", FILES)
def test_files(alike: Compare, files: Path, name: str) -> None:
    alike(
        *(f"{opener}(path)" for opener in cases.OPENERS),
        *(f"{opener}(Path(path))" for opener in cases.OPENERS),
        *(f"{opener}(path.encode())" for opener in cases.OPENERS),
        "lowlevel.close(lowlevel.open(path))",
        "slide = open_slide(path)",
        "repr(slide)",
        "slide.dimensions",
        "slide.color_profile",
        "slide.read_region((-3, 4), 0, (40, 30))",
        "slide.get_thumbnail((20, 20))",
        "DeepZoomGenerator(slide, 16).get_tile(3, (0, 0))",
        "slide.close()",
        "slide.dimensions",
        path=files / name,
    )


@pytest.mark.parametrize("name", cases.FILE_NAMES)
@pytest.mark.parametrize("opener", cases.OPENERS)
def test_odd_file_names(alike: Compare, aperio: Path, opener: str, name: str) -> None:
    alike(f"{opener}({name})", path=aperio)


# ImageSlide


@pytest.mark.parametrize("mode", cases.MODES)
def test_modes_of_image_slides(alike: Compare, mode: str) -> None:
    alike(f"slide = ImageSlide(picture({mode!r}))", *cases.IMAGE_SLIDE_USES)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I"])
@pytest.mark.parametrize(
    "info",
    [
        *("icc_profile=srgb()", "icc_profile=b''", "icc_profile=b'junk'"),
        *("icc_profile=None", "transparency=5", "dpi=(72, 72)", "background=3"),
    ],
)
def test_info_of_image_slides(alike: Compare, mode: str, info: str) -> None:
    alike(
        f"slide = ImageSlide(with_info(picture({mode!r}), {info}))",
        *cases.IMAGE_SLIDE_USES,
    )


@pytest.mark.parametrize(
    ("mode", "transparency"),
    [("P", "bytes(range(200))"), ("RGB", "(0, 0, 0)"), ("L", "0"), ("1", "255")],
)
def test_transparency_of_image_slides(
    alike: Compare, mode: str, transparency: str
) -> None:
    alike(
        f"image = with_info(picture({mode!r}), transparency={transparency})",
        "slide = ImageSlide(image)",
        *cases.IMAGE_SLIDE_USES,
    )


@pytest.mark.parametrize("arguments", cases.IMAGE_SLIDE_REGIONS)
def test_arguments_of_image_slides_read_region(alike: Compare, arguments: str) -> None:
    alike("slide = ImageSlide(picture('RGB'))", f"slide.read_region({arguments})")


def test_image_slides_copy_the_image(alike: Compare) -> None:
    alike(
        "image = picture('RGBA')",
        "slide = ImageSlide(image)",
        "region = slide.read_region((0, 0), 0, (47, 31))",
        "region.putpixel((0, 0), (1, 2, 3, 4))",
        "image.getpixel((0, 0))",
        "slide.properties['key'] = 'value'",
        "slide.properties",
        "ImageSlide(image).properties",
        "ImageSlide(slide)",
    )


# Overriding, low-level functions, and the names there are


def test_overriding(alike: Compare, aperio: Path) -> None:
    """Thumbnails and Deep Zoom go through a subclass's own methods."""
    alike(
        "class Marked(OpenSlide):\n"
        "    def read_region(self, location, level, size):\n"
        "        region = super().read_region(location, level, size)\n"
        "        region.paste((1, 2, 3, 255), (0, 0, 9, 9))\n"
        "        return region\n"
        "    level_downsamples = (1.0, 4.5, 17.0)\n"
        "    def get_best_level_for_downsample(self, downsample): return 1",
        "slide = Marked(path)",
        "slide.read_region((0, 0), 0, (20, 20))",
        "slide.get_thumbnail((99, 99))",
        "zoom = DeepZoomGenerator(slide)",
        *cases.DEEP_ZOOM_FACTS,
        *cases.DEEP_ZOOM_TILES,
        "repr(slide)",
        "repr(slide.properties) == repr(OpenSlide(path).properties)",
        "slide.colour = 'pink'",
        "slide.colour",
        "slide.dimensions = (1, 1)",
        "__import__('weakref').ref(slide)() is slide",
        path=aperio,
    )


def test_low_level_functions(alike: Compare, aperio: Path) -> None:
    alike(
        *cases.LOW_LEVEL_CALLS,
        path=aperio,
    )


def test_low_level_buffers(alike: Compare, aperio: Path) -> None:
    """Reads into buffers of the caller's, and the conversion in place."""
    alike(
        *cases.LOW_LEVEL_BUFFERS,
        path=aperio,
    )


def test_conversion(alike: Compare) -> None:
    """Premultiplied words, impossible ones included (a colour above its alpha)."""
    alike(
        "words = numpy.random.default_rng(1)"
        ".integers(0, 2**32, (100, 1001), dtype=numpy.uint32)",
        "lowlevel._convert.argb2rgba(words)",
        "words.tobytes()",
        *(
            f"lowlevel._convert.argb2rgba({buffer})"
            for buffer in (
                *("b'abcd'", "bytearray(4)", "5", "None", ""),
                *("words[:, ::2]", "words.T", "words.view(numpy.int32)"),
                *("words.view(numpy.float32)", "words.view(numpy.uint8)"),
                *("words[:0]", "memoryview(words)"),
            )
        ),
        "words.tobytes()",
    )


def test_names(alike: Compare) -> None:
    alike(
        # What this package has in addition; nothing else may differ.
        "[n for n in public_names(openslide) if not n.endswith('_num_threads')]",
        "[getattr(openslide, n) for n in public_names(openslide) if n.isupper()]",
        "public_names(deepzoom)",
        "functions_of(lowlevel)",
        "[n for n in public_names(lowlevel) if n not in functions_of(lowlevel)]",
        "str(lowlevel.Filename)",
        "openslide.__library_version__",
        "openslide.OpenSlideError is lowlevel.OpenSlideError",
        "DeepZoomGenerator.BOUNDS_OFFSET_PROPS",
        "DeepZoomGenerator.BOUNDS_SIZE_PROPS",
        "str(lowlevel.OpenSlideVersionError('4.0.0'))",
        "lowlevel.OpenSlideVersionError('4.0.0').minimum_version",
        "pickle.loads(pickle.dumps(lowlevel.OpenSlideError('x'))).args",
        "openslide.AbstractSlide()",
    )


@pytest.mark.requires_openslide("4.0.0")
def test_a_typed_program(alike: Compare, slides: Slides) -> None:
    alike("report(path)", path=slides["aperio-jpeg"].path)


def test_the_typed_program_is_typed(oracle: Oracle, tmp_path: Path) -> None:
    """Or else it could not tell whether this package is."""
    program = Path(typed_program.__file__)
    assert complaints(find_python(), program, tmp_path) == ""


@pytest.mark.parametrize("name", cases.CLASSES)
def test_classes_have_everything(run_both: RunBoth, name: str) -> None:
    """Attributes and base classes; this package may add some."""
    answers = run_both(
        f"public_attributes({name})",
        f"[base.__qualname__ for base in {name}.__mro__]",
    )
    for _, ours, theirs in answers:
        missing = [item for item in theirs["items"] if item not in ours["items"]]
        assert not missing


@pytest.mark.parametrize("function", cases.FUNCTIONS)
def test_functions_take_the_same(run_both: RunBoth, function: str) -> None:
    """Names, order and defaults; what this package adds is optional."""
    ((_, ours, theirs),) = run_both(f"parameters({function})")
    count = len(theirs["items"])
    assert ours["items"][:count] == theirs["items"]
    assert all("=" in extra["value"] for extra in ours["items"][count:])


# Differences that are intended


@pytest.mark.parametrize(
    ("line", "exception"),
    [
        # openslide-python takes integers modulo 2**64
        ("slide.read_region((2**64, 0), 0, (5, 5))", "builtins.OverflowError"),
        ("slide.read_region((0, -(2**63) - 1), 0, (5, 5))", "builtins.OverflowError"),
        ("OpenSlideCache(2**64)", "builtins.OverflowError"),
        # and gives empty or odd results for these
        ("slide.get_thumbnail((5, -5))", "builtins.ValueError"),
        ("DeepZoomGenerator(slide, tile_size=-5)", "builtins.ValueError"),
        ("closed.read_region((0, 0), 0, (0, 0))", "ctypes.ArgumentError"),
        # and ends file names at a null character.
        (
            "OpenSlide(path + '\\0')",
            "openslide.lowlevel.OpenSlideUnsupportedFormatError",
        ),
    ],
)
def test_refused_here_only(
    run_both: RunBoth, aperio: Path, line: str, exception: str
) -> None:
    *_, (_, ours, theirs) = run_both(
        "slide, closed = OpenSlide(path), OpenSlide(path)",
        "closed.close()",
        line,
        path=aperio,
    )
    assert exception in ours["raised"]
    assert "raised" not in theirs


@pytest.mark.parametrize(
    "line",
    [
        "OpenSlideCache(numpy.int64(5))",
        "OpenSlideCache(Index(5))",
        "ImageSlide(picture('RGB')).read_region((-(2**31), 0), 0, (5, 5))",
        "ImageSlide(picture('RGB')).read_region((2**70, 2**70), 0, (5, 5))",
    ],
)
def test_accepted_here_only(run_both: RunBoth, line: str) -> None:
    ((_, ours, theirs),) = run_both(line)
    assert "raised" not in ours
    assert "raised" in theirs


@pytest.mark.parametrize("level", ["2**32", "2**32 + 1", "2**62", "-(2**32)"])
def test_levels_beyond_32_bits_do_not_exist(
    run_both: RunBoth, aperio: Path, level: str
) -> None:
    """openslide-python takes them modulo 2**32, so that some are level 0."""
    *_, (_, ours, theirs), (_, nowhere, _) = run_both(
        "slide = OpenSlide(path)",
        f"slide.read_region((900, 600), {level}, (5, 5))",
        "slide.read_region((900, 600), 99, (5, 5))",
        path=aperio,
    )
    assert ours == nowhere
    assert theirs != nowhere
