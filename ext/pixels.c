#include "pixels.h"

#include "_convert.h"

#include <string.h>

uint8_t *
pixels_at(const struct pixels *pixels, int64_t column, int64_t row)
{
    return pixels->start + row * pixels->row_stride +
           column * pixels->channels;
}

void
pixels_convert(const struct pixels *pixels, int64_t column, int64_t row,
               int64_t width, int64_t height, const uint32_t *words,
               ptrdiff_t stride)
{
    uint8_t *bytes = pixels_at(pixels, column, row);
    if (stride == width && pixels->row_stride == width * pixels->channels) {
        width *= height; /* one long row */
        height = height > 0;
    }
    for (int64_t i = 0; i < height; i++) {
        if (pixels->channels == 4) {
            convert_argb_to_rgba(words, bytes, (size_t)width);
        } else {
            convert_argb_to_rgb(words, bytes, (size_t)width,
                                pixels->background);
        }
        words += stride;
        bytes += pixels->row_stride;
    }
}

/* Give every pixel of a rectangle the same bytes. */
static void
repeat(const struct pixels *pixels, int64_t column, int64_t row, int64_t width,
       int64_t height, const uint8_t pixel[4])
{
    size_t channels = (size_t)pixels->channels;
    uint8_t *first = pixels_at(pixels, column, row);
    if (width <= 0 || height <= 0) {
        return;
    }
    for (int64_t i = 0; i < width; i++) {
        memcpy(first + (size_t)i * channels, pixel, channels);
    }
    for (int64_t i = 1; i < height; i++) {
        memcpy(first + i * pixels->row_stride, first,
               (size_t)width * channels);
    }
}

void
pixels_fill(const struct pixels *pixels, int64_t column, int64_t row,
            int64_t width, int64_t height)
{
    uint32_t colour = pixels->background;
    repeat(pixels, column, row, width, height,
           (uint8_t[4]){(uint8_t)(colour >> 16), (uint8_t)(colour >> 8),
                        (uint8_t)colour, 255});
}

void
pixels_clear(const struct pixels *pixels, int64_t column, int64_t row,
             int64_t width, int64_t height)
{
    if (pixels->channels == 4) {
        repeat(pixels, column, row, width, height, (uint8_t[4]){0});
    } else {
        pixels_fill(pixels, column, row, width, height);
    }
}
