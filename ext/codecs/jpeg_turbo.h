/*
 * Decoding one tile of a slide with libjpeg-turbo, where this build has it.
 */
#ifndef JPEG_TURBO_H
#define JPEG_TURBO_H

#include "codecs/jpeg.h"

/* As jpeg_decode().  False where there is no libjpeg-turbo, too. */
bool jpeg_turbo_decode(const struct jpeg_format *format, const uint8_t *bytes,
                       size_t size, const struct jpeg_rows *rows);

/*
 * The same at 1/denominator of the size of the tile, which must divide both
 * sides: 2, 4 or 8.
 */
bool jpeg_turbo_decode_reduced(const struct jpeg_format *format,
                               const uint8_t *bytes, size_t size,
                               unsigned denominator,
                               const struct jpeg_rows *rows);

/* The library that it was built with, as "libjpeg-turbo 3.1.0", or NULL. */
const char *jpeg_turbo_version(void);

#endif
