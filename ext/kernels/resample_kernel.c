/* The loops of resampling, for each instruction set. */
#include "resample_kernel.h"

#include "vectors.h"

#include <string.h>

/* ---- without vectors ---- */

static struct quad_weights
prepare_scalar(const int32_t weights[QUAD])
{
    struct quad_weights prepared;

    for (int i = 0; i < QUAD; i++) {
        prepared.words[i] = (uint32_t)weights[i];
    }
    return prepared;
}

static void
gather_scalar(const uint8_t *const rows[QUAD], size_t count,
              const struct resample_layout *layout, uint8_t *quads,
              size_t stride)
{
    size_t step = (size_t)QUAD * layout->source_channels;

    for (size_t i = 0; i < count; i++) {
        uint8_t *quad = quads + i * stride;

        for (size_t c = 0; c < layout->target_channels; c++) {
            for (size_t row = 0; row < QUAD; row++) {
                for (size_t j = 0; j < QUAD; j++) {
                    *quad++ =
                        rows[row][i * step + layout->order[QUAD * c + j]];
                }
            }
        }
    }
}

static void
interleave_scalar(const uint8_t *const rows[QUAD], size_t count,
                  uint8_t *quads)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < QUAD; j++) {
            quads[QUAD * i + j] = rows[j][i];
        }
    }
}

/* The sum is less than 2^31 either way: weights add up to 1, and those below
   0 to more than -1/2. On the way it may wrap around. */
static uint8_t
round_to_byte(uint32_t sum)
{
    uint32_t rounded = sum + (1u << (FRACTION_BITS - 1));
    int32_t byte = (int32_t)rounded >> FRACTION_BITS;

    return (uint8_t)(byte < 0 ? 0 : byte > 255 ? 255 : byte);
}

/* Sums that are made together, for the weights to stay in registers. Their
   number is known to the compiler. */
static inline void
weigh_together(const struct quad_weights *weights, int32_t quad_count,
               const uint8_t *quads, size_t stride, size_t together,
               uint8_t *sums)
{
    uint32_t totals[4] = {0};

    for (int32_t i = 0; i < quad_count; i++) {
        const uint32_t *words = weights[i].words;

        for (size_t j = 0; j < together; j++) {
            const uint8_t *quad = quads + QUAD * j;

            totals[j] += quad[0] * words[0] + quad[1] * words[1] +
                         quad[2] * words[2] + quad[3] * words[3];
        }
        quads += stride;
    }
    for (size_t j = 0; j < together; j++) {
        sums[j] = round_to_byte(totals[j]);
    }
}

static void
weigh_span_scalar(const struct quad_weights *weights, int32_t quad_count,
                  const uint8_t *quads, size_t stride, size_t count,
                  uint8_t *sums)
{
    size_t i = 0;

    for (; i + 4 <= count; i += 4) {
        weigh_together(weights, quad_count, quads + QUAD * i, stride, 4,
                       sums + i);
    }
    for (; i < count; i++) {
        weigh_together(weights, quad_count, quads + QUAD * i, stride, 1,
                       sums + i);
    }
}

static void
weigh_scalar(const struct resample_axis *axis, int32_t first, int32_t last,
             const uint8_t *quads, size_t stride, int32_t first_quad,
             size_t count, uint8_t *sums, size_t sum_stride)
{
    for (int32_t i = first; i < last; i++) {
        const struct resample_span *span = &axis->spans[i];
        size_t skipped = (size_t)(span->first_quad - first_quad);

        weigh_span_scalar(axis->weights + span->first_weight, span->quad_count,
                          quads + skipped * stride, stride, count, sums);
        sums += sum_stride;
    }
}

static void
premultiply_scalar(const uint8_t *rgba, size_t count, uint8_t *result)
{
    for (size_t i = 0; i < 4 * count; i += 4) {
        for (size_t c = i; c < i + 3; c++) {
            uint32_t t = (uint32_t)rgba[c] * rgba[i + 3] + 128;

            result[c] = (uint8_t)((t + (t >> 8)) >> 8);
        }
        result[i + 3] = rgba[i + 3];
    }
}

