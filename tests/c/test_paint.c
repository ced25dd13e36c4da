#include "kernels/paint.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "guard_page.h"
#include "kernel_tests.h"

/* More than two of the spans that a wide tile is painted in. */
#define MAX_WIDTH 600
#define MAX_HEIGHT 24

#define CANARY UINT32_C(0xa5a5a5a5)

/* The one under test. */
static const struct paint_kernel *
kernel(void)
{
    return &paint_kernels[tested];
}

/* ---- random numbers ---- */

static uint32_t
next_random(void)
{
    static uint64_t state = 1;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

static int64_t
random_between(int64_t first, int64_t last)
{
    return first + next_random() % (last - first + 1);
}

/* Whole pixels, the steps of both roundings, halves of them, what may show a
   single sample, anything. */
static double
random_position(int64_t first, int64_t last)
{
    double whole = (double)random_between(first, last);
    double any = (double)next_random() / 4294967296.0;

    switch (next_random() % 5) {
    case 0:
        return whole;
    case 1:
        return whole + (double)random_between(-3, 3) / 1024;
    case 2:
        return whole + (any - 0.5) / 50; /* 0.01 */
    case 3:
        return whole + floor(any * 131072) / 131072;
    default:
        return whole + any;
    }
}

static uint32_t
random_opaque(void)
{
    return 0xff000000 | next_random();
}

/* No channel above alpha. */
static uint32_t
random_premultiplied(void)
{
    uint32_t alpha = next_random() & 0xff;
    uint32_t word = alpha << 24;

    for (unsigned shift = 0; shift < 24; shift += 8) {
        word |= next_random() % (alpha + 1) << shift;
    }
    return word;
}

/* ---- what is expected: the definition, a pixel at a time ---- */

static float
unit(uint32_t word, unsigned channel)
{
    return (float)(word >> 8 * channel & 0xff) * (float)(1 / 255.0);
}

static uint32_t
tile_word(const struct paint_tile *tile, int64_t x, int64_t y)
{
    bool outside =
        x < 0 || x >= tile->opaque_width || y < 0 || y >= tile->opaque_height;

    return outside ? 0 : tile->words[y * tile->stride + x];
}

struct formula_place {
    int64_t column, row;
    float dx, dy;
    bool is_aligned;
};

/* rint() rounds halves to even. */
static struct formula_place
formula_place(double vx, double vy)
{
    double x = rint(vx * 256) / 256, y = rint(vy * 256) / 256;
    bool aligned = x == floor(x) && y == floor(y);

    if (!aligned) {
        x = rint(vx * 65536) / 65536;
        y = rint(vy * 65536) / 65536;
    }
    return (struct formula_place){
        (int64_t)floor(x),     (int64_t)floor(y), (float)(x - floor(x)),
        (float)(y - floor(y)), aligned,
    };
}

static float
formula_sample(const struct paint_tile *tile, struct formula_place at,
               unsigned channel)
{
    float f[4];

    for (int i = 0; i < 4; i++) {
        f[i] =
            unit(tile_word(tile, at.column + i % 2, at.row + i / 2), channel);
    }
    return f[0] * ((1 - at.dx) * (1 - at.dy)) + f[1] * (at.dx * (1 - at.dy)) +
           f[2] * ((1 - at.dx) * at.dy) + f[3] * (at.dx * at.dy);
}

static uint32_t
formula_saturate(uint32_t word, const float source[4])
{
    float room = source[3] == 0 ? 1 : (1 - unit(word, 3)) / source[3];
    uint32_t result = 0;

    for (unsigned c = 0; c < 4; c++) {
        float sum = source[c] * fminf(room, 1) + unit(word, c);
        uint32_t byte = (uint32_t)(fminf(sum, 1) * 256);

        result |= (byte - (byte >> 8)) << 8 * c;
    }
    return result;
}

/* Integers, rounded. */
static uint32_t
formula_over(uint32_t word, uint32_t source)
{
    uint32_t room = 255 - (word >> 24), result = 0;

    for (unsigned c = 0; c < 4; c++) {
        double share = (source >> 8 * c & 0xff) * room / 255.0;
        double sum = (word >> 8 * c & 0xff) + floor(share + 0.5);

        result |= (uint32_t)fmin(sum, 255) << 8 * c;
    }
    return result;
}

/*
 * The pixels of an axis that a tile between pixels is painted on, and the
 * first and the last of the tile's that may be seen there: within 0.495 of the
 * middle of a painted one.
 */
struct formula_axis {
    int64_t begin, last, first_sample, last_sample;
};

static struct formula_axis
formula_axis(double position, int64_t tile, int64_t picture)
{
    double begin = fmax(floor(position), 0);
    double last = fmin(floor(position + (double)tile), (double)(picture - 1));

    return (struct formula_axis){
        (int64_t)begin,
        (int64_t)last,
        (int64_t)floor(begin + 0.5 - position - 0.495),
        (int64_t)floor(last + 0.5 - position + 0.495),
    };
}

static bool
formula_is_single(const struct formula_axis *axis)
{
    return axis->begin == axis->last &&
           axis->first_sample == axis->last_sample;
}

/* Whether all there is to paint is one pixel of the tile, and that done. */
static bool
formula_paint_single(const struct paint_canvas *canvas,
                     const struct paint_tile *tile, double x, double y)
{
    struct formula_axis across =
        formula_axis(x, tile->width, canvas->picture_width);
    struct formula_axis down =
        formula_axis(y, tile->height, canvas->picture_height);
    int64_t column = across.begin - canvas->left;
    int64_t row = down.begin - canvas->top;

    if (formula_place(-x, -y).is_aligned || !formula_is_single(&across) ||
        !formula_is_single(&down)) {
        return false;
    }
    if (column >= 0 && column < canvas->width && row >= 0 &&
        row < canvas->height) {
        uint32_t *word = canvas->words + row * canvas->stride + column;

        *word = formula_over(
            *word, tile_word(tile, across.first_sample, down.first_sample));
    }
    return true;
}

static void
formula_paint(const struct paint_canvas *canvas, const struct paint_tile *tile,
              double x, double y)
{
    if (formula_paint_single(canvas, tile, x, y)) {
        return;
    }
    for (int64_t row = 0; row < canvas->height; row++) {
        for (int64_t column = 0; column < canvas->width; column++) {
            uint32_t *word = canvas->words + row * canvas->stride + column;
            struct formula_place at =
                formula_place((double)(canvas->left + column) - x,
                              (double)(canvas->top + row) - y);
            float source[4];

            for (unsigned c = 0; c < 4; c++) {
                source[c] = formula_sample(tile, at, c);
            }
            *word = formula_saturate(*word, source);
        }
    }
}

/* ---- tests ---- */

/* All of it opaque. */
static struct paint_tile
opaque_tile(const uint32_t *words, int64_t width, int64_t height)
{
    return (struct paint_tile){
        .words = words,
        .stride = width,
        .width = width,
        .height = height,
        .opaque_width = width,
        .opaque_height = height,
    };
}

/* A whole picture. */
static struct paint_canvas
whole_canvas(uint32_t *words, int64_t width, int64_t height)
{
    return (struct paint_canvas){
        .words = words,
        .stride = width,
        .width = width,
        .height = height,
        .picture_width = width,
        .picture_height = height,
    };
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

/* What lies beside the canvas is CANARY. */
static void
fill_canvas(const struct paint_canvas *canvas)
{
    uint32_t content = next_random() % 4;

    for (int64_t y = 0; y < canvas->height; y++) {
        uint32_t *row = canvas->words + y * canvas->stride;

        for (int64_t x = 0; x < canvas->width; x++) {
            bool sparse = content == 1 && next_random() % 64 == 0;

            row[x] = 0;
            if (sparse || content == 2) {
                row[x] = random_premultiplied();
            } else if (content == 3) {
                row[x] = next_random();
            }
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

/* A part of canvas, which shows the same picture. */
static struct paint_canvas
window_of(const struct paint_canvas *canvas, int64_t left, int64_t top,
          int64_t right, int64_t bottom)
{
    return (struct paint_canvas){
        .words = canvas->words + top * canvas->stride + left,
        .stride = canvas->stride,
        .left = canvas->left + left,
        .top = canvas->top + top,
        .width = right - left,
        .height = bottom - top,
        .picture_width = canvas->picture_width,
        .picture_height = canvas->picture_height,
    };
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

/* Memory for the largest tile and canvas, and for what is expected. */
struct arena {
    struct guarded tile, canvas;
    uint32_t *expected;
};

static struct arena
arena_alloc(void)
{
    size_t size = 4 * MAX_WIDTH * MAX_HEIGHT;
    struct arena arena = {
        guarded_alloc(size),
        guarded_alloc(size),
        malloc(size),
    };

    if (arena.expected == NULL) {
        perror("malloc");
        exit(2);
    }
    return arena;
}

static void
arena_free(struct arena arena)
{
    guarded_free(arena.tile);
    guarded_free(arena.canvas);
    free(arena.expected);
}

/* count words against the page behind the memory, or the one before it. */
static uint32_t *
place_words(struct guarded memory, size_t count)
{
    bool last = next_random() % 2;

    return (uint32_t *)(void *)(last ? memory.end - 4 * count : memory.start);
}

static int64_t
random_width(void)
{
    switch (next_random() % 4) {
    case 0:
        return random_between(1, 2);
    case 1:
        return random_between(1, 40);
    case 2:
        return random_between(264, 280); /* about a span */
    default:
        return random_between(1, MAX_WIDTH);
    }
}

static int64_t
random_height(void)
{
    return random_between(1, next_random() % 4 == 0 ? 2 : MAX_HEIGHT);
}

/* Pixels beyond an edge: mostly none. */
static int64_t
random_margin(void)
{
    return next_random() % 4 == 0 ? random_between(1, 5000) : 0;
}

static struct paint_tile
random_tile(const struct arena *arena)
{
    int64_t width = random_width();
    int64_t stride = random_between(width, MAX_WIDTH);
    int64_t height = random_height();
    int64_t count = (height - 1) * stride + width;
    uint32_t *words = place_words(arena->tile, (size_t)count);
    bool plain = next_random() % 8 == 0;
    uint32_t colour = next_random() % 2 ? 0xffffffff : random_opaque();

    for (int64_t i = 0; i < count; i++) {
        words[i] = plain ? colour : random_opaque();
    }
    return (struct paint_tile){
        .words = words,
        .stride = stride,
        .width = width + random_margin(),
        .height = height + random_margin(),
        .opaque_width = width,
        .opaque_height = height,
    };
}

static struct paint_canvas
random_canvas(const struct arena *arena)
{
    int64_t width = random_width();
    int64_t stride = random_between(width, MAX_WIDTH);
    int64_t height = random_height();
    int64_t left = random_margin(), top = random_margin();
    size_t count = (size_t)((height - 1) * stride + width);
    struct paint_canvas canvas = {
        .words = place_words(arena->canvas, count),
        .stride = stride,
        .left = left,
        .top = top,
        .width = width,
        .height = height,
        .picture_width = left + width + random_margin(),
        .picture_height = top + height + random_margin(),
    };

    for (size_t i = 0; i < count; i++) {
        canvas.words[i] = CANARY;
    }
    fill_canvas(&canvas);
    return canvas;
}

static void
copy_out(const struct paint_canvas *canvas, uint32_t *words)
{
    for (int64_t y = 0; y < canvas->height; y++) {
        memcpy(words + y * canvas->width, canvas->words + y * canvas->stride,
               4 * (size_t)canvas->width);
    }
}

/* Two tiles, so that the second meets the edges of the first. */
static void
check_random_painting(const struct arena *arena)
{
    struct paint_canvas canvas = random_canvas(arena);
    struct paint_canvas copy = canvas;

    copy.words = arena->expected;
    copy.stride = canvas.width;
    copy_out(&canvas, copy.words);
    for (int i = 0; i < 2; i++) {
        struct paint_tile tile = random_tile(arena);
        double x = random_position(canvas.left - tile.width - 2,
                                   canvas.left + canvas.width + 2);
        double y = random_position(canvas.top - tile.height - 2,
                                   canvas.top + canvas.height + 2);

        formula_paint(&copy, &tile, x, y);
        if (next_random() % 2) {
            paint_tile_with(kernel(), &canvas, &tile, x, y);
        } else {
            paint_in_windows(&canvas, &tile, x, y);
        }
    }
    check_same(&canvas, arena->expected);
    check_canaries(&canvas);
}

static void
test_random_paintings(void)
{
    struct arena arena = arena_alloc();

    for (int i = 0; i < 1000; i++) {
        check_random_painting(&arena);
    }
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
    {"single pixels", test_single_pixels},
    {"seams are opaque", test_seams_are_opaque},
    {"nothing to paint", test_nothing_to_paint},
};

int
main(void)
{
    check_run("the weights leave room for the source",
              test_weights_leave_room);
    check_run("a known answer of the best", test_known_answer_of_the_best);
    kernel_tests_run(kernel_tests,
                     sizeof(kernel_tests) / sizeof(*kernel_tests),
                     test_registers);
    return check_finish();
}
