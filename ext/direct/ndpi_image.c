#include "ndpi_image.h"

#include "codecs/jpeg_turbo.h"
#include "read_ahead.h"

#include <stdlib.h>
#include <string.h>

static const char NO_MEMORY[] = "there was no memory";

/* Headers have some 600 bytes, and this many at most. */
enum { FIRST_BYTES = 1 << 12, MAX_HEADER_BYTES = 1 << 16 };

/* Blocks of a JPEG have 8 rows of 8 samples. */
enum { BLOCK_SIDE = 8 };

/* Larger tiles are no tiles but whole pictures. */
static const uint64_t MAX_TILE_PIXELS = UINT64_C(4096) * 4096;

/* Their starts would take more than 512 MB. */
static const uint64_t MAX_TILES = UINT64_C(1) << 26;

/* The restart marker before an interval, and the one that ends it. */
enum { MARKER_BYTES = 2 };

static const uint8_t END_OF_IMAGE = 0xd9;

struct ndpi_strip {
    int users; /* images and who opens them; those take turns */
    const struct source *source;
    struct ndpi_directory directory;
    struct ndpi_jpeg jpeg;
    struct ndpi_grid grid;
    /* Of each tile within the file, and the end of the last; NULL: not looked
       for yet. */
    uint64_t *starts;
    /* Of the JPEG, but for an image of the size of a tile. */
    uint8_t header[];
};

struct ndpi_store {
    struct ndpi_strip *strip;
    unsigned denominator;
};

/* Strips */

