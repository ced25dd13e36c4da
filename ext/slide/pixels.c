#include "pixels.h"

#include "_convert.h"
#include "system/lengths.h"

#include <stdbool.h>
#include <string.h>

uint8_t *
pixels_at(const struct pixels *pixels, int64_t column, int64_t row)
{
    return pixels->start + row * pixels->row_stride +
           column * pixels->channels;
}

static bool
is_opaque(const uint8_t *rgba, size_t count)
{
    uint8_t alpha[4];
    uint32_t all = UINT32_MAX;
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, rgba + 4 * i, sizeof word);
        all &= word;
    }
    memcpy(alpha, &all, sizeof alpha);
    return alpha[3] == 255;
}

static void
make_pixel_opaque(uint8_t pixel[4], uint32_t background)
{
    unsigned alpha = pixel[3];
    pixel[0] = convert_composite(pixel[0], alpha, background >> 16 & 0xff);
    pixel[1] = convert_composite(pixel[1], alpha, background >> 8 & 0xff);
    pixel[2] = convert_composite(pixel[2], alpha, background & 0xff);
    pixel[3] = 255;
}

/* Put RGBA over a background.  Nearly all pixels are opaque already, which
   takes a vector instruction for several. */
static void
make_opaque(uint8_t *rgba, size_t count, uint32_t background)
{
    enum { AT_ONCE = 64 };
    for (size_t start = 0; start < count; start += AT_ONCE) {
        size_t end = count - start < AT_ONCE ? count : start + AT_ONCE;
        if (is_opaque(rgba + 4 * start, end - start)) {
            continue;
        }
        for (size_t i = start; i < end; i++) {
            make_pixel_opaque(rgba + 4 * i, background);
        }
    }
}

static void
convert_row(const struct convert_kernel *kernel, const struct pixels *pixels,
            uint8_t *bytes, size_t width, const uint32_t *words)
{
    if (pixels->channels == 3) {
        kernel->to_rgb(words, bytes, width, pixels->background);
        return;
    }
    kernel->to_rgba(words, bytes, width);
    if (pixels->is_opaque) {
        make_opaque(bytes, width, pixels->background);
    }
}

/* So many pixels are on their way from memory while others are converted: what
   the processor foresees by itself ends with each row. */
enum { PIXELS_AHEAD = 2048 };

/* A row will be read, or at least its beginning. */
static void
fetch_row(const uint32_t *words, int64_t width)
{
#if defined(__GNUC__)
    enum { LINE_PIXELS = 16 };
    int64_t count = smaller(width, PIXELS_AHEAD);
    for (int64_t i = 0; i < count; i += LINE_PIXELS) {
        __builtin_prefetch(words + i);
    }
    __builtin_prefetch(words + count - 1);
#else
    (void)words, (void)width;
#endif
}

/* How many rows to fetch before their turn. */
static int64_t
rows_ahead(int64_t width, int64_t height)
{
    return width > 0 && height > 1
               ? (int64_t)quotient_up(PIXELS_AHEAD, (uint64_t)width)
               : 0;
}

void
pixels_convert(const struct pixels *pixels, int64_t column, int64_t row,
               int64_t width, int64_t height, const uint32_t *words,
               ptrdiff_t stride)
{
    const struct convert_kernel *kernel =
        &convert_kernels[instruction_set_in_use()];
    uint8_t *bytes = pixels_at(pixels, column, row);
    if (stride == width && pixels->row_stride == width * pixels->channels) {
        width *= height; /* one long row */
        height = height > 0;
    }
    int64_t ahead = rows_ahead(width, height);
    for (int64_t i = -ahead; i < height; i++) {
        if (ahead > 0 && i + ahead < height) {
            fetch_row(words + (i + ahead) * stride, width);
        }
        if (i >= 0) {
            convert_row(kernel, pixels, bytes, (size_t)width,
                        words + i * stride);
            bytes += pixels->row_stride;
        }
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
    if (pixels->channels == 4 && !pixels->is_opaque) {
        repeat(pixels, column, row, width, height, (uint8_t[4]){0});
    } else {
        pixels_fill(pixels, column, row, width, height);
    }
}
