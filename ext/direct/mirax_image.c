#include "mirax_image.h"

#include "system/lengths.h"

#include <stdlib.h>
#include <string.h>

/* A photo is where the stage was; in libopenslide's terms it has a position,
   and the image within it a column and a row. */

struct mirax_store {
    struct tile_map map; /* first, for the map is asked alone */
    struct mirax_scan *scan;
    struct mirax_level level;
    int32_t across, down; /* images of the level */
    /* Images of level 0 from one tile to the next, and tiles in an image. */
    int32_t step, tiles;
    struct mirax_stored *places;
    const struct source **sources;
};

void
mirax_scan_release(struct mirax_scan *scan)
{
    if (--scan->references == 0) {
        free(scan->photos);
        free(scan->is_shown);
        free(scan);
    }
}

int32_t
mirax_image_count(int32_t images_of_level_0, int32_t joined)
{
    return (int32_t)quotient_up((uint64_t)images_of_level_0, (uint64_t)joined);
}

/* Tiles */

/* The image of level 0 in the corner of a tile, and the photo it is of. */
struct mirax_origin {
    int32_t x, y;
    int32_t photo_x, photo_y;
};

static size_t
photo_of(const struct mirax_scan *scan, const struct mirax_origin *origin)
{
    return (size_t)origin->photo_y * (size_t)scan->photos_across +
           (size_t)origin->photo_x;
}

/* The scanner leaves the position of a photo that it did not take at zero. */
static bool
is_taken(const struct mirax_scan *scan, size_t photo)
{
    return photo == 0 || scan->photos[photo].x != 0 ||
           scan->photos[photo].y != 0;
}

/* Whether level 0 shows any photo of a tile. */
static bool
is_shown(const struct mirax_store *store, const struct mirax_origin *origin)
{
    const struct mirax_scan *scan = store->scan;
    size_t first = photo_of(scan, origin);
    if (store->level.is_first) {
        return is_taken(scan, first);
    }
    int32_t photos = scan->is_cut ? 1 : store->level.joined / scan->divisions;
    photos = photos < 1 ? 1 : photos;
    for (int32_t row = 0; row < photos; row++) {
        for (int32_t column = 0; column < photos; column++) {
            size_t photo = first + (size_t)row * (size_t)scan->photos_across +
                           (size_t)column;
            if (photo < scan->photo_count && scan->is_shown[photo]) {
                return true;
            }
        }
    }
    return false;
}

/* Of the tile at a place, if there is one: the image, and which part. */
struct mirax_part {
    int64_t image;
    int32_t column, row;
};

static bool
find_part(const struct mirax_store *store, int64_t column, int64_t row,
          struct mirax_part *part, struct mirax_origin *origin)
{
    const struct mirax_scan *scan = store->scan;
    int64_t x = column * store->step, y = row * store->step;
    if (column < 0 || row < 0 || x >= scan->images_across ||
        y >= scan->images_down) {
        return false;
    }
    int64_t image_x = x / store->level.joined;
    int64_t image_y = y / store->level.joined;
    part->image = image_y * store->across + image_x;
    part->column =
        (int32_t)((x - image_x * store->level.joined) / store->step);
    part->row = (int32_t)((y - image_y * store->level.joined) / store->step);
    int64_t own_x = image_x * store->level.joined +
                    (int64_t)part->column * scan->divisions;
    int64_t own_y =
        image_y * store->level.joined + (int64_t)part->row * scan->divisions;
    if (own_x >= scan->images_across || own_y >= scan->images_down) {
        return false;
    }
    *origin = (struct mirax_origin){(int32_t)own_x, (int32_t)own_y,
                                    (int32_t)own_x / scan->divisions,
                                    (int32_t)own_y / scan->divisions};
    return store->places[part->image].file != 0 && is_shown(store, origin);
}

static bool
find_mirax_tile(const struct tile_map *map, int64_t column, int64_t row,
                struct map_tile *tile)
{
    const struct mirax_store *store = (const struct mirax_store *)map;
    const struct mirax_scan *scan = store->scan;
    struct mirax_origin origin;
    struct mirax_part part;
    if (!find_part(store, column, row, &part, &origin)) {
        return false;
    }
    const struct mirax_position *photo =
        &scan->photos[photo_of(scan, &origin)];
    int64_t x = photo->x + (int64_t)scan->image_width *
                               (origin.x - origin.photo_x * scan->divisions);
    int64_t y = photo->y + (int64_t)scan->image_height *
                               (origin.y - origin.photo_y * scan->divisions);
    *tile = (struct map_tile){
        .image = (uint64_t)part.image,
        .offset_x =
            (double)x / store->level.shrink - (double)column * map->advance_x,
        .offset_y =
            (double)y / store->level.shrink - (double)row * map->advance_y,
        .cut_x = map->width * part.column,
        .cut_y = map->height * part.row,
        .opaque_width = store->level.width,
        .opaque_height = store->level.height,
    };
    return true;
}

