/*
 * Which image of a file is which level of a slide, and how libopenslide draws
 * it, for the vendors whose levels are plain grids of tiles.
 */
#ifndef DIRECT_LAYOUT_H
#define DIRECT_LAYOUT_H

#include "slide_handle.h"
#include "tiff.h"

/* What becomes of tiles without bytes. */
enum layout_holes {
    HOLES_ARE_ERRORS,
    HOLES_ARE_TRANSPARENT,
    /* In level 0.  Above it they are filled from the level below. */
    HOLES_ARE_FILLED,
};

struct layout {
    enum layout_holes holes;
    /* Levels may be smaller than the images that store them. */
    bool is_padded;
    /* The directory of each level, in memory to be freed. */
    const struct tiff_directory **levels;
};

/*
 * Find the levels of an open slide among the directories of its file.  Why
 * that is not possible, in words; NULL where it is.
 */
const char *layout_find(struct layout *layout, const struct tiff_file *file,
                        const struct tiff_directory *directories, size_t count,
                        const struct slide_handle *handle);

#endif
