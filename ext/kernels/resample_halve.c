/* The mean of each 2 x 2 pixels. */
#include "resample_kernel.h"
#include "system/lengths.h"

#include <string.h>

enum {
    PART = 256, /* pixels of the target that are made at once */
    MOST_CHANNELS = 4,
};

/* Of the means that begin with every pixel those that begin with every other
   one. Four bytes are copied in one go; the next pixel covers what is more. */
static void
pick(const uint8_t *means, size_t count, size_t channels, uint8_t *target)
{
    for (size_t i = 1; i < count; i++) {
        memcpy(target, means, MOST_CHANNELS);
        target += channels;
        means += 2 * channels;
    }
    memcpy(target, means, channels);
}

/* `count` pixels of the target, of twice as many in both rows. */
static void
halve_part(const struct resample_kernel *kernel, const struct halving *halving,
           const uint8_t *upper, const uint8_t *lower, size_t count,
           uint8_t *target)
{
    uint8_t premultiplied[2][2 * PART * MOST_CHANNELS];
    uint8_t means[2 * PART * MOST_CHANNELS];
    size_t channels = halving->channels;

    if (halving->has_alpha) {
        kernel->premultiply(upper, 2 * count, premultiplied[0]);
        kernel->premultiply(lower, 2 * count, premultiplied[1]);
        upper = premultiplied[0];
        lower = premultiplied[1];
    }
    kernel->average(upper, lower, channels, (2 * count - 1) * channels, means);
    pick(means, count, channels, target);
    if (halving->has_alpha) {
        kernel->unpremultiply(target, count);
    }
}

/* A pixel without a neighbour is its own, which rounds the mean alike. */
static void
halve_last(const struct resample_kernel *kernel, const struct halving *halving,
           const uint8_t *upper, const uint8_t *lower, uint8_t *target)
{
    uint8_t pairs[2][2 * MOST_CHANNELS];
    size_t channels = halving->channels;

    for (int i = 0; i < 2; i++) {
        memcpy(pairs[0] + i * channels, upper, channels);
        memcpy(pairs[1] + i * channels, lower, channels);
    }
    halve_part(kernel, halving, pairs[0], pairs[1], 1, target);
}

static void
halve_row(const struct resample_kernel *kernel, const struct halving *halving,
          const uint8_t *upper, const uint8_t *lower, uint8_t *target)
{
    size_t channels = halving->channels;
    size_t count = (size_t)(halving->width / 2);

    for (size_t i = 0; i < count; i += PART) {
        halve_part(kernel, halving, upper + 2 * i * channels,
                   lower + 2 * i * channels,
                   count - i < PART ? count - i : PART, target + i * channels);
    }
    if (halving->width % 2 != 0) {
        halve_last(kernel, halving, upper + 2 * count * channels,
                   lower + 2 * count * channels, target + count * channels);
    }
}

void
resample_halve_with(const struct resample_kernel *kernel,
                    const struct halving *halving)
{
    uint8_t *target = halving->target;

    for (int32_t row = 0; row < halving->height; row += 2) {
        int64_t below = smaller(row + 1, halving->height - 1);

        halve_row(kernel, halving,
                  halving->source + row * halving->source_stride,
                  halving->source + (ptrdiff_t)below * halving->source_stride,
                  target);
        target += halving->target_stride;
    }
}

void
resample_halve(const struct halving *halving)
{
    resample_halve_with(resample_kernels[instruction_set_in_use()], halving);
}
