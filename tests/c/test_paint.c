#include "kernels/paint.h"
#include "kernels/paint_kernels.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kernel_tests.h"
#include "paint_formula.h"
#include "paint_pictures.h"

/* The one under test. */
static const struct paint_kernel *
kernel(void)
{
    return &paint_kernels[tested];
}

/*
 * One pixel between four, computed by a NumPy statement of the rules: every
 * answer would be another if products and sums were fused.
 */
static const struct {
    uint32_t tile[4];
    uint32_t dx, dy; /* in 1/65536 */
    uint32_t before, after;
} known[] = {
    {{0xff96f591, 0xffcbe38a, 0xff6cf505, 0xffb17096},
     2019,
     7446,
     0x00000000,
     0xff93f481},
    {{0xff774639, 0xffc021ae, 0xff50cdc4, 0xffd25a39},
     17309,
     56228,
     0x00000000,
     0xff769f95},
    {{0xffc1ce5a, 0xffc8ee48, 0xff2e75d3, 0xffe58e39},
     3393,
     49025,
     0x00000000,
     0xff5a8dae},
    {{0xffa7cf42, 0xff2c928b, 0xff42646d, 0xff697464},
     33230,
     7073,
     0x00000000,
     0xff67a967},
    {{0xff836f60, 0xffcba6ad, 0xff596ac1, 0xfff775a1},
     32109,
     34718,
     0x00000000,
     0xffa77c9d},
    {{0xffba0a96, 0xff3bcbb5, 0xfff7a9b4, 0xff4d0fcd},
     23723,
     28493,
     0x00000000,
     0xffa05eae},
    {{0xff055490, 0xff268ab3, 0xff5d3605, 0xff7f1483},
     34649,
     45204,
     0x00000000,
     0xff533b64},
    {{0xff6678bd, 0xff352a7d, 0xff2c42a1, 0xfff56e76},
     56435,
     37028,
     0x00000000,
     0xff955280},
    {{0xffcac77c, 0xff56ea1c, 0xff88cab1, 0xff737b55},
     31060,
     50446,
     0x00000000,
     0xff83b179},
    {{0xffc87a9a, 0xfffef80b, 0xff0317c4, 0xffa6256b},
     778,
     10870,
     0x00000000,
     0xffa86ba0},
    {{0xff0a9025, 0xffc12fca, 0xff87be70, 0xff82b1f7},
     36913,
     58964,
     0x00000000,
     0xff82adb6},
    {{0xffc75ecb, 0xffba9a2e, 0xff174482, 0xff490fe7},
     903,
     12315,
     0x00000000,
     0xffa65abc},
    {{0xffb6db37, 0xffc41a0b, 0xfff4b21d, 0xffcd59ae},
     42945,
     62423,
     0x00000000,
     0xffda7677},
    {{0xffd2b61e, 0xff21e010, 0xff13b44e, 0xff512dfe},
     5064,
     56227,
     0x3b283130,
     0xff4db570},
    {{0xff90b52d, 0xff416bfe, 0xff0c09b1, 0xfffd8d0e},
     58414,
     41600,
     0x721f0c47,
     0xff7d4f81},
    {{0xffbcf9a6, 0xff0d6ee7, 0xff18d1ae, 0xff70c440},
     64978,
     15014,
     0x0c090503,
     0xff2c82bb},
    {{0xff2948f5, 0xff036958, 0xffd6dc66, 0xffcc3515},
     36127,
     58335,
     0x463b0c37,
     0xffc46669},
    {{0xff8bf35b, 0xff6bbfdc, 0xffb43762, 0xff8b4aea},
     53153,
     36286,
     0xc055326b,
     0xff76529d},
    {{0xff5d1a20, 0xffda917d, 0xff6b0f64, 0xff7fcad4},
     18240,
     57880,
     0xa86e5a9c,
     0xff9571c6},
};

