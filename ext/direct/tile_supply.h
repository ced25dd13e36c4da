/*
 * What a level is made of, and where its tiles come from: the cache, or the
 * file.
 */
#ifndef DIRECT_TILE_SUPPLY_H
#define DIRECT_TILE_SUPPLY_H

#include "image.h"
#include "kept_pixels.h"
#include "read_ahead.h"
#include "tile_cache.h"
#include "tile_map.h"

/* An image in its place in a level. */
struct placement {
    struct image image;
    uint32_t number; /* among the images of the slide */
    int64_t x, y;    /* its top left corner, in pixels of the level */
    /* From tile to tile: less than their size where they overlap.  Then those
       further right and further down lie on top. */
    int64_t advance_x, advance_y;
    /* Where tiles show instead, NULL where they are in a grid. */
    const struct tile_map *map;
};

/* For one read. */
struct tile_supply {
    const struct placement *placements; /* the first lies on top */
    size_t count;
    /* Images are painted at whole pixels, wherever a region lies. */
    bool is_snapped;
    double downsample;
    struct tile_cache *cache;
    /* Tiles that show as a whole are not put into the cache: there are too
       many for it, which would only drive the others out. */
    bool spares_cache;
    /* Wider tiles are decoded where they show alone, if that takes less. */
    int64_t widest_whole;
    /* Tiles are taken from the last to the first, where their order does not
       matter: then two threads that want the same ones share the work. */
    bool is_upward;
    struct read_ahead *ahead; /* of this read alone; NULL: none */
    uint64_t slide;
    /* Whether the file that has a tile is what it was; asked before the tile
       is decoded. */
    bool (*is_intact)(const struct image *image, uint64_t tile,
                      void *argument);
    void *argument;
    /* Of a level that libopenslide decodes: what was kept of it, and the area
       that shows all tiles of the read, which are not decoded then.  Else
       NULL. */
    const struct kept_pixels *kept;
    struct level_area area;
};

/*
 * The tile of this number in an image, to be released; NULL where there is a
 * hole.  False where there is anything odd.
 */
bool tile_supply_get_number(const struct tile_supply *supply,
                            const struct placement *placement, uint64_t number,
                            const struct tile **tile);

/*
 * The tile in this column and row of an image, to be released; NULL where
 * there is a hole.  False where there is anything odd.
 */
bool tile_supply_get(const struct tile_supply *supply,
                     const struct placement *placement, int64_t column,
                     int64_t row, const struct tile **tile);

/*
 * The same, but there may be less of the tile than all, where that takes less
 * time: `columns` pixels from `first` on, and what key says.
 */
bool tile_supply_get_columns(const struct tile_supply *supply,
                             const struct placement *placement, int64_t column,
                             int64_t row, int64_t first, int64_t columns,
                             const struct tile **tile);

/* Rows of a tile follow one another by so many words. */
static inline int64_t
tile_stride(const struct tile *tile)
{
    return tile->key.columns;
}

/*
 * The same, but a tile that is not in the cache is decoded into `rows`, and
 * NULL.
 */
bool tile_supply_put(const struct tile_supply *supply,
                     const struct placement *placement, int64_t column,
                     int64_t row, const struct jpeg_rows *rows,
                     const struct tile **tile);

#endif
