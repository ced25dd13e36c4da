/*
 * The vector kernels' one body, in GNU C vector arithmetic.  Include it once
 * per instruction set (little-endian only), having defined
 *
 *   SUFFIX        end of every name, for instance _avx2
 *   TARGET        attribute that turns the instruction set on in a function
 *   VECTOR        native vector type of integers
 *   VECTOR_BYTES  its size
 *
 * and the functions of lanes.h with that suffix.  A lane of 16 bytes is a
 * block all the way.  It defines transform with the suffix, and undefines the
 * parameters.
 */

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(name) JOIN(name, SUFFIX)

#define INLINE static inline __attribute__((always_inline)) TARGET

typedef uint16_t NAME(words) __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t NAME(sums) __attribute__((vector_size(VECTOR_BYTES)));
typedef uint8_t NAME(samples) __attribute__((vector_size(VECTOR_BYTES)));

#define WORDS NAME(words)
#define SUMS NAME(sums)

/* Sums of products with two factors. */
INLINE SUMS
NAME(products)(VECTOR pairs, int32_t first, int32_t second)
{
    SUMS factors =
        (int32_t)((uint32_t)(uint16_t)first | (uint32_t)second << 16) +
        (SUMS){0};
    return (SUMS)NAME(multiply_add)(pairs, (VECTOR)factors);
}

/* Of inputs 0 and 4, 2 and 6, 1 and 7, 5 and 3; half of the numbers that
   transform_8() has at a time. */
INLINE void
NAME(pass)(const VECTOR *pairs, SUMS *out, int shift)
{
    SUMS half = (INT32_C(1) << (shift - 1)) + (SUMS){0};
    SUMS sum = NAME(products)(pairs[0], EVEN_0, EVEN_0) + half;
    SUMS difference = NAME(products)(pairs[0], EVEN_0, -EVEN_0) + half;
    SUMS outer = NAME(products)(pairs[1], OUTER_2, OUTER_6);
    SUMS inner = NAME(products)(pairs[1], INNER_2, INNER_6);
    SUMS odd0 = NAME(products)(pairs[2], ODD_01, ODD_07) +
                NAME(products)(pairs[3], ODD_05, ODD_03);
    SUMS odd1 = NAME(products)(pairs[2], ODD_11, ODD_17) +
                NAME(products)(pairs[3], ODD_15, ODD_13);
    SUMS odd2 = NAME(products)(pairs[2], ODD_21, ODD_27) +
                NAME(products)(pairs[3], ODD_25, ODD_23);
    SUMS odd3 = NAME(products)(pairs[2], ODD_31, ODD_37) +
                NAME(products)(pairs[3], ODD_35, ODD_33);
    SUMS even0 = sum + outer, even1 = difference + inner;
    SUMS even2 = difference - inner, even3 = sum - outer;
    out[0] = (even0 + odd0) >> shift;
    out[1] = (even1 + odd1) >> shift;
    out[2] = (even2 + odd2) >> shift;
    out[3] = (even3 + odd3) >> shift;
    out[4] = (even3 - odd3) >> shift;
    out[5] = (even2 - odd2) >> shift;
    out[6] = (even1 - odd1) >> shift;
    out[7] = (even0 - odd0) >> shift;
}

/* Out of the first lanes of the zigzag; the others are 0. */
INLINE VECTOR
NAME(pairs_of)(const VECTOR *zigzag, int lanes, int n)
{
    VECTOR all = {0};
#pragma GCC unroll 5
    for (int i = 0; i < sources[n].count; i++) {
        if (sources[n].lanes[i] < lanes) {
            VECTOR places = NAME(repeat)(picks[sources[n].first + i]);
            all |= NAME(pick)(zigzag[sources[n].lanes[i]], places);
        }
    }
    return all;
}

/* Four rows of four pairs become four columns. */
INLINE void
NAME(transpose_pairs)(const VECTOR *rows, VECTOR *columns)
{
    VECTOR a = NAME(low32)(rows[0], rows[1]);
    VECTOR b = NAME(high32)(rows[0], rows[1]);
    VECTOR c = NAME(low32)(rows[2], rows[3]);
    VECTOR d = NAME(high32)(rows[2], rows[3]);
    columns[0] = NAME(low64)(a, c);
    columns[1] = NAME(high64)(a, c);
    columns[2] = NAME(low64)(b, d);
    columns[3] = NAME(high64)(b, d);
}

