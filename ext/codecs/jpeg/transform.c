#include "codecs/jpeg/transform.h"

#include "codecs/jpeg/inline.h"

#include <string.h>

/*
 * The transform of Loeffler, Ligtenberg and Moschytz with the factors that
 * libjpeg's jidctint.c has, times 2^13 and rounded.  All of it is integers, so
 * sums of factors may be made first: an output is
 *
 *   (even +- odd + half) >> shift
 *
 * where `even` is a sum of products of inputs 0, 2, 4 and 6, and `odd` one of
 * inputs 1, 3, 5 and 7.  No such sum of inputs of 16 bits is beyond 32 bits:
 * factors of an output, without their signs, sum up to 61214 at most.
 */
enum {
    FACTOR_BITS = 13,
    BETWEEN_BITS = 2, /* more in numbers between the passes than in samples */
    FIRST_SHIFT = FACTOR_BITS - BETWEEN_BITS,
    SECOND_SHIFT = FACTOR_BITS + BETWEEN_BITS + 3, /* both passes times 8 */

    F_0_298631336 = 2446,
    F_0_390180644 = 3196,
    F_0_541196100 = 4433,
    F_0_765366865 = 6270,
    F_0_899976223 = 7373,
    F_1_175875602 = 9633,
    F_1_501321110 = 12299,
    F_1_847759065 = 15137,
    F_1_961570560 = 16069,
    F_2_053119869 = 16819,
    F_2_562915447 = 20995,
    F_3_072711026 = 25172,

    /* Input 0 and, but for its sign, input 4. */
    EVEN_0 = 1 << FACTOR_BITS,
    /* Inputs 2 and 6, in outputs 0 and 7, 3 and 4; in 1 and 6, 2 and 5. */
    OUTER_2 = F_0_541196100 + F_0_765366865,
    OUTER_6 = F_0_541196100,
    INNER_2 = F_0_541196100,
    INNER_6 = F_0_541196100 - F_1_847759065,
    /* Input b in outputs a and 7 - a: ODD_ab */
    ODD_01 = F_1_501321110 - F_0_899976223 - F_0_390180644 + F_1_175875602,
    ODD_03 = F_1_175875602,
    ODD_05 = F_1_175875602 - F_0_390180644,
    ODD_07 = F_1_175875602 - F_0_899976223,
    ODD_11 = F_1_175875602,
    ODD_13 = F_3_072711026 - F_2_562915447 - F_1_961570560 + F_1_175875602,
    ODD_15 = F_1_175875602 - F_2_562915447,
    ODD_17 = F_1_175875602 - F_1_961570560,
    ODD_21 = F_1_175875602 - F_0_390180644,
    ODD_23 = F_1_175875602 - F_2_562915447,
    ODD_25 = F_2_053119869 - F_2_562915447 - F_0_390180644 + F_1_175875602,
    ODD_27 = F_1_175875602,
    ODD_31 = F_1_175875602 - F_0_899976223,
    ODD_33 = F_1_175875602 - F_1_961570560,
    ODD_35 = F_1_175875602,
    ODD_37 = F_0_298631336 - F_0_899976223 - F_1_961570560 + F_1_175875602,
};

/* Products and samples are from minus these on, and less; see transform.h. */
enum { PRODUCT_END = 8192, SAMPLE_END = 512 };

/* What the range of samples begins with is 0. */
enum { CENTRE = 128 };

/* ---- scalar: the definition ---- */

/* Where a coefficient of the zigzag belongs. */
static const uint8_t places[JPEG_BLOCK] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
};

/* Whether v is from -end on and below end, a power of two. */
static inline uint32_t
is_beyond(int32_t v, int32_t end)
{
    return ((uint32_t)v + (uint32_t)end) & ~(2 * (uint32_t)end - 1);
}

static bool
multiply(const int16_t *block, unsigned used, const uint16_t *quantization,
         int32_t *x)
{
    uint32_t beyond = 0;
    memset(x, 0, JPEG_BLOCK * sizeof *x);
    for (unsigned i = 0; i < used; i++) {
        int32_t product = block[i] * (int32_t)quantization[i];
        beyond |= is_beyond(product, PRODUCT_END);
        x[places[i]] = product;
    }
    return beyond == 0;
}