/* The header of the JPEG, to be freed; NULL where it is unusual. */
static uint8_t *
read_header(const struct source *source,
            const struct ndpi_directory *directory, struct ndpi_jpeg *jpeg)
{
    enum ndpi_parsing parsing = NDPI_CUT_OFF;
    uint8_t *bytes = malloc(MAX_HEADER_BYTES);
    size_t size = FIRST_BYTES;
    while (bytes != NULL && parsing == NDPI_CUT_OFF) {
        bool is_all = directory->strip_size <= size;
        size_t count = is_all ? (size_t)directory->strip_size : size;
        parsing = source_read(source, directory->strip_offset, bytes, count)
                      ? ndpi_parse_jpeg(bytes, count, jpeg)
                      : NDPI_REFUSED;
        if (parsing == NDPI_CUT_OFF && (is_all || size == MAX_HEADER_BYTES)) {
            parsing = NDPI_REFUSED;
        }
        size = MAX_HEADER_BYTES;
    }
    if (parsing != NDPI_PARSED) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

/* Scanners leave the sides of larger images than a JPEG can have to TIFF.
   libopenslide has libjpeg read the header with the largest side instead. */
static uint32_t
side_for_libjpeg(uint32_t side)
{
    return side == 0 || side > NDPI_MAX_JPEG_SIDE ? NDPI_MAX_JPEG_SIDE : side;
}

static bool
has_jpeg_size(const struct ndpi_directory *directory)
{
    return directory->width <= NDPI_MAX_JPEG_SIDE &&
           directory->height <= NDPI_MAX_JPEG_SIDE;
}

static struct ndpi_grid
grid_of(const struct ndpi_directory *directory, const struct ndpi_jpeg *jpeg)
{
    struct ndpi_grid grid = {.width = directory->width,
                             .height = directory->height};
    if (has_jpeg_size(directory)) {
        grid.width = side_for_libjpeg(jpeg->width);
        grid.height = side_for_libjpeg(jpeg->height);
    }
    grid.tile_width = grid.width;
    grid.tile_height = grid.height;
    if (jpeg->restart_interval != 0) {
        grid.tile_width = BLOCK_SIDE * jpeg->across * jpeg->restart_interval;
        grid.tile_height = BLOCK_SIDE * jpeg->down;
    }
    grid.tiles_across = grid.width / grid.tile_width;
    grid.tiles_down = grid.height / grid.tile_height;
    return grid;
}

const char *
ndpi_strip_open(struct ndpi_strip **strip, const struct source *source,
                const struct ndpi_directory *directory)
{
    struct ndpi_jpeg jpeg;
    *strip = NULL;
    if (!directory->is_usable || directory->width == 0 ||
        directory->height == 0) {
        return "the TIFF directory has unusual entries";
    }
    uint8_t *header = read_header(source, directory, &jpeg);
    if (header == NULL) {
        return "the header of the JPEG is unusual";
    }
    *strip = malloc(sizeof **strip + jpeg.size);
    if (*strip != NULL) {
        **strip = (struct ndpi_strip){.users = 1,
                                      .source = source,
                                      .directory = *directory,
                                      .jpeg = jpeg,
                                      .grid = grid_of(directory, &jpeg)};
        memcpy((*strip)->header, header, jpeg.size);
        ndpi_resize_jpeg(&jpeg, (*strip)->header, (*strip)->grid.tile_width,
                         (*strip)->grid.tile_height);
    }
    free(header);
    return *strip == NULL ? NO_MEMORY : NULL;
}

void
ndpi_strip_release(struct ndpi_strip *strip)
{
    if (--strip->users == 0) {
        free(strip->starts);
        free(strip);
    }
}

const struct ndpi_grid *
ndpi_strip_grid(const struct ndpi_strip *strip)
{
    return &strip->grid;
}

/* Tiles */

static uint64_t
tile_count(const struct ndpi_grid *grid)
{
    return (uint64_t)grid->tiles_across * grid->tiles_down;
}

static const char *
find_starts(struct image *image)
{
    struct ndpi_strip *strip = ((struct ndpi_store *)image->store)->strip;
    const struct ndpi_directory *directory = &strip->directory;
    uint64_t count = tile_count(&strip->grid);
    if (strip->starts != NULL) {
        return NULL;
    }
    uint64_t *starts = count > MAX_TILES || count >= SIZE_MAX / sizeof *starts
                           ? NULL
                           : malloc((size_t)(count + 1) * sizeof *starts);
    if (starts == NULL) {
        return NO_MEMORY;
    }
    if (count > 1 &&
        !ndpi_read_starts(strip->source, directory, count, starts)) {
        free(starts);
        return "the places of its restart intervals are unusual";
    }
    starts[0] = directory->strip_offset + strip->jpeg.size;
    starts[count] = directory->strip_offset + directory->strip_size;
    strip->starts = starts;
    return NULL;
}

static enum tile_content
locate_ndpi_tile(const struct image *image, uint64_t tile,
                 struct tile_place *place)
{
    const struct ndpi_strip *strip =
        ((const struct ndpi_store *)image->store)->strip;
    if (tile >= tile_count(&strip->grid) ||
        strip->starts[tile + 1] < strip->starts[tile]) {
        return TILE_UNKNOWN;
    }
    place->source = strip->source;
    place->offset = strip->starts[tile];
    place->size = strip->starts[tile + 1] - place->offset;
    return TILE_STORED;
}

/* Whether libopenslide finds the interval where it is said to be.  `bytes` are
   those of the interval, with the markers around it. */
static bool
has_its_markers(const struct ndpi_strip *strip, uint64_t tile,
                const uint8_t *bytes, size_t size)
{
    const uint8_t *last = bytes + size - MARKER_BYTES;
    bool is_last = tile + 1 == tile_count(&strip->grid);
    return (tile == 0 || ndpi_is_restart(bytes)) &&
           (is_last ? last[0] == 0xff : ndpi_is_restart(last));
}

/* A JPEG of the tile, to be freed; NULL where there is anything odd. */
static uint8_t *
read_interval_bytes(const struct image *image,
                    const struct image_request *request, size_t *size)
{
    uint64_t tile = request->tile;
    const struct ndpi_strip *strip =
        ((const struct ndpi_store *)image->store)->strip;
    size_t before = tile == 0 ? 0 : MARKER_BYTES, head = strip->jpeg.size;
    struct tile_place place;
    uint64_t limit = (uint64_t)strip->grid.tile_width *
                         strip->grid.tile_height * sizeof(uint32_t) +
                     MAX_HEADER_BYTES;
    if (locate_ndpi_tile(image, tile, &place) != TILE_STORED ||
        place.offset < strip->starts[0] + before ||
        place.size <= MARKER_BYTES || place.size > limit) {
        return NULL;
    }
    *size = head + (size_t)place.size;
    uint8_t *bytes = malloc(*size);
    if (bytes == NULL ||
        !read_ahead_get(request->ahead, place.source, place.offset - before,
                        bytes + head - before, (size_t)place.size + before) ||
        !has_its_markers(strip, tile, bytes + head - before,
                         (size_t)place.size + before)) {
        free(bytes);
        return NULL;
    }
    memcpy(bytes, strip->header, head);
    bytes[*size - 1] = END_OF_IMAGE;
    return bytes;
}

static bool
decode_ndpi_tile(const struct image *image,
                 const struct image_request *request,
                 const struct jpeg_rows *rows)
{
    const struct ndpi_store *store = image->store;
    size_t size;
    uint8_t *bytes = read_interval_bytes(image, request, &size);
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
    ndpi_strip_release(store->strip);
    free(store);
}

static const struct image_container ndpi_container = {
    .index = find_starts,
    .locate = locate_ndpi_tile,
    .decode = decode_ndpi_tile,
    .close = close_ndpi,
};

/* Opening */

/*
 * Tiles are decoded for themselves, though libopenslide has libjpeg read the
 * header of the whole image.  That shows in colours that rows or columns of
 * pixels share: across rows libjpeg would look for the tile below; and where
 * the last unit of the image is not full, it leaves out as much of each tile.
 */
static bool
stand_alone(const struct ndpi_strip *strip)
{
    const struct ndpi_jpeg *jpeg = &strip->jpeg;
    return jpeg->restart_interval == 0 ||
           (jpeg->down == 1 &&
            (jpeg->across == 1 ||
             side_for_libjpeg(jpeg->width) % (BLOCK_SIDE * jpeg->across) ==
                 0));
}

static const char *
refusal_of_size(const struct ndpi_strip *strip)
{
    const struct ndpi_grid *grid = &strip->grid;
    if ((uint64_t)grid->tile_width * grid->tile_height > MAX_TILE_PIXELS ||
        grid->tile_width > NDPI_MAX_JPEG_SIDE ||
        grid->tile_height > NDPI_MAX_JPEG_SIDE) {
        return strip->jpeg.restart_interval == 0
                   ? "the level is one JPEG without restart markers"
                   : "the tiles are larger than 4096 pixels";
    }
    return grid->tiles_across == 0 || grid->tiles_down == 0
               ? "the level is not a grid of tiles as expected"
               : NULL;
}

static const char *
refusal_of_jpeg(const struct ndpi_strip *strip, unsigned denominator)
{
    const struct ndpi_jpeg *jpeg = &strip->jpeg;
    bool is_plain = jpeg->components == 3 && jpeg->precision == 8;
    const char *refusal = image_refusal(true, is_plain, 1, 1);
    if (refusal == NULL) {
        refusal = refusal_of_size(strip);
    }
    if (refusal == NULL && !stand_alone(strip)) {
        refusal = "the colours of its tiles do not stand alone";
    }
    if (refusal == NULL && denominator > 1 && jpeg_library() == NULL) {
        refusal = "it is made of a larger level, which takes libjpeg-turbo";
    }
    return refusal;
}

const char *
ndpi_image_open(struct image *image, struct ndpi_strip *strip,
                unsigned denominator)
{
    const struct ndpi_grid *grid = &strip->grid;
    *image = (struct image){0};
    const char *refusal = refusal_of_jpeg(strip, denominator);
    struct ndpi_store *store = refusal == NULL ? malloc(sizeof *store) : NULL;
    if (store == NULL) {
        return refusal == NULL ? NO_MEMORY : refusal;
    }
    *store = (struct ndpi_store){strip, denominator};
    strip->users++;
    *image = (struct image){
        .container = &ndpi_container,
        .store = store,
        .format = {.width = grid->tile_width,
                   .height = grid->tile_height,
                   .is_rgb = strip->jpeg.is_rgb},
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
