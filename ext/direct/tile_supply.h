/*
 * What a level is made of, and where its tiles come from: the cache, or the
 * file.
 */
#ifndef DIRECT_TILE_SUPPLY_H
#define DIRECT_TILE_SUPPLY_H

#include "image.h"
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

/* For one read. */
struct tile_supply {
    const struct placement *placements; /* the first lies on top */
    size_t count;
    /* Images are painted at whole pixels, wherever a region lies. */
    bool is_snapped;
    double downsample;
    struct tile_cache *cache;
    /* Tiles that show as a whole are not put into the cache: the read has too
       many for it, and would only drive the others out. */
    bool spares_cache;
    uint64_t slide;
    /* Whether the file is what it was; asked before a tile is decoded. */
    bool (*is_intact)(void *argument);
    void *argument;
};

/*
 * The tile in this column and row of an image, to be released; NULL where
 * there is a hole.  False where there is anything odd.
 */
bool tile_supply_get(const struct tile_supply *supply,
                     const struct placement *placement, int64_t column,
                     int64_t row, const struct tile **tile);

/*
 * The same, but a tile that is not in the cache is decoded into `rows`, and
 * NULL.
 */
bool tile_supply_put(const struct tile_supply *supply,
                     const struct placement *placement, int64_t column,
                     int64_t row, const struct jpeg_rows *rows,
                     const struct tile **tile);

#endif
