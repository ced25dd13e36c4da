/* What a batch does after a failure. */
#include "batch_run.h"

#include "system/lengths.h"

/* Waiting regions that are read apart, one after another. */
struct stretch {
    struct batch_run *run;
    atomic_bool has_damage;
};

/* A handle that nobody shares; NULL where the slide cannot be opened. */
static struct slide_handle *
open_apart(struct batch_run *run)
{
    struct slide_handle *handle;
    enum slide_opening opening =
        slide_origin_open(run->batch->origin, &run->batch->caches, &handle);
    if (opening == SLIDE_CHANGED) {
        atomic_store(&run->has_changed, true);
    } else if (opening == SLIDE_OUT_OF_MEMORY) {
        atomic_store(&run->is_out_of_memory, true);
    } else if (opening == SLIDE_DAMAGED) {
        slide_handle_release(handle);
        handle = NULL;
    }
    return handle;
}

static void
let_go(struct slide_handle **handle)
{
    if (*handle != NULL) {
        slide_handle_release(*handle);
        *handle = NULL;
    }
}

static void
mask(const struct batch *batch, int64_t number)
{
    const struct region *region = &batch->regions[number];
    const struct resampling *resampling = batch->resampling;
    struct pixels pixels = batch_pixels(batch, number);
    pixels_fill(&pixels, 0, 0,
                resampling == NULL ? region->width : resampling->width,
                resampling == NULL ? region->height : resampling->height);
}

/* A region that has failed with a handle that nobody shares.  Whether to go
   on. */
static bool
condemn(const struct batch_run *run, int64_t number,
        const struct slide_handle *handle)
{
    bool is_masked = run->all->is_masked;
    run->batch->states[number] = REGION_BAD;
    if (is_masked) {
        mask(run->batch, number);
    } else {
        batch_blame(run->batch, number, handle);
    }
    return is_masked;
}

static bool
read_apart(const struct parallel_worker *worker, int64_t i, void *argument)
{
    struct stretch *stretch = argument;
    struct batch_run *run = stretch->run;
    int64_t number = run->waiting[i];
    struct slide_handle **handle = &run->apart[worker->number];
    if (*handle == NULL && (*handle = open_apart(run)) == NULL) {
        return false;
    }
    enum region_reading reading =
        batch_read_region(run, *handle, number, worker);
    bool goes_on = batch_note_reading(run, reading);
    if (reading == REGION_COMPLETE) {
        run->batch->states[number] = REGION_READ;
    } else if (reading == REGION_FAILED) {
        atomic_store(&stretch->has_damage, true);
        goes_on = condemn(run, number, *handle);
        let_go(handle);
    }
    return goes_on;
}

/* So many regions for each worker are read apart after damage. */
enum { FIRST_STRETCH = 16 };

/*
 * Where only the first failure matters, the suspects are read one by one.
 * Else more than these are, for damage comes in patches, and costs least where
 * it is expected: an opening for each damaged region.
 */
static enum batch_outcome
read_stretches(struct batch_run *run)
{
    struct stretch stretch = {.run = run};
    bool is_masked = run->all->is_masked;
    int most = run->all->workers;
    int workers = is_masked ? (int)smaller(most, BATCH_MOST_APART) : 1;
    int64_t length = is_masked ? FIRST_STRETCH * most : most;
    enum batch_outcome outcome = BATCH_READ;
    do {
        atomic_store(&stretch.has_damage, false);
        outcome = batch_run_loop(run, smaller(length, run->waiting_count),
                                 workers, read_apart, &stretch);
        batch_forget_finished(run);
        length *= 2;
    } while (outcome == BATCH_READ && run->waiting_count > 0 &&
             atomic_load(&stretch.has_damage));
    return outcome;
}

/* For all to share: that of one who has read apart, or another. */
static enum batch_outcome
choose_handle(struct batch_run *run)
{
    for (int i = 0; i < BATCH_MOST_APART && run->handle == NULL; i++) {
        run->handle = run->apart[i];
        run->apart[i] = NULL;
    }
    if (run->handle == NULL) {
        run->handle = open_apart(run);
    }
    return run->handle != NULL ? BATCH_READ : batch_reason(run);
}

static enum batch_outcome
retry_many(struct batch_run *run)
{
    enum batch_outcome outcome = read_stretches(run);
    if (outcome == BATCH_READ && run->waiting_count > 0) {
        outcome = choose_handle(run);
    }
    return outcome;
}

/* The only region, which the workers share. */
static enum batch_outcome
retry_single(struct batch_run *run)
{
    enum batch_outcome outcome = choose_handle(run);
    if (outcome == BATCH_READ) {
        outcome = batch_read_parts(run);
        if (outcome == BATCH_FAILED && condemn(run, 0, run->handle)) {
            outcome = BATCH_READ;
        }
        batch_forget_finished(run);
    }
    return outcome;
}

enum batch_outcome
batch_retry(struct batch_run *run)
{
    let_go(&run->handle);
    return run->batch->count == 1 ? retry_single(run) : retry_many(run);
}
