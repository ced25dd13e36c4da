#include "reading/batch_company.h"

#include "check.h"

#include <stdlib.h>

/* Two levels of wide and low tiles, one of narrow ones, and one of none. */
enum { LEVELS = 4, WIDTH = 300, HEIGHT = 200 };

static const struct slide_level LEVEL[LEVELS] = {
    {1, 2048, 8, true},
    {4, 2048, 8, true},
    {1, 200, 100, true},
    {1, 0, 0, true},
};

static struct slide_handle *
make_handle(void)
{
    struct slide_handle *handle =
        calloc(1, sizeof *handle + LEVELS * sizeof handle->levels[0]);
    handle->level_count = LEVELS;
    for (int i = 0; i < LEVELS; i++) {
        handle->levels[i] = LEVEL[i];
    }
    return handle;
}

/* Whether two stretches of a length have a tile in common. */
static bool
meet(double a, double b, int64_t length, int64_t tile)
{
    int64_t first_a = (int64_t)a / tile, first_b = (int64_t)b / tile;
    int64_t last_a = ((int64_t)a + length - 1) / tile;
    int64_t last_b = ((int64_t)b + length - 1) / tile;
    return first_a <= last_b && first_b <= last_a;
}

static bool
is_common(const struct region *a, const struct region *b)
{
    const struct slide_level *level = &LEVEL[a->level];
    double scale = level->downsample;
    return a->level == b->level &&
           meet((double)a->x / scale, (double)b->x / scale, WIDTH,
                level->tile_width) &&
           meet((double)a->y / scale, (double)b->y / scale, HEIGHT,
                level->tile_height);
}

static enum region_company
company_of(const struct region *regions, int count, int number)
{
    if (LEVEL[regions[number].level].tile_width == 0) {
        return COMPANY_UNKNOWN;
    }
    for (int i = 0; i < count; i++) {
        if (i != number && is_common(&regions[i], &regions[number])) {
            return COMPANY_SOME;
        }
    }
    return COMPANY_NONE;
}

static void
test_any_regions(void)
{
    enum { MOST = 12, TIMES = 3000 };
    struct slide_handle *handle = make_handle();
    int seen[COMPANY_SOME + 1] = {0};
    srand(3);
    for (int i = 0; i < TIMES; i++) {
        struct region regions[MOST];
        int count = 2 + rand() % (MOST - 1);
        for (int k = 0; k < count; k++) {
            int32_t level = rand() % LEVELS;
            int64_t scale = (int64_t)LEVEL[level].downsample;
            regions[k] =
                region_at(rand() % 12000 * scale, rand() % 1500 * scale, level,
                          WIDTH, HEIGHT);
        }
        batch_note_company(regions, count, handle, 0);
        for (int k = 0; k < count; k++) {
            enum region_company company = company_of(regions, count, k);
            seen[company]++;
            CHECK(regions[k].company == company, "batch %d, region %d: %d", i,
                  k, (int)regions[k].company);
        }
    }
    for (int i = 0; i <= COMPANY_SOME; i++) {
        CHECK(seen[i] > TIMES / 3, "company %d was seen %d times", i, seen[i]);
    }
    free(handle);
}

/* Of those nothing is known, or they have none. */
static void
test_odd_regions(void)
{
    struct slide_handle *handle = make_handle();
    struct region regions[] = {
        region_at(0, 0, -1, WIDTH, HEIGHT),
        region_at(0, 0, LEVELS, WIDTH, HEIGHT),
        region_at(0, 0, 0, 0, HEIGHT),
        region_at(0, 0, 0, WIDTH, 0),
        region_at(0, 0, LEVELS - 1, WIDTH, HEIGHT),
        region_at(INT64_MIN, 0, 0, WIDTH, HEIGHT),
        region_at(0, INT64_MAX, 0, WIDTH, HEIGHT),
    };
    int64_t count = sizeof regions / sizeof *regions;
    batch_note_company(regions, count, handle, 0);
    for (int64_t i = 0; i < count; i++) {
        CHECK(regions[i].company == COMPANY_UNKNOWN, "region %d", (int)i);
    }
    struct region alone = region_at(0, 0, 0, WIDTH, HEIGHT);
    batch_note_company(&alone, 1, handle, 0);
    CHECK(alone.company == COMPANY_UNKNOWN, "the only one");
    batch_note_company(NULL, 0, handle, 0);
    free(handle);
}

/* Whether the last of `count` regions is said to be one of too many. */
static bool
is_passing(struct region *regions, int64_t count, size_t cache_bytes)
{
    struct slide_handle *handle = make_handle();
    batch_note_company(regions, count, handle, cache_bytes);
    free(handle);
    return regions[count - 1].is_passing;
}

static void
test_room(void)
{
    const size_t bytes = (size_t)3 * WIDTH * HEIGHT * 4;
    struct region regions[] = {
        region_at(0, 0, 0, WIDTH, HEIGHT),
        region_at(0, 0, 0, WIDTH, -1),
        region_at(0, 0, 0, WIDTH, HEIGHT),
        region_at(0, 0, 0, WIDTH, HEIGHT),
        region_at(0, 0, 0, INT64_MAX, INT64_MAX),
    };
    CHECK(!is_passing(regions, 4, bytes), "there is room");
    CHECK(is_passing(regions, 4, bytes - 4), "there is none");
    CHECK(!is_passing(regions, 3, bytes - 4), "there is again");
    CHECK(!is_passing(regions, 2, bytes), "of one without pixels");
    CHECK(is_passing(regions, 5, SIZE_MAX), "for no batch");
}

int
main(void)
{
    check_run("regions that have tiles in common", test_any_regions);
    check_run("regions of which that is not asked", test_odd_regions);
    check_run("batches that the cache has room for", test_room);
    return check_finish();
}
