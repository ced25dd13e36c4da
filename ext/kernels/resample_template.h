/*
 * The vector kernels' one body, in GNU C vector arithmetic. Include it once
 * per instruction set (little-endian only), having defined
 *
 *   SUFFIX        end of every name, for instance _avx2
 *   TARGET        attribute that turns the instruction set on in a function
 *   VECTOR        native vector type of integers
 *   VECTOR_BYTES  its size
 *   PARTS         of how many sums a sum is made up
 *
 * and, with that suffix, the functions
 *
 *   prepare(weights)                as struct resample_kernel has it
 *   add_products(parts, v, words)   add to the PARTS sums of each quad of v
 *                                   its bytes, times their prepared weights
 *   total(parts)                    what they are together, as 32-bit words
 *   store_bytes(bytes, v)           32-bit integers as bytes; those outside of
 *                                   0 to 255 as the nearest of these
 *   gather_quads(rows, layout, quads)
 *                                   as gather(), four pixels of each row
 *   is_zero(v)                      whether no bit of v is set
 *
 * It defines a struct resample_kernel, kernel with the suffix, and undefines
 * the parameters.
 */

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(name) JOIN(name, SUFFIX)

/* A function that takes vectors and is called leaves out vzeroupper. */
#define INLINE static inline __attribute__((always_inline)) TARGET

#define LANES (VECTOR_BYTES / 4)

typedef uint32_t NAME(words) __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t NAME(ints) __attribute__((vector_size(VECTOR_BYTES)));
typedef float NAME(floats) __attribute__((vector_size(VECTOR_BYTES)));
typedef uint16_t NAME(halves) __attribute__((vector_size(VECTOR_BYTES)));
typedef uint8_t NAME(bytes) __attribute__((vector_size(LANES)));
typedef uint8_t NAME(half_bytes)
    __attribute__((vector_size(VECTOR_BYTES / 2)));

#define WORDS NAME(words)
#define INTS NAME(ints)
#define FLOATS NAME(floats)
#define HALVES NAME(halves)
#define BYTES NAME(bytes)
#define HALF_BYTES NAME(half_bytes)

INLINE WORDS
NAME(load)(const uint8_t *bytes)
{
    WORDS v;

    memcpy(&v, bytes, sizeof(v));
    return v;
}

INLINE void
NAME(store)(uint8_t *bytes, WORDS v)
{
    memcpy(bytes, &v, sizeof(v));
}

/* ---- quads ---- */

static TARGET void
NAME(gather)(const uint8_t *const rows[QUAD], size_t count,
             const struct resample_layout *layout, uint8_t *quads,
             size_t stride)
{
    const uint8_t *pixels[QUAD] = {rows[0], rows[1], rows[2], rows[3]};
    size_t step = (size_t)QUAD * layout->source_channels;

    for (size_t i = 0; i < count; i++) {
        NAME(gather_quads)(pixels, layout, quads);
        quads += stride;
#pragma GCC unroll 4
        for (int row = 0; row < QUAD; row++) {
            pixels[row] += step;
        }
    }
}

INLINE WORDS
NAME(interleave_vector)(const uint8_t *const rows[QUAD], size_t i)
{
    WORDS quads = {0};

#pragma GCC unroll 4
    for (int row = 0; row < QUAD; row++) {
        BYTES bytes;

        memcpy(&bytes, rows[row] + i, sizeof(bytes));
        quads |= __builtin_convertvector(bytes, WORDS) << 8 * row;
    }
    return quads;
}

static TARGET void
NAME(interleave)(const uint8_t *const rows[QUAD], size_t count, uint8_t *quads)
{
    size_t i = 0;

    for (; i + LANES <= count; i += LANES) {
        NAME(store)(quads + QUAD * i, NAME(interleave_vector)(rows, i));
    }
    if (i < count) {
        uint8_t few[QUAD][LANES] = {{0}};
        const uint8_t *const pointers[QUAD] = {few[0], few[1], few[2], few[3]};
        WORDS last;

        for (int row = 0; row < QUAD; row++) {
            memcpy(few[row], rows[row] + i, count - i);
        }
        last = NAME(interleave_vector)(pointers, 0);
        memcpy(quads + QUAD * i, &last, QUAD * (count - i));
    }
}

