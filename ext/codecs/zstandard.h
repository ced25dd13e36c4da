/*
 * Zstandard with libzstd, where this build has it.
 */
#ifndef ZSTANDARD_H
#define ZSTANDARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As "libzstd 1.5.7", or NULL without it. */
const char *zstandard_version(void);

/*
 * Expand one whole frame to just `count` bytes.  False, and they are
 * undefined, where there are others.
 */
bool zstandard_expand(const uint8_t *bytes, size_t size, uint8_t *expanded,
                      size_t count);

#endif
