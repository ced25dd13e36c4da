/*
 * Where the pixels of a region go: rows of bytes in somebody's memory, as RGBA
 * with straight alpha, or over a background as RGB or as opaque RGBA.
 */
#ifndef PIXELS_H
#define PIXELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pixels {
    uint8_t *start;
    ptrdiff_t row_stride; /* bytes; may be negative */
    int channels;         /* 4: RGBA; 3: RGB, always over the background */
    bool is_opaque;       /* RGBA is over the background, too */
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

/* Make a rectangle transparent, or background where nothing can be. */
void pixels_clear(const struct pixels *pixels, int64_t column, int64_t row,
                  int64_t width, int64_t height);

/* Make a rectangle background, opaque where there is alpha. */
void pixels_fill(const struct pixels *pixels, int64_t column, int64_t row,
                 int64_t width, int64_t height);

#endif
