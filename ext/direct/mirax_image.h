/*
 * Levels of MIRAX slides: images that a camera took in photos, which overlap
 * and lie where the stage was.  Above level 0 several of them, made small, are
 * joined to one, which is cut apart again to be shown.
 */
#ifndef DIRECT_MIRAX_IMAGE_H
#define DIRECT_MIRAX_IMAGE_H

#include "formats/mirax.h"
#include "image.h"
#include "tile_map.h"

/* What all levels have in common.  Each image of them holds a reference. */
struct mirax_scan {
    size_t references;
    int32_t images_across, images_down; /* of level 0 */
    int32_t image_width, image_height;  /* of level 0 */
    int32_t divisions; /* a photo has so many images across, and down */
    int32_t photos_across;
    size_t photo_count;
    struct mirax_position *photos; /* where each is, pixels of level 0 */
    uint8_t *is_shown;             /* of each, whether level 0 has it */
    /* Photos may overlap, so that joined images are cut apart. */
    bool is_cut;
};

void mirax_scan_release(struct mirax_scan *scan);

/* Where an image is. */
struct mirax_stored {
    uint32_t offset, length;
    uint16_t file; /* its number, from 1 on; 0: there is no such image */
};

/* What is special of a level. */
struct mirax_level {
    enum codec codec;
    bool is_first;
    int32_t joined;        /* images of level 0 in one, across and down */
    double shrink;         /* pixels of level 0 in one, across and down */
    int32_t width, height; /* of an image */
    double overlap_x, overlap_y;
};

/* How many images a level has across, or down. */
int32_t mirax_image_count(int32_t images_of_level_0, int32_t joined);

/*
 * Make the image of a level.  False where there is no memory, or where the
 * numbers are none of a slide; it is to be closed in either case.  Level 0
 * comes first, for it tells which photos are shown.
 *
 * `places` of all images, row after row, and `sources` of all data files are
 * the image's then, to be freed.
 */
bool mirax_image_open(struct image *image, struct mirax_scan *scan,
                      const struct mirax_level *level,
                      struct mirax_stored *places,
                      const struct source **sources);

/* Where the tiles of such an image show. */
const struct tile_map *mirax_image_map(const struct image *image);

#endif
