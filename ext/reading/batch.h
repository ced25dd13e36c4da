/*
 * Reading regions, many at once or one in parts, on several threads, each
 * converted or resampled straight into its place.  What is read of one slide
 * is a batch; batches of several slides are read together.
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

/* Regions of one size, of one slide. */
struct batch {
    struct slide_handle *handle;
    struct region *regions; /* their company is noted in them */
    int64_t count;
    const struct resampling *resampling; /* NULL: regions are as they are */
    struct pixels form;     /* of where regions go, but for the start ... */
    uint8_t *const *starts; /* ... of each */
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

/* Batches, which the same workers read. */
struct batches {
    struct batch *each;
    int64_t count;
    /* Fill what cannot be read with background, instead of failing. */
    bool is_masked;
    int workers, thread_limit;
    struct poller poller;

    /* The answer: */
    int64_t bad; /* the batch that BATCH_CHANGED and BATCH_FAILED are of */
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

enum batch_outcome batches_read(struct batches *batches);

#endif
