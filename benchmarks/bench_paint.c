/*
 * Speed of every painting kernel that runs on this CPU, in nanoseconds per
 * pixel of the region, and what a region of 256 x 256 takes: off the grid it
 * is made of four tiles, with seams between them.
 *
 * One round measures every case once, so that a change of the clock meets
 * them all; the table has the medians of the rounds.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "kernels/paint.h"
#include "kernels/paint_kernels.h"
#include "timing.h"

#define SIDE 256
#define PIXELS (SIDE * SIDE)
#define ROUNDS 101
#define MAX_CASES 64

/*
 * Where the corner that the four tiles share lies in the region; a large one
 * is as large as the four, and alone. The background is the byte that all
 * words of the region are made of before.
 */
struct place {
    const char *name;
    double x, y;
    enum paint_format format;
    bool is_large;
    uint8_t background;
};

static const struct place places[] = {
    {"aligned, one tile", 0, 0, PAINT_CLIPPED, false, 0},
    {"aligned, four tiles", 100, 120, PAINT_CLIPPED, false, 0},
    {"off grid, four tiles", 100.3, 120.7, PAINT_CLIPPED, false, 0},
    {"off grid, thin strips", 3.3, 252.7, PAINT_CLIPPED, false, 0},
    {"off grid, one tile", -0.3, -0.7, PAINT_CLIPPED, false, 0},
    {"translucent, off grid", 100.3, 120.7, PAINT_ARGB32, false, 0},
    {"filling up", 100, 120, PAINT_CLIPPED, false, 0x80},
    {"RGB24, aligned", 100, 120, PAINT_RGB24, false, 0},
    {"RGB24, off grid", 100.3, 120.7, PAINT_RGB24, false, 0},
    {"RGB24, covering", -10.3, -20.7, PAINT_RGB24, true, 0},
    {"RGB24, filling up", 100, 120, PAINT_RGB24, false, 0x80},
};

struct bench_case {
    enum instruction_set set;
    const struct place *place;
    double seconds[ROUNDS];
};

static uint32_t tile_words[4][PIXELS];
static uint32_t canvas_words[PIXELS];

static void
fill_tiles(void)
{
    uint32_t random = 1;

    for (size_t i = 0; i < 4 * (size_t)PIXELS; i++) {
        random = random * 1664525 + 1013904223;
        tile_words[i / PIXELS][i % PIXELS] = 0xff000000 | random >> 8;
    }
}

static struct paint_tile
tile_at(const struct place *place, int i)
{
    int64_t side = place->is_large ? 2 * SIDE : SIDE;
    int64_t opaque = place->format == PAINT_ARGB32 ? 0 : side;

    return (struct paint_tile){
        .words = tile_words[i],
        .stride = (ptrdiff_t)side,
        .width = side,
        .height = side,
        .opaque_width = opaque,
        .opaque_height = opaque,
        .format = place->format,
    };
}

/* From the last row and column to the first, as libopenslide does. */
static void
paint_region(const struct bench_case *c)
{
    const struct place *place = c->place;
    struct paint_canvas canvas = {
        .words = canvas_words,
        .stride = SIDE,
        .width = SIDE,
        .height = SIDE,
        .picture_width = SIDE,
        .picture_height = SIDE,
    };

    memset(canvas_words, place->background, sizeof(canvas_words));
    for (int i = place->is_large ? 0 : 3; i >= 0; i--) {
        struct paint_tile tile = tile_at(place, i);
        double x = place->x - (i % 2 == 0 && !place->is_large ? SIDE : 0);
        double y = place->y - (i / 2 == 0 && !place->is_large ? SIDE : 0);

        paint_tile_with(&paint_kernels[c->set], &canvas, &tile, x, y);
    }
}

static double
measure(const struct bench_case *c)
{
    enum { PASSES = 4 };
    double start;

    paint_region(c);
    start = now();
    for (int i = 0; i < PASSES; i++) {
        paint_region(c);
    }
    return (now() - start) / PASSES;
}

static size_t
list_cases(struct bench_case *cases)
{
    size_t n = 0;

    for (enum instruction_set set = 0; set < INSTRUCTION_SET_COUNT; set++) {
        if (instruction_set_missing(set)) {
            printf("%s: skipped, %s\n", instruction_set_name(set),
                   instruction_set_missing(set));
            continue;
        }
        for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
            cases[n++] = (struct bench_case){set, &places[i], {0}};
        }
    }
    return n;
}

int
main(void)
{
    static struct bench_case cases[MAX_CASES];
    size_t n = list_cases(cases);

    fill_tiles();
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < n; i++) {
            cases[i].seconds[round] = measure(&cases[i]);
        }
    }
    printf("%-8s %-22s %9s %9s\n", "kernel", "region", "ns/pixel", "us");
    for (size_t i = 0; i < n; i++) {
        double seconds = median(cases[i].seconds, ROUNDS);

        printf("%-8s %-22s %9.3f %9.1f\n", instruction_set_name(cases[i].set),
               cases[i].place->name, 1e9 * seconds / PIXELS, 1e6 * seconds);
    }
    return 0;
}
