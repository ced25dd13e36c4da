/*
 * The vector kernels' one body, in GNU C vector arithmetic.  Include it once
 * per instruction set (little-endian only), having defined
 *
 *   SUFFIX        end of every name, for instance _avx2
 *   TARGET        attribute that turns the instruction set on in a function
 *   VECTOR        native vector type of integers
 *   VECTOR_BYTES  its size
 *
 * and the functions of lanes.h with that suffix.  It defines pair, convert_ycc
 * and convert_rgb with the suffix, and undefines the parameters.
 */

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(name) JOIN(name, SUFFIX)

#define INLINE static inline __attribute__((always_inline)) TARGET

typedef uint16_t NAME(words) __attribute__((vector_size(VECTOR_BYTES)));
typedef int16_t NAME(shorts) __attribute__((vector_size(VECTOR_BYTES)));
typedef uint32_t NAME(pixels) __attribute__((vector_size(VECTOR_BYTES)));

#define WORDS NAME(words)
#define SHORTS NAME(shorts)
#define PIXELS NAME(pixels)
#define VECTOR_PIXELS (VECTOR_BYTES / 4)

INLINE PIXELS
NAME(load)(const uint32_t *pairs)
{
    PIXELS v;
    memcpy(&v, pairs, sizeof v);
    return v;
}

static TARGET void
NAME(pair)(const uint8_t *blue, const uint8_t *red, uint32_t *pairs,
           size_t count)
{
    for (size_t i = 0; i < count; i += VECTOR_PIXELS) {
        PIXELS v = (PIXELS)NAME(widen8)(blue + i) |
                   (PIXELS)NAME(widen8)(red + i) << 16;
        memcpy(pairs + i, &v, sizeof v);
    }
}

/* ---- pixels to memory ---- */

INLINE void
NAME(put_all)(uint8_t *to, PIXELS pixels, enum jpeg_order order)
{
    VECTOR v = (VECTOR)pixels;
    if (order == JPEG_RGB) {
        NAME(store_3)(to, NAME(pick)(v, NAME(repeat)(rgb_order)));
        return;
    }
    if (order == JPEG_RGBA) {
        v = NAME(pick)(v, NAME(repeat)(rgba_order));
    }
    memcpy(to, &v, sizeof v);
}

/* Two of them, of which the row has `left` pixels. */
INLINE void
NAME(put_some)(uint8_t *to, PIXELS first, PIXELS second, size_t left,
               enum jpeg_order order)
{
    uint8_t few[2 * VECTOR_BYTES];
    size_t size = jpeg_pixel_size(order);
    NAME(put_all)(few, first, order);
    NAME(put_all)(few + VECTOR_PIXELS * size, second, order);
    memcpy(to, few, left * size);
}

/* ---- colours ---- */

INLINE WORDS
NAME(in_turns)(int32_t first, int32_t second)
{
    PIXELS both =
        ((uint32_t)(uint16_t)first | (uint32_t)second << 16) + (PIXELS){0};
    return (WORDS)both;
}

INLINE WORDS
NAME(clamp)(WORDS luma, WORDS colour)
{
    WORDS top = TOP + (WORDS){0};
    VECTOR sum = NAME(add_clamped)((VECTOR)(luma + top), (VECTOR)colour);
    return (WORDS)NAME(subtract_clamped)(sum, (VECTOR)top);
}

/* Luma is in both halves of 32 bits; Cb and Cr, less 128, in one each. */
INLINE PIXELS
NAME(colours)(WORDS luma, WORDS chroma)
{
    WORDS factors = NAME(in_turns)(BLUE_FACTOR, RED_FACTOR);
    WORDS green_factors = NAME(in_turns)(GREEN_OF_CB, GREEN_FACTOR);
    WORDS blue_red = (WORDS)NAME(multiply_round)((VECTOR)(chroma + chroma),
                                                 (VECTOR)factors);
    /* Green comes out in the upper half. */
    PIXELS green =
        (PIXELS)NAME(multiply_add)((VECTOR)chroma, (VECTOR)green_factors) +
        (1 << (COLOUR_BITS - 1));
    PIXELS clamped = (PIXELS)NAME(clamp)(luma, (WORDS)green - chroma);
    return 0xff000000 | (PIXELS)NAME(clamp)(luma, blue_red) |
           (clamped >> 8 & 0xff00);
}

/* ---- rows ---- */

INLINE PIXELS
NAME(whole_pixels)(const struct jpeg_ycc_row *row, size_t x)
{
    PIXELS luma = (PIXELS)NAME(widen8)(row->luma + x);
    WORDS chroma = (WORDS)NAME(load)(row->near + x) - CENTRE;
    return NAME(colours)((WORDS)(luma | luma << 16), chroma);
}

INLINE void
NAME(convert_whole)(const struct jpeg_ycc_row *row, uint8_t *to, size_t width,
                    enum jpeg_order order)
{
    size_t x = 0, size = jpeg_pixel_size(order);
    for (; x + VECTOR_PIXELS <= width; x += VECTOR_PIXELS) {
        NAME(put_all)(to + x * size, NAME(whole_pixels)(row, x), order);
    }
    if (x < width) {
        PIXELS pixels = NAME(whole_pixels)(row, x);
        NAME(put_some)(to + x * size, pixels, pixels, width - x, order);
    }
}

/* Pairs of both rows, or of the one.  Sums are made anew for each use: stored
   and loaded they would have to wait for the pixels that are stored before. */