/* ---- weighted sums ---- */

/* Vectors of sums that are made at once: the three or four colours of a few
   rows, and few enough for all parts to stay in registers. */
#define TOGETHER 3

/* The rounded sums of a few vectors of quads; only their number is known to
   the compiler. */
INLINE void
NAME(weigh_vectors)(const struct quad_weights *weights, int32_t quad_count,
                    const uint8_t *quads, size_t stride, int vectors,
                    INTS *sums)
{
    VECTOR parts[TOGETHER][PARTS];

    memset(parts, 0, sizeof(parts));
    for (int32_t j = 0; j < quad_count; j++) {
#pragma GCC unroll 4
        for (int i = 0; i < vectors; i++) {
            NAME(add_products)(parts[i],
                               (VECTOR)NAME(load)(quads + i * VECTOR_BYTES),
                               weights[j].words);
        }
        quads += stride;
    }
#pragma GCC unroll 4
    for (int i = 0; i < vectors; i++) {
        WORDS sum = (WORDS)NAME(total)(parts[i]);

        sums[i] = (INTS)(sum + (1u << (FRACTION_BITS - 1))) >> FRACTION_BITS;
    }
}

INLINE void
NAME(weigh_span)(const struct quad_weights *weights, int32_t quad_count,
                 const uint8_t *quads, size_t stride, size_t count,
                 uint8_t *sums)
{
    INTS v[TOGETHER];

    for (; count >= TOGETHER * LANES; count -= TOGETHER * LANES) {
        NAME(weigh_vectors)(weights, quad_count, quads, stride, TOGETHER, v);
#pragma GCC unroll 4
        for (int i = 0; i < TOGETHER; i++) {
            NAME(store_bytes)(sums + i * LANES, (VECTOR)v[i]);
        }
        quads += TOGETHER * VECTOR_BYTES;
        sums += TOGETHER * LANES;
    }
    for (; count >= LANES; count -= LANES) {
        NAME(weigh_vectors)(weights, quad_count, quads, stride, 1, v);
        NAME(store_bytes)(sums, (VECTOR)v[0]);
        quads += VECTOR_BYTES;
        sums += LANES;
    }
    if (count > 0) {
        uint8_t bytes[LANES];

        NAME(weigh_vectors)(weights, quad_count, quads, stride, 1, v);
        NAME(store_bytes)(bytes, (VECTOR)v[0]);
        memcpy(sums, bytes, count);
    }
}

static TARGET void
NAME(weigh)(const struct resample_axis *axis, int32_t first, int32_t last,
            const uint8_t *quads, size_t stride, int32_t first_quad,
            size_t count, uint8_t *sums, size_t sum_stride)
{
    for (int32_t i = first; i < last; i++) {
        const struct resample_span *span = &axis->spans[i];
        size_t skipped = (size_t)(span->first_quad - first_quad);

        NAME(weigh_span)(axis->weights + span->first_weight, span->quad_count,
                         quads + skipped * stride, stride, count, sums);
        sums += sum_stride;
    }
}

/* ---- alpha ---- */

/* The rounded product of bytes with alpha, divided by 255. The sums stay below
   2^16. */
INLINE HALVES
NAME(multiply)(HALVES bytes, HALVES alpha)
{
    HALVES t = bytes * alpha + 128;

    return (t + (t >> 8)) >> 8;
}

/* Words are 0xAABBGGRR. */
INLINE WORDS
NAME(premultiply_vector)(WORDS rgba)
{
    HALVES alpha = (HALVES)((rgba >> 24) | (rgba >> 24 << 16));
    HALVES red_blue = NAME(multiply)((HALVES)(rgba & 0xff00ff), alpha);
    HALVES green = NAME(multiply)((HALVES)(rgba >> 8 & 0xff), alpha);

    return (WORDS)red_blue | (WORDS)green << 8 | (rgba & ALPHA_MASK);
}

INLINE WORDS
NAME(straight)(WORDS byte, WORDS m)
{
    WORDS quotient = byte * m >> 16;

    return (quotient | (WORDS)(quotient > 255)) & 255;
}

