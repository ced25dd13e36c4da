/*
 * Pictures of Windows' BMP, of 24 bits a pixel and not compressed.  Others are
 * refused.
 */
#ifndef BMP_H
#define BMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Take the pixels of a picture of this size, with nothing behind it, as three
   bytes each: red, green, blue.  False where it is refused. */
bool bmp_expand(const uint8_t *bytes, size_t size, uint32_t width,
                uint32_t height, uint8_t *samples);

#endif
