/* A batch of one region, which the workers share block by block. */
#include "batch_run.h"

/* Blocks of the region as it is stored, and where it goes. */
struct blocks {
    struct batch_run *run;
    struct division division;
    struct pixels pixels;
};

static bool
read_block(const struct parallel_worker *worker, int64_t i, void *argument)
{
    struct blocks *blocks = argument;
    struct batch_run *run = blocks->run;
    const struct division *division = &blocks->division;
    struct block block =
        division_block(division, i % division->columns, i / division->columns);
    return batch_note_reading(
        run, region_read_block(run->handle, &block, &blocks->pixels,
                               &run->workers[worker->number].scratch));
}

static enum batch_outcome
read_blocks(struct batch_run *run, const struct pixels *pixels)
{
    struct blocks blocks = {run, division_of(run->batch->regions, run->handle),
                            *pixels};
    int64_t count = blocks.division.columns * blocks.division.rows;
    return batch_run_loop(run, count, run->all->workers, read_block, &blocks);
}

/* Bands of a region that is resampled. */
struct bands {
    struct batch_run *run;
    const struct pixels *source; /* NULL: each reads what it needs */
};

static bool
read_band(const struct parallel_worker *worker, int64_t i, void *argument)
{
    struct bands *bands = argument;
    struct batch_run *run = bands->run;
    struct resampled_reading reading =
        batch_resampled(run, run->handle, 0, worker);
    return batch_note_reading(
        run, bands->source == NULL
                 ? resampled_read_band(&reading, i)
                 : resampled_make_band(&reading, i, bands->source));
}

static enum batch_outcome
read_bands(struct batch_run *run, const struct pixels *source)
{
    struct bands bands = {run, source};
    const struct parallel_worker anyone = {0};
    struct resampled_reading reading =
        batch_resampled(run, run->handle, 0, &anyone);
    return batch_run_loop(run, resampled_band_count(&reading),
                          run->all->workers, read_band, &bands);
}

/* What must not be divided is read as a whole before it is resampled. */
static enum batch_outcome
read_resampled(struct batch_run *run)
{
    const struct region *region = run->batch->regions;
    struct scratch scratch = {0};
    if (region_is_divisible(region, run->handle)) {
        return read_bands(run, NULL);
    }
    struct pixels source = resampled_source(&run->batch->form, region->width,
                                            region->height, &scratch);
    enum batch_outcome outcome = BATCH_OUT_OF_MEMORY;
    if (source.start != NULL) {
        outcome = read_blocks(run, &source);
        if (outcome == BATCH_READ) {
            outcome = read_bands(run, &source);
        }
    }
    scratch_give_up(&scratch);
    return outcome;
}

enum batch_outcome
batch_read_parts(struct batch_run *run)
{
    struct batch *batch = run->batch;
    struct pixels pixels = batch_pixels(batch, 0);
    enum batch_outcome outcome = batch->resampling == NULL
                                     ? read_blocks(run, &pixels)
                                     : read_resampled(run);
    if (outcome == BATCH_READ) {
        batch->states[0] = REGION_READ;
    }
    return outcome;
}
