/*
 * Where the pixels of a region go: rows of RGBA or RGB bytes in somebody's
 * memory.
 */
#ifndef PIXELS_H
#define PIXELS_H

#include <stddef.h>
#include <stdint.h>

struct pixels {
    uint8_t *start;
    ptrdiff_t row_stride; /* bytes; may be negative */
    int channels;         /* 4: RGBA; 3: RGB over the background */
    uint32_t background;  /* 0x00RRGGBB */
};

uint8_t *pixels_at(const struct pixels *pixels, int64_t column, int64_t row);

/*
 * Convert premultiplied ARGB words, `stride` words from row to row, into the
 * rectangle of this size whose top left pixel is (column, row).
 */
void pixels_convert(const struct pixels *pixels, int64_t column, int64_t row,
                    int64_t width, int64_t height, const uint32_t *words,
                    ptrdiff_t stride);

/* Make a rectangle transparent: background, where there is no alpha. */
void pixels_clear(const struct pixels *pixels, int64_t column, int64_t row,
                  int64_t width, int64_t height);

/* Make a rectangle background, opaque where there is alpha. */
void pixels_fill(const struct pixels *pixels, int64_t column, int64_t row,
                 int64_t width, int64_t height);

#endif
