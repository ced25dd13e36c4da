/*
 * Which levels libopenslide makes of the directories of an NDPI file.
 */
#ifndef DIRECT_NDPI_LEVELS_H
#define DIRECT_NDPI_LEVELS_H

#include "image.h"
#include "slide/slide_handle.h"

/* One of as many as the slide has levels; all bits 0 before. */
struct ndpi_level {
    struct image image;  /* to be closed */
    const char *refusal; /* why it cannot be decoded here, or NULL */
};

/*
 * Find the levels of a Hamamatsu slide whose path leads to this source.  NULL,
 * or why none of them can be decoded here, in words.
 */
const char *ndpi_find_levels(struct ndpi_level *levels,
                             const struct slide_handle *handle,
                             const struct source *source);

#endif
