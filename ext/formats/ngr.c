#include "ngr.h"

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

static int32_t
ngr_number_at(const uint8_t *bytes)
{
    return (int32_t)((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
                     (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24);
}

bool
ngr_open(struct ngr_file *file, const struct source *source)
{
    uint8_t header[HEADER_BYTES];
    if (!source_read(source, 0, header, sizeof header) || header[0] != 'G' ||
        header[1] != 'N') {
        return false;
    }
    *file = (struct ngr_file){
        .width = ngr_number_at(header + WIDTH_AT),
        .height = ngr_number_at(header + HEIGHT_AT),
        .column_width = ngr_number_at(header + COLUMN_AT),
        .offset = ngr_number_at(header + OFFSET_AT),
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
