/*
 * Pictures of PNG, of red, green and blue in eight bits each, row after row.
 * Others are refused, and those that libpng may make something else of.
 */
#ifndef PNG_H
#define PNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Expand a picture of this size, with nothing behind it, to three bytes a
   pixel.  False where it is refused, which leaves them undefined. */
bool png_expand(const uint8_t *bytes, size_t size, uint32_t width,
                uint32_t height, uint8_t *samples);

#endif
