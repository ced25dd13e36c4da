#include "slide/region.h"

#include "check.h"
#include "reading/batch_order.h"

#include <math.h>
#include <stdlib.h>

/* Any level, without a slide: division looks at nothing else. */
static struct slide_handle *
make_handle(double downsample, int64_t tile_width, int64_t tile_height,
            bool divisible)
{
    struct slide_handle *handle =
        calloc(1, sizeof *handle + sizeof handle->levels[0]);
    handle->level_count = 1;
    handle->levels[0] =
        (struct slide_level){downsample, tile_width, tile_height, divisible};
    return handle;
}

/* Every pixel of the region lies in one block, at the position it had. */
static void
check_cover(const struct division *division, const char *what)
{
    const struct region *region = &division->region;
    int64_t bottom = 0;
    for (int64_t row = 0; row < division->rows; row++) {
        int64_t right = 0;
        struct block block = division_block(division, 0, row);
        for (int64_t column = 0; column < division->columns; column++) {
            block = division_block(division, column, row);
            CHECK(block.column == right && block.row == bottom,
                  "%s: block %d, %d starts at %d, %d", what, (int)column,
                  (int)row, (int)block.column, (int)block.row);
            CHECK(block.source.width > 0 && block.source.height > 0,
                  "%s: an empty block", what);
            right += block.source.width;
        }
        CHECK(right == region->width, "%s: a row ends at %d", what,
              (int)right);
        bottom += block.source.height;
    }
    CHECK(bottom == region->height, "%s: ends at %d", what, (int)bottom);
}

static void
test_small_regions_are_one_call(void)
{
    struct slide_handle *handle = make_handle(1, 256, 256, true);
    struct region region = region_at(-7, 13, 0, 1000, 1000);
    struct division division = division_of(&region, handle);
    struct block block = division_block(&division, 0, 0);
    CHECK(division.columns == 1 && division.rows == 1, "%d x %d blocks",
          (int)division.columns, (int)division.rows);
    CHECK(block.source.x == region.x && block.source.y == region.y &&
              block.source.width == region.width &&
              block.source.height == region.height,
          "another region");
    free(handle);
}

static void
test_blocks_end_with_tiles(void)
{
    struct slide_handle *handle = make_handle(4, 240, 256, true);
    struct region region = region_at(-4 * 77, 4 * 100, 0, 5000, 7001);
    struct division division = division_of(&region, handle);
    CHECK(division.rows > 1 && division.columns > 1, "%d x %d blocks",
          (int)division.columns, (int)division.rows);
    check_cover(&division, "tiles");
    for (int64_t i = 1; i < division.columns; i++) {
        struct block block = division_block(&division, i, 1);
        CHECK(block.source.x % (4 * 240) == 0, "x %d", (int)block.source.x);
        CHECK(block.source.y % (4 * 256) == 0, "y %d", (int)block.source.y);
        CHECK(block.source.x == region.x + 4 * block.column, "x %d",
              (int)block.source.x);
    }
    free(handle);
}

static void
test_off_the_grid_the_library_decides(void)
{
    struct slide_handle *handle = make_handle(4.0003, 256, 256, false);
    struct region region = region_at(11, 5, 0, 9000, 4100);
    struct division division = division_of(&region, handle);
    check_cover(&division, "library");
    CHECK(division.columns == 3 && division.rows == 2, "%d x %d blocks",
          (int)division.columns, (int)division.rows);
    struct block block = division_block(&division, 2, 1);
    CHECK(block.source.x == (int64_t)(11 + 8192 * 4.0003), "x %d",
          (int)block.source.x);
    CHECK(block.column == 8192 && block.row == 4096, "at %d, %d",
          (int)block.column, (int)block.row);
    free(handle);
}

static void
test_what_cannot_be_divided_is_not(void)
{
    struct slide_handle *handle = make_handle(1, 256, 256, true);
    const struct region regions[] = {
        region_at(0, 0, 1, 9000, 9000),          /* no such level */
        region_at(0, 0, -1, 9000, 9000),         /* nor this */
        region_at(INT64_MIN, 0, 0, 9000, 9000),  /* no precision there */
        region_at(0, INT64_MAX, 0, 9000, 9000),  /* nor there */
        region_at(0, 0, 0, (int64_t)1 << 41, 2), /* nor here */
    };
    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        struct division division = division_of(&regions[i], handle);
        struct block block = division_block(&division, 0, 0);
        CHECK(division.columns == 1 && division.rows == 1 &&
                  block.source.x == regions[i].x &&
                  block.source.y == regions[i].y,
              "region %d is divided", (int)i);
    }
    struct region empty = region_at(0, 0, 0, 0, 5);
    CHECK(division_of(&empty, handle).columns == 0, "blocks of nothing");
    free(handle);
}

