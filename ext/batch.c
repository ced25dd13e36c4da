#include "batch.h"

#include "_convert.h"

#include <stdlib.h>
#include <string.h>

/* Native tiles that neighbouring reads share stay in the cache if regions are
   read in columns of this many tiles, from top to bottom: with tiles of
   256 x 256 pixels two rows of these take 4 MB of libopenslide's 32. */
static const int64_t TILES_ACROSS = 8;

/* Where libopenslide names no tile size. */
static const int64_t USUAL_TILE = 256;

/* Where a block is read that is converted to another place. */
struct scratch {
    uint32_t *words;
    size_t pixels;
};

/* Between calls scratch memory is kept, for fresh memory costs page faults, a
   tenth of a small read: so much of it, in so many places. */
enum { KEPT_PIXELS = 1 << 20, KEPT_PLACES = 16 };

static _Atomic(uint32_t *) kept_words[KEPT_PLACES];

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

static uint8_t *
pixel_at(const struct destination *destination, int64_t region, int64_t column,
         int64_t row)
{
    return destination->start + region * destination->region_stride +
           row * destination->row_stride + column * destination->channels;
}

static void
read_words(const struct slide_handle *handle, const struct region *region,
           uint32_t *words)
{
    openslide.read_region(handle->osr, words, region->x, region->y,
                          region->level, region->width, region->height);
}

/* Whether libopenslide can write where the pixels shall be. */
static bool
fits_in_place(const struct destination *destination, const struct block *block,
              const uint8_t *start)
{
    return destination->channels == 4 &&
           destination->row_stride == 4 * block->source.width &&
           (uintptr_t)start % sizeof(uint32_t) == 0;
}

static void
convert_rows(const uint32_t *words, const struct destination *destination,
             uint8_t *start, int64_t width, int64_t height)
{
    if (destination->row_stride == width * destination->channels) {
        width *= height; /* one long row */
        height = 1;
    }
    for (int64_t row = 0; row < height; row++) {
        if (destination->channels == 4) {
            convert_argb_to_rgba(words, start, (size_t)width);
        } else {
            convert_argb_to_rgb(words, start, (size_t)width,
                                destination->background);
        }
        words += width;
        start += destination->row_stride;
    }
}

/* Memory of KEPT_PIXELS that nobody uses; NULL where there is none. */
static uint32_t *
take_kept_words(void)
{
    for (int i = 0; i < KEPT_PLACES; i++) {
        uint32_t *words = atomic_exchange(&kept_words[i], NULL);
        if (words != NULL) {
            return words;
        }
    }
    return NULL;
}

static void
give_up_scratch(struct scratch *scratch)
{
    for (int i = 0; i < KEPT_PLACES && scratch->pixels == KEPT_PIXELS; i++) {
        uint32_t *empty = NULL;
        if (atomic_compare_exchange_strong(&kept_words[i], &empty,
                                           scratch->words)) {
            return;
        }
    }
    free(scratch->words);
}

static void
grow_scratch(struct scratch *scratch, size_t pixels)
{
    give_up_scratch(scratch);
    scratch->words = NULL;
    if (pixels <= KEPT_PIXELS) {
        pixels = KEPT_PIXELS;
        scratch->words = take_kept_words();
    }
    if (scratch->words == NULL) {
        scratch->words = malloc(pixels * sizeof *scratch->words);
    }
    scratch->pixels = scratch->words == NULL ? 0 : pixels;
}

static uint32_t *
scratch_of(struct pass *pass, const struct parallel_worker *worker,
           const struct block *block)
{
    struct scratch *scratch = &pass->scratch[worker->number];
    size_t pixels = (size_t)(block->source.width * block->source.height);
    if (scratch->pixels < pixels) {
        grow_scratch(scratch, pixels);
    }
    if (scratch->words == NULL) {
        atomic_store(&pass->out_of_memory, true);
    }
    return scratch->words;
}

/* False where the slide has failed, or memory. */
static bool
read_block(struct pass *pass, const struct parallel_worker *worker,
           int64_t region, const struct block *block)
{
    const struct destination *destination = &pass->batch->destination;
    uint8_t *start = pixel_at(destination, region, block->column, block->row);
    uint32_t *words = (uint32_t *)(void *)start;
    if (!fits_in_place(destination, block, start)) {
        words = scratch_of(pass, worker, block);
        if (words == NULL) {
            return false;
        }
    }
    read_words(pass->handle, &block->source, words);
    convert_rows(words, destination, start, block->source.width,
                 block->source.height);
    return openslide.get_error(pass->handle->osr) == NULL;
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
        give_up_scratch(&pass->scratch[i]);
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
    if (batch->count == 1) {
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
fill_with_background(const struct batch *batch, int64_t number)
{
    const struct destination *destination = &batch->destination;
    const struct region *region = &batch->regions[number];
    const uint8_t colour[4] = {(uint8_t)(destination->background >> 16),
                               (uint8_t)(destination->background >> 8),
                               (uint8_t)destination->background, 255};
    for (int64_t row = 0; row < region->height; row++) {
        uint8_t *pixel = pixel_at(destination, number, 0, row);
        for (int64_t column = 0; column < region->width; column++) {
            memcpy(pixel, colour, (size_t)destination->channels);
            pixel += destination->channels;
        }
    }
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
    alone.destination.start += number * batch->destination.region_stride;
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
    slide_handle_release(handle);
    struct slide_handle *fresh = slide_handle_open(batch->path);
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
            fill_with_background(batch, batch->bad);
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
