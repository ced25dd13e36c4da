/*
 * Pixels of levels that libopenslide decodes, kept for the next read: tile by
 * tile, as far as they were read.
 */
#ifndef DIRECT_KEPT_PIXELS_H
#define DIRECT_KEPT_PIXELS_H

#include "tile_cache.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A rectangle of a level, in its pixels. */
struct level_area {
    int64_t x, y, width, height;
};

/* A level's pixels in the cache. */
struct kept_pixels {
    struct tile_cache *cache;
    uint64_t slide;
    uint32_t image;
    int64_t tile_width, tile_height;
    uint64_t tiles_across;
};

/* How many bytes the tiles of an area count; areas lie within the level. */
uint64_t kept_pixels_bytes(const struct kept_pixels *kept,
                           const struct level_area *area);

/* The smallest area around what is not kept of one; without width where all
   is. */
struct level_area kept_pixels_missing(const struct kept_pixels *kept,
                                      const struct level_area *area);

/* Keep an area: premultiplied ARGB, `stride` words from row to row. */
void kept_pixels_put(const struct kept_pixels *kept,
                     const struct level_area *area, const uint32_t *words,
                     ptrdiff_t stride);

/* A tile, to be released, if all that an area shows of it is kept; else
   NULL. */
const struct tile *kept_pixels_tile(const struct kept_pixels *kept,
                                    const struct level_area *area,
                                    int64_t column, int64_t row);

#endif
