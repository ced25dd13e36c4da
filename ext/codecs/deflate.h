/*
 * Deflate with libdeflate, where this build has it.
 */
#ifndef DEFLATE_H
#define DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As "libdeflate 1.14", or NULL without it. */
const char *deflate_version(void);

/*
 * Expand one whole stream with a header of zlib's to just `count` bytes, whose
 * sum is the one at its end.  False, and they are undefined, where there are
 * others.
 *
 * What zlib accepts comes out the same.  libdeflate takes some more: it knows
 * no codes that stand for nothing, but takes them for others that it has.
 */
bool deflate_expand(const uint8_t *bytes, size_t size, uint8_t *expanded,
                    size_t count);

/* The sum CRC-32, as in PNG; 0 without the library. */
uint32_t deflate_crc(const uint8_t *bytes, size_t size);

#endif
