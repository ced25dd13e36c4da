#include "reading/batch.h"

#include "_convert.h"
#include "check.h"
#include "direct/direct_slide.h"
#include "library.h"
#include "tiny_slide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GREY = 100, COUNT = 40, WIDTH = 30, HEIGHT = 20 };

static const uint32_t WHITE = 0xffffff;

static char slide_path[64], row_path[64];

static struct slide_origin *origin;

static bool
always(void *argument)
{
    (void)argument;
    return true;
}

/* As a program does that has this slide. */
static struct slide_handle *
open_slide(void)
{
    const struct slide_caches none = {0};
    struct slide_handle *handle;
    enum slide_opening opening = slide_origin_open(origin, &none, &handle);
    CHECK(opening == SLIDE_OPENED, "opening is %d", (int)opening);
    return handle;
}

/* What one call of libopenslide gives, converted. */
static void
read_one(const struct slide_handle *handle, const struct region *region,
         int channels, uint8_t *pixels)
{
    size_t count = (size_t)(region->width * region->height);
    uint32_t *words = malloc(count * sizeof *words);
    openslide.read_region(handle->osr, words, region->x, region->y,
                          region->level, region->width, region->height);
    if (channels == 4) {
        convert_argb_to_rgba(words, pixels, count);
    } else {
        convert_argb_to_rgb(words, pixels, count, WHITE);
    }
    free(words);
}

/* A batch that is read by itself. */
struct single {
    struct batch batch;
    struct batches all;
};

/* Results lie `stride` bytes from one another. */
static uint8_t **
starts_of(uint8_t *pixels, int64_t count, ptrdiff_t stride)
{
    uint8_t **starts = calloc((size_t)count, sizeof *starts);
    for (int64_t i = 0; i < count; i++) {
        starts[i] = pixels + i * stride;
    }
    return starts;
}

static struct single
make_batch(struct region *regions, int64_t count, int channels,
           uint8_t *pixels, uint8_t *states)
{
    ptrdiff_t row = (ptrdiff_t)regions->width * channels;
    memset(states, REGION_WAITING, (size_t)count);
    return (struct single){
        .batch = {.regions = regions,
                  .count = count,
                  .form = {.row_stride = row,
                           .channels = channels,
                           .background = WHITE},
                  .starts = starts_of(pixels, count, row * regions->height),
                  .origin = origin,
                  .states = states},
        .all = {.count = 1,
                .workers = 4,
                .thread_limit = 3,
                .poller = poller_new(always, NULL)},
    };
}

static enum batch_outcome
read_batch(struct single *single, struct slide_handle *handle)
{
    single->batch.handle = handle;
    single->all.each = &single->batch;
    enum batch_outcome outcome = batches_read(&single->all);
    free((void *)single->batch.starts);
    return outcome;
}

static void
test_regions_lie_in_the_callers_order(void)
{
    struct slide_handle *handle = open_slide();
    struct region regions[COUNT];
    srand(2);
    for (int i = 0; i < COUNT; i++) {
        regions[i] =
            region_at(rand() % 300 - 20, rand() % 300 - 20, 0, WIDTH, HEIGHT);
    }
    for (int channels = 3; channels <= 4; channels++) {
        size_t size = (size_t)(WIDTH * HEIGHT * channels);
        uint8_t *pixels = malloc(COUNT * size);
        uint8_t *expected = malloc(size);
        uint8_t states[COUNT];
        struct single single =
            make_batch(regions, COUNT, channels, pixels, states);
        CHECK(read_batch(&single, handle) == BATCH_READ, "not read");
        for (int i = 0; i < COUNT; i++) {
            read_one(handle, &regions[i], channels, expected);
            CHECK(memcmp(pixels + (size_t)i * size, expected, size) == 0,
                  "region %d has other pixels", i);
            CHECK(states[i] == REGION_READ, "state %d", states[i]);
        }
        free(pixels);
        free(expected);
    }
    slide_handle_release(handle);
}

