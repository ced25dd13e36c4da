#include "_convert.h"

#include <stdbool.h>
#include <string.h>

#include "kernels/vectors.h"

#define ALPHA_MASK UINT32_C(0xff000000)

/* ---- scalar: the reference for every other kernel ---- */

static uint8_t
straight(uint32_t argb, unsigned shift)
{
    return (uint8_t)(255 * (argb >> shift & 0xff) / (argb >> 24));
}

static void
argb_to_rgba_scalar(const uint32_t *argb, uint8_t *rgba, size_t count)
{
    for (size_t i = 0; i < count; i++, rgba += 4) {
        uint32_t pixel = argb[i];
        uint32_t alpha = pixel >> 24;

        if (alpha == 255) {
            rgba[0] = (uint8_t)(pixel >> 16);
            rgba[1] = (uint8_t)(pixel >> 8);
            rgba[2] = (uint8_t)pixel;
            rgba[3] = 255;
        } else if (alpha > 0) {
            rgba[0] = straight(pixel, 16);
            rgba[1] = straight(pixel, 8);
            rgba[2] = straight(pixel, 0);
            rgba[3] = (uint8_t)alpha;
        } else {
            memcpy(rgba, &pixel, 4);
        }
    }
}

static uint8_t
composite(uint32_t argb, uint32_t background, unsigned shift)
{
    return convert_composite(straight(argb, shift), argb >> 24,
                             background >> shift & 0xff);
}

static void
argb_to_rgb_scalar(const uint32_t *argb, uint8_t *rgb, size_t count,
                   uint32_t background)
{
    for (size_t i = 0; i < count; i++, rgb += 3) {
        uint32_t pixel = argb[i];
        uint32_t alpha = pixel >> 24;

        if (alpha == 255 || alpha == 0) {
            uint32_t colour = alpha == 255 ? pixel : background;

            rgb[0] = (uint8_t)(colour >> 16);
            rgb[1] = (uint8_t)(colour >> 8);
            rgb[2] = (uint8_t)colour;
        } else {
            rgb[0] = composite(pixel, background, 16);
            rgb[1] = composite(pixel, background, 8);
            rgb[2] = composite(pixel, background, 0);
        }
    }
}

static void
rgb_to_argb_scalar(const uint8_t *rgb, uint32_t *argb, size_t count)
{
    for (size_t i = 0; i < count; i++, rgb += 3) {
        argb[i] = ALPHA_MASK | (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 |
                  rgb[2];
    }
}

/* ---- vector kernels ---- */

#if defined(HAVE_X86_KERNELS) || defined(HAVE_NEON_KERNEL)

/* Byte orders of a result, as indices into a vector of 0xAARRGGBB. */
static const uint8_t swap_order[16] = {2,  1, 0, 3,  6,  5,  4,  7,
                                       10, 9, 8, 11, 14, 13, 12, 15};
static const uint8_t pack_order[64] = {
    2,  1,  0,  6,  5,  4,  10, 9,  8,  14, 13, 12, 18, 17, 16, 22,
    21, 20, 26, 25, 24, 30, 29, 28, 34, 33, 32, 38, 37, 36, 42, 41,
    40, 46, 45, 44, 50, 49, 48, 54, 53, 52, 58, 57, 56, 62, 61, 60,
};

/* The other way round; the fourth byte of a pixel may be any. */
static const uint8_t unpack_order[64] = {
    2,  1,  0,  0, 5,  4,  3,  0, 8,  7,  6,  0, 11, 10, 9,  0,
    14, 13, 12, 0, 17, 16, 15, 0, 20, 19, 18, 0, 23, 22, 21, 0,
    26, 25, 24, 0, 29, 28, 27, 0, 32, 31, 30, 0, 35, 34, 33, 0,
    38, 37, 36, 0, 41, 40, 39, 0, 44, 43, 42, 0, 47, 46, 45, 0,
};

#endif

#ifdef HAVE_X86_KERNELS

/* The first 16 indices of order, applied to both halves. */
static inline TARGET_AVX2 __m256i
shuffle_avx2(__m256i v, const uint8_t *order)
{
    __m128i indices = _mm_loadu_si128((const __m128i *)order);

    return _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(indices));
}

static inline TARGET_AVX2 __m256i
swap_avx2(__m256i v)
{
    return shuffle_avx2(v, swap_order);
}

static inline TARGET_AVX2 __m256i
pack_avx2(__m256i v)
{
    __m256i words = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);

    return _mm256_permutevar8x32_epi32(shuffle_avx2(v, pack_order), words);
}

static inline TARGET_AVX2 __m256i
unpack_avx2(__m256i v)
{
    __m256i words = _mm256_setr_epi32(0, 1, 2, 2, 3, 4, 5, 5);

    return shuffle_avx2(_mm256_permutevar8x32_epi32(v, words), unpack_order);
}

