/*
 * Which images of a file make which level of a slide, and how libopenslide
 * draws them, for the vendors whose levels are grids of tiles.
 */
#ifndef DIRECT_LAYOUT_H
#define DIRECT_LAYOUT_H

#include "slide/slide_handle.h"
#include "formats/tiff.h"

/* What becomes of tiles without bytes. */
enum layout_holes {
    HOLES_ARE_ERRORS,
    HOLES_ARE_TRANSPARENT,
    /* In level 0.  Above it tiles are made of the finer level. */
    HOLES_ARE_FILLED,
};

/* An image in its place in a level. */
struct layout_image {
    const struct tiff_directory *directory;
    int64_t x, y; /* its top left corner, in pixels of the level */
    /* How far each tile reaches into the next one. */
    int64_t overlap_x, overlap_y;
    /* Of the first image of a level: libopenslide describes the level as one
       that is made of these. */
    bool agrees;
};

struct layout {
    enum layout_holes holes;
    /* Levels may be smaller than the images that store them. */
    bool is_padded;
    /* Images are painted at whole pixels, wherever a region lies. */
    bool is_snapped;
    /* Tiles overlap as a document in the first directory of a level says. */
    bool is_stitched;
    /* As many for each level, the first of which lies on top; level by level,
       in memory to be freed. */
    struct layout_image *images;
    size_t images_per_level;
};

/* Whether slides of this vendor may have such levels. */
bool layout_is_known(const struct slide_handle *handle);

/*
 * Find the levels of an open slide among the directories of its file.  Why
 * that is not possible, in words; NULL where it is.  The vendor is known.
 */
const char *layout_find(struct layout *layout, const struct tiff_file *file,
                        const struct tiff_directory *directories, size_t count,
                        const struct slide_handle *handle);

#endif
