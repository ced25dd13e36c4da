"""Lines and arguments to try on either side; see script.py for what they may use."""

# Kinds of slides, and what to ask of them

KINDS_OF_SLIDES = [
    "OpenSlide(path)",
    "ImageSlide(picture('RGB'))",
    "ImageSlide(with_info(picture('RGBA'), icc_profile=srgb()))",
    "Painted()",
]

USES = (
    "slide.level_count",
    "slide.level_dimensions",
    "slide.level_downsamples",
    "slide.dimensions",
    "slide.properties",
    "slide.associated_images",
    "dict(slide.properties)",
    "slide.color_profile",
    "slide.get_best_level_for_downsample(2)",
    "slide.read_region((0, 0), 0, (5, 5))",
    "slide.read_region((0, 0), 1, (5, 5))",
    "slide.read_region((0, 0), 0, (-5, 5))",
    "slide.read_region(None, 0, (5, 5))",
    "slide.get_thumbnail((5, 5))",
    "slide.set_cache(OpenSlideCache(5))",
    "slide.set_cache(None)",
    "repr(slide)",
    "len(properties)",
    "list(properties)",
    "repr(properties)",
    "properties['openslide.vendor']",
    "properties['nope']",
    "'nope' in properties",
    "list(images)",
    "len(images)",
    "images['label']",
    "images['nope']",
    "zoom.level_count",
    "zoom.level_tiles",
    "zoom.get_dzi('png')",
    "zoom.get_tile_coordinates(0, (0, 0))",
    "zoom.get_tile_dimensions(0, (0, 0))",
    "zoom.get_tile(0, (0, 0))",
    "repr(zoom)",
    "DeepZoomGenerator(slide)",
    "slide.__enter__() is slide",
)

IMAGE_SLIDE_USES = (
    "slide.level_count",
    "slide.dimensions",
    "slide.level_dimensions",
    "slide.level_downsamples",
    "slide.properties",
    "slide.associated_images",
    "slide.color_profile",
    "slide.read_region((0, 0), 0, (47, 31))",
    "slide.read_region((5, 6), 0, (10, 11))",
    "slide.read_region((-5, -6), 0, (20, 21))",
    "slide.read_region((40, 20), 0, (20, 21))",
    "slide.read_region((47, 31), 0, (5, 5))",
    "slide.read_region((-100, 10), 0, (5, 5))",
    "slide.read_region((3, 4), 0, (0, 5))",
    "slide.get_thumbnail((20, 20))",
    "slide.get_thumbnail((50, 500))",
    "DeepZoomGenerator(slide, 10).get_tile(5, (1, 1))",
    "DeepZoomGenerator(slide, 10).get_tile(2, (0, 0))",
)

# Arguments

LOCATIONS = [
    *("[1, 2]", "(1, 2, 3)", "(1,)", "()", "None", "5", "'ab'", "b'ab'", "{1, 2}"),
    *("(1.5, 2)", "(1.0, 2.0)", "(None, 1)", "('1', '2')", "(True, False)"),
    *("numpy.array([1, 2])", "numpy.array([1.0, 2.0])", "{0: 1, 1: 2}", "range(2)"),
    *("(numpy.int64(3), numpy.uint8(4))", "(numpy.float64(3), 4)"),
    *("(Index(3), Index(4))", "(1 + 0j, 2)", "numpy.array([[1, 2], [3, 4]])"),
    *("(10**18, 5)", "(-(10**18), 5)", "(2**63 - 1, 0)", "(-(2**63), 0)"),
    *("(i for i in (1, 2))",),
]

LEVELS = [
    *("None", "'0'", "1.0", "0.5", "[0]", "True", "-1", "99", "2**31 - 1", "-(2**31)"),
    *("numpy.int32(1)", "numpy.float32(1)", "Index(1)"),
]

