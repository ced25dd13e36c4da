#include "batch.h"

#include "direct/direct_slide.h"
#include "system/slide_file.h"
#include "system/scratch.h"

#include <stdlib.h>
#include <string.h>

/* Native tiles that neighbouring reads share stay in the cache if regions are
   read in columns of this many tiles, from top to bottom: with tiles of
   256 x 256 pixels two rows of these take 4 MB of libopenslide's 32. */
static const int64_t TILES_ACROSS = 8;

/* Where libopenslide names no tile size. */
static const int64_t USUAL_TILE = 256;

/* One pass over the waiting regions with one handle. */
struct pass {
    struct batch *batch;
    const struct slide_handle *handle;
    const int64_t *order;            /* of the waiting regions */
    const struct division *division; /* of the only region, else NULL */
    struct scratch *scratch;         /* one per worker */
    atomic_bool out_of_memory;
};

/* Blocks */

/* Where a region of the batch goes. */
static struct pixels
pixels_of(const struct batch *batch, int64_t region)
{
    struct pixels pixels = batch->first;
    pixels.start += region * batch->region_stride;
    return pixels;
}

/* Whether libopenslide can write where the pixels shall be. */
static bool
fits_in_place(const struct pixels *pixels, const struct region *source)
{
    return pixels->channels == 4 && pixels->row_stride == 4 * source->width &&
           (uintptr_t)pixels->start % sizeof(uint32_t) == 0;
}

/* By libopenslide; false where memory is lacking. */
static bool
read_painted(openslide_t *osr, const struct region *source,
             const struct pixels *pixels, struct scratch *scratch)
{
    uint32_t *words = (uint32_t *)(void *)pixels->start;
    if (!fits_in_place(pixels, source)) {
        words =
            scratch_reserve(scratch, (size_t)(source->width * source->height));
        if (words == NULL) {
            return false;
        }
    }
    slide_file_leave_room();
    openslide.read_region(osr, words, source->x, source->y, source->level,
                          source->width, source->height);
    pixels_convert(pixels, 0, 0, source->width, source->height, words,
                   (ptrdiff_t)source->width);
    return true;
}

/* False where the slide has failed, or memory. */
static bool
read_block(struct pass *pass, const struct parallel_worker *worker,
           int64_t number, const struct block *block)
{
    openslide_t *osr = pass->handle->osr;
    struct pixels pixels = pixels_of(pass->batch, number);
    pixels.start = pixels_at(&pixels, block->column, block->row);
    struct scratch *scratch = &pass->scratch[worker->number];
    if (openslide.get_error(osr) != NULL) {
        return false;
    }
    if (direct_slide_read(pass->handle, block, &pixels, scratch)) {
        return true;
    }
    if (!read_painted(osr, &block->source, &pixels, scratch)) {
        atomic_store(&pass->out_of_memory, true);
        return false;
    }
    return openslide.get_error(osr) == NULL;
}

/* Passes */

/* One region, block by block. */
static bool
read_whole(const struct parallel_worker *worker, int64_t i, void *argument)
{
    struct pass *pass = argument;
    int64_t number = pass->order[i];
    struct division division =
        division_of(&pass->batch->regions[number], pass->handle);
    int64_t blocks = division.columns * division.rows;
    for (int64_t b = 0; b < blocks; b++) {
        struct block block = division_block(&division, b % division.columns,
                                            b / division.columns);
        bool goes_on = b == 0 || parallel_goes_on(worker);
        if (!goes_on || !read_block(pass, worker, number, &block)) {
            return false;
        }
    }
    pass->batch->states[number] = REGION_READ;
    return true;
}

/* One block of the only region. */
static bool
read_part(const struct parallel_worker *worker, int64_t i, void *argument)
{
    struct pass *pass = argument;
    const struct division *division = pass->division;
    struct block block =
        division_block(division, i % division->columns, i / division->columns);
    return read_block(pass, worker, 0, &block);
}

