#include "direct/missing_tiles.h"

#include "check.h"
#include "memory_source.h"

#include <stdlib.h>

enum { MOST_TILES = 400 };

/* A level, of which there is only the table of its tiles' byte counts. */
struct level {
    uint8_t counts[2 * MOST_TILES];
    struct memory_source memory;
    struct tiff_file tiff;
    struct tiff_directory directory;
};

static void
make_level(struct level *level, uint32_t across, uint32_t down)
{
    *level = (struct level){
        .directory = {.is_usable = true,
                      .tiles_across = across,
                      .tiles_down = down,
                      .tile_byte_counts = {(uint64_t)across * down, 0, 2}},
    };
    for (uint32_t i = 0; i < across * down; i++) {
        level->counts[2 * i] = 7;
    }
    level->memory = memory_source_of(level->counts, sizeof level->counts);
    level->tiff.source = &level->memory.source;
}

static void
drop(struct level *level, uint32_t tile)
{
    level->counts[2 * tile] = 0;
}

static bool
are(const struct missing_tiles *missing, const uint64_t *expected,
    uint64_t count)
{
    bool equal = missing->count == count;
    for (uint64_t i = 0; equal && i < count; i++) {
        equal = missing->numbers[i] == expected[i] &&
                missing_tiles_has(missing, expected[i]);
    }
    return equal && !missing_tiles_has(missing, UINT64_MAX);
}

static struct level fine, coarse;

/* Find what is missing in both levels, and free it. */
static bool
finds(const uint64_t *expected, uint64_t count)
{
    struct missing_tiles first, second = {0};
    bool found =
        missing_tiles_find(&first, &fine.tiff, &fine.directory, NULL, NULL) &&
        missing_tiles_find(&second, &coarse.tiff, &coarse.directory,
                           &fine.directory, &first) &&
        are(&second, expected, count);
    missing_tiles_free(&first);
    missing_tiles_free(&second);
    return found && second.numbers == NULL;
}

static void
test_own_and_inherited(void)
{
    make_level(&fine, 8, 6);
    make_level(&coarse, 4, 3);
    CHECK(finds(NULL, 0), "none");
    drop(&coarse, 11);
    CHECK(finds((const uint64_t[]){11}, 1), "its own");
    drop(&fine, 0);
    drop(&fine, 9); /* both lie in the first tile */
    drop(&fine, 47);
    CHECK(finds((const uint64_t[]){0, 11}, 2), "each once, in order");
    drop(&fine, 8 * 2 + 5);
    CHECK(finds((const uint64_t[]){0, 6, 11}, 3), "one more");
}

/* 17 columns over 5 and 10 rows over 3 make three of each. */
static void
test_ratios_that_are_rounded_down(void)
{
    make_level(&fine, 17, 10);
    make_level(&coarse, 5, 3);
    drop(&fine, 14);
    drop(&fine, 16);
    CHECK(finds((const uint64_t[]){4, 5}, 2), "not the first of the next row");
    drop(&fine, 9 * 17);
    CHECK(finds((const uint64_t[]){4, 5, 15}, 3), "nothing beyond the grid");
}

static void
test_refusals(void)
{
    make_level(&fine, 1, 1);
    make_level(&coarse, 4, 3);
    CHECK(finds(NULL, 0), "a level that grows");
    drop(&fine, 0);
    CHECK(!finds(NULL, 0), "a part of a tile");
    make_level(&fine, 8, 6);
    fine.directory.is_usable = false;
    CHECK(!finds(NULL, 0), "an odd directory");
    make_level(&fine, 8, 6);
    fine.memory.limit = 0;
    CHECK(!finds(NULL, 0), "no bytes");
}

int
main(void)
{
    check_run("own and inherited", test_own_and_inherited);
    check_run("ratios that are rounded down",
              test_ratios_that_are_rounded_down);
    check_run("refusals", test_refusals);
    return check_finish();
}
