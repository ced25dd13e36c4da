#include "image.h"

#include <stdlib.h>
#include <string.h>

/* Larger ones are no tiles but whole pictures. */
enum { MAX_TILE_SIDE = 4096 };

/* Tables take a few hundred bytes. */
enum { MAX_TABLES_BYTES = 1 << 16 };

/* A JPEG is not larger than its pixels, but for some headers. */
static const uint64_t MAX_HEADER_BYTES = 1 << 16;

static const char NO_DECODER[] = "this build has no libjpeg-turbo";
static const char NOT_JPEG[] = "the tiles are not JPEG";
static const char OTHER_PIXELS[] = "the pixels are not RGB or YCbCr of 8 bits";
static const char TOO_LARGE[] = "the tiles are larger than 4096 pixels";

/* TIFF */

static const char *
refusal_of_directory(const struct tiff_directory *directory)
{
    if (!jpeg_is_available()) {
        return NO_DECODER;
    }
    if (!directory->is_usable || directory->has_depth) {
        return "the TIFF directory has unusual entries";
    }
    if (directory->compression != TIFF_COMPRESSION_JPEG) {
        return NOT_JPEG;
    }
    if (directory->samples_per_pixel != 3 || directory->bits_per_sample != 8 ||
        directory->planar_configuration != TIFF_PLANAR_CONTIGUOUS ||
        (directory->photometric != TIFF_PHOTOMETRIC_RGB &&
         directory->photometric != TIFF_PHOTOMETRIC_YCBCR)) {
        return OTHER_PIXELS;
    }
    return directory->tile_width > MAX_TILE_SIDE ||
                   directory->tile_height > MAX_TILE_SIDE
               ? TOO_LARGE
               : NULL;
}

static bool
locate_in_tiff(const struct image *image, uint64_t tile,
               struct tile_place *place)
{
    return tiff_table_number(&image->tiff.file, &image->tiff.offsets, tile,
                             &place->offset) &&
           tiff_table_number(&image->tiff.file, &image->tiff.byte_counts, tile,
                             &place->size);
}

const char *
image_open_tiff(struct image *image, const struct tiff_file *tiff,
                const struct tiff_directory *directory)
{
    *image = (struct image){
        .source = tiff->source,
        .tile_width = directory->tile_width,
        .tile_height = directory->tile_height,
        .tiles_across = directory->tiles_across,
        .tiles_down = directory->tiles_down,
        .width = directory->width,
        .height = directory->height,
        .locate = locate_in_tiff,
        .tiff = {*tiff, directory->tile_offsets, directory->tile_byte_counts},
    };
    const char *refusal = refusal_of_directory(directory);
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
    return NULL;
}

bool
image_find_holes(const struct image *image, bool *has_holes)
{
    return tiff_table_has_zero(
        &image->tiff.file, &image->tiff.byte_counts,
        (uint64_t)image->tiles_across * image->tiles_down, has_holes);
}

/* DICOM */

static const char JPEG_BASELINE[] = "1.2.840.10008.1.2.4.50";

static uint32_t
divide_up(uint32_t dividend, uint32_t divisor)
{
    return divisor == 0 ? 0 : dividend / divisor + (dividend % divisor != 0);
}

static bool
is_rgb(const struct dicom_file *dicom)
{
    return strcmp(dicom->photometric, "RGB") == 0;
}

/* Why libopenslide may not take frame after frame, from left to right and from
   top to bottom.  Frames with elements of their own may be placed by them,
   whatever the organization. */
static const char *
refusal_of_organization(const struct dicom_file *dicom)
{
    if (strcmp(dicom->organization, "TILED_FULL") != 0) {
        return "the frames are not TILED_FULL";
    }
    if (dicom->has_frame_groups) {
        return "the frames may have positions of their own";
    }
    if (dicom->is_concatenation) {
        return "the file is part of a concatenation";
    }
    if (dicom->focal_planes > 1 || dicom->optical_paths > 1) {
        return "there are several focal planes or optical paths";
    }
    return NULL;
}