/*
 * Of eight numbers, `step` apart.  With fewer products than if factors
 * were summed up first, as the vector kernels do, but with sums in between
 * that may be out of range where what comes out is not: so all is modulo 2^32.
 */
JPEG_INLINE void
transform_8(const int32_t *x, int step, int shift, int32_t *out)
{
    uint32_t x0 = (uint32_t)x[0], x1 = (uint32_t)x[step];
    uint32_t x2 = (uint32_t)x[2 * step], x3 = (uint32_t)x[3 * step];
    uint32_t x4 = (uint32_t)x[4 * step], x5 = (uint32_t)x[5 * step];
    uint32_t x6 = (uint32_t)x[6 * step], x7 = (uint32_t)x[7 * step];
    uint32_t half = UINT32_C(1) << (shift - 1);
    uint32_t sum = (x0 + x4) * EVEN_0 + half;
    uint32_t difference = (x0 - x4) * EVEN_0 + half;
    uint32_t z = (x2 + x6) * F_0_541196100;
    uint32_t outer = z + x2 * F_0_765366865;
    uint32_t inner = z - x6 * F_1_847759065;
    uint32_t z5 = (x1 + x3 + x5 + x7) * F_1_175875602;
    uint32_t z1 = (x1 + x7) * F_0_899976223;
    uint32_t z2 = (x3 + x5) * F_2_562915447;
    uint32_t z3 = z5 - (x3 + x7) * F_1_961570560;
    uint32_t z4 = z5 - (x1 + x5) * F_0_390180644;
    uint32_t odd0 = x1 * F_1_501321110 - z1 + z4;
    uint32_t odd1 = x3 * F_3_072711026 - z2 + z3;
    uint32_t odd2 = x5 * F_2_053119869 - z2 + z4;
    uint32_t odd3 = x7 * F_0_298631336 - z1 + z3;
    out[0] = (int32_t)(sum + outer + odd0) >> shift;
    out[1] = (int32_t)(difference + inner + odd1) >> shift;
    out[2] = (int32_t)(difference - inner + odd2) >> shift;
    out[3] = (int32_t)(sum - outer + odd3) >> shift;
    out[4] = (int32_t)(sum - outer - odd3) >> shift;
    out[5] = (int32_t)(difference - inner - odd2) >> shift;
    out[6] = (int32_t)(difference + inner - odd1) >> shift;
    out[7] = (int32_t)(sum + outer - odd0) >> shift;
}

/* Most columns have nothing but their first number, which then comes out eight
   times: (x0 * 2^13 + 2^10) >> 11 is x0 * 4. */
JPEG_INLINE uint32_t
transform_column(int32_t *x)
{
    int32_t others = x[8] | x[16] | x[24] | x[32] | x[40] | x[48] | x[56];
    int32_t out[8];
    uint32_t beyond = 0;
    if (others != 0) {
        transform_8(x, 8, FIRST_SHIFT, out);
    } else {
        for (int i = 0; i < 8; i++) {
            out[i] = x[0] * (1 << BETWEEN_BITS);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        beyond |= is_beyond(out[i], -INT16_MIN);
        x[8 * i] = out[i];
    }
    return beyond;
}

/* A sample in range may be out of that of bytes. */
JPEG_INLINE uint8_t
clamp(int32_t v)
{
    v = (uint32_t)v > UINT8_MAX ? ~v >> 31 : v;
    return (uint8_t)v;
}

JPEG_INLINE uint32_t
transform_row(const int32_t *x, uint8_t *samples)
{
    int32_t out[8];
    uint32_t beyond = 0;
    transform_8(x, 1, SECOND_SHIFT, out);
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        beyond |= is_beyond(out[i], SAMPLE_END);
        samples[i] = clamp(out[i] + CENTRE);
    }
    return beyond;
}

static bool
transform_scalar(const int16_t *const *blocks, unsigned used,
                 const uint16_t *quantization, uint8_t *samples,
                 ptrdiff_t stride)
{
    int32_t x[JPEG_BLOCK];
    uint32_t beyond = 0;
    if (!multiply(blocks[0], used, quantization, x)) {
        return false;
    }
    for (int i = 0; i < 8; i++) {
        beyond |= transform_column(x + i);
    }
    for (int i = 0; i < 8 && beyond == 0; i++) {
        beyond |= transform_row(x + 8 * i, samples + i * stride);
    }
    return beyond == 0;
}

