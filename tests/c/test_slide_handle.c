#define _POSIX_C_SOURCE 200809L /* nanosleep */

#include "slide_handle.h"

#include "check.h"
#include "library.h"
#include "tiny_slide.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { READERS = 4, CLOSERS = 2, ROUNDS = 200, SIDE = 64, GREY = 100 };

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

static void
open_slide(struct slide_handle *handle)
{
    openslide_t *osr = openslide.open(slide_path);
    CHECK(osr != NULL && openslide.get_error(osr) == NULL, "cannot open");
    slide_handle_init(handle, osr);
    atomic_store(&closed, 0);
}

static void
test_close_waits_for_nobody(void)
{
    struct slide_handle handle;
    open_slide(&handle);
    CHECK(slide_handle_acquire(&handle), "an open slide was refused");
    CHECK(slide_handle_close(&handle), "the first close was not the first");
    CHECK(slide_handle_is_closed(&handle), "not closed");
    CHECK(!slide_handle_acquire(&handle), "a closed slide was given out");
    CHECK(!slide_handle_close(&handle), "the second close was the first");
    CHECK(atomic_load(&closed) == 0, "closed under a reference");

    uint32_t pixel = 0;
    openslide.read_region(handle.osr, &pixel, 0, 0, 0, 1, 1);
    CHECK(pixel == EXPECTED, "a read that had begun gave %08x", pixel);
    slide_handle_release(&handle);
    CHECK(atomic_load(&closed) == 1, "closed %d times", closed);
}

struct race {
    struct slide_handle handle;
    long pause_nanoseconds;
    atomic_int wrong_pixels;
    atomic_int successful_closes;
};

static void *
read_until_closed(void *argument)
{
    struct race *race = argument;
    uint32_t *pixels = malloc(SIDE * SIDE * sizeof *pixels);
    while (slide_handle_acquire(&race->handle)) {
        openslide.read_region(race->handle.osr, pixels, 0, 0, 0, SIDE, SIDE);
        for (int i = 0; i < SIDE * SIDE; i++) {
            atomic_fetch_add(&race->wrong_pixels, pixels[i] != EXPECTED);
        }
        slide_handle_release(&race->handle);
    }
    free(pixels);
    return NULL;
}

static void *
close_soon(void *argument)
{
    struct race *race = argument;
    struct timespec pause = {.tv_nsec = race->pause_nanoseconds};
    nanosleep(&pause, NULL);
    atomic_fetch_add(&race->successful_closes,
                     slide_handle_close(&race->handle));
    return NULL;
}

static void
test_readers_and_closers(void)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct race race = {.pause_nanoseconds = round * 2000};
        pthread_t threads[READERS + CLOSERS];
        open_slide(&race.handle);
        for (int i = 0; i < READERS + CLOSERS; i++) {
            pthread_create(&threads[i], NULL,
                           i < READERS ? read_until_closed : close_soon,
                           &race);
        }
        for (int i = 0; i < READERS + CLOSERS; i++) {
            pthread_join(threads[i], NULL);
        }
        CHECK(atomic_load(&race.wrong_pixels) == 0, "%d wrong pixels",
              race.wrong_pixels);
        CHECK(atomic_load(&race.successful_closes) == 1, "closed by %d",
              race.successful_closes);
        CHECK(atomic_load(&closed) == 1, "closed %d times", closed);
    }
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
    check_run("close waits for nobody", test_close_waits_for_nobody);
    check_run("readers and closers", test_readers_and_closers);
    remove(slide_path);
    return check_finish();
}