static void
test_strides(void)
{
    enum { GAP = 5, ROW = WIDTH * 3 + GAP };
    struct slide_handle *handle = open_slide();
    struct region region = region_at(250, 0, 0, WIDTH, HEIGHT);
    static uint8_t pixels[ROW * HEIGHT], expected[WIDTH * HEIGHT * 3];
    uint8_t state;
    memset(pixels, 77, sizeof pixels);
    struct single single =
        make_batch(&region, 1, 3, pixels + (HEIGHT - 1) * ROW, &state);
    single.batch.form.row_stride = -ROW; /* bottom up */
    CHECK(read_batch(&single, handle) == BATCH_READ, "not read");
    read_one(handle, &region, 3, expected);
    for (int row = 0; row < HEIGHT; row++) {
        const uint8_t *start = pixels + (HEIGHT - 1 - row) * ROW;
        CHECK(memcmp(start, expected + (size_t)row * WIDTH * 3, WIDTH * 3) ==
                  0,
              "row %d has other pixels", row);
        for (int i = 0; i < GAP; i++) {
            CHECK(start[WIDTH * 3 + i] == 77, "wrote into a gap");
        }
    }
    slide_handle_release(handle);
}

static void
test_a_large_region_is_shared(void)
{
    struct slide_handle *handle = open_slide();
    struct region region = region_at(-900, -1000, 0, 2500, 1700);
    size_t size = (size_t)(region.width * region.height) * 4;
    uint8_t *pixels = malloc(size), *expected = malloc(size);
    uint8_t state;
    struct division division = division_of(&region, handle);
    CHECK(division.rows * division.columns > 2, "not divided");
    struct single single = make_batch(&region, 1, 4, pixels, &state);
    CHECK(read_batch(&single, handle) == BATCH_READ, "not read");
    read_one(handle, &region, 4, expected);
    CHECK(memcmp(pixels, expected, size) == 0, "other pixels");
    free(pixels);
    free(expected);
    slide_handle_release(handle);
}

/* What Pillow makes of a region that libopenslide reads. */
static void
resample_one(const struct slide_handle *handle, const struct region *region,
             const struct resampling *resampling, const double corner[2],
             int channels, uint8_t *pixels)
{
    uint8_t *bytes = malloc((size_t)(region->width * region->height) * 4);
    struct resample_axis *across = resample_axis_make(
        (int32_t)region->width, corner[0], corner[0] + resampling->box_width,
        resampling->width, resampling->filter);
    struct resample_axis *down = resample_axis_make(
        (int32_t)region->height, corner[1], corner[1] + resampling->box_height,
        resampling->height, resampling->filter);
    struct resample_plan plan = {
        .across = across,
        .down = down,
        .format = channels == 4 ? RESAMPLE_RGBA : RESAMPLE_RGB,
        .order = resampling->order,
    };
    struct resample_source source = {
        .pixels = bytes,
        .row_stride = (ptrdiff_t)region->width * channels,
    };
    void *scratch = malloc(resample_scratch_size(&plan));
    read_one(handle, region, channels, bytes);
    resample(&plan, &source, 0, resampling->height, pixels,
             (ptrdiff_t)resampling->width * channels, scratch);
    resample_axis_free(across);
    resample_axis_free(down);
    free(scratch);
    free(bytes);
}

/* Read regions of this size, of which boxes of half the size are resampled,
   and compare. */
