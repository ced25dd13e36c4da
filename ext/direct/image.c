#include "image.h"

#include <stdlib.h>

/* Larger ones are no tiles but whole pictures. */
enum { MAX_TILE_SIDE = 4096 };

/* Tables take a few hundred bytes. */
enum { MAX_TABLES_BYTES = 1 << 16 };

/* A JPEG is not larger than its pixels, but for some headers. */
static const uint64_t MAX_HEADER_BYTES = 1 << 16;

static const char *
refusal_of(const struct tiff_directory *directory)
{
    if (!jpeg_is_available()) {
        return "this build has no libjpeg-turbo";
    }
    if (!directory->is_usable || directory->has_depth) {
        return "the TIFF directory has unusual entries";
    }
    if (directory->compression != TIFF_COMPRESSION_JPEG) {
        return "the tiles are not JPEG";
    }
    if (directory->samples_per_pixel != 3 || directory->bits_per_sample != 8 ||
        directory->planar_configuration != TIFF_PLANAR_CONTIGUOUS ||
        (directory->photometric != TIFF_PHOTOMETRIC_RGB &&
         directory->photometric != TIFF_PHOTOMETRIC_YCBCR)) {
        return "the pixels are not RGB or YCbCr of 8 bits";
    }
    if (directory->tile_width > MAX_TILE_SIDE ||
        directory->tile_height > MAX_TILE_SIDE) {
        return "the tiles are larger than 4096 pixels";
    }
    return NULL;
}

const char *
image_open(struct image *image, const struct tiff_file *tiff,
           const struct tiff_directory *directory)
{
    *image = (struct image){.tiff = *tiff, .directory = *directory};
    const char *refusal = refusal_of(directory);
    if (refusal != NULL) {
        return refusal;
    }
    const struct tiff_bytes *tables = &directory->jpeg_tables;
    if (tables->count > 0) {
        image->tables = tiff_read_bytes(tiff, tables, MAX_TABLES_BYTES);
        if (image->tables == NULL) {
            return "the JPEG tables cannot be read";
        }
    }
    image->format = (struct jpeg_format){
        .width = directory->tile_width,
        .height = directory->tile_height,
        .is_rgb = directory->photometric == TIFF_PHOTOMETRIC_RGB,
        .tables = image->tables,
        .tables_size = image->tables == NULL ? 0 : (size_t)tables->count,
    };
    image->width = directory->width;
    image->height = directory->height;
    return NULL;
}

void
image_close(struct image *image)
{
    free(image->tables);
    *image = (struct image){0};
}

bool
image_find_holes(const struct image *image, bool *has_holes)
{
    const struct tiff_directory *directory = &image->directory;
    return tiff_table_has_zero(
        &image->tiff, &directory->tile_byte_counts,
        (uint64_t)directory->tiles_across * directory->tiles_down, has_holes);
}

bool
image_is_hole(const struct image *image, uint64_t tile, bool *is_hole)
{
    uint64_t size;
    bool known = tiff_table_number(
        &image->tiff, &image->directory.tile_byte_counts, tile, &size);
    *is_hole = known && size == 0;
    return known;
}

size_t
image_tile_pixels(const struct image *image)
{
    return (size_t)image->directory.tile_width * image->directory.tile_height;
}

/* The stored bytes, to be freed; NULL where there is anything odd. */
static uint8_t *
read_tile(const struct image *image, uint64_t tile, size_t *size)
{
    uint64_t offset, count;
    uint64_t limit =
        image_tile_pixels(image) * sizeof(uint32_t) + MAX_HEADER_BYTES;
    if (!tiff_table_number(&image->tiff, &image->directory.tile_offsets, tile,
                           &offset) ||
        !tiff_table_number(&image->tiff, &image->directory.tile_byte_counts,
                           tile, &count) ||
        offset == 0 || count == 0 || count > limit ||
        !source_has(image->tiff.source, offset, count)) {
        return NULL;
    }
    uint8_t *bytes = malloc((size_t)count);
    if (bytes != NULL &&
        !source_read(image->tiff.source, offset, bytes, (size_t)count)) {
        free(bytes);
        bytes = NULL;
    }
    *size = (size_t)count;
    return bytes;
}

bool
image_decode_tile(const struct image *image, uint64_t tile, uint32_t *words)
{
    size_t size;
    uint8_t *bytes = read_tile(image, tile, &size);
    bool decoded =
        bytes != NULL && jpeg_decode(&image->format, bytes, size, words);
    free(bytes);
    return decoded;
}