static bool
run_pass(struct pass *pass, int64_t count, parallel_body *body)
{
    const struct batch *batch = pass->batch;
    int workers = batch->workers < 1 ? 1 : batch->workers;
    pass->scratch = calloc((size_t)workers, sizeof *pass->scratch);
    if (pass->scratch == NULL) {
        atomic_store(&pass->out_of_memory, true);
        return false;
    }
    bool complete = parallel_for(count, workers, batch->thread_limit, body,
                                 pass, batch->poll, batch->poll_argument);
    for (int i = 0; i < workers; i++) {
        scratch_give_up(&pass->scratch[i]);
    }
    free(pass->scratch);
    return complete;
}

static enum batch_outcome
outcome_of(const struct pass *pass, bool complete)
{
    if (atomic_load(&pass->out_of_memory)) {
        return BATCH_OUT_OF_MEMORY;
    }
    if (openslide.get_error(pass->handle->osr) != NULL) {
        return BATCH_FAILED;
    }
    return complete ? BATCH_READ : BATCH_INTERRUPTED;
}

/* A single region is shared among the workers block by block. */
static enum batch_outcome
read_single(struct batch *batch, const struct slide_handle *handle)
{
    struct division division = division_of(batch->regions, handle);
    struct pass pass = {
        .batch = batch, .handle = handle, .division = &division};
    bool complete =
        run_pass(&pass, division.columns * division.rows, read_part);
    enum batch_outcome outcome = outcome_of(&pass, complete);
    if (outcome == BATCH_READ) {
        batch->states[0] = REGION_READ;
    }
    return outcome;
}

/* Order */

struct place {
    int64_t level, column, row, x, number;
};

static int
compare_places(const void *a, const void *b)
{
    const struct place *p = a, *q = b;
    const int64_t differences[] = {
        p->level - q->level, p->column - q->column, p->row - q->row,
        p->x - q->x,         p->number - q->number,
    };
    for (size_t i = 0; i < sizeof differences / sizeof *differences; i++) {
        if (differences[i] != 0) {
            return differences[i] < 0 ? -1 : 1;
        }
    }
    return 0;
}

static struct place
place_of(const struct region *region, const struct slide_handle *handle,
         int64_t number)
{
    const struct slide_level *level = &handle->levels[region->level];
    int64_t width = level->tile_width > 0 ? level->tile_width : USUAL_TILE;
    int64_t height = level->tile_height > 0 ? level->tile_height : USUAL_TILE;
    double x = (double)region->x / level->downsample / (double)width;
    double y = (double)region->y / level->downsample / (double)height;
    return (struct place){region->level, (int64_t)x / TILES_ACROSS, (int64_t)y,
                          (int64_t)x, number};
}

/* The waiting regions in the order to read them; free() it. */
static int64_t *
order_waiting(const struct batch *batch, const struct slide_handle *handle,
              int64_t *count)
{
    struct place *places = calloc((size_t)batch->count + 1, sizeof *places);
    int64_t *order = calloc((size_t)batch->count + 1, sizeof *order);
    *count = 0;
    for (int64_t i = 0; places != NULL && order != NULL && i < batch->count;
         i++) {
        if (batch->states[i] == REGION_WAITING) {
            places[(*count)++] = place_of(&batch->regions[i], handle, i);
        }
    }
    if (places == NULL || order == NULL) {
        free(places);
        free(order);
        return NULL;
    }
    qsort(places, (size_t)*count, sizeof *places, compare_places);
    for (int64_t i = 0; i < *count; i++) {
        order[i] = places[i].number;
    }
    free(places);
    return order;
}

static enum batch_outcome
read_waiting(struct batch *batch, const struct slide_handle *handle)
{
    if (batch->count == 1 && batch->states[0] == REGION_WAITING) {
        return read_single(batch, handle);
    }
    int64_t count;
    int64_t *order = order_waiting(batch, handle, &count);
    if (order == NULL) {
        return BATCH_OUT_OF_MEMORY;
    }
    struct pass pass = {.batch = batch, .handle = handle, .order = order};
    bool complete = run_pass(&pass, count, read_whole);
    free(order);
    return outcome_of(&pass, complete);
}

