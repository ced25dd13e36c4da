#include "batch_order.h"

#include "system/lengths.h"

#include <stdlib.h>

/* Native tiles that neighbouring reads share stay in the cache if regions are
   read in columns of this many tiles, from top to bottom: with tiles of
   256 x 256 pixels two rows of these take 4 MB of libopenslide's 32. */
static const int64_t TILES_ACROSS = 8;

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

/* Which tile of its level a position lies in. */
static int64_t
tile_at(int64_t position, double downsample, int64_t tile_side)
{
    double side = (double)(tile_side > 0 ? tile_side : USUAL_TILE);
    return position_truncated((double)position / downsample / side);
}

static struct place
place_of(const struct region *region, const struct slide_handle *handle,
         int64_t number)
{
    const struct slide_level *level =
        slide_handle_level(handle, region->level);
    if (level == NULL) { /* where there is nothing to read */
        return (struct place){.level = region->level, .number = number};
    }
    int64_t x = tile_at(region->x, level->downsample, level->tile_width);
    int64_t y = tile_at(region->y, level->downsample, level->tile_height);
    return (struct place){region->level, x / TILES_ACROSS, y, x, number};
}

int64_t *
batch_order(const struct region *regions, int64_t count,
            const struct slide_handle *handle)
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
        places[i] = place_of(&regions[i], handle, i);
    }
    qsort(places, (size_t)count, sizeof *places, compare_places);
    for (int64_t i = 0; i < count; i++) {
        order[i] = places[i].number;
    }
    free(places);
    return order;
}