/* As many words of -1 as are wanted, when read from the middle back. */
static const int32_t some_words[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

static inline TARGET_AVX2 __m256i
load_some_avx2(const uint32_t *argb, size_t count)
{
    __m256i first = _mm256_set1_epi32((int)argb[0]);
    __m256i mask =
        _mm256_loadu_si256((const __m256i *)(some_words + 8 - count));

    return _mm256_blendv_epi8(
        first, _mm256_maskload_epi32((const int *)argb, mask), mask);
}

static inline TARGET_AVX2 void
store_some_avx2(uint8_t *bytes, size_t size, __m256i v)
{
    memcpy(bytes, &v, size);
}

#    define SUFFIX _avx2
#    define TARGET TARGET_AVX2
#    define VECTOR __m256i
#    define VECTOR_BYTES 32
#    include "kernels/convert_template.h"

static inline TARGET_AVX512 __m512i
swap_avx512(__m512i v)
{
    __m128i indices = _mm_loadu_si128((const __m128i *)swap_order);

    return _mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(indices));
}

/* One instruction, of VBMI. */
static inline TARGET_AVX512 __m512i
pack_avx512(__m512i v)
{
    return _mm512_permutexvar_epi8(_mm512_loadu_si512(pack_order), v);
}

static inline TARGET_AVX512 __m512i
unpack_avx512(__m512i v)
{
    return _mm512_permutexvar_epi8(_mm512_loadu_si512(unpack_order), v);
}

static inline TARGET_AVX512 __m512i
load_some_avx512(const uint32_t *argb, size_t count)
{
    return _mm512_mask_loadu_epi32(_mm512_set1_epi32((int)argb[0]),
                                   (__mmask16)((1u << count) - 1), argb);
}

static inline TARGET_AVX512 void
store_some_avx512(uint8_t *bytes, size_t size, __m512i v)
{
    _mm512_mask_storeu_epi8(bytes, (UINT64_C(1) << size) - 1, v);
}

#    define SUFFIX _avx512
#    define TARGET TARGET_AVX512
#    define VECTOR __m512i
#    define VECTOR_BYTES 64
#    include "kernels/convert_template.h"

#endif

#ifdef HAVE_NEON_KERNEL

static inline uint8x16_t
swap_neon(uint8x16_t v)
{
    return vqtbl1q_u8(v, vld1q_u8(swap_order));
}

static inline uint8x16_t
pack_neon(uint8x16_t v)
{
    return vqtbl1q_u8(v, vld1q_u8(pack_order));
}

static inline uint8x16_t
unpack_neon(uint8x16_t v)
{
    return vqtbl1q_u8(v, vld1q_u8(unpack_order));
}

static inline uint8x16_t
load_some_neon(const uint32_t *argb, size_t count)
{
    uint32x4_t v = vdupq_n_u32(argb[0]);

    memcpy(&v, argb, 4 * count);
    return vreinterpretq_u8_u32(v);
}

static inline void
store_some_neon(uint8_t *bytes, size_t size, uint8x16_t v)
{
    memcpy(bytes, &v, size);
}

#    define SUFFIX _neon
#    define TARGET /* part of AArch64 */
#    define VECTOR uint8x16_t
#    define VECTOR_BYTES 16
#    include "kernels/convert_template.h"

#endif

/* ---- dispatch ---- */

const struct convert_kernel convert_kernels[] = {
#ifdef HAVE_X86_KERNELS
    [AVX512] = {argb_to_rgba_avx512, argb_to_rgb_avx512, rgb_to_argb_avx512},
    [AVX2] = {argb_to_rgba_avx2, argb_to_rgb_avx2, rgb_to_argb_avx2},
#endif
#ifdef HAVE_NEON_KERNEL
    [NEON] = {argb_to_rgba_neon, argb_to_rgb_neon, rgb_to_argb_neon},
#endif
    [SCALAR] = {argb_to_rgba_scalar, argb_to_rgb_scalar, rgb_to_argb_scalar},
};

void
convert_argb_to_rgba(const uint32_t *argb, uint8_t *rgba, size_t count)
{
    convert_kernels[instruction_set_in_use()].to_rgba(argb, rgba, count);
}

void
convert_argb_to_rgb(const uint32_t *argb, uint8_t *rgb, size_t count,
                    uint32_t background)
{
    convert_kernels[instruction_set_in_use()].to_rgb(argb, rgb, count,
                                                     background);
}

void
convert_rgb_to_argb(const uint8_t *rgb, uint32_t *argb, size_t count)
{
    convert_kernels[instruction_set_in_use()].from_rgb(rgb, argb, count);
}
