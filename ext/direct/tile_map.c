#include "tile_map.h"

#include "system/lengths.h"

#include <math.h>

/* One axis: how many places a tile lies before its own, and behind. */
static void
reckon_with(int64_t *before, int64_t *behind, double offset, double length,
            double advance)
{
    double reach = offset + (length - advance);
    if (offset < 0) {
        *behind = larger(*behind, (int64_t)ceil(-offset / advance));
    }
    if (reach > 0) {
        *before = larger(*before, (int64_t)ceil(reach / advance));
    }
}

void
tile_map_reckon_with(struct tile_map *map, double offset_x, double offset_y)
{
    reckon_with(&map->left, &map->right, offset_x, map->width, map->advance_x);
    reckon_with(&map->top, &map->bottom, offset_y, map->height,
                map->advance_y);
}

/* One axis of a read. */
struct map_axis {
    int64_t start, end; /* places, with those whose tiles may reach here */
    double advance, length;
    double from, to; /* in the level */
    double offset;   /* from the first place touched to the read */
    double base;     /* of the places in the picture */
};

static struct map_axis
axis_of(double from, int64_t length, double picture, double advance,
        double tile_length, int64_t before, int64_t behind)
{
    int64_t start = (int64_t)(from / advance);
    int64_t end = (int64_t)ceil((from + (double)length) / advance);
    return (struct map_axis){
        .start = start - before,
        .end = end + behind,
        .advance = advance,
        .length = tile_length,
        .from = from,
        .to = from + (double)length,
        .offset = from - (double)start * advance,
        .base = -(double)before * advance + picture,
    };
}

/* Whether a tile shows at all. */
static bool
shows(const struct map_axis *axis, int64_t place, double offset)
{
    double start = (double)place * axis->advance + offset;
    return start + axis->length > axis->from && start < axis->to;
}

static double
position(const struct map_axis *axis, int64_t place, double offset)
{
    double natural =
        (double)(place - axis->start) * axis->advance - axis->offset;
    return offset + (natural + axis->base);
}

bool
tile_map_visit(const struct tile_map *map, const struct map_view *view,
               map_visitor *visit, void *argument)
{
    struct map_axis x =
        axis_of(view->x, view->width, view->picture_x, map->advance_x,
                map->width, map->left, map->right);
    struct map_axis y =
        axis_of(view->y, view->height, view->picture_y, map->advance_y,
                map->height, map->top, map->bottom);
    for (int64_t row = y.end - 1; row >= y.start; row--) {
        for (int64_t column = x.end - 1; column >= x.start; column--) {
            struct map_tile tile;
            if (map->find(map, column, row, &tile) &&
                shows(&x, column, tile.offset_x) &&
                shows(&y, row, tile.offset_y) &&
                !visit(&tile, position(&x, column, tile.offset_x),
                       position(&y, row, tile.offset_y), argument)) {
                return false;
            }
        }
    }
    return true;
}
