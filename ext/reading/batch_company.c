#include "batch_company.h"

#include "system/lengths.h"

#include <stdlib.h>

/* A column of tiles of a level, and from which row of its pixels on a region
   shows them. */
struct stake {
    int64_t level, column, row, number;
};

static int
compare_stakes(const void *a, const void *b)
{
    const struct stake *p = a, *q = b;
    const int64_t pairs[][2] = {
        {p->level, q->level}, {p->column, q->column}, {p->row, q->row}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (pairs[i][0] != pairs[i][1]) {
            return pairs[i][0] < pairs[i][1] ? -1 : 1;
        }
    }
    return 0;
}

/* Regions are no wider than tiles, so these are two at most: the first and the
   last column that a region shows. */
enum { STAKES = 2 };

/* Company matters only for those that show a part of a tile's columns. */
static bool
is_narrow(const struct region *region, const struct slide_level *level)
{
    return level != NULL && region_is_near(region) && region->width > 0 &&
           region->height > 0 && level->tile_width > region->width;
}

static size_t
add_stakes(struct stake *stakes, const struct region *region,
           const struct slide_level *level, int64_t number)
{
    int64_t x = position_truncated((double)region->x / level->downsample);
    int64_t y = position_truncated((double)region->y / level->downsample);
    int64_t first = x / level->tile_width;
    int64_t last = (x + region->width - 1) / level->tile_width;
    stakes[0] = (struct stake){region->level, first, y, number};
    stakes[1] = (struct stake){region->level, last, y, number};
    return first == last ? 1 : 2;
}

/* Of two neighbours in their order. */
static bool
is_common(const struct stake *above, const struct stake *below,
          const struct region *regions)
{
    return above->level == below->level && above->column == below->column &&
           below->row < above->row + regions[above->number].height;
}

void
batch_note_company(struct region *regions, int64_t count,
                   const struct slide_handle *handle)
{
    size_t found = 0;
    struct stake *stakes =
        count < 2 ? NULL : calloc((size_t)count, STAKES * sizeof *stakes);
    for (int64_t i = 0; stakes != NULL && i < count; i++) {
        const struct slide_level *level =
            slide_handle_level(handle, regions[i].level);
        if (is_narrow(&regions[i], level)) {
            regions[i].company = COMPANY_NONE;
            found += add_stakes(&stakes[found], &regions[i], level, i);
        }
    }
    if (found > 0) {
        qsort(stakes, found, sizeof *stakes, compare_stakes);
    }
    for (size_t i = 1; i < found; i++) {
        if (is_common(&stakes[i - 1], &stakes[i], regions)) {
            regions[stakes[i - 1].number].company = COMPANY_SOME;
            regions[stakes[i].number].company = COMPANY_SOME;
        }
    }
    free(stakes);
}
