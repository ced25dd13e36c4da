#include "direct/read_ahead.h"

#include "check.h"
#include "memory_source.h"

#include <stdlib.h>

/* Tiles of 4 columns, each in 100 bytes, one behind another. */
enum { COLUMNS = 4, ROWS = 50, TILES = COLUMNS * ROWS, TILE = 100 };

/* As far as what is read at once may reach. */
enum { FAR = 70000, MOST = 1 << 22 };

/* An image in memory, some of whose tiles lie elsewhere. */
struct stored {
    struct memory_source memory;
    uint64_t offsets[TILES], sizes[TILES];
    enum tile_content contents[TILES];
};

static enum tile_content
locate(const struct image *image, uint64_t tile, struct tile_place *place)
{
    const struct stored *stored = image->store;
    *place = (struct tile_place){&stored->memory.source, stored->offsets[tile],
                                 stored->sizes[tile]};
    return stored->contents[tile];
}

static const struct image_container container = {.locate = locate};

static struct stored *
store(size_t step)
{
    struct stored *stored = calloc(1, sizeof *stored);
    size_t size = 200 + TILES * step;
    uint8_t *bytes = malloc(size);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    stored->memory = memory_source_of(bytes, size);
    for (size_t i = 0; i < TILES; i++) {
        stored->offsets[i] = 100 + i * step;
        stored->sizes[i] = TILE;
        stored->contents[i] = TILE_STORED;
    }
    return stored;
}

static struct image
image_of(struct stored *stored)
{
    return (struct image){.container = &container,
                          .store = stored,
                          .tiles_across = COLUMNS,
                          .tiles_down = ROWS};
}

static void
drop(struct stored *stored)
{
    free((void *)(uintptr_t)stored->memory.bytes);
    free(stored);
}

/* Read the tiles of the window one by one, each with two bytes before it; how
   often the source was read. */
static int64_t
read_window(struct stored *stored, const struct tile_window *window)
{
    struct read_ahead ahead = {.window = *window};
    int64_t columns = window->end_column - window->first_column;
    int64_t count = columns * (window->end_row - window->first_row);
    int64_t before = stored->memory.reads;
    for (int64_t i = 0; i < count; i++) {
        int64_t number = window->is_upward ? count - 1 - i : i;
        uint64_t tile = (uint64_t)((window->first_row + number / columns) *
                                       window->image->tiles_across +
                                   window->first_column + number % columns);
        uint8_t bytes[TILE + 2];
        uint64_t offset = stored->offsets[tile] - 2;
        read_ahead_from(&ahead, window->image, tile);
        bool is_there = read_ahead_get(&ahead, &stored->memory.source, offset,
                                       bytes, sizeof bytes);
        CHECK(is_there == (stored->memory.limit > stored->memory.reads ||
                           stored->memory.limit == INT64_MAX),
              "tile %d", (int)tile);
        CHECK(!is_there || memcmp(bytes, stored->memory.bytes + offset,
                                  sizeof bytes) == 0,
              "other bytes of tile %d", (int)tile);
    }
    read_ahead_give_up(&ahead);
    CHECK(!stored->memory.strayed, "it strayed");
    return stored->memory.reads - before;
}

static void
test_once(void)
{
    struct stored *stored = store(TILE);
    const struct image image = image_of(stored);
    for (int upward = 0; upward < 2; upward++) {
        const struct tile_window windows[] = {
            {&image, 0, COLUMNS, 0, ROWS, upward != 0},
            {&image, 1, 2, 3, 40, upward != 0},
            {&image, 3, 4, 0, 2, upward != 0},
            {&image, 2, 3, 7, 8, upward != 0},
        };
        for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
            int64_t reads = read_window(stored, &windows[i]);
            CHECK(reads == 1, "window %d in %d reads", (int)i, (int)reads);
        }
    }
    drop(stored);
}

/* Of gaps and runs that are too long, each tile is read for itself, or as many
   together as may be. */
static void
test_far_apart(void)
{
    struct stored *stored = store(FAR);
    const struct image image = image_of(stored);
    const struct tile_window far = {&image, 0, 1, 0, 10, false};
    CHECK(read_window(stored, &far) == 10, "gaps were read");
    drop(stored);
    stored = store(60000);
    const struct image longer = image_of(stored);
    for (int upward = 0; upward < 2; upward++) {
        const struct tile_window all = {&longer, 0,    COLUMNS,
                                        0,       ROWS, upward != 0};
        int64_t reads = read_window(stored, &all);
        int64_t least = TILES * (int64_t)60000 / MOST;
        CHECK(reads > least && reads <= least + 2, "%d reads", (int)reads);
    }
    drop(stored);
}

static void
test_unusual_tiles(void)
{
    struct stored *stored = store(TILE);
    const struct image image = image_of(stored);
    const struct tile_window window = {&image, 0, COLUMNS, 0, 4, false};
    stored->contents[5] = TILE_UNKNOWN;
    stored->sizes[9] = UINT64_MAX;
    CHECK(read_window(stored, &window) == 3 + 2, "it went on after those");
    stored->contents[5] = TILE_STORED;
    stored->sizes[9] = TILE;
    stored->memory.limit = stored->memory.reads;
    read_window(stored, &window);
    stored->memory.limit = INT64_MAX;
    const struct image other = image_of(stored);
    struct read_ahead ahead = {.window = window};
    read_ahead_from(&ahead, &other, 0);
    CHECK(ahead.size == 0, "of another image");
    read_ahead_from(&ahead, &image, COLUMNS * 4);
    CHECK(ahead.size == 0, "of a tile outside the window");
    read_ahead_from(NULL, &image, 0);
    read_ahead_give_up(&ahead);
    drop(stored);
}

int
main(void)
{
    check_run("tiles that lie near are read at once", test_once);
    check_run("others are not", test_far_apart);
    check_run("nor tiles that are unusual", test_unusual_tiles);
    return check_finish();
}
