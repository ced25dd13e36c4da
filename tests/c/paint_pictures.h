#ifndef PAINT_PICTURES_H
#define PAINT_PICTURES_H

#include "guard_page.h"
#include "kernels/paint.h"

#include <stdint.h>

/* Random tiles, and random pictures to paint them on. */

enum {
    /* More than two of the spans that a wide tile is painted in. */
    MAX_WIDTH = 600,
    MAX_HEIGHT = 24,
};

/* What lies beside a canvas. */
#define CANARY UINT32_C(0xa5a5a5a5)

uint32_t next_random(void);

/* Both included. */
int64_t random_between(int64_t first, int64_t last);

/* Whole pixels, the steps of both roundings, halves of them, what may show a
   single sample, anything. */
double random_position(int64_t first, int64_t last);

/* Where a tile may lie on what begins and ends there: anywhere, or so that its
   end is about theirs. */
double random_place(int64_t tile_side, int64_t begin, int64_t end);

uint32_t random_opaque(void);

/* No channel above alpha. */
uint32_t random_premultiplied(void);

/* All of it opaque, clipped nowhere. */
struct paint_tile opaque_tile(const uint32_t *words, int64_t width,
                              int64_t height);

/* A whole picture. */
struct paint_canvas whole_canvas(uint32_t *words, int64_t width,
                                 int64_t height);

/* Nothing, little, or premultiplied pixels everywhere. */
void fill_canvas(const struct paint_canvas *canvas);

/* A part of canvas, which shows the same picture. */
struct paint_canvas window_of(const struct paint_canvas *canvas, int64_t left,
                              int64_t top, int64_t right, int64_t bottom);

/* Memory for the largest tile and canvas, and for what is expected. */
struct arena {
    struct guarded tile, canvas;
    uint32_t *expected;
};

struct arena arena_alloc(void);

void arena_free(struct arena arena);

/* count words against the page behind the memory, or the one before it. */
uint32_t *place_words(struct guarded memory, size_t count);

int64_t random_width(void);

int64_t random_height(void);

struct paint_tile random_tile(const struct arena *arena,
                              enum paint_format format);

struct paint_canvas random_canvas(const struct arena *arena);

/* The words of a canvas, row by row without gaps. */
void copy_out(const struct paint_canvas *canvas, uint32_t *words);

#endif
