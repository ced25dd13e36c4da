/*
 * Regions of a level, pixel for pixel as libopenslide paints them: of one grid
 * of tiles, or of several in their places.
 */
#ifndef DIRECT_ASSEMBLY_H
#define DIRECT_ASSEMBLY_H

#include "image.h"
#include "pixels.h"
#include "region.h"
#include "scratch.h"
#include "tile_cache.h"

/* An image in its place in a level. */
struct placement {
    struct image image;
    uint32_t number; /* among the images of the slide */
    int64_t x, y;    /* its top left corner, in pixels of the level */
    /* From tile to tile: less than their size where they overlap.  Then those
       further right and further down lie on top. */
    int64_t advance_x, advance_y;
};

/* What a level is made of, and where its tiles are taken from, for one read.
 */
struct tile_supply {
    const struct placement *placements; /* the first lies on top */
    size_t count;
    /* Images are painted at whole pixels, wherever a region lies. */
    bool is_snapped;
    double downsample;
    struct tile_cache *cache;
    uint64_t slide;
    /* Whether the file is what it was; asked before a tile is decoded. */
    bool (*is_intact)(void *argument);
    void *argument;
};

/* What a region is made of, each of which is a way to go wrong. */
enum {
    ASSEMBLY_TILE = 1 << 0,      /* any tile */
    ASSEMBLY_SEAM = 1 << 1,      /* more than one */
    ASSEMBLY_EDGE = 1 << 2,      /* one that the edge of the image cuts */
    ASSEMBLY_RESAMPLED = 1 << 3, /* pixels between those of the image */
    ASSEMBLY_IMAGE = 1 << 4,     /* the first image; others have bits above */
};

/* A set of these. */
unsigned assembly_parts(const struct tile_supply *supply,
                        const struct region *region);

/*
 * Read the region into `pixels`.  False where libopenslide might read
 * something else, or fail; the pixels are then undefined.
 */
bool assembly_read(const struct tile_supply *supply,
                   const struct region *region, const struct pixels *pixels,
                   struct scratch *scratch);

#endif
