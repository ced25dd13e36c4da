/*
 * What the vector kernels of this folder need beyond GNU C's vector
 * arithmetic: operations on lanes of 16 bytes, of which a vector has one or
 * more.
 */
#ifndef JPEG_LANES_H
#define JPEG_LANES_H

#include "kernels/vectors.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 *   repeat(bytes)           16 bytes, in every lane
 *   gather(blocks, i)       8 coefficients from block[i] on, a block each lane
 *   pick(v, places)         bytes of the lane at these places; 0x80: 0
 *   multiply_add(a, b)      sums of the products of two neighbours, 16 to 32
 * bits multiply_round(a, b)    products of 16 bits, times 2^-15 and rounded
 *   narrow32(a, b)          clamped to 16 bits: of a, then of b
 *   narrow16(a, b)          and to 8 bits
 *   low8(a, b), high8(a, b) bytes of a and b in turns, of either half of a
 * lane; so with 16, 32 and 64 bits add_clamped(a, b)       of 16 bits with a
 * sign subtract_clamped(a, b)  of 16 bits without one widen8(bytes) bytes to
 * 32 bits, as many as make a vector widen16(bytes)          16 bits to 32
 *   first(a, b)             32 bits of a and b in turns, of the vectors' first
 *   second(a, b)            and of their second half
 *   store_rows(to, stride, v)  the halves of a lane go to two rows of 8 bytes,
 *                           those of the next lane beside them
 *   store_3(to, v)          the first 12 bytes of each lane
 */

#ifdef HAVE_X86_KERNELS

#    define LANE_AVX2 static inline __attribute__((always_inline)) TARGET_AVX2

LANE_AVX2 __m128i
lane_avx2(const void *bytes)
{
    return _mm_loadu_si128((const __m128i *)bytes);
}

LANE_AVX2 __m256i
repeat_avx2(const void *bytes)
{
    return _mm256_broadcastsi128_si256(lane_avx2(bytes));
}

LANE_AVX2 __m256i
gather_avx2(const int16_t *const *blocks, size_t i)
{
    return _mm256_inserti128_si256(
        _mm256_castsi128_si256(lane_avx2(blocks[0] + i)),
        lane_avx2(blocks[1] + i), 1);
}

LANE_AVX2 __m256i
pick_avx2(__m256i v, __m256i places)
{
    return _mm256_shuffle_epi8(v, places);
}

LANE_AVX2 __m256i
multiply_add_avx2(__m256i a, __m256i b)
{
    return _mm256_madd_epi16(a, b);
}

LANE_AVX2 __m256i
multiply_round_avx2(__m256i a, __m256i b)
{
    return _mm256_mulhrs_epi16(a, b);
}

LANE_AVX2 __m256i
narrow32_avx2(__m256i a, __m256i b)
{
    return _mm256_packs_epi32(a, b);
}

LANE_AVX2 __m256i
narrow16_avx2(__m256i a, __m256i b)
{
    return _mm256_packs_epi16(a, b);
}

LANE_AVX2 __m256i
low8_avx2(__m256i a, __m256i b)
{
    return _mm256_unpacklo_epi8(a, b);
}

LANE_AVX2 __m256i
high8_avx2(__m256i a, __m256i b)
{
    return _mm256_unpackhi_epi8(a, b);
}

LANE_AVX2 __m256i
low16_avx2(__m256i a, __m256i b)
{
    return _mm256_unpacklo_epi16(a, b);
}

LANE_AVX2 __m256i
high16_avx2(__m256i a, __m256i b)
{
    return _mm256_unpackhi_epi16(a, b);
}

LANE_AVX2 __m256i
low32_avx2(__m256i a, __m256i b)
{
    return _mm256_unpacklo_epi32(a, b);
}

LANE_AVX2 __m256i
high32_avx2(__m256i a, __m256i b)
{
    return _mm256_unpackhi_epi32(a, b);
}

LANE_AVX2 __m256i
low64_avx2(__m256i a, __m256i b)
{
    return _mm256_unpacklo_epi64(a, b);
}

