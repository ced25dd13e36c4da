/*
 * The tiles of an image, whatever they are compressed with.
 *
 * Those that are not JPEG are compressed without loss, or not at all, and hold
 * rows of pixels of three bytes: red, green, blue.  They are refused unless
 * they have just the bytes that they should have.
 */
#ifndef CODEC_H
#define CODEC_H

#include "jpeg.h"

enum codec {
    CODEC_OTHER, /* none that is known here */
    CODEC_JPEG,
    CODEC_NONE,
    CODEC_DEFLATE,
    CODEC_PNG,
    CODEC_BMP,
};

struct coding {
    enum codec codec;
    /* Samples, but for the first of a row, are less by what the pixel before
       has. */
    bool has_differences;
};

/* Whether this build decodes it. */
bool codec_is_available(enum codec codec);

/*
 * Decode a tile of the size that the format has; the rest of that is for JPEG.
 * False where it is refused, which leaves the rows undefined.
 */
bool codec_decode(const struct coding *coding,
                  const struct jpeg_format *format, const uint8_t *bytes,
                  size_t size, const struct jpeg_rows *rows);

#endif
