/*
 * A tiled image of a slide, one level of it: where its tiles are in the file,
 * and their pixels.
 */
#ifndef DIRECT_IMAGE_H
#define DIRECT_IMAGE_H

#include "formats/dicom.h"
#include "codecs/jpeg.h"
#include "formats/tiff.h"

/* Bytes of a source that hold a tile. */
struct tile_place {
    uint64_t offset;
    uint64_t size; /* 0: a hole */
};

/* What the formats of files have in common; each has its own way to locate a
   tile. */
struct image {
    const struct source *source;
    struct jpeg_format format;
    uint8_t *tables; /* of the format */
    uint32_t tile_width, tile_height;
    uint32_t tiles_across, tiles_down;
    /* Pixels beyond are transparent, though the tiles have some there. */
    int64_t width, height;
    /* Some tiles have no bytes, and are transparent. */
    bool has_holes;
    /* False where the file does not say. */
    bool (*locate)(const struct image *image, uint64_t tile,
                   struct tile_place *place);
    /* What it needs for that, of one format. */
    struct {
        struct tiff_file file;
        struct tiff_table offsets, byte_counts;
    } tiff;
    struct dicom_frames dicom;
};

/*
 * Why the tiles of a directory cannot be decoded here, in words; NULL where
 * they can.  The image is closed in either case.
 */
const char *image_open_tiff(struct image *image, const struct tiff_file *tiff,
                            const struct tiff_directory *directory);

/* The same for the frames of a DICOM file. */
const char *image_open_dicom(struct image *image,
                             const struct dicom_file *dicom);

void image_close(struct image *image);

/*
 * Look for what locating tiles takes, which may be as long as the file: once,
 * before the first tile is decoded.  Why it is not there, in words; NULL where
 * it is.
 */
const char *image_index(struct image *image);

/* Whether any tile of a TIFF has no bytes; false where that cannot be told. */
bool image_find_holes(const struct image *image, bool *has_holes);

/* Whether a tile has no bytes; false where that cannot be told. */
bool image_is_hole(const struct image *image, uint64_t tile, bool *is_hole);

size_t image_tile_pixels(const struct image *image);

/* Decode a tile; false where libopenslide may make other pixels of it. */
bool image_decode_tile(const struct image *image, uint64_t tile,
                       const struct jpeg_rows *rows);

#endif