INLINE WORDS
NAME(chroma)(const uint32_t *near_pairs, const uint32_t *far_pairs, bool both)
{
    WORDS near = (WORDS)NAME(load)(near_pairs);
    return both ? near + near + near + (WORDS)NAME(load)(far_pairs) : near;
}

/* The pixels of a vector of pairs: those of even and of odd columns. */
INLINE void
NAME(halved_pixels)(const struct jpeg_ycc_row *row, size_t x, bool both,
                    PIXELS *evens, PIXELS *odds)
{
    const uint32_t *near = row->near + x / 2;
    const uint32_t *far = both ? row->far + x / 2 : near;
    int bits = both ? BOTH_BITS : ROW_BITS;
    uint16_t centre = (uint16_t)(CENTRE << bits);
    uint16_t even = (uint16_t)((both ? BOTH_EVEN : ROW_EVEN) - centre);
    uint16_t odd = (uint16_t)((both ? BOTH_ODD : ROW_ODD) - centre);
    WORDS here = NAME(chroma)(near, far, both);
    WORDS here3 = here + here + here;
    SHORTS left =
        (SHORTS)(here3 + NAME(chroma)(near - 1, far - 1, both) + even);
    SHORTS right =
        (SHORTS)(here3 + NAME(chroma)(near + 1, far + 1, both) + odd);
    VECTOR lumas = NAME(widen16)(row->luma + x);
    VECTOR even_lumas = NAME(pick)(lumas, NAME(repeat)(even_luma));
    VECTOR odd_lumas = NAME(pick)(lumas, NAME(repeat)(odd_luma));
    *evens = NAME(colours)((WORDS)even_lumas, (WORDS)(left >> bits));
    *odds = NAME(colours)((WORDS)odd_lumas, (WORDS)(right >> bits));
}

INLINE void
NAME(convert_halved)(const struct jpeg_ycc_row *row, uint8_t *to, size_t width,
                     bool both, enum jpeg_order order)
{
    const struct jpeg_ycc_row own = *row; /* which no store can change */
    size_t x = 0, size = jpeg_pixel_size(order);
    PIXELS evens, odds, first, second;
    for (; x + 2 * VECTOR_PIXELS <= width; x += 2 * VECTOR_PIXELS) {
        NAME(halved_pixels)(&own, x, both, &evens, &odds);
        first = (PIXELS)NAME(first)((VECTOR)evens, (VECTOR)odds);
        second = (PIXELS)NAME(second)((VECTOR)evens, (VECTOR)odds);
        NAME(put_all)(to + x * size, first, order);
        NAME(put_all)(to + (x + VECTOR_PIXELS) * size, second, order);
    }
    if (x < width) {
        NAME(halved_pixels)(&own, x, both, &evens, &odds);
        first = (PIXELS)NAME(first)((VECTOR)evens, (VECTOR)odds);
        second = (PIXELS)NAME(second)((VECTOR)evens, (VECTOR)odds);
        NAME(put_some)(to + x * size, first, second, width - x, order);
    }
}

/* So that each order has loops of its own. */
INLINE void
NAME(convert_order)(const struct jpeg_ycc_row *row, uint8_t *to, size_t width,
                    enum jpeg_order order)
{
    if (!row->is_halved) {
        NAME(convert_whole)(row, to, width, order);
    } else if (row->far != NULL) {
        NAME(convert_halved)(row, to, width, true, order);
    } else {
        NAME(convert_halved)(row, to, width, false, order);
    }
}

static TARGET void
NAME(convert_ycc)(const struct jpeg_ycc_row *row, uint8_t *to, size_t width,
                  enum jpeg_order order)
{
    switch (order) {
    case JPEG_RGBA:
        NAME(convert_order)(row, to, width, JPEG_RGBA);
        break;
    case JPEG_RGB:
        NAME(convert_order)(row, to, width, JPEG_RGB);
        break;
    default:
        NAME(convert_order)(row, to, width, JPEG_WORDS);
    }
}

INLINE PIXELS
NAME(rgb_pixels)(const uint8_t *const *samples, size_t x)
{
    return (PIXELS)NAME(widen8)(samples[0] + x) << 16 |
           (PIXELS)NAME(widen8)(samples[1] + x) << 8 |
           (PIXELS)NAME(widen8)(samples[2] + x) | 0xff000000;
}

INLINE void
NAME(join)(const uint8_t *const *samples, uint8_t *to, size_t width,
           enum jpeg_order order)
{
    size_t x = 0, size = jpeg_pixel_size(order);
    for (; x + VECTOR_PIXELS <= width; x += VECTOR_PIXELS) {
        NAME(put_all)(to + x * size, NAME(rgb_pixels)(samples, x), order);
    }
    if (x < width) {
        PIXELS pixels = NAME(rgb_pixels)(samples, x);
        NAME(put_some)(to + x * size, pixels, pixels, width - x, order);
    }
}

static TARGET void
NAME(convert_rgb)(const uint8_t *const *samples, uint8_t *to, size_t width,
                  enum jpeg_order order)
{
    switch (order) {
    case JPEG_RGBA:
        NAME(join)(samples, to, width, JPEG_RGBA);
        break;
    case JPEG_RGB:
        NAME(join)(samples, to, width, JPEG_RGB);
        break;
    default:
        NAME(join)(samples, to, width, JPEG_WORDS);
    }
}

#undef VECTOR_PIXELS
#undef PIXELS
#undef SHORTS
#undef WORDS
#undef INLINE
#undef NAME
#undef JOIN
#undef JOIN_
#undef VECTOR_BYTES
#undef VECTOR
#undef TARGET
#undef SUFFIX
