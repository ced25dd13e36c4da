/*
 * The vector kernels' one body, in GNU C vector arithmetic. Include it once
 * per instruction set (little-endian only), having defined
 *
 *   SUFFIX        end of every name, for instance _avx2
 *   TARGET        attribute that turns the instruction set on in a function
 *   VECTOR        native vector type
 *   VECTOR_BYTES  its size
 *
 * and, with that suffix, functions of VECTORs:
 *
 *   is_zero(v)    whether no bit of v is set
 *   swap(v)       every pixel's bytes in the order 2, 1, 0, 3
 *   pack(v)       every pixel's bytes 2, 1, 0, moved together to the front;
 *                 the last quarter of the result may be anything
 *   unpack(v)     of what is packed so, every pixel's bytes 2, 1, 0 in a word
 *                 of its own, whose last byte may be anything
 *   load_some(argb, count)
 *                 1 pixel or more, but fewer than a VECTOR has; the first one
 *                 fills it up, so that they still are of one kind
 *   store_some(bytes, size, v)
 *                 the first bytes of v, which are not all
 *
 * It defines argb_to_rgba, argb_to_rgb and rgb_to_argb with the suffix, and
 * undefines the parameters.
 */

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(name) JOIN(name, SUFFIX)

/* The block functions are large enough that -O2 alone would call them. */
#define INLINE static inline __attribute__((always_inline)) TARGET

typedef uint32_t NAME(pixels) __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t NAME(ints) __attribute__((vector_size(VECTOR_BYTES)));
typedef float NAME(floats) __attribute__((vector_size(VECTOR_BYTES)));
typedef uint16_t NAME(halves) __attribute__((vector_size(VECTOR_BYTES)));

#define PIXELS NAME(pixels)
#define INTS NAME(ints)
#define FLOATS NAME(floats)
#define HALVES NAME(halves)

/*
 * Pixels are classified by the block: slides have long runs of one kind, and
 * four vectors make the test cheap beside the stores.
 */
#define VECTOR_PIXELS (VECTOR_BYTES / 4)
#define BLOCK_PIXELS (4 * VECTOR_PIXELS)

/*
 * Stores that straddle cache lines take twice as long, which from about this
 * many pixels on costs more than a separate start. Allocators make it the
 * usual case: the memory they return is 16 bytes into a page.
 */
#define MIN_PIXELS_TO_ALIGN 4096

/* A packed vector is stored whole, so its last quarter lands behind it. */
#define OVERSHOOT_BYTES (VECTOR_BYTES / 4)
#define OVERSHOOT_PIXELS ((OVERSHOOT_BYTES + 2) / 3)

INLINE PIXELS
NAME(load)(const uint32_t *argb)
{
    PIXELS v;

    memcpy(&v, argb, sizeof(v));
    return v;
}

INLINE void
NAME(store)(uint8_t *bytes, VECTOR v)
{
    memcpy(bytes, &v, sizeof(v));
}

INLINE bool
NAME(is_opaque)(const uint32_t *argb)
{
    PIXELS all = NAME(load)(argb);

#pragma GCC unroll 4
    for (size_t i = VECTOR_PIXELS; i < BLOCK_PIXELS; i += VECTOR_PIXELS) {
        all &= NAME(load)(argb + i);
    }
    return NAME(is_zero)((VECTOR)(~all & ALPHA_MASK));
}

INLINE bool
NAME(is_transparent)(const uint32_t *argb)
{
    PIXELS any = NAME(load)(argb);

#pragma GCC unroll 4
    for (size_t i = VECTOR_PIXELS; i < BLOCK_PIXELS; i += VECTOR_PIXELS) {
        any |= NAME(load)(argb + i);
    }
    return NAME(is_zero)((VECTOR)(any & ALPHA_MASK));
}

/*
 * Straight colours, alpha kept, still 0xAARRGGBB; any colour where alpha is 0.
 *
 * 255 * c / a = floor(c * m / 2^16) with m = floor(255 * 2^16 / a) + 1:
 *
 * - Let m = 255 * 2^16 / a + e. The product is too large by c * e / 2^16, and
 *   the fraction of 255 * c / a is at most 1 - 1/a, so the floor is right
 *   while c * e * a < 2^16. As c * a <= 255 * 255 < 2^16, e <= 1 will do.
 * - The float quotient may have been rounded up to an integer. Below 2^17,
 *   where a >= 128, floats lie 1/128 apart at most, and no quotient is within
 *   half of that, 1/256 < 1/a, below an integer: e <= 1. Where a < 128,
 *   e <= 2 and c * e * a <= 255 * 2 * 127 < 2^16.
 * - 255 * 2^16 < 2^24 is exact as a float, and c * m < 2^32.
 */
