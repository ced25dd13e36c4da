#ifndef DIRECT_PAINT_H
#define DIRECT_PAINT_H

#include "instruction_sets.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Painting of decoded tiles at any position, to the bit as libopenslide has it
 * done by cairo and pixman: operator SATURATE, bilinear filter, in floats.
 *
 * Products and sums of floats have to be rounded one by one, as they are
 * written: compile with -ffp-contract=off.
 */

/*
 * A tile, of which the first columns and rows are opaque pixels, 0xffRRGGBB.
 * The rest, beyond the edge of the level, is transparent, and need not be
 * there.
 */
struct paint_tile {
    const uint32_t *words;
    ptrdiff_t stride; /* from row to row, in words */
    int64_t width, height;
    int64_t opaque_width, opaque_height;
};

/*
 * The part of a picture that is painted: premultiplied 0xAARRGGBB. Its first
 * word is the pixel (left, top) of the picture. The parts of a picture may be
 * painted one by one, or at the same time.
 */
struct paint_canvas {
    uint32_t *words;
    ptrdiff_t stride; /* from row to row, in words */
    int64_t left, top;
    int64_t width, height;
    int64_t picture_width, picture_height;
};

/*
 * Paint the tile with its top left corner at (x, y) of the picture; it may lie
 * outside the canvas or across its edges.
 *
 * A position that is a whole number of pixels when rounded to a multiple of
 * 1/256, in x and in y, copies the tile; any other is rounded to a multiple of
 * 1/65536, and pixels are interpolated between four of the tile, which is
 * transparent outside its edges. But where the picture shows a single pixel of
 * the tile, give or take half a hundredth, it shows that one as it is. What
 * the canvas shows already stays on top: the tile fills up what is left to
 * opaque.
 */
void paint_tile_at(const struct paint_canvas *canvas,
                   const struct paint_tile *tile, double x, double y);

/*
 * The implementations, for tests and benchmarks. Call one only if
 * instruction_set_missing() is NULL.
 */
struct paint_row;
struct paint_span;

struct paint_kernel {
    void (*unpack)(const uint32_t *words, size_t count, struct paint_row *row,
                   size_t column);
    void (*blend)(uint32_t *words, size_t count,
                  const struct paint_span *span);
};

extern const struct paint_kernel paint_kernels[INSTRUCTION_SET_COUNT];

void paint_tile_with(const struct paint_kernel *kernel,
                     const struct paint_canvas *canvas,
                     const struct paint_tile *tile, double x, double y);

#endif