SIZES = [
    *("(0, 0)", "(0, 5)", "(5, 0)", "(2**40, 0)", "(0, 2**40)", "(2**32, 0)"),
    *("(-1, 5)", "(5, -1)", "(-1, -1)", "(-5, 0)", "(0, -5)", "(-(2**40), 5)"),
    *("(5.0, 5)", "('5', 5)", "(None, 5)", "'55'", "None", "5", "(5,)", "(5, 6, 7)"),
    *("[5, 6]", "numpy.array([5, 6])", "(numpy.int64(5), numpy.uint8(6))"),
    *("(Index(5), Index(6))", "(True, True)", "{0: 5, 1: 6}"),
    # Never allocated: beyond the address space, or beyond 47 bits of it.
    *("(2**31, 2**31)", "(2**62, 1)", "(2**63 - 1, 2**63 - 1)", "(2**63 - 1, 0)"),
    *("(2**24, 2**24)",),
]

REGIONS = [
    *(f"{location}, 0, (5, 6)" for location in LOCATIONS),
    *(f"(0, 0), {level}, (5, 6)" for level in LEVELS),
    *(f"(3, 4), 0, {size}" for size in SIZES),
    *("", "(0, 0)", "(0, 0), 0, (5, 5), 1", "(0, 0), size=(5, 5)"),
    "location=(1, 2), level=1, size=(3, 4)",
]

IMAGE_SLIDE_REGIONS = [
    *(f"{location}, 0, (5, 6)" for location in LOCATIONS[:8] + LOCATIONS[9:16]),
    *("(-1.5, 2), 0, (5, 6)", "(100.5, 0), 0, (5, 6)", "(-100.5, 0), 0, (5, 6)"),
    *("(float('nan'), 0), 0, (5, 6)", "(float('inf'), 0), 0, (5, 6)"),
    *("(10**9, 5), 0, (5, 6)", "(-(10**9), 5), 0, (5, 6)"),
    *(f"(0, 0), {level}, (5, 6)" for level in LEVELS),
    *("(0, 0), 0.0, (5, 6)", "(0, 0), False, (5, 6)", "(0, 0), 2**70, (5, 6)"),
    # but not the last: Pillow takes memory row by row until there is none
    *(f"(3, 4), 0, {size}" for size in SIZES[:-1]),
    *("", "(0, 0)", "location=(1, 2), level=0, size=(3, 4)"),
]

DOWNSAMPLES = [
    *("0", "-1", "1e300", "True", "float('nan')", "float('inf')", "10**400"),
    *("'4'", "None", "[4]", "4 + 0j", "", "Index(4)", "numpy.float32(4)"),
    *("numpy.int64(4)", "numpy.array(4.0)", "numpy.array([4.0, 5.0])"),
]

THUMBNAIL_SIZES = [
    *("(1, 500)", "(500, 1)", "(3000, 3000)", "(10**6, 10**6)", "(2**70, 50)"),
    *("(100.5, 50.2)", "(0.5, 0.5)", "[100, 90]", "(True, True)", "(50, 60, 70)"),
    *("(50,)", "50", "None", "'ab'", "('5', '5')", "(None, 5)", "", "{50, 60}"),
    *("numpy.array([50, 60])", "(numpy.float32(50.5), numpy.uint8(60))"),
    *("(float('inf'), 50)", "(float('nan'), 50)", "(Index(50), Index(50))"),
    *("(0, 0)", "(0, 5)", "(-1, -1)", "(-5, 5)", "(-0.5, 5)", "(0.5, 10)", "(10, 0.5)"),
    *("(1e-300, 5)", "(50, float('nan'))", "(50, float('inf'))", "(-float('inf'), 5)"),
    *("(100.9, 3)", "(3, 100.9)", "(2048.9, 1536.9)", "(1e300, 1e300)", "b'ab'"),
    *("(50, 10**30)", "(10**400, 10**400)", "{0: 50, 1: 60}", "{5: 50, 6: 60}"),
]

