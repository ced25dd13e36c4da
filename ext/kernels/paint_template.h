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
 * It defines the kernels with the suffix, and undefines the parameters.
 */

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(name) JOIN(name, SUFFIX)

/* A function that takes vectors and is called leaves out vzeroupper. */
#define INLINE static inline __attribute__((always_inline)) TARGET

typedef uint32_t NAME(pixels) __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t NAME(ints) __attribute__((vector_size(VECTOR_BYTES)));
typedef float NAME(floats) __attribute__((vector_size(VECTOR_BYTES)));
typedef uint16_t NAME(shorts) __attribute__((vector_size(VECTOR_BYTES)));

#define PIXELS NAME(pixels)
#define INTS NAME(ints)
#define FLOATS NAME(floats)
#define SHORTS NAME(shorts)
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
NAME(unpack_channel)(PIXELS pixels, struct paint_row *row, size_t column,
                     unsigned channel)
{
    FLOATS v = NAME(to_floats)(pixels, channel);

    memcpy(row->channels[channel] + column, &v, sizeof(v));
}

INLINE void
NAME(unpack_vector)(const uint32_t *words, struct paint_row *row,
                    size_t column, unsigned channels)
{
    PIXELS pixels = NAME(load)(words);

#pragma GCC unroll 3
    for (unsigned c = 0; c < COLOURS; c++) {
        NAME(unpack_channel)(pixels, row, column, c);
    }
    if (channels > COLOURS) {
        NAME(unpack_channel)(pixels, row, column, ALPHA);
    }
}

static TARGET void
NAME(unpack)(const uint32_t *words, size_t count, struct paint_row *row,
             size_t column, unsigned channels)
{
    size_t last = count - VECTOR_PIXELS;

    if (count < VECTOR_PIXELS) {
        uint32_t few[VECTOR_PIXELS] = {0};

        memcpy(few, words, 4 * count);
        NAME(unpack_vector)(few, row, column, channels);
        return;
    }
    for (size_t i = 0; i < last; i += VECTOR_PIXELS) {
        NAME(unpack_vector)(words + i, row, column + i, channels);
    }
    NAME(unpack_vector)(words + last, row, column + last, channels);
}

/* ---- from floats to words ---- */

/* A copy, which no store can change. */
struct NAME(weights) {
    FLOATS upper_left, upper_right, lower_left, lower_right;
};

INLINE FLOATS
NAME(spread)(float v)
{
    return v + (FLOATS){0};
}

INLINE struct NAME(weights) NAME(spread_weights)(const struct weights *weights)
{
    return (struct NAME(weights)){
        NAME(spread)(weights->upper_left),
        NAME(spread)(weights->upper_right),
        NAME(spread)(weights->lower_left),
        NAME(spread)(weights->lower_right),
    };
}

INLINE FLOATS
NAME(interpolate_floats)(const float *upper, const float *lower,
                         const struct NAME(weights) * weights)
{
    return NAME(load_floats)(upper) * weights->upper_left +
           NAME(load_floats)(upper + 1) * weights->upper_right +
           NAME(load_floats)(lower) * weights->lower_left +
           NAME(load_floats)(lower + 1) * weights->lower_right;
}

INLINE FLOATS
NAME(colour)(const struct paint_span *span,
             const struct NAME(weights) * weights, unsigned c, size_t i)
{
    return NAME(interpolate_floats)(span->upper->channels[c] + i,
                                    span->lower->channels[c] + i, weights);
}