INLINE PIXELS
NAME(unpremultiply)(PIXELS argb)
{
    PIXELS alpha = argb >> 24;
    PIXELS divisor = alpha - (PIXELS)(alpha == 0); /* 1 for 0 */
    FLOATS quotient =
        255.0f * 65536.0f / __builtin_convertvector((INTS)divisor, FLOATS);
    PIXELS m = (PIXELS) __builtin_convertvector(quotient, INTS) + 1;
    PIXELS red = (argb >> 16 & 0xff) * m & 0xff0000;
    PIXELS green = (argb >> 8 & 0xff) * m >> 8 & 0x00ff00;
    PIXELS blue = (argb & 0xff) * m >> 16 & 0x0000ff;

    return (argb & ALPHA_MASK) | red | green | blue;
}

INLINE PIXELS
NAME(to_rgba)(PIXELS argb)
{
    PIXELS kept = (PIXELS)(argb < 1u << 24);
    PIXELS rgba = (PIXELS)NAME(swap)((VECTOR)NAME(unpremultiply)(argb));

    return (argb & kept) | (rgba & ~kept);
}

/* All sums stay below 2^16: 255 * 255 + 128 + 254. */
INLINE HALVES
NAME(blend)(HALVES straight, HALVES alpha, HALVES background)
{
    HALVES t = straight * alpha + background * (255 - alpha) + 128;

    return (t + (t >> 8)) >> 8;
}

/* Composite over background; the top byte of a pixel is of no meaning. */
INLINE PIXELS
NAME(composite)(PIXELS argb, PIXELS background)
{
    PIXELS straight = NAME(unpremultiply)(argb);
    HALVES alpha = (HALVES)((argb >> 24) | (argb >> 24 << 16));
    HALVES red_blue = NAME(blend)((HALVES)(straight & 0xff00ff), alpha,
                                  (HALVES)(background & 0xff00ff));
    HALVES green = NAME(blend)((HALVES)(straight >> 8 & 0xff), alpha,
                               (HALVES)(background >> 8 & 0xff));

    return (PIXELS)red_blue | (PIXELS)green << 8;
}

INLINE void
NAME(rgba_block)(const uint32_t *argb, uint8_t *rgba)
{
    if (NAME(is_opaque)(argb)) {
#pragma GCC unroll 4
        for (size_t i = 0; i < BLOCK_PIXELS; i += VECTOR_PIXELS) {
            NAME(store)(rgba + 4 * i,
                        NAME(swap)((VECTOR)NAME(load)(argb + i)));
        }
    } else if (NAME(is_transparent)(argb)) {
#pragma GCC unroll 4
        for (size_t i = 0; i < BLOCK_PIXELS; i += VECTOR_PIXELS) {
            NAME(store)(rgba + 4 * i, (VECTOR)NAME(load)(argb + i));
        }
    } else {
#pragma GCC unroll 4
        for (size_t i = 0; i < BLOCK_PIXELS; i += VECTOR_PIXELS) {
            NAME(store)(rgba + 4 * i,
                        (VECTOR)NAME(to_rgba)(NAME(load)(argb + i)));
        }
    }
}

/* Writes OVERSHOOT_BYTES more than the block has. */
INLINE void
NAME(rgb_block)(const uint32_t *argb, uint8_t *rgb, PIXELS background)
{
    if (NAME(is_opaque)(argb)) {
#pragma GCC unroll 4
        for (size_t i = 0; i < BLOCK_PIXELS; i += VECTOR_PIXELS) {
            NAME(store)(rgb + 3 * i, NAME(pack)((VECTOR)NAME(load)(argb + i)));
        }
    } else if (NAME(is_transparent)(argb)) {
#pragma GCC unroll 4
        for (size_t i = 0; i < BLOCK_PIXELS; i += VECTOR_PIXELS) {
            NAME(store)(rgb + 3 * i, NAME(pack)((VECTOR)background));
        }
    } else {
#pragma GCC unroll 4
        for (size_t i = 0; i < BLOCK_PIXELS; i += VECTOR_PIXELS) {
            NAME(store)(rgb + 3 * i, NAME(pack)((VECTOR)NAME(composite)(
                                         NAME(load)(argb + i), background)));
        }
    }
}

INLINE VECTOR
NAME(rgba_of)(PIXELS argb)
{
    if (NAME(is_zero)((VECTOR)(~argb & ALPHA_MASK))) {
        return NAME(swap)((VECTOR)argb);
    }
    return (VECTOR)NAME(to_rgba)(argb);
}

INLINE VECTOR
NAME(rgb_of)(PIXELS argb, PIXELS background)
{
    if (NAME(is_zero)((VECTOR)(~argb & ALPHA_MASK))) {
        return NAME(pack)((VECTOR)argb);
    }
    return NAME(pack)((VECTOR)NAME(composite)(argb, background));
}

