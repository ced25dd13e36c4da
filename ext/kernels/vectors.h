#ifndef VECTORS_H
#define VECTORS_H

/*
 * For each instruction set of instruction_sets.h how functions are compiled
 * for it, and what GNU C's vector arithmetic lacks.
 */

#include "instruction_sets.h"

#include <stdbool.h>

#ifdef HAVE_X86_KERNELS

#    include <immintrin.h>

#    define TARGET_AVX2 __attribute__((target("avx2")))

static inline TARGET_AVX2 bool
is_zero_avx2(__m256i v)
{
    return _mm256_testz_si256(v, v);
}

static inline TARGET_AVX2 __m256
minimum_avx2(__m256 a, __m256 b)
{
    return _mm256_min_ps(a, b);
}

/*
 * VBMI marks the CPUs on which 512-bit vectors are worth having: the ones
 * before it lower their clock for them, which slows the decoder that runs
 * before and after as well. All of them but one have VNNI, too.
 */
#    define TARGET_AVX512                                                     \
        __attribute__((target("avx512f,avx512bw,avx512vbmi,avx512vnni")))

static inline TARGET_AVX512 bool
is_zero_avx512(__m512i v)
{
    return _mm512_test_epi32_mask(v, v) == 0;
}

static inline TARGET_AVX512 __m512
minimum_avx512(__m512 a, __m512 b)
{
    return _mm512_min_ps(a, b);
}

#endif

#ifdef HAVE_NEON_KERNEL

#    include <arm_neon.h>

static inline bool
is_zero_neon(uint8x16_t v)
{
    return vmaxvq_u8(v) == 0;
}

static inline float32x4_t
minimum_neon(float32x4_t a, float32x4_t b)
{
    return vminq_f32(a, b);
}

#endif

#endif