static void
check_resampled(struct slide_handle *handle, int count, int64_t side,
                int32_t width, int channels)
{
    struct region regions[COUNT];
    double corners[COUNT][2];
    uint8_t states[COUNT];
    struct resampling resampling = {
        .filter = RESAMPLE_BICUBIC,
        .order = RESAMPLE_LONGER_FIRST,
        .width = width,
        .height = 3 * width,
        .box_width = (double)side / 2,
        .box_height = (double)side / 2,
        .corners = corners[0],
    };
    size_t size = (size_t)(3 * width * width * channels);
    uint8_t *pixels = malloc((size_t)count * size), *expected = malloc(size);
    for (int i = 0; i < count; i++) {
        regions[i] =
            region_at(rand() % 300 - 20, rand() % 300 - 20, 0, side, side);
        corners[i][0] = (double)(rand() % 64) / 64 * (double)side / 2;
        corners[i][1] = (double)(rand() % 3) / 8;
    }
    struct single single =
        make_batch(regions, count, channels, pixels, states);
    single.batch.resampling = &resampling;
    single.batch.form.row_stride = (ptrdiff_t)width * channels;
    free((void *)single.batch.starts);
    single.batch.starts = starts_of(pixels, count, (ptrdiff_t)size);
    CHECK(read_batch(&single, handle) == BATCH_READ, "not read");
    for (int i = 0; i < count; i++) {
        resample_one(handle, &regions[i], &resampling, corners[i], channels,
                     expected);
        CHECK(memcmp(pixels + (size_t)i * size, expected, size) == 0,
              "region %d of %d has other pixels", i, count);
        CHECK(states[i] == REGION_READ, "state %d", states[i]);
    }
    free(pixels);
    free(expected);
}

static void
test_regions_are_resampled(void)
{
    struct slide_handle *handle = open_slide();
    srand(3);
    for (int channels = 3; channels <= 4; channels++) {
        check_resampled(handle, COUNT, 100, 20, channels);
        check_resampled(handle, 2, 3000, 300, channels);
        check_resampled(handle, 1, 3000, 300, channels);
        /* One that is read before it is resampled. */
        handle->levels[0].divisible = false;
        check_resampled(handle, 2, 100, 20, channels);
        check_resampled(handle, 1, 3000, 300, channels);
        handle->levels[0].divisible = true;
    }
    slide_handle_release(handle);
}

static bool
never(void *argument)
{
    (void)argument;
    return false;
}

/* So many regions, all read to one place, that nothing reads them between two
   is_main_thread. */
static void
test_poll_interrupts(void)
{
    enum { MANY = 500000 };
    struct slide_handle *handle = open_slide();
    struct region *regions = calloc(MANY, sizeof *regions);
    uint8_t *states = malloc(MANY);
    static uint8_t pixels[WIDTH * HEIGHT * 3];
    for (int i = 0; i < MANY; i++) {
        regions[i] = region_at(i % 200, i / 200 % 200, 0, WIDTH, HEIGHT);
    }
    struct single single = make_batch(regions, MANY, 3, pixels, states);
    free((void *)single.batch.starts);
    single.batch.starts = starts_of(pixels, MANY, 0);
    single.all.workers = 1;
    single.all.poller = poller_new(never, NULL);
    CHECK(read_batch(&single, handle) == BATCH_INTERRUPTED, "went on");
    free(regions);
    free(states);
    slide_handle_release(handle);
}

/* A row of tiles, some of which cannot be read, and what became of them. */

enum { TILES = 600, INTERVAL = 5, DAMAGED = TILES / INTERVAL, SMALL = 8 };

static struct region damaged_regions[TILES];
static uint8_t damaged_pixels[TILES][SMALL * SMALL * 3];
static uint8_t damaged_states[TILES];

static atomic_int opened, caches_set;
static openslide_t *(*real_open)(const char *path);
static void (*real_set_cache)(openslide_t *osr, openslide_cache_t *cache);

static openslide_t *
counting_open(const char *path)
{
    atomic_fetch_add(&opened, 1);
    return real_open(path);
}

static void
counting_set_cache(openslide_t *osr, openslide_cache_t *cache)
{
    atomic_fetch_add(&caches_set, 1);
    real_set_cache(osr, cache);
}