/*
 * 255 * c / a is found as in convert_template.h, whose proof asks nothing of
 * c but to be a byte; what exceeds 255 becomes 255. Opaque pixels, and the
 * colours of transparent ones, stay as they are.
 */
INLINE WORDS
NAME(unpremultiply_vector)(WORDS rgba)
{
    WORDS alpha = rgba >> 24;
    WORDS kept = (WORDS)(alpha == 0);
    FLOATS quotient = 255.0f * 65536.0f /
                      __builtin_convertvector((INTS)(alpha - kept), FLOATS);
    WORDS m = (WORDS) __builtin_convertvector(quotient, INTS) + 1;
    WORDS result = (rgba & ALPHA_MASK) | NAME(straight)(rgba & 255, m) |
                   NAME(straight)(rgba >> 8 & 255, m) << 8 |
                   NAME(straight)(rgba >> 16 & 255, m) << 16;

    return (rgba & kept) | (result & ~kept);
}

INLINE bool
NAME(is_opaque)(WORDS rgba)
{
    return NAME(is_zero)((VECTOR)(~rgba & ALPHA_MASK));
}

/* As many pixels as a vector has, or fewer. */
INLINE WORDS
NAME(load_pixels)(const uint8_t *rgba, size_t count)
{
    WORDS v = {0};

    memcpy(&v, rgba, 4 * (count < LANES ? count : LANES));
    return v;
}

static TARGET void
NAME(premultiply)(const uint8_t *rgba, size_t count, uint8_t *result)
{
    for (; count >= LANES; count -= LANES) {
        NAME(store)(result, NAME(premultiply_vector)(NAME(load)(rgba)));
        rgba += VECTOR_BYTES;
        result += VECTOR_BYTES;
    }
    if (count > 0) {
        WORDS v = NAME(premultiply_vector)(NAME(load_pixels)(rgba, count));

        memcpy(result, &v, 4 * count);
    }
}

static TARGET void
NAME(unpremultiply)(uint8_t *rgba, size_t count)
{
    for (; count >= LANES; count -= LANES) {
        WORDS v = NAME(load)(rgba);

        if (!NAME(is_opaque)(v)) {
            NAME(store)(rgba, NAME(unpremultiply_vector)(v));
        }
        rgba += VECTOR_BYTES;
    }
    if (count > 0) {
        WORDS v = NAME(unpremultiply_vector)(NAME(load_pixels)(rgba, count));

        memcpy(rgba, &v, 4 * count);
    }
}

/* ---- means ---- */

INLINE HALVES
NAME(load_halves)(const uint8_t *bytes)
{
    HALF_BYTES v;

    memcpy(&v, bytes, sizeof(v));
    return __builtin_convertvector(v, HALVES);
}

INLINE void
NAME(average_vector)(const uint8_t *upper, const uint8_t *lower, size_t apart,
                     uint8_t *means)
{
    HALVES sum = NAME(load_halves)(upper) + NAME(load_halves)(upper + apart) +
                 NAME(load_halves)(lower) + NAME(load_halves)(lower + apart);
    HALF_BYTES v = __builtin_convertvector((sum + 2) >> 2, HALF_BYTES);

    memcpy(means, &v, sizeof(v));
}

static TARGET void
NAME(average)(const uint8_t *upper, const uint8_t *lower, size_t apart,
              size_t count, uint8_t *means)
{
    for (; count >= sizeof(HALF_BYTES); count -= sizeof(HALF_BYTES)) {
        NAME(average_vector)(upper, lower, apart, means);
        upper += sizeof(HALF_BYTES);
        lower += sizeof(HALF_BYTES);
        means += sizeof(HALF_BYTES);
    }
    average_scalar(upper, lower, apart, count, means);
}

static const struct resample_kernel NAME(kernel) = {
    NAME(prepare),     NAME(gather),        NAME(interleave), NAME(weigh),
    NAME(premultiply), NAME(unpremultiply), NAME(average),
};

#undef TOGETHER
#undef HALF_BYTES
#undef BYTES
#undef HALVES
#undef FLOATS
#undef INTS
#undef WORDS
#undef LANES
#undef INLINE
#undef NAME
#undef JOIN
#undef JOIN_
#undef PARTS
#undef VECTOR_BYTES
#undef VECTOR
#undef TARGET
#undef SUFFIX
