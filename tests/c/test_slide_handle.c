#include "slide/slide_handle.h"

#include "check.h"
#include "direct/direct_slide.h"
#include "library.h"
#include "tiny_slide.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READERS = 6, ROUNDS = 100, READS = 20, SIDE = 64, GREY = 100 };

static const uint32_t EXPECTED = 0xff000000u | GREY * 0x010101u;

static char slide_path[64];

/* Counts what libopenslide really closes. */
static atomic_int closed;
static void (*real_close)(openslide_t *osr);

static void
counting_close(openslide_t *osr)
{
    atomic_fetch_add(&closed, 1);
    real_close(osr);
}

static struct slide_handle *
open_slide(void)
{
    atomic_store(&closed, 0);
    struct slide_handle *handle = slide_handle_open(slide_path, &direct_lane);
    CHECK(handle != NULL && openslide.get_error(handle->osr) == NULL,
          "cannot open %s", slide_path);
    return handle;
}

static void
test_describes_levels(void)
{
    struct slide_handle *handle = open_slide();
    CHECK(handle->level_count == 1, "%d levels", (int)handle->level_count);
    CHECK(handle->levels[0].downsample == 1, "downsample %g",
          handle->levels[0].downsample);
    CHECK(handle->levels[0].tile_width == TINY_SLIDE_SIDE &&
              handle->levels[0].tile_height == TINY_SLIDE_SIDE,
          "tiles of %d x %d", (int)handle->levels[0].tile_width,
          (int)handle->levels[0].tile_height);
    CHECK(handle->levels[0].divisible, "level 0 is not divisible");
    slide_handle_release(handle);
}

static void
test_refuses_what_is_no_slide(void)
{
    CHECK(slide_handle_open("/dev/null", &direct_lane) == NULL,
          "opened /dev/null");
}

static void
test_closes_with_the_last_reference(void)
{
    struct slide_handle *handle = open_slide();
    slide_handle_retain(handle);
    slide_handle_release(handle);
    CHECK(atomic_load(&closed) == 0, "closed under a reference");
    uint32_t pixel = 0;
    openslide.read_region(handle->osr, &pixel, 0, 0, 0, 1, 1);
    CHECK(pixel == EXPECTED, "read %08x", pixel);
    slide_handle_release(handle);
    CHECK(atomic_load(&closed) == 1, "closed %d times", atomic_load(&closed));
}

static atomic_int wrong_pixels;

/* Reads with a reference of its own and drops it. */
static void *
read_and_release(void *argument)
{
    struct slide_handle *handle = argument;
    uint32_t *pixels = malloc(SIDE * SIDE * sizeof *pixels);
    for (int i = 0; i < READS; i++) {
        openslide.read_region(handle->osr, pixels, 0, 0, 0, SIDE, SIDE);
        for (int j = 0; j < SIDE * SIDE; j++) {
            atomic_fetch_add(&wrong_pixels, pixels[j] != EXPECTED);
        }
    }
    free(pixels);
    slide_handle_release(handle);
    return NULL;
}

static void
test_outlives_its_opener(void)
{
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t threads[READERS];
        struct slide_handle *handle = open_slide();
        for (int i = 0; i < READERS; i++) {
            slide_handle_retain(handle);
            pthread_create(&threads[i], NULL, read_and_release, handle);
        }
        slide_handle_release(handle);
        for (int i = 0; i < READERS; i++) {
            pthread_join(threads[i], NULL);
        }
        CHECK(atomic_load(&wrong_pixels) == 0, "%d wrong pixels",
              atomic_load(&wrong_pixels));
        CHECK(atomic_load(&closed) == 1, "closed %d times",
              atomic_load(&closed));
    }
}

static void
test_is_abandoned_by_a_forked_child(void)
{
    struct slide_handle *handle = open_slide();
    CHECK(slide_handle_is_ours(handle), "not ours at once");
    pid_t child = fork();
    if (child == 0) {
        bool ours = slide_handle_is_ours(handle);
        slide_handle_release(handle);
        _exit(ours || atomic_load(&closed) != 0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(status == 0, "the child took the slide for its own");
    CHECK(slide_handle_is_ours(handle), "not ours after a fork");
    slide_handle_release(handle);
    CHECK(atomic_load(&closed) == 1, "closed %d times", atomic_load(&closed));
}

int
main(void)
{
    load_library();
    real_close = openslide.close;
    openslide.close = counting_close;
    snprintf(slide_path, sizeof slide_path, "/tmp/tiny-slide-%ld.tif",
             (long)getpid());
    if (!tiny_slide_write(slide_path, GREY)) {
        perror(slide_path);
        return 1;
    }
    check_run("describes levels", test_describes_levels);
    check_run("refuses what is no slide", test_refuses_what_is_no_slide);
    check_run("closes with the last reference",
              test_closes_with_the_last_reference);
    check_run("outlives its opener", test_outlives_its_opener);
    check_run("is abandoned by a forked child",
              test_is_abandoned_by_a_forked_child);
    remove(slide_path);
    return check_finish();
}
