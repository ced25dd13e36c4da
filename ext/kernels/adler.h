#ifndef ADLER_H
#define ADLER_H

#include "instruction_sets.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The sum at the end of a stream of zlib's, Adler-32 of RFC 1950. zlib takes a
 * twentieth of the time that it takes to expand a tile to add that up.
 */
uint32_t adler_sum(const uint8_t *bytes, size_t count);

/* The two halves of the sum, of which the second is a sum of the first. */
struct adler {
    uint32_t first, second;
};

/*
 * Add bytes to it. Call that of an instruction set only if
 * instruction_set_missing() is NULL.
 */
typedef void adler_kernel(struct adler *sum, const uint8_t *bytes,
                          size_t count);

extern adler_kernel *const adler_kernels[INSTRUCTION_SET_COUNT];

#endif
