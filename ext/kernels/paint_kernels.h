#ifndef PAINT_KERNELS_H
#define PAINT_KERNELS_H

#include "instruction_sets.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The loops that paint.c is made of, for each instruction set.
 *
 * Where libopenslide has pixels composed in floats, products and sums have to
 * be rounded one by one, as they are written: compile with -ffp-contract=off.
 */

/* Channels, from the lowest byte of a word on. */
enum { ALPHA = 3, COLOURS = 3, CHANNELS = 4 };

enum {
    /* Pixels painted at once; their floats stay in the first-level cache. */
    SPAN_PIXELS = 272,
    /* A vector may begin with the pixel to the right of the last of them. */
    ROW_PIXELS = SPAN_PIXELS + 32,
};

/*
 * pixman makes floats of bytes, c * (float)(1 / 255.0), and bytes of floats,
 * truncated after multiplication by 256. Here that factor is in all floats
 * from the beginning: a power of two does not change how they are rounded.
 */
#define SCALE 256.0f

/*
 * A part of a row of a tile; pixels outside the tile are transparent. Aligned
 * so that few vectors lie across cache lines.
 */
struct paint_row {
    _Alignas(64) float channels[CHANNELS][ROW_PIXELS];
    const float *alpha; /* ROW_PIXELS of them, the last channel or others */
};

/* The share that each of four neighbours has in a pixel. */
struct weights {
    float upper_left, upper_right, lower_left, lower_right;
};

/*
 * Where the pixels of a row come from: columns i and i + 1 of two rows give
 * pixel i. From opaque_begin to opaque_end, which may lie behind the last
 * pixel, these four are opaque.
 */
struct paint_span {
    const struct paint_row *upper, *lower;
    struct weights weights;
    size_t opaque_begin, opaque_end;
};

/*
 * Where they come from without floats: words i and i + 1 of two rows give
 * pixel i, by the 128ths of it that lie in the right one and in the lower one.
 */
struct paint_neighbours {
    const uint32_t *upper, *lower;
    uint16_t right_share, lower_share;
};

struct paint_kernel {
    /* The first channels of words to floats, all four or but the colours. */
    void (*unpack)(const uint32_t *words, size_t count, struct paint_row *row,
                   size_t column, unsigned channels);
    /* Fill words up by what the span shows, in floats: operator SATURATE. */
    void (*blend)(uint32_t *words, size_t count,
                  const struct paint_span *span);
    /* The same by sources, in bytes: operator OVER_REVERSE. */
    void (*over)(uint32_t *words, size_t count, const uint32_t *sources);
    /* Make pixels between neighbours, in bytes. */
    void (*interpolate)(uint32_t *words, size_t count,
                        const struct paint_neighbours *neighbours);
};

/* Call those of an instruction set only if instruction_set_missing() is
   NULL. */
extern const struct paint_kernel paint_kernels[INSTRUCTION_SET_COUNT];

#endif
