#include "paint_pictures.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- random numbers ---- */

uint32_t
next_random(void)
{
    static uint64_t state = 1;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

int64_t
random_between(int64_t first, int64_t last)
{
    return first + next_random() % (last - first + 1);
}

/* Whole pixels, the steps of both roundings, halves of them, what may show a
   single sample, anything. */
double
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

double
random_place(int64_t tile_side, int64_t begin, int64_t end)
{
    int64_t last = end - tile_side;

    return next_random() % 4 == 0
               ? random_position(last - 1, last + 1)
               : random_position(begin - tile_side - 2, end + 2);
}

uint32_t
random_opaque(void)
{
    return 0xff000000 | next_random();
}

/* No channel above alpha. */
uint32_t
random_premultiplied(void)
{
    uint32_t alpha = next_random() & 0xff;
    uint32_t word = alpha << 24;

    for (unsigned shift = 0; shift < 24; shift += 8) {
        word |= next_random() % (alpha + 1) << shift;
    }
    return word;
}

/* ---- tiles and canvases ---- */

/* All of it opaque. */
struct paint_tile
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
struct paint_canvas
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

void
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

/* A part of canvas, which shows the same picture. */
struct paint_canvas
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

struct arena
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

void
arena_free(struct arena arena)
{
    guarded_free(arena.tile);
    guarded_free(arena.canvas);
    free(arena.expected);
}

uint32_t *
place_words(struct guarded memory, size_t count)
{
    bool last = next_random() % 2;

    return (uint32_t *)(void *)(last ? memory.end - 4 * count : memory.start);
}

int64_t
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

int64_t
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

/* Any alpha, and often none or all of it. */
static uint32_t
random_translucent(void)
{
    uint32_t word = random_premultiplied();

    switch (next_random() % 4) {
    case 0:
        return 0;
    case 1:
        return word | 0xff000000;
    default:
        return word;
    }
}

static void
fill_tile(uint32_t *words, const struct paint_tile *tile, int64_t width,
          int64_t height)
{
    bool plain = next_random() % 8 == 0;
    uint32_t colour = next_random() % 2 ? 0xffffffff : random_opaque();

    for (int64_t y = 0; y < height; y++) {
        for (int64_t x = 0; x < width; x++) {
            bool is_opaque = x < tile->opaque_width && y < tile->opaque_height;

            words[y * tile->stride + x] = !is_opaque ? random_translucent()
                                          : plain    ? colour
                                                     : random_opaque();
        }
    }
}

struct paint_tile
random_tile(const struct arena *arena, enum paint_format format)
{
    int64_t width = random_width(), height = random_height();
    int64_t stride = random_between(width, MAX_WIDTH);
    size_t count = (size_t)((height - 1) * stride + width);
    uint32_t *words = place_words(arena->tile, count);
    struct paint_tile tile = {
        .words = words,
        .stride = (ptrdiff_t)stride,
        .width = width,
        .height = height,
        .opaque_width = width,
        .opaque_height = height,
        .format = format,
    };

    if (format == PAINT_CLIPPED) {
        tile.width += random_margin();
        tile.height += random_margin();
    } else if (format == PAINT_ARGB32 && next_random() % 4 != 0) {
        tile.opaque_width = random_between(0, width);
        tile.opaque_height = random_between(0, height);
    }
    fill_tile(words, &tile, width, height);
    return tile;
}

struct paint_canvas
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

void
copy_out(const struct paint_canvas *canvas, uint32_t *words)
{
    for (int64_t y = 0; y < canvas->height; y++) {
        memcpy(words + y * canvas->width, canvas->words + y * canvas->stride,
               4 * (size_t)canvas->width);
    }
}
