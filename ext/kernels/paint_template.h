/*
 * The vector kernels' one body, in GNU C vector arithmetic. Include it once
 * per instruction set (little-endian only), having defined
 *
 *   SUFFIX        end of every name, for instance _avx2
 *   TARGET        attribute that turns the instruction set on in a function
 *   VECTOR        native vector type of integers
 *   VECTOR_BYTES  its size
 *
 * and, with that suffix, two functions:
 *
 *   is_zero(v)     whether no bit of a VECTOR is set
 *   minimum(a, b)  the smaller of two native vectors of floats, lane by lane
 *
 * It defines unpack and blend with the suffix, and undefines the parameters.
 */

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(name) JOIN(name, SUFFIX)

/* A function that takes vectors and is called leaves out vzeroupper. */
#define INLINE static inline __attribute__((always_inline)) TARGET

typedef uint32_t NAME(pixels) __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t NAME(ints) __attribute__((vector_size(VECTOR_BYTES)));
typedef float NAME(floats) __attribute__((vector_size(VECTOR_BYTES)));

#define PIXELS NAME(pixels)
#define INTS NAME(ints)
#define FLOATS NAME(floats)
#define VECTOR_PIXELS (VECTOR_BYTES / 4)

INLINE PIXELS
NAME(load)(const uint32_t *words)
{
    PIXELS v;

    memcpy(&v, words, sizeof(v));
    return v;
}

INLINE void
NAME(store)(uint32_t *words, PIXELS v)
{
    memcpy(words, &v, sizeof(v));
}

INLINE FLOATS
NAME(load_floats)(const float *floats)
{
    FLOATS v;

    memcpy(&v, floats, sizeof(v));
    return v;
}

INLINE FLOATS
NAME(to_floats)(PIXELS words, unsigned channel)
{
    INTS bytes = (INTS)(words >> 8 * channel & 0xff);

    return __builtin_convertvector(bytes, FLOATS) * UNIT;
}

INLINE PIXELS
NAME(to_bytes)(FLOATS v, unsigned channel)
{
    FLOATS limit = LARGEST + (FLOATS){0};
    INTS bytes = __builtin_convertvector(NAME(minimum)(v, limit), INTS);

    return (PIXELS)bytes << 8 * channel;
}

/* ---- from words to floats ---- */

INLINE void
NAME(unpack_vector)(const uint32_t *words, struct paint_row *row,
                    size_t column)
{
    PIXELS pixels = NAME(load)(words);

#pragma GCC unroll 3
    for (unsigned c = 0; c < COLOURS; c++) {
        FLOATS v = NAME(to_floats)(pixels, c);

        memcpy(row->colours[c] + column, &v, sizeof(v));
    }
}

static TARGET void
NAME(unpack)(const uint32_t *words, size_t count, struct paint_row *row,
             size_t column)
{
    size_t last = count - VECTOR_PIXELS;

    if (count < VECTOR_PIXELS) {
        uint32_t few[VECTOR_PIXELS] = {0};

        memcpy(few, words, 4 * count);
        NAME(unpack_vector)(few, row, column);
        return;
    }
    for (size_t i = 0; i < last; i += VECTOR_PIXELS) {
        NAME(unpack_vector)(words + i, row, column + i);
    }
    NAME(unpack_vector)(words + last, row, column + last);
}

/* ---- from floats to words ---- */

INLINE FLOATS
NAME(interpolate)(const float *upper, const float *lower,
                  const struct weights *weights)
{
    return NAME(load_floats)(upper) * weights->upper_left +
           NAME(load_floats)(upper + 1) * weights->upper_right +
           NAME(load_floats)(lower) * weights->lower_left +
           NAME(load_floats)(lower + 1) * weights->lower_right;
}

INLINE FLOATS
NAME(colour)(const struct paint_span *span, const struct weights *weights,
             unsigned c, size_t i)
{
    return NAME(interpolate)(span->upper->colours[c] + i,
                             span->lower->colours[c] + i, weights);
}

/* As blend_opaque_pixel(). */
INLINE PIXELS
NAME(blend_opaque)(const struct paint_span *span,
                   const struct weights *weights, size_t i)
{
    PIXELS result = 0xff000000 + (PIXELS){0};

#pragma GCC unroll 3
    for (unsigned c = 0; c < COLOURS; c++) {
        result |= NAME(to_bytes)(NAME(colour)(span, weights, c, i), c);
    }
    return result;
}

/* Where source_alpha is 0 all of the source is: any number is right there. */
INLINE FLOATS
NAME(room_for)(FLOATS source_alpha, FLOATS alpha)
{
    FLOATS one = 1 + (FLOATS){0};
    INTS instead_of_0 = (source_alpha == 0) & (INTS)one;
    FLOATS divisor = (FLOATS)((INTS)source_alpha | instead_of_0);

    return NAME(minimum)((SCALE - alpha) / divisor, one);
}

INLINE PIXELS
NAME(blend_any)(PIXELS words, const struct paint_span *span,
                const struct weights *weights, size_t i)
{
    FLOATS source_alpha = NAME(interpolate)(span->upper->alpha + i,
                                            span->lower->alpha + i, weights);
    FLOATS alpha = NAME(to_floats)(words, ALPHA);
    FLOATS room = NAME(room_for)(source_alpha, alpha);
    PIXELS result = NAME(to_bytes)(source_alpha * room + alpha, ALPHA);

#pragma GCC unroll 3
    for (unsigned c = 0; c < COLOURS; c++) {
        FLOATS source = NAME(colour)(span, weights, c, i);

        result |= NAME(to_bytes)(source * room + NAME(to_floats)(words, c), c);
    }
    return result;
}

INLINE PIXELS
NAME(blend_vector)(const uint32_t *words, const struct paint_span *span,
                   const struct weights *weights, size_t i)
{
    PIXELS old = NAME(load)(words);

    if (NAME(is_zero)((VECTOR)old) && i >= span->opaque_begin &&
        i + VECTOR_PIXELS <= span->opaque_end) {
        return NAME(blend_opaque)(span, weights, i);
    }
    return NAME(blend_any)(old, span, weights, i);
}

/*
 * The last vector is blended before any other is stored, and stored when all
 * others are, for it shares pixels with the one before it.
 */
static TARGET void
NAME(blend)(uint32_t *words, size_t count, const struct paint_span *span)
{
    struct weights weights = span->weights; /* no store can change these */
    size_t last = count - VECTOR_PIXELS;
    PIXELS end;

    if (count < VECTOR_PIXELS) {
        uint32_t few[VECTOR_PIXELS] = {0};

        memcpy(few, words, 4 * count);
        NAME(store)(few, NAME(blend_vector)(few, span, &weights, 0));
        memcpy(words, few, 4 * count);
        return;
    }
    end = NAME(blend_vector)(words + last, span, &weights, last);
    for (size_t i = 0; i < last; i += VECTOR_PIXELS) {
        NAME(store)(words + i,
                    NAME(blend_vector)(words + i, span, &weights, i));
    }
    NAME(store)(words + last, end);
}

#undef VECTOR_PIXELS
#undef FLOATS
#undef INTS
#undef PIXELS
#undef INLINE
#undef NAME
#undef JOIN
#undef JOIN_
#undef VECTOR_BYTES
#undef VECTOR
#undef TARGET
#undef SUFFIX