static struct single
make_damaged_batch(int workers)
{
    for (int i = 0; i < TILES; i++) {
        damaged_regions[i] =
            region_at(i * TINY_SLIDE_SIDE + 9, 7, 0, SMALL, SMALL);
    }
    struct single single = make_batch(damaged_regions, TILES, 3,
                                      damaged_pixels[0], damaged_states);
    single.all.is_masked = true;
    single.batch.is_doubtful = true;
    single.all.workers = workers;
    single.all.thread_limit = workers - 1;
    return single;
}

/* Another slide than that of the other tests, for a while. */
static struct slide_origin *
use_row(int tiles, int interval)
{
    struct slide_origin *before = origin;
    CHECK(tiny_slide_write_row(row_path, GREY, tiles, interval),
          "not written");
    origin = slide_origin_new(row_path, NULL);
    return before;
}

static void
use_again(struct slide_origin *before)
{
    slide_origin_free(origin);
    origin = before;
}

static void
check_masked(void)
{
    for (int i = 0; i < TILES; i++) {
        bool is_bad = i % INTERVAL == 0;
        CHECK(damaged_states[i] == (is_bad ? REGION_BAD : REGION_READ),
              "region %d: state %d", i, damaged_states[i]);
        for (int j = 0; j < SMALL * SMALL * 3; j++) {
            CHECK(damaged_pixels[i][j] == (is_bad ? 255 : GREY),
                  "region %d: sample %d", i, damaged_pixels[i][j]);
        }
    }
}

/* The slide is opened again once for each damaged region, and a few times
   more; each such handle has the caches that were chosen. */
static void
test_damage_costs_an_opening_each(void)
{
    struct slide_origin *before = use_row(TILES, INTERVAL);
    for (int workers = 1; workers <= 4; workers += 3) {
        struct slide_handle *handle = open_slide();
        struct single single = make_damaged_batch(workers);
        if (openslide.cache_create != NULL) {
            single.batch.caches.library = openslide.cache_create(1 << 20);
        }
        atomic_store(&opened, 0);
        atomic_store(&caches_set, 0);
        enum batch_outcome outcome = read_batch(&single, handle);
        CHECK(outcome == BATCH_READ, "outcome %d", (int)outcome);
        check_masked();
        int count = atomic_load(&opened);
        CHECK(count >= DAMAGED && count <= DAMAGED + 2 * workers,
              "opened %d times for %d damaged regions", count, DAMAGED);
        if (openslide.cache_create != NULL) {
            CHECK(atomic_load(&caches_set) == count, "%d caches, %d handles",
                  atomic_load(&caches_set), count);
            openslide.cache_release(single.batch.caches.library);
        }
        free(single.batch.error);
        slide_handle_release(handle);
    }
    use_again(before);
}

static void
test_the_first_bad_region_is_blamed(void)
{
    struct slide_origin *before = use_row(TILES, INTERVAL);
    for (int workers = 1; workers <= 4; workers++) {
        struct slide_handle *handle = open_slide();
        struct single single = make_damaged_batch(workers);
        single.all.is_masked = false;
        single.batch.is_doubtful = workers % 2 == 0;
        /* The first is sound. */
        damaged_regions[0] = damaged_regions[1];
        enum batch_outcome outcome = read_batch(&single, handle);
        CHECK(outcome == BATCH_FAILED, "outcome %d", (int)outcome);
        CHECK(single.batch.bad == INTERVAL, "region %d is blamed",
              (int)single.batch.bad);
        CHECK(single.batch.error != NULL && strlen(single.batch.error) > 0,
              "no error");
        free(single.batch.error);
        slide_handle_release(handle);
    }
    use_again(before);
}

/* An interruption while damage is being dealt with. */
static void
test_interruption_comes_before_damage(void)
{
    struct slide_origin *before = use_row(TINY_SLIDE_MOST_TILES, 1);
    for (int workers = 1; workers <= 4; workers += 3) {
        struct slide_handle *handle = open_slide();
        struct single single = make_damaged_batch(workers);
        single.all.poller = poller_new(never, NULL);
        single.all.poller.asked -= 1; /* it is time */
        enum batch_outcome outcome = read_batch(&single, handle);
        CHECK(outcome == BATCH_INTERRUPTED, "outcome %d", (int)outcome);
        free(single.batch.error);
        slide_handle_release(handle);
    }
    use_again(before);
}

