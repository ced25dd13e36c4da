#include "batch_company.h"

#include "system/lengths.h"

#include <stdlib.h>

/* Of a column of tiles of a level, those that a region touches. */
struct stake {
    int64_t level, column, first_row, end_row, number;
};

static int
compare_stakes(const void *a, const void *b)
{
    const struct stake *p = a, *q = b;
    const int64_t pairs[][2] = {{p->level, q->level},
                                {p->column, q->column},
                                {p->first_row, q->first_row}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (pairs[i][0] != pairs[i][1]) {
            return pairs[i][0] < pairs[i][1] ? -1 : 1;
        }
    }
    return 0;
}

/* The tiles of a level that a region touches; none where nothing is known of
   them. */
struct tiles {
    int64_t first_column, end_column, first_row, end_row;
};

static struct tiles
tiles_of(const struct region *region, const struct slide_handle *handle)
{
    const struct slide_level *level =
        slide_handle_level(handle, region->level);
    if (level == NULL || level->tile_width <= 0 || level->tile_height <= 0 ||
        !region_is_near(region) || region->width <= 0 || region->height <= 0) {
        return (struct tiles){0};
    }
    int64_t x = position_truncated((double)region->x / level->downsample);
    int64_t y = position_truncated((double)region->y / level->downsample);
    return (struct tiles){
        x / level->tile_width,
        (x + region->width - 1) / level->tile_width + 1,
        y / level->tile_height,
        (y + region->height - 1) / level->tile_height + 1,
    };
}

/* How many stakes all regions have. */
static size_t
count_stakes(const struct region *regions, int64_t count,
             const struct slide_handle *handle)
{
    size_t stakes = 0;
    for (int64_t i = 0; i < count; i++) {
        struct tiles tiles = tiles_of(&regions[i], handle);
        stakes += (size_t)(tiles.end_column - tiles.first_column);
    }
    return stakes;
}

static void
list_stakes(struct stake *stake, struct region *regions, int64_t count,
            const struct slide_handle *handle)
{
    for (int64_t i = 0; i < count; i++) {
        struct tiles tiles = tiles_of(&regions[i], handle);
        for (int64_t k = tiles.first_column; k < tiles.end_column; k++) {
            *stake++ = (struct stake){regions[i].level, k, tiles.first_row,
                                      tiles.end_row, i};
            regions[i].company = COMPANY_NONE;
        }
    }
}

static bool
is_common(const struct stake *above, const struct stake *below)
{
    return above->level == below->level && above->column == below->column &&
           below->first_row < above->end_row;
}

/* In their order: each is looked at beside that of those before it which
   reaches furthest down. */
static void
find_common(const struct stake *stakes, size_t count, struct region *regions)
{
    const struct stake *furthest = stakes;
    for (size_t i = 1; i < count; i++) {
        const struct stake *stake = &stakes[i];
        bool common = is_common(furthest, stake);
        if (common) {
            regions[furthest->number].company = COMPANY_SOME;
            regions[stake->number].company = COMPANY_SOME;
        }
        if (!common || stake->end_row > furthest->end_row) {
            furthest = stake;
        }
    }
}

/* Whether the regions have more pixels than tiles of so many bytes. */
static bool
exceed(const struct region *regions, int64_t count, size_t bytes)
{
    uint64_t pixels = bytes / sizeof(uint32_t);
    for (int64_t i = 0; i < count; i++) {
        if (region_exceeds(&regions[i], pixels)) {
            return true;
        }
        pixels -= (uint64_t)larger(regions[i].width, 0) *
                  (uint64_t)larger(regions[i].height, 0);
    }
    return false;
}

void
batch_note_company(struct region *regions, int64_t count,
                   const struct slide_handle *handle, size_t cache_bytes)
{
    bool is_passing = exceed(regions, count, cache_bytes);
    size_t stake_count = count < 2 ? 0 : count_stakes(regions, count, handle);
    struct stake *stakes =
        stake_count == 0 ? NULL : calloc(stake_count, sizeof *stakes);
    if (stakes != NULL) {
        list_stakes(stakes, regions, count, handle);
        qsort(stakes, stake_count, sizeof *stakes, compare_stakes);
        find_common(stakes, stake_count, regions);
    }
    for (int64_t i = 0; i < count; i++) {
        regions[i].is_passing = is_passing;
    }
    free(stakes);
}
