/*
 * From entropy-coded bytes to coefficients.
 */
#ifndef JPEG_ENTROPY_H
#define JPEG_ENTROPY_H

#include "codecs/jpeg/codes.h"
#include "kernels/instruction_sets.h"

enum {
    JPEG_MAX_UNIT_BLOCKS = 6,
    /* As many bytes behind the entropy-coded ones are read. */
    JPEG_ENTROPY_SLACK = 64,
    /* As many coefficients behind those of the last block are written. */
    JPEG_COEFFICIENT_SLACK = JPEG_LOOKUP_VALUES,
};

/* The codes of a block's coefficients: of the first, and of all others. */
struct jpeg_block_codes {
    const struct jpeg_lookup *dc, *ac;
};

/* Where decoding stands. */
struct jpeg_stream {
    const uint8_t *first, *last; /* the bytes, without what was stuffed */
    const uint8_t *next;
    uint64_t word; /* the next bits, from the highest on */
    uint32_t left; /* how many these are, modulo 64 */
};

/* JPEG_ENTROPY_SLACK bytes of any kind follow `size` of them. */
void jpeg_stream_start(struct jpeg_stream *stream, const uint8_t *bytes,
                       size_t size);

/* Bits that are not yet used; negative if there were not enough. */
ptrdiff_t jpeg_stream_left(const struct jpeg_stream *stream);

/*
 * Decode `count` blocks, in zigzag order, of a first coefficient that is a
 * difference.  `codes` has those of each block, and of one more.  All of
 * `coefficients`, JPEG_COEFFICIENT_SLACK more among them, are 0 before.  The
 * lower six bits of used[i] become how far in block i there are coefficients
 * other than 0, modulo 64.  False if there is no such code, or there are too
 * many coefficients.
 */
typedef bool jpeg_entropy_kernel(struct jpeg_stream *stream,
                                 const struct jpeg_block_codes *codes,
                                 int16_t *coefficients, uint8_t *used,
                                 size_t count);

extern jpeg_entropy_kernel *const jpeg_entropy_kernels[INSTRUCTION_SET_COUNT];

#endif
