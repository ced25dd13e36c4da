/*
 * Images of DICOM files: of one, or of those of a concatenation.
 */
#ifndef DIRECT_DICOM_IMAGE_H
#define DIRECT_DICOM_IMAGE_H

#include "formats/dicom.h"
#include "image.h"

/*
 * Why the frames of these files, in all an image of one size, cannot be
 * decoded here, in words; NULL where they can.  The image is to be closed in
 * either case.  Where several files have a tile, the first counts.
 */
const char *dicom_image_open(struct image *image,
                             const struct dicom_file *files, size_t count);

#endif
