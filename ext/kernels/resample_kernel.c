/* The loops of resampling, for each instruction set. */
#include "resample_kernel.h"

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

static uint32_t
weigh_quad(const uint8_t *quad, const struct quad_weights *weights)
{
    uint32_t sum = 0;

    for (int i = 0; i < QUAD; i++) {
        sum += quad[i] * weights->words[i];
    }
    return sum;
}

/* Sums side by side are made together, for compilers to make vectors of. */
static void
weigh_span_scalar(const struct quad_weights *weights, int32_t quad_count,
                  const uint8_t *quads, size_t stride, size_t count,
                  uint8_t *sums)
{
    enum { TOGETHER = 16 };

    for (size_t i = 0; i < count; i += TOGETHER) {
        size_t some = count - i < TOGETHER ? count - i : TOGETHER;
        uint32_t totals[TOGETHER] = {0};

        for (int32_t j = 0; j < quad_count; j++) {
            const uint8_t *quad = quads + (size_t)j * stride + QUAD * i;

            for (size_t k = 0; k < some; k++) {
                totals[k] += weigh_quad(quad + QUAD * k, &weights[j]);
            }
        }
        for (size_t k = 0; k < some; k++) {
            sums[i + k] = round_to_byte(totals[k]);
        }
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

static const struct resample_kernel scalar_kernel = {
    prepare_scalar, gather_scalar,      interleave_scalar,
    weigh_scalar,   premultiply_scalar, unpremultiply_scalar,
};

/* ---- dispatch ---- */

const struct resample_kernel *const resample_kernels[] = {
#ifdef HAVE_X86_KERNELS
    [AVX512] = &scalar_kernel,
    [AVX2] = &scalar_kernel,
#endif
#ifdef HAVE_NEON_KERNEL
    [NEON] = &scalar_kernel,
#endif
    [SCALAR] = &scalar_kernel,
};
