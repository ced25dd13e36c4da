#include "reading/batch.h"

#include "_convert.h"
#include "check.h"
#include "library.h"
#include "tiny_slide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GREY = 100, COUNT = 40, WIDTH = 30, HEIGHT = 20 };

static const uint32_t WHITE = 0xffffff;

static char slide_path[64];

static bool
always(void *argument)
{
    (void)argument;
    return true;
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

static struct batch
make_batch(const struct region *regions, int64_t count, int channels,
           uint8_t *pixels, uint8_t *states)
{
    ptrdiff_t row = (ptrdiff_t)regions->width * channels;
    memset(states, REGION_WAITING, (size_t)count);
    return (struct batch){
        .regions = regions,
        .count = count,
        .first = {.start = pixels,
                  .row_stride = row,
                  .channels = channels,
                  .background = WHITE},
        .region_stride = row * regions->height,
        .workers = 4,
        .thread_limit = 3,
        .poll = always,
        .path = slide_path,
        .states = states,
    };
}

static void
test_regions_lie_in_the_callers_order(void)
{
    struct slide_handle *handle = slide_handle_open(slide_path, true);
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
        struct batch batch =
            make_batch(regions, COUNT, channels, pixels, states);
        CHECK(batch_read(&batch, handle) == BATCH_READ, "not read");
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
    struct slide_handle *handle = slide_handle_open(slide_path, true);
    struct region region = region_at(250, 0, 0, WIDTH, HEIGHT);
    static uint8_t pixels[ROW * HEIGHT], expected[WIDTH * HEIGHT * 3];
    uint8_t state;
    memset(pixels, 77, sizeof pixels);
    struct batch batch = make_batch(&region, 1, 3, pixels, &state);
    batch.first.start = pixels + (HEIGHT - 1) * ROW; /* bottom up */
    batch.first.row_stride = -ROW;
    CHECK(batch_read(&batch, handle) == BATCH_READ, "not read");
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
    struct slide_handle *handle = slide_handle_open(slide_path, true);
    struct region region = region_at(-900, -1000, 0, 2500, 1700);
    size_t size = (size_t)(region.width * region.height) * 4;
    uint8_t *pixels = malloc(size), *expected = malloc(size);
    uint8_t state;
    struct division division = division_of(&region, handle);
    CHECK(division.rows * division.columns > 2, "not divided");
    struct batch batch = make_batch(&region, 1, 4, pixels, &state);
    CHECK(batch_read(&batch, handle) == BATCH_READ, "not read");
    read_one(handle, &region, 4, expected);
    CHECK(memcmp(pixels, expected, size) == 0, "other pixels");
    free(pixels);
    free(expected);
    slide_handle_release(handle);
}

static bool
never(void *argument)
{
    (void)argument;
    return false;
}

/* So many regions, all read to one place, that nothing reads them between two
   polls. */
static void
test_poll_interrupts(void)
{
    enum { MANY = 500000 };
    struct slide_handle *handle = slide_handle_open(slide_path, true);
    struct region *regions = calloc(MANY, sizeof *regions);
    uint8_t *states = malloc(MANY);
    static uint8_t pixels[WIDTH * HEIGHT * 3];
    for (int i = 0; i < MANY; i++) {
        regions[i] = region_at(i % 200, i / 200 % 200, 0, WIDTH, HEIGHT);
    }
    struct batch batch = make_batch(regions, MANY, 3, pixels, states);
    batch.region_stride = 0;
    batch.workers = 1;
    batch.poll = never;
    CHECK(batch_read(&batch, handle) == BATCH_INTERRUPTED, "went on");
    free(regions);
    free(states);
    slide_handle_release(handle);
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
    check_run("regions lie in the caller's order",
              test_regions_lie_in_the_callers_order);
    check_run("strides", test_strides);
    check_run("a large region is shared", test_a_large_region_is_shared);
    check_run("poll interrupts", test_poll_interrupts);
    remove(slide_path);
    return check_finish();
}