LANE_AVX2 __m256i
high64_avx2(__m256i a, __m256i b)
{
    return _mm256_unpackhi_epi64(a, b);
}

LANE_AVX2 __m256i
add_clamped_avx2(__m256i a, __m256i b)
{
    return _mm256_adds_epi16(a, b);
}

LANE_AVX2 __m256i
subtract_clamped_avx2(__m256i a, __m256i b)
{
    return _mm256_subs_epu16(a, b);
}

LANE_AVX2 __m256i
widen8_avx2(const uint8_t *bytes)
{
    return _mm256_cvtepu8_epi32(
        _mm_loadl_epi64((const __m128i *)(const void *)bytes));
}

LANE_AVX2 __m256i
widen16_avx2(const uint8_t *bytes)
{
    return _mm256_cvtepu16_epi32(lane_avx2(bytes));
}

LANE_AVX2 __m256i
first_avx2(__m256i a, __m256i b)
{
    return _mm256_permute2x128_si256(low32_avx2(a, b), high32_avx2(a, b),
                                     0x20);
}

LANE_AVX2 __m256i
second_avx2(__m256i a, __m256i b)
{
    return _mm256_permute2x128_si256(low32_avx2(a, b), high32_avx2(a, b),
                                     0x31);
}

LANE_AVX2 void
store_rows_avx2(uint8_t *to, ptrdiff_t stride, __m256i v)
{
    v = _mm256_permute4x64_epi64(v, 0xd8); /* 0, 2, 1, 3 */
    _mm_storeu_si128((__m128i *)(void *)to, _mm256_castsi256_si128(v));
    _mm_storeu_si128((__m128i *)(void *)(to + stride),
                     _mm256_extracti128_si256(v, 1));
}

LANE_AVX2 void
store_3_avx2(uint8_t *to, __m256i v)
{
    /* 32 bits 0, 1, 2, 4, 5, 6; the last two do not count. */
    v = _mm256_permutevar8x32_epi32(v,
                                    _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7));
    _mm_storeu_si128((__m128i *)(void *)to, _mm256_castsi256_si128(v));
    _mm_storel_epi64((__m128i *)(void *)(to + 16),
                     _mm256_extracti128_si256(v, 1));
}

#    define LANE_AVX512                                                       \
        static inline __attribute__((always_inline)) TARGET_AVX512

LANE_AVX512 __m512i
repeat_avx512(const void *bytes)
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)bytes));
}

LANE_AVX512 __m512i
gather_avx512(const int16_t *const *blocks, size_t i)
{
    __m512i v = _mm512_castsi128_si512(
        _mm_loadu_si128((const __m128i *)(const void *)(blocks[0] + i)));
    v = _mm512_inserti32x4(
        v, _mm_loadu_si128((const __m128i *)(const void *)(blocks[1] + i)), 1);
    v = _mm512_inserti32x4(
        v, _mm_loadu_si128((const __m128i *)(const void *)(blocks[2] + i)), 2);
    return _mm512_inserti32x4(
        v, _mm_loadu_si128((const __m128i *)(const void *)(blocks[3] + i)), 3);
}

LANE_AVX512 __m512i
pick_avx512(__m512i v, __m512i places)
{
    return _mm512_shuffle_epi8(v, places);
}

LANE_AVX512 __m512i
multiply_add_avx512(__m512i a, __m512i b)
{
    return _mm512_madd_epi16(a, b);
}

LANE_AVX512 __m512i
multiply_round_avx512(__m512i a, __m512i b)
{
    return _mm512_mulhrs_epi16(a, b);
}

LANE_AVX512 __m512i
narrow32_avx512(__m512i a, __m512i b)
{
    return _mm512_packs_epi32(a, b);
}

LANE_AVX512 __m512i
narrow16_avx512(__m512i a, __m512i b)
{
    return _mm512_packs_epi16(a, b);
}

