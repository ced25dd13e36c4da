/*
 * Images of VMU slides, whose tiles are as wide as a column of the file.
 */
#ifndef DIRECT_NGR_IMAGE_H
#define DIRECT_NGR_IMAGE_H

#include "image.h"

/* Why the file cannot be decoded here, in words; NULL where it can.  The image
   is to be closed in either case. */
const char *ngr_image_open(struct image *image, const struct source *source);

#endif