/* ---- vectors ---- */

#if defined(HAVE_X86_KERNELS) || defined(HAVE_NEON_KERNEL)

#    include "codecs/jpeg/lanes.h"

/* Zrc: where row r and column c of a block is in the zigzag. */
enum {
    Z00 = 0,
    Z01 = 1,
    Z02 = 5,
    Z03 = 6,
    Z04 = 14,
    Z05 = 15,
    Z06 = 27,
    Z07 = 28,
    Z10 = 2,
    Z11 = 4,
    Z12 = 7,
    Z13 = 13,
    Z14 = 16,
    Z15 = 26,
    Z16 = 29,
    Z17 = 42,
    Z20 = 3,
    Z21 = 8,
    Z22 = 12,
    Z23 = 17,
    Z24 = 25,
    Z25 = 30,
    Z26 = 41,
    Z27 = 43,
    Z30 = 9,
    Z31 = 11,
    Z32 = 18,
    Z33 = 24,
    Z34 = 31,
    Z35 = 40,
    Z36 = 44,
    Z37 = 53,
    Z40 = 10,
    Z41 = 19,
    Z42 = 23,
    Z43 = 32,
    Z44 = 39,
    Z45 = 45,
    Z46 = 52,
    Z47 = 54,
    Z50 = 20,
    Z51 = 22,
    Z52 = 33,
    Z53 = 38,
    Z54 = 46,
    Z55 = 51,
    Z56 = 55,
    Z57 = 60,
    Z60 = 21,
    Z61 = 34,
    Z62 = 37,
    Z63 = 47,
    Z64 = 50,
    Z65 = 56,
    Z66 = 59,
    Z67 = 61,
    Z70 = 35,
    Z71 = 36,
    Z72 = 48,
    Z73 = 49,
    Z74 = 57,
    Z75 = 58,
    Z76 = 62,
    Z77 = 63,
};

/*
 * A lane of 16 bytes has eight coefficients, from 8 * v on in the zigzag. PICK
 * moves those of them that are among eight others to where these have them,
 * and leaves 0 for the rest.
 */
#    define BYTE(v, z) (z) / 8 == (v) ? (z) % 8 * 2 : 0x80
#    define WORD(v, z) BYTE(v, z), (z) / 8 == (v) ? (z) % 8 * 2 + 1 : 0x80
#    define PICK(v, a, b, c, d, e, f, g, h)                                   \
        {WORD(v, a), WORD(v, b), WORD(v, c), WORD(v, d),                      \
         WORD(v, e), WORD(v, f), WORD(v, g), WORD(v, h)}

/*
 * Pairs of rows, of which sums of products are made: 0 and 4, 2 and 6, 1 and
 * 7, 5 and 3.  Of each pair there are columns 0 to 3, then all of them again
 * for columns 4 to 7.
 */
enum { PAIRS = 8, SOURCES = 5 };