static void
unpremultiply_scalar(uint8_t *rgba, size_t count)
{
    for (size_t i = 0; i < 4 * count; i += 4) {
        uint32_t alpha = rgba[i + 3];

        for (size_t c = i; c < i + 3 && alpha > 0 && alpha < 255; c++) {
            uint32_t straight = 255u * rgba[c] / alpha;

            rgba[c] = (uint8_t)(straight < 255 ? straight : 255);
        }
    }
}

static void
average_scalar(const uint8_t *upper, const uint8_t *lower, size_t apart,
               size_t count, uint8_t *means)
{
    for (size_t i = 0; i < count; i++) {
        means[i] = (uint8_t)((upper[i] + upper[i + apart] + lower[i] +
                              lower[i + apart] + 2) /
                             4);
    }
}

static const struct resample_kernel kernel_scalar = {
    prepare_scalar,     gather_scalar,        interleave_scalar, weigh_scalar,
    premultiply_scalar, unpremultiply_scalar, average_scalar,
};

/* ---- with vectors ---- */

#if defined(HAVE_X86_KERNELS) || defined(HAVE_NEON_KERNEL)

#    define ALPHA_MASK 0xff000000u

#endif

#ifdef HAVE_X86_KERNELS

/* ---- AVX2 ---- */

/*
 * The instruction for sums of products takes 16-bit integers, two by two, so
 * weights are divided into two: the lower bits, and the signed rest.
 */
enum { LOW_BITS = 15 };

static uint32_t
low_pair(int32_t first, int32_t second)
{
    uint32_t mask = (1u << LOW_BITS) - 1;

    return ((uint32_t)first & mask) | ((uint32_t)second & mask) << 16;
}

static uint32_t
high_pair(int32_t first, int32_t second)
{
    return ((uint32_t)(first >> LOW_BITS) & 0xffff) |
           (uint32_t)(second >> LOW_BITS) << 16;
}

/* Bytes with even numbers are one pair, those with odd ones another. */
static struct quad_weights
prepare_avx2(const int32_t weights[QUAD])
{
    return (struct quad_weights){{
        low_pair(weights[0], weights[2]),
        low_pair(weights[1], weights[3]),
        high_pair(weights[0], weights[2]),
        high_pair(weights[1], weights[3]),
    }};
}

static inline __attribute__((always_inline)) TARGET_AVX2 __m256i
add_pair_avx2(__m256i sum, __m256i bytes, uint32_t pair)
{
    return _mm256_add_epi32(
        sum, _mm256_madd_epi16(bytes, _mm256_set1_epi32((int32_t)pair)));
}

static inline __attribute__((always_inline)) TARGET_AVX2 void
add_products_avx2(__m256i parts[2], __m256i quads, const uint32_t words[4])
{
    __m256i even = _mm256_and_si256(quads, _mm256_set1_epi16(255));
    __m256i odd = _mm256_srli_epi16(quads, 8);

    parts[0] = add_pair_avx2(parts[0], even, words[0]);
    parts[0] = add_pair_avx2(parts[0], odd, words[1]);
    parts[1] = add_pair_avx2(parts[1], even, words[2]);
    parts[1] = add_pair_avx2(parts[1], odd, words[3]);
}

static inline __attribute__((always_inline)) TARGET_AVX2 __m256i
total_avx2(const __m256i parts[2])
{
    return _mm256_add_epi32(parts[0], _mm256_slli_epi32(parts[1], LOW_BITS));
}

/* Both instructions take the nearest number that there is. */
static inline __attribute__((always_inline)) TARGET_AVX2 void
store_bytes_avx2(uint8_t *bytes, __m256i v)
{
    __m256i packed = _mm256_packus_epi16(_mm256_packs_epi32(v, v), v);
    __m128i low = _mm256_castsi256_si128(packed);
    __m128i high = _mm256_extracti128_si256(packed, 1);

    _mm_storel_epi64((__m128i *)bytes, _mm_unpacklo_epi32(low, high));
}

