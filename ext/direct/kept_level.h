/*
 * A level that libopenslide decodes, and whose pixels are kept, so that it
 * need not decode and paint them again.
 *
 * It is asked for nothing but the very tiles that it would decode for the
 * region, so that it fails where it would fail, with the same words.
 */
#ifndef DIRECT_KEPT_LEVEL_H
#define DIRECT_KEPT_LEVEL_H

#include "slide/region.h"
#include "slide/slide_handle.h"
#include "system/scratch.h"
#include "tile_supply.h"

/* All bits 0: not kept. */
struct kept_level {
    bool is_kept;
    /* Its pixels are those of a plain grid of tiles, of which libopenslide
       makes those that lie between pixels. */
    bool is_grid;
    int64_t width, height;
    struct placement placement; /* without a container */
};

/* Whether and how to keep a level that is not read directly. */
void kept_level_describe(struct kept_level *level,
                         const struct slide_handle *handle, int32_t number);

/* Make a supply of what is kept of the level; false where the region cannot be
   made of that, or is too large to keep. */
bool kept_level_supply(const struct kept_level *level,
                       struct kept_pixels *kept, const struct block *block,
                       struct tile_supply *supply);

/*
 * Have libopenslide read what is missing.  False where it fails, and where it
 * is best asked for all of the region, which kept_level_keep() then keeps.
 */
bool kept_level_fill(const struct slide_handle *handle,
                     const struct tile_supply *supply,
                     const struct region *region, struct scratch *scratch);

/* Keep what libopenslide has read of the region: words row by row. */
void kept_level_keep(const struct tile_supply *supply,
                     const struct region *region, const uint32_t *words);

#endif
