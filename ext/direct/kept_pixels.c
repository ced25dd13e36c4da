#include "kept_pixels.h"

#include "system/lengths.h"

/* The tiles that an area touches. */
struct tile_range {
    int64_t first_column, first_row, end_column, end_row;
};

static struct tile_range
range_of(const struct kept_pixels *kept, const struct level_area *area)
{
    return (struct tile_range){
        area->x / kept->tile_width,
        area->y / kept->tile_height,
        (area->x + area->width - 1) / kept->tile_width + 1,
        (area->y + area->height - 1) / kept->tile_height + 1,
    };
}

static size_t
tile_pixels(const struct kept_pixels *kept)
{
    return (size_t)(kept->tile_width * kept->tile_height);
}

static struct tile_key
key_of(const struct kept_pixels *kept, int64_t column, int64_t row)
{
    return (struct tile_key){
        .slide = kept->slide,
        .image = kept->image,
        .tile = (uint64_t)row * kept->tiles_across + (uint64_t)column,
        .columns = (uint32_t)kept->tile_width,
    };
}

/* What an area shows of a tile. */
static struct rectangle
rectangle_of(const struct kept_pixels *kept, const struct level_area *area,
             int64_t column, int64_t row)
{
    int64_t x = area->x - column * kept->tile_width;
    int64_t y = area->y - row * kept->tile_height;
    return (struct rectangle){
        larger(x, 0),
        larger(y, 0),
        smaller(x + area->width, kept->tile_width),
        smaller(y + area->height, kept->tile_height),
    };
}

uint64_t
kept_pixels_bytes(const struct kept_pixels *kept,
                  const struct level_area *area)
{
    struct tile_range range = range_of(kept, area);
    return (uint64_t)(range.end_column - range.first_column) *
           (uint64_t)(range.end_row - range.first_row) *
           tile_cache_bytes(tile_pixels(kept));
}

/* What is not kept of a tile. */
static struct rectangle
missing_of(const struct kept_pixels *kept, const struct level_area *area,
           int64_t column, int64_t row)
{
    struct rectangle rectangle = rectangle_of(kept, area, column, row);
    struct tile_key key = key_of(kept, column, row);
    const struct tile *tile = tile_cache_find(kept->cache, &key);
    if (tile != NULL) {
        rectangle = tile_parts_missing(tile->parts, &rectangle);
        tile_release(tile);
    }
    return rectangle;
}

/* Grow an area around a part of a tile. */
static void
include(struct level_area *area, int64_t x, int64_t y, int64_t right,
        int64_t bottom)
{
    if (area->width > 0) {
        right = larger(right, area->x + area->width);
        bottom = larger(bottom, area->y + area->height);
        x = smaller(x, area->x);
        y = smaller(y, area->y);
    }
    *area = (struct level_area){x, y, right - x, bottom - y};
}

struct level_area
kept_pixels_missing(const struct kept_pixels *kept,
                    const struct level_area *area)
{
    struct level_area missing = {0};
    struct tile_range range = range_of(kept, area);
    for (int64_t row = range.first_row; row < range.end_row; row++) {
        for (int64_t column = range.first_column; column < range.end_column;
             column++) {
            int64_t x = column * kept->tile_width;
            int64_t y = row * kept->tile_height;
            struct rectangle part = missing_of(kept, area, column, row);
            if (!rectangle_is_empty(&part)) {
                include(&missing, x + part.left, y + part.top, x + part.right,
                        y + part.bottom);
            }
        }
    }
    return missing;
}

void
kept_pixels_put(const struct kept_pixels *kept, const struct level_area *area,
                const uint32_t *words, ptrdiff_t stride)
{
    struct tile_range range = range_of(kept, area);
    for (int64_t row = range.first_row; row < range.end_row; row++) {
        for (int64_t column = range.first_column; column < range.end_column;
             column++) {
            struct rectangle part = rectangle_of(kept, area, column, row);
            int64_t x = column * kept->tile_width + part.left - area->x;
            int64_t y = row * kept->tile_height + part.top - area->y;
            struct tile_key key = key_of(kept, column, row);
            const struct tile *tile =
                tile_cache_get_parts(kept->cache, &key, tile_pixels(kept));
            if (tile != NULL) {
                tile_cache_put(tile, (ptrdiff_t)kept->tile_width, &part,
                               words + y * stride + x, stride);
                tile_release(tile);
            }
        }
    }
}

const struct tile *
kept_pixels_tile(const struct kept_pixels *kept, const struct level_area *area,
                 int64_t column, int64_t row)
{
    struct rectangle part = rectangle_of(kept, area, column, row);
    struct tile_key key = key_of(kept, column, row);
    const struct tile *tile = tile_cache_find(kept->cache, &key);
    if (tile != NULL) {
        part = tile_parts_missing(tile->parts, &part);
        if (!rectangle_is_empty(&part)) {
            tile_release(tile);
            tile = NULL;
        }
    }
    return tile;
}
