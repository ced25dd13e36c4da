#include "codecs/jpeg/colours.h"

#include "codecs/jpeg/inline.h"

#include <string.h>

/*
 * Colours, times 2^16 and rounded, of Cb and Cr less 128:
 *
 *   R = Y + 1.40200 Cr
 *   G = Y - 0.34414 Cb - 0.71414 Cr
 *   B = Y + 1.77200 Cb
 *
 * of which all but Y is rounded to an integer, halves up; green once for both.
 */
enum {
    COLOUR_BITS = 16,
    RED_OF_CR = 91881,
    GREEN_OF_CB = -22554,
    GREEN_OF_CR = -46802,
    BLUE_OF_CB = 116130,
};

enum { CENTRE = 128 };

/*
 * A sample of halved chroma lies between two pixels, so a pixel is three parts
 * of the nearer sample and one of the other one; in both directions, nine,
 * three, three and one part.  Halves are rounded up and down in turns.
 */
enum {
    ROW_BITS = 2,
    ROW_EVEN = 1,
    ROW_ODD = 2,
    BOTH_BITS = 4,
    BOTH_EVEN = 8,
    BOTH_ODD = 7,
};

/* ---- scalar: the definition ---- */

struct chroma {
    int32_t blue, red;
};

static void
pair_scalar(const uint8_t *blue, const uint8_t *red, uint32_t *pairs,
            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pairs[i] = blue[i] | (uint32_t)red[i] << 16;
    }
}

JPEG_INLINE struct chroma
split(uint32_t pair)
{
    return (struct chroma){(int32_t)(pair & 0xffff) - CENTRE,
                           (int32_t)(pair >> 16) - CENTRE};
}

/* Both sums of a pair at once: none of them has more than 16 bits. */
JPEG_INLINE struct chroma
interpolate(uint32_t here, uint32_t beside, uint32_t more, int bits)
{
    uint32_t sums = 3 * here + beside + more * 0x10001;
    return (struct chroma){(int32_t)((sums & 0xffff) >> bits) - CENTRE,
                           (int32_t)(sums >> 16 >> bits) - CENTRE};
}

JPEG_INLINE uint32_t
clamp(int32_t v)
{
    return (uint32_t)v > UINT8_MAX ? (uint32_t)(~v >> 31) & UINT8_MAX
                                   : (uint32_t)v;
}

JPEG_INLINE uint32_t
word_of(uint8_t luma, struct chroma chroma)
{
    const int32_t half = 1 << (COLOUR_BITS - 1);
    int32_t red = (RED_OF_CR * chroma.red + half) >> COLOUR_BITS;
    int32_t green =
        (GREEN_OF_CB * chroma.blue + GREEN_OF_CR * chroma.red + half) >>
        COLOUR_BITS;
    int32_t blue = (BLUE_OF_CB * chroma.blue + half) >> COLOUR_BITS;
    return 0xff000000 | clamp(luma + red) << 16 | clamp(luma + green) << 8 |
           clamp(luma + blue);
}

JPEG_INLINE void
put_scalar(uint8_t *pixels, size_t x, uint32_t word, enum jpeg_order order)
{
    if (order == JPEG_WORDS) {
        memcpy(pixels + 4 * x, &word, 4);
        return;
    }
    uint8_t *pixel = pixels + jpeg_pixel_size(order) * x;
    pixel[0] = (uint8_t)(word >> 16);
    pixel[1] = (uint8_t)(word >> 8);
    pixel[2] = (uint8_t)word;
    if (order == JPEG_RGBA) {
        pixel[3] = UINT8_MAX;
    }
}

JPEG_INLINE void
convert_whole(const struct jpeg_ycc_row *row, uint8_t *pixels, size_t width,
              enum jpeg_order order)
{
    for (size_t x = 0; x < width; x++) {
        uint32_t word = word_of(row->luma[x], split(row->near[x]));
        put_scalar(pixels, x, word, order);
    }
}

JPEG_INLINE uint32_t
pair_of(const struct jpeg_ycc_row *row, ptrdiff_t i, bool both)
{
    return both ? 3 * row->near[i] + row->far[i] : row->near[i];
}

JPEG_INLINE void
convert_halved(const struct jpeg_ycc_row *row, uint8_t *pixels, size_t width,
               bool both, enum jpeg_order order)
{
    int bits = both ? BOTH_BITS : ROW_BITS;
    uint32_t even = both ? BOTH_EVEN : ROW_EVEN;
    uint32_t odd = both ? BOTH_ODD : ROW_ODD;
    uint32_t before = pair_of(row, -1, both), here = pair_of(row, 0, both);
    for (size_t x = 0; x < width; x += 2) {
        uint32_t behind = pair_of(row, (ptrdiff_t)(x / 2) + 1, both);
        struct chroma chroma = interpolate(here, before, even, bits);
        put_scalar(pixels, x, word_of(row->luma[x], chroma), order);
        if (x + 1 < width) {
            chroma = interpolate(here, behind, odd, bits);
            put_scalar(pixels, x + 1, word_of(row->luma[x + 1], chroma),
                       order);
        }
        before = here;
        here = behind;
    }
}

