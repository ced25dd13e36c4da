#include "ngr.h"

#include "system/byte_order.h"

/* The mark, a number that says nothing, the sides, the width of columns, two
   more numbers, and where the pixels are. */
enum {
    HEADER_BYTES = 28,
    WIDTH_AT = 4,
    HEIGHT_AT = 8,
    COLUMN_AT = 12,
    OFFSET_AT = 24,
};

enum { SAMPLES = 3, LOW_BITS = 4 };

bool
ngr_open(struct ngr_file *file, const struct source *source)
{
    uint8_t header[HEADER_BYTES];
    if (!source_read(source, 0, header, sizeof header) || header[0] != 'G' ||
        header[1] != 'N') {
        return false;
    }
    *file = (struct ngr_file){
        .width = little_endian_i32(header + WIDTH_AT),
        .height = little_endian_i32(header + HEIGHT_AT),
        .column_width = little_endian_i32(header + COLUMN_AT),
        .offset = little_endian_i32(header + OFFSET_AT),
    };
    return file->width > 0 && file->height > 0 && file->column_width > 0 &&
           file->offset > 0 && file->width % file->column_width == 0;
}

void
ngr_convert(const uint8_t *pixels, uint8_t *rgb, size_t count)
{
    for (size_t i = 0; i < count * SAMPLES; i++) {
        unsigned sample = pixels[2 * i] | (unsigned)pixels[2 * i + 1] << 8;
        rgb[i] = (uint8_t)(sample >> LOW_BITS);
    }
}
