/*
 * Batches go back and forth between two ways of reading.  Together: all
 * workers share one handle of each slide, which ends with the first error.
 * Apart, in batch_retries.c: after such an error, each has a handle of its
 * own, so that it is known whose error is whose.
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
    struct pixels pixels = batch->form;
    pixels.start = batch->starts[number];
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
        .resampler = &run->workers[worker->number].resampler,
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
                       &run->workers[worker->number].scratch, worker);
}

enum batch_outcome
batch_reason(const struct batch_run *run)
{
    return run->all->poller.has_ended            ? BATCH_INTERRUPTED
           : atomic_load(&run->is_out_of_memory) ? BATCH_OUT_OF_MEMORY
           : atomic_load(&run->has_changed)      ? BATCH_CHANGED
                                                 : BATCH_FAILED;
}

enum batch_outcome
batch_run_loop(struct batch_run *run, int64_t count, int workers,
               parallel_body *body, void *argument)
{
    bool complete = parallel_for(count, workers, run->all->thread_limit, body,
                                 argument, &run->all->poller);
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

/* All batches on their way. */
struct runs {
    struct batch_run *each;
    int64_t count;
};

/* The run of which the waiting region `i` of all is. */
static struct batch_run *
run_of(const struct runs *runs, int64_t i)
{
    int64_t low = 0, high = runs->count;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (runs->each[middle].first <= i) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &runs->each[low];
}

static bool
read_one(const struct parallel_worker *worker, int64_t i, void *argument)
{
    struct batch_run *run = run_of(argument, i);
    int64_t number = run->waiting[i - run->first];
    enum region_reading reading =
        batch_read_region(run, run->handle, number, worker);
    if (reading == REGION_COMPLETE) {
        run->batch->states[number] = REGION_READ;
    } else if (reading == REGION_FAILED) {
        atomic_store(&run->has_failed, true);
    }
    return batch_note_reading(run, reading);
}

/* Number what waits, through all runs; how much that is. */
static int64_t
line_up(const struct runs *runs)
{
    int64_t total = 0;
    for (int64_t i = 0; i < runs->count; i++) {
        batch_forget_finished(&runs->each[i]);
        runs->each[i].first = total;
        total += runs->each[i].waiting_count;
    }
    return total;
}

/* Of what has ended a loop over several runs. */
static enum batch_outcome
reason_of_all(const struct runs *runs)
{
    enum batch_outcome reason = BATCH_FAILED;
    for (int64_t i = 0; i < runs->count && reason == BATCH_FAILED; i++) {
        reason = batch_reason(&runs->each[i]);
    }
    return reason;
}

static enum batch_outcome
read_many(struct runs *runs)
{
    struct batches *all = runs->each->all;
    bool complete =
        parallel_for(line_up(runs), all->workers, all->thread_limit, read_one,
                     runs, &all->poller);
    return complete ? BATCH_READ : reason_of_all(runs);
}

static enum batch_outcome
read_single(struct batch_run *run)
{
    enum batch_outcome outcome = batch_read_parts(run);
    atomic_store(&run->has_failed, outcome == BATCH_FAILED);
    return outcome;
}

static enum batch_outcome
read_together(struct runs *runs)
{
    struct batch_run *first = runs->each;
    bool is_single = runs->count == 1 && first->batch->count == 1 &&
                     first->waiting_count == 1;
    return is_single ? read_single(first) : read_many(runs);
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
        smaller(run->waiting_count, run->all->workers) == 1) {
        batch->states[batch->bad] = REGION_BAD;
        return BATCH_FAILED;
    }
    return batch_retry(run);
}

/* Of all that have failed, until one cannot be gone on with. */
static enum batch_outcome
find_culprits(struct runs *runs)
{
    enum batch_outcome outcome = BATCH_READ;
    for (int64_t i = 0; i < runs->count && outcome == BATCH_READ; i++) {
        struct batch_run *run = &runs->each[i];
        if (atomic_exchange(&run->has_failed, false)) {
            run->all->bad = i;
            outcome = find_culprit(run);
        }
    }
    return outcome;
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
begin_run(struct batch_run *run, struct batches *all, struct batch *batch,
          struct batch_worker *workers)
{
    *run = (struct batch_run){
        .batch = batch,
        .all = all,
        .workers = workers,
        .handle = batch->handle,
        .waiting = batch_order(batch->regions, batch->count, batch->handle,
                               cache_bytes(batch)),
        .waiting_count = batch->count,
    };
    slide_handle_retain(run->handle);
    batch_note_company(batch->regions, batch->count, run->handle,
                       cache_bytes(batch));
    return run->waiting != NULL;
}

static void
finish_run(struct batch_run *run)
{
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

static void
give_up_workers(struct batch_worker *workers, int count)
{
    for (int i = 0; workers != NULL && i < count; i++) {
        scratch_give_up(&workers[i].scratch);
        resampler_give_up(&workers[i].resampler);
    }
    free(workers);
}

static enum batch_outcome
read_runs(struct runs *runs)
{
    enum batch_outcome outcome = read_together(runs);
    while (outcome == BATCH_FAILED) {
        outcome = find_culprits(runs);
        if (outcome != BATCH_READ) {
            break;
        }
        outcome = read_together(runs);
    }
    return outcome;
}

enum batch_outcome
batches_read(struct batches *batches)
{
    batches->workers = batches->workers < 1 ? 1 : batches->workers;
    struct batch_worker *workers =
        calloc((size_t)batches->workers, sizeof *workers);
    struct runs runs = {calloc((size_t)batches->count + 1, sizeof *runs.each),
                        0};
    bool has_begun = workers != NULL && runs.each != NULL;
    while (has_begun && runs.count < batches->count) {
        has_begun = begin_run(&runs.each[runs.count], batches,
                              &batches->each[runs.count], workers);
        runs.count++;
    }
    enum batch_outcome outcome = !has_begun           ? BATCH_OUT_OF_MEMORY
                                 : batches->count > 0 ? read_runs(&runs)
                                                      : BATCH_READ;
    for (int64_t i = 0; i < runs.count; i++) {
        finish_run(&runs.each[i]);
    }
    free(runs.each);
    give_up_workers(workers, batches->workers);
    return outcome;
}