static inline __attribute__((always_inline)) TARGET_AVX2 __m256i
two_rows_avx2(const uint8_t *row, const uint8_t *other)
{
    return _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)row)),
        _mm_loadu_si128((const __m128i *)other), 1);
}

static inline __attribute__((always_inline)) TARGET_AVX2 void
gather_quads_avx2(const uint8_t *const rows[QUAD],
                  const struct resample_layout *layout, uint8_t *quads)
{
    __m256i order = _mm256_broadcastsi128_si256(
        _mm_loadu_si128((const __m128i *)layout->order));
    __m256i even = _mm256_shuffle_epi8(two_rows_avx2(rows[0], rows[2]), order);
    __m256i odd = _mm256_shuffle_epi8(two_rows_avx2(rows[1], rows[3]), order);
    /* Of both pairs of rows two channels; then channel by channel. */
    __m256i first = _mm256_unpacklo_epi32(even, odd);
    __m256i last = _mm256_unpackhi_epi32(even, odd);

    first = _mm256_permute4x64_epi64(first, _MM_SHUFFLE(3, 1, 2, 0));
    last = _mm256_permute4x64_epi64(last, _MM_SHUFFLE(3, 1, 2, 0));
    _mm256_storeu_si256((__m256i *)quads, first);
    if (layout->target_channels == 4) {
        _mm256_storeu_si256((__m256i *)(quads + 32), last);
    } else {
        _mm_storeu_si128((__m128i *)(quads + 32),
                         _mm256_castsi256_si128(last));
    }
}

#    define SUFFIX _avx2
#    define TARGET TARGET_AVX2
#    define VECTOR __m256i
#    define VECTOR_BYTES 32
#    define PARTS 2
#    include "resample_template.h"

/* ---- AVX-512 ---- */

/*
 * The instruction for sums of products, of VNNI, takes signed bytes, four by
 * four, so weights are divided into three. They fit: none is beyond 1.3, as
 * each filter has most of its weight within half a pixel, which lies on the
 * source.
 */
static struct quad_weights
prepare_avx512(const int32_t weights[QUAD])
{
    struct quad_weights prepared = {{0}};

    for (int i = 0; i < QUAD; i++) {
        int32_t rest = weights[i];

        for (int part = 0; part < 3; part++) {
            int8_t digit = (int8_t)(rest & 255);

            prepared.words[part] |= (uint32_t)(uint8_t)digit << 8 * i;
            rest = (rest - digit) >> 8;
        }
    }
    return prepared;
}

static inline __attribute__((always_inline)) TARGET_AVX512 void
add_products_avx512(__m512i parts[3], __m512i quads, const uint32_t words[4])
{
#    pragma GCC unroll 3
    for (int i = 0; i < 3; i++) {
        parts[i] = _mm512_dpbusd_epi32(parts[i], quads,
                                       _mm512_set1_epi32((int32_t)words[i]));
    }
}

static inline __attribute__((always_inline)) TARGET_AVX512 __m512i
total_avx512(const __m512i parts[3])
{
    __m512i upper = _mm512_add_epi32(parts[1], _mm512_slli_epi32(parts[2], 8));

    return _mm512_add_epi32(parts[0], _mm512_slli_epi32(upper, 8));
}

static inline __attribute__((always_inline)) TARGET_AVX512 void
store_bytes_avx512(uint8_t *bytes, __m512i v)
{
    __m512i positive = _mm512_max_epi32(v, _mm512_setzero_si512());

    _mm_storeu_si128((__m128i *)bytes, _mm512_cvtusepi32_epi8(positive));
}

static inline __attribute__((always_inline)) TARGET_AVX512 void
gather_quads_avx512(const uint8_t *const rows[QUAD],
                    const struct resample_layout *layout, uint8_t *quads)
{
    __m512i order = _mm512_broadcast_i32x4(
        _mm_loadu_si128((const __m128i *)layout->order));
    __m512i by_channel = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10,
                                           14, 3, 7, 11, 15);
    __m512i v = _mm512_castsi256_si512(two_rows_avx2(rows[0], rows[1]));

    v = _mm512_inserti64x4(v, two_rows_avx2(rows[2], rows[3]), 1);
    v = _mm512_shuffle_epi8(v, order);
    v = _mm512_permutexvar_epi32(by_channel, v);
    _mm512_mask_storeu_epi32(
        quads, (__mmask16)((1u << QUAD * layout->target_channels) - 1), v);
}