static void
test_known_answers(void)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        uint32_t word = known[i].before;
        struct paint_tile tile = opaque_tile(known[i].tile, 2, 2);
        struct paint_canvas canvas = whole_canvas(&word, 1, 1);

        paint_tile_with(kernel(), &canvas, &tile, known[i].dx / -65536.0,
                        known[i].dy / -65536.0);
        CHECK(word == known[i].after, "%s, case %zu: %08x, not %08x",
              tested_name(), i, (unsigned)word, (unsigned)known[i].after);
    }
}

/* Kernels rely on it; the step is coprime to the powers of two. */
static void
test_weights_leave_room(void)
{
    for (uint32_t i = 0; i < 65536; i++) {
        float dx = (float)i / 65536;

        for (uint32_t j = i % 4093; j < 65536; j += 4093) {
            float dy = (float)j / 65536;
            float sum =
                (1 - dx) * (1 - dy) + dx * (1 - dy) + (1 - dx) * dy + dx * dy;

            CHECK(sum == 1 || sum == nextafterf(1, 0),
                  "the weights of %u and %u add up to %.9g", (unsigned)i,
                  (unsigned)j, (double)sum);
        }
    }
}

static void
check_same(const struct paint_canvas *canvas, const uint32_t *expected)
{
    for (int64_t y = 0; y < canvas->height; y++) {
        for (int64_t x = 0; x < canvas->width; x++) {
            uint32_t got = canvas->words[y * canvas->stride + x];
            uint32_t right = expected[y * canvas->width + x];

            if (!CHECK(got == right, "%s: (%d, %d) is %08x, not %08x",
                       tested_name(), (int)x, (int)y, (unsigned)got,
                       (unsigned)right)) {
                return;
            }
        }
    }
}

static void
check_canaries(const struct paint_canvas *canvas)
{
    for (int64_t y = 0; y + 1 < canvas->height; y++) {
        const uint32_t *row = canvas->words + y * canvas->stride;

        for (int64_t x = canvas->width; x < canvas->stride; x++) {
            CHECK(row[x] == CANARY, "%s: painted beside the canvas",
                  tested_name());
        }
    }
}

static void
paint_in_windows(const struct paint_canvas *canvas,
                 const struct paint_tile *tile, double x, double y)
{
    int64_t across[3] = {0, random_between(0, canvas->width), canvas->width};
    int64_t down[3] = {0, random_between(0, canvas->height), canvas->height};

    for (int i = 0; i < 4; i++) {
        struct paint_canvas window =
            window_of(canvas, across[i % 2], down[i / 2], across[i % 2 + 1],
                      down[i / 2 + 1]);

        paint_tile_with(kernel(), &window, tile, x, y);
    }
}

/* Two tiles, so that the second meets the edges of the first. The modes of
   painting that were seen. */
static unsigned
check_random_painting(const struct arena *arena)
{
    struct paint_canvas canvas = random_canvas(arena);
    struct paint_canvas copy = canvas;
    unsigned modes = 0;

    copy.words = arena->expected;
    copy.stride = canvas.width;
    copy_out(&canvas, copy.words);
    for (int i = 0; i < 2; i++) {
        struct paint_tile tile = random_tile(arena, next_random() % 3);
        double x =
            random_place(tile.width, canvas.left, canvas.left + canvas.width);
        double y =
            random_place(tile.height, canvas.top, canvas.top + canvas.height);

        modes |= paint_mode_at(canvas.picture_width, canvas.picture_height,
                               &tile, x, y);
        formula_paint(&copy, &tile, x, y);
        if (next_random() % 2) {
            paint_tile_with(kernel(), &canvas, &tile, x, y);
        } else {
            paint_in_windows(&canvas, &tile, x, y);
        }
    }
    check_same(&canvas, arena->expected);
    check_canaries(&canvas);
    return modes;
}

/* What is said to be opaque is. */
static void
check_opaque(const struct paint_tile *tile)
{
    for (int64_t y = 0; y < tile->opaque_height; y++) {
        for (int64_t x = 0; x < tile->opaque_width; x++) {
            uint32_t word = tile->words[y * tile->stride + x];

            if (!CHECK(word >= 0xff000000, "%s: (%d, %d) is %08x",
                       tested_name(), (int)x, (int)y, (unsigned)word)) {
                return;
            }
        }
    }
}

