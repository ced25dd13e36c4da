/*
 * A tiled image of a slide, one level of it: where its tiles are in the file,
 * and their pixels.
 */
#ifndef DIRECT_IMAGE_H
#define DIRECT_IMAGE_H

#include "jpeg.h"
#include "tiff.h"

struct image {
    struct tiff_file tiff;
    struct tiff_directory directory;
    struct jpeg_format format;
    uint8_t *tables; /* of the format */
    /* Pixels beyond are transparent, though the tiles have some there. */
    int64_t width, height;
    /* Some tiles have no bytes, and are transparent. */
    bool has_holes;
};

/*
 * Why the tiles of a directory cannot be decoded here, in words; NULL where
 * they can.  The image is closed in either case.
 */
const char *image_open(struct image *image, const struct tiff_file *tiff,
                       const struct tiff_directory *directory);
void image_close(struct image *image);

/* Whether any tile has no bytes; false where that cannot be told. */
bool image_find_holes(const struct image *image, bool *has_holes);

/* Whether a tile has no bytes; false where that cannot be told. */
bool image_is_hole(const struct image *image, uint64_t tile, bool *is_hole);

size_t image_tile_pixels(const struct image *image);

/* The words of a tile; false where libopenslide may make other ones. */
bool image_decode_tile(const struct image *image, uint64_t tile,
                       uint32_t *words);

#endif
