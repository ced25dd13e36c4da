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

/* Those from x on, as far as the row goes. */
INLINE void
NAME(put)(uint8_t *row, size_t x, size_t width, PIXELS pixels,
          enum jpeg_order order)
{
    uint8_t few[VECTOR_BYTES];
    size_t size = jpeg_pixel_size(order);
    if (x + VECTOR_PIXELS <= width) {
        NAME(put_all)(row + x * size, pixels, order);
    } else if (x < width) {
        NAME(put_all)(few, pixels, order);
        memcpy(row + x * size, few, (width - x) * size);
    }
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

INLINE void
NAME(convert_whole)(const struct jpeg_ycc_row *row, uint8_t *to, size_t width,
                    enum jpeg_order order)
{
    for (size_t x = 0; x < width; x += VECTOR_PIXELS) {
        PIXELS luma = (PIXELS)NAME(widen8)(row->luma + x);
        WORDS chroma = (WORDS)NAME(load)(row->near + x) - CENTRE;
        PIXELS pixels = NAME(colours)((WORDS)(luma | luma << 16), chroma);
        NAME(put)(to, x, width, pixels, order);
    }
}

INLINE void
NAME(add_rows)(const struct jpeg_ycc_row *row, size_t count)
{
    for (size_t i = 0; i < count + 2; i += VECTOR_PIXELS) {
        WORDS near = (WORDS)NAME(load)(row->near - 1 + i);
        WORDS sum = near + near + near + (WORDS)NAME(load)(row->far - 1 + i);
        memcpy(row->sums + i, &sum, sizeof sum);
    }
}

INLINE void
NAME(convert_halved)(const struct jpeg_ycc_row *row, uint8_t *to, size_t width,
                     bool both, enum jpeg_order order)
{
    const uint32_t *pairs = both ? row->sums + 1 : row->near;
    int bits = both ? BOTH_BITS : ROW_BITS;
    uint16_t centre = (uint16_t)(CENTRE << bits);
    uint16_t even = (uint16_t)((both ? BOTH_EVEN : ROW_EVEN) - centre);
    uint16_t odd = (uint16_t)((both ? BOTH_ODD : ROW_ODD) - centre);
    VECTOR even_places = NAME(repeat)(even_luma);
    VECTOR odd_places = NAME(repeat)(odd_luma);
    if (both) {
        NAME(add_rows)(row, (width + 1) / 2);
    }
    for (size_t x = 0; x < width; x += 2 * VECTOR_PIXELS) {
        const uint32_t *at = pairs + x / 2;
        WORDS near = (WORDS)NAME(load)(at);
        WORDS before = (WORDS)NAME(load)(at - 1);
        WORDS behind = (WORDS)NAME(load)(at + 1);
        WORDS near3 = near + near + near;
        VECTOR luma = NAME(widen16)(row->luma + x);
        PIXELS evens =
            NAME(colours)((WORDS)NAME(pick)(luma, even_places),
                          (WORDS)((SHORTS)(near3 + before + even) >> bits));
        PIXELS odds =
            NAME(colours)((WORDS)NAME(pick)(luma, odd_places),
                          (WORDS)((SHORTS)(near3 + behind + odd) >> bits));
        VECTOR first = NAME(first)((VECTOR)evens, (VECTOR)odds);
        VECTOR second = NAME(second)((VECTOR)evens, (VECTOR)odds);
        NAME(put)(to, x, width, (PIXELS)first, order);
        NAME(put)(to, x + VECTOR_PIXELS, width, (PIXELS)second, order);
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

INLINE void
NAME(join)(const uint8_t *const *samples, uint8_t *to, size_t width,
           enum jpeg_order order)
{
    for (size_t x = 0; x < width; x += VECTOR_PIXELS) {
        PIXELS pixels = (PIXELS)NAME(widen8)(samples[0] + x) << 16 |
                        (PIXELS)NAME(widen8)(samples[1] + x) << 8 |
                        (PIXELS)NAME(widen8)(samples[2] + x) | 0xff000000;
        NAME(put)(to, x, width, pixels, order);
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
