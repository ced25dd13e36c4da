/*
 * Which levels libopenslide makes of the directories of an NDPI file, and of
 * the files of VMS.
 */
#ifndef DIRECT_NDPI_LEVELS_H
#define DIRECT_NDPI_LEVELS_H

#include "ndpi_image.h"
#include "slide/slide_handle.h"

/* One of as many as the slide has levels; all bits 0 before. */
struct ndpi_level {
    struct image image;  /* to be closed */
    size_t mosaic;       /* which one it is made of */
    const char *refusal; /* why it cannot be decoded here, or NULL */
};

/*
 * Find which levels of a slide are made of mosaics, in the order of the slide.
 * NULL, or why none of them can be decoded here, in words.
 */
const char *ndpi_offer_levels(struct ndpi_level *levels,
                              const struct slide_handle *handle,
                              struct ndpi_mosaic *const *mosaics,
                              size_t count);

/* The levels of a slide whose path leads to this source, an NDPI file. */
const char *ndpi_find_levels(struct ndpi_level *levels,
                             const struct slide_handle *handle,
                             const struct source *source);

#endif
