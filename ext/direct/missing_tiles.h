/*
 * Tiles of an Aperio level that have no bytes, a known defect of encoders, and
 * those of coarser levels that libopenslide takes for damaged because of them:
 * it makes these of the next finer level.
 */
#ifndef DIRECT_MISSING_TILES_H
#define DIRECT_MISSING_TILES_H

#include "formats/tiff.h"

/* All bits 0: there are none. */
struct missing_tiles {
    uint64_t count;
    uint64_t *numbers; /* ascending, row after row of the grid */
};

/*
 * Those of a level; `finer` is the level before it with what is missing there,
 * or NULL.  False where that cannot be told, or where there is no memory.
 */
bool missing_tiles_find(struct missing_tiles *missing,
                        const struct tiff_file *tiff,
                        const struct tiff_directory *directory,
                        const struct tiff_directory *finer,
                        const struct missing_tiles *missing_in_finer);
void missing_tiles_free(struct missing_tiles *missing);

bool missing_tiles_has(const struct missing_tiles *missing, uint64_t tile);

#endif