LANE_AVX512 __m512i
low8_avx512(__m512i a, __m512i b)
{
    return _mm512_unpacklo_epi8(a, b);
}

LANE_AVX512 __m512i
high8_avx512(__m512i a, __m512i b)
{
    return _mm512_unpackhi_epi8(a, b);
}

LANE_AVX512 __m512i
low16_avx512(__m512i a, __m512i b)
{
    return _mm512_unpacklo_epi16(a, b);
}

LANE_AVX512 __m512i
high16_avx512(__m512i a, __m512i b)
{
    return _mm512_unpackhi_epi16(a, b);
}

LANE_AVX512 __m512i
low32_avx512(__m512i a, __m512i b)
{
    return _mm512_unpacklo_epi32(a, b);
}

LANE_AVX512 __m512i
high32_avx512(__m512i a, __m512i b)
{
    return _mm512_unpackhi_epi32(a, b);
}

LANE_AVX512 __m512i
low64_avx512(__m512i a, __m512i b)
{
    return _mm512_unpacklo_epi64(a, b);
}

LANE_AVX512 __m512i
high64_avx512(__m512i a, __m512i b)
{
    return _mm512_unpackhi_epi64(a, b);
}

LANE_AVX512 __m512i
add_clamped_avx512(__m512i a, __m512i b)
{
    return _mm512_adds_epi16(a, b);
}

LANE_AVX512 __m512i
subtract_clamped_avx512(__m512i a, __m512i b)
{
    return _mm512_subs_epu16(a, b);
}

LANE_AVX512 __m512i
widen8_avx512(const uint8_t *bytes)
{
    return _mm512_cvtepu8_epi32(
        _mm_loadu_si128((const __m128i *)(const void *)bytes));
}

LANE_AVX512 __m512i
widen16_avx512(const uint8_t *bytes)
{
    return _mm512_cvtepu16_epi32(
        _mm256_loadu_si256((const __m256i *)(const void *)bytes));
}

LANE_AVX512 __m512i
first_avx512(__m512i a, __m512i b)
{
    const __m512i places = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20,
                                             5, 21, 6, 22, 7, 23);
    return _mm512_permutex2var_epi32(a, places, b);
}

LANE_AVX512 __m512i
second_avx512(__m512i a, __m512i b)
{
    const __m512i places = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12,
                                             28, 13, 29, 14, 30, 15, 31);
    return _mm512_permutex2var_epi32(a, places, b);
}

LANE_AVX512 void
store_rows_avx512(uint8_t *to, ptrdiff_t stride, __m512i v)
{
    const __m512i places = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    v = _mm512_permutexvar_epi64(places, v);
    _mm256_storeu_si256((__m256i *)(void *)to, _mm512_castsi512_si256(v));
    _mm256_storeu_si256((__m256i *)(void *)(to + stride),
                        _mm512_extracti64x4_epi64(v, 1));
}

LANE_AVX512 void
store_3_avx512(uint8_t *to, __m512i v)
{
    const __m512i places = _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12,
                                             13, 14, 15, 15, 15, 15);
    _mm512_mask_storeu_epi32(to, 0x0fff, _mm512_permutexvar_epi32(places, v));
}

#endif

#ifdef HAVE_NEON_KERNEL

#    define LANE_NEON static inline __attribute__((always_inline))

LANE_NEON uint8x16_t
repeat_neon(const void *bytes)
{
    return vld1q_u8(bytes);
}

LANE_NEON uint8x16_t
gather_neon(const int16_t *const *blocks, size_t i)
{
    return (uint8x16_t)vld1q_s16(blocks[0] + i);
}

LANE_NEON uint8x16_t
pick_neon(uint8x16_t v, uint8x16_t places)
{
    return vqtbl1q_u8(v, places);
}

LANE_NEON uint8x16_t
multiply_add_neon(uint8x16_t a, uint8x16_t b)
{
    int16x8_t x = (int16x8_t)a, y = (int16x8_t)b;
    return (uint8x16_t)vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(y)),
                                  vmull_high_s16(x, y));
}

