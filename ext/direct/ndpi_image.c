#include "ndpi_image.h"

#include "codecs/jpeg_turbo.h"

#include <stdlib.h>
#include <string.h>

static const char NO_MEMORY[] = "there was no memory";

struct ndpi_mosaic {
    int users; /* images and who opens them; those take turns */
    uint32_t across, down;
    struct ndpi_grid grid;
    struct ndpi_strip *strips[];
};

struct ndpi_store {
    struct ndpi_mosaic *mosaic;
    unsigned denominator;
};

/* Mosaics */

/*
 * All strips have tiles of one size, and as many as the others of their column
 * and row.  Of the last ones there may be fewer: libopenslide finds a tile's
 * strip by how many the first has.
 */
static bool
fits(const struct ndpi_mosaic *mosaic, uint32_t column, uint32_t row)
{
    const struct ndpi_strip *strip =
        mosaic->strips[(size_t)row * mosaic->across + column];
    const struct ndpi_grid *grid = ndpi_strip_grid(strip);
    const struct ndpi_grid *first = ndpi_strip_grid(mosaic->strips[0]);
    const struct ndpi_grid *left =
        ndpi_strip_grid(mosaic->strips[(size_t)row * mosaic->across]);
    const struct ndpi_grid *top = ndpi_strip_grid(mosaic->strips[column]);
    return grid->tile_width == first->tile_width &&
           grid->tile_height == first->tile_height &&
           grid->tiles_across == top->tiles_across &&
           grid->tiles_down == left->tiles_down &&
           (column + 1 == mosaic->across
                ? grid->tiles_across <= first->tiles_across
                : grid->tiles_across == first->tiles_across) &&
           (row + 1 == mosaic->down ? grid->tiles_down <= first->tiles_down
                                    : grid->tiles_down == first->tiles_down) &&
           ndpi_strip_jpeg(strip)->is_rgb ==
               ndpi_strip_jpeg(mosaic->strips[0])->is_rgb;
}

/* Sides are those of the first row and of the first column.  False where they
   are too long, or strips do not fit. */
static bool
put_together(struct ndpi_mosaic *mosaic)
{
    struct ndpi_grid *grid = &mosaic->grid;
    uint64_t width = 0, height = 0;
    *grid = *ndpi_strip_grid(mosaic->strips[0]);
    grid->tiles_across = grid->tiles_down = 0;
    for (uint32_t row = 0; row < mosaic->down; row++) {
        for (uint32_t column = 0; column < mosaic->across; column++) {
            const struct ndpi_grid *part = ndpi_strip_grid(
                mosaic->strips[(size_t)row * mosaic->across + column]);
            width += row == 0 ? part->width : 0;
            grid->tiles_across += row == 0 ? part->tiles_across : 0;
            height += column == 0 ? part->height : 0;
            grid->tiles_down += column == 0 ? part->tiles_down : 0;
            if (!fits(mosaic, column, row)) {
                return false;
            }
        }
    }
    grid->width = (uint32_t)width;
    grid->height = (uint32_t)height;
    return width <= INT32_MAX && height <= INT32_MAX;
}

const char *
ndpi_mosaic_open(struct ndpi_mosaic **mosaic, struct ndpi_strip *const *strips,
                 uint32_t across, uint32_t down)
{
    size_t count = (size_t)across * down;
    *mosaic = malloc(sizeof **mosaic + count * sizeof *strips);
    if (*mosaic == NULL) {
        for (size_t i = 0; i < count; i++) {
            ndpi_strip_close(strips[i]);
        }
        return NO_MEMORY;
    }
    **mosaic =
        (struct ndpi_mosaic){.users = 1, .across = across, .down = down};
    memcpy((*mosaic)->strips, strips, count * sizeof *strips);
    if (!put_together(*mosaic)) {
        ndpi_mosaic_release(*mosaic);
        *mosaic = NULL;
        return "its JPEGs do not fit together as expected";
    }
    return NULL;
}

void
ndpi_mosaic_release(struct ndpi_mosaic *mosaic)
{
    if (--mosaic->users == 0) {
        for (size_t i = 0; i < (size_t)mosaic->across * mosaic->down; i++) {
            ndpi_strip_close(mosaic->strips[i]);
        }
        free(mosaic);
    }
}

const struct ndpi_grid *
ndpi_mosaic_grid(const struct ndpi_mosaic *mosaic)
{
    return &mosaic->grid;
}