/* So that each order has loops of its own. */
JPEG_INLINE void
convert_order(const struct jpeg_ycc_row *row, uint8_t *pixels, size_t width,
              enum jpeg_order order)
{
    if (!row->is_halved) {
        convert_whole(row, pixels, width, order);
    } else if (row->far != NULL) {
        convert_halved(row, pixels, width, true, order);
    } else {
        convert_halved(row, pixels, width, false, order);
    }
}

static void
convert_ycc_scalar(const struct jpeg_ycc_row *row, uint8_t *pixels,
                   size_t width, enum jpeg_order order)
{
    switch (order) {
    case JPEG_RGBA:
        convert_order(row, pixels, width, JPEG_RGBA);
        break;
    case JPEG_RGB:
        convert_order(row, pixels, width, JPEG_RGB);
        break;
    default:
        convert_order(row, pixels, width, JPEG_WORDS);
    }
}

static void
convert_rgb_scalar(const uint8_t *const *samples, uint8_t *pixels,
                   size_t width, enum jpeg_order order)
{
    for (size_t x = 0; x < width; x++) {
        uint32_t word = 0xff000000 | (uint32_t)samples[0][x] << 16 |
                        (uint32_t)samples[1][x] << 8 | samples[2][x];
        put_scalar(pixels, x, word, order);
    }
}

/* ---- vectors ---- */

#if defined(HAVE_X86_KERNELS) || defined(HAVE_NEON_KERNEL)

#    include "codecs/jpeg/lanes.h"

/*
 * Red and blue have factors of 16 bits: twice the chroma, times these, times
 * 2^-15 and rounded.  That is 91884 and 116132 instead of 91881 and 116130,
 * which for none of the 256 samples makes another integer.
 */
enum { RED_FACTOR = 22971, BLUE_FACTOR = 29033 };

/* Green's factor of Cr and 2^16, which is then taken away as Cr itself. */
enum { GREEN_FACTOR = GREEN_OF_CR + (1 << COLOUR_BITS) };

/* Sums of a sample and this are clamped to 16 bits, and then to this, so that
   the sample is clamped to a byte. */
enum { TOP = INT16_MAX - UINT8_MAX };

/* The bytes of pixels in each order, from 0xffRRGGBB. */
static const uint8_t rgba_order[16] = {2,  1, 0, 3,  6,  5,  4,  7,
                                       10, 9, 8, 11, 14, 13, 12, 15};
static const uint8_t rgb_order[16] = {2, 1,  0,  6,  5,    4,    10,   9,
                                      8, 14, 13, 12, 0x80, 0x80, 0x80, 0x80};

/* Of two samples of luma in 32 bits, one in both halves. */
static const uint8_t even_luma[16] = {0, 0x80, 0, 0x80, 4,  0x80, 4,  0x80,
                                      8, 0x80, 8, 0x80, 12, 0x80, 12, 0x80};
static const uint8_t odd_luma[16] = {1, 0x80, 1, 0x80, 5,  0x80, 5,  0x80,
                                     9, 0x80, 9, 0x80, 13, 0x80, 13, 0x80};

#    ifdef HAVE_X86_KERNELS

#        define SUFFIX _avx2
#        define TARGET TARGET_AVX2
#        define VECTOR __m256i
#        define VECTOR_BYTES 32
#        include "codecs/jpeg/colours_template.h"

#        define SUFFIX _avx512
#        define TARGET TARGET_AVX512
#        define VECTOR __m512i
#        define VECTOR_BYTES 64
#        include "codecs/jpeg/colours_template.h"

#    endif

#    ifdef HAVE_NEON_KERNEL

#        define SUFFIX _neon
#        define TARGET /* part of AArch64 */
#        define VECTOR uint8x16_t
#        define VECTOR_BYTES 16
#        include "codecs/jpeg/colours_template.h"

#    endif

#endif

/* ---- dispatch ---- */

const struct jpeg_colour_kernel jpeg_colour_kernels[] = {
#ifdef HAVE_X86_KERNELS
    [AVX512] = {pair_avx512, convert_ycc_avx512, convert_rgb_avx512},
    [AVX2] = {pair_avx2, convert_ycc_avx2, convert_rgb_avx2},
#endif
#ifdef HAVE_NEON_KERNEL
    [NEON] = {pair_neon, convert_ycc_neon, convert_rgb_neon},
#endif
    [SCALAR] = {pair_scalar, convert_ycc_scalar, convert_rgb_scalar},
};
