#include "tiff_image.h"

#include <stdlib.h>

/* Tables take a few hundred bytes. */
enum { MAX_TABLES_BYTES = 1 << 16 };

struct tiff_store {
    struct tiff_file file;
    struct tiff_table offsets, byte_counts;
    uint8_t *tables; /* of the JPEG format */
    struct missing_tiles left_out;
};

static enum tile_content
locate_tiff_tile(const struct image *image, uint64_t tile,
                 struct tile_place *place)
{
    const struct tiff_store *store = image->store;
    place->source = store->file.source;
    if (missing_tiles_has(&store->left_out, tile) ||
        !tiff_table_number(&store->file, &store->byte_counts, tile,
                           &place->size)) {
        return TILE_UNKNOWN;
    }
    if (place->size == 0) {
        return image->has_holes ? TILE_HOLE : TILE_UNKNOWN;
    }
    return tiff_table_number(&store->file, &store->offsets, tile,
                             &place->offset)
               ? TILE_STORED
               : TILE_UNKNOWN;
}

static void
close_tiff(struct image *image)
{
    struct tiff_store *store = image->store;
    free(store->tables);
    missing_tiles_free(&store->left_out);
    free(store);
}

static const struct image_container tiff_container = {
    .locate = locate_tiff_tile,
    .close = close_tiff,
};

static enum codec
codec_of(const struct tiff_directory *directory)
{
    switch (directory->compression) {
    case TIFF_COMPRESSION_NONE:
        return CODEC_NONE;
    case TIFF_COMPRESSION_JPEG:
        return CODEC_JPEG;
    case TIFF_COMPRESSION_DEFLATE:
    case TIFF_COMPRESSION_OLD_DEFLATE:
        return CODEC_DEFLATE;
    default:
        return CODEC_OTHER;
    }
}

/* What libopenslide has libtiff decode, it has it convert as well. */
static bool
is_stored_as_shown(const struct tiff_directory *directory, enum codec codec)
{
    bool is_compressed = codec != CODEC_NONE;
    return directory->photometric == TIFF_PHOTOMETRIC_RGB &&
           directory->has_usual_samples &&
           (directory->predictor == TIFF_PREDICTOR_NONE ||
            (is_compressed &&
             directory->predictor == TIFF_PREDICTOR_HORIZONTAL));
}

static bool
has_plain_pixels(const struct tiff_directory *directory, enum codec codec)
{
    return directory->samples_per_pixel == 3 &&
           directory->bits_per_sample == 8 &&
           directory->planar_configuration == TIFF_PLANAR_CONTIGUOUS &&
           (codec == CODEC_JPEG
                ? directory->photometric == TIFF_PHOTOMETRIC_RGB ||
                      directory->photometric == TIFF_PHOTOMETRIC_YCBCR
                : is_stored_as_shown(directory, codec));
}

/* There are libtiffs that refuse uncompressed tiles of other sizes. */
static bool
has_usual_size(const struct tiff_directory *directory, enum codec codec)
{
    uint64_t size =
        (uint64_t)directory->tile_width * directory->tile_height * 3;
    return codec != CODEC_NONE || size % 1024 == 0;
}

static const char *
refusal_of(const struct tiff_directory *directory, enum codec codec)
{
    const char *refusal =
        image_refusal(codec, has_plain_pixels(directory, codec),
                      directory->tile_width, directory->tile_height);
    if (refusal == NULL && !has_usual_size(directory, codec)) {
        refusal = "the tiles have no whole kilobytes";
    }
    return refusal;
}

static const char *
open_format(struct image *image, const struct tiff_file *tiff,
            const struct tiff_directory *directory)
{
    struct tiff_store *store = image->store;
    const struct tiff_bytes *tables = &directory->jpeg_tables;
    if (tables->count > 0) {
        store->tables = tiff_read_bytes(tiff, tables, MAX_TABLES_BYTES);
        if (store->tables == NULL) {
            return "the JPEG tables cannot be read";
        }
    }
    image->format = (struct jpeg_format){
        .width = directory->tile_width,
        .height = directory->tile_height,
        .is_rgb = directory->photometric == TIFF_PHOTOMETRIC_RGB,
        .tables = store->tables,
        .tables_size = store->tables == NULL ? 0 : (size_t)tables->count,
    };
    return NULL;
}

const char *
tiff_image_open(struct image *image, const struct tiff_file *tiff,
                const struct tiff_directory *directory)
{
    *image = (struct image){0};
    if (!directory->is_usable) {
        return "the TIFF directory has unusual entries";
    }
    enum codec codec = codec_of(directory);
    const char *refusal = refusal_of(directory, codec);
    struct tiff_store *store = refusal == NULL ? malloc(sizeof *store) : NULL;
    if (store == NULL) {
        return refusal == NULL ? "there was no memory" : refusal;
    }
    *store = (struct tiff_store){
        .file = *tiff,
        .offsets = directory->tile_offsets,
        .byte_counts = directory->tile_byte_counts,
    };
    *image = (struct image){
        .container = &tiff_container,
        .store = store,
        .coding = {codec,
                   codec != CODEC_JPEG &&
                       directory->predictor == TIFF_PREDICTOR_HORIZONTAL},
        .tile_width = directory->tile_width,
        .tile_height = directory->tile_height,
        .tiles_across = directory->tiles_across,
        .tiles_down = directory->tiles_down,
        .width = directory->width,
        .height = directory->height,
    };
    return open_format(image, tiff, directory);
}

const char *
tiff_image_allow_holes(struct image *image)
{
    const struct tiff_store *store = image->store;
    struct tiff_zeros any;
    if (!tiff_table_find_zeros(&store->file, &store->byte_counts,
                               image_tile_count(image), 1, &any)) {
        return "the table of its tiles cannot be read";
    }
    image->has_holes = any.count > 0;
    free(any.indices);
    return NULL;
}

void
tiff_image_leave_out(struct image *image, struct missing_tiles *missing)
{
    struct tiff_store *store = image->store;
    store->left_out = *missing;
    *missing = (struct missing_tiles){0};
}
