/*
 * Levels whose tiles lie anywhere near their places in a grid, and overlap, as
 * those of MIRAX and of Ventana's BIF do: which of them a read shows, and
 * where, in the order in which libopenslide paints them.
 *
 * Sums and products of doubles are in libopenslide's order throughout, for
 * positions are fractions of pixels.
 */
#ifndef DIRECT_TILE_MAP_H
#define DIRECT_TILE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A tile of the level: an image of the file, or a part of one. */
struct map_tile {
    uint64_t image; /* its number */
    /* From the place in the grid to the tile's top left corner, pixels of the
       level. */
    double offset_x, offset_y;
    /* Where the tile starts in the image. */
    double cut_x, cut_y;
};

struct tile_map {
    double advance_x, advance_y; /* from place to place */
    double width, height;        /* of each tile */
    /* Tiles are parts of images. */
    bool is_cut;
    /* How many places tiles may lie away from their own, so that they show in
       reads that do not touch it. */
    int64_t left, right, top, bottom;
    /* False where there is none. */
    bool (*find)(const struct tile_map *map, int64_t column, int64_t row,
                 struct map_tile *tile);
};

/* For whoever makes a map, of each tile in it: reckon with its offset. */
void tile_map_reckon_with(struct tile_map *map, double offset_x,
                          double offset_y);

/* A read of a level, and where the pixels go. */
struct map_view {
    double x, y; /* top left corner, pixels of the level; not negative */
    int64_t width, height;
    double picture_x, picture_y; /* where that corner is in the picture */
};

/* A tile whose top left corner is at (x, y) of the picture. */
typedef bool map_visitor(const struct map_tile *tile, double x, double y,
                         void *argument);

/*
 * Visit the tiles of a read, what lies on top first.  False as soon as a visit
 * was.
 */
bool tile_map_visit(const struct tile_map *map, const struct map_view *view,
                    map_visitor *visit, void *argument);

#endif
