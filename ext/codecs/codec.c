#include "codec.h"

#include "_convert.h"
#include "bmp.h"
#include "deflate.h"
#include "png.h"

#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 3 };

bool
codec_is_available(enum codec codec)
{
    switch (codec) {
    case CODEC_JPEG:
        return jpeg_is_available();
    case CODEC_NONE:
    case CODEC_BMP:
        return true;
    case CODEC_DEFLATE:
    case CODEC_PNG:
        return deflate_version() != NULL;
    default:
        return false;
    }
}

/* Rows of pixels. */

static void
put_rgba(const uint8_t *samples, size_t width, uint8_t *pixels)
{
    for (size_t i = 1; i < width; i++, samples += SAMPLES, pixels += 4) {
        memcpy(pixels, samples, 4);
        pixels[3] = 255;
    }
    memcpy(pixels, samples, SAMPLES);
    pixels[3] = 255;
}

static void
put_row(const uint8_t *samples, size_t width, enum jpeg_order order,
        uint8_t *pixels)
{
    switch (order) {
    case JPEG_WORDS:
        convert_rgb_to_argb(samples, (uint32_t *)(void *)pixels, width);
        break;
    case JPEG_RGBA:
        put_rgba(samples, width, pixels);
        break;
    case JPEG_RGB:
        memcpy(pixels, samples, width * SAMPLES);
        break;
    }
}

static void
put_rows(const struct jpeg_format *format, const uint8_t *samples,
         const struct jpeg_rows *rows)
{
    uint8_t *pixels = rows->first;
    size_t width = format->width, height = format->height;
    if (rows->order == JPEG_WORDS &&
        rows->stride == (ptrdiff_t)(width * sizeof(uint32_t))) {
        width *= height; /* one long row */
        height = 1;
    }
    for (size_t row = 0; row < height; row++) {
        put_row(samples, width, rows->order, pixels);
        samples += width * SAMPLES;
        /* There is none after the last. */
        pixels += row + 1 < height ? rows->stride : 0;
    }
}

/* Those that are not stored as they are */

static void
add_up(const struct jpeg_format *format, uint8_t *samples)
{
    size_t length = (size_t)format->width * SAMPLES;
    for (uint32_t row = 0; row < format->height; row++, samples += length) {
        for (size_t i = SAMPLES; i < length; i++) {
            samples[i] = (uint8_t)(samples[i] + samples[i - SAMPLES]);
        }
    }
}

static bool
expand(enum codec codec, const struct jpeg_format *format,
       const uint8_t *bytes, size_t size, uint8_t *samples, size_t count)
{
    switch (codec) {
    case CODEC_DEFLATE:
        return deflate_expand(bytes, size, samples, count);
    case CODEC_PNG:
        return png_expand(bytes, size, format->width, format->height, samples);
    case CODEC_BMP:
        return bmp_expand(bytes, size, format->width, format->height, samples);
    default:
        return false;
    }
}

static bool
decode_compressed(const struct coding *coding,
                  const struct jpeg_format *format, const uint8_t *bytes,
                  size_t size, size_t count, const struct jpeg_rows *rows)
{
    uint8_t *samples = malloc(count);
    bool complete = samples != NULL &&
                    expand(coding->codec, format, bytes, size, samples, count);
    if (complete && coding->has_differences) {
        add_up(format, samples);
    }
    if (complete) {
        put_rows(format, samples, rows);
    }
    free(samples);
    return complete;
}

bool
codec_decode(const struct coding *coding, const struct jpeg_format *format,
             const uint8_t *bytes, size_t size, const struct jpeg_rows *rows)
{
    size_t count = (size_t)format->width * format->height * SAMPLES;
    if (coding->codec == CODEC_JPEG) {
        return jpeg_decode(format, bytes, size, rows);
    }
    if (count == 0) {
        return false;
    }
    if (coding->codec != CODEC_NONE) {
        return decode_compressed(coding, format, bytes, size, count, rows);
    }
    if (size != count || coding->has_differences) {
        return false;
    }
    put_rows(format, bytes, rows);
    return true;
}