#    define SUFFIX _avx512
#    define TARGET TARGET_AVX512
#    define VECTOR __m512i
#    define VECTOR_BYTES 64
#    define PARTS 3
#    include "resample_template.h"

#endif

#ifdef HAVE_NEON_KERNEL

/* ---- NEON ---- */

static struct quad_weights
prepare_neon(const int32_t weights[QUAD])
{
    return prepare_scalar(weights);
}

static inline __attribute__((always_inline)) void
add_products_neon(uint8x16_t parts[1], uint8x16_t quads,
                  const uint32_t words[4])
{
    uint32x4_t v = vreinterpretq_u32_u8(quads);
    uint32x4_t sum = vreinterpretq_u32_u8(parts[0]);

    sum = vmlaq_n_u32(sum, vandq_u32(v, vdupq_n_u32(255)), words[0]);
    sum = vmlaq_n_u32(sum, vandq_u32(vshrq_n_u32(v, 8), vdupq_n_u32(255)),
                      words[1]);
    sum = vmlaq_n_u32(sum, vandq_u32(vshrq_n_u32(v, 16), vdupq_n_u32(255)),
                      words[2]);
    sum = vmlaq_n_u32(sum, vshrq_n_u32(v, 24), words[3]);
    parts[0] = vreinterpretq_u8_u32(sum);
}

static inline __attribute__((always_inline)) uint8x16_t
total_neon(const uint8x16_t parts[1])
{
    return parts[0];
}

/* Both instructions take the nearest number that there is. */
static inline __attribute__((always_inline)) void
store_bytes_neon(uint8_t *bytes, uint8x16_t v)
{
    uint16x4_t halves = vqmovun_s32(vreinterpretq_s32_u8(v));
    uint8x8_t packed = vqmovn_u16(vcombine_u16(halves, halves));
    uint32_t word = vget_lane_u32(vreinterpret_u32_u8(packed), 0);

    memcpy(bytes, &word, sizeof(word));
}

static inline __attribute__((always_inline)) uint32x4_t
by_channel_neon(const uint8_t *row, uint8x16_t order)
{
    return vreinterpretq_u32_u8(vqtbl1q_u8(vld1q_u8(row), order));
}

static inline __attribute__((always_inline)) void
gather_quads_neon(const uint8_t *const rows[QUAD],
                  const struct resample_layout *layout, uint8_t *quads)
{
    uint8x16_t order = vld1q_u8(layout->order);
    uint32x4_t v[QUAD], even[2], odd[2];

    for (int row = 0; row < QUAD; row++) {
        v[row] = by_channel_neon(rows[row], order);
    }
    even[0] = vzip1q_u32(v[0], v[2]);
    even[1] = vzip2q_u32(v[0], v[2]);
    odd[0] = vzip1q_u32(v[1], v[3]);
    odd[1] = vzip2q_u32(v[1], v[3]);
    for (int channel = 0; channel < layout->target_channels; channel++) {
        int half = channel / 2;
        uint32x4_t quad = channel % 2 == 0 ? vzip1q_u32(even[half], odd[half])
                                           : vzip2q_u32(even[half], odd[half]);

        vst1q_u8(quads + 16 * channel, vreinterpretq_u8_u32(quad));
    }
}

#    define SUFFIX _neon
#    define TARGET /* part of AArch64 */
#    define VECTOR uint8x16_t
#    define VECTOR_BYTES 16
#    define PARTS 1
#    include "resample_template.h"

#endif

/* ---- dispatch ---- */

const struct resample_kernel *const resample_kernels[] = {
#ifdef HAVE_X86_KERNELS
    [AVX512] = &kernel_avx512,
    [AVX2] = &kernel_avx2,
#endif
#ifdef HAVE_NEON_KERNEL
    [NEON] = &kernel_neon,
#endif
    [SCALAR] = &kernel_scalar,
};
