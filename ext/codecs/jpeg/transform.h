/*
 * From coefficients to samples: libjpeg's inverse transform "islow", to the
 * bit, or a refusal.
 */
#ifndef JPEG_TRANSFORM_H
#define JPEG_TRANSFORM_H

#include "codecs/jpeg/header.h"
#include "kernels/instruction_sets.h"

enum { JPEG_MAX_BLOCKS_AT_ONCE = 4 };

/*
 * Blocks are in zigzag order, and so is the quantization.  Row i of block k
 * becomes the 8 samples from samples[i * stride + 8 * k] on.
 *
 * libjpeg-turbo's vector code has 16 bits in between, its scalar code wraps
 * what is far out of range instead of clamping it.  So all that decoders could
 * differ in is refused: products of coefficient and quantization below -8192
 * or above 8191, and samples that would be below -512 or above 511
 * if they were not clamped, before 128 is added to them.
 *
 * That bounds all that is in between.  A sample is a sum of products with an
 * orthonormal transform, so squares of products sum up to no more than those
 * of samples do: 64 * 512^2, with which no product is above 4096.  Between the
 * passes numbers are scaled by 4 * sqrt(8), so that of eight of them squares
 * sum up to 128 * 8 * 512^2 = 2^28: none is above 16384, nor a sum of two
 * above 23171.  A number between the passes that does not fit into 16 bits
 * leads to a sample out of range even if it is clamped to these.
 */
struct jpeg_transform_kernel {
    size_t blocks; /* how many it takes at once */
    /* `used`: of no block is a coefficient from there on other than 0. */
    bool (*transform)(const int16_t *const *blocks, unsigned used,
                      const uint16_t *quantization, uint8_t *samples,
                      ptrdiff_t stride);
};

extern const struct jpeg_transform_kernel
    jpeg_transform_kernels[INSTRUCTION_SET_COUNT];

#endif
