/*
 * Where a slide comes from: all it takes to open it, and to open it again as
 * the same slide with the same options, after a fork, after a failure, and in
 * the midst of a batch.
 */
#ifndef SLIDE_ORIGIN_H
#define SLIDE_ORIGIN_H

#include "slide_handle.h"

struct slide_origin;

enum slide_opening {
    SLIDE_OPENED,
    SLIDE_REFUSED,       /* it is none, or not there */
    SLIDE_DAMAGED,       /* opened in error: get_error() of the handle says */
    SLIDE_CHANGED,       /* another slide has taken its place */
    SLIDE_OUT_OF_MEMORY, /* for what is to be known of it */
};

/* NULL where there is no memory.  `lane` as for slide_handle_open(). */
struct slide_origin *slide_origin_new(const char *path,
                                      const struct slide_lane *lane);
void slide_origin_free(struct slide_origin *origin);

/*
 * Open the slide; the caller has the only reference to the handle, which is
 * NULL where the answer is neither SLIDE_OPENED nor SLIDE_DAMAGED.  May be
 * called by several threads at once, but for the first time.
 *
 * The first time decides which slide it is: libopenslide's hash and the sizes
 * of the levels.  Later one that differs is SLIDE_CHANGED.
 */
enum slide_opening slide_origin_open(struct slide_origin *origin,
                                     const struct slide_caches *caches,
                                     struct slide_handle **handle);

/* NULL: read by libopenslide alone. */
const struct slide_lane *slide_origin_lane(const struct slide_origin *origin);

#endif
