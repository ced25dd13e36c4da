/*
 * What the parts of resampling share: axes, and the loops that are made for
 * each instruction set.
 *
 * All of them work on quads: four bytes side by side, of which one weighted
 * sum is made together with those of the quads that follow. Along the rows
 * these are four pixels, along the columns four rows; which makes both passes
 * the same loop.
 */
#ifndef RESAMPLE_KERNEL_H
#define RESAMPLE_KERNEL_H

#include "resample.h"

enum {
    QUAD = 4,
    /* Sums are rounded to bytes from this many bits after the point. */
    FRACTION_BITS = 22,
    /* What a loop may read beyond the last quad that it uses. */
    QUAD_SLACK = 64,
};

/* The four weights of a quad, in the form that suits a kernel. */
struct quad_weights {
    uint32_t words[4];
};

/* Where a pixel comes from. */
struct resample_span {
    int32_t begin, end;  /* in pixels of the source */
    int32_t first_quad;  /* counted from the axis's origin */
    int32_t quad_count;  /* 1 at least */
    size_t first_weight; /* in the weights of the axis, one by quad */
};

struct resample_axis {
    const struct resample_kernel *kernel;
    struct quad_weights *weights;
    int32_t source_length, length;
    int32_t origin;     /* the pixel that the first quad begins with */
    int32_t most_quads; /* of a span */
    bool is_whole;      /* all of a source of the same length, unchanged */
    struct resample_span spans[];
};

/* Where the bytes of a format are. */
struct resample_layout {
    uint8_t source_channels, target_channels;
    /* For four pixels of the source side by side, their bytes by channel; no
       byte: 0x80. */
    uint8_t order[16];
};

struct resample_kernel {
    /* Four weights in fixed point. */
    struct quad_weights (*prepare)(const int32_t weights[QUAD]);

    /*
     * Quads along the rows. Takes `count` times four pixels from each of four
     * rows; the bytes of each channel of a row become a quad. Those of the
     * four rows are side by side, then come those of the next channel. The
     * next four pixels are put `stride` bytes further. Reads 16 bytes for each
     * four pixels, however many they have.
     */
    void (*gather)(const uint8_t *const rows[QUAD], size_t count,
                   const struct resample_layout *layout, uint8_t *quads,
                   size_t stride);

    /* Quads along the columns: the bytes of four rows. */
    void (*interleave)(const uint8_t *const rows[QUAD], size_t count,
                       uint8_t *quads);

    /*
     * The weighted sums for pixels of the axis from `first` to before `last`,
     * rounded to bytes: `count` of them for each, one of the bytes at a quad.
     * `quads` is the axis's quad number first_quad, others follow in strides.
     * Those of the next pixel are put `sum_stride` bytes further.
     */
    void (*weigh)(const struct resample_axis *axis, int32_t first,
                  int32_t last, const uint8_t *quads, size_t stride,
                  int32_t first_quad, size_t count, uint8_t *sums,
                  size_t sum_stride);

    /* Straight RGBA to premultiplied, and back in place, as Pillow's
       convert() does it. */
    void (*premultiply)(const uint8_t *rgba, size_t count, uint8_t *result);
    void (*unpremultiply)(uint8_t *rgba, size_t count);

    /* Rounded means of a byte, the one `apart` bytes further, and those below
       both: `count` of them. */
    void (*average)(const uint8_t *upper, const uint8_t *lower, size_t apart,
                    size_t count, uint8_t *means);
};

#endif