CAPACITIES = [
    *("0", "1", "2**20", "2**62", "2**63", "2**64 - 1", "True", "-1", "-(2**63)"),
    *("-(2**64)", "'a'", "b'1'", "1.5", "None", "[]", "numpy.float64(5)", ""),
]

KEYS = [
    *("'label'", "'openslide.vendor'", "'nope'", "''", "'\\xfc'", "'\\udcff'"),
    *("b'label'", "b'openslide.vendor'", "5", "None", "('a',)", "[]", "object"),
]

# Deep Zoom

DEEP_ZOOM_FACTS = (
    "zoom.level_count",
    "zoom.level_dimensions",
    "zoom.level_tiles",
    "zoom.tile_count",
    "zoom.get_dzi('png')",
    "zoom.get_dzi('jpeg')",
    "every = [(level, (column, row))"
    " for level, (columns, rows) in enumerate(zoom.level_tiles)"
    " for column in range(columns) for row in range(rows)]",
    "[zoom.get_tile_coordinates(*address) for address in every]",
    "[zoom.get_tile_dimensions(*address) for address in every]",
)

# One tile of each level, where that does not mean to shrink a whole large level.
DEEP_ZOOM_TILES = (
    "some = [(level, (columns * 4 // 7, rows - 1))"
    " for level, (columns, rows) in enumerate(zoom.level_tiles)]",
    "[zoom.get_tile(*address) for address in some"
    " if max(zoom.get_tile_coordinates(*address)[2]) <= 1000]",
)

DEEP_ZOOM_OPTIONS = [
    "tile_size=256, overlap=0",
    "tile_size=100, overlap=30",
    "tile_size=25, overlap=25",
    "tile_size=25, overlap=40",
    "tile_size=10**6",
    "tile_size=40, overlap=-3",
    "tile_size=37.5",
    "tile_size=numpy.int64(50)",
    "tile_size=float('inf')",
    "limit_bounds=None",
    "limit_bounds='no'",
    "tile_size='5'",
    "tile_size=None",
    "tile_size=0",
    "tile_size=Index(5)",
]

DEEP_ZOOM_ADDRESSES = [
    *("-1, (0, 0)", "99, (0, 0)", "0, (1, 0)", "0, (0, -1)", "0, (0, 2**70)"),
    *("0, (0,)", "0, (0, 0, 0)", "0, 0", "0, None", "0, '00'", "0, [0, 0]"),
    *("None, (0, 0)", "'0', (0, 0)", "0.0, (0, 0)", "0.5, (0, 0)"),
    *("11, (0.5, 0)", "11, (1.5, 0)", "0, ('0', 0)", "0, numpy.array([0, 0])"),
    *("numpy.int64(11), (numpy.int64(2), 1)", "True, (False, 0)", "0", ""),
    *("Index(0), (0, 0)", "99, (99, 99)", "float('nan'), (0, 0)"),
]

PROPERTIES = [
    "{'openslide.bounds-x': '10', 'openslide.bounds-y': '20',"
    " 'openslide.bounds-width': '100', 'openslide.bounds-height': '90'}",
    "{'openslide.bounds-x': '-7', 'openslide.bounds-y': '-9'}",
    "{'openslide.bounds-width': '5000'}",
    "{'openslide.bounds-width': '0'}",
    "{'openslide.bounds-width': '-10'}",
    "{'openslide.bounds-height': '1'}",
    "{'openslide.bounds-x': ' 5 '}",
    "{'openslide.bounds-x': '1.5'}",
    "{'openslide.bounds-x': 'left'}",
    "{'openslide.background-color': 'ff8000'}",
    "{'openslide.background-color': 'f80'}",
    "{'openslide.background-color': '10203040'}",
    "{'openslide.background-color': ''}",
    "{'openslide.background-color': 'mauve'}",
]

# Files and images