/* Fewer pixels than a vector has. */
INLINE void
NAME(few_to_rgba)(const uint32_t *argb, uint8_t *rgba, size_t count)
{
    if (count > 0) {
        NAME(store_some)(rgba, 4 * count,
                         NAME(rgba_of)((PIXELS)NAME(load_some)(argb, count)));
    }
}

/*
 * What is left when there is less than a block: vector by vector, and the last
 * ones of the row once more as a vector of their own. In place that is made
 * before any other is stored, for then these pixels are still there.
 */
static TARGET void
NAME(argb_to_rgba)(const uint32_t *argb, uint8_t *rgba, size_t count)
{
    bool is_in_place = rgba == (const uint8_t *)argb;
    const uint32_t *end;
    PIXELS last = {0};

    if (count < VECTOR_PIXELS) {
        NAME(few_to_rgba)(argb, rgba, count);
        return;
    }
    end = argb + count - VECTOR_PIXELS;
    if (is_in_place) {
        last = (PIXELS)NAME(rgba_of)(NAME(load)(end));
    }
    if (count >= MIN_PIXELS_TO_ALIGN) {
        size_t head = -(uintptr_t)rgba % VECTOR_BYTES / 4;

        NAME(few_to_rgba)(argb, rgba, head);
        argb += head;
        rgba += 4 * head;
        count -= head;
    }
    for (; count >= BLOCK_PIXELS; count -= BLOCK_PIXELS) {
        NAME(rgba_block)(argb, rgba);
        argb += BLOCK_PIXELS;
        rgba += 4 * BLOCK_PIXELS;
    }
    for (; count >= VECTOR_PIXELS; count -= VECTOR_PIXELS) {
        NAME(store)(rgba, NAME(rgba_of)(NAME(load)(argb)));
        argb += VECTOR_PIXELS;
        rgba += 4 * VECTOR_PIXELS;
    }
    if (count > 0) {
        if (!is_in_place) {
            last = (PIXELS)NAME(rgba_of)(NAME(load)(end));
        }
        NAME(store)(rgba + 4 * count - VECTOR_BYTES, (VECTOR)last);
    }
}

/* Packed, and without what lands behind. */
INLINE void
NAME(store_packed)(uint8_t *rgb, VECTOR v)
{
    memcpy(rgb, &v, 3 * VECTOR_PIXELS);
}

/* The same; where the result lies, no pixels are. */
static TARGET void
NAME(argb_to_rgb)(const uint32_t *argb, uint8_t *rgb, size_t count,
                  uint32_t background)
{
    PIXELS backgrounds = background + (PIXELS){0};

    if (count < VECTOR_PIXELS) {
        if (count > 0) {
            PIXELS v = (PIXELS)NAME(load_some)(argb, count);

            NAME(store_some)(rgb, 3 * count, NAME(rgb_of)(v, backgrounds));
        }
        return;
    }
    for (; count >= BLOCK_PIXELS + OVERSHOOT_PIXELS; count -= BLOCK_PIXELS) {
        NAME(rgb_block)(argb, rgb, backgrounds);
        argb += BLOCK_PIXELS;
        rgb += 3 * BLOCK_PIXELS;
    }
    for (; count >= VECTOR_PIXELS; count -= VECTOR_PIXELS) {
        NAME(store_packed)(rgb, NAME(rgb_of)(NAME(load)(argb), backgrounds));
        argb += VECTOR_PIXELS;
        rgb += 3 * VECTOR_PIXELS;
    }
    if (count > 0) {
        size_t again = VECTOR_PIXELS - count;

        NAME(store_packed)(
            rgb - 3 * again,
            NAME(rgb_of)(NAME(load)(argb - again), backgrounds));
    }
}

/* Vectors are loaded whole, so the last of them must end where the pixels do,
   or before. */
static TARGET void
NAME(rgb_to_argb)(const uint8_t *rgb, uint32_t *argb, size_t count)
{
    for (; 3 * count >= VECTOR_BYTES; count -= VECTOR_PIXELS) {
        VECTOR packed;
        PIXELS pixels;

        memcpy(&packed, rgb, sizeof(packed));
        pixels = (PIXELS)NAME(unpack)(packed) | ALPHA_MASK;
        memcpy(argb, &pixels, sizeof(pixels));
        rgb += 3 * VECTOR_PIXELS;
        argb += VECTOR_PIXELS;
    }
    rgb_to_argb_scalar(rgb, argb, count);
}

#undef OVERSHOOT_PIXELS
#undef OVERSHOOT_BYTES
#undef BLOCK_PIXELS
#undef MIN_PIXELS_TO_ALIGN
#undef VECTOR_PIXELS
#undef HALVES
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
