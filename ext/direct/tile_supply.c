#include "tile_supply.h"

#include "system/lengths.h"

/* Parts of tiles begin and end at multiples of this. */
enum { PART_COLUMNS = 16 };

/* A place in the grid of an image, and what is asked for there. */
struct request {
    const struct tile_supply *supply;
    const struct image *image;
    struct tile_key key;
};

/* For all of the tile. */
static struct request
request_of(const struct tile_supply *supply, const struct placement *placement,
           uint64_t number)
{
    const struct image *image = &placement->image;
    return (struct request){supply,
                            image,
                            {.slide = supply->slide,
                             .image = placement->number,
                             .tile = number,
                             .columns = image->tile_width}};
}

/* Where there are no holes, decoding finds out what else there is. */
static enum tile_content
content_of(const struct request *request)
{
    return request->image->has_holes
               ? image_content(request->image, request->key.tile)
               : TILE_STORED;
}

static bool
decode_request(const struct request *request, const struct jpeg_rows *rows)
{
    const struct tile_supply *supply = request->supply;
    const struct tile_key *key = &request->key;
    const struct image_request wanted = {
        .tile = key->tile,
        .area = {key->first, 0, key->columns, request->image->tile_height},
        .ahead = supply->ahead,
    };
    if (!supply->is_intact(request->image, key->tile, supply->argument)) {
        return false;
    }
    read_ahead_from(supply->ahead, request->image, key->tile);
    return image_decode_tile(request->image, &wanted, rows);
}

/* For the cache. */
static bool
decode_words(uint32_t *words, void *argument)
{
    const struct request *request = argument;
    size_t stride = request->key.columns * sizeof *words;
    const struct jpeg_rows rows = {(uint8_t *)words, (ptrdiff_t)stride,
                                   JPEG_WORDS};
    return decode_request(request, &rows);
}

static const struct tile *
get_request(struct request *request)
{
    size_t pixels = (size_t)request->key.columns * request->image->tile_height;
    return tile_cache_get(request->supply->cache, &request->key, pixels,
                          decode_words, request);
}

static uint64_t
number_of(const struct placement *placement, int64_t column, int64_t row)
{
    return (uint64_t)row * placement->image.tiles_across + (uint64_t)column;
}

bool
tile_supply_get(const struct tile_supply *supply,
                const struct placement *placement, int64_t column, int64_t row,
                const struct tile **tile)
{
    if (supply->kept != NULL) {
        *tile = kept_pixels_tile(supply->kept, &supply->area, column, row);
        return *tile != NULL;
    }
    return tile_supply_get_number(supply, placement,
                                  number_of(placement, column, row), tile);
}

bool
tile_supply_get_number(const struct tile_supply *supply,
                       const struct placement *placement, uint64_t number,
                       const struct tile **tile)
{
    struct request request = request_of(supply, placement, number);
    enum tile_content content = content_of(&request);
    *tile = NULL;
    if (content == TILE_STORED) {
        *tile = get_request(&request);
    }
    return content == TILE_HOLE || *tile != NULL;
}

/* Of the tile only the columns, and as many as fill whole blocks: then others
   that want about the same find them. */
static struct request
narrowed(const struct request *request, int64_t first, int64_t columns)
{
    struct request narrow = *request;
    int64_t width = request->image->tile_width;
    int64_t begin = first / PART_COLUMNS * PART_COLUMNS;
    int64_t end = (first + columns + PART_COLUMNS - 1) / PART_COLUMNS;
    end = smaller(end * PART_COLUMNS, width);
    narrow.key.first = (uint32_t)begin;
    narrow.key.columns = (uint32_t)(end - begin);
    return narrow;
}

bool
tile_supply_get_columns(const struct tile_supply *supply,
                        const struct placement *placement, int64_t column,
                        int64_t row, int64_t first, int64_t columns,
                        const struct tile **tile)
{
    struct request all =
        request_of(supply, placement, number_of(placement, column, row));
    if (all.image->is_divisible && !all.image->has_holes && columns > 0) {
        struct request part = narrowed(&all, first, columns);
        *tile = tile_cache_find(supply->cache, &all.key);
        if (*tile == NULL) {
            *tile = tile_cache_find(supply->cache, &part.key);
        }
        if (*tile == NULL && all.image->tile_width > supply->widest_whole) {
            *tile = get_request(&part);
        }
        if (*tile != NULL) {
            return true;
        }
    }
    return tile_supply_get(supply, placement, column, row, tile);
}

bool
tile_supply_put(const struct tile_supply *supply,
                const struct placement *placement, int64_t column, int64_t row,
                const struct jpeg_rows *rows, const struct tile **tile)
{
    struct request request =
        request_of(supply, placement, number_of(placement, column, row));
    *tile = tile_cache_find(supply->cache, &request.key);
    if (*tile != NULL) {
        return true;
    }
    enum tile_content content = content_of(&request);
    return content == TILE_HOLE ||
           (content == TILE_STORED && decode_request(&request, rows));
}
