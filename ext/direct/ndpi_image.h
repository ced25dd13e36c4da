/*
 * Images of Hamamatsu slides: a level that is stored as one JPEG, or as
 * several side by side, whose restart intervals are its tiles, and the smaller
 * levels that libopenslide has libjpeg make of it.
 */
#ifndef DIRECT_NDPI_IMAGE_H
#define DIRECT_NDPI_IMAGE_H

#include "ndpi_strip.h"

/* Strips side by side, row by row, shared by the images that are made of
   them. */
struct ndpi_mosaic;

/*
 * Put strips together, which are the mosaic's then, in any case.  Why they do
 * not fit, in words; NULL where they do.
 */
const char *ndpi_mosaic_open(struct ndpi_mosaic **mosaic,
                             struct ndpi_strip *const *strips, uint32_t across,
                             uint32_t down);

/* Images that are open keep what they need of it. */
void ndpi_mosaic_release(struct ndpi_mosaic *mosaic);

/* All tiles, those of all strips. */
const struct ndpi_grid *ndpi_mosaic_grid(const struct ndpi_mosaic *mosaic);

/*
 * Why the mosaic cannot be decoded here, at 1/denominator of its size, in
 * words; NULL where it can.  The image is to be closed in either case.  The
 * denominator is 1, or 2, 4 or 8 if it divides the sides of tiles.
 */
const char *ndpi_image_open(struct image *image, struct ndpi_mosaic *mosaic,
                            unsigned denominator);

#endif
