/*
 * Images of NDPI files: a level that is stored as one JPEG, whose restart
 * intervals are its tiles, and the smaller levels that libopenslide has
 * libjpeg make of it.
 */
#ifndef DIRECT_NDPI_IMAGE_H
#define DIRECT_NDPI_IMAGE_H

#include "formats/ndpi.h"
#include "formats/ndpi_jpeg.h"
#include "image.h"

/* A JPEG of a file, shared by the images that are made of it. */
struct ndpi_strip;

/* Its header, and the tiles that libopenslide sees in it. */
struct ndpi_grid {
    uint32_t width, height;
    uint32_t tile_width, tile_height;
    uint32_t tiles_across, tiles_down;
};

/*
 * Open the strip of a directory.  Why that is not possible, in words; NULL
 * where it is.
 */
const char *ndpi_strip_open(struct ndpi_strip **strip,
                            const struct source *source,
                            const struct ndpi_directory *directory);

/* Images that are open keep what they need of it. */
void ndpi_strip_release(struct ndpi_strip *strip);

const struct ndpi_grid *ndpi_strip_grid(const struct ndpi_strip *strip);

/*
 * Why the strip cannot be decoded here, at 1/denominator of its size, in
 * words; NULL where it can.  The image is to be closed in either case.  The
 * denominator is 1, or 2, 4 or 8 if it divides the sides of tiles.
 */
const char *ndpi_image_open(struct image *image, struct ndpi_strip *strip,
                            unsigned denominator);

#endif