/* Look at all tiles: how far they lie away, and which photos they show. */
static void
survey(struct mirax_store *store)
{
    struct mirax_scan *scan = store->scan;
    int64_t columns =
        quotient_up((uint64_t)store->across * (uint64_t)store->level.joined,
                    (uint64_t)store->step);
    int64_t rows =
        quotient_up((uint64_t)store->down * (uint64_t)store->level.joined,
                    (uint64_t)store->step);
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t column = 0; column < columns; column++) {
            struct mirax_origin origin;
            struct mirax_part part;
            struct map_tile tile;
            if (find_mirax_tile(&store->map, column, row, &tile)) {
                tile_map_reckon_with(&store->map, tile.offset_x,
                                     tile.offset_y);
                find_part(store, column, row, &part, &origin);
                scan->is_shown[photo_of(scan, &origin)] |=
                    store->level.is_first;
            }
        }
    }
}

/* Images */

static enum tile_content
locate_mirax_tile(const struct image *image, uint64_t tile,
                  struct tile_place *place)
{
    const struct mirax_store *store = image->store;
    if (tile >= image_tile_count(image) || store->places[tile].file == 0) {
        return TILE_UNKNOWN;
    }
    const struct mirax_stored *stored = &store->places[tile];
    *place = (struct tile_place){store->sources[stored->file - 1],
                                 stored->offset, stored->length};
    return place->source == NULL || stored->length == 0 ? TILE_UNKNOWN
                                                        : TILE_STORED;
}

/* Whether libjpeg guesses that the samples are YCbCr. */
static bool
is_jfif(const uint8_t *bytes, size_t size)
{
    static const uint8_t start[] = {0xff, 0xd8, 0xff, 0xe0, 0,   16,
                                    'J',  'F',  'I',  'F',  '\0'};
    return size > sizeof start && memcmp(bytes, start, sizeof start) == 0;
}

static bool
decode_mirax_tile(const struct image *image,
                  const struct image_request *request,
                  const struct jpeg_rows *rows)
{
    size_t size;
    uint8_t *bytes = image_read_tile(image, request->tile, &size);
    bool decoded =
        bytes != NULL &&
        (image->coding.codec != CODEC_JPEG || is_jfif(bytes, size)) &&
        codec_decode(&image->coding, &image->format, bytes, size, rows);
    free(bytes);
    return decoded;
}

static void
close_mirax(struct image *image)
{
    struct mirax_store *store = image->store;
    mirax_scan_release(store->scan);
    free(store->places);
    free(store->sources);
    free(store);
}

static const struct image_container mirax_container = {
    .locate = locate_mirax_tile,
    .decode = decode_mirax_tile,
    .close = close_mirax,
};

static struct tile_map
mirax_map_of(const struct mirax_store *store)
{
    const struct mirax_level *level = &store->level;
    /* Overlaps are those of photos, of which an image may be a part. */
    int32_t parts = store->scan->divisions / level->joined;
    parts = parts < 1 ? 1 : parts;
    double width = (double)level->width / store->tiles;
    double height = (double)level->height / store->tiles;
    return (struct tile_map){
        .advance_x = width - level->overlap_x / parts,
        .advance_y = height - level->overlap_y / parts,
        .width = width,
        .height = height,
        .is_cut = level->width > width || level->height > height,
        .find = find_mirax_tile,
    };
}

bool
mirax_image_open(struct image *image, struct mirax_scan *scan,
                 const struct mirax_level *level, struct mirax_stored *places,
                 const struct source **sources)
{
    struct mirax_store *store = malloc(sizeof *store);
    *image = (struct image){0};
    if (store == NULL) {
        free(places);
        free(sources);
        return false;
    }
    bool joins_photos = level->joined > scan->divisions;
    *store = (struct mirax_store){
        .scan = scan,
        .level = *level,
        .across = mirax_image_count(scan->images_across, level->joined),
        .down = mirax_image_count(scan->images_down, level->joined),
        .step = scan->is_cut && joins_photos ? scan->divisions : level->joined,
        .tiles =
            scan->is_cut && joins_photos ? level->joined / scan->divisions : 1,
        .places = places,
        .sources = sources,
    };
    store->map = mirax_map_of(store);
    scan->references++;
    *image = (struct image){
        .container = &mirax_container,
        .store = store,
        .coding = {.codec = level->codec},
        .format = {.width = (uint32_t)level->width,
                   .height = (uint32_t)level->height},
        .tile_width = (uint32_t)level->width,
        .tile_height = (uint32_t)level->height,
        .tiles_across = (uint32_t)store->across,
        .tiles_down = (uint32_t)store->down,
        .surface = PAINT_RGB24,
    };
    if (!(store->map.advance_x >= 1) || !(store->map.advance_y >= 1)) {
        return false;
    }
    survey(store);
    return true;
}

const struct tile_map *
mirax_image_map(const struct image *image)
{
    return &((const struct mirax_store *)image->store)->map;
}