/* Of other sizes, and with fewer levels than regions would want. */
static void
test_another_slide_is_refused(void)
{
    struct slide_origin *before = use_row(TILES, INTERVAL);
    for (int is_masked = 0; is_masked <= 1; is_masked++) {
        for (int workers = 1; workers <= 4; workers += 3) {
            CHECK(tiny_slide_write_row(row_path, GREY, TILES, INTERVAL),
                  "not written");
            struct slide_handle *handle = open_slide();
            CHECK(tiny_slide_write_row(row_path, GREY, TILES + 1, INTERVAL),
                  "not written");
            struct single single = make_damaged_batch(workers);
            single.all.is_masked = is_masked != 0;
            enum batch_outcome outcome = read_batch(&single, handle);
            CHECK(outcome == BATCH_CHANGED, "outcome %d", (int)outcome);
            free(single.batch.error);
            slide_handle_release(handle);
        }
    }
    use_again(before);
}

/* A sound slide, a damaged one, and the sound one again at another size. */
static void
test_slides_are_read_together(void)
{
    enum { SOUND = 9, HALF = SMALL / 2, SLIDES = 3 };
    struct region regions[2][SOUND];
    uint8_t states[2][SOUND];
    static uint8_t pixels[2][SOUND][SMALL * SMALL * 3];
    const double corners[2 * SOUND] = {0};
    const struct resampling halved = {
        .filter = RESAMPLE_BOX,
        .width = HALF,
        .height = HALF,
        .box_width = SMALL,
        .box_height = SMALL,
        .corners = corners,
    };
    for (int is_masked = 0; is_masked <= 1; is_masked++) {
        struct slide_handle *sound = open_slide();
        struct single of_sound[2];
        memset(pixels, 77, sizeof pixels);
        for (int i = 0; i < 2; i++) {
            for (int j = 0; j < SOUND; j++) {
                regions[i][j] = region_at(j * SMALL, i, 0, SMALL, SMALL);
            }
            of_sound[i] =
                make_batch(regions[i], SOUND, 3, pixels[i][0], states[i]);
            of_sound[i].batch.handle = sound;
        }
        of_sound[1].batch.resampling = &halved;
        of_sound[1].batch.form.row_stride = HALF * 3;
        struct slide_origin *before = use_row(TILES, INTERVAL);
        struct single damaged = make_damaged_batch(4);
        struct slide_handle *row = open_slide();
        damaged.batch.handle = row;
        struct batch each[SLIDES] = {of_sound[0].batch, damaged.batch,
                                     of_sound[1].batch};
        struct batches all = damaged.all;
        all.each = each;
        all.count = SLIDES;
        all.is_masked = is_masked != 0;
        enum batch_outcome outcome = batches_read(&all);
        if (is_masked) {
            CHECK(outcome == BATCH_READ, "outcome %d", (int)outcome);
            check_masked();
            for (int i = 0; i < 2; i++) {
                int side = i == 0 ? SMALL : HALF;
                for (int j = 0; j < SOUND; j++) {
                    uint8_t *last = &pixels[i][j][side * side * 3 - 1];
                    CHECK(states[i][j] == REGION_READ && *last != 77,
                          "region %d of slide %d", j, i);
                }
            }
        } else {
            CHECK(outcome == BATCH_FAILED && all.bad == 1 && each[1].bad == 0,
                  "region %d of slide %d is blamed", (int)each[1].bad,
                  (int)all.bad);
        }
        for (int i = 0; i < SLIDES; i++) {
            free((void *)each[i].starts);
            free(each[i].error);
        }
        slide_handle_release(sound);
        slide_handle_release(row);
        use_again(before);
    }
}

