/*
 * Levels of Ventana's BIF slides: the tiles that a camera took, which overlap.
 * Above level 0 those of a square are stored as one, each made small by
 * itself, which is cut apart again to be shown.
 */
#ifndef DIRECT_BIF_IMAGE_H
#define DIRECT_BIF_IMAGE_H

#include "formats/tiff.h"
#include "formats/ventana.h"
#include "image.h"
#include "tile_map.h"

/* A level as libopenslide has it. */
struct bif_level {
    int64_t width, height;
    double downsample;
};

/*
 * The image of a level, which one directory stores.  Why its tiles cannot be
 * shown here, in words; NULL where they can.  It is to be closed in either
 * case.
 */
const char *bif_image_open(struct image *image, const struct tiff_file *tiff,
                           const struct tiff_directory *directory,
                           const struct ventana_stitching *stitching,
                           const struct bif_level *level);

/* Where the tiles of such an image show. */
const struct tile_map *bif_image_map(const struct image *image);

#endif