static void
check_random_cut(const struct arena *arena)
{
    struct paint_tile image = random_tile(arena, next_random() % 3);
    int64_t width = random_width(), height = random_height();
    double x = -random_place(image.width, 0, width);
    double y = -random_place(image.height, 0, height);
    uint32_t *words = place_words(arena->canvas, (size_t)(width * height));
    struct paint_canvas part = whole_canvas(words, width, height);
    struct paint_tile cut =
        paint_cut_with(kernel(), &image, x, y, width, height, words);

    formula_cut(&image, x, y, width, height, arena->expected);
    check_same(&part, arena->expected);
    check_opaque(&cut);
}

static void
test_random_cuts(void)
{
    struct arena arena = arena_alloc();

    for (int i = 0; i < 500; i++) {
        check_random_cut(&arena);
    }
    arena_free(arena);
}

static void
test_random_paintings(void)
{
    struct arena arena = arena_alloc();
    unsigned modes = 0;

    for (int i = 0; i < 1000; i++) {
        modes |= check_random_painting(&arena);
    }
    CHECK(modes == PAINT_MODES, "modes %x alone were seen", modes);
    arena_free(arena);
}

/* What is said to be copied is what is painted, and opaque. Whether it was. */
static bool
check_random_copy(const struct arena *arena)
{
    struct paint_tile tile = random_tile(arena, next_random() % 3);
    int64_t width = random_width(), height = random_height();
    double x = random_place(tile.width, 0, width);
    double y = random_place(tile.height, 0, height);
    uint32_t *words = place_words(arena->canvas, (size_t)(width * height));
    struct paint_canvas canvas = whole_canvas(words, width, height);
    struct paint_copy copy;

    if (!paint_copy_at(width, height, &tile, x, y, &copy)) {
        return false;
    }
    memset(words, 0, 4 * (size_t)(width * height));
    for (int64_t row = 0; row < copy.height; row++) {
        for (int64_t column = 0; column < copy.width; column++) {
            uint32_t word = tile.words[(copy.row + row) * tile.stride +
                                       copy.column + column];

            CHECK(word >= 0xff000000, "%08x is copied", (unsigned)word);
            words[(copy.y + row) * width + copy.x + column] = word;
        }
    }
    memset(arena->expected, 0, 4 * (size_t)(width * height));
    canvas.words = arena->expected;
    formula_paint(&canvas, &tile, x, y);
    canvas.words = words;
    check_same(&canvas, arena->expected);
    return copy.width > 0 && copy.height > 0;
}

static void
test_copies(void)
{
    struct arena arena = arena_alloc();
    int copies = 0;

    for (int i = 0; i < 3000; i++) {
        copies += check_random_copy(&arena);
    }
    CHECK(copies > 100, "no more than %d", copies);
    arena_free(arena);
}

/* Few pixels of few, almost where they lie. */
static void
test_single_pixels(void)
{
    uint32_t words[9], expected[9], tile_words[9];

    for (int i = 0; i < 4000; i++) {
        int64_t width = random_between(1, 3), height = random_between(1, 3);
        struct paint_canvas canvas = whole_canvas(words, width, height);
        struct paint_canvas copy = whole_canvas(expected, width, height);
        struct paint_tile tile = opaque_tile(tile_words, random_between(1, 3),
                                             random_between(1, 3));
        double x = (double)random_between(-tile.width, width);
        double y = (double)random_between(-tile.height, height);

        for (int j = 0; j < 9; j++) {
            tile_words[j] = random_opaque();
        }
        x += (double)random_between(-100, 100) / 1e4;
        y += (double)random_between(-100, 100) / 1e4;
        fill_canvas(&canvas);
        memcpy(expected, words, sizeof(words));
        formula_paint(&copy, &tile, x, y);
        paint_tile_with(kernel(), &canvas, &tile, x, y);
        check_same(&canvas, expected);
    }
}

