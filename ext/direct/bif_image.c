#include "bif_image.h"

#include "tiff_image.h"

#include "system/lengths.h"

#include <math.h>
#include <stdlib.h>

static const char NO_MEMORY[] = "there was no memory";
static const char ODD[] = "what the slide says of itself is unusual";

/* Areas that lie further away from their places in the grid are nobody's; each
   read would look through as many places. */
enum { MAX_PLACES_AWAY = 1024 };

/* Tiles that the stage went over in one go. */
struct bif_area {
    int64_t column, row, end_column, end_row;
    double offset_x, offset_y; /* of each from its place */
};

struct bif_store {
    struct tile_map map; /* first, for the map is asked alone */
    struct image stored; /* the tiles of the file */
    int64_t pieces;      /* in a stored tile, across and down */
    struct bif_area *areas;
    size_t area_count;
};

/* Tiles */

/* What comes later takes the place of what was there. */
static const struct bif_area *
area_at(const struct bif_store *store, int64_t column, int64_t row)
{
    for (size_t i = store->area_count; i-- > 0;) {
        const struct bif_area *area = &store->areas[i];
        if (column >= area->column && column < area->end_column &&
            row >= area->row && row < area->end_row) {
            return area;
        }
    }
    return NULL;
}

static bool
find_bif_tile(const struct tile_map *map, int64_t column, int64_t row,
              struct map_tile *tile)
{
    const struct bif_store *store = (const struct bif_store *)map;
    const struct image *stored = &store->stored;
    const struct bif_area *area = area_at(store, column, row);
    if (area == NULL) {
        return false;
    }
    int64_t x = column / store->pieces, y = row / store->pieces;
    *tile = (struct map_tile){
        .image = (uint64_t)y * stored->tiles_across + (uint64_t)x,
        .offset_x = area->offset_x,
        .offset_y = area->offset_y,
        .cut_x = (double)(column % store->pieces) * map->width,
        .cut_y = (double)(row % store->pieces) * map->height,
        .opaque_width = smaller(stored->width - x * stored->tile_width,
                                stored->tile_width),
        .opaque_height = smaller(stored->height - y * stored->tile_height,
                                 stored->tile_height),
    };
    return true;
}

/* Images */

static enum tile_content
locate_bif_tile(const struct image *image, uint64_t tile,
                struct tile_place *place)
{
    const struct image *stored =
        &((const struct bif_store *)image->store)->stored;
    return stored->container->locate(stored, tile, place);
}

static void
close_bif(struct image *image)
{
    struct bif_store *store = image->store;
    image_close(&store->stored);
    free(store->areas);
    free(store);
}

static const struct image_container bif_container = {
    .locate = locate_bif_tile,
    .close = close_bif,
};

/* Areas */

/* One axis of what all areas show. */
struct bif_extent {
    double from, to;
};

static void
extend(struct bif_extent *extent, int64_t first, int64_t end, double offset,
       double length, double advance)
{
    extent->from = fmin(extent->from, (double)first * advance + offset);
    extent->to =
        fmax(extent->to, ((double)(end - 1) * advance + offset) + length);
}

static bool
has_length(const struct bif_extent *extent, int64_t length)
{
    return ceil(extent->from + (extent->to - extent->from)) == (double)length;
}

static bool
is_near_place(const struct tile_map *map)
{
    return map->left <= MAX_PLACES_AWAY && map->right <= MAX_PLACES_AWAY &&
           map->top <= MAX_PLACES_AWAY && map->bottom <= MAX_PLACES_AWAY;
}

/* Where an area is in a level. */
static struct bif_area
area_of(const struct ventana_area *area,
        const struct ventana_stitching *stitching, double downsample)
{
    double x = (double)area->column * stitching->advance_x;
    double y = (double)area->row * stitching->advance_y;
    return (struct bif_area){
        .column = area->column,
        .row = area->row,
        .end_column = area->column + area->across,
        .end_row = area->row + area->down,
        .offset_x = ((double)area->x - x) / downsample,
        .offset_y = ((double)area->y - y) / downsample,
    };
}

/* Whether all tiles of the areas are stored, and lie where libopenslide has
   the level. */
static bool
place_bif_areas(struct bif_store *store,
                const struct ventana_stitching *stitching,
                const struct bif_level *level)
{
    struct tile_map *map = &store->map;
    struct bif_extent x = {INFINITY, -INFINITY}, y = x;
    int64_t columns = store->stored.tiles_across * store->pieces;
    int64_t rows = store->stored.tiles_down * store->pieces;
    for (size_t i = 0; i < store->area_count; i++) {
        struct bif_area *area = &store->areas[i];
        *area = area_of(&stitching->areas[i], stitching, level->downsample);
        if (area->end_column > columns || area->end_row > rows) {
            return false;
        }
        tile_map_reckon_with(map, area->offset_x, area->offset_y);
        extend(&x, area->column, area->end_column, area->offset_x, map->width,
               map->advance_x);
        extend(&y, area->row, area->end_row, area->offset_y, map->height,
               map->advance_y);
    }
    return is_near_place(map) && has_length(&x, level->width) &&
           has_length(&y, level->height);
}

/* The whole image */

/* How many tiles of level 0 a stored tile is made of, across and down; 0 where
   that is no whole number, or where nothing would be left of them. */
static int64_t
pieces_of(const struct image *stored, const struct bif_level *level)
{
    double shorter = (double)smaller(stored->tile_width, stored->tile_height);
    double pieces = level->downsample;
    return pieces >= 1 && pieces <= shorter && pieces == floor(pieces)
               ? (int64_t)pieces
               : 0;
}

static struct tile_map
bif_map_of(const struct image *stored,
           const struct ventana_stitching *stitching,
           const struct bif_level *level)
{
    return (struct tile_map){
        .advance_x = stitching->advance_x / level->downsample,
        .advance_y = stitching->advance_y / level->downsample,
        .width = stored->tile_width / level->downsample,
        .height = stored->tile_height / level->downsample,
        .is_cut = level->downsample > 1,
        .find = find_bif_tile,
    };
}

/* The stored tiles become the image's. */
static const char *
open_store(struct image *image, const struct image *stored,
           const struct ventana_stitching *stitching,
           const struct bif_level *level)
{
    struct bif_store *store = malloc(sizeof *store);
    struct bif_area *areas = calloc(stitching->area_count, sizeof *areas);
    *image = *stored;
    if (store == NULL || areas == NULL) {
        free(store);
        free(areas);
        return NO_MEMORY;
    }
    *store = (struct bif_store){
        .map = bif_map_of(stored, stitching, level),
        .stored = *stored,
        .pieces = pieces_of(stored, level),
        .areas = areas,
        .area_count = stitching->area_count,
    };
    image->container = &bif_container;
    image->store = store;
    image->width = level->width;
    image->height = level->height;
    return store->pieces > 0 && store->map.advance_x >= 1 &&
                   store->map.advance_y >= 1 &&
                   place_bif_areas(store, stitching, level)
               ? NULL
               : ODD;
}

const char *
bif_image_open(struct image *image, const struct tiff_file *tiff,
               const struct tiff_directory *directory,
               const struct ventana_stitching *stitching,
               const struct bif_level *level)
{
    struct image stored;
    const char *refusal = tiff_image_open(&stored, tiff, directory);
    if (refusal != NULL) {
        *image = stored;
        return refusal;
    }
    return open_store(image, &stored, stitching, level);
}

const struct tile_map *
bif_image_map(const struct image *image)
{
    return &((const struct bif_store *)image->store)->map;
}
