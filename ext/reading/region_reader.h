/*
 * Reading a region in one thread: block by block, directly where that gives
 * the same bytes, else by libopenslide.
 */
#ifndef REGION_READER_H
#define REGION_READER_H

#include "slide/pixels.h"
#include "slide/region.h"
#include "system/parallel.h"
#include "system/scratch.h"

enum region_reading {
    REGION_COMPLETE,
    REGION_STOPPED,       /* the loop has ended meanwhile */
    REGION_FAILED,        /* libopenslide has latched an error */
    REGION_OUT_OF_MEMORY, /* for pixels in between */
};

/* One block; `pixels` is where its region goes. */
enum region_reading region_read_block(const struct slide_handle *handle,
                                      const struct block *block,
                                      const struct pixels *pixels,
                                      struct scratch *scratch);

/* All blocks, looking between them whether `worker` shall go on. */
enum region_reading region_read(const struct slide_handle *handle,
                                const struct region *region,
                                const struct pixels *pixels,
                                struct scratch *scratch,
                                const struct parallel_worker *worker);

#endif
