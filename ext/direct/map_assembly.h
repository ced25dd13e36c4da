/*
 * Regions of levels whose tiles lie on a map: painted one upon another, but
 * copied where all of them lie on the pixels of the level.
 */
#ifndef DIRECT_MAP_ASSEMBLY_H
#define DIRECT_MAP_ASSEMBLY_H

#include "slide/pixels.h"
#include "system/scratch.h"
#include "tile_supply.h"

/* A part of a region, in pixels from its corner. */
struct block_place {
    int64_t column, row, width, height;
};

/*
 * Read what the view shows of the only image of the supply, which has a map.
 * As assembly_read().
 */
bool map_assembly_read(const struct tile_supply *supply,
                       const struct map_view *view,
                       const struct block_place *place,
                       const struct pixels *pixels, struct scratch *scratch,
                       unsigned *parts);

#endif