/* Regions of levels that there are not are blank, as libopenslide has it. */
static void
test_levels_that_do_not_exist(void)
{
    enum { FEW = 3 };
    struct slide_handle *handle = open_slide();
    const int32_t levels[FEW] = {-1, 1, INT32_MAX};
    struct region regions[FEW];
    static uint8_t pixels[FEW * SMALL * SMALL * 4];
    uint8_t states[FEW];
    memset(pixels, 77, sizeof pixels);
    for (int i = 0; i < FEW; i++) {
        regions[i] = region_at(0, 0, levels[i], SMALL, SMALL);
    }
    struct single single = make_batch(regions, FEW, 4, pixels, states);
    CHECK(read_batch(&single, handle) == BATCH_READ, "not read");
    for (size_t i = 0; i < sizeof pixels; i++) {
        CHECK(pixels[i] == 0, "byte %d is %d", (int)i, pixels[i]);
    }
    slide_handle_release(handle);
}

static const char *(*real_get_error)(openslide_t *osr);
static int looks;

/* Another call hits damage as soon as this one has looked for errors after its
   last read. */
static const char *
get_error_before_damage(openslide_t *osr)
{
    const char *error = real_get_error(osr);
    if (++looks == 3) {
        uint32_t pixel;
        openslide.read_region(osr, &pixel, 0, 0, 0, 1, 1);
    }
    return error;
}

static void
test_an_error_that_comes_after_all_was_read(void)
{
    enum { SOUND = 3 };
    struct slide_origin *before = use_row(TILES, INTERVAL);
    struct slide_handle *handle = open_slide();
    struct region region =
        region_at(SOUND * TINY_SLIDE_SIDE, 0, 0, SMALL, SMALL);
    uint8_t pixels[SMALL * SMALL * 3], state;
    struct single single = make_batch(&region, 1, 3, pixels, &state);
    real_get_error = openslide.get_error;
    openslide.get_error = get_error_before_damage;
    enum batch_outcome outcome = read_batch(&single, handle);
    openslide.get_error = real_get_error;
    CHECK(openslide.get_error(handle->osr) != NULL, "there is no damage");
    CHECK(outcome == BATCH_READ, "outcome %d", (int)outcome);
    CHECK(pixels[0] == GREY, "sample %d", pixels[0]);
    CHECK(single.batch.error == NULL, "a region is blamed");
    slide_handle_release(handle);
    use_again(before);
}

int
main(void)
{
    load_library();
    snprintf(slide_path, sizeof slide_path, "/tmp/tiny-batch-%ld.tif",
             (long)getpid());
    if (!tiny_slide_write(slide_path, GREY)) {
        perror(slide_path);
        return 1;
    }
    snprintf(row_path, sizeof row_path, "/tmp/tiny-batch-row-%ld.tif",
             (long)getpid());
    origin = slide_origin_new(slide_path, &direct_lane);
    real_open = openslide.open;
    openslide.open = counting_open;
    real_set_cache = openslide.set_cache;
    openslide.set_cache = real_set_cache == NULL ? NULL : counting_set_cache;
    check_run("regions lie in the caller's order",
              test_regions_lie_in_the_callers_order);
    check_run("strides", test_strides);
    check_run("a large region is shared", test_a_large_region_is_shared);
    check_run("regions are resampled", test_regions_are_resampled);
    check_run("poll interrupts", test_poll_interrupts);
    check_run("damage costs an opening each",
              test_damage_costs_an_opening_each);
    check_run("the first bad region is blamed",
              test_the_first_bad_region_is_blamed);
    check_run("interruption comes before damage",
              test_interruption_comes_before_damage);
    check_run("another slide is refused", test_another_slide_is_refused);
    check_run("slides are read together", test_slides_are_read_together);
    check_run("levels that do not exist", test_levels_that_do_not_exist);
    check_run("an error that comes after all was read",
              test_an_error_that_comes_after_all_was_read);
    slide_origin_free(origin);
    remove(slide_path);
    remove(row_path);
    return check_finish();
}
