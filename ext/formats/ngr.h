/*
 * The files of VMU slides: pixels of three 16-bit numbers, of which 12 bits
 * count, in columns one after another.
 */
#ifndef DIRECT_NGR_H
#define DIRECT_NGR_H

#include "system/source.h"

enum { NGR_PIXEL_BYTES = 6 };

struct ngr_file {
    int32_t width, height;
    int32_t column_width; /* divides the width */
    int32_t offset;       /* of the first pixel */
};

/* False where it is no such file. */
bool ngr_open(struct ngr_file *file, const struct source *source);

/* Pixels of the file to three bytes each, which may take the same place. */
void ngr_convert(const uint8_t *pixels, uint8_t *rgb, size_t count);

#endif