OPENERS = (
    "OpenSlide",
    "OpenSlide.detect_format",
    "open_slide",
    "ImageSlide",
    "ImageSlide.detect_format",
    "lowlevel.detect_vendor",
)

FILE_NAMES = [
    *("None", "0", "5", "True", "1.5", "[]", "('a',)", "object", "bytearray(b'/nope')"),
    *("''", "b''", "Path('.')", "Path('/')", "'a' * 5000", "b'/nope'", "b'\\xff'"),
    *("'\\udcff'", "'a\\0b'", "'https://example.org/slide.svs'"),
    *("BytesIO(b'')", "BytesIO(open(path, 'rb').read())", "memoryview(b'x')"),
    *("open(path, 'rb').read()", "picture('RGB')", "numpy.zeros((5, 5))", ""),
]

MODES = [
    *("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F"),
    *("LA", "PA", "RGBX", "RGBa", "I;16", "I;16B"),
]

# Low-level functions

LOW_LEVEL_USES = (
    "lowlevel.get_error(osr)",
    "lowlevel.get_level_count(osr)",
    "lowlevel.get_level_dimensions(osr, 0)",
    "lowlevel.get_level_downsample(osr, 0)",
    "lowlevel.get_best_level_for_downsample(osr, 1)",
    "lowlevel.get_property_names(osr)",
    "lowlevel.get_property_value(osr, 'openslide.vendor')",
    "lowlevel.get_associated_image_names(osr)",
    "lowlevel.get_associated_image_dimensions(osr, 'label')",
    "lowlevel.read_associated_image(osr, 'label')",
    "lowlevel.read_region(osr, 0, 0, 0, 5, 5)",
    "lowlevel.get_icc_profile_size(osr)",
    "lowlevel.read_icc_profile(osr)",
    "lowlevel.set_cache(osr, lowlevel.cache_create(3))",
)

LOW_LEVEL_CALLS = (
    "osr = lowlevel.open(path)",
    *LOW_LEVEL_USES,
    "lowlevel.get_level_dimensions(osr, 9)",
    "lowlevel.get_level_dimensions(osr, -1)",
    "lowlevel.get_level_dimensions(osr, '0')",
    "lowlevel.get_level_dimensions(osr, 0.0)",
    "lowlevel.get_level_dimensions(osr, numpy.int64(1))",
    "lowlevel.get_level_downsample(osr, 9)",
    "lowlevel.get_level_downsample(osr, None)",
    "lowlevel.get_best_level_for_downsample(osr, None)",
    "lowlevel.get_property_value(osr, b'openslide.vendor')",
    "lowlevel.get_property_value(osr, 'nope')",
    "lowlevel.get_property_value(osr, 5)",
    "lowlevel.get_associated_image_dimensions(osr, b'label')",
    "lowlevel.get_associated_image_dimensions(osr, 'nope')",
    "lowlevel.get_associated_image_dimensions(osr, 5)",
    "lowlevel.read_associated_image(osr, b'macro')",
    "lowlevel.read_associated_image(osr, 5)",
    "lowlevel.get_associated_image_icc_profile_size(osr, 'thumbnail')",
    "lowlevel.get_associated_image_icc_profile_size(osr, 'nope')",
    "lowlevel.read_associated_image_icc_profile(osr, 'thumbnail')",
    "lowlevel.read_associated_image_icc_profile(osr, 'label')",
    "lowlevel.read_associated_image_icc_profile(osr, 'nope')",
    "lowlevel.read_region(osr, 5, 6, 1, 70, 80)",
    "lowlevel.read_region(osr, 5, 6, 9, 7, 8)",
    "lowlevel.read_region(osr, 5, 6, 0, 0, 0)",
    "lowlevel.read_region(osr, 5, 6, 0, -1, 0)",
    "lowlevel.read_region(osr, 5.0, 6, 0, 1, 1)",
    "lowlevel.read_region(osr, '5', 6, 0, 1, 1)",
    "lowlevel.read_region(osr, 5, 6, 0, 1)",
    "lowlevel.read_region(None, 5, 6, 0, 1, 1)",
    "lowlevel.get_level_count(None)",
    "lowlevel.get_level_count(5)",
    "lowlevel.get_level_count()",
    "lowlevel.set_cache(osr, None)",
    "lowlevel.set_cache(osr, 5)",
    "lowlevel.cache_create(-1)",
    "lowlevel.cache_create('a')",
    "lowlevel.cache_release(None)",
    "lowlevel.get_version()",
    "lowlevel.open()",
    "lowlevel.close(osr)",
    "lowlevel.close(osr)",
    "lowlevel.close(None)",
)

