/*
 * From samples to pixels: libjpeg's "fancy" upsampling and its colours, to the
 * bit.
 */
#ifndef JPEG_COLOURS_H
#define JPEG_COLOURS_H

#include "codecs/jpeg.h"
#include "kernels/instruction_sets.h"

enum {
    /* As many bytes, or pairs, behind what is told are read or written, but
       for pixels. */
    JPEG_ROW_SLACK = 64,
};

/*
 * A row of an image in YCbCr.  A pair is the samples of Cb and, in the upper
 * half, of Cr.  Where chroma is halved there are pairs for every other pixel,
 * one more before the first and one behind the last: copies of these at the
 * image's edges.  Where it is halved in both directions, `far` is the row of
 * pairs next to this one after `near`, which it lies in; else NULL.
 */
struct jpeg_ycc_row {
    const uint8_t *luma;
    const uint32_t *near, *far; /* at the first pixel */
    bool is_halved;
};

struct jpeg_colour_kernel {
    void (*pair)(const uint8_t *blue, const uint8_t *red, uint32_t *pairs,
                 size_t count);
    void (*convert_ycc)(const struct jpeg_ycc_row *row, uint8_t *pixels,
                        size_t width, enum jpeg_order order);
    void (*convert_rgb)(const uint8_t *const *samples, uint8_t *pixels,
                        size_t width, enum jpeg_order order);
};

extern const struct jpeg_colour_kernel
    jpeg_colour_kernels[INSTRUCTION_SET_COUNT];

static inline size_t
jpeg_pixel_size(enum jpeg_order order)
{
    return order == JPEG_RGB ? 3 : 4;
}

#endif