static const uint8_t picks[][16] = {
    PICK(0, Z00, Z40, Z01, Z41, Z02, Z42, Z03, Z43),
    PICK(1, Z00, Z40, Z01, Z41, Z02, Z42, Z03, Z43),
    PICK(2, Z00, Z40, Z01, Z41, Z02, Z42, Z03, Z43),
    PICK(4, Z00, Z40, Z01, Z41, Z02, Z42, Z03, Z43),
    PICK(0, Z20, Z60, Z21, Z61, Z22, Z62, Z23, Z63),
    PICK(1, Z20, Z60, Z21, Z61, Z22, Z62, Z23, Z63),
    PICK(2, Z20, Z60, Z21, Z61, Z22, Z62, Z23, Z63),
    PICK(4, Z20, Z60, Z21, Z61, Z22, Z62, Z23, Z63),
    PICK(5, Z20, Z60, Z21, Z61, Z22, Z62, Z23, Z63),
    PICK(0, Z10, Z70, Z11, Z71, Z12, Z72, Z13, Z73),
    PICK(1, Z10, Z70, Z11, Z71, Z12, Z72, Z13, Z73),
    PICK(4, Z10, Z70, Z11, Z71, Z12, Z72, Z13, Z73),
    PICK(6, Z10, Z70, Z11, Z71, Z12, Z72, Z13, Z73),
    PICK(1, Z50, Z30, Z51, Z31, Z52, Z32, Z53, Z33),
    PICK(2, Z50, Z30, Z51, Z31, Z52, Z32, Z53, Z33),
    PICK(3, Z50, Z30, Z51, Z31, Z52, Z32, Z53, Z33),
    PICK(4, Z50, Z30, Z51, Z31, Z52, Z32, Z53, Z33),
    PICK(1, Z04, Z44, Z05, Z45, Z06, Z46, Z07, Z47),
    PICK(3, Z04, Z44, Z05, Z45, Z06, Z46, Z07, Z47),
    PICK(4, Z04, Z44, Z05, Z45, Z06, Z46, Z07, Z47),
    PICK(5, Z04, Z44, Z05, Z45, Z06, Z46, Z07, Z47),
    PICK(6, Z04, Z44, Z05, Z45, Z06, Z46, Z07, Z47),
    PICK(3, Z24, Z64, Z25, Z65, Z26, Z66, Z27, Z67),
    PICK(5, Z24, Z64, Z25, Z65, Z26, Z66, Z27, Z67),
    PICK(6, Z24, Z64, Z25, Z65, Z26, Z66, Z27, Z67),
    PICK(7, Z24, Z64, Z25, Z65, Z26, Z66, Z27, Z67),
    PICK(2, Z14, Z74, Z15, Z75, Z16, Z76, Z17, Z77),
    PICK(3, Z14, Z74, Z15, Z75, Z16, Z76, Z17, Z77),
    PICK(5, Z14, Z74, Z15, Z75, Z16, Z76, Z17, Z77),
    PICK(7, Z14, Z74, Z15, Z75, Z16, Z76, Z17, Z77),
    PICK(3, Z54, Z34, Z55, Z35, Z56, Z36, Z57, Z37),
    PICK(5, Z54, Z34, Z55, Z35, Z56, Z36, Z57, Z37),
    PICK(6, Z54, Z34, Z55, Z35, Z56, Z36, Z57, Z37),
    PICK(7, Z54, Z34, Z55, Z35, Z56, Z36, Z57, Z37),
};

/* For each vector of pairs the first of its picks, how many it has, and out of
   which lanes of the zigzag. */
static const struct {
    uint8_t first, count, lanes[SOURCES];
} sources[PAIRS] = {
    {0, 4, {0, 1, 2, 4}},  {4, 5, {0, 1, 2, 4, 5}},  {9, 4, {0, 1, 4, 6}},
    {13, 4, {1, 2, 3, 4}}, {17, 5, {1, 3, 4, 5, 6}}, {22, 4, {3, 5, 6, 7}},
    {26, 4, {2, 3, 5, 7}}, {30, 4, {3, 5, 6, 7}},
};

/* Columns 0 to 7 of 16 bits become the pairs of the second pass. */
static const uint8_t pair_columns[16] = {0, 1, 8,  9,  4,  5,  12, 13,
                                         2, 3, 14, 15, 10, 11, 6,  7};

#    ifdef HAVE_X86_KERNELS

#        define SUFFIX _avx2
#        define TARGET TARGET_AVX2
#        define VECTOR __m256i
#        define VECTOR_BYTES 32
#        include "codecs/jpeg/transform_template.h"

#        define SUFFIX _avx512
#        define TARGET TARGET_AVX512
#        define VECTOR __m512i
#        define VECTOR_BYTES 64
#        include "codecs/jpeg/transform_template.h"

#    endif

#    ifdef HAVE_NEON_KERNEL

#        define SUFFIX _neon
#        define TARGET /* part of AArch64 */
#        define VECTOR uint8x16_t
#        define VECTOR_BYTES 16
#        include "codecs/jpeg/transform_template.h"

#    endif

#endif

/* ---- dispatch ---- */

const struct jpeg_transform_kernel jpeg_transform_kernels[] = {
#ifdef HAVE_X86_KERNELS
    [AVX512] = {4, transform_avx512},
    [AVX2] = {2, transform_avx2},
#endif
#ifdef HAVE_NEON_KERNEL
    [NEON] = {1, transform_neon},
#endif
    [SCALAR] = {1, transform_scalar},
};