LOW_LEVEL_BUFFERS = (
    "import ctypes",
    "osr = lowlevel.open(path)",
    "words = (ctypes.c_uint32 * 20)()",
    "pointer = ctypes.POINTER(ctypes.c_uint32)",
    "array = numpy.zeros((5, 4), numpy.uint32)",
    "lowlevel._read_region(osr, words, 900, 600, 0, 4, 5)",
    "bytes(words)",
    "lowlevel._load_image(words, (4, 5))",
    "lowlevel._read_region(osr, ctypes.cast(words, pointer), 9, 9, 1, 4, 5)",
    "bytes(words)",
    "lowlevel._read_region(osr, array.ctypes.data_as(pointer), 9, 9, 0, 4, 5)",
    "array.tobytes()",
    "lowlevel._convert.argb2rgba(array)",
    "array.tobytes()",
    "lowlevel._read_region(osr, None, 9, 9, 0, 4, 5)",
    "lowlevel._read_region(osr, array, 9, 9, 0, 4, 5)",
    "lowlevel._read_region(osr, bytearray(80), 9, 9, 0, 4, 5)",
    "lowlevel._read_region(osr, words, 9, 9, 0, -4, 5)",
    "lowlevel.get_error(osr)",
    "osr = lowlevel.open(path)",
    "width, height = ctypes.c_int64(), ctypes.c_int64()",
    "both = ctypes.byref(width), ctypes.byref(height)",
    "lowlevel._get_level_dimensions(osr, 1, *both)",
    "(width.value, height.value)",
    "lowlevel._get_associated_image_dimensions(osr, b'macro', *both)",
    "(width.value, height.value)",
    "picture = (ctypes.c_uint32 * (width.value * height.value))()",
    "lowlevel._read_associated_image(osr, 'macro', picture)",
    "bytes(picture)",
    "profile = (ctypes.c_char * lowlevel.get_icc_profile_size(osr))()",
    "lowlevel._read_icc_profile(osr, profile)",
    "profile.raw",
)

# Names

CLASSES = [
    *("openslide.AbstractSlide", "openslide.OpenSlide", "openslide.ImageSlide"),
    *("openslide.OpenSlideCache", "DeepZoomGenerator", "lowlevel.OpenSlideError"),
    *("lowlevel.OpenSlideUnsupportedFormatError", "lowlevel.OpenSlideVersionError"),
]

FUNCTIONS = [
    *("open_slide", "OpenSlide", "ImageSlide", "OpenSlideCache"),
    *("DeepZoomGenerator", "lowlevel.OpenSlideVersionError"),
    *("lowlevel.read_region", "lowlevel._load_image"),
    *(
        f"{kind}.{method}"
        for kind in ("OpenSlide", "ImageSlide", "openslide.AbstractSlide")
        for method in (
            *("close", "detect_format", "get_best_level_for_downsample"),
            *("get_thumbnail", "read_region", "set_cache"),
        )
    ),
    *(
        f"DeepZoomGenerator.{method}"
        for method in (
            *("get_dzi", "get_tile", "get_tile_coordinates"),
            "get_tile_dimensions",
        )
    ),
]