LANE_NEON uint8x16_t
multiply_round_neon(uint8x16_t a, uint8x16_t b)
{
    return (uint8x16_t)vqrdmulhq_s16((int16x8_t)a, (int16x8_t)b);
}

LANE_NEON uint8x16_t
narrow32_neon(uint8x16_t a, uint8x16_t b)
{
    return (uint8x16_t)vqmovn_high_s32(vqmovn_s32((int32x4_t)a), (int32x4_t)b);
}

LANE_NEON uint8x16_t
narrow16_neon(uint8x16_t a, uint8x16_t b)
{
    return (uint8x16_t)vqmovn_high_s16(vqmovn_s16((int16x8_t)a), (int16x8_t)b);
}

LANE_NEON uint8x16_t
low8_neon(uint8x16_t a, uint8x16_t b)
{
    return vzip1q_u8(a, b);
}

LANE_NEON uint8x16_t
high8_neon(uint8x16_t a, uint8x16_t b)
{
    return vzip2q_u8(a, b);
}

LANE_NEON uint8x16_t
low16_neon(uint8x16_t a, uint8x16_t b)
{
    return (uint8x16_t)vzip1q_u16((uint16x8_t)a, (uint16x8_t)b);
}

LANE_NEON uint8x16_t
high16_neon(uint8x16_t a, uint8x16_t b)
{
    return (uint8x16_t)vzip2q_u16((uint16x8_t)a, (uint16x8_t)b);
}

LANE_NEON uint8x16_t
low32_neon(uint8x16_t a, uint8x16_t b)
{
    return (uint8x16_t)vzip1q_u32((uint32x4_t)a, (uint32x4_t)b);
}

LANE_NEON uint8x16_t
high32_neon(uint8x16_t a, uint8x16_t b)
{
    return (uint8x16_t)vzip2q_u32((uint32x4_t)a, (uint32x4_t)b);
}

LANE_NEON uint8x16_t
low64_neon(uint8x16_t a, uint8x16_t b)
{
    return (uint8x16_t)vzip1q_u64((uint64x2_t)a, (uint64x2_t)b);
}

LANE_NEON uint8x16_t
high64_neon(uint8x16_t a, uint8x16_t b)
{
    return (uint8x16_t)vzip2q_u64((uint64x2_t)a, (uint64x2_t)b);
}

LANE_NEON uint8x16_t
add_clamped_neon(uint8x16_t a, uint8x16_t b)
{
    return (uint8x16_t)vqaddq_s16((int16x8_t)a, (int16x8_t)b);
}

LANE_NEON uint8x16_t
subtract_clamped_neon(uint8x16_t a, uint8x16_t b)
{
    return (uint8x16_t)vqsubq_u16((uint16x8_t)a, (uint16x8_t)b);
}

LANE_NEON uint8x16_t
widen8_neon(const uint8_t *bytes)
{
    uint32_t four;
    memcpy(&four, bytes, sizeof four);
    return (uint8x16_t)vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four))));
}

LANE_NEON uint8x16_t
widen16_neon(const uint8_t *bytes)
{
    return (uint8x16_t)vmovl_u16((uint16x4_t)vld1_u8(bytes));
}

LANE_NEON uint8x16_t
first_neon(uint8x16_t a, uint8x16_t b)
{
    return low32_neon(a, b);
}

LANE_NEON uint8x16_t
second_neon(uint8x16_t a, uint8x16_t b)
{
    return high32_neon(a, b);
}

LANE_NEON void
store_rows_neon(uint8_t *to, ptrdiff_t stride, uint8x16_t v)
{
    vst1_u8(to, vget_low_u8(v));
    vst1_u8(to + stride, vget_high_u8(v));
}

LANE_NEON void
store_3_neon(uint8_t *to, uint8x16_t v)
{
    uint32_t last = vgetq_lane_u32((uint32x4_t)v, 2);
    vst1_u8(to, vget_low_u8(v));
    memcpy(to + 8, &last, sizeof last);
}

#endif

#endif
