/*
 * A reference-counted openslide_t, so that closing never pulls a slide from
 * under a read that another thread has begun.
 *
 * close() forbids new references and returns at once; libopenslide's own close
 * runs when the last reference is released, in whichever thread that is.
 */
#ifndef SLIDE_HANDLE_H
#define SLIDE_HANDLE_H

#include "openslide_api.h"
#include "platform.h"

struct slide_handle {
    openslide_t *osr;
    /* CLOSED, and the number of references in the bits above it.  The open
       slide itself counts as one. */
    atomic_size_t state;
};

/* Takes over an open `osr`. */
void slide_handle_init(struct slide_handle *handle, openslide_t *osr);

/* A reference to use handle->osr under; false where it is closed. */
bool slide_handle_acquire(struct slide_handle *handle);
void slide_handle_release(struct slide_handle *handle);

/* False where it was closed before. */
bool slide_handle_close(struct slide_handle *handle);

bool slide_handle_is_closed(struct slide_handle *handle);

#endif
