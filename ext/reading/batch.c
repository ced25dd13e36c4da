/*
 * A batch goes back and forth between two ways of reading.  Together: all
 * workers share one handle, which ends with the first error.  Apart, in
 * batch_retries.c: after such an error, each has a handle of its own, so that
 * it is known whose error is whose.
 */
#include "batch_run.h"

#include "batch_company.h"
#include "batch_order.h"
#include "direct/tile_cache.h"
#include "system/lengths.h"

#include <stdlib.h>
#include <string.h>

struct pixels
batch_pixels(const struct batch *batch, int64_t number)
{
    struct pixels pixels = batch->first;
    pixels.start += number * batch->region_stride;
    return pixels;
}

struct resampled_reading
batch_resampled(struct batch_run *run, const struct slide_handle *handle,
                int64_t number, const struct parallel_worker *worker)
{
    const struct batch *batch = run->batch;
    const double *corner = batch->resampling->corners + 2 * number;
    return (struct resampled_reading){
        .handle = handle,
        .resampling = batch->resampling,
        .region = batch->regions[number],
        .left = corner[0],
        .top = corner[1],
        .pixels = batch_pixels(batch, number),
        .resampler = &run->resamplers[worker->number],
        .worker = worker,
    };
}

enum region_reading
batch_read_region(struct batch_run *run, const struct slide_handle *handle,
                  int64_t number, const struct parallel_worker *worker)
{
    const struct batch *batch = run->batch;
    struct pixels pixels = batch_pixels(batch, number);
    if (batch->resampling != NULL) {
        struct resampled_reading reading =
            batch_resampled(run, handle, number, worker);
        return resampled_read(&reading);
    }
    return region_read(handle, &batch->regions[number], &pixels,
                       &run->scratch[worker->number], worker);
}

enum batch_outcome
batch_reason(const struct batch_run *run)
{
    return run->batch->poller.has_ended          ? BATCH_INTERRUPTED
           : atomic_load(&run->is_out_of_memory) ? BATCH_OUT_OF_MEMORY
           : atomic_load(&run->has_changed)      ? BATCH_CHANGED
                                                 : BATCH_FAILED;
}

enum batch_outcome
batch_run_loop(struct batch_run *run, int64_t count, int workers,
               parallel_body *body, void *argument)
{
    struct batch *batch = run->batch;
    bool complete = parallel_for(count, workers, batch->thread_limit, body,
                                 argument, &batch->poller);
    return complete ? BATCH_READ : batch_reason(run);
}

bool
batch_note_reading(struct batch_run *run, enum region_reading reading)
{
    if (reading == REGION_OUT_OF_MEMORY) {
        atomic_store(&run->is_out_of_memory, true);
    }
    return reading == REGION_COMPLETE;
}

/* Together */

static bool
read_one(const struct parallel_worker *worker, int64_t i, void *argument)
{
    struct batch_run *run = argument;
    int64_t number = run->waiting[i];
    bool complete = batch_note_reading(
        run, batch_read_region(run, run->handle, number, worker));
    if (complete) {
        run->batch->states[number] = REGION_READ;
    }
    return complete;
}

enum batch_outcome
batch_read_together(struct batch_run *run)
{
    if (run->batch->count == 1 && run->waiting_count == 1) {
        return batch_read_parts(run);
    }
    return batch_run_loop(run, run->waiting_count, run->workers, read_one,
                          run);
}

/* Failures */

void
batch_forget_finished(struct batch_run *run)
{
    int64_t left = 0;
    for (int64_t i = 0; i < run->waiting_count; i++) {
        if (run->batch->states[run->waiting[i]] == REGION_WAITING) {
            run->waiting[left++] = run->waiting[i];
        }
    }
    run->waiting_count = left;
}

static char *
copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

void
batch_blame(struct batch *batch, int64_t number,
            const struct slide_handle *handle)
{
    const char *error = openslide.get_error(handle->osr);
    free(batch->error);
    batch->bad = number;
    batch->error = error == NULL ? NULL : copy_text(error);
}

/*
 * Regions are begun in order, and a worker stops at its first failure: so the
 * suspects are the first of those that wait, at most one per worker.
 */
static enum batch_outcome
find_culprit(struct batch_run *run)
{
    struct batch *batch = run->batch;
    batch_forget_finished(run);
    batch_blame(batch, run->waiting[0], run->handle);
    if (!batch->is_doubtful &&
        smaller(run->waiting_count, run->workers) == 1) {
        batch->states[batch->bad] = REGION_BAD;
        return BATCH_FAILED;
    }
    return batch_retry(run);
}

/* The whole */

/* Both caches of a slide have room for as much. */
static size_t
cache_bytes(const struct batch *batch)
{
    return batch->caches.lane == NULL
               ? TILE_CACHE_USUAL_BYTES
               : tile_cache_capacity(batch->caches.lane);
}

static bool
begin_run(struct batch_run *run, struct batch *batch,
          struct slide_handle *handle)
{
    int workers = batch->workers < 1 ? 1 : batch->workers;
    *run = (struct batch_run){
        .batch = batch,
        .workers = workers,
        .handle = handle,
        .waiting = batch_order(batch->regions, batch->count, handle,
                               cache_bytes(batch)),
        .waiting_count = batch->count,
        .scratch = calloc((size_t)workers, sizeof *run->scratch),
        .resamplers = calloc((size_t)workers, sizeof *run->resamplers),
    };
    slide_handle_retain(handle);
    batch_note_company(batch->regions, batch->count, handle);
    return run->waiting != NULL && run->scratch != NULL &&
           run->resamplers != NULL;
}

static void
finish_run(struct batch_run *run)
{
    for (int i = 0; run->scratch != NULL && i < run->workers; i++) {
        scratch_give_up(&run->scratch[i]);
    }
    for (int i = 0; run->resamplers != NULL && i < run->workers; i++) {
        resampler_give_up(&run->resamplers[i]);
    }
    free(run->scratch);
    free(run->resamplers);
    free(run->waiting);
    if (run->handle != NULL) {
        slide_handle_release(run->handle);
    }
    for (int i = 0; i < BATCH_MOST_APART; i++) {
        if (run->apart[i] != NULL) {
            slide_handle_release(run->apart[i]);
        }
    }
}

enum batch_outcome
batch_read(struct batch *batch, struct slide_handle *handle)
{
    struct batch_run run;
    enum batch_outcome outcome = BATCH_OUT_OF_MEMORY;
    if (begin_run(&run, batch, handle)) {
        outcome = batch_read_together(&run);
        while (outcome == BATCH_FAILED) {
            outcome = find_culprit(&run);
            if (outcome != BATCH_READ) {
                break;
            }
            outcome = batch_read_together(&run);
        }
    }
    finish_run(&run);
    return outcome;
}
