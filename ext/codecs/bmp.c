#include "bmp.h"

#include "system/byte_order.h"

#include <string.h>

enum { SAMPLES = 3, HEADER_BYTES = 54 };

/* A header of the file, of 14 bytes, and one of the picture, of 40; a height
   that is positive says that the lowest row comes first. */
static bool
is_right_header(const uint8_t *bytes, size_t size, uint32_t width,
                uint32_t height)
{
    static const uint8_t one_plane_of_24_bits[] = {1, 0, 24, 0, 0, 0, 0, 0};
    return bytes[0] == 'B' && bytes[1] == 'M' &&
           little_endian_u32(bytes + 2) == size &&
           little_endian_u32(bytes + 10) == HEADER_BYTES &&
           little_endian_u32(bytes + 14) == 40 &&
           little_endian_u32(bytes + 18) == width &&
           little_endian_u32(bytes + 22) == height &&
           memcmp(bytes + 26, one_plane_of_24_bits,
                  sizeof one_plane_of_24_bits) == 0 &&
           little_endian_u32(bytes + 34) == size - HEADER_BYTES &&
           little_endian_u32(bytes + 46) == 0; /* colours of a table */
}

bool
bmp_expand(const uint8_t *bytes, size_t size, uint32_t width, uint32_t height,
           uint8_t *samples)
{
    size_t row_bytes = ((size_t)width * SAMPLES + 3) / 4 * 4;
    if (size != HEADER_BYTES + row_bytes * height ||
        !is_right_header(bytes, size, width, height)) {
        return false;
    }
    for (uint32_t y = height; y-- > 0;) {
        const uint8_t *row = bytes + HEADER_BYTES + y * row_bytes;
        for (uint32_t x = 0; x < width; x++, samples += SAMPLES) {
            samples[0] = row[x * SAMPLES + 2];
            samples[1] = row[x * SAMPLES + 1];
            samples[2] = row[x * SAMPLES];
        }
    }
    return true;
}
