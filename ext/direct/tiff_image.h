/*
 * Images of TIFF files.
 */
#ifndef DIRECT_TIFF_IMAGE_H
#define DIRECT_TIFF_IMAGE_H

#include "image.h"
#include "missing_tiles.h"

/*
 * Why the tiles of a directory cannot be decoded here, in words; NULL where
 * they can.  The image is to be closed in either case.
 */
const char *tiff_image_open(struct image *image, const struct tiff_file *tiff,
                            const struct tiff_directory *directory);

/* Take tiles without bytes for transparent.  Why that is not possible, in
   words; NULL where it is. */
const char *tiff_image_allow_holes(struct image *image);

/* Leave these tiles to libopenslide.  They are the image's then. */
void tiff_image_leave_out(struct image *image, struct missing_tiles *missing);

#endif