/* As damaged slides have them: casts of these to integers are undefined. */
static const double odd_downsamples[] = {0,         -1,  1e300,     INFINITY,
                                         -INFINITY, NAN, 0x1p-1000, 0x1p63};

static void
test_odd_downsamples(void)
{
    const struct region regions[] = {
        region_at(0, 0, 0, 5000, 5000),
        region_at(-7, 123456789, 0, 5000, 5000),
        region_at(((int64_t)1 << 40) - 1, -3, 0, 9000, 5000),
    };
    for (size_t i = 0; i < sizeof odd_downsamples / sizeof(double); i++) {
        struct slide_handle *handle =
            make_handle(odd_downsamples[i], 0, 0, false);
        for (size_t j = 0; j < sizeof regions / sizeof regions[0]; j++) {
            struct division division = division_of(&regions[j], handle);
            check_cover(&division, "odd");
        }
        free(handle);
    }
}

static void
test_order(void)
{
    enum { COUNT = 6 };
    const struct region regions[COUNT] = {
        region_at(5000, 0, 0, 9, 9),      region_at(0, 3000, 0, 9, 9),
        region_at(0, 0, 1, 9, 9),         region_at(600, 0, 0, 9, 9),
        region_at(0, 0, INT32_MAX, 9, 9), region_at(0, 0, 0, 9, 9),
    };
    struct slide_handle *handle = make_handle(1, 256, 256, true);
    /* In columns, of which a larger cache has room for wider ones. */
    const size_t caches[] = {1 << 20, 4 << 20, 32 << 20, 0};
    const int64_t expected[][COUNT] = {{5, 1, 3, 0, 2, 4},
                                       {5, 3, 1, 0, 2, 4},
                                       {5, 3, 0, 1, 2, 4},
                                       {5, 1, 3, 0, 2, 4}};
    for (int cache = 0; cache < 4; cache++) {
        int64_t *order = batch_order(regions, COUNT, handle, caches[cache]);
        for (int i = 0; i < COUNT; i++) {
            CHECK(order[i] == expected[cache][i],
                  "cache %d: region %d is number %d", cache, (int)order[i], i);
        }
        free(order);
    }
    free(handle);
}

/* Whatever the regions and the downsample, each has its place. */
static void
test_order_of_odd_regions(void)
{
    enum { COUNT = 7 };
    const struct region regions[COUNT] = {
        region_at(INT64_MIN, 0, 0, 9, 9), region_at(INT64_MAX, 0, 0, 9, 9),
        region_at(0, INT64_MAX, 0, 9, 9), region_at(0, INT64_MIN, 0, 9, 9),
        region_at(0, 0, -1, 9, 9),        region_at(0, 0, INT32_MAX, 9, 9),
        region_at(0, 0, INT32_MIN, 9, 9),
    };
    for (size_t i = 0; i < sizeof odd_downsamples / sizeof(double); i++) {
        struct slide_handle *handle =
            make_handle(odd_downsamples[i], 256, 256, false);
        int64_t *order = batch_order(regions, COUNT, handle, 1 << 20);
        int times[COUNT] = {0};
        for (int j = 0; j < COUNT; j++) {
            times[order[j]]++;
        }
        for (int j = 0; j < COUNT; j++) {
            CHECK(times[j] == 1, "region %d: %d times", j, times[j]);
        }
        free(order);
        free(handle);
    }
}

static void
test_any_region_is_covered(void)
{
    srand(1);
    for (int i = 0; i < 2000; i++) {
        int64_t tile_width = rand() % 3 == 0 ? 0 : 1 + rand() % 600;
        int64_t tile_height = rand() % 3 == 0 ? 0 : 1 + rand() % 600;
        double downsample =
            rand() % 2 ? 1 + rand() % 16 : 1 + rand() % 1000 / 61.0;
        struct slide_handle *handle =
            make_handle(downsample, tile_width, tile_height,
                        rand() % 2 && downsample == (int64_t)downsample);
        struct region region =
            region_at(rand() % 40000 - 20000, rand() % 40000 - 20000, 0,
                      rand() % 9000, rand() % 9000);
        struct division division = division_of(&region, handle);
        if (region.width > 0 && region.height > 0) {
            check_cover(&division, "random");
        }
        free(handle);
    }
}

int
main(void)
{
    check_run("small regions are one call", test_small_regions_are_one_call);
    check_run("blocks end with tiles", test_blocks_end_with_tiles);
    check_run("off the grid the library decides",
              test_off_the_grid_the_library_decides);
    check_run("what cannot be divided is not",
              test_what_cannot_be_divided_is_not);
    check_run("odd downsamples", test_odd_downsamples);
    check_run("order", test_order);
    check_run("order of odd regions", test_order_of_odd_regions);
    check_run("any region is covered", test_any_region_is_covered);
    return check_finish();
}
