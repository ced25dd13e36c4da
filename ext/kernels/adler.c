#include "adler.h"

#include "vectors.h"

/* The largest prime number below 2^16. */
#define MODULUS 65521u

/* ---- scalar: the reference for every other kernel ---- */

/* So many bytes cannot exceed 32 bits. */
enum { FEW_BYTES = 4096 };

static void
adler_scalar(struct adler *sum, const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        size_t few = count < FEW_BYTES ? count : FEW_BYTES;

        for (size_t i = 0; i < few; i++) {
            sum->first += bytes[i];
            sum->second += sum->first;
        }
        sum->first %= MODULUS;
        sum->second %= MODULUS;
        bytes += few;
        count -= few;
    }
}

/* ---- vector kernels ---- */

#ifdef HAVE_X86_KERNELS

static inline TARGET_AVX2 __m256i
widen_avx2(const uint8_t *bytes)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)bytes));
}

#    define SUFFIX _avx2
#    define TARGET TARGET_AVX2
#    define VECTOR __m256i
#    define VECTOR_BYTES 32
#    include "adler_template.h"

static inline TARGET_AVX512 __m512i
widen_avx512(const uint8_t *bytes)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)bytes));
}

#    define SUFFIX _avx512
#    define TARGET TARGET_AVX512
#    define VECTOR __m512i
#    define VECTOR_BYTES 64
#    include "adler_template.h"

#endif

/* ---- dispatch ---- */

adler_kernel *const adler_kernels[] = {
#ifdef HAVE_X86_KERNELS
    [AVX512] = adler_avx512,
    [AVX2] = adler_avx2,
#endif
#ifdef HAVE_NEON_KERNEL
    [NEON] = adler_scalar,
#endif
    [SCALAR] = adler_scalar,
};

uint32_t
adler_sum(const uint8_t *bytes, size_t count)
{
    struct adler sum = {1, 0};

    adler_kernels[instruction_set_in_use()](&sum, bytes, count);
    return sum.second << 16 | sum.first;
}