static const char *
refusal_of_frames(const struct dicom_file *dicom)
{
    if (strcmp(dicom->transfer_syntax, JPEG_BASELINE) != 0) {
        return NOT_JPEG;
    }
    if (dicom->samples_per_pixel != 3 || dicom->planar_configuration != 0 ||
        dicom->bits_allocated != 8 || dicom->bits_stored != 8 ||
        dicom->high_bit != 7 || dicom->pixel_representation != 0 ||
        !(is_rgb(dicom) || strcmp(dicom->photometric, "YBR_FULL_422") == 0)) {
        return OTHER_PIXELS;
    }
    if (dicom->columns > MAX_TILE_SIDE || dicom->rows > MAX_TILE_SIDE) {
        return TOO_LARGE;
    }
    uint64_t across = divide_up(dicom->total_columns, dicom->columns);
    uint64_t down = divide_up(dicom->total_rows, dicom->rows);
    return dicom->frame_count == 0 || dicom->frame_count != across * down
               ? "there is not one frame for each tile"
               : NULL;
}

static bool
locate_in_dicom(const struct image *image, uint64_t tile,
                struct tile_place *place)
{
    return dicom_locate_frame(&image->dicom, tile, &place->offset,
                              &place->size);
}

const char *
image_open_dicom(struct image *image, const struct dicom_file *dicom)
{
    *image = (struct image){
        .source = dicom->source,
        .format = {.width = dicom->columns,
                   .height = dicom->rows,
                   .is_rgb = is_rgb(dicom)},
        .tile_width = dicom->columns,
        .tile_height = dicom->rows,
        .tiles_across = divide_up(dicom->total_columns, dicom->columns),
        .tiles_down = divide_up(dicom->total_rows, dicom->rows),
        .width = dicom->total_columns,
        .height = dicom->total_rows,
        .locate = locate_in_dicom,
    };
    const char *refusal =
        jpeg_is_available() ? refusal_of_organization(dicom) : NO_DECODER;
    if (refusal == NULL) {
        refusal = refusal_of_frames(dicom);
    }
    if (refusal == NULL && !dicom_open_frames(&image->dicom, dicom)) {
        refusal = "the table of its frames is unusual";
    }
    return refusal;
}

/* All formats */

const char *
image_index(struct image *image)
{
    return image->dicom.count == 0 || dicom_index_frames(&image->dicom)
               ? NULL
               : "the frames are not one fragment each";
}

void
image_close(struct image *image)
{
    free(image->tables);
    dicom_close_frames(&image->dicom);
    *image = (struct image){0};
}

bool
image_is_hole(const struct image *image, uint64_t tile, bool *is_hole)
{
    struct tile_place place;
    bool known = image->locate(image, tile, &place);
    *is_hole = known && place.size == 0;
    return known;
}

size_t
image_tile_pixels(const struct image *image)
{
    return (size_t)image->tile_width * image->tile_height;
}

/* The stored bytes, to be freed; NULL where there is anything odd. */
static uint8_t *
read_tile(const struct image *image, uint64_t tile, size_t *size)
{
    struct tile_place place;
    uint64_t limit =
        image_tile_pixels(image) * sizeof(uint32_t) + MAX_HEADER_BYTES;
    if (!image->locate(image, tile, &place) || place.offset == 0 ||
        place.size == 0 || place.size > limit ||
        !source_has(image->source, place.offset, place.size)) {
        return NULL;
    }
    *size = (size_t)place.size;
    uint8_t *bytes = malloc(*size);
    if (bytes != NULL &&
        !source_read(image->source, place.offset, bytes, *size)) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

bool
image_decode_tile(const struct image *image, uint64_t tile,
                  const struct jpeg_rows *rows)
{
    size_t size;
    uint8_t *bytes = read_tile(image, tile, &size);
    bool decoded =
        bytes != NULL && jpeg_decode(&image->format, bytes, size, rows);
    free(bytes);
    return decoded;
}
