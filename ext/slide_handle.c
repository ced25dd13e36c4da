#include "slide_handle.h"

static const size_t CLOSED = 1;
static const size_t REFERENCE = 2;

void
slide_handle_init(struct slide_handle *handle, openslide_t *osr)
{
    handle->osr = osr;
    atomic_init(&handle->state, REFERENCE);
}

bool
slide_handle_acquire(struct slide_handle *handle)
{
    size_t state = atomic_load_explicit(&handle->state, memory_order_relaxed);
    while ((state & CLOSED) == 0) {
        if (atomic_compare_exchange_weak_explicit(
                &handle->state, &state, state + REFERENCE,
                memory_order_acquire, memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

void
slide_handle_release(struct slide_handle *handle)
{
    size_t before = atomic_fetch_sub_explicit(&handle->state, REFERENCE,
                                              memory_order_acq_rel);
    /* References run out only after close, which drops the slide's own. */
    if (before == (CLOSED | REFERENCE)) {
        openslide.close(handle->osr);
    }
}

bool
slide_handle_close(struct slide_handle *handle)
{
    size_t before =
        atomic_fetch_or_explicit(&handle->state, CLOSED, memory_order_acq_rel);
    if ((before & CLOSED) != 0) {
        return false;
    }
    slide_handle_release(handle);
    return true;
}

bool
slide_handle_is_closed(struct slide_handle *handle)
{
    return (atomic_load_explicit(&handle->state, memory_order_acquire) &
            CLOSED) != 0;
}
