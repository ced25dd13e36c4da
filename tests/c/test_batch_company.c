#include "reading/batch_company.h"

#include "check.h"

#include <stdlib.h>

/* Two levels of wide tiles, and one of narrow ones. */
enum { LEVELS = 3, TILE = 2048, NARROW = 200, WIDTH = 300, HEIGHT = 200 };

static const double DOWNSAMPLES[LEVELS] = {1, 4, 1};

static struct slide_handle *
make_handle(void)
{
    struct slide_handle *handle =
        calloc(1, sizeof *handle + LEVELS * sizeof handle->levels[0]);
    handle->level_count = LEVELS;
    for (int i = 0; i < LEVELS; i++) {
        handle->levels[i] = (struct slide_level){
            DOWNSAMPLES[i], i == LEVELS - 1 ? NARROW : TILE, 8, true};
    }
    return handle;
}

static int64_t
start(const struct region *region, int64_t position)
{
    return (int64_t)((double)position / DOWNSAMPLES[region->level]);
}

/* Whether there is a tile that both show. */
static bool
is_common(const struct region *a, const struct region *b)
{
    int64_t first_a = start(a, a->x) / TILE, first_b = start(b, b->x) / TILE;
    int64_t last_a = (start(a, a->x) + WIDTH - 1) / TILE;
    int64_t last_b = (start(b, b->x) + WIDTH - 1) / TILE;
    int64_t down = start(a, a->y) - start(b, b->y);
    return a->level == b->level && first_a <= last_b && first_b <= last_a &&
           down > -HEIGHT && down < HEIGHT;
}

static enum region_company
company_of(const struct region *regions, int count, int number)
{
    if (regions[number].level == LEVELS - 1) {
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
            int64_t scale = (int64_t)DOWNSAMPLES[level];
            regions[k] =
                region_at(rand() % 12000 * scale, rand() % 1500 * scale, level,
                          WIDTH, HEIGHT);
        }
        batch_note_company(regions, count, handle);
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
        region_at(0, 0, 0, TILE, HEIGHT),
        region_at(INT64_MIN, 0, 0, WIDTH, HEIGHT),
        region_at(0, INT64_MAX, 0, WIDTH, HEIGHT),
    };
    int64_t count = sizeof regions / sizeof *regions;
    batch_note_company(regions, count, handle);
    for (int64_t i = 0; i < count; i++) {
        CHECK(regions[i].company == COMPANY_UNKNOWN, "region %d", (int)i);
    }
    struct region alone = region_at(0, 0, 0, WIDTH, HEIGHT);
    batch_note_company(&alone, 1, handle);
    CHECK(alone.company == COMPANY_UNKNOWN, "the only one");
    batch_note_company(NULL, 0, handle);
    free(handle);
}

int
main(void)
{
    check_run("regions that have tiles in common", test_any_regions);
    check_run("regions of which that is not asked", test_odd_regions);
    return check_finish();
}