/* Failures */

static void
mask(const struct batch *batch, int64_t number)
{
    const struct region *region = &batch->regions[number];
    struct pixels pixels = pixels_of(batch, number);
    pixels_fill(&pixels, 0, 0, region->width, region->height);
}

/* Whether one region can be read by itself. */
static enum batch_outcome
read_alone(const struct batch *batch, int64_t number,
           const struct slide_handle *handle)
{
    struct batch alone = *batch;
    uint8_t state = REGION_WAITING;
    alone.regions = &batch->regions[number];
    alone.count = 1;
    alone.states = &state;
    alone.first = pixels_of(batch, number);
    enum batch_outcome outcome = read_single(&alone, handle);
    batch->states[number] = state;
    return outcome;
}

static char *
copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

static void
blame(struct batch *batch, int64_t number, const struct slide_handle *handle)
{
    free(batch->error);
    batch->bad = number;
    batch->error = copy_text(openslide.get_error(handle->osr));
    batch->states[number] = REGION_BAD;
}

/* Another handle in place of one that has failed; NULL where the slide cannot
   be opened any more. */
static struct slide_handle *
replace_handle(const struct batch *batch, struct slide_handle *handle)
{
    bool direct = handle->direct != NULL;
    slide_handle_release(handle);
    struct slide_handle *fresh = slide_handle_open(batch->path, direct);
    if (fresh != NULL && openslide.get_error(fresh->osr) != NULL) {
        slide_handle_release(fresh);
        fresh = NULL;
    }
    return fresh;
}

/*
 * The slide has failed while the first `count` regions of `order` were being
 * read.  Read them again, one by one, and blame the first that fails: then the
 * outcome is BATCH_FAILED.
 */
static enum batch_outcome
try_one_by_one(struct batch *batch, const int64_t *order, int64_t count,
               const struct slide_handle *handle)
{
    enum batch_outcome outcome = BATCH_READ;
    for (int64_t i = 0; i < count && outcome == BATCH_READ; i++) {
        outcome = read_alone(batch, order[i], handle);
        if (outcome == BATCH_FAILED) {
            blame(batch, order[i], handle);
        }
    }
    return outcome;
}

/*
 * Find the region for which the slide has failed.  Regions are begun in order,
 * and a worker stops at its first failure: so the suspects are the first of
 * those that wait, at most one per worker.
 */
static enum batch_outcome
find_culprit(struct batch *batch, struct slide_handle **handle)
{
    int64_t waiting;
    int64_t *order = order_waiting(batch, *handle, &waiting);
    if (order == NULL) {
        return BATCH_OUT_OF_MEMORY;
    }
    enum batch_outcome outcome = BATCH_FAILED;
    int64_t suspects = waiting < batch->workers ? waiting : batch->workers;
    blame(batch, order[0], *handle);
    if (suspects > 1 || batch->doubts) {
        struct slide_handle *fresh = replace_handle(batch, *handle);
        *handle = fresh;
        if (fresh != NULL) {
            batch->states[order[0]] = REGION_WAITING;
            outcome = try_one_by_one(batch, order, suspects, fresh);
        }
    }
    free(order);
    return outcome;
}

enum batch_outcome
batch_read(struct batch *batch, struct slide_handle *handle)
{
    slide_handle_retain(handle);
    enum batch_outcome outcome = read_waiting(batch, handle);
    while (outcome == BATCH_FAILED) {
        outcome = find_culprit(batch, &handle);
        if (handle == NULL || (outcome == BATCH_FAILED && !batch->masks)) {
            break;
        }
        if (outcome == BATCH_FAILED) {
            mask(batch, batch->bad);
            handle = replace_handle(batch, handle);
            if (handle == NULL) {
                break;
            }
            outcome = BATCH_READ;
        }
        if (outcome == BATCH_READ) {
            outcome = read_waiting(batch, handle);
        }
    }
    if (handle != NULL) {
        slide_handle_release(handle);
    }
    return outcome;
}