/* Columns of eight samples become rows of bytes, two a vector. */
INLINE void
NAME(transpose_samples)(const VECTOR *columns, VECTOR *rows)
{
    VECTOR c02 = NAME(narrow16)(columns[0], columns[2]);
    VECTOR c13 = NAME(narrow16)(columns[1], columns[3]);
    VECTOR c46 = NAME(narrow16)(columns[4], columns[6]);
    VECTOR c57 = NAME(narrow16)(columns[5], columns[7]);
    VECTOR c01 = NAME(low8)(c02, c13), c23 = NAME(high8)(c02, c13);
    VECTOR c45 = NAME(low8)(c46, c57), c67 = NAME(high8)(c46, c57);
    VECTOR low03 = NAME(low16)(c01, c23), high03 = NAME(high16)(c01, c23);
    VECTOR low47 = NAME(low16)(c45, c67), high47 = NAME(high16)(c45, c67);
    rows[0] = NAME(low32)(low03, low47);
    rows[1] = NAME(high32)(low03, low47);
    rows[2] = NAME(low32)(high03, high47);
    rows[3] = NAME(high32)(high03, high47);
}

/* The products of a row of the zigzag.  A bit of `beyond` is set if one is out
   of range: the coefficient times twice the quantization, times 2^-15 and
   rounded, is 0 from -8192 to 8191. */
INLINE VECTOR
NAME(multiply)(const int16_t *const *blocks, const uint16_t *quantization,
               size_t i, WORDS *beyond)
{
    VECTOR coefficients = NAME(gather)(blocks, i);
    VECTOR factors = NAME(repeat)(quantization + i);
    WORDS twice = (WORDS)factors + (WORDS)factors;
    *beyond |= (WORDS)NAME(multiply_round)(coefficients, (VECTOR)twice);
    return (VECTOR)((WORDS)coefficients * (WORDS)factors);
}

INLINE void
NAME(both_passes)(const VECTOR *zigzag, int lanes, VECTOR *columns)
{
    VECTOR order = NAME(repeat)(pair_columns);
    VECTOR pairs[PAIRS], rows[8];
    SUMS low[8], high[8];
#pragma GCC unroll 8
    for (int i = 0; i < PAIRS; i++) {
        pairs[i] = NAME(pairs_of)(zigzag, lanes, i);
    }
    NAME(pass)(pairs, low, FIRST_SHIFT);
    NAME(pass)(pairs + 4, high, FIRST_SHIFT);
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        VECTOR row = NAME(narrow32)((VECTOR)low[i], (VECTOR)high[i]);
        rows[i] = NAME(pick)(row, order);
    }
    NAME(transpose_pairs)(rows, pairs);
    NAME(pass)(pairs, low, SECOND_SHIFT);
    NAME(transpose_pairs)(rows + 4, pairs);
    NAME(pass)(pairs, high, SECOND_SHIFT);
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        columns[i] = NAME(narrow32)((VECTOR)low[i], (VECTOR)high[i]);
    }
}

INLINE bool
NAME(transform_lanes)(const int16_t *const *blocks, int lanes,
                      const uint16_t *quantization, uint8_t *samples,
                      ptrdiff_t stride)
{
    VECTOR zigzag[8], columns[8], rows[4];
    WORDS large = {0}, far = {0};
#pragma GCC unroll 8
    for (int i = 0; i < lanes; i++) {
        zigzag[i] =
            NAME(multiply)(blocks, quantization, 8 * (size_t)i, &large);
    }
    NAME(both_passes)(zigzag, lanes, columns);
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        far |= (WORDS)columns[i] + SAMPLE_END;
    }
    NAME(transpose_samples)(columns, rows);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        NAME(samples) bytes = (NAME(samples))rows[i] + CENTRE;
        NAME(store_rows)(samples + 2 * i * stride, stride, (VECTOR)bytes);
    }
    return NAME(is_zero)((VECTOR)(large | (far & ~(2 * SAMPLE_END - 1))));
}

/* Most blocks have nothing in the second half of the zigzag, and those of
   chroma nothing but in the first quarter. */
static TARGET bool
NAME(transform)(const int16_t *const *blocks, unsigned used,
                const uint16_t *quantization, uint8_t *samples,
                ptrdiff_t stride)
{
    if (used <= 16) {
        return NAME(transform_lanes)(blocks, 2, quantization, samples, stride);
    }
    if (used <= 32) {
        return NAME(transform_lanes)(blocks, 4, quantization, samples, stride);
    }
    return NAME(transform_lanes)(blocks, 8, quantization, samples, stride);
}

#undef SUMS
#undef WORDS
#undef INLINE
#undef NAME
#undef JOIN
#undef JOIN_
#undef VECTOR_BYTES
#undef VECTOR
#undef TARGET
#undef SUFFIX
