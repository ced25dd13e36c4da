/*
 * What the description of a Leica slide says of its images: where they lie in
 * the collection, in nanometres, and which directories store them.
 */
#ifndef DIRECT_LEICA_H
#define DIRECT_LEICA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More than these are left to libopenslide. */
enum { LEICA_MAX_IMAGES = 256, LEICA_MAX_LEVELS = 32 };

/* An image at one resolution. */
struct leica_level {
    int64_t width; /* pixels */
    int64_t directory;
    size_t place; /* among the levels in the description */
};

struct leica_image {
    int64_t x, y, width, height;
    bool is_brightfield;
    /* Of the first focal plane, the widest first, and those of the same width
       as the description has them.  Fluorescence has one for each channel. */
    struct leica_level levels[LEICA_MAX_LEVELS];
    size_t level_count; /* more than there is room for: not all are there */
};

struct leica_collection {
    int64_t width, height;
    struct leica_image images[LEICA_MAX_IMAGES];
    size_t image_count;
};

/* False where the description says more, or less, or says it in another way
   than expected. */
bool leica_read(struct leica_collection *collection, const char *description,
                size_t length);

/* Whether an image is the picture of the whole slide, which is no level. */
bool leica_is_macro(const struct leica_collection *collection,
                    const struct leica_image *image);

#endif
