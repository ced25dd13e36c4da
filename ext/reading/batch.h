/*
 * Reading regions of one size from a slide, many at once or one in parts, on
 * several threads, each converted or resampled straight into its place.
 */
#ifndef BATCH_H
#define BATCH_H

#include "resampled_reader.h"
#include "slide/pixels.h"
#include "slide/region.h"
#include "slide/slide_origin.h"
#include "system/poller.h"

/* How far a region is. */
enum region_state {
    REGION_WAITING,
    REGION_READ,
    REGION_BAD,
};

struct batch {
    struct region *regions; /* their company is noted in them */
    int64_t count;
    const struct resampling *resampling; /* NULL: regions are as they are */
    struct pixels first;                 /* where the first region goes */
    ptrdiff_t region_stride;             /* bytes from a region to the next */
    /* Fill what cannot be read with background, instead of failing. */
    bool is_masked;
    int workers, thread_limit;
    struct poller poller;
    /* To open the slide again where it has failed while several regions were
       being read, any of which may be the bad one. */
    struct slide_origin *origin;
    struct slide_caches caches;
    /* The bad one may even be another call's, so each is read again on a
       handle that nobody shares before it is blamed. */
    bool is_doubtful;

    /* The answer: */
    uint8_t *states; /* enum region_state of each, REGION_WAITING at first */
    int64_t bad;     /* the region that failed, for BATCH_FAILED */
    char *error;     /* what libopenslide said of it; free() it */
};

/* Of several things that went wrong the first is told. */
enum batch_outcome {
    BATCH_READ,
    BATCH_INTERRUPTED, /* by the poller */
    BATCH_OUT_OF_MEMORY,
    BATCH_CHANGED, /* another slide has taken the place of the one that failed
                    */
    BATCH_FAILED,
};

enum batch_outcome batch_read(struct batch *batch,
                              struct slide_handle *handle);

#endif
