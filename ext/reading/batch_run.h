/* A batch on its way: what batch.c, batch_parts.c and batch_retries.c share.
 */
#ifndef BATCH_RUN_H
#define BATCH_RUN_H

#include "batch.h"
#include "region_reader.h"
#include "system/parallel.h"
#include "system/scratch.h"

/* So many read apart from one another, at most: each has a handle of its own,
   with caches of its own where the slide was given none. */
enum { BATCH_MOST_APART = 8 };

/* What a worker keeps from one region to the next.  All bits 0: nothing. */
struct batch_worker {
    struct scratch scratch;
    struct resampler resampler;
};

struct batch_run {
    struct batch *batch;
    struct batches *all;          /* that it is one of */
    struct batch_worker *workers; /* of all of them */
    struct slide_handle *handle;  /* that these share; NULL: none left */
    struct slide_handle *apart[BATCH_MOST_APART]; /* NULL: to be opened */
    int64_t *waiting; /* numbers of regions, in order */
    int64_t waiting_count;
    int64_t first; /* of these, among those that wait in all batches */
    atomic_bool has_failed; /* while it was read together */
    atomic_bool is_out_of_memory;
    atomic_bool has_changed; /* the slide, into another */
};

/* Where a region goes. */
struct pixels batch_pixels(const struct batch *batch, int64_t number);

/* A region, as a worker resamples it. */
struct resampled_reading batch_resampled(struct batch_run *run,
                                         const struct slide_handle *handle,
                                         int64_t number,
                                         const struct parallel_worker *worker);

/* Read a region to where it goes, by a worker. */
enum region_reading batch_read_region(struct batch_run *run,
                                      const struct slide_handle *handle,
                                      int64_t number,
                                      const struct parallel_worker *worker);

/* What has gone wrong. */
enum batch_outcome batch_reason(const struct batch_run *run);

/* Run a loop over `count` somethings; the reason where it does not end. */
enum batch_outcome batch_run_loop(struct batch_run *run, int64_t count,
                                  int workers, parallel_body *body,
                                  void *argument);

/* Whether a loop goes on after a region or a part of one. */
bool batch_note_reading(struct batch_run *run, enum region_reading reading);

/* Read the only region, which the workers share in parts. */
enum batch_outcome batch_read_parts(struct batch_run *run);

/* Keep of `waiting` what is still to be read. */
void batch_forget_finished(struct batch_run *run);

/* Note what a handle has failed with, and for which region. */
void batch_blame(struct batch *batch, int64_t number,
                 const struct slide_handle *handle);

/*
 * The handle has failed while several regions were being read.  Read those
 * that may be to blame apart from one another, and go on with the next as long
 * as there is damage.
 *
 * BATCH_READ: what still waits can be read together again, by a new handle.
 * BATCH_FAILED: the first region that fails is blamed, or the slide cannot be
 * opened any more.
 */
enum batch_outcome batch_retry(struct batch_run *run);

#endif