/* A tile's strip, and its number among the strip's. */
static struct ndpi_strip *
strip_at(const struct ndpi_mosaic *mosaic, uint64_t tile, uint64_t *number)
{
    const struct ndpi_grid *first = ndpi_strip_grid(mosaic->strips[0]);
    uint64_t column = tile % mosaic->grid.tiles_across;
    uint64_t row = tile / mosaic->grid.tiles_across;
    struct ndpi_strip *strip =
        mosaic->strips[row / first->tiles_down * mosaic->across +
                       column / first->tiles_across];
    *number = row % first->tiles_down * ndpi_strip_grid(strip)->tiles_across +
              column % first->tiles_across;
    return strip;
}

/* Tiles */

static const char *
index_ndpi(struct image *image)
{
    const struct ndpi_mosaic *mosaic =
        ((const struct ndpi_store *)image->store)->mosaic;
    const char *refusal = NULL;
    for (size_t i = 0;
         refusal == NULL && i < (size_t)mosaic->across * mosaic->down; i++) {
        refusal = ndpi_strip_index(mosaic->strips[i]);
    }
    return refusal;
}

static enum tile_content
locate_ndpi_tile(const struct image *image, uint64_t tile,
                 struct tile_place *place)
{
    const struct ndpi_store *store = image->store;
    uint64_t number;
    if (tile >= image_tile_count(image)) {
        return TILE_UNKNOWN;
    }
    struct ndpi_strip *strip = strip_at(store->mosaic, tile, &number);
    return ndpi_strip_locate(strip, number, place) ? TILE_STORED
                                                   : TILE_UNKNOWN;
}

static bool
decode_ndpi_tile(const struct image *image,
                 const struct image_request *request,
                 const struct jpeg_rows *rows)
{
    const struct ndpi_store *store = image->store;
    uint64_t number;
    size_t size;
    if (request->tile >= image_tile_count(image)) {
        return false;
    }
    struct ndpi_strip *strip = strip_at(store->mosaic, request->tile, &number);
    uint8_t *bytes = ndpi_strip_read(strip, number, request->ahead, &size);
    if (bytes == NULL) {
        return false;
    }
    bool decoded;
    if (store->denominator > 1) {
        decoded = jpeg_turbo_decode_reduced(&image->format, bytes, size,
                                            store->denominator, rows);
    } else if (request->area.width < image->tile_width) {
        decoded = jpeg_decode_part(&image->format, bytes, size, &request->area,
                                   rows);
    } else {
        decoded = jpeg_decode(&image->format, bytes, size, rows);
    }
    free(bytes);
    return decoded;
}

static void
close_ndpi(struct image *image)
{
    struct ndpi_store *store = image->store;
    ndpi_mosaic_release(store->mosaic);
    free(store);
}

static const struct image_container ndpi_container = {
    .index = index_ndpi,
    .locate = locate_ndpi_tile,
    .decode = decode_ndpi_tile,
    .close = close_ndpi,
};

/* Opening */

static const char *
refusal_of_mosaic(const struct ndpi_mosaic *mosaic, unsigned denominator)
{
    const char *refusal = NULL;
    for (size_t i = 0;
         refusal == NULL && i < (size_t)mosaic->across * mosaic->down; i++) {
        refusal = ndpi_strip_refusal(mosaic->strips[i]);
    }
    return refusal == NULL && denominator > 1 && jpeg_library() == NULL
               ? "it is made of a larger level, which takes libjpeg-turbo"
               : refusal;
}

const char *
ndpi_image_open(struct image *image, struct ndpi_mosaic *mosaic,
                unsigned denominator)
{
    const struct ndpi_grid *grid = &mosaic->grid;
    *image = (struct image){0};
    const char *refusal = refusal_of_mosaic(mosaic, denominator);
    struct ndpi_store *store = refusal == NULL ? malloc(sizeof *store) : NULL;
    if (store == NULL) {
        return refusal == NULL ? NO_MEMORY : refusal;
    }
    *store = (struct ndpi_store){mosaic, denominator};
    mosaic->users++;
    *image = (struct image){
        .container = &ndpi_container,
        .store = store,
        .format = {.width = grid->tile_width,
                   .height = grid->tile_height,
                   .is_rgb = ndpi_strip_jpeg(mosaic->strips[0])->is_rgb},
        .tile_width = grid->tile_width / denominator,
        .tile_height = grid->tile_height / denominator,
        .tiles_across = grid->tiles_across,
        .tiles_down = grid->tiles_down,
        .width = grid->width / denominator,
        .height = grid->height / denominator,
        .surface = PAINT_RGB24,
        .is_divisible = denominator == 1 && jpeg_own_decoder() != NULL,
        .is_read_ahead = true,
    };
    return NULL;
}
