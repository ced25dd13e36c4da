#include "batch_order.h"

#include "system/lengths.h"

#include <stdlib.h>

/*
 * Regions are read in columns of tiles, from top to bottom, so that the tiles
 * which a row of regions shares with the next one are still in the cache. What
 * the columns share with one another is decoded twice: they are as wide as
 * half the cache has room for the tiles of a row.
 */
static const size_t SHARE = 2;

/* Where libopenslide names no tile size. */
static const int64_t USUAL_TILE = 256;

struct place {
    int64_t level, column, row, x, number;
};

static int
compare_places(const void *a, const void *b)
{
    const struct place *p = a, *q = b;
    const int64_t pairs[][2] = {
        {p->level, q->level}, {p->column, q->column}, {p->row, q->row},
        {p->x, q->x},         {p->number, q->number},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (pairs[i][0] != pairs[i][1]) {
            return pairs[i][0] < pairs[i][1] ? -1 : 1;
        }
    }
    return 0;
}

static int64_t
side_of(int64_t tile_side)
{
    return tile_side > 0 ? tile_side : USUAL_TILE;
}

/* How many tiles a column has across. */
static int64_t
tiles_across(const struct region *region, const struct slide_level *level,
             size_t cache_bytes)
{
    double pixels = (double)(cache_bytes / SHARE / sizeof(uint32_t));
    double rows = (double)region->height + (double)side_of(level->tile_height);
    int64_t across =
        position_truncated(pixels / rows / (double)side_of(level->tile_width));
    return larger(across, 1);
}

/* Which tile of its level a position lies in. */
static int64_t
tile_at(int64_t position, double downsample, int64_t tile_side)
{
    return position_truncated((double)position / downsample /
                              (double)side_of(tile_side));
}

static struct place
place_of(const struct region *region, const struct slide_handle *handle,
         size_t cache_bytes, int64_t number)
{
    const struct slide_level *level =
        slide_handle_level(handle, region->level);
    if (level == NULL) { /* where there is nothing to read */
        return (struct place){.level = region->level, .number = number};
    }
    int64_t x = tile_at(region->x, level->downsample, level->tile_width);
    int64_t y = tile_at(region->y, level->downsample, level->tile_height);
    int64_t across = tiles_across(region, level, cache_bytes);
    return (struct place){region->level, x / across, y, x, number};
}

int64_t *
batch_order(const struct region *regions, int64_t count,
            const struct slide_handle *handle, size_t cache_bytes)
{
    int64_t *order = calloc((size_t)count + 1, sizeof *order);
    if (count < 2) {
        return order;
    }
    struct place *places = calloc((size_t)count, sizeof *places);
    if (places == NULL || order == NULL) {
        free(places);
        free(order);
        return NULL;
    }
    for (int64_t i = 0; i < count; i++) {
        places[i] = place_of(&regions[i], handle, cache_bytes, i);
    }
    qsort(places, (size_t)count, sizeof *places, compare_places);
    for (int64_t i = 0; i < count; i++) {
        order[i] = places[i].number;
    }
    free(places);
    return order;
}
