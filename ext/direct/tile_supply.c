#include "tile_supply.h"

/* A place in the grid of an image, and what is asked for there. */
struct request {
    const struct tile_supply *supply;
    const struct image *image;
    struct tile_key key;
};

static struct request
request_of(const struct tile_supply *supply, const struct placement *placement,
           uint64_t number)
{
    const struct image *image = &placement->image;
    return (struct request){
        supply, image, {supply->slide, placement->number, number}};
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
    return supply->is_intact(request->image, request->key.tile,
                             supply->argument) &&
           image_decode_tile(request->image, request->key.tile, rows);
}

/* For the cache. */
static bool
decode_words(uint32_t *words, void *argument)
{
    const struct request *request = argument;
    size_t stride = request->image->tile_width * sizeof *words;
    const struct jpeg_rows rows = {(uint8_t *)words, (ptrdiff_t)stride,
                                   JPEG_WORDS};
    return decode_request(request, &rows);
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
        *tile = tile_cache_get(supply->cache, &request.key,
                               image_tile_pixels(request.image), decode_words,
                               &request);
    }
    return content == TILE_HOLE || *tile != NULL;
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