/* As blend_opaque_pixel(). */
INLINE PIXELS
NAME(blend_opaque)(const struct paint_span *span,
                   const struct NAME(weights) * weights, size_t i)
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
                const struct NAME(weights) * weights, size_t i)
{
    FLOATS source_alpha = NAME(interpolate_floats)(
        span->upper->alpha + i, span->lower->alpha + i, weights);
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

INLINE bool
NAME(is_opaque)(PIXELS words)
{
    return NAME(is_zero)((VECTOR)(~words & 0xff000000));
}

/* What vectors are made of, apart from the words that were there. */
struct NAME(argument) {
    const struct paint_span *span;
    struct NAME(weights) weights;
    const uint32_t *sources;
    struct paint_neighbours neighbours;
};

/* There is no room in what is opaque. */
INLINE PIXELS
NAME(blend_vector)(PIXELS old, const struct NAME(argument) * argument,
                   size_t i)
{
    const struct paint_span *span = argument->span;

    if (NAME(is_zero)((VECTOR)old)) {
        if (i >= span->opaque_begin && i + VECTOR_PIXELS <= span->opaque_end) {
            return NAME(blend_opaque)(span, &argument->weights, i);
        }
    } else if (NAME(is_opaque)(old)) {
        return old;
    }
    return NAME(blend_any)(old, span, &argument->weights, i);
}

/* ---- without floats: two channels of each pixel at once ---- */

/* As over_pixel(). */
INLINE PIXELS
NAME(over_channels)(PIXELS old, PIXELS source, SHORTS room)
{
    SHORTS share = (SHORTS)(source & 0x00ff00ff) * room + 128;
    SHORTS sum = (SHORTS)(old & 0x00ff00ff) + ((share + (share >> 8)) >> 8);

    return (PIXELS)((sum | (0 - (sum >> 8))) & 0xff);
}

INLINE PIXELS
NAME(over_vector)(PIXELS old, const struct NAME(argument) * argument, size_t i)
{
    PIXELS source = NAME(load)(argument->sources + i);
    PIXELS alpha = old >> 24;
    SHORTS room = (SHORTS)(0x00ff00ff - (alpha | alpha << 16));

    if (NAME(is_zero)((VECTOR)old)) {
        return source;
    }
    if (NAME(is_opaque)(old)) {
        return old;
    }
    return NAME(over_channels)(old, source, room) |
           NAME(over_channels)(old >> 8, source >> 8, room) << 8;
}

INLINE SHORTS
NAME(mix)(SHORTS a, SHORTS b, uint16_t share)
{
    return a * (uint16_t)(128 - share) + b * share;
}

/*
 * A sum has up to 22 bits: its rows are mixed by 7 bits and by 8 bits, of
 * which the former matter only for what they carry.
 */
INLINE PIXELS
NAME(interpolate_channels)(PIXELS upper, PIXELS upper_right, PIXELS lower,
                           PIXELS lower_right,
                           const struct paint_neighbours *neighbours)
{
    SHORTS above =
        NAME(mix)((SHORTS)(upper & 0x00ff00ff),
                  (SHORTS)(upper_right & 0x00ff00ff), neighbours->right_share);
    SHORTS below =
        NAME(mix)((SHORTS)(lower & 0x00ff00ff),
                  (SHORTS)(lower_right & 0x00ff00ff), neighbours->right_share);
    SHORTS low = NAME(mix)(above & 127, below & 127, neighbours->lower_share);
    SHORTS high = NAME(mix)(above >> 7, below >> 7, neighbours->lower_share);

    return (PIXELS)((high + (low >> 7)) >> 7);
}

/* As interpolate_pixel(). */
INLINE PIXELS
NAME(interpolate_vector)(const struct NAME(argument) * argument, size_t i)
{
    const struct paint_neighbours *neighbours = &argument->neighbours;
    PIXELS upper = NAME(load)(neighbours->upper + i);
    PIXELS upper_right = NAME(load)(neighbours->upper + i + 1);
    PIXELS lower = NAME(load)(neighbours->lower + i);
    PIXELS lower_right = NAME(load)(neighbours->lower + i + 1);

    return NAME(interpolate_channels)(upper, upper_right, lower, lower_right,
                                      neighbours) |
           NAME(interpolate_channels)(upper >> 8, upper_right >> 8, lower >> 8,
                                      lower_right >> 8, neighbours)
               << 8;
}

/* ---- rows ---- */

/* No pointer to a function, for what is called by one is not always inline. */
INLINE PIXELS
NAME(make_vector)(enum operation operation, PIXELS old,
                  const struct NAME(argument) * argument, size_t i)
{
    switch (operation) {
    case BLEND:
        return NAME(blend_vector)(old, argument, i);
    case OVER:
        return NAME(over_vector)(old, argument, i);
    default:
        return NAME(interpolate_vector)(argument, i);
    }
}

/*
 * The last vector is made before any other is stored, and stored when all
 * others are, for it shares pixels with the one before it.
 */
INLINE void
NAME(make_row)(enum operation operation, uint32_t *words, size_t count,
               const struct NAME(argument) * argument)
{
    size_t last = count - VECTOR_PIXELS;
    PIXELS end =
        NAME(make_vector)(operation, NAME(load)(words + last), argument, last);

    for (size_t i = 0; i < last; i += VECTOR_PIXELS) {
        PIXELS old = NAME(load)(words + i);

        NAME(store)(words + i, NAME(make_vector)(operation, old, argument, i));
    }
    NAME(store)(words + last, end);
}

static TARGET void
NAME(blend)(uint32_t *words, size_t count, const struct paint_span *span)
{
    const struct NAME(argument) argument = {
        .span = span,
        .weights = NAME(spread_weights)(&span->weights),
    };

    if (count < VECTOR_PIXELS) {
        uint32_t few[VECTOR_PIXELS] = {0};

        memcpy(few, words, 4 * count);
        NAME(make_row)(BLEND, few, VECTOR_PIXELS, &argument);
        memcpy(words, few, 4 * count);
        return;
    }
    NAME(make_row)(BLEND, words, count, &argument);
}

static TARGET void
NAME(over)(uint32_t *words, size_t count, const uint32_t *sources)
{
    struct NAME(argument) argument = {.sources = sources};

    if (count < VECTOR_PIXELS) {
        uint32_t few[VECTOR_PIXELS] = {0}, few_sources[VECTOR_PIXELS] = {0};

        memcpy(few, words, 4 * count);
        memcpy(few_sources, sources, 4 * count);
        argument.sources = few_sources;
        NAME(make_row)(OVER, few, VECTOR_PIXELS, &argument);
        memcpy(words, few, 4 * count);
        return;
    }
    NAME(make_row)(OVER, words, count, &argument);
}

static TARGET void
NAME(interpolate)(uint32_t *words, size_t count,
                  const struct paint_neighbours *neighbours)
{
    struct NAME(argument) argument = {.neighbours = *neighbours};

    if (count < VECTOR_PIXELS) {
        uint32_t few[VECTOR_PIXELS] = {0};
        uint32_t upper[VECTOR_PIXELS + 1] = {0};
        uint32_t lower[VECTOR_PIXELS + 1] = {0};

        memcpy(upper, neighbours->upper, 4 * (count + 1));
        memcpy(lower, neighbours->lower, 4 * (count + 1));
        argument.neighbours.upper = upper;
        argument.neighbours.lower = lower;
        NAME(make_row)(INTERPOLATE, few, VECTOR_PIXELS, &argument);
        memcpy(words, few, 4 * count);
        return;
    }
    NAME(make_row)(INTERPOLATE, words, count, &argument);
}

#undef VECTOR_PIXELS
#undef SHORTS
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
