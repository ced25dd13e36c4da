/*
 * An open slide of libopenslide, reference-counted, so that closing never
 * pulls it from under a read that another thread has begun: libopenslide's own
 * close runs when the last reference goes, in whichever thread that is.
 *
 * A handle belongs to the process that opened it.  In a forked child nothing
 * of it may be touched, for another thread may have held its locks at the
 * fork: there it is abandoned, never closed.
 */
#ifndef SLIDE_HANDLE_H
#define SLIDE_HANDLE_H

#include "openslide_api.h"
#include "system/platform.h"

struct slide_level {
    double downsample;
    int64_t tile_width, tile_height; /* 0 where libopenslide does not say */
    /* Reads that start on pixels of the level may be divided into smaller
       ones without changing a byte. */
    bool divisible;
};

/*
 * A way to read slides beside libopenslide.  A handle has what the lane makes
 * of its slide, and knows no more of it than these functions.
 */
struct slide_lane {
    /* For a slide that libopenslide is about to open, so that a file that
       changes meanwhile is found to have; NULL where there is nothing to read
       by this lane. */
    void *(*open)(const char *path);
    /* Also in a forked child, which has inherited it. */
    void (*close)(void *reader);
    /* Use another cache, that of struct slide_caches. */
    void (*set_cache)(void *reader, void *cache);
};

/* Caches of tiles that a slide shares with others; NULL: one of its own. */
struct slide_caches {
    openslide_cache_t *library; /* libopenslide's */
    void *lane;                 /* the lane's */
};

struct slide_handle {
    openslide_t *osr;
    const struct slide_lane *lane;
    void *reader; /* the lane's; NULL: libopenslide reads everything */
    unsigned process;
    atomic_size_t references;
    int32_t level_count;
    struct slide_level levels[];
};

/*
 * Open the slide at `path`; the caller has the only reference.  NULL where
 * libopenslide says that it is none, or where memory runs out.  A slide that
 * libopenslide opens in error is returned too.
 *
 * `lane`: how to read it beside libopenslide, or NULL.
 *
 * Everybody but slide_origin_open() and tests wants that one.
 */
struct slide_handle *slide_handle_open(const char *path,
                                       const struct slide_lane *lane);

void slide_handle_retain(struct slide_handle *handle);
void slide_handle_release(struct slide_handle *handle);

/* Whether it was opened by this process, not by one that forked it. */
bool slide_handle_is_ours(const struct slide_handle *handle);

/* Use these caches instead of the present ones. */
void slide_handle_set_caches(struct slide_handle *handle,
                             const struct slide_caches *caches);

/* One of its levels; NULL where there is no such level. */
const struct slide_level *slide_handle_level(const struct slide_handle *handle,
                                             int64_t number);

/* What openslide.vendor says, "" where it says nothing. */
const char *slide_handle_vendor(const struct slide_handle *handle);

#endif
