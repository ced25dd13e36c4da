#include "ngr_image.h"

#include "formats/ngr.h"
#include "read_ahead.h"

#include <stdlib.h>

/* libopenslide divides columns into tiles of this height. */
enum { NGR_TILE_HEIGHT = 64 };

/* Wider columns are no tiles but whole pictures. */
enum { MAX_COLUMN_WIDTH = 1 << 16 };

struct ngr_store {
    const struct source *source;
    struct ngr_file file;
};

/* The last tile of a column may have fewer. */
static int64_t
rows_of(const struct image *image, uint64_t tile)
{
    int64_t top = (int64_t)(tile / image->tiles_across) * NGR_TILE_HEIGHT;
    int64_t left = image->height - top;
    return left < NGR_TILE_HEIGHT ? left : NGR_TILE_HEIGHT;
}

static enum tile_content
locate_ngr_tile(const struct image *image, uint64_t tile,
                struct tile_place *place)
{
    const struct ngr_store *store = image->store;
    uint64_t row_bytes = (uint64_t)image->tile_width * NGR_PIXEL_BYTES;
    if (tile >= image_tile_count(image)) {
        return TILE_UNKNOWN;
    }
    uint64_t column = tile % image->tiles_across;
    uint64_t row = tile / image->tiles_across * NGR_TILE_HEIGHT;
    *place = (struct tile_place){
        .source = store->source,
        .offset = (uint64_t)store->file.offset +
                  (column * (uint64_t)image->height + row) * row_bytes,
        .size = (uint64_t)rows_of(image, tile) * row_bytes,
    };
    return TILE_STORED;
}

static bool
decode_ngr_tile(const struct image *image, const struct image_request *request,
                const struct jpeg_rows *rows)
{
    const struct coding raw = {.codec = CODEC_NONE};
    struct jpeg_format format = image->format;
    struct tile_place place;
    if (locate_ngr_tile(image, request->tile, &place) != TILE_STORED) {
        return false;
    }
    format.height = (uint32_t)rows_of(image, request->tile);
    size_t size = (size_t)place.size, count = size / NGR_PIXEL_BYTES;
    uint8_t *bytes = malloc(size);
    bool decoded =
        bytes != NULL && read_ahead_get(request->ahead, place.source,
                                        place.offset, bytes, size);
    if (decoded) {
        ngr_convert(bytes, bytes, count);
        decoded = codec_decode(&raw, &format, bytes, 3 * count, rows);
    }
    free(bytes);
    return decoded;
}

static void
close_ngr(struct image *image)
{
    free(image->store);
}

static const struct image_container ngr_container = {
    .locate = locate_ngr_tile,
    .decode = decode_ngr_tile,
    .close = close_ngr,
};

const char *
ngr_image_open(struct image *image, const struct source *source)
{
    struct ngr_file file;
    *image = (struct image){0};
    if (!ngr_open(&file, source)) {
        return "the header of the file is unusual";
    }
    if (file.column_width > MAX_COLUMN_WIDTH) {
        return "the columns of the file are too wide";
    }
    uint64_t pixels = (uint64_t)file.width * (uint64_t)file.height;
    if (pixels > (uint64_t)source->size / NGR_PIXEL_BYTES ||
        !source_has(source, (uint64_t)file.offset, pixels * NGR_PIXEL_BYTES)) {
        return "the file ends before its pixels do";
    }
    struct ngr_store *store = malloc(sizeof *store);
    if (store == NULL) {
        return "there was no memory";
    }
    *store = (struct ngr_store){source, file};
    *image = (struct image){
        .container = &ngr_container,
        .store = store,
        .format = {.width = (uint32_t)file.column_width,
                   .height = NGR_TILE_HEIGHT,
                   .is_rgb = true},
        .tile_width = (uint32_t)file.column_width,
        .tile_height = NGR_TILE_HEIGHT,
        .tiles_across = (uint32_t)(file.width / file.column_width),
        .tiles_down = ((uint32_t)file.height - 1) / NGR_TILE_HEIGHT + 1,
        .width = file.width,
        .height = file.height,
        .surface = PAINT_RGB24,
        .is_read_ahead = true,
    };
    return NULL;
}
