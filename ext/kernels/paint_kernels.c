#include "paint_kernels.h"

#include <string.h>

#include "vectors.h"

/* Clang knows the standard's pragma, GCC the option alone. */
#ifdef __clang__
#    pragma STDC FP_CONTRACT OFF
#endif

#define UNIT (SCALE * (float)(1 / 255.0))

/* The float before SCALE. Both are stored as 255. */
#define LARGEST 0x1.fffffep7f

/* ---- scalar: the reference for every other kernel ---- */

static float
to_float(uint32_t word, unsigned channel)
{
    return (float)(word >> 8 * channel & 0xff) * UNIT;
}

static void
unpack_scalar(const uint32_t *words, size_t count, struct paint_row *row,
              size_t column, unsigned channels)
{
    for (unsigned c = 0; c < channels; c++) {
        for (size_t i = 0; i < count; i++) {
            row->channels[c][column + i] = to_float(words[i], c);
        }
    }
}

/* The order of these products and sums is part of the answer. */
static float
interpolate_floats(const float *upper, const float *lower,
                   const struct weights *weights)
{
    return upper[0] * weights->upper_left + upper[1] * weights->upper_right +
           lower[0] * weights->lower_left + lower[1] * weights->lower_right;
}

static float
minimum(float a, float b)
{
    return a < b ? a : b;
}

/* The share of the source that the destination has room for. */
static float
room_for(float source_alpha, float alpha)
{
    if (source_alpha == 0) {
        return 1;
    }
    return minimum((SCALE - alpha) / source_alpha, 1);
}

static uint32_t
add_channel(uint32_t word, float source, unsigned channel)
{
    float sum = source + to_float(word, channel);

    return (uint32_t)minimum(sum, LARGEST) << 8 * channel;
}

static uint32_t
blend_pixel(uint32_t word, const struct paint_span *span, size_t i)
{
    const struct paint_row *upper = span->upper, *lower = span->lower;
    float alpha =
        interpolate_floats(upper->alpha + i, lower->alpha + i, &span->weights);
    float room = room_for(alpha, to_float(word, ALPHA));
    uint32_t result = add_channel(word, alpha * room, ALPHA);

    for (unsigned c = 0; c < COLOURS; c++) {
        float source = interpolate_floats(
            upper->channels[c] + i, lower->channels[c] + i, &span->weights);

        result |= add_channel(word, source * room, c);
    }
    return result;
}

/*
 * Opaque neighbours and an empty destination. The four weights add up to 1 or
 * to the float before it, as trying all 2^32 positions has shown: there is
 * room for the whole source, and alpha is 255.
 */
static uint32_t
blend_opaque_pixel(const struct paint_span *span, size_t i)
{
    uint32_t result = 0xff000000;

    for (unsigned c = 0; c < COLOURS; c++) {
        float source =
            interpolate_floats(span->upper->channels[c] + i,
                               span->lower->channels[c] + i, &span->weights);
        int32_t byte = (int32_t)source;

        result |= (uint32_t)(byte - (byte >> 8)) << 8 * c;
    }
    return result;
}

static void
blend_scalar(uint32_t *words, size_t count, const struct paint_span *span)
{
    for (size_t i = 0; i < count; i++) {
        if (words[i] == 0 && i >= span->opaque_begin && i < span->opaque_end) {
            words[i] = blend_opaque_pixel(span, i);
        } else {
            words[i] = blend_pixel(words[i], span, i);
        }
    }
}

/* A share in 255ths is rounded to a whole number, without a division. */
static uint32_t
over_pixel(uint32_t word, uint32_t source)
{
    uint32_t room = 255 - (word >> 24);
    uint32_t result = 0;

    for (unsigned shift = 0; shift < 32; shift += 8) {
        uint32_t share = (source >> shift & 0xff) * room + 128;
        uint32_t sum = (word >> shift & 0xff) + ((share + (share >> 8)) >> 8);

        result |= (sum < 255 ? sum : 255) << shift;
    }
    return result;
}

static void
over_scalar(uint32_t *words, size_t count, const uint32_t *sources)
{
    for (size_t i = 0; i < count; i++) {
        words[i] = over_pixel(words[i], sources[i]);
    }
}

/* The lowest channel and the third, 32 bits apart. */
static uint64_t
two_channels(uint32_t word)
{
    return (word & 0xff) | (uint64_t)(word & 0xff0000) << 16;
}

/* Weights add up to 128 * 128. */
static uint32_t
interpolate_two(uint32_t upper, uint32_t upper_right, uint32_t lower,
                uint32_t lower_right, const uint32_t weights[4])
{
    uint64_t sum = two_channels(upper) * weights[0] +
                   two_channels(upper_right) * weights[1] +
                   two_channels(lower) * weights[2] +
                   two_channels(lower_right) * weights[3];

    return (uint32_t)(sum >> 14 & 0xff) | (uint32_t)(sum >> 46) << 16;
}

static uint32_t
interpolate_pixel(const uint32_t *upper, const uint32_t *lower,
                  const uint32_t weights[4])
{
    return interpolate_two(upper[0], upper[1], lower[0], lower[1], weights) |
           interpolate_two(upper[0] >> 8, upper[1] >> 8, lower[0] >> 8,
                           lower[1] >> 8, weights)
               << 8;
}

static void
interpolate_scalar(uint32_t *words, size_t count,
                   const struct paint_neighbours *neighbours)
{
    uint32_t right = neighbours->right_share, below = neighbours->lower_share;
    uint32_t left = 128 - right, above = 128 - below;
    const uint32_t weights[4] = {left * above, right * above, left * below,
                                 right * below};

    for (size_t i = 0; i < count; i++) {
        words[i] = interpolate_pixel(neighbours->upper + i,
                                     neighbours->lower + i, weights);
    }
}

/* ---- vector kernels ---- */

/* What vectors are made by. */
enum operation { BLEND, OVER, INTERPOLATE };

#ifdef HAVE_X86_KERNELS

#    define SUFFIX _avx2
#    define TARGET TARGET_AVX2
#    define VECTOR __m256i
#    define VECTOR_BYTES 32
#    include "paint_template.h"

#    define SUFFIX _avx512
#    define TARGET TARGET_AVX512
#    define VECTOR __m512i
#    define VECTOR_BYTES 64
#    include "paint_template.h"

#endif

#ifdef HAVE_NEON_KERNEL

#    define SUFFIX _neon
#    define TARGET /* part of AArch64 */
#    define VECTOR uint8x16_t
#    define VECTOR_BYTES 16
#    include "paint_template.h"

#endif

/* ---- dispatch ---- */

const struct paint_kernel paint_kernels[] = {
#ifdef HAVE_X86_KERNELS
    [AVX512] = {unpack_avx512, blend_avx512, over_avx512, interpolate_avx512},
    [AVX2] = {unpack_avx2, blend_avx2, over_avx2, interpolate_avx2},
#endif
#ifdef HAVE_NEON_KERNEL
    [NEON] = {unpack_neon, blend_neon, over_neon, interpolate_neon},
#endif
    [SCALAR] = {unpack_scalar, blend_scalar, over_scalar, interpolate_scalar},
};
