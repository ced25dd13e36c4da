/*
 * Deflate with zlib, where this build has it.
 */
#ifndef DEFLATE_H
#define DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As "zlib 1.3.1", or NULL without it. */
const char *deflate_version(void);

/*
 * Expand one whole stream with a header of zlib's to just `count` bytes.
 * False, and they are undefined, where there are others.
 */
bool deflate_expand(const uint8_t *bytes, size_t size, uint8_t *expanded,
                    size_t count);

#endif
