/*
 * Regions of a level, pixel for pixel as libopenslide paints them: of one grid
 * of tiles, or of several in their places.
 */
#ifndef DIRECT_ASSEMBLY_H
#define DIRECT_ASSEMBLY_H

#include "kernels/paint.h"
#include "slide/pixels.h"
#include "slide/region.h"
#include "system/scratch.h"
#include "tile_supply.h"

/* Of this many pixels all are painted before any is converted. */
enum { ASSEMBLY_BAND_PIXELS = 1 << 20 };

/* What a region is made of, each of which is a way to go wrong. */
enum {
    ASSEMBLY_TILE = 1 << 0,   /* any tile */
    ASSEMBLY_SEAM = 1 << 1,   /* more than one */
    ASSEMBLY_EDGE = 1 << 2,   /* one that the edge of the image cuts */
    ASSEMBLY_COPIED = 1 << 3, /* pixels of the image as they are */
    ASSEMBLY_MIXED = 1 << 4,  /* more than one tile painted */
    /* The first of the modes that tiles are painted in; the others have the
       bits above. */
    ASSEMBLY_PAINTED = 1 << 5,
    ASSEMBLY_IMAGE = ASSEMBLY_PAINTED * (PAINT_MODES + 1), /* the same */
    /* Those of them that say nothing of each other. */
    ASSEMBLY_ARITHMETIC = ASSEMBLY_COPIED | ASSEMBLY_MIXED |
        ASSEMBLY_PAINTED * PAINT_MODES,
};

/*
 * The pixels of a level's grid that a region shows, whole ones and those
 * between which it lies: the tiles that they belong to are those that
 * libopenslide decodes.  False where there are none, and where the region is
 * more than libopenslide paints at once.
 */
bool assembly_area(const struct tile_supply *supply,
                   const struct region *region, struct level_area *area);

/*
 * Read the region into `pixels`, and add what it is made of to `parts`.  False
 * where libopenslide might read something else, or fail; the pixels and the
 * parts are then undefined.
 */
bool assembly_read(const struct tile_supply *supply,
                   const struct region *region, const struct pixels *pixels,
                   struct scratch *scratch, unsigned *parts);

#endif