/* Tiles of a grid, off the pixel grid, leave no gap and no seam in alpha. */
static void
test_seams_are_opaque(void)
{
    static uint32_t words[100 * 60];
    struct paint_canvas canvas = whole_canvas(words, 100, 60);
    uint32_t white[32 * 16];
    struct paint_tile tile = opaque_tile(white, 32, 16);

    memset(white, 0xff, sizeof(white));
    for (int row = 4; row >= 0; row--) {
        for (int column = 4; column >= 0; column--) {
            paint_tile_with(kernel(), &canvas, &tile, 32 * column - 10.25,
                            16 * row - 5.5);
        }
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        CHECK(words[i] == 0xffffffff, "pixel %zu is %08x", i,
              (unsigned)words[i]);
    }
}

static void
test_nothing_to_paint(void)
{
    static const double nowhere[] = {NAN,  INFINITY, -INFINITY,    1e300,
                                     -4e9, 3e9,      -2147483647.5};
    uint32_t word = 0;
    struct paint_canvas canvas = whole_canvas(&word, 1, 1);
    struct paint_canvas none = {.words = NULL};
    struct paint_tile tile = opaque_tile(known[0].tile, 2, 2);
    struct paint_tile no_tile = {.words = NULL};
    struct paint_tile blank = {.width = 2, .height = 2};

    for (size_t i = 0; i < sizeof(nowhere) / sizeof(*nowhere); i++) {
        paint_tile_with(kernel(), &canvas, &tile, nowhere[i], 0.5);
        paint_tile_with(kernel(), &canvas, &tile, 0, nowhere[i]);
    }
    paint_tile_with(kernel(), &canvas, &tile, 1, 0);
    paint_tile_with(kernel(), &canvas, &tile, 0, -2);
    paint_tile_with(kernel(), &canvas, &no_tile, 0, 0);
    paint_tile_with(kernel(), &canvas, &no_tile, 0.5, 0.5);
    paint_tile_with(kernel(), &canvas, &blank, 0, 0);
    paint_tile_with(kernel(), &canvas, &blank, 0.5, 0.5);
    paint_tile_with(kernel(), &none, &tile, 0, 0);
    paint_tile_with(kernel(), &none, &tile, 0.5, 0.5);
    CHECK(word == 0, "%s: %08x", tested_name(), (unsigned)word);
}

static void
test_registers(void)
{
    enum { SIDE = 100 };
    static uint32_t tile_words[SIDE * SIDE], words[SIDE * SIDE];
    struct paint_tile tile = opaque_tile(tile_words, SIDE, SIDE);
    struct paint_canvas canvas = whole_canvas(words, SIDE, SIDE);

    for (size_t i = 0; i < SIDE * SIDE; i++) {
        tile_words[i] = random_opaque();
    }
    paint_tile_with(kernel(), &canvas, &tile, -40.3, 20.6); /* on nothing */
    paint_tile_with(kernel(), &canvas, &tile, -20.3,
                    10.6); /* over the first */
    CHECK(wide_registers_are_clean(), "dirty");
}

static void
test_known_answer_of_the_best(void)
{
    uint32_t word = known[0].before;
    struct paint_tile tile = opaque_tile(known[0].tile, 2, 2);
    struct paint_canvas canvas = whole_canvas(&word, 1, 1);

    paint_tile_at(&canvas, &tile, known[0].dx / -65536.0,
                  known[0].dy / -65536.0);
    CHECK(word == known[0].after, "%08x", (unsigned)word);
}

static const struct kernel_test kernel_tests[] = {
    {"known answers", test_known_answers},
    {"random tiles, positions, canvases and windows", test_random_paintings},
    {"random parts of images", test_random_cuts},
    {"single pixels", test_single_pixels},
    {"seams are opaque", test_seams_are_opaque},
    {"nothing to paint", test_nothing_to_paint},
};

int
main(void)
{
    check_run("the weights leave room for the source",
              test_weights_leave_room);
    check_run("copies are what is painted", test_copies);
    check_run("a known answer of the best", test_known_answer_of_the_best);
    kernel_tests_run(kernel_tests,
                     sizeof(kernel_tests) / sizeof(*kernel_tests),
                     test_registers);
    return check_finish();
}
