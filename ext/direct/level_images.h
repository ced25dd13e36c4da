/*
 * What the levels of a slide are made of: images, from one file or several.
 */
#ifndef DIRECT_LEVEL_IMAGES_H
#define DIRECT_LEVEL_IMAGES_H

#include "assembly.h"
#include "system/slide_file.h"
#include "slide/slide_handle.h"

#include <stdatomic.h>

struct level_images {
    /* Why they cannot be decoded here, in words; NULL where they can.  Many
       threads may ask, and change it. */
    _Atomic(const char *) refusal;
    /* That have their tiles. */
    struct slide_file **files;
    size_t file_count;
    bool shares_files; /* which another level closes */
    struct placement *placements;
    size_t count;
    bool is_snapped; /* see struct tile_supply */
};

/*
 * Find the images of all levels of a slide whose path leads to `file`; all
 * bits of `levels` are 0, and there are as many as the slide has.
 */
void level_images_find(struct level_images *levels,
                       const struct slide_handle *handle,
                       struct slide_file *file);

/* Close the images of a level, and all files that it has for itself but
   `file`. */
void level_images_close(struct level_images *level,
                        const struct slide_file *file);

/* Make a level of one image, a grid of tiles beside one another, which is the
   level's then; false where there is no memory, and the image is closed. */
bool level_images_take_grid(struct level_images *level, struct image *image,
                            int32_t number);

/* The file that has a tile; NULL where nobody knows. */
const struct slide_file *level_images_file(const struct level_images *level,
                                           const struct image *image,
                                           uint64_t tile);

/* Look for what decoding takes and may take long to find, before the first
   tile is decoded.  NULL, or why it is not there. */
const char *level_images_index(struct level_images *level);

#endif
