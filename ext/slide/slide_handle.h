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

struct direct_slide;

struct slide_handle {
    openslide_t *osr;
    struct direct_slide *direct; /* NULL: libopenslide reads everything */
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
 * `direct`: read it without libopenslide where that gives the same bytes.
 */
struct slide_handle *slide_handle_open(const char *path, bool direct);

void slide_handle_retain(struct slide_handle *handle);
void slide_handle_release(struct slide_handle *handle);

/* Whether it was opened by this process, not by one that forked it. */
bool slide_handle_is_ours(const struct slide_handle *handle);

#endif
