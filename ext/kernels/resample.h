#ifndef RESAMPLE_H
#define RESAMPLE_H

#include "instruction_sets.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Pictures of another size, to the bit as Pillow's Image.resize() makes them:
 * a weighted mean along one axis, rounded to bytes, then along the other.
 *
 * Weights are found in double precision, product by product: compile with
 * -ffp-contract=off.
 */

enum resample_filter {
    RESAMPLE_BOX,
    RESAMPLE_BILINEAR,
    RESAMPLE_BICUBIC,
    RESAMPLE_LANCZOS,
    RESAMPLE_HAMMING,
};

/* What the pixels of a source are, and those that are made of them. */
enum resample_format {
    RESAMPLE_RGB,   /* bytes R, G, B */
    RESAMPLE_RGBX,  /* bytes R, G, B and one of no meaning; become R, G, B */
    RESAMPLE_WORDS, /* uint32_t 0xXXRRGGBB; become R, G, B */
    RESAMPLE_RGBA,  /* bytes R, G, B, A with straight alpha */
};

/* ---- axes ---- */

/* How the pixels of one axis come from those of the source. */
struct resample_axis;

/* The longest axis, of a source or a target. */
#define RESAMPLE_LONGEST (INT32_C(1) << 24)

/* Whether 0 <= start <= end <= source_length, as floats, which decide in
   Pillow. */
bool resample_box_lies_within(double start, double end, int32_t source_length);

/*
 * `length` pixels for the part of a source of `source_length` pixels that is
 * between start and end, which lie within and are rounded to floats. Lengths
 * are from 1 to RESAMPLE_LONGEST.
 *
 * Never changes, so that all threads may use it. NULL where there is no memory
 * for it.
 */
struct resample_axis *resample_axis_make(int32_t source_length, double start,
                                         double end, int32_t length,
                                         enum resample_filter filter);

void resample_axis_free(struct resample_axis *axis);

/* Of the source, what the pixels from `first` to before `last` come from. */
struct resample_range {
    int32_t begin, end;
};

struct resample_range resample_axis_source(const struct resample_axis *axis,
                                           int32_t first, int32_t last);

/* ---- pictures ---- */

/*
 * Which axis is first. Pillow before 13 begins with the rows. Newer ones begin
 * with the columns where these lose more than twice as many pixels as the
 * rows, of the whole source.
 */
enum resample_order {
    RESAMPLE_ROWS_FIRST,
    RESAMPLE_LONGER_FIRST,
};

/* How all pixels come from a source. The axes belong to the caller. */
struct resample_plan {
    const struct resample_axis *across, *down;
    enum resample_format format;
    enum resample_order order;
};

/*
 * Pixels of a source: the first is the one at (left, top), and those which no
 * pixel of the target comes from need not be there.
 */
struct resample_source {
    const uint8_t *pixels;
    ptrdiff_t row_stride; /* bytes; may be negative */
    int32_t left, top;
};

/* Bytes of a pixel, of the source and of the target. */
size_t resample_source_channels(enum resample_format format);
size_t resample_target_channels(enum resample_format format);

/* How much scratch memory resample() takes, in bytes; SIZE_MAX where that is
   more than there are addresses for. */
size_t resample_scratch_size(const struct resample_plan *plan);

/*
 * Make the rows from `first` to before `last` of the target. pixels is where
 * the first of them goes; row_stride is in bytes, and may be negative. The
 * scratch memory may hold anything, and lie at any address.
 */
void resample(const struct resample_plan *plan,
              const struct resample_source *source, int32_t first,
              int32_t last, uint8_t *pixels, ptrdiff_t row_stride,
              void *scratch);

/* ---- half the size ---- */

/*
 * The mean of each 2 x 2 pixels, as Pillow's Image.reduce(2) makes it. Where a
 * side is odd, the last pixels are means of those that there are: the target
 * has (width + 1) / 2 by (height + 1) / 2 pixels. Strides are in bytes, and
 * may be negative.
 */
struct halving {
    size_t channels;       /* 3 or 4 */
    bool has_alpha;        /* the fourth is straight alpha */
    int32_t width, height; /* of the source, 1 at least */
    const uint8_t *source;
    ptrdiff_t source_stride;
    uint8_t *target;
    ptrdiff_t target_stride;
};

void resample_halve(const struct halving *halving);

/* ---- the implementations, for tests and benchmarks ---- */

struct resample_kernel;

/* Use one only if instruction_set_missing() is NULL. */
extern const struct resample_kernel *const
    resample_kernels[INSTRUCTION_SET_COUNT];

struct resample_axis *
resample_axis_make_for(const struct resample_kernel *kernel,
                       int32_t source_length, double start, double end,
                       int32_t length, enum resample_filter filter);

void resample_halve_with(const struct resample_kernel *kernel,
                         const struct halving *halving);

#endif
