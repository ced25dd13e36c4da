#include "direct/tile_map.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>

/* A map of 6 x 5 tiles, each some way off its place. */
enum { COLUMNS = 6, ROWS = 5 };

struct map {
    struct tile_map map;
    double offsets[ROWS][COLUMNS][2];
};

static bool
find(const struct tile_map *map, int64_t column, int64_t row,
     struct map_tile *tile)
{
    const struct map *own = (const struct map *)map;
    if (column < 0 || row < 0 || column >= COLUMNS || row >= ROWS) {
        return false;
    }
    *tile = (struct map_tile){
        .image = (uint64_t)(row * COLUMNS + column),
        .offset_x = own->offsets[row][column][0],
        .offset_y = own->offsets[row][column][1],
    };
    return true;
}

static struct map
make_map(double reach)
{
    struct map map = {.map = {.advance_x = 10.25,
                              .advance_y = 7.5,
                              .width = 12,
                              .height = 9,
                              .find = find}};
    for (int row = 0; row < ROWS; row++) {
        for (int column = 0; column < COLUMNS; column++) {
            double *offset = map.offsets[row][column];
            offset[0] = reach * ((row * 7 + column * 3) % 11 - 5) / 5;
            offset[1] = reach * ((row * 5 + column * 2) % 9 - 4) / 4;
            tile_map_reckon_with(&map.map, offset[0], offset[1]);
        }
    }
    return map;
}

struct seen {
    bool tiles[ROWS * COLUMNS];
    int count, limit;
    uint64_t last;
    const struct map *map;
    const struct map_view *view;
};

static double
level_x(const struct map *map, uint64_t tile)
{
    return (double)(tile % COLUMNS) * map->map.advance_x +
           map->offsets[tile / COLUMNS][tile % COLUMNS][0];
}

static double
level_y(const struct map *map, uint64_t tile)
{
    return (double)(tile / COLUMNS) * map->map.advance_y +
           map->offsets[tile / COLUMNS][tile % COLUMNS][1];
}

static bool
see(const struct map_tile *tile, double x, double y, void *argument)
{
    struct seen *seen = argument;
    const struct map_view *view = seen->view;
    CHECK(seen->count == 0 || tile->image < seen->last,
          "the last row and column come first");
    seen->last = tile->image;
    CHECK(!seen->tiles[tile->image], "twice");
    seen->tiles[tile->image] = true;
    double expected_x = level_x(seen->map, tile->image) - view->x;
    double expected_y = level_y(seen->map, tile->image) - view->y;
    CHECK(fabs(x - expected_x - view->picture_x) < 1e-9 &&
              fabs(y - expected_y - view->picture_y) < 1e-9,
          "elsewhere");
    return ++seen->count < seen->limit;
}

static bool
overlaps(const struct map *map, const struct map_view *view, uint64_t tile)
{
    double x = level_x(map, tile), y = level_y(map, tile);
    return x + map->map.width > view->x && y + map->map.height > view->y &&
           x < view->x + (double)view->width &&
           y < view->y + (double)view->height;
}

/* Exactly the tiles that show are visited, however far they lie away. */
static void
test_tiles_that_show(void)
{
    const double reaches[] = {0, 0.3, 4, 25};
    for (size_t i = 0; i < sizeof reaches / sizeof *reaches; i++) {
        struct map map = make_map(reaches[i]);
        for (int step = 0; step < 400; step++) {
            const struct map_view view = {step % 20 * 3.3, step / 20 * 2.1,
                                          1 + step % 13,   1 + step % 7,
                                          step % 3,        step % 2};
            struct seen seen = {.limit = 1000, .map = &map, .view = &view};
            CHECK(tile_map_visit(&map.map, &view, see, &seen), "stopped");
            for (uint64_t tile = 0; tile < ROWS * COLUMNS; tile++) {
                CHECK(seen.tiles[tile] == overlaps(&map, &view, tile),
                      "reach %g, step %d, tile %d", reaches[i], step,
                      (int)tile);
            }
        }
    }
}

static void
test_stopping(void)
{
    struct map map = make_map(4);
    const struct map_view view = {0, 0, 60, 40, 0, 0};
    struct seen seen = {.limit = 3, .map = &map, .view = &view};
    CHECK(!tile_map_visit(&map.map, &view, see, &seen) && seen.count == 3,
          "went on");
}

int
main(void)
{
    check_run("tiles that show", test_tiles_that_show);
    check_run("stopping", test_stopping);
    return check_finish();
}
